using System.Text.Json;
using Postrider.Mail;
using Postrider.Mail.Reports;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>All SQL of what reports told.</summary>
internal sealed class DeliveryReportStore
{
    // A report without any of our ids is about a mail of these days, if about any.
    private static readonly TimeSpan RecentDays = TimeSpan.FromDays(3);

    // Beyond so many mails an address is written to more than once anyway, and the look through them would hold up other writes.
    private const int MaxRecent = 20_000;

    /// <returns>Null when no mail, or more than one, bears it.</returns>
    public OutboxMailId? ByMessageId(HubReader reader, string messageId) =>
        reader.Query<IdRow>("SELECT id FROM outbox_mail WHERE message_id = @messageId LIMIT 2", new { messageId }) is [var only] ? only.Id : null;

    public bool Exists(HubReader reader, OutboxMailId id) => reader.Scalar<long>("SELECT COUNT(*) FROM outbox_mail WHERE id = @id", new { id }) > 0;

    /// <summary>The mail of the last days that went to this address.</summary>
    /// <returns>Null when there is none, or more than one.</returns>
    public OutboxMailId? OnlyRecentTo(HubReader reader, EmailAddress recipient)
    {
        var from = new OutboxMailId(Guid.CreateVersion7(reader.Now - RecentDays));
        var states = new[] { (int)OutboxState.Sent, (int)OutboxState.PartlySent, (int)OutboxState.Unknown };
        if (reader.Scalar<long>("SELECT COUNT(*) FROM (SELECT 1 FROM outbox_mail WHERE state IN @states AND id >= @from LIMIT @limit) AS recent", new { states, from, limit = MaxRecent + 1 }) > MaxRecent) return null;
        return reader.Query<IdRow>(
            "SELECT DISTINCT m.id FROM outbox_mail m JOIN outbox_recipient r ON r.mail_id = m.id WHERE m.state IN @states AND m.id >= @from AND lower(r.address) IN (@Normalized, @written) LIMIT 2",
            new { states, from, recipient.Normalized, written = recipient.ToString().ToLowerInvariant() }) is [var only] ? only.Id : null;
    }

    /// <returns>False when as much or more was known already.</returns>
    public bool Write(HubTransaction transaction, OutboxMailId mail, int n, RecipientFate fate) => transaction.Execute(
        """
        INSERT INTO recipient_fate(mail_id, n, fate, permanent, status, reason, diagnostic, at) VALUES(@mail, @n, @fate, @Permanent, @Status, @reason, @Diagnostic, @At)
        ON CONFLICT(mail_id, n) DO UPDATE SET fate = excluded.fate, permanent = excluded.permanent, status = excluded.status, reason = excluded.reason, diagnostic = excluded.diagnostic, at = excluded.at
        WHERE excluded.fate > recipient_fate.fate
        """, new { mail, n, fate = (int)fate.Fate, fate.Permanent, fate.Status, reason = fate.Reason.ToString(), fate.Diagnostic, fate.At }) > 0;

    /// <summary>By the recipient's number.</summary>
    public IReadOnlyDictionary<int, RecipientFate> Fates(HubReader reader, OutboxMailId mail) =>
        reader.Query<FateRow>("SELECT n, fate, permanent, status, reason, diagnostic, at FROM recipient_fate WHERE mail_id = @mail", new { mail })
            .ToDictionary(row => row.N, row => new RecipientFate((Fate)row.Fate, row.Permanent, row.Status, Enum.TryParse<BounceReason>(row.Reason, out var reason) ? reason : BounceReason.Unknown, row.Diagnostic, row.At));

    /// <param name="problem">Null: nothing is wrong any more.</param>
    public void Explain(HubTransaction transaction, OutboxMailId mail, Problem? problem) =>
        transaction.Execute("UPDATE outbox_mail SET problem = @problem WHERE id = @mail", new { mail, problem = problem is null ? null : JsonSerializer.Serialize(problem) });

    private sealed record IdRow
    {
        public OutboxMailId Id { get; init; }
    }

    private sealed record FateRow
    {
        public int N { get; init; }
        public int Fate { get; init; }
        public bool Permanent { get; init; }
        public string? Status { get; init; }
        public string Reason { get; init; } = "";
        public string? Diagnostic { get; init; }
        public DateTimeOffset At { get; init; }
    }
}
