using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Postrider.Storage;
using Postrider.Telemetry;

namespace Postrider.Tests.Storage;

/// <summary>What a server does that a file does not: it goes away, and comes back.</summary>
public sealed class PostgresEngineTests(PostgresEngineTests.OwnServer own) : IAsyncLifetime, IClassFixture<PostgresEngineTests.OwnServer>
{
    private readonly TemporaryFolder folder = new();
    private string address = null!;
    private HubDatabase database = null!;

    private PostgresUnderTest Server => own.Server;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        address = await Server.NewDatabaseAsync();
        database = Open(address);
        await database.WriteAsync(tx => tx.Execute("CREATE TABLE note(text TEXT NOT NULL)"), Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await Server.DropDatabaseAsync(address);
        folder.Dispose();
    }

    [Fact]
    public async Task Connections_that_are_ended_under_load_lose_nothing_and_store_nothing_twice() =>
        await UnderLoadAsync(times: 12, EndConnectionsAsync);

    [Fact]
    public async Task A_server_that_crashes_under_load_loses_nothing_and_stores_nothing_twice() => await UnderLoadAsync(times: 2, Server.RestartAsync);

    [Fact]
    public async Task A_commit_whose_answer_was_lost_is_asked_about_and_told_as_what_it_was()
    {
        await using var line = new BreakableLine(new NpgsqlConnectionStringBuilder(address).Port);
        await database.DisposeAsync();
        database = Open(new NpgsqlConnectionStringBuilder(address) { Port = line.Port }.ToString());
        var runs = 0;

        // The server commits, and its answer never comes.
        await database.WriteAsync(tx => Write(tx, "stored", () => line.SwallowNextAnswer()), Cancel);
        Assert.Equal(1, runs);
        // The COMMIT itself never comes.
        runs = 0;
        await database.WriteAsync(tx => Write(tx, "not stored", () => line.SwallowNextWords()), Cancel);
        Assert.Equal(2, runs);
        Assert.Equal(["not stored", "stored"], await TextsAsync());
        Assert.Equal(2, line.Cuts);

        void Write(HubTransaction tx, string text, Action cut)
        {
            tx.Execute("INSERT INTO note(text) VALUES(@text)", new { text });
            if (runs++ == 0) cut();
        }
    }

    [Fact]
    public async Task Without_its_server_the_hub_says_so_and_goes_on_when_it_is_back()
    {
        await database.DisposeAsync();
        database = Open(address, TimeSpan.FromSeconds(1));
        await Server.StopAsync();
        var failure = await Record.ExceptionAsync(() => WriteAsync("lost"));
        Assert.Equal(StorageTrouble.Unreachable, StorageTroubles.Of(failure!));
        Assert.Equal(StorageTrouble.Unreachable, StorageTroubles.Of((await Record.ExceptionAsync(TextsAsync))!));
        await Server.StartAgainAsync();

        await WriteAsync("kept");
        Assert.Equal(["kept"], await TextsAsync());
    }

    [Fact]
    public async Task While_somebody_else_holds_the_lock_nothing_is_written_and_after_another_hub_never_again()
    {
        await using var other = new NpgsqlConnection(address + ";Pooling=false");
        await other.OpenAsync(Cancel);
        await using (var seize = other.CreateCommand())
        {
            // Waits for the lock, and has it as soon as the hub's session is ended.
            seize.CommandText = "SELECT pg_advisory_lock(8470, hashtext(current_schema()))";
            var waiting = seize.ExecuteNonQueryAsync(Cancel);
            while ((long)(await Server.ExecuteAsync("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))! == 0) await Task.Yield();
            await EndConnectionsAsync();
            await waiting;
        }

        var write = WriteAsync("waits");
        Assert.Empty(await TextsAsync());
        Assert.False(write.IsCompleted);
        await other.CloseAsync();
        await write;
        Assert.Equal(["waits"], await TextsAsync());

        var name = new NpgsqlConnectionStringBuilder(address).Database!;
        await Server.ExecuteAsync("UPDATE last_commit SET hub = 'another'", name);
        await EndConnectionsAsync();
        Assert.Equal(StorageTrouble.Unreachable, StorageTroubles.Of((await Record.ExceptionAsync(() => WriteAsync("never")))!));
        Assert.Equal(["waits"], await TextsAsync());
    }

    [Fact]
    public async Task A_second_hub_is_refused_also_with_another_folder()
    {
        using var elsewhere = new TemporaryFolder();
        Assert.Equal("database-in-use", Refusal(elsewhere, address).Code);
        await WriteAsync("goes on");
    }

    [Fact]
    public async Task What_cannot_be_used_is_refused_with_its_code_and_without_the_password()
    {
        using var elsewhere = new TemporaryFolder();
        var port = new NpgsqlConnectionStringBuilder(address).Port;
        await Server.ExecuteAsync("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0");
        foreach (var (given, code) in (ReadOnlySpan<(string, string)>)
        [
            ("Hast=db;Password=swordfish", "database-address-invalid"),
            ("Database=postrider;Password=swordfish", "database-address-invalid"),
            ("Host=db;Port=swordfish", "database-address-invalid"),
            ($"Host=127.0.0.1;Port={port};Username=postgres;Password=swordfish;Database=missing", "database-refused"),
            ($"Host=127.0.0.1;Port={port};Username=nobody_here;Password=swordfish;Database=postgres", "database-refused"),
            ($"Host=127.0.0.1;Port={port};Username=postgres;Password=swordfish;Database=ascii", "database-not-utf8"),
            ($"Host=127.0.0.1;Port={new BreakableLine(port).PortOnceClosed()};Username=postgres;Password=swordfish", "database-unreachable"),
        ])
        {
            var refused = Refusal(elsewhere, given);
            Assert.Equal(code, refused.Code);
            Assert.DoesNotContain("swordfish", refused.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain("swordfish", new HubOptions { DataFolder = folder.Path, Database = given }.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_full_disk_and_rows_in_use_mean_the_same_as_on_SQLite()
    {
        // As a server says it (Appendix A of its manual); a disk is not filled for it.
        var full = await Record.ExceptionAsync(() => database.WriteAsync(tx => tx.Execute("DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"), Cancel));
        Assert.Equal(StorageTrouble.Full, StorageTroubles.Of(full!));
        await database.WriteAsync(tx => { tx.Execute("CREATE TABLE a(id BIGINT PRIMARY KEY)"); tx.Execute("CREATE TABLE b(id BIGINT REFERENCES a(id))"); tx.Execute("INSERT INTO a VALUES(1)"); tx.Execute("INSERT INTO b VALUES(1)"); }, Cancel);
        Assert.Equal(StorageTrouble.StillReferenced, StorageTroubles.Of((await Record.ExceptionAsync(() => database.WriteAsync(tx => tx.Execute("DELETE FROM a"), Cancel)))!));
    }

    /// <summary>Sixteen callers write, and after each hundred acknowledged writes the server is disturbed. What was acknowledged is there once, and nothing else is.</summary>
    private async Task UnderLoadAsync(int times, Func<Task> disturb)
    {
        var acknowledged = new ConcurrentBag<string>();
        using var enough = new CancellationTokenSource();
        var callers = Enumerable.Range(0, 16).Select(caller => Task.Run(async () =>
        {
            for (var n = 0; !enough.IsCancellationRequested; n++)
            {
                var text = $"{caller} {n}";
                await WriteAsync(text);
                acknowledged.Add(text);
                await database.ReadAsync(reader => reader.Scalar<long>("SELECT count(*) FROM note"), Cancel);
            }
        }, Cancel)).ToList();
        for (var i = 0; i < times; i++)
        {
            var goal = acknowledged.Count + 100;
            while (acknowledged.Count < goal && callers.TrueForAll(caller => !caller.IsCompleted)) await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Cancel);
            await disturb();
        }

        await enough.CancelAsync();
        // Nobody was told of a failure: the groups that broke were stored after all, or run again.
        await Task.WhenAll(callers);
        Assert.Equal(acknowledged.Order(StringComparer.Ordinal), await TextsAsync());
    }

    private async Task EndConnectionsAsync() =>
        Assert.NotEqual(0L, await Server.ExecuteAsync("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'postrider'"));

    private HubDatabase Open(string at, TimeSpan? patience = null) => HubDatabase.Open(folder.Path, at, TimeProvider.System, NullLogger<HubDatabase>.Instance, patience);

    private static StartRefusedException Refusal(TemporaryFolder elsewhere, string given) =>
        Assert.Throws<StartRefusedException>(() => HubDatabase.Open(elsewhere.Path, given, TimeProvider.System, NullLogger<HubDatabase>.Instance));

    private Task<int> WriteAsync(string text) => database.WriteAsync(tx => tx.Execute("INSERT INTO note(text) VALUES(@text)", new { text }), Cancel);

    private Task<IReadOnlyList<string>> TextsAsync() => database.ReadAsync(r => r.Query<string>("SELECT text FROM note ORDER BY text"), Cancel);

    /// <summary>A server that only these tests disturb.</summary>
    public sealed class OwnServer : IAsyncLifetime
    {
        internal PostgresUnderTest Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await PostgresUnderTest.StartAsync();

        public ValueTask DisposeAsync() => Server is null ? ValueTask.CompletedTask : Server.DisposeAsync();
    }

    /// <summary>A TCP line to the server that breaks when it is told to, once, and can be used again after that.</summary>
    private sealed class BreakableLine : IAsyncDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource end = new();
        private readonly int serverPort;
        private readonly Task accepting;
        private volatile bool swallowAnswer;
        private volatile bool swallowWords;
        private int cuts;

        public BreakableLine(int serverPort)
        {
            this.serverPort = serverPort;
            listener.Start();
            accepting = AcceptAsync();
        }

        public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

        public int Cuts => cuts;

        public void SwallowNextAnswer() => swallowAnswer = true;

        public void SwallowNextWords() => swallowWords = true;

        /// <summary>One where nobody listens any more.</summary>
        public int PortOnceClosed()
        {
            var port = Port;
            listener.Stop();
            return port;
        }

        public async ValueTask DisposeAsync()
        {
            await end.CancelAsync();
            listener.Stop();
            await accepting;
            end.Dispose();
        }

        private async Task AcceptAsync()
        {
            var lines = new List<Task>();
            try
            {
                while (true)
                {
                    var client = await listener.AcceptTcpClientAsync(end.Token);
                    var server = new TcpClient { NoDelay = true };
                    client.NoDelay = true;
                    await server.ConnectAsync(IPAddress.Loopback, serverPort, end.Token);
                    lines.Add(CarryAsync(client, server, words: true));
                    lines.Add(CarryAsync(server, client, words: false));
                }
            }
            catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                await Task.WhenAll(lines);
            }
        }

        private async Task CarryAsync(TcpClient from, TcpClient to, bool words)
        {
            var buffer = new byte[65536];
            try
            {
                while (await from.GetStream().ReadAsync(buffer, end.Token) is > 0 and var read)
                {
                    if (words ? swallowWords : swallowAnswer)
                    {
                        (swallowWords, swallowAnswer) = (false, false);
                        Interlocked.Increment(ref cuts);
                        break;
                    }

                    await to.GetStream().WriteAsync(buffer.AsMemory(0, read), end.Token);
                }
            }
            catch (Exception cut) when (cut is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
            {
                // The other direction has cut the line.
            }
            finally
            {
                from.Dispose();
                to.Dispose();
            }
        }
    }
}
