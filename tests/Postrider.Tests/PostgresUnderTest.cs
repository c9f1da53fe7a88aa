using Npgsql;
using Postrider.Mail.Tests.Peers;

[assembly: AssemblyFixture(typeof(Postrider.Tests.PostgresUnderTest.End))]

namespace Postrider.Tests;

/// <summary>A PostgreSQL server of our own on a free loopback port: its own folder, run by an ordinary user, never the system's service. fsync is on, as the hub demands.</summary>
internal sealed class PostgresUnderTest : IAsyncDisposable
{
    private static readonly Lazy<Task<PostgresUnderTest>> Shared = new(StartAsync);

    /// <summary>The run is over.</summary>
    internal sealed class End : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            if (Shared.IsValueCreated) await (await Shared.Value).DisposeAsync();
        }
    }

    private readonly string folder;
    private readonly int port;
    private int made;

    private PostgresUnderTest(string folder, int port) => (this.folder, this.port) = (folder, port);

    /// <summary>The one of this test run. Skips the test where PostgreSQL is not installed.</summary>
    public static Task<PostgresUnderTest> SharedAsync()
    {
        FindOrSkip("initdb");
        return Shared.Value;
    }

    /// <summary>One of its own, for what would disturb others.</summary>
    public static async Task<PostgresUnderTest> StartAsync()
    {
        var initdb = FindOrSkip("initdb");
        var home = Directory.CreateTempSubdirectory("postrider-postgres-").FullName;
        var server = new PostgresUnderTest(home, PeerProgram.FreePorts(1)[0]);
        try
        {
            if (Environment.IsPrivilegedProcess) await PeerProgram.RunAsync(PeerProgram.FindOrSkip("chown"), ["postgres", home]);
            await server.RunAsync(initdb, ["-D", server.Data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
            await server.RunAsync(FindOrSkip("pg_ctl"), ["-D", server.Data, "-l", Path.Combine(home, "log"), "-w", "-o", $"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c max_connections=300", "start"]);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>A new, empty database.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> NewDatabaseAsync()
    {
        var name = $"t{Interlocked.Increment(ref made)}";
        await ExecuteAsync($"CREATE DATABASE {name}");
        return Address(name);
    }

    public async Task DropDatabaseAsync(string address) => await ExecuteAsync($"DROP DATABASE IF EXISTS {new NpgsqlConnectionStringBuilder(address).Database} WITH (FORCE)");

    /// <summary>As an administrator of the server, outside any hub.</summary>
    public async Task<object?> ExecuteAsync(string sql, string database = "postgres")
    {
        await using var connection = new NpgsqlConnection(Address(database) + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync();
    }

    /// <summary>As after a power cut, and up again.</summary>
    public Task RestartAsync() => ControlAsync("-m", "immediate", "-w", "-l", Path.Combine(folder, "log"), "restart");

    public Task StopAsync() => ControlAsync("-m", "immediate", "-w", "stop");

    public Task StartAgainAsync() => ControlAsync("-w", "-l", Path.Combine(folder, "log"), "-o", $"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c max_connections=300", "start");

    public async ValueTask DisposeAsync()
    {
        if (File.Exists(Path.Combine(Data, "postmaster.pid"))) await StopAsync();
        Directory.Delete(folder, recursive: true);
    }

    private string Data => Path.Combine(folder, "data");

    private string Address(string database) => $"Host=127.0.0.1;Port={port};Username=postgres;Database={database}";

    private Task ControlAsync(params string[] arguments) => RunAsync(FindOrSkip("pg_ctl"), ["-D", Data, .. arguments]);

    /// <summary>A program of PostgreSQL's that speaks to a database from outside: pg_dump, pg_restore.</summary>
    public static async Task RunClientAsync(string name, string address, params string[] arguments)
    {
        var at = new NpgsqlConnectionStringBuilder(address);
        var (code, output) = await PeerProgram.RunAsync(FindOrSkip(name), [$"--dbname=postgresql://{at.Username}@{at.Host}:{at.Port}/{at.Database}", .. arguments]);
        if (code != 0) throw new InvalidOperationException($"{name} ended with {code}: {output}");
    }

    // PostgreSQL refuses to run as root.
    private async Task RunAsync(string program, string[] arguments)
    {
        var (code, output) = Environment.IsPrivilegedProcess
            ? await PeerProgram.RunAsync(PeerProgram.FindOrSkip("runuser"), ["-u", "postgres", "--", program, .. arguments])
            : await PeerProgram.RunAsync(program, arguments);
        if (code != 0) throw new InvalidOperationException($"{program} ended with {code}: {output}");
    }

    // Debian keeps the server's programs out of the PATH, a folder for each version.
    private static string FindOrSkip(string name) =>
        Directory.Exists("/usr/lib/postgresql") && Directory.EnumerateDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin", name)).Where(File.Exists).Order(StringComparer.Ordinal).LastOrDefault() is { } found
            ? found : PeerProgram.FindOrSkip(name);
}
