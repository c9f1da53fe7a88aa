using Postrider.Mail.Pop3;
using Postrider.Storage;

namespace Postrider.IncomingServers;

/// <summary>A message of a maildrop, with the number that is ours.</summary>
/// <param name="Copy">From 1: identical messages may share an id (RFC 1939 section 7), and each of them is one.</param>
internal sealed record PopEntry(Pop3Message Message, int Copy, uint Uid);

/// <summary>Which messages of a POP3 maildrop are here already: all SQL of it. A maildrop has no UIDs, so each message gets one of ours, written down before it is fetched.</summary>
internal sealed class PopLedger
{
    /// <summary>A maildrop has no folders and no UIDVALIDITY; its messages stand under these.</summary>
    public const string Folder = "INBOX";
    public const uint UidValidity = 1;

    // An id that has gone is remembered this long: a maildrop that came back empty or short after a fault must not come in twice.
    private static readonly TimeSpan Memory = TimeSpan.FromDays(30);
    private const int WriteBatch = 2000;

    /// <summary>Enters what is new and forgets what has long gone.</summary>
    /// <returns>What is to be fetched, in the maildrop's order; and what was taken and still lies there.</returns>
    public static async Task<(IReadOnlyList<PopEntry> Due, IReadOnlyList<PopEntry> Taken)> CompareAsync(HubDatabase database, IncomingServerId server, IReadOnlyList<Pop3Message> listed, CancellationToken cancel)
    {
        var known = (await database.ReadAsync(r => r.Query<Row>("select unique_id, copy, uid, state, gone_at from pop_message where server_id = @Id", new { Id = server.Value }), cancel))
            .ToDictionary(row => (row.UniqueId, row.Copy));
        var copies = new Dictionary<string, int>(StringComparer.Ordinal);
        List<PopEntry> due = [], taken = [];
        List<(Pop3Message Message, int Copy)> fresh = [];
        HashSet<(string, long)> present = [];
        foreach (var message in listed)
        {
            var copy = copies[message.Id] = copies.GetValueOrDefault(message.Id) + 1;
            present.Add((message.Id, copy));
            if (!known.TryGetValue((message.Id, copy), out var row)) fresh.Add((message, copy));
            else if (row.State == "due") due.Add(new PopEntry(message, copy, (uint)row.Uid));
            else if (row.State == "taken") taken.Add(new PopEntry(message, copy, (uint)row.Uid));
        }
        foreach (var batch in fresh.Chunk(WriteBatch)) due.AddRange(await database.WriteAsync(tx => Enter(tx, server, batch, passOver: false), cancel));
        await FollowAsync(database, server, known.Values, present, cancel);
        return ([.. due.OrderBy(entry => entry.Message.Number)], taken);
    }

    /// <summary>In the transaction that confirms a server which takes what comes from now on: what lies there now never comes in.</summary>
    public static void PassOver(HubTransaction tx, IncomingServerId server, IReadOnlyList<Pop3Message> listed)
    {
        var copies = new Dictionary<string, int>(StringComparer.Ordinal);
        Enter(tx, server, [.. listed.Select(message => (message, copies[message.Id] = copies.GetValueOrDefault(message.Id) + 1))], passOver: true);
    }

    /// <summary>In the transaction that settles them.</summary>
    /// <param name="state"><c>taken</c>, or <c>passed</c> for what is not to be had.</param>
    public static void Mark(HubTransaction tx, IncomingServerId server, IEnumerable<uint> uids, string state)
    {
        foreach (var uid in uids) tx.Execute("update pop_message set state = @state where server_id = @Id and uid = @Uid", new { Id = server.Value, Uid = (long)uid, state });
    }

    /// <summary>The server reads another maildrop from now on.</summary>
    public static void Forget(HubTransaction tx, IncomingServerId server) => tx.Execute("delete from pop_message where server_id = @Id", new { Id = server.Value });

    private static List<PopEntry> Enter(HubTransaction tx, IncomingServerId server, IReadOnlyList<(Pop3Message Message, int Copy)> fresh, bool passOver)
    {
        // The numbers go on where the cursor is, and a number is given once, whoever asks.
        var next = tx.Scalar<long>("select next_uid from mailbox_cursor where server_id = @Id and folder = @Folder", new { Id = server.Value, Folder });
        List<PopEntry> entered = [];
        foreach (var (message, copy) in fresh)
        {
            var row = tx.QueryFirstOrDefault<Row>(
                "insert into pop_message (server_id, unique_id, copy, uid, state) values (@Id, @Unique, @copy, @next, @State) on conflict (server_id, unique_id, copy) do update set gone_at = null returning unique_id, copy, uid, state, gone_at",
                new { Id = server.Value, Unique = message.Id, copy, next, State = passOver ? "passed" : "due" })!;
            if (row.Uid == next) next++;
            if (row.State == "due") entered.Add(new PopEntry(message, copy, (uint)row.Uid));
        }
        tx.Execute("update mailbox_cursor set next_uid = @next where server_id = @Id and folder = @Folder", new { Id = server.Value, Folder, next });
        return entered;
    }

    /// <summary>Notes since when an id is not listed; only what has changed is written.</summary>
    private static async Task FollowAsync(HubDatabase database, IncomingServerId server, IEnumerable<Row> known, HashSet<(string, long)> present, CancellationToken cancel)
    {
        var changed = known.Where(row => present.Contains((row.UniqueId, row.Copy)) == (row.GoneAt is not null)).ToList();
        foreach (var batch in changed.Chunk(WriteBatch))
        {
            await database.WriteAsync(tx =>
            {
                foreach (var row in batch)
                    tx.Execute("update pop_message set gone_at = @Gone where server_id = @Id and uid = @Uid", new { Id = server.Value, row.Uid, Gone = row.GoneAt is null ? tx.Now : (DateTimeOffset?)null });
            }, cancel);
        }
        if (await database.ReadAsync(r => r.Scalar<long>("select count(*) from pop_message where server_id = @Id and gone_at < @Before", new { Id = server.Value, Before = r.Now - Memory }), cancel) > 0)
            await database.WriteAsync(tx => tx.Execute("delete from pop_message where server_id = @Id and gone_at < @Before", new { Id = server.Value, Before = tx.Now - Memory }), cancel);
    }

    private sealed class Row
    {
        public string UniqueId { get; set; } = "";
        public long Copy { get; set; }
        public long Uid { get; set; }
        public string State { get; set; } = "";
        public DateTimeOffset? GoneAt { get; set; }
    }
}
