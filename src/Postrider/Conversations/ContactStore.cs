using Postrider.Mail;
using Postrider.Storage;

namespace Postrider.Conversations;

public readonly record struct ContactId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>Somebody who wrote to us, or to whom we wrote.</summary>
/// <param name="Name">Null: no message gave one.</param>
/// <param name="NamedByHand">The name was entered here, and no message changes it.</param>
/// <param name="Conversations">In which they take part.</param>
/// <param name="LastMessageAt">Of the newest of these; null when there is none.</param>
public sealed record Contact(ContactId Id, string Address, string? Name, bool NamedByHand, int Conversations, DateTimeOffset? LastMessageAt);

/// <summary>All SQL of contacts. They are made by the messages that enter and leave.</summary>
internal sealed class ContactStore(TimeProvider clock)
{
    public const int ListLimit = 50;

    /// <summary>Makes the contact, or gives it the name of this message.</summary>
    public void Meet(HubTransaction tx, NamedAddress who) =>
        tx.ExecuteLater(
            """
            insert into contact (id, address, address_key, name, created_at, search_key) values (@Id, @Address, @Key, @Name, @Now, @Search)
            on conflict (address_key) do update set
                name = case when contact.named_by_hand = 1 then contact.name else coalesce(excluded.name, contact.name) end,
                search_key = case when contact.named_by_hand = 1 or excluded.name is null then contact.search_key else excluded.search_key end
            """,
            new { Id = Ids.New(clock), Address = who.Address.ToString(), Key = who.Address.Normalized, who.Name, tx.Now, Search = SearchKey(who.Address.Normalized, who.Name) });

    /// <summary>By name and address, after the contact named last on the page before.</summary>
    /// <param name="search">Any parts of name or address, all of which must stand in it; null or empty: all contacts.</param>
    public IReadOnlyList<Contact> List(HubReader reader, string? search, ContactId? after, int limit)
    {
        var words = (search ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Take(5).Select(w => Like(w)).ToArray();
        var parts = string.Concat(words.Select((_, i) => $" and contact.search_key like @W{i} escape '\\'"));
        return [.. reader.Query<Row>(
            $"{Select} where (@After is null or (contact.search_key, contact.id) > (select a.search_key, a.id from contact a where a.id = @After)){parts} order by contact.search_key, contact.id limit @Limit",
            new { After = after?.Value, W0 = words.ElementAtOrDefault(0), W1 = words.ElementAtOrDefault(1), W2 = words.ElementAtOrDefault(2), W3 = words.ElementAtOrDefault(3), W4 = words.ElementAtOrDefault(4), Limit = Math.Clamp(limit, 1, 500) })
            .Select(row => row.ToContact())];
    }

    public Contact? Find(HubReader reader, ContactId id) => reader.QueryFirstOrDefault<Row>($"{Select} where contact.id = @Id", new { Id = id.Value })?.ToContact();

    /// <param name="name">Null: the next message names the contact again.</param>
    /// <returns>False when there is no such contact.</returns>
    public static bool Rename(HubTransaction tx, ContactId id, string? name)
    {
        var key = tx.Scalar<string>("select address_key from contact where id = @Id", new { Id = id.Value });
        return key is not null && tx.Execute(
            "update contact set name = @name, named_by_hand = @ByHand, search_key = @Search where id = @Id",
            new { name, ByHand = name is not null, Search = SearchKey(key, name), Id = id.Value }) > 0;
    }

    // The name first: the list goes by it. Not folded to plain letters, so that what is typed is found as typed.
    private static string SearchKey(string addressKey, string? name) => (name is null ? addressKey : name + " " + addressKey).ToLowerInvariant();

    private static string Like(string word) =>
        "%" + word.ToLowerInvariant().Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal) + "%";

    private const string Select =
        """
        select contact.id as Id, contact.address as Address, contact.name as Name, contact.named_by_hand as NamedByHand,
            (select count(*) from conversation_participant p where p.contact_id = contact.id) as Conversations,
            (select max(c.last_message_at) from conversation_participant p join conversation c on c.id = p.conversation_id where p.contact_id = contact.id) as LastMessageAt
        from contact
        """;

    private sealed class Row
    {
        public Guid Id { get; set; }
        public string Address { get; set; } = "";
        public string? Name { get; set; }
        public bool NamedByHand { get; set; }
        public long Conversations { get; set; }
        public DateTimeOffset? LastMessageAt { get; set; }

        public Contact ToContact() => new(new(Id), Address, Name, NamedByHand, (int)Conversations, LastMessageAt);
    }
}
