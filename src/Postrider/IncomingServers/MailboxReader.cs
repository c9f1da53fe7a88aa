using System.Collections.Concurrent;
using Postrider.IncomingMail;
using Postrider.Journal;
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
/// <remarks>While one batch is stored and settled, the next is fetched: at most two are in memory.</remarks>
internal sealed partial class MailboxReader(HubDatabase database, IncomingServerStore store, Intake intake, FetchTurns turns, JournalWriter journal, TimeProvider clock, ILogger<MailboxReader> log)
{
    // A batch is one fetch, one store and one settling commit; whichever bound comes first.
    private const int BatchMessages = 250;
    private const long BatchBytes = 8 << 20;
    // Arrival times are asked for in larger bites: they are a line each.
    private const int LookBatch = 500;
    /// <summary>Messages from which on it is catching up, with a progress that is shown.</summary>
    internal const int CatchUpFrom = 200;
    /// <summary>A message that the mailbox lists but does not hand over is asked for this often, over about two minutes by <see cref="ReconnectSchedule"/>; then it is set aside and later mail flows.</summary>
    internal const int TriesOfAMessage = 8;
    // What the client takes in one literal. A longer message would end the connection each time it is asked for.
    private static readonly long MaxMessageBytes = new ImapClientOptions().MaxLiteralBytes;

    // How often a message was not handed over. In memory: a restart begins to count anew and costs two minutes.
    private readonly ConcurrentDictionary<(Guid Server, uint UidValidity, uint Uid), int> withheld = new();

    public async Task<Reading> ReadNewAsync(IncomingServer server, ImapClient client, ImapMailboxState folder, CancellationToken cancel)
    {
        var cursor = await CursorAsync(server, folder, cancel);                                        // step 2
        if (server.Tidies && await TidyLeftoversAsync(server, client, folder, cancel) is { } untidy) return new Reading(0, untidy);
        var search = await SearchAsync(client, cursor, cancel);                                        // step 3
        if (!search.Succeeded) return new Reading(0, search.Failure);
        // RFC 3501 section 6.4.8: "n:*" always names the last message, even one below n.
        var uids = search.Value!.Where(uid => uid >= cursor.NextUid).ToList();
        if (uids.Count >= CatchUpFrom) await database.WriteAsync(tx => store.BeginCatchUp(tx, server.Id, server.Folder, uids.Count), cancel);

        var taken = 0;
        var settling = Task.FromResult<ImapFailure?>(null);
        Batch? before = null;
        try
        {
            foreach (var bite in uids.Chunk(LookBatch))
            {
                ImapResult<List<(uint Uid, long Size)>> wanted;
                using (await turns.TakeAsync(server.Id, cancel)) wanted = await WantedAsync(client, bite, cursor, cancel);
                if (!wanted.Succeeded) return new Reading(taken, await settling ?? wanted.Failure);
                foreach (var messages in Batches(wanted.Value!, bite[^1], bite.Length))
                {
                    Batch batch;
                    using (await turns.TakeAsync(server.Id, cancel)) batch = await FetchBatchAsync(server, client, folder, messages, cancel);
                    if (await settling is { } failed) return new Reading(taken, failed);
                    if (before is not null && await TidyAsync(server, client, folder, before, cancel) is { } untidied) return new Reading(taken, untidied);
                    before = batch;
                    taken += batch.Arrived.Count;
                    settling = SettleBatchAsync(server, folder, batch, cancel);                         // steps 4 to 6
                    if (batch.Failure is not null) return new Reading(taken, await settling);
                }
            }
            if (await settling is { } last) return new Reading(taken, last);
            if (before is not null && await TidyAsync(server, client, folder, before, cancel) is { } left) return new Reading(taken, left);   // step 7
        }
        finally
        {
            // What is under way ends before the session does; what it says is said above, or the session is broken anyway.
            await ((Task)settling).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        if (cursor.CatchesUp || uids.Count >= CatchUpFrom) await database.WriteAsync(tx => store.EndCatchUp(tx, server.Id, server.Folder), cancel);
        // Everything from before was looked at: from here on what a person moves into the folder counts as new, however old it is.
        if (cursor.NotBefore is not null && folder.UidNext is { } next) await database.WriteAsync(tx => store.LookedAtAll(tx, server.Id, server.Folder, folder.UidValidity, next), cancel);
        return new Reading(taken, null);
    }

    private static Task<ImapResult<IReadOnlyList<uint>>> SearchAsync(ImapClient client, MailboxCursor cursor, CancellationToken cancel) => cursor.NotBefore is { } since
        // A day earlier: SINCE counts in days of the server's own time zone. WantedAsync looks at the time itself.
        ? client.UidSearchAsync(ImapQuery.And(ImapQuery.Uids(cursor.NextUid), ImapQuery.Since(DateOnly.FromDateTime(since.UtcDateTime.AddDays(-1)))), cancel)
        : client.UidSearchFromAsync(cursor.NextUid, cancel);

    /// <summary>What one fetch brought.</summary>
    /// <param name="GivenUp">Set aside for good.</param>
    /// <param name="UpTo">The cursor moves past this one; null: not at all, since the first is missing.</param>
    /// <param name="Done">Messages that are done with by it, with those that were passed over.</param>
    /// <param name="Failure">Null: every message of it has come or is given up.</param>
    private sealed record Batch(IReadOnlyList<ArrivedMail> Arrived, IReadOnlyList<WithheldMail> GivenUp, uint? UpTo, int Done, ImapFailure? Failure);

    private async Task<MailboxCursor> CursorAsync(IncomingServer server, ImapMailboxState folder, CancellationToken cancel)
    {
        var kept = await database.ReadAsync(r => store.Cursor(r, server.Id, server.Folder), cancel);
        if (kept?.UidValidity == folder.UidValidity) return kept;
        var now = clock.GetUtcNow();
        // No cursor: the username was changed after the confirmation. Reading begins anew, at the confirmation.
        var cursor = kept?.After(folder.UidValidity, server.Starts, server.Health.LastMailAt, server.ConfirmedAt ?? now) ?? MailboxCursor.Begin(server.Starts, folder.UidValidity, folder.UidNext, now, server.StartDays);
        if (kept is not null) ValidityChanged(log, server.Id.Value, kept.UidValidity, folder.UidValidity);
        await database.WriteAsync(tx =>
        {
            store.SetCursor(tx, server.Id, server.Folder, cursor);
            if (kept is not null) journal.Write(tx, "incoming-mailbox-renumbered", IncomingServerChanges.Topic, server.Id.Value, IncomingServersTexts.ValidityChanged.With(kept.UidValidity, folder.UidValidity), null);
        }, cancel);
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

    /// <param name="last">The last UID that was looked at: what was passed over or expunged meanwhile (IMP-03) is done with as well.</param>
    /// <param name="looked">Messages that were looked at.</param>
    private static IEnumerable<Portion> Batches(List<(uint Uid, long Size)> wanted, uint last, int looked)
    {
        List<(uint Uid, long Size)> batch = [];
        long bytes = 0;
        var told = 0;
        foreach (var (uid, size) in wanted)
        {
            if (batch.Count > 0 && (batch.Count >= BatchMessages || bytes + size > BatchBytes))
            {
                told += batch.Count;
                yield return new Portion(batch, batch[^1].Uid, batch.Count);
                (batch, bytes) = ([], 0);
            }
            batch.Add((uid, size));
            bytes += size;
        }
        yield return new Portion(batch, last, looked - told);
    }

    /// <param name="Last">Up to which UID everything is done when all of it has come.</param>
    /// <param name="Looked">Messages that are done with then.</param>
    private sealed record Portion(IReadOnlyList<(uint Uid, long Size)> Messages, uint Last, int Looked);

    private async Task<Batch> FetchBatchAsync(IncomingServer server, ImapClient client, ImapMailboxState folder, Portion portion, CancellationToken cancel)
    {
        var batch = portion.Messages;
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
        // UIDs may come in any order (IMP-05); the cursor moves past the lowest gap only when nothing is missing.
        arrived.Sort((a, b) => a.Uid.CompareTo(b.Uid));
        if (failure is null) return new Batch(arrived, givenUp, portion.Last, portion.Looked, null);
        var upTo = SafeUpTo(batch, arrived.Select(a => a.Uid).Concat(givenUp.Select(m => m.Place.Uid)).ToHashSet());
        return new Batch(arrived, givenUp, upTo, batch.Count(m => m.Uid <= upTo), failure);
    }

    /// <returns>The batch's own failure, once what came of it is settled.</returns>
    private async Task<ImapFailure?> SettleBatchAsync(IncomingServer server, ImapMailboxState folder, Batch batch, CancellationToken cancel)
    {
        if (batch.Arrived.Count + batch.GivenUp.Count == 0 && batch.UpTo is null) return batch.Failure;
        await intake.TakeAsync(batch.Arrived, tx =>
        {
            foreach (var mail in batch.GivenUp) intake.SetAside(tx, mail);
            if (batch.UpTo is { } uid) store.MoveCursor(tx, server.Id, server.Folder, folder.UidValidity, uid, batch.Done);
            if (batch.Arrived.Count + batch.GivenUp.Count > 0) store.MailCame(tx, server.Id, batch.Arrived.Count > 0 ? batch.Arrived[^1].InternalDate : null);
        }, cancel);
        foreach (var mail in batch.GivenUp) SetAside(log, server.Id.Value, mail.Place.Uid, mail.Why);
        foreach (var uid in batch.Arrived.Select(a => a.Uid).Concat(batch.GivenUp.Select(m => m.Place.Uid))) withheld.TryRemove((server.Id.Value, folder.UidValidity, uid), out _);
        return batch.Failure;
    }

    /// <summary>What is to be done in the mailbox with messages that are safe here. What a crash left undone is found by <see cref="TidyLeftoversAsync"/>.</summary>
    private Task<ImapFailure?> TidyAsync(IncomingServer server, ImapClient client, ImapMailboxState folder, Batch batch, CancellationToken cancel) =>
        server.Tidies && batch.Arrived.Count > 0 ? TidyAsync(server, client, folder, [.. batch.Arrived.Select(a => a.Uid)], cancel) : Task.FromResult<ImapFailure?>(null);

    private async Task<ImapFailure?> TidyAsync(IncomingServer server, ImapClient client, ImapMailboxState folder, IReadOnlyList<uint> uids, CancellationToken cancel)
    {
        if (server.MarkSeen && (await client.UidStoreAsync(uids, add: true, [@"\Seen"], cancel)).Failure is { } unmarked) return unmarked;
        if (server is { Afterwards: AfterIntake.Move, MoveTo: { } target } && (await client.UidMoveAsync(uids, target, cancel)).Failure is { } unmoved) return unmoved;
        await database.WriteAsync(tx =>
        {
            intake.Tidied(tx, server.Id.Value, server.Folder, folder.UidValidity, uids);
            store.TellPages(tx, server.Id);
        }, cancel);
        return null;
    }

    private async Task<ImapFailure?> TidyLeftoversAsync(IncomingServer server, ImapClient client, ImapMailboxState folder, CancellationToken cancel)
    {
        while (true)
        {
            var left = await intake.UntidyAsync(server.Id.Value, server.Folder, folder.UidValidity, LookBatch, cancel);
            if (left.Count == 0) return null;
            if (await TidyAsync(server, client, folder, left, cancel) is { } failure) return failure;
        }
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

    private static ArrivedMail PlaceOf(IncomingServer server, ImapMailboxState folder, uint uid) => new(server.Id.Value, server.Folder, folder.UidValidity, uid, null, ReadOnlyMemory<byte>.Empty) { KeepOriginal = server.KeepOriginal, TidyDue = server.Tidies };

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
