using System.Globalization;
using System.Threading.Channels;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingServers;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>What a submitter is told.</summary>
internal enum SubmitterNews
{
    /// <summary>It did not arrive, and is not tried again.</summary>
    Failed,
    /// <summary>It is late, and is still tried.</summary>
    Delayed,
    /// <summary>It was handed to a server that tells nothing more (RFC 3464 section 2.3.3).</summary>
    Relayed,
}

/// <summary>A mail whose submitter is to be told.</summary>
/// <param name="Since">Since when it is to be told: tells reports of the same kind apart.</param>
internal sealed record MailToReport(OutboxMailId Id, SubmitterNews Kind, DateTimeOffset Since, string Subject, string MessageId, string ReportTo, Guid BodyId, DateTimeOffset PutAt, DateTimeOffset LifeFrom, string ServerHost, string? EnvelopeId);

/// <summary>Rung when there may be something to tell a submitter.</summary>
internal sealed class ReportBell : IOutboxListener
{
    private readonly Channel<bool> bell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Changed(HubTransaction transaction, OutboxMailId mail, OutboxState state)
    {
        // What was sent is told of only where somebody asked for it; whoever writes that down rings.
        if (state.IsFinal() && state is not (OutboxState.Sent or OutboxState.Cancelled)) Ring(transaction);
    }

    public void Ring(HubTransaction transaction) => transaction.AfterCommit(() => bell.Writer.TryWrite(true));

    public async Task WaitAsync(CancellationToken cancellationToken) => await bell.Reader.ReadAsync(cancellationToken);
}

/// <summary>Tells whoever handed in a mail, by mail, that it is late or did not arrive (RFC 3464): once each. A report goes out with the null reverse-path where the server lets it, and nobody is told of its own fate, so reports never beget reports.</summary>
internal sealed class SubmitterReports(HubDatabase database, Bodies bodies, Outbox outbox, OutgoingServerStore servers, SystemParameters parameters, ReportBell bell, TimeProvider clock, ILogger<SubmitterReports> log) : BackgroundService
{
    private static readonly TimeSpan Round = TimeSpan.FromMinutes(1);
    // A report brings back the header, which fits into one chunk; of longer ones its beginning.
    private const int HeaderBytes = 64 * 1024;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await TellAllAsync(stoppingToken);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
                await Task.WhenAny(bell.WaitAsync(either.Token), Task.Delay(Round, clock, either.Token));
                await either.CancelAsync();
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                OutgoingMailLog.ReportsFailed(log, failure);
                await Task.Delay(Round, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Puts the reports that are due.</summary>
    public async Task TellAllAsync(CancellationToken cancellationToken)
    {
        foreach (var mail in await database.ReadAsync(SubmitterReportStore.Due, cancellationToken))
        {
            var recipients = await database.ReadAsync(reader => SubmitterReportStore.Recipients(reader, mail), cancellationToken);
            // Whoever said NOTIFY=NEVER for all of them is told nothing.
            if (recipients.Count == 0 || await PutAsync(mail, recipients, cancellationToken) is { Problem.Code: "mail-all-suppressed" or "mail-idempotency-key-reused" or "mail-header-invalid" })
                await database.WriteAsync(tx => SubmitterReportStore.Told(tx, mail), cancellationToken);
        }
    }

    private async Task<PutResult> PutAsync(MailToReport mail, IReadOnlyList<DraftReportRecipient> recipients, CancellationToken cancellationToken)
    {
        var header = new byte[HeaderBytes];
        await using var body = bodies.Open(mail.BodyId);
        var read = await body.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken);
        var all = await servers.RosterAsync(cancellationToken);
        var from = parameters.BounceAddress ?? parameters.DefaultFromAddress ?? all.FirstOrDefault(server => server.Active && server.Owner is null)?.Mailbox ?? EmailAddress.Parse(mail.ReportTo);
        return await outbox.PutAsync(
            new OutgoingMessage
            {
                From = new("Mail Delivery System", from),
                To = [new(null, EmailAddress.Parse(mail.ReportTo))],
                Subject = $"{mail.Kind switch { SubmitterNews.Failed => "Undelivered", SubmitterNews.Delayed => "Delayed", _ => "Relayed" }}: {mail.Subject}",
                Text = Words(mail, recipients),
                InReplyTo = mail.MessageId,
                References = [mail.MessageId],
                Report = new(parameters.BaseUrl.Host, recipients, header.AsMemory(0, read)) { EnvelopeId = mail.EnvelopeId, Arrival = mail.PutAt },
                IdempotencyKey = $"report:{mail.Id.Value:D}:{SubmitterReportStore.Word(mail.Kind)}:{(mail.Kind == SubmitterNews.Relayed ? mail.Since.UtcTicks : mail.LifeFrom.ToUnixTimeSeconds()).ToString(CultureInfo.InvariantCulture)}",
            },
            (tx, _, _) => SubmitterReportStore.Told(tx, mail), cancellationToken);
    }

    private static string Words(MailToReport mail, IReadOnlyList<DraftReportRecipient> recipients)
    {
        var lines = new List<string>
        {
            mail.Kind == SubmitterNews.Relayed ? "Your mail was handed on for the recipients below. The mail server that took it does not tell whether it arrives." :
            mail.Kind == SubmitterNews.Failed ? "Your mail did not reach the recipients below. It is not tried again." : $"Your mail has not reached the recipients below yet. It is still tried, until {Utc(mail.LifeFrom + OutboxStore.Lifetime)}; you need not do anything.",
            "", $"Subject: {mail.Subject}", $"Handed in: {Utc(mail.PutAt)}", "",
        };
        foreach (var recipient in recipients) lines.Add($"{recipient.Recipient}: {recipient.Diagnostic ?? "no answer yet"}");
        return string.Join("\n", lines) + "\n";

        static string Utc(DateTimeOffset at) => at.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
    }
}
