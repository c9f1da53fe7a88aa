using Dapper;
using Microsoft.Data.Sqlite;

namespace Postrider.Storage;

/// <summary>SQLite in the data folder, in WAL mode with synchronous=FULL. Other processes are kept out by the folder's lock.</summary>
internal sealed class SqliteEngine : IDatabaseEngine
{
    private const string FileName = "postrider.db";
    // sqlite3.h
    private const int SQLITE_CONFIG_MULTITHREAD = 2;
    private const int SQLITE_CONFIG_MEMSTATUS = 9;

    private readonly string file;
    private readonly TimeProvider clock;
    private readonly KeptStatements writer;
    private readonly string readerConnectionString;

    // Before the first connection, or they say "misuse" and nothing changes: each connection is one thread's at a time (HubConnection), and nobody asks SQLite how much memory it has.
    // The locks for both took a fifteenth of the writing thread.
    static SqliteEngine()
    {
        SQLitePCL.Batteries_V2.Init();
        SQLitePCL.raw.sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
        SQLitePCL.raw.sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    }

    public SqliteEngine(string dataFolder, TimeProvider clock)
    {
        this.clock = clock;
        file = Path.Combine(dataFolder, FileName);
        readerConnectionString = new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString();
        writer = new KeptStatements(new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadWriteCreate, Pooling = false }.ToString()));
    }

    public bool IsInDataFolder => true;

    public bool SavepointsAreFree => true;

    public HubConnection Writer => writer;

    // SQLite itself ends the transaction on a full disk or an I/O error: the whole group has failed then, not this write alone.
    public bool InTransaction => SQLitePCL.raw.sqlite3_get_autocommit(writer.Connection.Handle) == 0;

    public void Open()
    {
        MakePrivate(file);
        writer.Open();
        writer.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON; PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=4000;");
        // IMMEDIATE: a second process that got past the file lock (a network file system without locks) waits here.
        MigrationRunner.Apply(writer, "BEGIN IMMEDIATE", Dialect.Sqlite, clock);
    }

    public void Begin() => writer.Execute("BEGIN IMMEDIATE");

    public void Commit() => writer.Execute("COMMIT");

    public void RollBack()
    {
        if (InTransaction) writer.Execute("ROLLBACK");
    }

    public void BeginOne() => writer.Execute("SAVEPOINT one_write");

    public void EndOne() => writer.Execute("RELEASE one_write");

    public void UndoOne()
    {
        writer.Execute("ROLLBACK TO one_write");
        writer.Execute("RELEASE one_write");
    }

    public bool WasStored() => throw new NotSupportedException("A commit of SQLite is never in doubt.");

    public bool IsWorthAnotherTry(Exception failure, long since) => false;

    public HubConnection OpenReader()
    {
        var reader = new KeptStatements(new SqliteConnection(readerConnectionString));
        reader.Open();
        return reader;
    }

    public void BeginRead(HubConnection reader) => reader.Execute("BEGIN DEFERRED");

    public void EndRead(HubConnection reader) => reader.Execute("ROLLBACK");

    public ValueTask DisposeAsync() => writer.DisposeAsync();

    /// <summary>Mail is nobody else's to read, also where the folder was made with a wider mode. SQLite gives its log files the mode of the database.</summary>
    private static void MakePrivate(string file)
    {
        if (OperatingSystem.IsWindows()) return;
        const UnixFileMode OwnersAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (new FileStream(file, new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite, UnixCreateMode = OwnersAlone }))
            File.SetUnixFileMode(file, OwnersAlone);
    }
}
