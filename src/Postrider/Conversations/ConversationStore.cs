using Postrider.Mail;
using Postrider.Storage;

namespace Postrider.Conversations;

/// <summary>A message to add to a conversation.</summary>
internal sealed record NewThreadMessage
{
    public required ThreadMessageId Id { get; init; }
    public required MessageDirection Direction { get; init; }
    public required NamedAddress Author { get; init; }
    public Guid? AuthorUser { get; init; }
    public required IReadOnlyList<NamedAddress> To { get; init; }
    public required IReadOnlyList<NamedAddress> Cc { get; init; }
    /// <summary>Recipients that no header names.</summary>
    public IReadOnlyList<NamedAddress> Bcc { get; init; } = [];
    /// <summary>Where an answer goes; empty: to the author.</summary>
    public IReadOnlyList<NamedAddress> ReplyTo { get; init; } = [];
    public required string Subject { get; init; }
    public string? HeaderId { get; init; }
    /// <summary>What it was called before a server gave it another Message-ID; null when none did.</summary>
    public string? OriginalHeaderId { get; init; }
    public IReadOnlyList<string> References { get; init; } = [];
    public DateTimeOffset? DatedAt { get; init; }
    public string? Text { get; init; }
    /// <summary>The text as <see cref="SearchWords.Fold"/> leaves it, from whoever had it made beside the writing thread. Null: it is made when it is stored.</summary>
    public string? FoldedText { get; init; }
    public Guid? HtmlBody { get; init; }
    public Guid? RawBody { get; init; }
    public byte[]? Fingerprint { get; init; }
    public bool Automatic { get; init; }
    public string? Explanation { get; init; }
    /// <summary>What the receiving server says of its author's address.</summary>
    public SenderCheck SenderCheck { get; init; }
    /// <summary>Message-IDs it refers to that are not here yet.</summary>
    public IReadOnlyList<string> Awaits { get; init; } = [];
    public Guid? OutboxMail { get; init; }
    public string? DeliveryState { get; init; }
    /// <summary>Normalised address it leaves with, where a server replaces the author's.</summary>
    public string? SentFrom { get; init; }
    public IReadOnlyList<NewThreadAttachment> Attachments { get; init; } = [];
    /// <summary>Its author and recipients take part from now on.</summary>
    public bool JoinsPeople { get; init; }
}

/// <param name="Body">Null: it is read out of the original.</param>
internal sealed record NewThreadAttachment(ThreadAttachmentId Id, int Position, string FileName, string MediaType, long Size, string? ContentId, Guid? Body);

/// <summary>Where the bytes of an attachment are.</summary>
/// <param name="Body">The bytes themselves; null: they are attachment <paramref name="Position"/> of <paramref name="RawBody"/>.</param>
internal sealed record AttachmentSource(ThreadAttachmentId Id, ConversationId Conversation, ThreadMessageId Message, string FileName, string MediaType, string? ContentId, int Position, Guid? Body, Guid? RawBody);

/// <summary>All SQL of conversations. Here: threads and their messages; ConversationStore.Inbox has the lists, and what people do with a conversation.</summary>
internal sealed partial class ConversationStore(TimeProvider clock)
{
    /// <summary>Characters of a message's text kept in its row; the original holds all.</summary>
    public const int MaxTextChars = 200_000;
    public const int ListLimit = 50;
    /// <summary>Messages shown of one conversation: the newest.</summary>
    public const int ThreadLimit = 200;
    private readonly ContactStore contacts = new(clock);

    /// <param name="inbox">Null: none.</param>
    public ConversationId Start(HubTransaction tx, string subject, InboxId? inbox = null)
    {
        var id = new ConversationId(Ids.New(clock));
        tx.ExecuteLater(
            "insert into conversation (id, subject, started_at, last_message_at, message_count, inbox_id) values (@Id, @Subject, @Now, @Now, 0, @Inbox)",
            new { Id = id.Value, Subject = ThreadSubject.Bare(subject), tx.Now, Inbox = inbox?.Value });
        return id;
    }

    public void Add(HubTransaction tx, ConversationId conversation, NewThreadMessage message)
    {
        var text = message.Text is { Length: > MaxTextChars } longText ? longText[..MaxTextChars] : message.Text;
        tx.ExecuteLater(
            """
            insert into thread_message (id, conversation_id, number, direction, author_name, author_address, author_user_id, subject, header_id, reference_ids, dated_at, created_at,
                text_body, text_cut, html_body_id, raw_body_id, fingerprint, automatic, explanation, sender_check, outbox_mail_id, delivery_state, sent_from, delivery_changed_at, hidden_recipients)
            values (@Id, @Conversation, (select message_count + 1 from conversation where id = @Conversation), @Direction, @AuthorName, @AuthorAddress, @AuthorUser, @Subject, @HeaderId, @References, @DatedAt, @Now,
                @Text, @TextCut, @HtmlBody, @RawBody, @Fingerprint, @Automatic, @Explanation, @SenderCheck, @OutboxMail, @DeliveryState, @SentFrom, @DeliveryChangedAt, @Hidden)
            """,
            new
            {
                Id = message.Id.Value,
                Conversation = conversation.Value,
                Direction = NameOf(message.Direction),
                AuthorName = message.Author.Name,
                AuthorAddress = message.Author.Address.ToString(),
                message.AuthorUser,
                message.Subject,
                message.HeaderId,
                References = string.Join(' ', message.References),
                message.DatedAt,
                tx.Now,
                Text = text,
                TextCut = text?.Length < message.Text?.Length,
                message.HtmlBody,
                message.RawBody,
                message.Fingerprint,
                message.Automatic,
                message.Explanation,
                SenderCheck = message.SenderCheck.Word(),
                message.OutboxMail,
                message.DeliveryState,
                message.SentFrom,
                DeliveryChangedAt = message.OutboxMail is null ? (DateTimeOffset?)null : tx.Now,
                Hidden = message.Bcc.Count > 0 ? string.Join(", ", message.Bcc) : null,
            });
        foreach (var (position, field, who) in Recipients(message))
        {
            tx.ExecuteLater(
                "insert into thread_message_recipient (message_id, position, field, name, address, address_key) values (@Message, @position, @field, @Name, @Address, @Key)",
                new { Message = message.Id.Value, position, field, who.Name, Address = who.Address.ToString(), Key = who.Address.Normalized });
        }
        foreach (var header in new[] { message.HeaderId, message.OriginalHeaderId }.OfType<string>().Distinct())
        {
            tx.ExecuteLater("insert into known_header_id (header_id, message_id) values (@header, @Message)", new { header, Message = message.Id.Value });
        }
        foreach (var header in message.Awaits) tx.ExecuteLater("insert into awaited_header_id (header_id, message_id) values (@header, @Message)", new { header, Message = message.Id.Value });
        foreach (var attachment in message.Attachments)
        {
            tx.ExecuteLater(
                "insert into thread_attachment (id, message_id, position, file_name, media_type, size, content_id, body_id) values (@Id, @Message, @Position, @FileName, @MediaType, @Size, @ContentId, @Body)",
                new { Id = attachment.Id.Value, Message = message.Id.Value, attachment.Position, attachment.FileName, attachment.MediaType, attachment.Size, attachment.ContentId, attachment.Body });
        }
        if (message.JoinsPeople)
        {
            foreach (var who in message.To.Concat(message.Cc).Concat(message.Bcc).Prepend(message.Author)) Join(tx, conversation, who);
        }
        if (message.Direction != MessageDirection.Outgoing) PutAct(tx, conversation, ActKind.Reopened, by: null, words: null, onlyIfClosed: true);
        tx.ExecuteLater(
            $"update conversation set last_message_at = @Now, message_count = message_count + 1{(message.Direction == MessageDirection.Outgoing ? "" : ", last_incoming = message_count + 1, closed_at = null")} where id = @Conversation",
            new { tx.Now, Conversation = conversation.Value });
        SearchIndex.Of(tx).Put(tx, new SearchEntry(
            message.Id.Value, conversation, message.Subject, message.Author.ToString(), string.Join(' ', message.To.Concat(message.Cc).Concat(message.Bcc)),
            string.Join(' ', message.Attachments.Select(a => SearchWords.Fold(a.FileName)).Prepend(message.FoldedText ?? SearchWords.Fold(text))), message.Attachments.Count > 0));
    }

    private void Join(HubTransaction tx, ConversationId conversation, NamedAddress who)
    {
        contacts.Meet(tx, who);
        tx.ExecuteLater(
            """
            insert into conversation_participant (conversation_id, address_key, contact_id, joined_at) values (@Conversation, @Key, (select id from contact where address_key = @Key), @Now)
            on conflict (conversation_id, address_key) do nothing
            """,
            new { Conversation = conversation.Value, Key = who.Address.Normalized, tx.Now });
    }

    public Conversation? Find(HubReader reader, ConversationId id) =>
        reader.QueryFirstOrDefault<ThreadRow>($"select {ThreadRow.Columns} from conversation {ThreadRow.Joined} where conversation.id = @Id", new { Id = id.Value })?.ToConversation();

    /// <summary>The newest <see cref="ThreadLimit"/> messages in the order they came.</summary>
    public IReadOnlyList<ThreadMessage> Messages(HubReader reader, ConversationId conversation) =>
        WithParts(reader, reader.Query<MessageRow>(
            $"select * from (select {MessageRow.Columns} from thread_message where conversation_id = @Id order by number desc limit @Limit) as newest order by Number",
            new { Id = conversation.Value, Limit = ThreadLimit }));

    public ThreadMessage? Message(HubReader reader, ConversationId conversation, ThreadMessageId id) =>
        WithParts(reader, reader.Query<MessageRow>(
            $"select {MessageRow.Columns} from thread_message where conversation_id = @Conversation and id = @Id",
            new { Conversation = conversation.Value, Id = id.Value })).FirstOrDefault();

    private static List<ThreadMessage> WithParts(HubReader reader, IReadOnlyList<MessageRow> rows)
    {
        if (rows.Count == 0) return [];
        var of = new { Ids = rows.Select(row => Ids.Stored(row.Id)) };
        var recipients = reader.Query<RecipientRow>("select message_id as Message, field as Field, name as Name, address as Address from thread_message_recipient where message_id in @Ids order by message_id, position", of).ToLookup(row => row.Message);
        var attachments = reader.Query<AttachmentRow>("select message_id as Message, id as Id, file_name as FileName, media_type as MediaType, size as Size, content_id as ContentId from thread_attachment where message_id in @Ids order by message_id, position", of).ToLookup(row => row.Message);
        return [.. rows.Select(row => row.ToMessage([.. recipients[row.Id]], [.. attachments[row.Id]]))];
    }

    /// <summary>Bodies of a message: HTML as sent, and the original.</summary>
    public (Guid? Html, Guid? Raw)? BodiesOf(HubReader reader, ConversationId conversation, ThreadMessageId id) =>
        reader.QueryFirstOrDefault<BodiesRow>(
            "select html_body_id as Html, raw_body_id as Raw from thread_message where conversation_id = @Conversation and id = @Id",
            new { Conversation = conversation.Value, Id = id.Value }) is { } row ? (row.Html, row.Raw) : null;

    public AttachmentSource? Attachment(HubReader reader, ConversationId conversation, ThreadAttachmentId id) =>
        Sources(reader, "m.conversation_id = @Conversation and a.id = @Id", new { Conversation = conversation.Value, Id = id.Value }).FirstOrDefault();

    /// <summary>The inline parts of a message, which its HTML names by Content-ID.</summary>
    public IReadOnlyList<AttachmentSource> InlineParts(HubReader reader, ThreadMessageId message) =>
        Sources(reader, "m.id = @Id and a.content_id is not null", new { Id = message.Value });

    private static List<AttachmentSource> Sources(HubReader reader, string where, object args) =>
        [.. reader.Query<SourceRow>(
            $"""
            select a.id as Id, m.conversation_id as Conversation, m.id as Message, a.file_name as FileName, a.media_type as MediaType, a.content_id as ContentId, a.position as Position, a.body_id as Body, m.raw_body_id as RawBody
            from thread_attachment a join thread_message m on m.id = a.message_id where {where} order by a.position limit 1000
            """, args).Select(r => new AttachmentSource(new(r.Id), new(r.Conversation), new(r.Message), r.FileName, r.MediaType, r.ContentId, (int)r.Position, r.Body, r.RawBody))];

    /// <returns>Null when the mail belongs to no conversation.</returns>
    public ConversationId? ConversationOf(HubReader reader, Guid outboxMail) =>
        reader.Query<Guid>("select conversation_id from thread_message where outbox_mail_id = @outboxMail", new { outboxMail }) is [var id] ? new ConversationId(id) : null;

    /// <param name="changed">Called before the commit with the conversation it stands in; not called when the mail belongs to none.</param>
    public void SetDelivery(HubTransaction tx, Guid outboxMail, string state, Action<ConversationId> changed) =>
        tx.QueryLater<Guid>("update thread_message set delivery_state = @state, delivery_changed_at = @Now where outbox_mail_id = @outboxMail returning conversation_id", new { state, tx.Now, outboxMail }, rows =>
        {
            foreach (var conversation in rows) changed(new(conversation));
        });

    private static IEnumerable<(int Position, string Field, NamedAddress Who)> Recipients(NewThreadMessage message) =>
        message.To.Select(t => ("to", t)).Concat(message.Cc.Select(c => ("cc", c))).Concat(message.ReplyTo.Select(r => ("reply-to", r))).Select((x, i) => (i, x.Item1, x.Item2));

    internal static string NameOf(MessageDirection direction) => direction switch
    {
        MessageDirection.Incoming => "incoming",
        MessageDirection.Outgoing => "outgoing",
        _ => "report",
    };

    internal static MessageDirection DirectionOf(string name) => name switch
    {
        "incoming" => MessageDirection.Incoming,
        "outgoing" => MessageDirection.Outgoing,
        _ => MessageDirection.Report,
    };

    private sealed class MessageRow
    {
        public const string Columns =
            """
            id as Id, number as Number, conversation_id as Conversation, direction as Direction, author_name as AuthorName, author_address as AuthorAddress, subject as Subject, header_id as HeaderId,
            reference_ids as ReferenceIds, dated_at as DatedAt, created_at as CreatedAt, text_body as Text, text_cut as TextCut, html_body_id is not null as HasHtml, raw_body_id is not null as HasOriginal,
            automatic as Automatic, explanation as Explanation, sender_check as SenderCheck, outbox_mail_id as OutboxMail, delivery_state as DeliveryState, delivery_changed_at as DeliveryChangedAt, hidden_recipients as Hidden
            """;
        public Guid Id { get; set; }
        public long Number { get; set; }
        public Guid Conversation { get; set; }
        public string Direction { get; set; } = "";
        public string? AuthorName { get; set; }
        public string AuthorAddress { get; set; } = "";
        public string Subject { get; set; } = "";
        public string? HeaderId { get; set; }
        public string ReferenceIds { get; set; } = "";
        public DateTimeOffset? DatedAt { get; set; }
        public DateTimeOffset CreatedAt { get; set; }
        public string? Text { get; set; }
        public bool TextCut { get; set; }
        public bool HasHtml { get; set; }
        public bool HasOriginal { get; set; }
        public bool Automatic { get; set; }
        public string? Explanation { get; set; }
        public string? SenderCheck { get; set; }
        public string? DeliveryState { get; set; }
        public Guid? OutboxMail { get; set; }
        public DateTimeOffset? DeliveryChangedAt { get; set; }
        public string? Hidden { get; set; }

        public ThreadMessage ToMessage(IReadOnlyList<RecipientRow> recipients, IReadOnlyList<AttachmentRow> attachments) => new()
        {
            Id = new(Id),
            Conversation = new(Conversation),
            Number = (int)Number,
            Direction = DirectionOf(Direction),
            Author = new NamedAddress(AuthorName, EmailAddress.Parse(AuthorAddress)),
            To = [.. recipients.Where(r => r.Field == "to").Select(r => r.ToAddress())],
            Cc = [.. recipients.Where(r => r.Field == "cc").Select(r => r.ToAddress())],
            Bcc = AddressList.Parse(Hidden).Addresses,
            ReplyTo = [.. recipients.Where(r => r.Field == "reply-to").Select(r => r.ToAddress())],
            Subject = Subject,
            HeaderId = HeaderId,
            References = ReferenceIds.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            DatedAt = DatedAt,
            CreatedAt = CreatedAt,
            Text = Text,
            TextCut = TextCut,
            HasHtml = HasHtml,
            HasOriginal = HasOriginal,
            Automatic = Automatic,
            Explanation = Explanation,
            SenderCheck = SenderChecks.Read(SenderCheck),
            Delivery = DeliveryState is null || OutboxMail is not { } mail ? null : new DeliveryState(mail, DeliveryState, null, DeliveryChangedAt),
            Attachments = [.. attachments.Select(a => new ThreadAttachment(new(a.Id), a.FileName, a.MediaType, a.Size, a.ContentId is not null))],
        };
    }

    private sealed class RecipientRow
    {
        public Guid Message { get; set; }
        public string Field { get; set; } = "";
        public string? Name { get; set; }
        public string Address { get; set; } = "";

        public NamedAddress ToAddress() => new(Name, EmailAddress.Parse(Address));
    }

    private sealed class AttachmentRow
    {
        public Guid Message { get; set; }
        public Guid Id { get; set; }
        public string FileName { get; set; } = "";
        public string MediaType { get; set; } = "";
        public long Size { get; set; }
        public string? ContentId { get; set; }
    }

    private sealed class BodiesRow
    {
        public Guid? Html { get; set; }
        public Guid? Raw { get; set; }
    }

    private sealed class SourceRow
    {
        public Guid Id { get; set; }
        public Guid Conversation { get; set; }
        public Guid Message { get; set; }
        public string FileName { get; set; } = "";
        public string MediaType { get; set; } = "";
        public string? ContentId { get; set; }
        public long Position { get; set; }
        public Guid? Body { get; set; }
        public Guid? RawBody { get; set; }
    }
}
