using System.Collections.Concurrent;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>Sends what is due: docs/flows/send-a-mail.md, step 4. Each mailbox has its own connections, so a dead one delays nobody else.</summary>
internal sealed class OutboxPump(HubDatabase database, OutboxStore store, OutgoingServerStore servers, DeliveryAttempt attempt, OutboxSignal signal, TimeProvider clock, ILogger<OutboxPump> log) : BackgroundService
{
    /// <summary>Exchange Online lets a mailbox have three (Microsoft: "Exchange Online limits", read 2026-11).</summary>
    private const int ConnectionsOfAMailbox = 3;

    private static readonly TimeSpan LongestSleep = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ShortSleep = TimeSpan.FromSeconds(1);

    /// <summary>A dialogue that is under way when the hub stops may end within this time; then its connection is cut.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(20);

    private readonly Guid claim = Ids.New(clock);
    private readonly ConcurrentDictionary<OutboxMailId, byte> sending = new();
    private readonly ConcurrentDictionary<Task, byte> drivers = new();
    private readonly Dictionary<string, int> connections = new(StringComparer.Ordinal);
    private readonly Lock turn = new();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var cut = new CancellationTokenSource();
        await using var lastWords = stoppingToken.Register(() => cut.CancelAfter(LastWords));
        await RecoverAsync(atStart: true);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await StartDriversAsync(stoppingToken, cut.Token);
                await SleepAsync(stoppingToken);
                await RecoverAsync(atStart: false);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception failure)
            {
                // A full disk, a locked database: the queue is on disk and is looked at again.
                OutgoingMailLog.PumpFailed(log, failure);
                await Task.Delay(TimeSpan.FromSeconds(5), clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        await Task.WhenAll(drivers.Keys);
    }

    private async Task StartDriversAsync(CancellationToken stopping, CancellationToken cut)
    {
        var due = await database.ReadAsync(store.DueServers, stopping);
        foreach (var (id, count) in due)
        {
            if (await servers.FindAsync(id, stopping) is not { } server) continue;
            // One connection carries many messages; more only for a backlog.
            var wanted = count switch { <= 5 => 1, <= 20 => 2, _ => ConnectionsOfAMailbox };
            while (TryEnter(KeyOf(server), wanted)) StartDriver(server, stopping, cut);
        }
    }

    private void StartDriver(OutgoingServer server, CancellationToken stopping, CancellationToken cut)
    {
        var driver = Task.Run(async () =>
        {
            try
            {
                await DriveAsync(server.Id, stopping, cut);
            }
            catch (OperationCanceledException) when (cut.IsCancellationRequested)
            {
                // The hub stops: the next start tells by the attempt's row what the mail came to.
            }
            catch (Exception failure)
            {
                OutgoingMailLog.DriverFailed(log, failure, server.Id.Value);
            }
            finally
            {
                Leave(KeyOf(server));
            }
        }, CancellationToken.None);
        drivers[driver] = 0;
        _ = driver.ContinueWith(done => drivers.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task DriveAsync(OutgoingServerId id, CancellationToken stopping, CancellationToken cut)
    {
        await using var connection = new MailboxConnection();
        while (!stopping.IsCancellationRequested)
        {
            var claimed = await database.WriteAsync(tx =>
            {
                var mail = store.Claim(tx, id, claim);
                // Before the commit is known to anybody, so that it never looks stranded.
                if (mail is not null) sending[mail.Id] = 0;
                return mail;
            }, CancellationToken.None);
            if (claimed is null) return;
            try
            {
                // Read anew: failures in a row and the account may have changed since the last mail.
                if (await servers.FindAsync(id, CancellationToken.None) is not { } server || !await attempt.RunAsync(server, claimed, connection, cut)) return;
            }
            finally
            {
                sending.TryRemove(claimed.Id, out _);
            }
        }
    }

    private async Task SleepAsync(CancellationToken stopping)
    {
        var next = await database.ReadAsync(store.NextDue, stopping);
        var pause = next is { } at ? at - clock.GetUtcNow() : LongestSleep;
        // What is due now is being sent by a driver, whose end wakes us; or it came due since the drivers were started, and must not wait for the long sleep.
        pause = pause <= TimeSpan.Zero ? ShortSleep : pause > LongestSleep ? LongestSleep : pause;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        await Task.WhenAny(signal.WaitAsync(either.Token), Task.Delay(pause, clock, either.Token));
        await either.CancelAsync();
        stopping.ThrowIfCancellationRequested();
    }

    private async Task RecoverAsync(bool atStart)
    {
        var (waiting, unknown) = await database.WriteAsync(tx => store.Recover(tx, sending.ContainsKey, atStart ? null : OutgoingMailProblems.AttemptBroke), CancellationToken.None);
        if (waiting + unknown > 0) OutgoingMailLog.Recovered(log, waiting, unknown);
    }

    private static string KeyOf(OutgoingServer server) => server.Mailbox?.Normalized ?? $"{server.Host}:{server.Port}:{server.UserName}";

    private bool TryEnter(string key, int wanted)
    {
        lock (turn)
        {
            var now = connections.GetValueOrDefault(key);
            if (now >= wanted || now >= ConnectionsOfAMailbox) return false;
            connections[key] = now + 1;
            return true;
        }
    }

    private void Leave(string key)
    {
        lock (turn)
        {
            if (--connections[key] == 0) connections.Remove(key);
        }

        // Something may have come due between the last claim and now.
        signal.Wake();
    }
}
