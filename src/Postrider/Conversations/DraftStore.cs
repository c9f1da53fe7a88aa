using Postrider.OutgoingMail;
using Postrider.Storage;

namespace Postrider.Conversations;

/// <summary>All SQL of drafts. Each is its writer's alone.</summary>
internal sealed class DraftStore(TimeProvider clock)
{
    /// <summary>Drafts of new messages that one person may keep.</summary>
    public const int ListLimit = 200;

    private const string Select =
        """
        select d.id as Id, d.conversation_id as Conversation, d.once_key as OnceKey, d.to_field as ToField, d.cc_field as CcField, d.bcc_field as BccField, d.subject as Subject, d.words as Words, d.with_quote as WithQuote, d.saved_at as SavedAt,
            c.subject as ConversationSubject
        from message_draft d left join conversation c on c.id = d.conversation_id
        """;

    public KeptDraft? Find(HubReader reader, Guid person, Guid id) => WithFiles(reader, reader.Query<Row>($"{Select} where d.person_id = @person and d.id = @id", new { person, id })).FirstOrDefault();

    /// <summary>A new message's, by the key of its form.</summary>
    public KeptDraft? FindWith(HubReader reader, Guid person, string onceKey) =>
        WithFiles(reader, reader.Query<Row>($"{Select} where d.person_id = @person and d.conversation_id is null and d.once_key = @onceKey", new { person, onceKey })).FirstOrDefault();

    public KeptDraft? FindOf(HubReader reader, Guid person, ConversationId conversation) =>
        WithFiles(reader, reader.Query<Row>($"{Select} where d.person_id = @person and d.conversation_id = @Conversation", new { person, Conversation = conversation.Value })).FirstOrDefault();

    /// <summary>The last one saved first.</summary>
    public IReadOnlyList<KeptDraft> List(HubReader reader, Guid person) =>
        WithFiles(reader, reader.Query<Row>($"{Select} where d.person_id = @person order by d.saved_at desc, d.id desc limit @ListLimit", new { person, ListLimit }));

    /// <param name="id">Null: the conversation's, or a new one.</param>
    /// <returns>The draft's id.</returns>
    public Guid Put(HubTransaction tx, Guid person, Guid? id, ConversationId? conversation, string onceKey, PostedFields fields)
    {
        var values = new { Id = id ?? Ids.New(clock), person, Conversation = conversation?.Value, onceKey, fields.To, fields.Cc, fields.Bcc, fields.Subject, fields.Text, fields.WithQuote, tx.Now };
        if (id is not null)
        {
            tx.Execute("update message_draft set to_field = @To, cc_field = @Cc, bcc_field = @Bcc, subject = @Subject, words = @Text, with_quote = @WithQuote, saved_at = @Now where id = @Id and person_id = @person", values);
            return id.Value;
        }
        return tx.Query<Guid>(
            """
            insert into message_draft (id, person_id, conversation_id, once_key, to_field, cc_field, bcc_field, subject, words, with_quote, saved_at)
            values (@Id, @person, @Conversation, @onceKey, @To, @Cc, @Bcc, @Subject, @Text, @WithQuote, @Now)
            on conflict (person_id, conversation_id) do update set to_field = excluded.to_field, cc_field = excluded.cc_field, bcc_field = excluded.bcc_field, subject = excluded.subject, words = excluded.words, with_quote = excluded.with_quote, saved_at = excluded.saved_at
            returning id
            """, values)[0];
    }

    public void PutFile(HubTransaction tx, Guid draft, UploadedFile file) => tx.Execute(
        """
        insert into message_draft_file (id, draft_id, position, file_name, media_type, size, body_id)
        values (@Id, @draft, (select coalesce(max(position), -1) + 1 from message_draft_file where draft_id = @draft), @FileName, @MediaType, @Length, @Body)
        """, new { Id = Ids.New(clock), draft, file.File.FileName, file.File.MediaType, file.Body.Length, Body = file.Body.Id });

    /// <summary>Its bytes stay for a day: the same form may be on its way out with them.</summary>
    public static void DeleteFile(HubTransaction tx, DraftFile file)
    {
        tx.Execute("delete from message_draft_file where id = @Id", new { file.Id });
        Bodies.Release(tx, file.Body.Id);
    }

    /// <summary>As <see cref="DeleteFile"/>, with all its files.</summary>
    /// <param name="kept">Bytes that have another owner now; null: none.</param>
    public static void Delete(HubTransaction tx, KeptDraft draft, IReadOnlySet<Guid>? kept = null)
    {
        foreach (var body in tx.Query<Guid>("select body_id from message_draft_file where draft_id = @Id", new { draft.Id }))
        {
            tx.Execute("delete from message_draft_file where draft_id = @Id and body_id = @body", new { draft.Id, body });
            if (kept?.Contains(body) != true) Bodies.Release(tx, body);
        }
        tx.Execute("delete from message_draft where id = @Id", new { draft.Id });
    }

    private static List<KeptDraft> WithFiles(HubReader reader, IReadOnlyList<Row> rows) => [.. rows.Select(row => new KeptDraft(
        row.Id, row.Conversation is { } conversation ? new ConversationId(conversation) : null, row.OnceKey, row.ToField, row.CcField, row.BccField, row.Subject, row.Words, row.WithQuote, row.SavedAt,
        [.. reader.Query<FileRow>("select f.id as Id, f.file_name as FileName, f.media_type as MediaType, f.size as Size, f.body_id as Body, b.sha256 as Sha256 from message_draft_file f join body b on b.id = f.body_id where f.draft_id = @Id order by f.position", new { row.Id })
            .Select(file => new DraftFile(file.Id, file.FileName, file.MediaType, new StoredBody(file.Body, file.Size, file.Sha256)))]) { ConversationSubject = row.ConversationSubject })];

    private sealed class Row
    {
        public Guid Id { get; set; }
        public Guid? Conversation { get; set; }
        public string OnceKey { get; set; } = "";
        public string? ToField { get; set; }
        public string? CcField { get; set; }
        public string? BccField { get; set; }
        public string? Subject { get; set; }
        public string? Words { get; set; }
        public bool WithQuote { get; set; }
        public DateTimeOffset SavedAt { get; set; }
        public string? ConversationSubject { get; set; }
    }

    private sealed class FileRow
    {
        public Guid Id { get; set; }
        public string FileName { get; set; } = "";
        public string MediaType { get; set; } = "";
        public long Size { get; set; }
        public Guid Body { get; set; }
        public byte[] Sha256 { get; set; } = [];
    }
}
