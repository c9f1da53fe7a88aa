using Postrider.IncomingMail;
using Postrider.Mail.Imap;
using Postrider.Storage;

namespace Postrider.IncomingServers;

/// <summary>What one reading came to.</summary>
/// <param name="Taken">Messages that are in the hub now and were not before, or came a second time.</param>
/// <param name="Failure">Null: everything new was taken.</param>
internal sealed record Reading(int Taken, ImapFailure? Failure);

/// <summary>Takes in what is new in a selected folder. The numbers are the steps of docs/flows/receive-a-mail.md.</summary>
internal sealed partial class MailboxReader(HubDatabase database, IncomingServerStore store, Intake intake, TimeProvider clock, ILogger<MailboxReader> log)
{
    // A batch is one fetch, one store and one settling commit; whichever bound comes first.
    private const int BatchMessages = 50;
    private const long BatchBytes = 8 << 20;
    // Arrival times are asked for in larger bites: they are a line each.
    private const int LookBatch = 500;

    public async Task<Reading> ReadNewAsync(IncomingServer server, ImapClient client, ImapMailboxState folder, CancellationToken cancel)
    {
        await intake.ResumeAsync(cancel);
        var cursor = await CursorAsync(server, folder, cancel);                                        // step 2
        var search = await client.UidSearchFromAsync(cursor.NextUid, cancel);                          // step 3
        if (!search.Succeeded) return new Reading(0, search.Failure);
        // RFC 3501 section 6.4.8: "n:*" always names the last message, even one below n.
        var uids = search.Value!.Where(uid => uid >= cursor.NextUid).ToList();

        var taken = 0;
        foreach (var bite in uids.Chunk(LookBatch))
        {
            var wanted = await WantedAsync(client, bite, cursor, cancel);
            if (!wanted.Succeeded) return new Reading(taken, wanted.Failure);
            foreach (var batch in Batches(wanted.Value!))
            {
                var (count, failure) = await TakeBatchAsync(server, client, folder, batch, cancel);    // steps 3 to 6
                taken += count;
                if (failure is not null) return new Reading(taken, failure);
            }
            // What was passed over or expunged meanwhile (IMP-03) is done with as well.
            await database.WriteAsync(tx => store.MoveCursor(tx, server.Id, server.Folder, folder.UidValidity, bite[^1], mailCame: false), cancel);
        }
        return new Reading(taken, null);
    }

    private async Task<MailboxCursor> CursorAsync(IncomingServer server, ImapMailboxState folder, CancellationToken cancel)
    {
        var kept = await database.ReadAsync(r => store.Cursor(r, server.Id, server.Folder), cancel);
        if (kept?.UidValidity == folder.UidValidity) return kept;
        var now = clock.GetUtcNow();
        // No cursor: the username was changed after the confirmation. Reading begins anew, at the confirmation.
        var cursor = kept?.After(folder.UidValidity, server.Starts, server.Health.LastMailAt, server.ConfirmedAt ?? now) ?? MailboxCursor.Begin(server.Starts, folder.UidValidity, folder.UidNext, now);
        if (kept is not null) ValidityChanged(log, server.Id.Value, kept.UidValidity, folder.UidValidity);
        await database.WriteAsync(tx => store.SetCursor(tx, server.Id, server.Folder, cursor), cancel);
        return cursor;
    }

    /// <summary>UIDs to fetch, with their sizes; messages from before the cursor's time are left out.</summary>
    private static async Task<ImapResult<List<(uint Uid, long Size)>>> WantedAsync(ImapClient client, IReadOnlyList<uint> uids, MailboxCursor cursor, CancellationToken cancel)
    {
        List<(uint, long)> wanted = [];
        var looked = await client.UidFetchAsync(uids, withBody: false, found =>
        {
            if (found.Uid >= cursor.NextUid && cursor.Wants(found.InternalDate)) wanted.Add((found.Uid, found.Size ?? 0));
            return ValueTask.CompletedTask;
        }, cancel);
        if (!looked.Succeeded) return new ImapResult<List<(uint, long)>>(null, looked.Failure);
        wanted.Sort();
        return new ImapResult<List<(uint, long)>>(wanted, null);
    }

    private static IEnumerable<List<uint>> Batches(List<(uint Uid, long Size)> wanted)
    {
        List<uint> batch = [];
        long bytes = 0;
        foreach (var (uid, size) in wanted)
        {
            if (batch.Count > 0 && (batch.Count >= BatchMessages || bytes + size > BatchBytes))
            {
                yield return batch;
                (batch, bytes) = ([], 0);
            }
            batch.Add(uid);
            bytes += size;
        }
        if (batch.Count > 0) yield return batch;
    }

    private async Task<(int Taken, ImapFailure? Failure)> TakeBatchAsync(IncomingServer server, ImapClient client, ImapMailboxState folder, IReadOnlyList<uint> uids, CancellationToken cancel)
    {
        List<ArrivedMail> arrived = [];
        var fetched = await client.UidFetchAsync(uids, withBody: true, message =>
        {
            if (message.Body is { } body) arrived.Add(new ArrivedMail(server.Id.Value, server.Folder, folder.UidValidity, message.Uid, message.InternalDate, body));
            return ValueTask.CompletedTask;
        }, cancel);
        if (arrived.Count > 0)
        {
            // UIDs may come in any order (IMP-05); the cursor moves past the lowest gap only when the whole batch came.
            arrived.Sort((a, b) => a.Uid.CompareTo(b.Uid));
            var upTo = fetched.Succeeded ? uids[^1] : SafeUpTo(uids, arrived);
            await intake.TakeAsync(arrived, tx =>
            {
                if (upTo is { } uid) store.MoveCursor(tx, server.Id, server.Folder, folder.UidValidity, uid, mailCame: true);
            }, cancel);
        }
        if (!fetched.Succeeded) return (arrived.Count, fetched.Failure);
        if (arrived.Count == 0 || !server.MarkSeen) return (arrived.Count, null);
        var marked = await client.UidStoreAsync([.. arrived.Select(a => a.Uid)], add: true, [@"\Seen"], cancel);    // step 7
        return (arrived.Count, marked.Failure);
    }

    /// <summary>Up to where nothing is missing; null when the first one is.</summary>
    private static uint? SafeUpTo(IReadOnlyList<uint> uids, List<ArrivedMail> arrived)
    {
        uint? upTo = null;
        for (var i = 0; i < arrived.Count && arrived[i].Uid == uids[i]; i++) upTo = uids[i];
        return upTo;
    }

    [LoggerMessage(IncomingServersLog.ValidityChanged, LogLevel.Warning, "Incoming server {Id}: UIDVALIDITY changed from {Before} to {After}; the folder is read again and what came before is recognised")]
    private static partial void ValidityChanged(ILogger log, Guid id, uint before, uint after);
}
