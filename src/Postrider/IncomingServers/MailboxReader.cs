using System.Collections.Concurrent;
using Postrider.IncomingMail;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Storage;
using Postrider.Web;

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
    /// <summary>A message that the mailbox lists but does not hand over is asked for this often, over about two minutes by <see cref="ReconnectSchedule"/>; then it is set aside and later mail flows.</summary>
    internal const int TriesOfAMessage = 8;
    // What the client takes in one literal. A longer message would end the connection each time it is asked for.
    private static readonly long MaxMessageBytes = new ImapClientOptions().MaxLiteralBytes;

    // How often a message was not handed over. In memory: a restart begins to count anew and costs two minutes.
    private readonly ConcurrentDictionary<(Guid Server, uint UidValidity, uint Uid), int> withheld = new();

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

    private static IEnumerable<List<(uint Uid, long Size)>> Batches(List<(uint Uid, long Size)> wanted)
    {
        List<(uint, long)> batch = [];
        long bytes = 0;
        foreach (var (uid, size) in wanted)
        {
            if (batch.Count > 0 && (batch.Count >= BatchMessages || bytes + size > BatchBytes))
            {
                yield return batch;
                (batch, bytes) = ([], 0);
            }
            batch.Add((uid, size));
            bytes += size;
        }
        if (batch.Count > 0) yield return batch;
    }

    private async Task<(int Taken, ImapFailure? Failure)> TakeBatchAsync(IncomingServer server, ImapClient client, ImapMailboxState folder, IReadOnlyList<(uint Uid, long Size)> batch, CancellationToken cancel)
    {
        List<ArrivedMail> arrived = [];
        List<WithheldMail> givenUp = [.. batch.Where(m => m.Size > MaxMessageBytes).Select(m => new WithheldMail(PlaceOf(server, folder, m.Uid), m.Size, IncomingServersTexts.TooLongToFetch))];
        IReadOnlyList<uint> uids = [.. batch.Where(m => m.Size <= MaxMessageBytes).Select(m => m.Uid)];
        var failure = await FetchAsync(server, client, folder, uids, arrived, cancel);
        // A batch is refused as a whole for the sake of one message, and an answer without the body (NIL) is no message: what is missing is asked for one by one.
        if (failure is null || IsOfTheMessage(failure))
        {
            var came = arrived.Select(a => a.Uid).ToHashSet();
            failure = null;
            foreach (var (uid, size) in batch.Where(m => m.Size <= MaxMessageBytes && !came.Contains(m.Uid)))
            {
                var (refusal, wire) = await FetchAloneAsync(server, client, folder, uid, arrived, cancel);
                failure = wire ?? failure;
                if (wire is not null) break;
                if (refusal is null)
                {
                    withheld.TryRemove((server.Id.Value, folder.UidValidity, uid), out _);
                    continue;
                }
                if (withheld.AddOrUpdate((server.Id.Value, folder.UidValidity, uid), 1, (_, tries) => tries + 1) >= TriesOfAMessage) givenUp.Add(new WithheldMail(PlaceOf(server, folder, uid), size, refusal.ServerText ?? refusal.Detail));
                else failure ??= refusal;
            }
        }
        if (arrived.Count + givenUp.Count > 0 || failure is null)
        {
            // UIDs may come in any order (IMP-05); the cursor moves past the lowest gap only when nothing is missing.
            arrived.Sort((a, b) => a.Uid.CompareTo(b.Uid));
            var settled = arrived.Select(a => a.Uid).Concat(givenUp.Select(m => m.Place.Uid)).ToHashSet();
            var upTo = failure is null ? batch[^1].Uid : SafeUpTo(batch, settled);
            await intake.TakeAsync(arrived, tx =>
            {
                foreach (var mail in givenUp) intake.SetAside(tx, mail);
                if (upTo is { } uid) store.MoveCursor(tx, server.Id, server.Folder, folder.UidValidity, uid, mailCame: settled.Count > 0);
            }, cancel);
            foreach (var mail in givenUp) SetAside(log, server.Id.Value, mail.Place.Uid, mail.Why);
            foreach (var uid in settled) withheld.TryRemove((server.Id.Value, folder.UidValidity, uid), out _);
        }
        if (failure is not null) return (arrived.Count, failure);
        if (arrived.Count == 0 || !server.MarkSeen) return (arrived.Count, null);
        var marked = await client.UidStoreAsync([.. arrived.Select(a => a.Uid)], add: true, [@"\Seen"], cancel);    // step 7
        return (arrived.Count, marked.Failure);
    }

    private static async Task<ImapFailure?> FetchAsync(IncomingServer server, ImapClient client, ImapMailboxState folder, IReadOnlyList<uint> uids, List<ArrivedMail> arrived, CancellationToken cancel)
    {
        if (uids.Count == 0) return null;
        var fetched = await client.UidFetchAsync(uids, withBody: true, message =>
        {
            if (message.Body is { } body) arrived.Add(PlaceOf(server, folder, message.Uid) with { InternalDate = message.InternalDate, Bytes = body });
            return ValueTask.CompletedTask;
        }, cancel);
        return fetched.Failure;
    }

    /// <returns>Both null: it came, or it is in the mailbox no more (IMP-03). A refusal is about this message alone, a wire failure about the whole session.</returns>
    private static async Task<(ImapFailure? Refusal, ImapFailure? Wire)> FetchAloneAsync(IncomingServer server, ImapClient client, ImapMailboxState folder, uint uid, List<ArrivedMail> arrived, CancellationToken cancel)
    {
        var before = arrived.Count;
        var failure = await FetchAsync(server, client, folder, [uid], arrived, cancel);
        if (arrived.Count > before) return (null, failure);
        if (failure is not null && !IsOfTheMessage(failure)) return (null, failure);
        var listed = false;
        var look = await client.UidFetchAsync([uid], withBody: false, _ =>
        {
            listed = true;
            return ValueTask.CompletedTask;
        }, cancel);
        // Where not even the look is answered, nothing is known of this message: the mailbox as a whole is ill.
        if (look.Failure is { } blind) return (null, blind);
        return listed ? (failure ?? new ImapFailure(WireFailureKind.CommandRefused, "FETCH", null, IncomingServersTexts.FetchedWithoutBody.With(uid), true), null) : (null, null);
    }

    // Exchange throttles with a tagged BAD or NO that asks to wait, and RFC 5530 section 3 has codes for a server in passing trouble: those say nothing about a message.
    private static bool IsOfTheMessage(ImapFailure failure) => failure is { Kind: WireFailureKind.CommandRefused, ConnectionSurvives: true }
        && ReconnectSchedule.AskedPause(failure.ServerText) is null
        && !PassingWords.Any(word => failure.ServerText?.Contains(word, StringComparison.OrdinalIgnoreCase) == true)
        && !IncomingServersProblems.IsExpiredToken(failure);

    private static readonly string[] PassingWords = ["[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "Server Unavailable", "throttled"];

    private static ArrivedMail PlaceOf(IncomingServer server, ImapMailboxState folder, uint uid) => new(server.Id.Value, server.Folder, folder.UidValidity, uid, null, ReadOnlyMemory<byte>.Empty);

    /// <summary>Up to where nothing is missing; null when the first one is.</summary>
    private static uint? SafeUpTo(IReadOnlyList<(uint Uid, long Size)> batch, HashSet<uint> settled)
    {
        uint? upTo = null;
        foreach (var (uid, _) in batch)
        {
            if (!settled.Contains(uid)) break;
            upTo = uid;
        }
        return upTo;
    }

    [LoggerMessage(IncomingServersLog.SetAside, LogLevel.Warning, "Incoming server {Id}: message UID {Uid} stands in quarantine without its content, because the mailbox does not hand it over: {Why}")]
    private static partial void SetAside(ILogger log, Guid id, uint uid, string why);

    [LoggerMessage(IncomingServersLog.ValidityChanged, LogLevel.Warning, "Incoming server {Id}: UIDVALIDITY changed from {Before} to {After}; the folder is read again and what came before is recognised")]
    private static partial void ValidityChanged(ILogger log, Guid id, uint before, uint after);
}
