using Postrider.Mail;
using Postrider.Storage;

namespace Postrider.Conversations;

internal sealed partial class ConversationStore
{
    /// <summary>Characters of an internal note.</summary>
    public const int MaxNoteChars = 20_000;
    /// <summary>Acts shown of one conversation: the newest.</summary>
    private const int ActLimit = 500;

    private const string NewNotes =
        "select count(*) from conversation_act a where a.conversation_id = conversation.id and a.kind = 'note' and a.done_at > coalesce(seen.seen_at, 0) and (a.person_id is null or a.person_id <> @Viewer)";

    private const string IsUnread =
        "(conversation.last_incoming > coalesce(seen.seen_until, 0) or exists (select 1 from conversation_act a where a.conversation_id = conversation.id and a.kind = 'note' and a.done_at > coalesce(seen.seen_at, 0) and (a.person_id is null or a.person_id <> @Viewer)))";

    private const string Seen = "left join conversation_seen seen on seen.conversation_id = conversation.id and seen.user_id = @Viewer";

    private const string IsFollowed = "exists (select 1 from conversation_follower f where f.conversation_id = conversation.id and f.person_id = @Viewer)";

    private const string FailedStates = "('partly-sent', 'refused', 'failed', 'unknown', 'bounced', 'partly-bounced')";

    /// <summary>In the filter's order. <paramref name="before"/> is the last one of the page before; null: the first page.</summary>
    public IReadOnlyList<ConversationLine> List(HubReader reader, Guid viewer, ConversationFilter filter, ConversationId? before, int limit)
    {
        var conditions = new List<string>();
        if (filter.IsOpen is { } open) conditions.Add(open ? "conversation.closed_at is null" : "conversation.closed_at is not null");
        if (filter.Unassigned) conditions.Add("conversation.assigned_to is null");
        else if (filter.AssignedTo is not null) conditions.Add("conversation.assigned_to = @AssignedTo");
        if (filter.Inbox is not null) conditions.Add("conversation.inbox_id = @Inbox");
        else if (filter.InNoInbox) conditions.Add("conversation.inbox_id is null");
        if (before is not null) conditions.Add($"(conversation.last_message_at, conversation.id) {(filter.OldestFirst ? ">" : "<")} (select b.last_message_at, b.id from conversation b where b.id = @Before)");
        switch (filter.View)
        {
            case ConversationView.Unread: conditions.Add(IsUnread); break;
            case ConversationView.Waiting: conditions.Add("last.direction = 'incoming'"); break;
            case ConversationView.Failed: conditions.Add($"exists (select 1 from thread_message m where m.conversation_id = conversation.id and m.delivery_state in {FailedStates})"); break;
            case ConversationView.Following: conditions.Add(IsFollowed); break;
            case ConversationView.Told: conditions.Add($"(conversation.assigned_to = @Viewer or {IsFollowed}) and {IsUnread}"); break;
        }
        var order = filter.OldestFirst ? "" : " desc";
        return Lines(reader, viewer,
            (conditions.Count > 0 ? "where " + string.Join(" and ", conditions) : "") + $" order by conversation.last_message_at{order}, conversation.id{order} limit @Limit",
            new { Viewer = viewer, filter.AssignedTo, Inbox = filter.Inbox?.Value, Before = before?.Value, Limit = Math.Clamp(limit, 1, 200) });
    }

    /// <summary>Those in which this contact takes part, the newest first.</summary>
    public IReadOnlyList<ConversationLine> ListOf(HubReader reader, Guid viewer, ContactId contact, int limit) =>
        Lines(reader, viewer,
            "where conversation.id in (select p.conversation_id from conversation_participant p where p.contact_id = @Contact) order by conversation.last_message_at desc, conversation.id desc limit @Limit",
            new { Viewer = viewer, Contact = contact.Value, Limit = limit });

    /// <summary>Searches messages and notes, the newest first; each conversation once, by its newest hit.</summary>
    /// <param name="before">As <see cref="FoundPage.Next"/> of the page before; null: the first page.</param>
    public FoundPage Search(HubReader reader, Guid viewer, SearchQuery query, long? before, int limit)
    {
        // A long conversation may hold most of the hits; beyond these the next page goes on.
        const int MostHits = 500;
        var hits = SearchIndex.Of(reader).Find(reader, query, before, MostHits);
        var firsts = new Dictionary<ConversationId, SearchHit>();
        long? next = hits.Count == MostHits ? hits[^1].Number : null;
        foreach (var hit in hits)
        {
            if (firsts.ContainsKey(hit.Conversation)) continue;
            if (firsts.Count == limit)
            {
                next = firsts.Values.Min(h => h.Number);
                break;
            }
            firsts.Add(hit.Conversation, hit);
        }
        if (firsts.Count == 0) return new FoundPage([], next);

        var lines = Lines(reader, viewer, "where conversation.id in @Ids", new { Viewer = viewer, Ids = firsts.Keys.Select(id => Ids.Stored(id.Value)) }).ToDictionary(line => line.Conversation.Id);
        var texts = reader.Query<FoundRow>(
            """
            select m.id as Id, m.text_body as Text, 1 as IsMessage, (select string_agg(a.file_name, ', ') from thread_attachment a where a.message_id = m.id) as Files from thread_message m where m.id in @Ids
            union all select n.id, n.words, 0, null from conversation_act n where n.id in @Ids
            """, new { Ids = firsts.Values.Select(hit => Ids.Stored(hit.Entry)) }).ToDictionary(row => row.Id);
        return new FoundPage([.. firsts.Values.Where(hit => lines.ContainsKey(hit.Conversation)).Select(hit =>
        {
            var text = texts.GetValueOrDefault(hit.Entry);
            var snippet = SearchSnippet.Of(text?.Text, query.Terms);
            if (text?.Files is { } files && !snippet.Any(part => part.Marked) && SearchSnippet.Of(files, query.Terms) is var named && named.Any(part => part.Marked)) snippet = named;
            return new FoundLine(lines[hit.Conversation], text is { IsMessage: true } ? new ThreadMessageId(hit.Entry) : null, snippet);
        })], next);
    }

    /// <param name="rest">Conditions, order and limit.</param>
    private static List<ConversationLine> Lines(HubReader reader, Guid viewer, string rest, object args) =>
        [.. reader.Query<LineRow>(
            $"""
            select {ThreadRow.Columns},
                last.direction as LastDirection, coalesce(last.author_name, last.author_address) as LastAuthor, substr(last.text_body, 1, 600) as LastText,
                (select count(*) from thread_message m where m.conversation_id = conversation.id and m.direction <> 'outgoing' and m.number > coalesce(seen.seen_until, 0)) + ({NewNotes}) as Unread,
                (select count(*) from thread_message m where m.conversation_id = conversation.id and m.delivery_state in ('scheduled', 'waiting', 'sending')) as Queued,
                (select count(*) from thread_message m where m.conversation_id = conversation.id and m.delivery_state in {FailedStates}) as Failed,
                case when exists (select 1 from thread_message m join thread_attachment a on a.message_id = m.id where m.conversation_id = conversation.id) then 1 else 0 end as HasAttachment,
                case when exists (select 1 from message_draft d where d.conversation_id = conversation.id and d.person_id = @Viewer) then 1 else 0 end as HasDraft,
                coalesce(
                    (select string_agg(who, ', ') from (select distinct coalesce(m.author_name, m.author_address) as who from thread_message m where m.conversation_id = conversation.id and m.direction = 'incoming' limit 3) writers),
                    (select string_agg(who, ', ') from (select distinct coalesce(r.name, r.address) as who from thread_message m join thread_message_recipient r on r.message_id = m.id where m.conversation_id = conversation.id and m.direction = 'outgoing' limit 3) readers)) as People
            from conversation {ThreadRow.Joined}
            {Seen}
            left join thread_message last on last.conversation_id = conversation.id and last.number = conversation.message_count
            {rest}
            """, args).Select(row => row.ToLine())];

    /// <summary>Open conversations with something new for this person.</summary>
    public UnreadCounts Unread(HubReader reader, Guid viewer) =>
        reader.QueryFirstOrDefault<CountsRow>(
            $"""
            select count(*) as Total, coalesce(sum(case when conversation.assigned_to = @Viewer then 1 else 0 end), 0) as Mine, coalesce(sum(case when conversation.assigned_to is null then 1 else 0 end), 0) as Unassigned,
                coalesce(sum(case when conversation.assigned_to = @Viewer or {IsFollowed} then 1 else 0 end), 0) as Told
            from conversation {Seen} where conversation.closed_at is null and {IsUnread}
            """, new { Viewer = viewer }) is { } row ? new UnreadCounts((int)row.Total, (int)row.Mine, (int)row.Unassigned, (int)row.Told) : new UnreadCounts(0, 0, 0, 0);

    /// <summary>As <see cref="Unread"/>, of one conversation: messages and notes.</summary>
    public int UnreadOf(HubReader reader, ConversationId conversation, Guid viewer) =>
        (int)reader.Scalar<long>(
            $"""
            select (select count(*) from thread_message m where m.conversation_id = conversation.id and m.direction <> 'outgoing' and m.number > coalesce(seen.seen_until, 0)) + ({NewNotes})
            from conversation {Seen} where conversation.id = @Conversation
            """, new { Conversation = conversation.Value, Viewer = viewer });

    /// <summary>Everything up to now counts as read by this person.</summary>
    public void MarkSeen(HubTransaction tx, ConversationId conversation, Guid viewer) =>
        tx.Execute(
            """
            insert into conversation_seen (conversation_id, user_id, seen_until, seen_at)
            select id, @viewer, message_count, @Now from conversation where id = @Conversation
            on conflict (conversation_id, user_id) do update set seen_until = excluded.seen_until, seen_at = excluded.seen_at
            """,
            new { viewer, Conversation = conversation.Value, tx.Now });

    /// <summary>The last message that came in is new again for this person.</summary>
    public void MarkUnseen(HubTransaction tx, ConversationId conversation, Guid viewer) =>
        tx.Execute(
            "update conversation_seen set seen_until = (select c.last_incoming - 1 from conversation c where c.id = @Conversation) where conversation_id = @Conversation and user_id = @viewer and exists (select 1 from conversation c where c.id = @Conversation and c.last_incoming > 0)",
            new { viewer, Conversation = conversation.Value });

    /// <returns>Who has read the conversation, and up to which message.</returns>
    public IReadOnlyList<(Colleague Person, int Until)> Readers(HubReader reader, ConversationId conversation) =>
        [.. reader.Query<ReaderRow>("select p.id as Id, p.name as Name, s.seen_until as Until from conversation_seen s join person p on p.id = s.user_id where s.conversation_id = @Id order by p.name, p.id", new { Id = conversation.Value })
            .Select(row => (new Colleague(row.Id, row.Name), (int)row.Until))];

    /// <summary>Those who can be given a conversation, by name.</summary>
    public IReadOnlyList<Colleague> Colleagues(HubReader reader) =>
        [.. reader.Query<ColleagueRow>("select id as Id, name as Name from person order by name, id limit 500").Select(row => new Colleague(row.Id, row.Name))];

    public Colleague? Colleague(HubReader reader, Guid id) =>
        reader.QueryFirstOrDefault<ColleagueRow>("select id as Id, name as Name from person where id = @id", new { id }) is { } row ? new Colleague(row.Id, row.Name) : null;

    /// <summary>Addresses of this hub's own people, and those that mail of the conversation left from.</summary>
    public IReadOnlyList<string> AddressesOfPeople(HubReader reader, ConversationId conversation) =>
        reader.Query<string>("select email_key from person union select sent_from from thread_message where conversation_id = @Id and sent_from is not null", new { Id = conversation.Value });

    /// <returns>False when it is so already.</returns>
    public bool Close(HubTransaction tx, ConversationId conversation, Colleague by)
    {
        if (tx.Execute("update conversation set closed_at = @Now where id = @Id and closed_at is null", new { tx.Now, Id = conversation.Value }) == 0) return false;
        PutAct(tx, conversation, ActKind.Closed, by, null);
        return true;
    }

    /// <returns>False when it is so already.</returns>
    public bool Reopen(HubTransaction tx, ConversationId conversation, Colleague by)
    {
        if (tx.Execute("update conversation set closed_at = null where id = @Id and closed_at is not null", new { Id = conversation.Value }) == 0) return false;
        PutAct(tx, conversation, ActKind.Reopened, by, null);
        return true;
    }

    /// <param name="to">Null: nobody.</param>
    /// <returns>False when it is so already.</returns>
    public bool Assign(HubTransaction tx, ConversationId conversation, Colleague? to, Colleague by)
    {
        if (tx.Execute("update conversation set assigned_to = @To where id = @Id and coalesce(assigned_to, @Nobody) <> coalesce(@To, @Nobody)", new { To = to?.Id, Nobody = Guid.Empty, Id = conversation.Value }) == 0) return false;
        PutAct(tx, conversation, ActKind.Assigned, by, to?.Name);
        if (to is not null) Follow(tx, conversation, to.Id);
        return true;
    }

    /// <param name="to">Null: no inbox.</param>
    /// <returns>False when it stands there already.</returns>
    public bool Move(HubTransaction tx, ConversationId conversation, Inbox? to, Colleague by)
    {
        if (tx.Execute("update conversation set inbox_id = @To where id = @Id and coalesce(inbox_id, @None) <> coalesce(@To, @None)", new { To = to?.Id.Value, None = Guid.Empty, Id = conversation.Value }) == 0) return false;
        PutAct(tx, conversation, ActKind.Moved, by, to?.Name);
        return true;
    }

    /// <summary>Stores an internal note. It is no message: it has no recipients and no mail, and nothing answers it.</summary>
    public Guid PutNote(HubTransaction tx, ConversationId conversation, string note, Colleague by)
    {
        var id = PutAct(tx, conversation, ActKind.Note, by, note);
        SearchIndex.Of(tx).Put(tx, new SearchEntry(id, conversation, "", by.Name, "", SearchWords.Fold(note), HasAttachment: false));
        return id;
    }

    /// <param name="by">Null: the hub, because a message came.</param>
    private Guid PutAct(HubTransaction tx, ConversationId conversation, ActKind kind, Colleague? by, string? words, bool onlyIfClosed = false)
    {
        var id = Ids.New(clock);
        tx.ExecuteLater(
            $"""
            insert into conversation_act (id, conversation_id, after_number, kind, person_id, person_name, words, done_at)
            select @id, c.id, c.message_count, @Kind, @By, @Name, @words, @Now from conversation c where c.id = @Conversation{(onlyIfClosed ? " and c.closed_at is not null" : "")}
            """,
            new { id, Conversation = conversation.Value, Kind = NameOf(kind), By = by?.Id, Name = by?.Name ?? "", words, tx.Now });
        return id;
    }

    /// <summary>In the order they were done.</summary>
    public IReadOnlyList<ConversationAct> Acts(HubReader reader, ConversationId conversation) =>
        [.. reader.Query<ActRow>(
            "select id as Id, after_number as AfterNumber, kind as Kind, person_id as Person, person_name as PersonName, words as Words, done_at as At from conversation_act where conversation_id = @Id order by done_at desc, id desc limit @Limit",
            new { Id = conversation.Value, Limit = ActLimit }).Reverse().Select(row => row.ToAct())];

    public void Follow(HubTransaction tx, ConversationId conversation, Guid person) => tx.Execute(
        "insert into conversation_follower (conversation_id, person_id, followed_at) values (@Conversation, @person, @Now) on conflict (conversation_id, person_id) do nothing",
        new { Conversation = conversation.Value, person, tx.Now });

    /// <summary>As who answers on a page does: the user of this address follows; nobody when it is no user's.</summary>
    public void FollowAs(HubTransaction tx, ConversationId conversation, EmailAddress address) => tx.ExecuteLater(
        "insert into conversation_follower (conversation_id, person_id, followed_at) select @Conversation, id, @Now from person where email_key = @Key on conflict (conversation_id, person_id) do nothing",
        new { Conversation = conversation.Value, Key = address.ToString().ToLowerInvariant(), tx.Now });

    public void Unfollow(HubTransaction tx, ConversationId conversation, Guid person) =>
        tx.Execute("delete from conversation_follower where conversation_id = @Conversation and person_id = @person", new { Conversation = conversation.Value, person });

    public IReadOnlyList<Colleague> Followers(HubReader reader, ConversationId conversation) =>
        [.. reader.Query<ColleagueRow>("select p.id as Id, p.name as Name from conversation_follower f join person p on p.id = f.person_id where f.conversation_id = @Id order by p.name, p.id", new { Id = conversation.Value })
            .Select(row => new Colleague(row.Id, row.Name))];

    /// <summary>Which of these conversations the user of this address follows; none when it is no user's.</summary>
    public static IReadOnlySet<ConversationId> FollowedBy(HubReader reader, EmailAddress address, IReadOnlyCollection<ConversationId> conversations) =>
        conversations.Count == 0 ? new HashSet<ConversationId>() : reader.Query<Guid>(
            "select f.conversation_id from person p join conversation_follower f on f.person_id = p.id where p.email_key = @Key and f.conversation_id in @Ids",
            new { Key = address.ToString().ToLowerInvariant(), Ids = conversations.Distinct().Select(conversation => Ids.Stored(conversation.Value)) }).Select(id => new ConversationId(id)).ToHashSet();

    internal static string NameOf(ActKind kind) => kind switch
    {
        ActKind.Note => "note",
        ActKind.Assigned => "assigned",
        ActKind.Closed => "closed",
        ActKind.Moved => "moved",
        _ => "reopened",
    };

    private class ThreadRow
    {
        public const string Columns =
            """
            conversation.id as Id, conversation.subject as Subject, conversation.started_at as StartedAt, conversation.last_message_at as LastMessageAt, conversation.message_count as MessageCount,
            conversation.closed_at as ClosedAt, assignee.id as AssigneeId, assignee.name as AssigneeName, conversation.inbox_id as Inbox, inbox.name as InboxName
            """;
        public const string Joined = "left join person assignee on assignee.id = conversation.assigned_to left join inbox on inbox.id = conversation.inbox_id";
        public Guid Id { get; set; }
        public string Subject { get; set; } = "";
        public DateTimeOffset StartedAt { get; set; }
        public DateTimeOffset LastMessageAt { get; set; }
        public long MessageCount { get; set; }
        public DateTimeOffset? ClosedAt { get; set; }
        public Guid? AssigneeId { get; set; }
        public string? AssigneeName { get; set; }
        public Guid? Inbox { get; set; }
        public string? InboxName { get; set; }

        public Conversation ToConversation() =>
            new(new(Id), Subject, StartedAt, LastMessageAt, (int)MessageCount) { ClosedAt = ClosedAt, AssignedTo = AssigneeId is { } id ? new Colleague(id, AssigneeName ?? "") : null, Inbox = Inbox is { } inbox ? new InboxId(inbox) : null, InboxName = InboxName };
    }

    private sealed class LineRow : ThreadRow
    {
        public string? LastDirection { get; set; }
        public string? LastAuthor { get; set; }
        public string? LastText { get; set; }
        public string? People { get; set; }
        public long Unread { get; set; }
        public long Queued { get; set; }
        public long Failed { get; set; }
        public bool HasAttachment { get; set; }
        public bool HasDraft { get; set; }

        public ConversationLine ToLine() =>
            new(ToConversation(), People ?? LastAuthor ?? "", LastAuthor ?? "", Snippet.Of(LastText), (int)Unread, (int)Queued, (int)Failed, LastDirection == "incoming") { HasAttachment = HasAttachment, HasDraft = HasDraft };
    }

    private sealed class FoundRow
    {
        public Guid Id { get; set; }
        public string? Text { get; set; }
        public bool IsMessage { get; set; }
        public string? Files { get; set; }
    }

    private sealed class CountsRow
    {
        public long Total { get; set; }
        public long Mine { get; set; }
        public long Unassigned { get; set; }
        public long Told { get; set; }
    }

    private class ColleagueRow
    {
        public Guid Id { get; set; }
        public string Name { get; set; } = "";
    }

    private sealed class ReaderRow : ColleagueRow
    {
        public long Until { get; set; }
    }

    private sealed class ActRow
    {
        public Guid Id { get; set; }
        public long AfterNumber { get; set; }
        public string Kind { get; set; } = "";
        public Guid? Person { get; set; }
        public string PersonName { get; set; } = "";
        public string? Words { get; set; }
        public DateTimeOffset At { get; set; }

        public ConversationAct ToAct() => new(Id, (int)AfterNumber, Kind switch { "note" => ActKind.Note, "assigned" => ActKind.Assigned, "closed" => ActKind.Closed, "moved" => ActKind.Moved, _ => ActKind.Reopened },
            Person is { } id ? new Colleague(id, PersonName) : null, Words, At);
    }
}
