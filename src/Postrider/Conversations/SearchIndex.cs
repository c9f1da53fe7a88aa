using Postrider.Storage;

namespace Postrider.Conversations;

/// <summary>What is searched of a message or note.</summary>
/// <param name="Words">As <see cref="SearchWords.Fold"/> leaves them.</param>
internal sealed record SearchEntry(Guid Id, ConversationId Conversation, string Subject, string Sender, string Recipients, string Words, bool HasAttachment);

/// <param name="Entry">A message or a note.</param>
/// <param name="Number">Ascending as they were written.</param>
internal sealed record SearchHit(long Number, Guid Entry, ConversationId Conversation);

/// <summary>The full-text index, in the two forms that SQLite (FTS5) and PostgreSQL (tsvector) know. Written in the transaction that stores what is found. The words are letters and digits alone, so no query form can be broken out of.</summary>
internal abstract class SearchIndex
{
    /// <summary>Of the engine that the connection speaks to.</summary>
    public static SearchIndex Of(HubReader reader) => reader.Dialect == Dialect.Postgres ? Postgres : Sqlite;

    public static readonly SearchIndex Sqlite = new SqliteIndex();

    public static readonly SearchIndex Postgres = new PostgresIndex();

    public abstract void Put(HubTransaction tx, SearchEntry entry);

    /// <summary>The newest first.</summary>
    /// <param name="before">Number of the last one before these; null: from the newest.</param>
    public IReadOnlyList<SearchHit> Find(HubReader reader, SearchQuery query, long? before, int limit)
    {
        var filter = (query.HasAttachment ? " and e.has_attachment = 1" : "") + query.IsOpen switch { true => " and c.closed_at is null", false => " and c.closed_at is not null", null => "" };
        var join = query.IsOpen is null ? "" : " join conversation c on c.id = e.conversation_id";
        return [.. reader.Query<HitRow>(Sql(query.Terms.Count > 0, join, filter), new { Match = Match(query.Terms), Before = before ?? long.MaxValue, Limit = limit })
            .Select(row => new SearchHit(row.Number, row.Entry, new(row.Conversation)))];
    }

    protected abstract string Sql(bool hasTerms, string join, string filter);

    /// <summary>The terms in the engine's own words.</summary>
    internal abstract string Match(IReadOnlyList<SearchTerm> terms);

    private sealed class SqliteIndex : SearchIndex
    {
        public override void Put(HubTransaction tx, SearchEntry entry)
        {
            var number = tx.Scalar<long>(
                "insert into search_entry (entry_id, conversation_id, has_attachment) values (@Id, @Conversation, @HasAttachment) returning number",
                new { entry.Id, Conversation = entry.Conversation.Value, entry.HasAttachment });
            tx.Execute(
                "insert into search_text (rowid, subject, sender, recipients, words) values (@number, @Subject, @Sender, @Recipients, @Words)",
                new { number, Subject = SearchWords.Fold(entry.Subject), Sender = SearchWords.Fold(entry.Sender), Recipients = SearchWords.Fold(entry.Recipients), entry.Words });
        }

        // FTS5 walks its own rows backwards, so the newest come first without sorting.
        protected override string Sql(bool hasTerms, string join, string filter) => hasTerms
            ? $"select e.number as Number, e.entry_id as Entry, e.conversation_id as Conversation from search_text t cross join search_entry e on e.number = t.rowid{join} where t.search_text match @Match and t.rowid < @Before{filter} order by t.rowid desc limit @Limit"
            : $"select e.number as Number, e.entry_id as Entry, e.conversation_id as Conversation from search_entry e{join} where e.number < @Before{filter} order by e.number desc limit @Limit";

        internal override string Match(IReadOnlyList<SearchTerm> terms) => string.Join(" AND ", terms.Select(term =>
            term.Field switch { SearchField.Subject => "subject : ", SearchField.Sender => "sender : ", SearchField.Recipients => "recipients : ", _ => "" }
            + '"' + string.Join(' ', term.Words) + '"' + (term.IsPrefix ? " *" : "")));
    }

    private sealed class PostgresIndex : SearchIndex
    {
        public override void Put(HubTransaction tx, SearchEntry entry) => tx.ExecuteLater(
            """
            insert into search_entry (entry_id, conversation_id, has_attachment, words)
            values (@Id, @Conversation, @HasAttachment, setweight(to_tsvector('simple', @Subject), 'A') || setweight(to_tsvector('simple', @Sender), 'B') || setweight(to_tsvector('simple', @Recipients), 'C') || setweight(to_tsvector('simple', @Words), 'D'))
            """,
            new { entry.Id, Conversation = entry.Conversation.Value, entry.HasAttachment, Subject = SearchWords.Fold(entry.Subject), Sender = SearchWords.Fold(entry.Sender), Recipients = SearchWords.Fold(entry.Recipients), entry.Words });

        protected override string Sql(bool hasTerms, string join, string filter) =>
            $"select e.number as Number, e.entry_id as Entry, e.conversation_id as Conversation from search_entry e{join} where e.number < @Before{(hasTerms ? " and e.words @@ to_tsquery('simple', @Match)" : "")}{filter} order by e.number desc limit @Limit";

        internal override string Match(IReadOnlyList<SearchTerm> terms) => string.Join(" & ", terms.Select(term =>
        {
            var weight = term.Field switch { SearchField.Subject => "A", SearchField.Sender => "B", SearchField.Recipients => "C", _ => "" };
            var words = term.Words.Select((word, i) => word + (term.IsPrefix && i == term.Words.Count - 1 ? $":*{weight}" : weight.Length > 0 ? ":" + weight : ""));
            return "(" + string.Join(" <-> ", words) + ")";
        }));
    }

    private sealed class HitRow
    {
        public long Number { get; set; }
        public Guid Entry { get; set; }
        public Guid Conversation { get; set; }
    }
}
