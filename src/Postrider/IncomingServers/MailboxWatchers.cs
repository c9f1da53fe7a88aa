using Postrider.IncomingMail;
using Postrider.Storage;

namespace Postrider.IncomingServers;

/// <summary>Keeps one <see cref="MailboxWatcher"/> running for each confirmed server. Each has a task of its own, so a sick mailbox harms no other.</summary>
internal sealed partial class MailboxWatchers(
    HubDatabase database, IncomingServerStore store, IncomingServerChanges changes, MailboxSessions sessions, MailboxReader reader, PopReader maildrops, Intake intake, FetchTurns turns,
    TimeProvider clock, ILoggerFactory logs) : BackgroundService
{
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);
    /// <summary>All servers are looked at again though nothing was told: a watcher that ended of itself begins anew.</summary>
    internal static readonly TimeSpan LookAnyway = TimeSpan.FromMinutes(15);

    private readonly ILogger log = logs.CreateLogger<MailboxWatchers>();
    private readonly Dictionary<IncomingServerId, Watch> watches = [];

    private sealed record Watch(int Version, CancellationTokenSource Stop, Task Running);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                try
                {
                    var resumed = await intake.ResumeAsync(stoppingToken);
                    if (resumed > 0) Resumed(log, resumed);
                    await FollowAsync(stoppingToken);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // The database is in trouble: the watchers that run go on, and the list is read again soon.
                    FollowingFailed(log, e);
                    await Task.Delay(AfterTrouble, clock, stoppingToken);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The hub stops.
        }
        finally
        {
            foreach (var (id, watch) in watches.ToList()) await StopAsync(id, watch);
        }
    }

    private async Task FollowAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var confirmed = (await database.ReadAsync(store.Confirmed, stoppingToken)).ToDictionary(server => server.Id);
            foreach (var id in watches.Keys.Union(confirmed.Keys).ToList()) await FollowAsync(id, confirmed.GetValueOrDefault(id), stoppingToken);
            using var again = new CancellationTokenSource(LookAnyway, clock);
            while (await NextAsync(again.Token, stoppingToken) is { } changed)
                foreach (var id in changed) await FollowAsync(id, await database.ReadAsync(reader => store.Find(reader, id), stoppingToken), stoppingToken);
        }
    }

    /// <returns>Null when it is time to look at all of them.</returns>
    private async Task<IReadOnlyCollection<IncomingServerId>?> NextAsync(CancellationToken again, CancellationToken stoppingToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(again, stoppingToken);
        try
        {
            return await changes.NextAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <param name="server">As it is now; null: it was deleted.</param>
    private async Task FollowAsync(IncomingServerId id, IncomingServer? server, CancellationToken stoppingToken)
    {
        var watched = server is { State: IncomingServerState.Confirmed };
        if (watches.TryGetValue(id, out var watch))
        {
            if (watched && server!.Version == watch.Version && !watch.Running.IsCompleted) return;
            await StopAsync(id, watch);
        }

        if (watched) watches[id] = Start(server!, stoppingToken);
    }

    private Watch Start(IncomingServer server, CancellationToken stoppingToken)
    {
        Started(log, server.Id.Value);
        var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var watcher = new MailboxWatcher(server, database, store, sessions, reader, maildrops, intake, turns, clock, Random.Shared, logs.CreateLogger<MailboxWatcher>());
        return new Watch(server.Version, stop, Task.Run(() => watcher.RunAsync(stop.Token), CancellationToken.None));
    }

    private async Task StopAsync(IncomingServerId id, Watch watch)
    {
        watches.Remove(id);
        await watch.Stop.CancelAsync();
        try
        {
            await watch.Running;
        }
        catch (OperationCanceledException)
        {
            // As asked.
        }
        catch (Exception e)
        {
            WatchingFailed(log, id.Value, e);
        }
        watch.Stop.Dispose();
        Stopped(log, id.Value);
    }

    [LoggerMessage(IncomingServersLog.WatcherStarted, LogLevel.Information, "Incoming server {Id}: watching")]
    private static partial void Started(ILogger log, Guid id);

    [LoggerMessage(IncomingServersLog.WatcherStopped, LogLevel.Information, "Incoming server {Id}: no longer watched")]
    private static partial void Stopped(ILogger log, Guid id);

    [LoggerMessage(IncomingServersLog.WatchingFailed, LogLevel.Error, "Incoming server {Id}: watching failed")]
    private static partial void WatchingFailed(ILogger log, Guid id, Exception e);

    [LoggerMessage(IncomingServersLog.FollowingFailed, LogLevel.Error, "The list of incoming servers could not be read; tried again in a moment")]
    private static partial void FollowingFailed(ILogger log, Exception e);

    [LoggerMessage(IncomingMailLog.Resumed, LogLevel.Information, "{Count} messages that were stored but not routed before the last stop now are")]
    private static partial void Resumed(ILogger log, int count);
}
