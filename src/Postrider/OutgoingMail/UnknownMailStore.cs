using System.Text.Json;
using System.Threading.Channels;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>A mail of which nobody knows whether it was sent.</summary>
internal sealed record UnknownMail
{
    public OutboxMailId MailId { get; init; }
    /// <summary>How often the line broke over it.</summary>
    public int Times { get; init; }
    /// <summary>When that was noted last.</summary>
    public DateTimeOffset Since { get; init; }
    /// <summary>Null: a person decides.</summary>
    public DateTimeOffset? NextLookAt { get; init; }
}

/// <summary>A look into Sent Items, as a page shows it.</summary>
/// <param name="Outcome"><c>found</c>, <c>absent</c> or <c>cannot-search</c>.</param>
/// <param name="Mailbox">Where it was found, with folder and UID; null otherwise.</param>
/// <param name="MessageId">As it is there, without angle brackets; null when it was not found, or bears none.</param>
/// <param name="Problem">Why it could not be searched; null otherwise.</param>
/// <param name="ByUser">Who asked for it; null: the hub itself.</param>
internal sealed record SentItemsLook(DateTimeOffset At, string Outcome, string? Mailbox, string? Folder, uint? Uid, string? MessageId, Problem? Problem, Guid? ByUser);

/// <summary>All SQL of unknown mails and of the looks into Sent Items. It hears of each mail that becomes unknown, in the transaction in which it does.</summary>
internal sealed class UnknownMailStore(TimeProvider clock) : IOutboxListener
{
    private const string LooksByItself = "Nothing to do: Postrider looks into Sent Items of the mailbox. Whoever knows better presses It was sent or Send again.";
    private const string PersonDecides = "Look into Sent Items of the mailbox. If it is there, press It was sent; if not, press Send again.";

    private const int MaxShown = 20;

    private readonly Channel<bool> bell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Returns when a mail has become unknown.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken) => await bell.Reader.ReadAsync(cancellationToken);

    public void Changed(HubTransaction transaction, OutboxMailId mail, OutboxState state)
    {
        if (state != OutboxState.Unknown) return;
        var first = UnknownSchedule.First(transaction.Now);
        transaction.Execute(
            """
            INSERT INTO unknown_mail(mail_id, times, since, next_look_at)
            SELECT m.id, 1, @now, CASE WHEN s.kind = 'outlook' THEN @first END FROM outbox_mail m JOIN outgoing_server s ON s.id = m.server_id WHERE m.id = @mail
            ON CONFLICT(mail_id) DO UPDATE SET times = unknown_mail.times + 1, since = excluded.since, next_look_at = excluded.next_look_at
            """, new { mail, now = transaction.Now, first });
        if (Find(transaction, mail)?.NextLookAt is { } next) Explain(transaction, mail, next, LooksByItself);
        transaction.AfterCommit(() => bell.Writer.TryWrite(true));
    }

    /// <summary>Null when it never was unknown.</summary>
    public UnknownMail? Find(HubReader reader, OutboxMailId mail) => reader.QueryFirstOrDefault<UnknownMail>("SELECT mail_id, times, since, next_look_at FROM unknown_mail WHERE mail_id = @mail", new { mail });

    /// <summary>When the next look is due; null when none is.</summary>
    public DateTimeOffset? NextLook(HubReader reader) => reader.QueryFirstOrDefault<NextRow>("SELECT MIN(next_look_at) AS at FROM unknown_mail WHERE next_look_at IS NOT NULL")?.At;

    /// <summary>Takes the looks that are due, for one process: should it end meanwhile, they are due again after <paramref name="lease"/>.</summary>
    public IReadOnlyList<OutboxMailId> TakeDue(HubTransaction transaction, int limit, TimeSpan lease)
    {
        // What was settled meanwhile is not looked for.
        transaction.Execute("UPDATE unknown_mail SET next_look_at = NULL WHERE next_look_at <= @now AND EXISTS (SELECT 1 FROM outbox_mail m WHERE m.id = unknown_mail.mail_id AND m.state <> @unknown)", new { now = transaction.Now, unknown = (int)OutboxState.Unknown });
        return
        [
            .. transaction.Query<UnknownMail>(
                "UPDATE unknown_mail SET next_look_at = @until WHERE mail_id IN (SELECT mail_id FROM unknown_mail WHERE next_look_at <= @now ORDER BY next_look_at LIMIT @limit) RETURNING mail_id, times, since, next_look_at",
                new { now = transaction.Now, until = transaction.Now + lease, limit }).Select(row => row.MailId),
        ];
    }

    /// <param name="next">When to look again; null: a person decides.</param>
    /// <param name="why">Why it cannot be searched; null when it could.</param>
    public void Wait(HubTransaction transaction, OutboxMailId mail, DateTimeOffset? next, Problem? why)
    {
        transaction.Execute("UPDATE unknown_mail SET next_look_at = @next WHERE mail_id = @mail", new { mail, next });
        Explain(transaction, mail, next, why is null ? next is null ? PersonDecides : LooksByItself : $"Sent Items cannot be searched: {why.What} {why.Remedy} Or look into it yourself and press It was sent or Send again.");
    }

    /// <summary>The recipients of whom it was not known hear where the mail was found.</summary>
    public void NoteFound(HubTransaction transaction, OutboxMailId mail, SentItemsAnswer.Found found) =>
        transaction.Execute("UPDATE outbox_recipient SET reply = @reply WHERE mail_id = @mail AND state = @unknown", new { mail, reply = $"Found in {found.Folder} of {found.Mailbox}", unknown = (int)RecipientState.Unknown });

    public SentItemsLook AddLook(HubTransaction transaction, OutboxMailId mail, SentItemsAnswer answer, Guid? byUser)
    {
        var found = answer as SentItemsAnswer.Found;
        var look = new SentItemsLook(transaction.Now, answer switch { SentItemsAnswer.Found => "found", SentItemsAnswer.Absent => "absent", _ => "cannot-search" },
            found?.Mailbox.ToString(), found?.Folder, found?.Uid, found?.MessageId, (answer as SentItemsAnswer.CannotSearch)?.Problem, byUser);
        transaction.Execute(
            "INSERT INTO sent_items_look(id, mail_id, at, outcome, mailbox, folder, uid, message_id, problem, by_user) VALUES(@id, @mail, @At, @Outcome, @Mailbox, @Folder, @uid, @MessageId, @problem, @ByUser)",
            new { id = Ids.New(clock), mail, look.At, look.Outcome, look.Mailbox, look.Folder, uid = (long?)look.Uid, look.MessageId, problem = look.Problem is null ? null : JsonSerializer.Serialize(look.Problem), look.ByUser });
        return look;
    }

    /// <summary>Newest first.</summary>
    public IReadOnlyList<SentItemsLook> Looks(HubReader reader, OutboxMailId mail) =>
    [
        .. reader.Query<LookRow>("SELECT at, outcome, mailbox, folder, uid, message_id, problem, by_user FROM sent_items_look WHERE mail_id = @mail ORDER BY id DESC LIMIT @MaxShown", new { mail, MaxShown })
            .Select(row => new SentItemsLook(row.At, row.Outcome, row.Mailbox, row.Folder, (uint?)row.Uid, row.MessageId, row.Problem is null ? null : JsonSerializer.Deserialize<Problem>(row.Problem), row.ByUser)),
    ];

    /// <summary>The mail's problem says who acts next, and when.</summary>
    private static void Explain(HubTransaction transaction, OutboxMailId mail, DateTimeOffset? next, string remedy)
    {
        if (transaction.QueryFirstOrDefault<string>("SELECT problem FROM outbox_mail WHERE id = @mail", new { mail }) is not { } json) return;
        var problem = JsonSerializer.Deserialize<Problem>(json)! with { Remedy = remedy, RetriesByItself = next is not null, NextTry = next };
        transaction.Execute("UPDATE outbox_mail SET problem = @problem WHERE id = @mail", new { mail, problem = JsonSerializer.Serialize(problem) });
    }

    private sealed record NextRow
    {
        public DateTimeOffset? At { get; init; }
    }

    private sealed record LookRow
    {
        public DateTimeOffset At { get; init; }
        public string Outcome { get; init; } = "";
        public string? Mailbox { get; init; }
        public string? Folder { get; init; }
        public long? Uid { get; init; }
        public string? MessageId { get; init; }
        public string? Problem { get; init; }
        public Guid? ByUser { get; init; }
    }
}
