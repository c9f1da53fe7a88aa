using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Postrider.IncomingMail;
using Postrider.IncomingServers;
using Postrider.Journal;
using Postrider.Storage;

namespace Postrider.Tests.IncomingServers;

/// <summary>Which watchers run, as servers come, change and go.</summary>
public sealed class MailboxWatchersTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_change_of_one_server_reads_it_alone_and_restarts_its_watcher_alone()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var (one, two, broken) = (await MakeAsync(hub, "one"), await MakeAsync(hub, "two"), await MakeAsync(hub, "broken"));
        var (clock, changes, heard) = (new FakeClock(), new IncomingServerChanges(hub.Service<LiveEvents>()), new Heard());
        await ExecuteAsync(hub, "update incoming_server set state = 'confirmed' where name <> 'broken'");
        using var watchers = new MailboxWatchers(
            hub.Service<HubDatabase>(), hub.Service<IncomingServerStore>(), changes, hub.Service<MailboxSessions>(), hub.Service<MailboxReader>(), hub.Service<PopReader>(), hub.Service<Intake>(), hub.Service<FetchTurns>(), clock, heard);
        await watchers.StartAsync(Cancel);
        Assert.Equal(new HashSet<Guid> { one, two }, [await heard.NextAsync(IncomingServersLog.WatcherStarted), await heard.NextAsync(IncomingServersLog.WatcherStarted)]);

        // From here on whoever reads the whole list fails.
        await ExecuteAsync(hub, "update incoming_server set state = 'confirmed', problem = 'no JSON' where name = 'broken'");
        for (var n = 0; n < 3; n++)
        {
            await ExecuteAsync(hub, "update incoming_server set version = version + 1 where name = 'one'");
            changes.ServerChanged(new(one));
            Assert.Equal(one, await heard.NextAsync(IncomingServersLog.WatcherStopped));
            Assert.Equal(one, await heard.NextAsync(IncomingServersLog.WatcherStarted));
        }

        // Told without reason: nothing happens. Deleted: it ends, and what came before it was heard of first.
        changes.ServerChanged(new(two));
        await ExecuteAsync(hub, "delete from incoming_server where name = 'one'");
        changes.ServerChanged(new(one));
        Assert.Equal(one, await heard.NextAsync(IncomingServersLog.WatcherStopped));

        // Nobody told of these two: the look at all of them finds it.
        await ExecuteAsync(hub, "update incoming_server set problem = null where name = 'broken'");
        await ExecuteAsync(hub, "update incoming_server set version = version + 1 where name = 'two'");
        changes.ServerChanged(new(broken));
        Assert.Equal(broken, await heard.NextAsync(IncomingServersLog.WatcherStarted));
        clock.Advance(MailboxWatchers.LookAnyway);
        Assert.Equal(two, await heard.NextAsync(IncomingServersLog.WatcherStopped));
        Assert.Equal(two, await heard.NextAsync(IncomingServersLog.WatcherStarted));
        await watchers.StopAsync(Cancel);
    }

    private static async Task<Guid> MakeAsync(HubUnderTest hub, string name) =>
        (await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name, kind = "imap", userName = name, password = "a password", host = "localhost", port = 1 })).GetProperty("id").GetGuid();

    private static Task<int> ExecuteAsync(HubUnderTest hub, string sql) => hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute(sql));

    /// <summary>What the watchers log of starting, stopping and failing to follow, in its order.</summary>
    private sealed class Heard : ILoggerFactory, ILogger
    {
        private readonly Channel<(int Id, Guid Server)> events = Channel.CreateUnbounded<(int, Guid)>();

        /// <returns>The server it is about; empty when it is about none.</returns>
        public async Task<Guid> NextAsync(int id)
        {
            var next = await events.Reader.ReadAsync(Cancel);
            Assert.Equal(id, next.Id);
            return next.Server;
        }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id is not (IncomingServersLog.WatcherStarted or IncomingServersLog.WatcherStopped or IncomingServersLog.WatchingFailed or IncomingServersLog.FollowingFailed)) return;
            var server = (state as IReadOnlyList<KeyValuePair<string, object?>>)?.FirstOrDefault(value => value.Key == "Id").Value as Guid?;
            events.Writer.TryWrite((eventId.Id, server ?? Guid.Empty));
        }

        public void Dispose()
        {
        }
    }
}
