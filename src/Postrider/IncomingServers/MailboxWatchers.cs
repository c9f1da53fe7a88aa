using Postrider.IncomingMail;
using Postrider.Storage;

namespace Postrider.IncomingServers;

/// <summary>Keeps one <see cref="MailboxWatcher"/> running for each confirmed server. Each has a task of its own, so a sick mailbox harms no other.</summary>
internal sealed partial class MailboxWatchers(
    HubDatabase database, IncomingServerStore store, IncomingServerChanges changes, MailboxSessions sessions, MailboxReader reader, PopReader maildrops, Intake intake, FetchTurns turns,
    TimeProvider clock, ILoggerFactory logs) : BackgroundService
{
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);

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
            var confirmed = (await database.ReadAsync(store.Confirmed, stoppingToken)).ToDictionary(s => s.Id);
            foreach (var (id, watch) in watches.ToList())
            {
                if (confirmed.TryGetValue(id, out var server) && server.Version == watch.Version && !watch.Running.IsCompleted) continue;
                await StopAsync(id, watch);
            }
            foreach (var server in confirmed.Values) if (!watches.ContainsKey(server.Id)) watches[server.Id] = Start(server, stoppingToken);
            await changes.NextAsync(stoppingToken);
        }
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
