using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Mail.Smtp;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>All SQL of <see cref="SubmitterReports"/>: whom to tell of what, and that it was done.</summary>
internal static class SubmitterReportStore
{
    /// <summary>Mail that is late by so much is worth a word; it is tried for days more.</summary>
    public static readonly TimeSpan Late = TimeSpan.FromHours(4);

    private const int MostOfARound = 200;

    public static IReadOnlyList<MailToReport> Due(HubReader reader)
    {
        const string Columns = "m.id, m.subject, m.message_id, m.report_to, m.body_id, m.put_at, m.life_from, s.host AS server_host, m.dsn_envelope_id AS envelope_id, m.relay_owed_at";
        var ended = reader.Query<Row>($"SELECT {Columns} FROM outbox_mail m JOIN outgoing_server s ON s.id = m.server_id WHERE m.report_to IS NOT NULL AND m.failure_told_at IS NULL AND m.state IN (4, 5, 6) ORDER BY m.finished_at LIMIT @MostOfARound", new { MostOfARound });
        var late = reader.Query<Row>($"SELECT {Columns} FROM outbox_mail m JOIN outgoing_server s ON s.id = m.server_id WHERE m.report_to IS NOT NULL AND m.delay_told_at IS NULL AND m.state <= 1 AND m.life_from <= @before ORDER BY m.life_from LIMIT @MostOfARound", new { before = reader.Now - Late, MostOfARound });
        var relayed = reader.Query<Row>($"SELECT {Columns} FROM outbox_mail m JOIN outgoing_server s ON s.id = m.server_id WHERE m.relay_owed_at IS NOT NULL ORDER BY m.relay_owed_at LIMIT @MostOfARound", new { MostOfARound });
        return [.. ended.Select(row => row.ToMail(SubmitterNews.Failed)), .. late.Select(row => row.ToMail(SubmitterNews.Delayed)), .. relayed.Select(row => row.ToMail(SubmitterNews.Relayed))];
    }

    public static IReadOnlyList<DraftReportRecipient> Recipients(HubReader reader, MailToReport mail)
    {
        var rows = reader.Query<RecipientRow>("SELECT address, state, reply, settled_at, dsn_notify, dsn_original, relayed FROM outbox_recipient WHERE mail_id = @Id ORDER BY n", new { mail.Id });
        return
        [
            .. rows.Where(row => IsMeant(row, mail.Kind))
                .Select(row => new DraftReportRecipient(EmailAddress.Parse(row.Address), Word(mail.Kind), mail.Kind switch { SubmitterNews.Failed => StatusOf(row), SubmitterNews.Delayed => "4.4.7", _ => "2.0.0" })
                {
                    Original = row.DsnOriginal is { } original && EmailAddress.TryParse(original[(original.IndexOf(';', StringComparison.Ordinal) + 1)..], out var named) ? named : null,
                    RemoteMta = row.Reply is null || row.State == (int)RecipientState.Suppressed ? null : mail.ServerHost,
                    Diagnostic = row.Reply,
                    LastAttempt = row.SettledAt,
                    RetryUntil = mail.Kind == SubmitterNews.Delayed ? mail.LifeFrom + OutboxStore.Lifetime : null,
                }),
        ];
    }

    public static void Told(HubTransaction transaction, MailToReport mail)
    {
        if (mail.Kind != SubmitterNews.Relayed)
        {
            transaction.Execute($"UPDATE outbox_mail SET {(mail.Kind == SubmitterNews.Failed ? "failure_told_at" : "delay_told_at")} = @now WHERE id = @Id", new { now = transaction.Now, mail.Id });
            return;
        }

        // Another recipient may have been handed on since this report was begun.
        if (transaction.Execute("UPDATE outbox_mail SET relay_owed_at = NULL WHERE id = @Id AND relay_owed_at = @Since", new { mail.Id, mail.Since }) > 0)
            transaction.Execute("UPDATE outbox_recipient SET relayed = 0 WHERE mail_id = @Id AND relayed = 1", new { mail.Id });
    }

    /// <summary>As the action of a report.</summary>
    public static string Word(SubmitterNews kind) => kind switch { SubmitterNews.Failed => "failed", SubmitterNews.Delayed => "delayed", _ => "relayed" };

    // RFC 3461 section 4.1: without NOTIFY one hears of failure and delay, and not of success.
    private static bool IsMeant(RecipientRow row, SubmitterNews kind) => kind switch
    {
        SubmitterNews.Failed => (RecipientState)row.State is RecipientState.Refused or RecipientState.Failed or RecipientState.Suppressed && Asks(row, SmtpNotify.Failure),
        SubmitterNews.Delayed => row.State == (int)RecipientState.Pending && Asks(row, SmtpNotify.Delay),
        _ => row.Relayed == 1,
    };

    private static bool Asks(RecipientRow row, SmtpNotify what) => row.DsnNotify is not { } notify || ((SmtpNotify)notify).HasFlag(what);

    // RFC 3463: 5.4.7 is "delivery time expired"; what the server said is more exact when it was for good.
    private static string StatusOf(RecipientRow row) => (RecipientState)row.State == RecipientState.Failed ? "5.4.7" : (RecipientState)row.State == RecipientState.Suppressed ? "5.7.1"
        : row.Reply?.Split(' ', 3) is [_, var code, ..] && code.StartsWith("5.", StringComparison.Ordinal) && code.Count(c => c == '.') == 2 ? code : "5.0.0";

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
        public DateTimeOffset? RelayOwedAt { get; init; }

        public MailToReport ToMail(SubmitterNews kind) => new(Id, kind, RelayOwedAt ?? LifeFrom, Subject, MessageId, ReportTo, BodyId, PutAt, LifeFrom, ServerHost, EnvelopeId);
    }

    private sealed record RecipientRow
    {
        public string Address { get; init; } = "";
        public int State { get; init; }
        public string? Reply { get; init; }
        public DateTimeOffset? SettledAt { get; init; }
        public int? DsnNotify { get; init; }
        public string? DsnOriginal { get; init; }
        public int? Relayed { get; init; }
    }
}
