using System.Collections.Concurrent;
using Postrider.Doctor;
using Postrider.IncomingMail;
using Postrider.Mail.Pop3;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.IncomingServers;

/// <summary>What one visit to a maildrop came to.</summary>
/// <param name="Taken">Messages that are in the hub now and were not before.</param>
/// <param name="Problem">Null: everything new was taken.</param>
/// <param name="NotBefore">How long the server wants to be left alone; zero where it does not say.</param>
internal sealed record PopReading(int Taken, Problem? Problem, FaultScope Scope, string? ServerText, TimeSpan NotBefore);

/// <summary>Visits a POP3 maildrop: takes in what is new and, where that is chosen, deletes what is safe here. The numbers are the steps of docs/flows/receive-a-mail.md.</summary>
internal sealed partial class PopReader(HubDatabase database, IncomingServerStore store, MailboxSessions sessions, Intake intake, FetchTurns turns, ILogger<PopReader> log)
{
    // As for IMAP: one store and one settling commit for each batch.
    private const int BatchMessages = 100;
    private const long BatchBytes = 8 << 20;
    private static readonly long MaxMessageBytes = new Pop3ClientOptions().MaxMessageBytes;

    // A maildrop is locked by the session that has it (RFC 1939 section 4): within this process one waits for the other.
    private readonly ConcurrentDictionary<IncomingServerId, SemaphoreSlim> visits = new();
    // How often a message was not handed over; see MailboxReader.
    private readonly ConcurrentDictionary<(IncomingServerId Server, uint Uid), int> withheld = new();

    /// <summary>Signs in and lists what lies there; takes nothing.</summary>
    /// <returns>Null messages where the reading has a problem.</returns>
    public async Task<(PopReading Reading, IReadOnlyList<Pop3Message>? Messages)> LookAsync(IncomingServer server, CancellationToken cancel)
    {
        IReadOnlyList<Pop3Message>? there = null;
        var reading = await VisitAsync(server, (_, listed) =>
        {
            there = listed;
            return Task.FromResult((0, (Pop3Failure?)null));
        }, cancel);
        return (reading, there);
    }

    public async Task<PopReading> ReadNewAsync(IncomingServer server, CancellationToken cancel) => await VisitAsync(server, async (client, listed) =>
    {
        var (due, there) = await PopLedger.CompareAsync(database, server.Id, listed, cancel);    // step 2
        var catchesUp = (await database.ReadAsync(r => store.Cursor(r, server.Id, PopLedger.Folder), cancel))?.CatchesUp == true;
        if (due.Count >= MailboxReader.CatchUpFrom) await database.WriteAsync(tx => store.BeginCatchUp(tx, server.Id, PopLedger.Folder, due.Count), cancel);
        List<PopEntry> safe = [.. there];
        var taken = 0;
        var settling = Task.FromResult<Pop3Failure?>(null);
        try
        {
            foreach (var batch in Batches(due))
            {
                Fetched fetched;
                using (await turns.TakeAsync(server.Id, cancel)) fetched = await FetchAsync(server, client, batch, cancel);    // step 3
                if (await settling is { } failed) return (taken, failed);
                taken += fetched.Arrived.Count;
                settling = SettleAsync(server, fetched, safe, cancel);                                                // steps 4 to 6
                if (fetched.Failure is not null) return (taken, await settling);
            }
            if (await settling is { } last) return (taken, last);
        }
        finally
        {
            await ((Task)settling).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        if (catchesUp || due.Count >= MailboxReader.CatchUpFrom) await database.WriteAsync(tx => store.EndCatchUp(tx, server.Id, PopLedger.Folder), cancel);
        if (server.Afterwards != AfterIntake.Delete || safe.Count == 0) return (taken, null);
        // Step 7. Should the end of the session fail, they are deleted by the next one: what is here is known by its id.
        var deleted = await client.DeleteAsync([.. safe.Select(entry => entry.Message)], cancel);
        return (taken, await client.QuitAsync(cancel) ?? (deleted is { ConnectionSurvives: false } ? deleted : null));
    }, cancel);

    private async Task<PopReading> VisitAsync(IncomingServer server, Func<Pop3Client, IReadOnlyList<Pop3Message>, Task<(int Taken, Pop3Failure? Failure)>> act, CancellationToken cancel)
    {
        var visit = visits.GetOrAdd(server.Id, _ => new SemaphoreSlim(1));
        await visit.WaitAsync(cancel);
        try
        {
            OpenedMaildrop opened;
            using (await turns.TakeAsync(server.Id, cancel)) opened = await sessions.OpenMaildropAsync(server, cancel);     // step 1
            if (opened.Client is not { } client) return new PopReading(0, opened.Problem, opened.Scope, opened.ServerText, TimeSpan.Zero);
            await using (client)
            {
                var pause = client.Capabilities.LoginDelay;
                var listed = await client.ListAsync(cancel);
                if (listed.Value is not { } messages) return Failed(server, 0, listed.Failure!, pause);
                var (taken, failure) = await act(client, messages);
                return failure is null ? new PopReading(taken, null, FaultScope.Server, null, pause) : Failed(server, taken, failure, pause);
            }
        }
        finally
        {
            visit.Release();
        }
    }

    private static PopReading Failed(IncomingServer server, int taken, Pop3Failure failure, TimeSpan pause)
    {
        var told = Pop3Doctor.Explain(failure, server.Host, server.Port);
        return new PopReading(taken, told.Problem, told.Scope, failure.ServerText, pause);
    }

    private sealed record Fetched(IReadOnlyList<ArrivedMail> Arrived, IReadOnlyList<PopEntry> Entries, IReadOnlyList<WithheldMail> GivenUp, Pop3Failure? Failure);

    private async Task<Fetched> FetchAsync(IncomingServer server, Pop3Client client, IReadOnlyList<PopEntry> batch, CancellationToken cancel)
    {
        List<ArrivedMail> arrived = [];
        List<PopEntry> entries = [];
        List<WithheldMail> givenUp = [.. batch.Where(entry => entry.Message.Size > MaxMessageBytes).Select(entry => new WithheldMail(PlaceOf(server, entry), entry.Message.Size, IncomingServersTexts.TooLongToFetch))];
        Pop3Failure? refused = null;
        var byNumber = batch.Where(entry => entry.Message.Size <= MaxMessageBytes).ToDictionary(entry => entry.Message.Number);
        var content = new MemoryStream();
        var failure = await client.RetrieveAsync([.. byNumber.Values.Select(entry => entry.Message)], message => content = new MemoryStream((int)Math.Clamp(message.Size, 256, MaxMessageBytes)), (message, refusal) =>
        {
            var entry = byNumber[message.Number];
            if (refusal is null)
            {
                arrived.Add(PlaceOf(server, entry) with { Bytes = content.GetBuffer().AsMemory(0, (int)content.Length) });
                entries.Add(entry);
            }
            else if (!refusal.IsPassing && withheld.AddOrUpdate((server.Id, entry.Uid), 1, (_, tries) => tries + 1) >= MailboxReader.TriesOfAMessage) givenUp.Add(new WithheldMail(PlaceOf(server, entry), message.Size, refusal.ServerText ?? refusal.Detail));
            else refused ??= refusal;
            return ValueTask.CompletedTask;
        }, cancel);
        return new Fetched(arrived, entries, givenUp, failure ?? refused);
    }

    /// <returns>The fetch's own failure, once what came of it is settled.</returns>
    private async Task<Pop3Failure?> SettleAsync(IncomingServer server, Fetched fetched, List<PopEntry> safe, CancellationToken cancel)
    {
        if (fetched.Arrived.Count + fetched.GivenUp.Count == 0) return fetched.Failure;
        await intake.TakeAsync(fetched.Arrived, tx =>
        {
            foreach (var mail in fetched.GivenUp) intake.SetAside(tx, mail);
            PopLedger.Mark(tx, server.Id, fetched.Entries.Select(entry => entry.Uid), "taken");
            PopLedger.Mark(tx, server.Id, fetched.GivenUp.Select(mail => mail.Place.Uid), "passed");
            store.MoveCursor(tx, server.Id, PopLedger.Folder, PopLedger.UidValidity, 0, fetched.Arrived.Count + fetched.GivenUp.Count);
            store.MailCame(tx, server.Id, null);
        }, cancel);
        safe.AddRange(fetched.Entries);
        foreach (var mail in fetched.GivenUp) SetAside(log, server.Id.Value, mail.Place.Uid, mail.Why);
        foreach (var uid in fetched.Entries.Select(entry => entry.Uid).Concat(fetched.GivenUp.Select(mail => mail.Place.Uid))) withheld.TryRemove((server.Id, uid), out _);
        return fetched.Failure;
    }

    private static IEnumerable<List<PopEntry>> Batches(IReadOnlyList<PopEntry> due)
    {
        List<PopEntry> batch = [];
        long bytes = 0;
        foreach (var entry in due)
        {
            if (batch.Count > 0 && (batch.Count >= BatchMessages || bytes + entry.Message.Size > BatchBytes))
            {
                yield return batch;
                (batch, bytes) = ([], 0);
            }
            batch.Add(entry);
            bytes += entry.Message.Size;
        }
        if (batch.Count > 0) yield return batch;
    }

    private static ArrivedMail PlaceOf(IncomingServer server, PopEntry entry) => new(server.Id.Value, PopLedger.Folder, PopLedger.UidValidity, entry.Uid, null, ReadOnlyMemory<byte>.Empty) { KeepOriginal = server.KeepOriginal };

    [LoggerMessage(IncomingServersLog.PopSetAside, LogLevel.Warning, "Incoming server {Id}: message {Uid} of the maildrop stands in quarantine without its content, because the server does not hand it over: {Why}")]
    private static partial void SetAside(ILogger log, Guid id, uint uid, string why);
}
