using System.Globalization;
using System.Threading.Channels;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Mail.Smtp;
using Postrider.OutgoingServers;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>A mail whose submitter is to be told.</summary>
/// <param name="Final">False: it is only late, and is still tried.</param>
internal sealed record MailToReport(OutboxMailId Id, bool Final, string Subject, string MessageId, string ReportTo, Guid BodyId, DateTimeOffset PutAt, DateTimeOffset LifeFrom, string ServerHost, string? EnvelopeId);

/// <summary>Rung when a mail ends without having reached everybody.</summary>
internal sealed class ReportBell : IOutboxListener
{
    private readonly Channel<bool> bell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Changed(HubTransaction transaction, OutboxMailId mail, OutboxState state)
    {
        if (state is OutboxState.Refused or OutboxState.Failed or OutboxState.PartlySent) transaction.AfterCommit(() => bell.Writer.TryWrite(true));
    }

    public async Task WaitAsync(CancellationToken cancellationToken) => await bell.Reader.ReadAsync(cancellationToken);
}

/// <summary>Tells whoever handed in a mail, by mail, that it is late or did not arrive (RFC 3464): once each. A report goes out with the null reverse-path where the server lets it, and nobody is told of its own fate, so reports never beget reports.</summary>
internal sealed class SubmitterReports(HubDatabase database, Bodies bodies, Outbox outbox, OutgoingServerStore servers, SystemParameters parameters, ReportBell bell, TimeProvider clock, ILogger<SubmitterReports> log) : BackgroundService
{
    /// <summary>RFC 5321 section 4.5.4.1: a sender wants to know after some hours. Sendmail and Postfix users are used to four.</summary>
    public static readonly TimeSpan Late = TimeSpan.FromHours(4);

    private static readonly TimeSpan Round = TimeSpan.FromMinutes(1);
    private const int MostOfARound = 200;
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
        foreach (var mail in await database.ReadAsync(Due, cancellationToken))
        {
            var recipients = await database.ReadAsync(reader => Recipients(reader, mail), cancellationToken);
            // Whoever said NOTIFY=NEVER for all of them is told nothing.
            if (recipients.Count == 0 || await PutAsync(mail, recipients, cancellationToken) is { Problem.Code: "mail-all-suppressed" or "mail-idempotency-key-reused" or "mail-header-invalid" })
                await database.WriteAsync(tx => Told(tx, mail), cancellationToken);
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
                Subject = mail.Final ? $"Undelivered: {mail.Subject}" : $"Delayed: {mail.Subject}",
                Text = Words(mail, recipients),
                InReplyTo = mail.MessageId,
                References = [mail.MessageId],
                Report = new(parameters.BaseUrl.Host, recipients, header.AsMemory(0, read)) { EnvelopeId = mail.EnvelopeId, Arrival = mail.PutAt },
                IdempotencyKey = $"report:{mail.Id.Value:D}:{(mail.Final ? "failed" : "delayed")}:{mail.LifeFrom.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)}",
            },
            (tx, _, _) => Told(tx, mail), cancellationToken);
    }

    private static string Words(MailToReport mail, IReadOnlyList<DraftReportRecipient> recipients)
    {
        var lines = new List<string>
        {
            mail.Final ? "Your mail did not reach the recipients below. It is not tried again." : $"Your mail has not reached the recipients below yet. It is still tried, until {Utc(mail.LifeFrom + OutboxStore.Lifetime)}; you need not do anything.",
            "", $"Subject: {mail.Subject}", $"Handed in: {Utc(mail.PutAt)}", "",
        };
        foreach (var recipient in recipients) lines.Add($"{recipient.Recipient}: {recipient.Diagnostic ?? "no answer yet"}");
        return string.Join("\n", lines) + "\n";

        static string Utc(DateTimeOffset at) => at.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
    }

    private static IReadOnlyList<MailToReport> Due(HubReader reader)
    {
        const string Columns = "m.id, m.subject, m.message_id, m.report_to, m.body_id, m.put_at, m.life_from, s.host AS server_host, m.dsn_envelope_id AS envelope_id";
        var ended = reader.Query<Row>($"SELECT {Columns} FROM outbox_mail m JOIN outgoing_server s ON s.id = m.server_id WHERE m.report_to IS NOT NULL AND m.failure_told_at IS NULL AND m.state IN (4, 5, 6) ORDER BY m.finished_at LIMIT @MostOfARound", new { MostOfARound });
        var late = reader.Query<Row>($"SELECT {Columns} FROM outbox_mail m JOIN outgoing_server s ON s.id = m.server_id WHERE m.report_to IS NOT NULL AND m.delay_told_at IS NULL AND m.state <= 1 AND m.life_from <= @before ORDER BY m.life_from LIMIT @MostOfARound", new { before = reader.Now - Late, MostOfARound });
        return [.. ended.Select(row => row.ToMail(final: true)), .. late.Select(row => row.ToMail(final: false))];
    }

    private static IReadOnlyList<DraftReportRecipient> Recipients(HubReader reader, MailToReport mail)
    {
        var rows = reader.Query<RecipientRow>("SELECT address, state, reply, settled_at, dsn_notify, dsn_original FROM outbox_recipient WHERE mail_id = @Id ORDER BY n", new { mail.Id });
        var asked = mail.Final ? SmtpNotify.Failure : SmtpNotify.Delay;
        return
        [
            .. rows.Where(row => (mail.Final ? (RecipientState)row.State is RecipientState.Refused or RecipientState.Failed : row.State == (int)RecipientState.Pending) && (row.DsnNotify is not { } notify || ((SmtpNotify)notify).HasFlag(asked)))
                .Select(row => new DraftReportRecipient(EmailAddress.Parse(row.Address), mail.Final ? "failed" : "delayed", mail.Final ? StatusOf(row) : "4.4.7")
                {
                    Original = row.DsnOriginal is { } original && EmailAddress.TryParse(original[(original.IndexOf(';', StringComparison.Ordinal) + 1)..], out var named) ? named : null,
                    RemoteMta = row.Reply is null ? null : mail.ServerHost,
                    Diagnostic = row.Reply,
                    LastAttempt = row.SettledAt,
                    RetryUntil = mail.Final ? null : mail.LifeFrom + OutboxStore.Lifetime,
                }),
        ];
    }

    // RFC 3463: 5.4.7 is "delivery time expired"; what the server said is more exact when it was for good.
    private static string StatusOf(RecipientRow row) => (RecipientState)row.State == RecipientState.Failed ? "5.4.7"
        : row.Reply?.Split(' ', 3) is [_, var code, ..] && code.StartsWith("5.", StringComparison.Ordinal) && code.Count(c => c == '.') == 2 ? code : "5.0.0";

    private static void Told(HubTransaction transaction, MailToReport mail) =>
        transaction.Execute($"UPDATE outbox_mail SET {(mail.Final ? "failure_told_at" : "delay_told_at")} = @now WHERE id = @Id", new { now = transaction.Now, mail.Id });

    private sealed record Row
    {
        public OutboxMailId Id { get; init; }
        public string Subject { get; init; } = "";
        public string MessageId { get; init; } = "";
        public string ReportTo { get; init; } = "";
        public Guid BodyId { get; init; }
        public DateTimeOffset PutAt { get; init; }
        public DateTimeOffset LifeFrom { get; init; }
        public string ServerHost { get; init; } = "";
        public string? EnvelopeId { get; init; }

        public MailToReport ToMail(bool final) => new(Id, final, Subject, MessageId, ReportTo, BodyId, PutAt, LifeFrom, ServerHost, EnvelopeId);
    }

    private sealed record RecipientRow
    {
        public string Address { get; init; } = "";
        public int State { get; init; }
        public string? Reply { get; init; }
        public DateTimeOffset? SettledAt { get; init; }
        public int? DsnNotify { get; init; }
        public string? DsnOriginal { get; init; }
    }
}
