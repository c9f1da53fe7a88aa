using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.Channels;
using Dapper;
using Microsoft.Data.Sqlite;
using Postrider.Telemetry;

namespace Postrider.Storage;

/// <summary>
/// The hub's database: SQLite in WAL mode with synchronous=FULL.
/// One thread writes. It takes whatever waits, runs each delegate in a savepoint of one transaction, commits once (one fsync), then completes the callers' tasks:
/// when <see cref="WriteAsync{T}"/> returns, the write survives a power cut.
/// </summary>
internal sealed partial class HubDatabase : IAsyncDisposable
{
    private const string FileName = "postrider.db";
    // A transaction longer than this keeps the first caller waiting for the last one's work.
    private const int MaxWritesInACommit = 256;
    // Beyond this many waiting writes, callers wait before they queue: the memory of a burst is bounded.
    private const int MaxWaitingWrites = 10_000;
    // So long a patient write waits for company: about what one or two commits take, and less than anybody notices.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(1);
    // Readers do synchronous file I/O on pool threads; more at once than this only queue up inside SQLite.
    private const int MaxReaders = 16;

    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly FileStream processLock;
    private readonly KeptStatements writer;
    private readonly string readerConnectionString;
    private readonly ConcurrentBag<KeptStatements> idleReaders = [];
    private readonly Channel<Job> jobs = Channel.CreateBounded<Job>(new BoundedChannelOptions(MaxWaitingWrites) { SingleReader = true });
    private readonly SemaphoreSlim readers = new(MaxReaders);
    private readonly Thread thread;
    private long commits;
    private volatile bool disposed;

    private HubDatabase(string dataFolder, TimeProvider clock, ILogger log, FileStream processLock)
    {
        (DataFolder, this.clock, this.log, this.processLock) = (dataFolder, clock, log, processLock);
        var file = Path.Combine(dataFolder, FileName);
        readerConnectionString = new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString();
        writer = new KeptStatements(new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadWriteCreate, Pooling = false }.ToString()));
        thread = new Thread(WriteLoop) { IsBackground = true, Name = "postrider-writer" };
    }

    /// <summary>Where the database, its lock and its key file lie.</summary>
    public string DataFolder { get; }

    /// <summary>Group commits since the start.</summary>
    public long Commits => Interlocked.Read(ref commits);

    /// <exception cref="StartRefusedException">Another process has the folder, it cannot be written, or a newer version made it.</exception>
    public static HubDatabase Open(string dataFolder, TimeProvider clock, ILogger<HubDatabase> log)
    {
        var database = new HubDatabase(dataFolder, clock, log, LockFolder(dataFolder));
        try
        {
            MakePrivate(Path.Combine(dataFolder, FileName));
            database.writer.Open();
            database.writer.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON; PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;");
            MigrationRunner.Apply(database.writer.Connection, clock);
        }
        catch
        {
            database.writer.Dispose();
            database.processLock.Dispose();
            throw;
        }

        database.thread.Start();
        return database;
    }

    /// <summary>Runs <paramref name="write"/> on the writer thread. It may be run a second time, so it must set what it captures anew each time.</summary>
    /// <returns>Its result, once committed. An exception of the delegate undoes its own savepoint only and is thrown here.</returns>
    public async Task<T> WriteAsync<T>(Func<HubTransaction, T> write, CancellationToken cancellationToken = default)
    {
        if (Thread.CurrentThread == thread) throw new InvalidOperationException("A write was asked for inside a write: it would wait for itself.");
        var job = new Job<T>(write, cancellationToken);
        await jobs.Writer.WriteAsync(job, cancellationToken);
        return await job.Done.Task;
    }

    /// <summary>As <see cref="WriteAsync{T}"/> for what nobody is kept waiting by: it may wait a millisecond, so that it shares its commit with others. What is written after it is committed after it or with it.</summary>
    public async Task<T> WritePatientlyAsync<T>(Func<HubTransaction, T> write, CancellationToken cancellationToken = default)
    {
        if (Thread.CurrentThread == thread) throw new InvalidOperationException("A write was asked for inside a write: it would wait for itself.");
        var job = new Job<T>(write, cancellationToken) { IsPatient = true };
        await jobs.Writer.WriteAsync(job, cancellationToken);
        return await job.Done.Task;
    }

    public Task WriteAsync(Action<HubTransaction> write, CancellationToken cancellationToken = default) =>
        WriteAsync(tx =>
        {
            write(tx);
            return true;
        }, cancellationToken);

    /// <summary>Runs <paramref name="read"/> on a connection of its own, in one snapshot. It never waits for writers.</summary>
    public async Task<T> ReadAsync<T>(Func<HubReader, T> read, CancellationToken cancellationToken = default)
    {
        await readers.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(() => Read(read), cancellationToken);
        }
        finally
        {
            readers.Release();
        }
    }

    /// <summary>As <see cref="ReadAsync{T}"/>, on the caller's thread: for interfaces of ASP.NET Core that cannot wait.</summary>
    public T Read<T>(Func<HubReader, T> read)
    {
        if (!idleReaders.TryTake(out var connection))
        {
            connection = new KeptStatements(new SqliteConnection(readerConnectionString));
            connection.Open();
        }

        var whole = false;
        try
        {
            connection.Execute("BEGIN DEFERRED");
            var result = read(new HubReader(connection, clock.GetUtcNow()));
            connection.Execute("ROLLBACK");
            whole = true;
            return result;
        }
        finally
        {
            // After a failure nobody knows what state it is in.
            if (whole && !disposed) idleReaders.Add(connection);
            else connection.Dispose();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!jobs.Writer.TryComplete()) return;
        await Task.Run(thread.Join);
        disposed = true;
        while (idleReaders.TryTake(out var reader)) await reader.DisposeAsync();
        await writer.DisposeAsync();
        await processLock.DisposeAsync();
        readers.Dispose();
    }

    private void WriteLoop()
    {
        var batch = new List<Job>(MaxWritesInACommit);
        while (WaitForWork())
        {
            batch.Clear();
            Take(batch);
            if (batch.Count > 0 && batch.TrueForAll(job => job.IsPatient) && CompanyComes()) Take(batch);
            if (batch.Count > 0) Commit(batch);
        }
    }

    private void Take(List<Job> batch)
    {
        while (batch.Count < MaxWritesInACommit && jobs.Reader.TryRead(out var job))
            if (job.Begins()) batch.Add(job);
    }

    private bool CompanyComes()
    {
        var more = jobs.Reader.WaitToReadAsync();
        return more.IsCompletedSuccessfully ? more.Result : more.AsTask().Wait(Patience);
    }

    private bool WaitForWork()
    {
        var wait = jobs.Reader.WaitToReadAsync();
        return wait.IsCompletedSuccessfully ? wait.Result : wait.AsTask().GetAwaiter().GetResult();
    }

    private void Commit(List<Job> batch)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            writer.Execute("BEGIN IMMEDIATE");
            foreach (var job in batch) RunInSavepoint(job);
            writer.Execute("COMMIT");
        }
        catch (Exception failure)
        {
            // Disk full, an I/O error: nothing of this group was stored, and each caller is told so.
            LogCommitFailed(failure, batch.Count);
            RollBack();
            foreach (var job in batch) job.Fail(failure);
            return;
        }

        Interlocked.Increment(ref commits);
        StorageMeters.Commits.Record(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        StorageMeters.Writes.Add(batch.Count);
        foreach (var job in batch) Announce(job);
    }

    private void RunInSavepoint(Job job)
    {
        writer.Execute("SAVEPOINT one_write");
        try
        {
            job.Run(new HubTransaction(writer, clock.GetUtcNow()));
        }
        catch (Exception failure) when (InTransaction)
        {
            writer.Execute("ROLLBACK TO one_write");
            job.Fail(failure);
        }

        writer.Execute("RELEASE one_write");
    }

    // SQLite itself ends the transaction on a full disk or an I/O error: the whole group has failed then, not this write alone.
    private bool InTransaction => SQLitePCL.raw.sqlite3_get_autocommit(writer.Connection.Handle) == 0;

    private void RollBack()
    {
        try
        {
            if (InTransaction) writer.Execute("ROLLBACK");
        }
        catch (SqliteException failure)
        {
            // The writer thread must live: the next group's BEGIN says whether the disk has recovered.
            LogRollBackFailed(failure);
        }
    }

    private void Announce(Job job)
    {
        foreach (var action in job.AfterCommitActions)
        {
            try
            {
                action();
            }
            catch (Exception failure)
            {
                LogAfterCommitFailed(failure);
            }
        }

        job.Complete();
    }

    /// <summary>Mail is nobody else's to read, also where the folder was made with a wider mode. SQLite gives its log files the mode of the database.</summary>
    private static void MakePrivate(string file)
    {
        if (OperatingSystem.IsWindows()) return;
        const UnixFileMode OwnersAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (new FileStream(file, new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite, UnixCreateMode = OwnersAlone }))
            File.SetUnixFileMode(file, OwnersAlone);
    }

    private static FileStream LockFolder(string dataFolder)
    {
        try
        {
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(dataFolder);
            else Directory.CreateDirectory(dataFolder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException("data-folder-not-writable", $"The data folder {dataFolder} cannot be made or written.", "Give --data a folder this account may write.", failure);
        }

        try
        {
            return new FileStream(Path.Combine(dataFolder, "postrider.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException failure)
        {
            throw new StartRefusedException("data-folder-not-writable", $"The data folder {dataFolder} cannot be written.", "Give --data a folder this account may write.", failure);
        }
        catch (IOException failure)
        {
            throw new StartRefusedException("data-folder-in-use", $"Another postrider process has the data folder {dataFolder}.", "Stop that process, or give --data another folder.", failure);
        }
    }

    [LoggerMessage(1001, LogLevel.Error, "Storage: a commit of {Count} writes failed; none of them was stored")]
    private partial void LogCommitFailed(Exception failure, int count);

    [LoggerMessage(1005, LogLevel.Error, "Storage: a failed commit could not be rolled back")]
    private partial void LogRollBackFailed(Exception failure);

    [LoggerMessage(1002, LogLevel.Error, "Storage: what was to follow a commit failed; the write itself is stored")]
    private partial void LogAfterCommitFailed(Exception failure);

    private abstract class Job
    {
        public IReadOnlyList<Action> AfterCommitActions { get; protected set; } = [];

        /// <summary>It may wait a little for others to share its commit.</summary>
        public bool IsPatient { get; init; }

        /// <returns>False when the caller has given up: then nothing is run.</returns>
        public abstract bool Begins();
        public abstract void Run(HubTransaction transaction);
        public abstract void Fail(Exception failure);
        public abstract void Complete();
    }

    private sealed class Job<T>(Func<HubTransaction, T> write, CancellationToken cancellationToken) : Job
    {
        private T? result;

        public TaskCompletionSource<T> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override bool Begins() => !cancellationToken.IsCancellationRequested || !Done.TrySetCanceled(cancellationToken);

        public override void Run(HubTransaction transaction)
        {
            result = write(transaction);
            AfterCommitActions = transaction.AfterCommitActions;
        }

        public override void Fail(Exception failure) => Done.TrySetException(failure);

        public override void Complete() => Done.TrySetResult(result!);
    }
}
