using System.Security.Cryptography;
using System.Text;
using Postrider.Conversations;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.OutgoingMail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.IncomingMail;

/// <summary>Takes mail in, exactly once. The numbers are the steps of docs/flows/receive-a-mail.md.</summary>
internal sealed partial class Intake(HubDatabase database, Bodies bodies, IntakeStore store, ConversationStore conversations, ConversationEvents events, DeliveryReports reports, LiveEvents live, TimeProvider clock, ILogger<Intake> log)
{
    // A body up to this size is stored with its row; a longer one goes before it, in chunks.
    private const int InlineBytes = 256 << 10;
    private const int ResumeBatch = 100;
    /// <summary>Of <see cref="LiveEvents"/>.</summary>
    public const string QuarantineTopic = "quarantine";

    /// <summary>
    /// Stores and routes what a mailbox handed over. When it returns, every message is settled (in a conversation, absorbed or quarantined) and the cursor has moved with it.
    /// When it throws, nothing is lost: what was stored is settled by <see cref="ResumeAsync"/>, what was not is fetched again.
    /// </summary>
    /// <param name="moveCursor">Runs in the transaction that settles the batch.</param>
    public async Task TakeAsync(IReadOnlyList<ArrivedMail> batch, Action<HubTransaction> moveCursor, CancellationToken cancel)
    {
        var stored = await StoreAsync(batch, cancel);                                  // step 4
        var read = stored.Select(s => (s.Stored, Mail: Read(s.Bytes))).ToList();
        await SettleAsync(read, moveCursor, cancel);                                   // steps 5 and 6
    }

    /// <summary>Puts a message that the mailbox withholds into quarantine, without its bytes, so that it is seen and holds nothing back. In the transaction that moves the cursor.</summary>
    public void SetAside(HubTransaction tx, WithheldMail mail)
    {
        if (store.Holds(tx, mail.Place)) return;
        if (store.Put(tx, mail.Place, bodies.Put(tx, mail.Place.Bytes), SHA256.HashData(mail.Place.Bytes.Span)) is { } put)
            Quarantine(tx, put, IncomingMailProblems.NotHandedOver, IncomingMailTexts.NotHandedOver.With(mail.Place.Uid, mail.Place.Folder, mail.Size, mail.Why));
    }

    /// <summary>Settles what a crash left between storing and routing.</summary>
    public async Task<int> ResumeAsync(CancellationToken cancel)
    {
        var resumed = 0;
        while (true)
        {
            var undecided = await database.ReadAsync(r => store.Undecided(r, ResumeBatch), cancel);
            if (undecided.Count == 0) return resumed;
            foreach (var mail in undecided)
            {
                await SettleAsync([(mail, await ReadStoredAsync(mail, cancel))], _ => { }, cancel);
                resumed++;
            }
        }
    }

    /// <summary><i>Process again</i>: routes a quarantined message anew.</summary>
    /// <returns>Null when it is settled now; else why not.</returns>
    public async Task<Web.Problem?> ProcessAgainAsync(IncomingMailId id, CancellationToken cancel)
    {
        var (mail, state) = await database.ReadAsync(r => (store.Find(r, id), store.StateOf(r, id)), cancel);
        if (mail is null) return IncomingMailProblems.NotFound();
        if (state == "done") return null;
        // There are no bytes that could be routed.
        if (await database.ReadAsync(r => store.FindQuarantined(r, id), cancel) is { ProblemCode: IncomingMailProblems.NotHandedOver } withheld) return IncomingMailProblems.StillQuarantined(withheld.Reason);
        await SettleAsync([(mail, await ReadStoredAsync(mail, cancel))], _ => { }, cancel);
        var still = await database.ReadAsync(r => store.FindQuarantined(r, id), cancel);
        return still is null ? null : IncomingMailProblems.StillQuarantined(still.Reason);
    }

    private async Task<IReadOnlyList<(StoredMail Stored, ReadOnlyMemory<byte> Bytes)>> StoreAsync(IReadOnlyList<ArrivedMail> batch, CancellationToken cancel)
    {
        var prepared = new List<(ArrivedMail Mail, byte[] Sha256, Guid? Body)>(batch.Count);
        foreach (var mail in batch)
        {
            Guid? body = null;
            if (mail.Bytes.Length > InlineBytes && !await database.ReadAsync(r => store.Holds(r, mail), cancel))
            {
                using var bytes = new MemoryStream(mail.Bytes.ToArray(), writable: false);
                body = await bodies.PutAsync(bytes, cancel);
            }
            prepared.Add((mail, SHA256.HashData(mail.Bytes.Span), body));
        }
        return await database.WriteAsync(tx =>
        {
            var stored = new List<(StoredMail, ReadOnlyMemory<byte>)>();
            foreach (var (mail, sha256, body) in prepared)
            {
                if (store.Holds(tx, mail)) continue;
                if (store.Put(tx, mail, body ?? bodies.Put(tx, mail.Bytes), sha256) is { } put) stored.Add((put, mail.Bytes));
            }
            return stored;
        }, cancel);
    }

    private async Task SettleAsync(IReadOnlyList<(StoredMail Stored, ReadResult Mail)> read, Action<HubTransaction> moveCursor, CancellationToken cancel)
    {
        try
        {
            await database.WriteAsync(tx =>
            {
                foreach (var (stored, mail) in read) Settle(tx, stored, mail);
                moveCursor(tx);
            }, cancel);
        }
        catch (Exception e) when (e is not OperationCanceledException && read.Count > 0)
        {
            // One message that trips us up must not hold back the others: each alone, and the one that fails again goes to quarantine.
            // When it was the database that failed, this throws too, the cursor stays, and all of it is done again.
            BatchFailed(log, read.Count, e);
            foreach (var (stored, mail) in read) await SettleAloneAsync(stored, mail, cancel);
            await database.WriteAsync(moveCursor, cancel);
        }
    }

    private async Task SettleAloneAsync(StoredMail stored, ReadResult mail, CancellationToken cancel)
    {
        try
        {
            await database.WriteAsync(tx => Settle(tx, stored, mail), cancel);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            NotProcessed(log, stored.Id.Value, e);
            await database.WriteAsync(tx => Quarantine(tx, stored, IncomingMailProblems.NotProcessed, IncomingMailTexts.NotProcessed.With(e.GetType().Name)), cancel);
        }
    }

    private void Settle(HubTransaction tx, StoredMail stored, ReadResult read)
    {
        if (store.StateOf(tx, stored.Id) == "done") return;
        if (read.Mail is not { } mail)
        {
            Quarantine(tx, stored, IncomingMailProblems.Unreadable, read.Failure!);
            return;
        }
        if (store.SettledTwin(tx, stored) is not null)
        {
            store.Settle(tx, stored.Id, "duplicate", IncomingMailTexts.SameBytes, null, null);
            return;
        }
        var known = store.Known(tx, IdsOf(mail), mail.Sender?.Address);
        var route = RouteDecision.For(mail, known);                                    // step 5
        // A second copy was noted when the first came.
        var noted = route is not (Route.Duplicate or Route.OwnCopy) && (mail.Report ?? mail.Complaint) is { } told ? reports.Note(tx, told) : null;   // step 5a
        switch (route)
        {
            // About a mail that no conversation holds: it stands with the mail in the Email Queue.
            case Route.Quarantine { ProblemCode: IncomingMailProblems.ReportOnUnknownMail } when noted is not null:
                store.Settle(tx, stored.Id, "report", noted.Explanation, null, null);
                break;
            case Route.Reply reply:
                Enter(tx, stored, mail, reply.Conversation, "reply", reply.Explanation);
                break;
            case Route.New fresh:
                Enter(tx, stored, mail, conversations.Start(tx, mail.Subject), "new", fresh.Explanation);
                break;
            case Route.Report report:
                EnterReport(tx, stored, mail, report);
                break;
            case Route.Duplicate duplicate:
                store.Settle(tx, stored.Id, "duplicate", duplicate.Explanation, duplicate.Of.Conversation, duplicate.Of.Message);
                break;
            case Route.OwnCopy own:
                store.Settle(tx, stored.Id, "own-copy", own.Explanation, own.Of.Conversation, own.Of.Message);
                break;
            case Route.Quarantine quarantine:
                Quarantine(tx, stored, quarantine.ProblemCode, quarantine.Explanation);
                break;
        }
    }

    private void Enter(HubTransaction tx, StoredMail stored, ReceivedMail mail, ConversationId conversation, string outcome, string explanation)
    {
        var message = new ThreadMessageId(Ids.New(clock));
        conversations.Add(tx, conversation, MessageOf(tx, message, stored, mail) with { Explanation = explanation, JoinsPeople = true });
        store.Settle(tx, stored.Id, outcome, explanation, conversation, message);
        events.Changed(tx, conversation);
    }

    private void EnterReport(HubTransaction tx, StoredMail stored, ReceivedMail mail, Route.Report report)
    {
        var message = new ThreadMessageId(Ids.New(clock));
        conversations.Add(tx, report.About.Conversation, MessageOf(tx, message, stored, mail) with
        {
            Direction = MessageDirection.Report,
            Author = mail.Sender ?? new NamedAddress(null, EmailAddress.Parse("unknown@invalid")),
            Text = ReportText.Of(mail.Report!, report.Verified) + (mail.Text is { } text ? "\n\n" + text : ""),
            Automatic = true,
            Explanation = report.Explanation,
        });
        store.Settle(tx, stored.Id, "report", report.Explanation, report.About.Conversation, message);
        events.Changed(tx, report.About.Conversation);
    }

    private NewThreadMessage MessageOf(HubTransaction tx, ThreadMessageId id, StoredMail stored, ReceivedMail mail) => new()
    {
        Id = id,
        Direction = MessageDirection.Incoming,
        Author = mail.Sender ?? new NamedAddress(null, EmailAddress.Parse("unknown@invalid")),
        To = mail.To,
        Cc = mail.Cc,
        ReplyTo = mail.ReplyTo,
        Subject = mail.Subject,
        HeaderId = mail.MessageId,
        OriginalHeaderId = mail.OriginalMessageId,
        References = mail.References,
        DatedAt = mail.Date,
        Text = mail.Text,
        HtmlBody = mail.Html is { } html ? bodies.Put(tx, Encoding.UTF8.GetBytes(html)) : null,
        RawBody = stored.RawBody,
        Fingerprint = mail.Fingerprint,
        Automatic = mail.Automatic,
        Attachments = [.. mail.Attachments.Select(a => new NewThreadAttachment(new(Ids.New(clock)), a.Position, a.FileName, a.MediaType, a.Size, a.ContentId, null))],
    };

    private void Quarantine(HubTransaction tx, StoredMail stored, string code, string reason)
    {
        store.Quarantine(tx, stored.Id, code, reason);
        tx.AfterCommit(() => live.Publish(QuarantineTopic));
    }

    /// <summary>Reading never throws on content; should it, the message goes to quarantine and not the mailbox to a halt.</summary>
    private ReadResult Read(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return new ReadResult(ReceivedMail.Read(bytes), null);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Unreadable(log, e);
            return new ReadResult(null, IncomingMailTexts.Unreadable.With(e.GetType().Name));
        }
    }

    /// <summary>As <see cref="Read"/>. Bytes that were damaged on the disk are this message's trouble, and not that of every mailbox.</summary>
    private async Task<ReadResult> ReadStoredAsync(StoredMail mail, CancellationToken cancel)
    {
        try
        {
            return Read(await bodies.ReadAsync(mail.RawBody, cancel));
        }
        catch (InvalidDataException e)
        {
            Unreadable(log, e);
            return new ReadResult(null, IncomingMailTexts.Unreadable.With(e.GetType().Name));
        }
    }

    private static List<string> IdsOf(ReceivedMail mail)
    {
        List<string> ids = [];
        foreach (var id in new[] { mail.MessageId, mail.OriginalMessageId }.OfType<string>().Concat(mail.Answers).Concat(mail.Report?.OriginalIds ?? [])) if (!ids.Contains(id)) ids.Add(id);
        return ids;
    }

    /// <summary>One of both.</summary>
    private readonly record struct ReadResult(ReceivedMail? Mail, string? Failure);

    [LoggerMessage(IncomingMailLog.BatchFailed, LogLevel.Warning, "{Count} messages could not be settled together; trying each alone")]
    private static partial void BatchFailed(ILogger log, int count, Exception e);

    [LoggerMessage(IncomingMailLog.NotProcessed, LogLevel.Error, "Incoming mail {Id} could not be processed; it stands in quarantine")]
    private static partial void NotProcessed(ILogger log, Guid id, Exception e);

    [LoggerMessage(IncomingMailLog.Unreadable, LogLevel.Error, "An incoming mail could not be read; it stands in quarantine")]
    private static partial void Unreadable(ILogger log, Exception e);
}
