using Postrider.Journal;
using Postrider.Mail;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>Settles mails of which nobody knows whether they were sent, by looking into Sent Items: docs/flows/send-a-mail.md, step 6.</summary>
internal sealed class UnknownMails(HubDatabase database, UnknownMailStore unknown, OutboxStore outbox, OutgoingServerStore servers, SentItems sentItems, OutboxSignal signal, LiveEvents live, TimeProvider clock, ILogger<UnknownMails> log) : BackgroundService
{
    private const int AtOnce = 20;

    // Each look is a session of its own, and Exchange counts them.
    private const int Together = 4;

    // Longer than a look takes.
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan LongestSleep = TimeSpan.FromMinutes(1);

    /// <summary><i>Look now</i>.</summary>
    /// <returns>One of both.</returns>
    public async Task<(SentItemsLook? Look, Problem? Problem)> LookNowAsync(OutboxMailId id, Viewer viewer, CancellationToken cancellationToken)
    {
        var mail = await database.ReadAsync(reader => outbox.Find(reader, id), cancellationToken);
        if (mail is null || !OutgoingMailApi.MaySee(mail, viewer)) return (null, OutgoingMailProblems.NotFound);
        if (mail.State != OutboxState.Unknown) return (null, OutgoingMailProblems.NotNow(mail.State.Word()));
        return await LookAsync(id, viewer.UserId, cancellationToken) is { } look ? (look, null) : (null, OutgoingMailProblems.NotNow("no longer unknown"));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var next = await database.ReadAsync(unknown.NextLook, stoppingToken);
                if (next > clock.GetUtcNow() || next is null)
                {
                    await SleepAsync(next, stoppingToken);
                    continue;
                }

                var due = await database.WriteAsync(tx => unknown.TakeDue(tx, AtOnce, Lease), stoppingToken);
                await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = Together, CancellationToken = stoppingToken }, async (id, cancel) => await LookAsync(id, null, cancel));
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception failure)
            {
                // What was taken is due again when its lease ends.
                OutgoingMailLog.LookFailed(log, failure);
                await Task.Delay(TimeSpan.FromSeconds(5), clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Looks, and does what follows, unless a person was quicker.</summary>
    /// <returns>Null when the mail is not unknown, or no longer.</returns>
    private async Task<SentItemsLook?> LookAsync(OutboxMailId id, Guid? byUser, CancellationToken cancellationToken)
    {
        var (mail, known) = await database.ReadAsync(reader => (outbox.Find(reader, id), unknown.Find(reader, id)), cancellationToken);
        if (mail is not { State: OutboxState.Unknown } || known is null || await servers.FindAsync(mail.ServerId, cancellationToken) is not { } server) return null;
        var mark = new SentMark(mail.MessageId, id.Value.ToString("D"), AddressList.Parse(mail.HeaderFrom).Addresses is [var from, ..] ? from.Address : null, mail.PutAt);
        var answer = await sentItems.LookAsync(server, mark, cancellationToken);

        // Not with the caller's token: what was seen is written down.
        return await database.WriteAsync(tx =>
        {
            // A person may have decided while we looked, and the line may have broken again since.
            if (outbox.Find(tx, id) is not { State: OutboxState.Unknown } || unknown.Find(tx, id) is not { } now || now.Times != known.Times) return null;
            var look = unknown.AddLook(tx, id, answer, byUser);
            switch (UnknownSchedule.After(answer, now.Times, now.Since, tx.Now))
            {
                case UnknownStep.WasSent:
                    unknown.NoteFound(tx, id, (SentItemsAnswer.Found)answer);
                    outbox.Decide(tx, id, wasSent: true, null);
                    // Other recipients of it may have been postponed.
                    tx.AfterCommit(signal.Wake);
                    break;
                case UnknownStep.SendAgain:
                    outbox.Decide(tx, id, wasSent: false, null);
                    tx.AfterCommit(signal.Wake);
                    break;
                case UnknownStep.LookAgain later:
                    unknown.Wait(tx, id, later.At, look.Problem);
                    break;
                case UnknownStep.AskPerson:
                    unknown.Wait(tx, id, null, look.Problem);
                    break;
            }

            tx.AfterCommit(() => live.Publish($"outbox-mail/{id.Value:D}"));
            return look;
        }, CancellationToken.None);
    }

    private async Task SleepAsync(DateTimeOffset? next, CancellationToken stopping)
    {
        var pause = next is { } at && at - clock.GetUtcNow() is var left && left < LongestSleep ? left > TimeSpan.Zero ? left : TimeSpan.Zero : LongestSleep;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        await Task.WhenAny(unknown.WaitAsync(either.Token), Task.Delay(pause, clock, either.Token));
        await either.CancelAsync();
        stopping.ThrowIfCancellationRequested();
    }
}
