using Postrider.Storage;

namespace Postrider.Conversations;

/// <summary>All SQL of inboxes and aliases.</summary>
internal sealed class InboxStore(TimeProvider clock)
{
    /// <summary>Inboxes and aliases are few; a list shows this many at most.</summary>
    public const int ListLimit = 1000;

    private const string InboxColumns =
        """
        inbox.id as Id, inbox.name as Name, inbox.created_at as CreatedAt,
        (select count(*) from conversation c where c.inbox_id = inbox.id) as Conversations, (select count(*) from alias a where a.inbox_id = inbox.id) as Aliases
        """;

    private const string AliasColumns = "alias.id as Id, alias.name as Name, alias.domain as Domain, alias.inbox_id as Inbox, inbox.name as InboxName, alias.contact_rule as Rule, alias.refusal as Refusal, alias.active as Active";

    public IReadOnlyList<Inbox> Inboxes(HubReader reader) =>
        [.. reader.Query<InboxRow>($"select {InboxColumns} from inbox order by inbox.name_key limit @ListLimit", new { ListLimit }).Select(r => r.ToInbox())];

    public Inbox? FindInbox(HubReader reader, InboxId id) =>
        reader.QueryFirstOrDefault<InboxRow>($"select {InboxColumns} from inbox where inbox.id = @Id", new { Id = id.Value })?.ToInbox();

    /// <returns>Null when the name is taken by another inbox.</returns>
    public InboxId? Insert(HubTransaction tx, string name)
    {
        var id = new InboxId(Ids.New(clock));
        var put = tx.Execute(
            "insert into inbox (id, name, name_key, created_at) values (@Id, @name, @key, @Now) on conflict (name_key) do nothing",
            new { Id = id.Value, name, key = name.ToLowerInvariant(), tx.Now });
        return put == 0 ? null : id;
    }

    /// <returns>False when the name is taken by another inbox.</returns>
    public bool Rename(HubTransaction tx, InboxId id, string name)
    {
        var key = name.ToLowerInvariant();
        if (tx.Scalar<long>("select count(*) from inbox where name_key = @key and id <> @Id", new { key, Id = id.Value }) > 0) return false;
        tx.Execute("update inbox set name = @name, name_key = @key where id = @Id", new { name, key, Id = id.Value });
        return true;
    }

    /// <summary>The conversations in it stay, without an inbox. Aliases must be gone before.</summary>
    public void Delete(HubTransaction tx, InboxId id)
    {
        tx.Execute("update conversation set inbox_id = null where inbox_id = @Id", new { Id = id.Value });
        tx.Execute("delete from inbox where id = @Id", new { Id = id.Value });
    }

    /// <summary>By address; archived ones too.</summary>
    public IReadOnlyList<Alias> Aliases(HubReader reader) =>
        [.. reader.Query<AliasRow>($"select {AliasColumns} from alias join inbox on inbox.id = alias.inbox_id order by alias.name, alias.domain limit @ListLimit", new { ListLimit }).Select(r => r.ToAlias())];

    public Alias? FindAlias(HubReader reader, AliasId id) =>
        reader.QueryFirstOrDefault<AliasRow>($"select {AliasColumns} from alias join inbox on inbox.id = alias.inbox_id where alias.id = @Id", new { Id = id.Value })?.ToAlias();

    /// <summary>The active aliases of these names, on whatever domain.</summary>
    public IReadOnlyList<Alias> ActiveNamed(HubReader reader, IReadOnlyCollection<string> names) => names.Count == 0 ? [] :
        [.. reader.Query<AliasRow>($"select {AliasColumns} from alias join inbox on inbox.id = alias.inbox_id where alias.active = 1 and alias.name in @names", new { names }).Select(r => r.ToAlias())];

    /// <summary>Of all aliases, archived ones too; a domain is empty where any of the hub's own is meant.</summary>
    public IReadOnlyList<(string Name, string Domain)> AliasAddresses(HubReader reader) =>
        [.. reader.Query<AliasRow>("select name as Name, domain as Domain from alias").Select(row => (row.Name, row.Domain))];

    /// <summary>Domains that aliases are on: they count as the hub's own.</summary>
    public IReadOnlyList<string> AliasDomains(HubReader reader) => reader.Query<string>("select distinct domain from alias where active = 1 and domain <> ''");

    public bool IsTaken(HubReader reader, string name, string domain, AliasId? besides) =>
        reader.Scalar<long>("select count(*) from alias where name = @name and domain = @domain and (@Besides is null or id <> @Besides)", new { name, domain, Besides = besides?.Value }) > 0;

    public AliasId Insert(HubTransaction tx, AliasSettings settings)
    {
        var id = new AliasId(Ids.New(clock));
        tx.Execute(
            "insert into alias (id, name, domain, inbox_id, contact_rule, refusal, active, created_at) values (@Id, @Name, @Domain, @Inbox, @Rule, @Refusal, @Active, @Now)",
            Values(tx, id, settings));
        return id;
    }

    public void Update(HubTransaction tx, AliasId id, AliasSettings settings) =>
        tx.Execute("update alias set name = @Name, domain = @Domain, inbox_id = @Inbox, contact_rule = @Rule, refusal = @Refusal, active = @Active where id = @Id", Values(tx, id, settings));

    public void Delete(HubTransaction tx, AliasId id) => tx.Execute("delete from alias where id = @Id", new { Id = id.Value });

    private static object Values(HubTransaction tx, AliasId id, AliasSettings settings) =>
        new { Id = id.Value, settings.Name, settings.Domain, Inbox = settings.Inbox.Value, Rule = settings.Rule.Word(), settings.Refusal, settings.Active, tx.Now };

    private sealed class InboxRow
    {
        public Guid Id { get; set; }
        public string Name { get; set; } = "";
        public DateTimeOffset CreatedAt { get; set; }
        public long Conversations { get; set; }
        public long Aliases { get; set; }

        public Inbox ToInbox() => new(new(Id), Name, CreatedAt, Conversations, Aliases);
    }

    private sealed class AliasRow
    {
        public Guid Id { get; set; }
        public string Name { get; set; } = "";
        public string Domain { get; set; } = "";
        public Guid Inbox { get; set; }
        public string InboxName { get; set; } = "";
        public string Rule { get; set; } = "";
        public string? Refusal { get; set; }
        public bool Active { get; set; }

        public Alias ToAlias() => new(new(Id), Name, Domain, new(Inbox), InboxName, ContactRules.Read(Rule) ?? ContactRule.Followers, Refusal, Active);
    }
}
