using System.Diagnostics;
using Dapper;
using Npgsql;
using Postrider.Telemetry;

namespace Postrider.Storage;

/// <summary>
/// PostgreSQL, given by a connection string. The writing connection holds a session lock: while it lives no other hub writes, and what it commits it commits holding the lock.
/// When it breaks, the next one takes the lock anew and sees by <c>last_commit</c> whether the group that was under way has been stored.
/// </summary>
internal sealed partial class PostgresEngine : IDatabaseEngine
{
    // The first version that can all that the hub says.
    private static readonly Version Oldest = new(13, 0);

    // By schema: several hubs may share a database when each has a schema of its own (Search Path).
    private const string Lock = "8470, hashtext(current_schema())";

    // Of a table or row that another program holds; less than the half minute after which Npgsql gives up.
    private const string LockTimeout = "25s";

    private readonly NpgsqlDataSource source;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly string place;
    private readonly TimeSpan patience;
    private readonly byte[] self = Guid.CreateVersion7().ToByteArray(bigEndian: true);
    private PostgresStatements? writer;
    private long number;
    private bool begun;
    // Since when no connection could be made; 0: one could.
    private long unreachableSince;

    /// <param name="address">As it was checked by <see cref="DatabaseAddress"/>.</param>
    /// <param name="patience">A server that is restarted is waited for so long; then those who wait are told, and from then on at once.</param>
    public PostgresEngine(NpgsqlConnectionStringBuilder address, TimeSpan patience, TimeProvider clock, ILogger log)
    {
        (this.patience, this.clock, this.log) = (patience, clock, log);
        place = DatabaseAddress.Describe(address);
        // The hub stores nothing but what every PostgreSQL has: bytea, bigint, text and double precision.
        source = new NpgsqlDataSourceBuilder(address.ConnectionString).ConfigureTypeLoading(types => types.EnableTypeLoading(false)).Build();
    }

    public bool IsInDataFolder => false;

    public bool SavepointsAreFree => false;

    public HubConnection Writer => writer ?? throw new InvalidOperationException("The writing connection is gone.");

    public bool InTransaction => writer is { State: System.Data.ConnectionState.Open };

    public void Open()
    {
        try
        {
            writer = Connect();
            Refuse(writer);
            WaitForLock(writer);
            // With what it tells of the last commit: the table is the engine's own, as schema_migration is the runner's.
            MigrationRunner.Apply(writer, "BEGIN", Dialect.Postgres, clock);
            writer.ExecuteScript("CREATE TABLE IF NOT EXISTS last_commit(only_row BIGINT PRIMARY KEY CHECK(only_row = 1), hub BYTEA NOT NULL, number BIGINT NOT NULL)");
            number = writer.ExecuteScalar<long>("INSERT INTO last_commit(only_row, hub, number) VALUES(1, @self, 0) ON CONFLICT(only_row) DO UPDATE SET hub = excluded.hub RETURNING number", new { self });
        }
        catch (PostgresException refused) when (StorageTroubles.Of(refused) != StorageTrouble.Unreachable)
        {
            throw new StartRefusedException("database-refused", $"The database {place} refuses: {refused.MessageText}.", "Look at its users, passwords and rights, and at what --database or POSTRIDER_DATABASE says.", refused);
        }
        catch (NpgsqlException failure)
        {
            throw new StartRefusedException("database-unreachable", $"There is no connection to the database {place}: {failure.Message.TrimEnd('.')}.", "Start the server, or mend what --database or POSTRIDER_DATABASE says.", failure);
        }
    }

    public void Begin()
    {
        if (writer is not { State: System.Data.ConnectionState.Open }) Reconnect();
        begun = true;
        writer!.ExecuteLater("BEGIN", null);
    }

    public void Commit()
    {
        // In one transaction with the group: whoever reads it knows whether the group was stored.
        writer!.ExecuteLater("UPDATE last_commit SET number = @next WHERE only_row = 1", new { next = ++number });
        try
        {
            writer.Execute("COMMIT");
            begun = false;
        }
        catch (PostgresException said) when (said.InvariantSeverity == "ERROR")
        {
            throw;
        }
        catch (Exception lost) when (lost is NpgsqlException or IOException or TimeoutException)
        {
            throw new CommitInDoubtException(lost);
        }
    }

    public void RollBack()
    {
        if (!begun) return;
        begun = false;
        try
        {
            // What has not been sent is not there to be taken back; a ROLLBACK too many is a warning that nobody hears.
            writer?.DropWaiting();
            if (InTransaction) writer!.Execute("ROLLBACK");
        }
        catch (NpgsqlException)
        {
            // The server takes it back when it notices that the connection is gone.
            DropWriter();
        }
    }

    public void BeginOne() => writer!.ExecuteLater("SAVEPOINT one_write", null);

    public void EndOne()
    {
        writer!.ExecuteLater("RELEASE one_write", null);
        // Now, so that what fails is this write and no later one.
        writer.SendWaiting();
    }

    public void UndoOne()
    {
        writer!.DropWaiting();
        writer.Execute("ROLLBACK TO one_write");
        writer.ExecuteLater("RELEASE one_write", null);
    }

    public bool WasStored()
    {
        if (begun)
        {
            DropWriter();
            begun = false;
        }

        if (writer is not { State: System.Data.ConnectionState.Open }) Reconnect();
        return writer!.ExecuteScalar<long>("SELECT number FROM last_commit") == number;
    }

    public bool IsWorthAnotherTry(Exception failure, long since)
    {
        if (StorageTroubles.Of(failure) != StorageTrouble.Unreachable || Stopwatch.GetElapsedTime(since) >= patience) return false;
        var unreachable = Interlocked.Read(ref unreachableSince);
        return unreachable == 0 || Stopwatch.GetElapsedTime(unreachable) < patience;
    }

    public HubConnection OpenReader() => Connect();

    public void BeginRead(HubConnection reader) => reader.ExecuteLater("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", null);

    public void EndRead(HubConnection reader)
    {
        var postgres = (PostgresStatements)reader;
        // Nothing was asked at all.
        if (postgres.AnyWait) postgres.DropWaiting();
        else postgres.Execute("COMMIT");
    }

    public async ValueTask DisposeAsync()
    {
        DropWriter();
        await source.DisposeAsync();
    }

    private PostgresStatements Connect()
    {
        NpgsqlConnection? connection = null;
        try
        {
            connection = source.OpenConnection();
            var made = new PostgresStatements(connection);
            // No scans: a plan is kept, and one that was made while a table was small reads the whole table when it is large (seen: 11 ms for 64 bodies among 4,000, until the server had counted them).
            // on: also where the server or the role is set to lose the last moments. The keepalives: a server that has not heard of a broken line lets go of the lock after half a minute.
            made.ExecuteScript($"SET synchronous_commit = on; SET enable_seqscan = off; SET jit = off; SET lock_timeout = '{LockTimeout}'; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4");
            Interlocked.Exchange(ref unreachableSince, 0);
            return made;
        }
        catch (Exception failure) when (failure is NpgsqlException or IOException or TimeoutException)
        {
            Interlocked.CompareExchange(ref unreachableSince, Stopwatch.GetTimestamp(), 0);
            connection?.Dispose();
            throw;
        }
    }

    private void Reconnect()
    {
        DropWriter();
        var made = Connect();
        try
        {
            // Most often our own last session, whose end the server has not noticed.
            if (!TakeLock(made)) throw new DatabaseHeldException($"Another session holds the hub's lock on the database {place}.");
            if (made.ExecuteScalar<long>("SELECT count(*) FROM last_commit WHERE hub = @self", new { self }) == 0)
                throw new DatabaseHeldException($"Another postrider has had the database {place} meanwhile: what this one remembers is not true any more. Start it anew.");
            writer = made;
            LogRegained(place);
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    private void DropWriter()
    {
        writer?.Dispose();
        writer = null;
    }

    // The session of a hub that was killed may still be ending.
    private void WaitForLock(PostgresStatements connection)
    {
        try
        {
            connection.ExecuteScript($"SET lock_timeout = '5s'; SELECT pg_advisory_lock({Lock}); SET lock_timeout = '{LockTimeout}'");
        }
        catch (PostgresException held) when (held.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            throw new StartRefusedException("database-in-use", $"Another postrider process has the database {place}.", "Stop that process, or give --database another database.", held);
        }
    }

    private static bool TakeLock(PostgresStatements connection) => connection.ExecuteScalar<bool>($"SELECT pg_try_advisory_lock({Lock})");

    private void Refuse(PostgresStatements connection)
    {
        if (Version.TryParse(connection.ServerVersion.Split(' ')[0], out var version) && version < Oldest)
            throw new StartRefusedException("database-too-old", $"The server of the database {place} is PostgreSQL {connection.ServerVersion}.", $"Use PostgreSQL {Oldest.Major} or newer.");
        if (connection.ExecuteScalar<string>("SELECT current_setting('server_encoding')") is var encoding and not "UTF8")
            throw new StartRefusedException("database-not-utf8", $"The database {place} keeps its texts as {encoding}.", "Make it with ENCODING 'UTF8'.");
        if (connection.ExecuteScalar<string>("SELECT current_setting('fsync')") != "on")
            throw new StartRefusedException("database-not-durable", $"The server of the database {place} runs with fsync = off: what it acknowledges is not on its disk.", "Set fsync = on.");
    }

    [LoggerMessage(1006, LogLevel.Warning, "Storage: connected to the database {Place} again")]
    private partial void LogRegained(string place);

    /// <summary>The lock is not ours: nothing may be written.</summary>
#pragma warning disable RCS1194 // Made in two places.
    private sealed class DatabaseHeldException(string message) : NpgsqlException(message);
}
