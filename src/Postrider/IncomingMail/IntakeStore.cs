using Postrider.Conversations;
using Postrider.Mail;
using Postrider.Storage;

namespace Postrider.IncomingMail;

public readonly record struct IncomingMailId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>A message as it came out of a mailbox.</summary>
/// <param name="Server">The incoming server's id.</param>
/// <param name="InternalDate">When the mailbox got it; null when the server did not say.</param>
internal sealed record ArrivedMail(Guid Server, string Folder, uint UidValidity, uint Uid, DateTimeOffset? InternalDate, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>False: the original bytes go once it is settled.</summary>
    public bool KeepOriginal { get; init; } = true;
    /// <summary>It is to be marked or moved in its mailbox once it is safe here.</summary>
    public bool TidyDue { get; init; }
}

/// <summary>A message that the mailbox lists and does not hand over.</summary>
/// <param name="Place">Where it lies; without its bytes.</param>
/// <param name="Size">As the mailbox tells it.</param>
/// <param name="Why">In the server's words where it gave any.</param>
internal sealed record WithheldMail(ArrivedMail Place, long Size, string Why);

/// <summary>A message whose bytes are safe and whose place is not decided yet.</summary>
/// <param name="InternalDate">When the mailbox got it; null when the server did not say.</param>
internal sealed record StoredMail(IncomingMailId Id, Guid Server, Guid RawBody, byte[] RawSha256, DateTimeOffset? InternalDate)
{
    public bool KeepOriginal { get; init; } = true;

    /// <summary>The bodies of its attachments, in their order, where the original is to go; null where they are read out of it.</summary>
    public IReadOnlyList<Guid>? Files { get; init; }
}

/// <summary>A message a person has to look at, or had a look at and put away.</summary>
/// <param name="Sender">As it names itself; null when it could not be read or names nobody.</param>
/// <param name="Subject">Null when it could not be read.</param>
/// <param name="DiscardedAt">Null: it waits.</param>
/// <param name="DiscardedBy">The user's id.</param>
public sealed record QuarantinedMail(IncomingMailId Id, Guid Server, DateTimeOffset StoredAt, long Size, string? Sender, string? Subject, string ProblemCode, string Reason, int Tries, DateTimeOffset? DiscardedAt, Guid? DiscardedBy)
{
    /// <summary>How long a discarded message can be taken back.</summary>
    public static readonly TimeSpan DiscardedLife = TimeSpan.FromDays(30);

    /// <summary>Until then it can be taken back; null: it waits, and is kept until somebody decides.</summary>
    public DateTimeOffset? KeptUntil => DiscardedAt + DiscardedLife;
}

/// <summary>All SQL of incoming mail.</summary>
internal sealed class IntakeStore(TimeProvider clock)
{
    public const int ListLimit = 100;
    private const int MostOfOneId = 20;

    /// <returns>Null when this UID is here already, whatever became of it.</returns>
    public StoredMail? Put(HubTransaction tx, ArrivedMail mail, Guid rawBody, byte[] sha256)
    {
        var id = new IncomingMailId(Ids.New(clock));
        var put = tx.Execute(
            """
            insert into incoming_mail (id, server_id, folder, uid_validity, uid, internal_date, stored_at, size, raw_sha256, raw_body_id, state, keep_original, tidy_due)
            values (@Id, @Server, @Folder, @UidValidity, @Uid, @InternalDate, @Now, @Size, @Sha256, @RawBody, 'stored', @KeepOriginal, @TidyDue)
            on conflict (server_id, folder, uid_validity, uid) do nothing
            """,
            new { Id = id.Value, mail.Server, mail.Folder, UidValidity = (long)mail.UidValidity, Uid = (long)mail.Uid, mail.InternalDate, tx.Now, Size = (long)mail.Bytes.Length, Sha256 = sha256, RawBody = rawBody, mail.KeepOriginal, mail.TidyDue });
        return put == 0 ? null : new StoredMail(id, mail.Server, rawBody, sha256, mail.InternalDate) { KeepOriginal = mail.KeepOriginal };
    }

    public bool Holds(HubReader reader, ArrivedMail mail) =>
        reader.Scalar<long>("select count(*) from incoming_mail where server_id = @Server and folder = @Folder and uid_validity = @UidValidity and uid = @Uid",
            new { mail.Server, mail.Folder, UidValidity = (long)mail.UidValidity, Uid = (long)mail.Uid }) > 0;

    /// <summary>Which UIDs of a batch are here already. All of a batch are of one server, folder and UIDVALIDITY.</summary>
    public IReadOnlySet<uint> Held(HubReader reader, IReadOnlyList<ArrivedMail> batch) =>
        reader.Query<long>("select uid from incoming_mail where server_id = @Server and folder = @Folder and uid_validity = @Validity and uid between @First and @Last",
            new { batch[0].Server, batch[0].Folder, Validity = (long)batch[0].UidValidity, First = (long)batch.Min(mail => mail.Uid), Last = (long)batch.Max(mail => mail.Uid) }).Select(uid => (uint)uid).ToHashSet();

    /// <summary>The server reads another mailbox from now on, whose UIDVALIDITY and UIDs may well be the same numbers: the places of the old one's messages must not stand in the way.</summary>
    public void MailboxEnded(HubTransaction tx, Guid server) =>
        tx.Execute("update incoming_mail set folder = folder || @ended where server_id = @server", new { server, ended = $" (until {tx.Now.UtcDateTime:O})" });

    /// <summary>The message is in its conversation, or gone for good: an empty body takes the place of the original. What it is known by, its SHA-256, stays.</summary>
    public void DropOriginal(HubTransaction tx, StoredMail mail, Guid emptyBody)
    {
        tx.ExecuteLater("update incoming_mail set raw_body_id = @emptyBody where id = @Id", new { Id = mail.Id.Value, emptyBody });
        Bodies.Delete(tx, mail.RawBody);
    }

    public long CountSince(HubReader reader, Guid server, DateTimeOffset since) => reader.Scalar<long>("select count(*) from incoming_mail where server_id = @server and stored_at >= @since", new { server, since });

    /// <summary>UIDs of messages that are safe here and not yet marked or moved in their mailbox.</summary>
    public IReadOnlyList<uint> Untidy(HubReader reader, Guid server, string folder, uint uidValidity, int limit) =>
        [.. reader.Query<long>("select uid from incoming_mail where server_id = @server and tidy_due = 1 and folder = @folder and uid_validity = @Validity and state <> 'stored' order by uid limit @limit", new { server, folder, Validity = (long)uidValidity, limit }).Select(uid => (uint)uid)];

    public void Tidied(HubTransaction tx, Guid server, string folder, uint uidValidity, IReadOnlyList<uint> uids)
    {
        foreach (var uid in uids) tx.Execute("update incoming_mail set tidy_due = 0 where server_id = @server and folder = @folder and uid_validity = @Validity and uid = @Uid", new { server, folder, Validity = (long)uidValidity, Uid = (long)uid });
    }

    /// <summary>What was stored and not decided, in the order it came: after a crash, or while another fetcher is at work.</summary>
    public IReadOnlyList<StoredMail> Undecided(HubReader reader, int limit) =>
        [.. reader.Query<StoredRow>("select id as Id, server_id as Server, raw_body_id as RawBody, raw_sha256 as RawSha256, internal_date as InternalDate, keep_original as KeepOriginal from incoming_mail where state = 'stored' order by stored_at, server_id, uid limit @limit", new { limit })
            .Select(r => r.ToStored())];

    public StoredMail? Find(HubReader reader, IncomingMailId id) =>
        reader.QueryFirstOrDefault<StoredRow>("select id as Id, server_id as Server, raw_body_id as RawBody, raw_sha256 as RawSha256, internal_date as InternalDate, keep_original as KeepOriginal from incoming_mail where id = @Id", new { Id = id.Value })?.ToStored();

    public string? StateOf(HubReader reader, IncomingMailId id) =>
        reader.QueryFirstOrDefault<string>("select state from incoming_mail where id = @Id", new { Id = id.Value });

    /// <summary>How far a message is, and whether one of the same bytes is settled already: what a new UIDVALIDITY brings back.</summary>
    public (bool IsSettled, bool HasTwin) Standing(HubReader reader, StoredMail mail) =>
        reader.QueryFirstOrDefault<StandingRow>(
            """
            select this.state as State, exists (select 1 from incoming_mail twin
                where twin.raw_sha256 = this.raw_sha256 and twin.server_id = this.server_id and twin.id <> this.id and twin.state = 'done' and (twin.folder <> this.folder or twin.uid_validity <> this.uid_validity)) as HasTwin
            from incoming_mail this where this.id = @Id
            """, new { Id = mail.Id.Value }) is { } row ? (row.State == "done", row.HasTwin) : (false, false);

    /// <summary>The messages known under any of these Message-IDs; each pair of message and id once.</summary>
    public IReadOnlyList<KnownMessage> Known(HubReader reader, IReadOnlyCollection<string> headerIds, EmailAddress? sender)
    {
        List<KnownMessage> known = [];
        // A Message-ID is held by one message, or by a few copies; a thousand would be an attack.
        foreach (var header in headerIds) known.AddRange(KnownWhere(reader, "known_header_id k join thread_message m on m.id = k.message_id", "k.header_id = @Header", sender, header, null));
        return known;
    }

    /// <returns>Null when the mail stands in no conversation.</returns>
    public SignedReply? Signed(HubReader reader, Guid outboxMail, EmailAddress? sender)
    {
        if (KnownWhere(reader, "thread_message m", "m.outbox_mail_id = @OutboxMail", sender, null, outboxMail).FirstOrDefault() is not { } answered) return null;
        var usedBy = reader.QueryFirstOrDefault<string>("select address_key from reply_token_use where outbox_mail_id = @outboxMail", new { outboxMail });
        return new SignedReply(answered, usedBy is not null && usedBy != sender?.Normalized);
    }

    /// <summary>The signed address of this mail has let in a sender who took no part.</summary>
    public static void UseSigned(HubTransaction tx, Guid outboxMail, EmailAddress sender) =>
        tx.ExecuteLater("insert into reply_token_use (outbox_mail_id, address_key, used_at) values (@outboxMail, @Key, @Now) on conflict (outbox_mail_id) do nothing", new { outboxMail, Key = sender.Normalized, tx.Now });

    /// <summary>Messages that answer the one of this id and came before it.</summary>
    public IReadOnlyList<WaitingAnswer> Waiting(HubReader reader, string headerId) =>
        [.. reader.Query<WaitingRow>(
            """
            select m.conversation_id as Conversation, c.inbox_id as Inbox, m.author_address as Author
            from awaited_header_id a join thread_message m on m.id = a.message_id join conversation c on c.id = m.conversation_id where a.header_id = @headerId order by m.created_at limit 20
            """, new { headerId }).Select(r => new WaitingAnswer(new(r.Conversation), r.Inbox is { } inbox ? new InboxId(inbox) : null, EmailAddress.TryParse(r.Author, out var author) ? author.Normalized : r.Author))];

    public bool IsContact(HubReader reader, EmailAddress sender) => reader.Scalar<long>("select count(*) from contact where address_key = @Key", new { Key = sender.Normalized }) > 0;

    /// <summary>New conversations of this sender in an inbox. Counted by when the mailbox got them.</summary>
    public long Begun(HubReader reader, EmailAddress sender, InboxId inbox, DateTimeOffset since) =>
        reader.Scalar<long>(
            """
            select count(*) from incoming_mail m join conversation c on c.id = m.conversation_id
            where m.sender_key = @Key and m.settled_at > @since and coalesce(m.internal_date, m.stored_at) > @since and m.outcome in ('new', 'automatic') and c.inbox_id = @Inbox
            """, new { Key = sender.Normalized, since, Inbox = inbox.Value });

    /// <summary>Messages of this sender in a conversation.</summary>
    public long Written(HubReader reader, EmailAddress sender, ConversationId conversation, DateTimeOffset since) =>
        reader.Scalar<long>(
            """
            select count(*) from incoming_mail m
            where m.sender_key = @Key and m.settled_at > @since and coalesce(m.internal_date, m.stored_at) > @since and m.outcome in ('reply', 'automatic') and m.conversation_id = @Conversation
            """, new { Key = sender.Normalized, since, Conversation = conversation.Value });

    private static List<KnownMessage> KnownWhere(HubReader reader, string from, string where, EmailAddress? sender, string? header, Guid? outboxMail)
    {
        List<KnownMessage> known = [];
        foreach (var row in reader.Query<KnownRow>(
            $"""
            select m.id as Message, m.conversation_id as Conversation, c.inbox_id as Inbox, m.direction as Direction, lower(m.author_address) as Author, m.sent_from as SentFrom, m.fingerprint as Fingerprint, m.header_id as HeaderId, m.outbox_mail_id as OutboxMail,
                exists (select 1 from conversation_participant p where p.conversation_id = m.conversation_id and p.address_key = @Sender) as SenderTakesPart
            from {from} join conversation c on c.id = m.conversation_id where {where} order by m.created_at desc, m.number desc limit {MostOfOneId}
            """, new { Header = header, OutboxMail = outboxMail, Sender = sender?.Normalized }))
        {
            var recipients = reader.Query<string>("select address_key from thread_message_recipient where message_id = @Message and field <> 'reply-to'", new { row.Message });
            known.Add(new KnownMessage(new(row.Message), new(row.Conversation), header ?? row.HeaderId ?? "", ConversationStore.DirectionOf(row.Direction), row.Author, row.SentFrom, recipients.ToHashSet(), row.Fingerprint, row.SenderTakesPart)
            {
                Inbox = row.Inbox is { } inbox ? new InboxId(inbox) : null,
                OutboxMail = row.OutboxMail,
            });
        }
        return known;
    }

    /// <param name="mail">Null: it could not be read.</param>
    public void Settle(HubTransaction tx, IncomingMailId id, ReceivedMail? mail, string outcome, string explanation, ConversationId? conversation, ThreadMessageId? message) =>
        tx.ExecuteLater(
            """
            update incoming_mail set state = 'done', outcome = @outcome, explanation = @explanation, conversation_id = @Conversation, message_id = @Message,
                problem_code = null, problem_text = null, settled_at = @Now, tries = tries + 1, sender = @Sender, sender_key = @SenderKey, subject = @Subject
            where id = @Id
            """, new { outcome, explanation, Conversation = conversation?.Value, Message = message?.Value, tx.Now, Sender = mail?.Sender?.ToString(), SenderKey = mail?.Sender?.Address.Normalized, mail?.Subject, Id = id.Value });

    /// <param name="mail">Null: it could not be read.</param>
    public void Quarantine(HubTransaction tx, IncomingMailId id, ReceivedMail? mail, string problemCode, string reason) =>
        tx.ExecuteLater(
            "update incoming_mail set state = 'quarantined', problem_code = @problemCode, problem_text = @reason, settled_at = @Now, tries = tries + 1, sender = @Sender, sender_key = @SenderKey, subject = @Subject where id = @Id",
            new { problemCode, reason, tx.Now, Sender = mail?.Sender?.ToString(), SenderKey = mail?.Sender?.Address.Normalized, mail?.Subject, Id = id.Value });

    /// <returns>False when it does not wait in quarantine.</returns>
    public bool Discard(HubTransaction tx, IncomingMailId id, Guid byUser) =>
        tx.Execute("update incoming_mail set state = 'done', outcome = 'discarded', discarded_at = @Now, discarded_by = @byUser where id = @Id and state = 'quarantined'", new { tx.Now, byUser, Id = id.Value }) > 0;

    /// <returns>False when it was not discarded.</returns>
    public bool Restore(HubTransaction tx, IncomingMailId id) =>
        tx.Execute("update incoming_mail set state = 'quarantined', outcome = null, discarded_at = null, discarded_by = null where id = @Id and outcome = 'discarded'", new { Id = id.Value }) > 0;

    /// <summary>Discarded before <paramref name="before"/>, the longest first.</summary>
    public IReadOnlyList<StoredMail> Outlived(HubReader reader, DateTimeOffset before, int limit) =>
        [.. reader.Query<StoredRow>("select id as Id, server_id as Server, raw_body_id as RawBody, raw_sha256 as RawSha256, internal_date as InternalDate, keep_original as KeepOriginal from incoming_mail where outcome = 'discarded' and discarded_at <= @before order by discarded_at, id limit @limit", new { before, limit })
            .Select(r => r.ToStored())];

    /// <summary>Nobody can take it back any more: what it said goes, and with <see cref="DropOriginal"/> its bytes. Its place in the mailbox stays, so that it is not fetched again.</summary>
    /// <returns>False when it was taken back meanwhile.</returns>
    public bool Remove(HubTransaction tx, IncomingMailId id) =>
        tx.Execute("update incoming_mail set outcome = 'removed', sender = null, sender_key = null, subject = null where id = @Id and outcome = 'discarded'", new { Id = id.Value }) > 0;

    /// <summary>The newest first.</summary>
    /// <param name="discarded">Those that were put away, instead of those that wait.</param>
    /// <param name="before">The last one of the page before; null: the first page.</param>
    public IReadOnlyList<QuarantinedMail> Quarantined(HubReader reader, bool discarded, IncomingMailId? before, int limit) =>
        [.. reader.Query<QuarantineRow>(
            $"select {QuarantineRow.Columns} from incoming_mail where {(discarded ? "outcome = 'discarded'" : "state = 'quarantined'")} and (@Before is null or id < @Before) order by id desc limit @Limit",
            new { Before = before?.Value, Limit = Math.Clamp(limit, 1, 500) }).Select(r => r.ToMail())];

    public long CountQuarantined(HubReader reader) => reader.Scalar<long>("select count(*) from incoming_mail where state = 'quarantined'");

    public long CountDiscarded(HubReader reader) => reader.Scalar<long>("select count(*) from incoming_mail where outcome = 'discarded'");

    /// <summary>Waiting or discarded.</summary>
    public QuarantinedMail? FindQuarantined(HubReader reader, IncomingMailId id) =>
        reader.QueryFirstOrDefault<QuarantineRow>($"select {QuarantineRow.Columns} from incoming_mail where (state = 'quarantined' or outcome = 'discarded') and id = @Id", new { Id = id.Value })?.ToMail();

    private sealed class StoredRow
    {
        public Guid Id { get; set; }
        public Guid Server { get; set; }
        public Guid RawBody { get; set; }
        public byte[] RawSha256 { get; set; } = [];
        public DateTimeOffset? InternalDate { get; set; }
        public bool KeepOriginal { get; set; }

        public StoredMail ToStored() => new(new(Id), Server, RawBody, RawSha256, InternalDate) { KeepOriginal = KeepOriginal };
    }

    private sealed class WaitingRow
    {
        public Guid Conversation { get; set; }
        public Guid? Inbox { get; set; }
        public string Author { get; set; } = "";
    }

    private sealed class StandingRow
    {
        public string State { get; set; } = "";
        public bool HasTwin { get; set; }
    }

    private sealed class KnownRow
    {
        public Guid Message { get; set; }
        public Guid Conversation { get; set; }
        public string Direction { get; set; } = "";
        public string Author { get; set; } = "";
        public string? SentFrom { get; set; }
        public string? HeaderId { get; set; }
        public Guid? Inbox { get; set; }
        public Guid? OutboxMail { get; set; }
        public byte[]? Fingerprint { get; set; }
        public bool SenderTakesPart { get; set; }
    }

    private sealed class QuarantineRow
    {
        public const string Columns = "id as Id, server_id as Server, stored_at as StoredAt, size as Size, sender as Sender, subject as Subject, problem_code as ProblemCode, problem_text as Reason, tries as Tries, discarded_at as DiscardedAt, discarded_by as DiscardedBy";
        public Guid Id { get; set; }
        public Guid Server { get; set; }
        public DateTimeOffset StoredAt { get; set; }
        public long Size { get; set; }
        public string ProblemCode { get; set; } = "";
        public string Reason { get; set; } = "";
        public long Tries { get; set; }
        public string? Sender { get; set; }
        public string? Subject { get; set; }
        public DateTimeOffset? DiscardedAt { get; set; }
        public Guid? DiscardedBy { get; set; }

        public QuarantinedMail ToMail() => new(new(Id), Server, StoredAt, Size, Sender, Subject, ProblemCode, Reason, (int)Tries, DiscardedAt, DiscardedBy);
    }
}
