using Postrider.Storage;

namespace Postrider.OutgoingServers;

/// <summary>All SQL of budgets and what was used of them.</summary>
internal static class SendingBudgetStore
{
    /// <returns>Null when nothing was set.</returns>
    public static SendingBudgetChange? Find(HubReader reader, string meter) =>
        reader.QueryFirstOrDefault<ChangeRow>("SELECT messages_per_minute, recipients_per_day, external_per_day, licences FROM sending_budget WHERE meter = @meter", new { meter }) is { } row
            ? new(row.MessagesPerMinute, row.RecipientsPerDay, row.ExternalPerDay, row.Licences) : null;

    public static void Save(HubTransaction transaction, string meter, SendingBudgetChange change) => transaction.Execute(
        """
        INSERT INTO sending_budget(meter, messages_per_minute, recipients_per_day, external_per_day, licences, changed_at) VALUES(@meter, @MessagesPerMinute, @RecipientsPerDay, @ExternalPerDay, @Licences, @now)
        ON CONFLICT(meter) DO UPDATE SET messages_per_minute = excluded.messages_per_minute, recipients_per_day = excluded.recipients_per_day, external_per_day = excluded.external_per_day, licences = excluded.licences, changed_at = excluded.changed_at
        """,
        new { meter, change.MessagesPerMinute, change.RecipientsPerDay, change.ExternalPerDay, change.Licences, now = transaction.Now });

    /// <summary>By minute, from <paramref name="since"/> on, oldest first.</summary>
    public static IEnumerable<(long Minute, int Messages, int Recipients)> Used(HubReader reader, string meter, long since) =>
        reader.Query<UseRow>("SELECT minute, messages, recipients FROM sending_use WHERE meter = @meter AND minute >= @since ORDER BY minute", new { meter, since }).Select(row => (row.Minute, row.Messages, row.Recipients));

    /// <summary>Negative numbers give back.</summary>
    public static void Count(HubTransaction transaction, string meter, long minute, int messages, int recipients) => transaction.ExecuteLater(
        "INSERT INTO sending_use(meter, minute, messages, recipients) VALUES(@meter, @minute, @messages, @recipients) ON CONFLICT(meter, minute) DO UPDATE SET messages = sending_use.messages + excluded.messages, recipients = sending_use.recipients + excluded.recipients",
        new { meter, minute, messages, recipients });

    public static void Sweep(HubTransaction transaction, string meter, long before) => transaction.ExecuteLater("DELETE FROM sending_use WHERE meter = @meter AND minute < @before", new { meter, before });

    private sealed record ChangeRow
    {
        public int? MessagesPerMinute { get; init; }
        public int? RecipientsPerDay { get; init; }
        public int? ExternalPerDay { get; init; }
        public int? Licences { get; init; }
    }

    private sealed record UseRow
    {
        public long Minute { get; init; }
        public int Messages { get; init; }
        public int Recipients { get; init; }
    }
}
