using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics;
using System.Threading.Channels;
using Postrider.Telemetry;

namespace Postrider.Storage;

/// <summary>
/// The hub's database: SQLite in the data folder, or PostgreSQL.
/// One thread writes. It takes whatever waits, runs each delegate in one transaction, commits once (one fsync), then completes the callers' tasks:
/// when <see cref="WriteAsync{T}"/> returns, the write survives a power cut. A delegate that fails takes back only what it did itself.
/// </summary>
internal sealed partial class HubDatabase : IAsyncDisposable
{
    // A transaction longer than this keeps the first caller waiting for the last one's work.
    private const int MaxWritesInACommit = 256;
    // Beyond this many waiting writes, callers wait before they queue: the memory of a burst is bounded.
    private const int MaxWaitingWrites = 10_000;
    // So long a patient write waits for company: about what one or two commits take, and less than anybody notices.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(1);
    // Writes that somebody waits for come at a brisk pace when the last two commits of such are no older.
    private static readonly TimeSpan Brisk = 4 * Patience;
    private static readonly TimeSpan Lull = 10 * Patience;
    // Readers do synchronous I/O on pool threads; more at once than this only queue up inside the database.
    private const int MaxReaders = 16;
    private static readonly TimeSpan ServerPatience = TimeSpan.FromSeconds(10);
    // Between two tries to reach a server that is not there.
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(100);

    private readonly IDatabaseEngine engine;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly FileStream processLock;
    private readonly ConcurrentBag<HubConnection> idleReaders = [];
    private readonly Channel<Job> jobs = Channel.CreateBounded<Job>(new BoundedChannelOptions(MaxWaitingWrites) { SingleReader = true });
    private readonly SemaphoreSlim readers = new(MaxReaders);
    private readonly CancellationTokenSource stopping = new();
    private readonly Thread thread;
    private long commits;
    // When the last two groups with writes that somebody waited for were committed.
    private long awaitedAt;
    private long awaitedBefore;
    private volatile bool disposed;

    private HubDatabase(string dataFolder, IDatabaseEngine engine, TimeProvider clock, ILogger log, FileStream processLock)
    {
        (DataFolder, this.engine, this.clock, this.log, this.processLock) = (dataFolder, engine, clock, log, processLock);
        thread = new Thread(WriteLoop) { IsBackground = true, Name = "postrider-writer" };
    }

    /// <summary>Where the lock and the key file lie, and the database unless it is PostgreSQL.</summary>
    public string DataFolder { get; }

    /// <summary>False: what is free on the disk of the data folder says nothing about the database.</summary>
    public bool IsInDataFolder => engine.IsInDataFolder;

    /// <summary>Group commits since the start.</summary>
    public long Commits => Interlocked.Read(ref commits);

    /// <param name="address">Of a PostgreSQL database (<see cref="DatabaseAddress"/>); null: SQLite in the folder.</param>
    /// <param name="patience">How long a PostgreSQL server that has gone away is waited for before callers are told; null: ten seconds.</param>
    /// <exception cref="StartRefusedException">Another process has the folder or the database, it cannot be reached or written, or a newer version made it.</exception>
    public static HubDatabase Open(string dataFolder, string? address, TimeProvider clock, ILogger<HubDatabase> log, TimeSpan? patience = null)
    {
        var postgres = address is null ? null : DatabaseAddress.Read(address);
        var folder = LockFolder(dataFolder);
        var database = new HubDatabase(dataFolder, postgres is null ? new SqliteEngine(dataFolder, clock) : new PostgresEngine(postgres, patience ?? ServerPatience, clock, log), clock, log, folder);
        try
        {
            database.engine.Open();
        }
        catch
        {
            database.engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
            folder.Dispose();
            throw;
        }

        database.thread.Start();
        return database;
    }

    /// <summary>Runs <paramref name="write"/> on the writer thread. It may be run a second time, so it must set what it captures anew each time.</summary>
    /// <returns>Its result, once committed. An exception of the delegate undoes its own write only and is thrown here.</returns>
    /// <exception cref="CommitInDoubtException">The hub stopped before the database said whether it was stored.</exception>
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

    public Task WritePatientlyAsync(Action<HubTransaction> write, CancellationToken cancellationToken = default) =>
        WritePatientlyAsync(tx =>
        {
            write(tx);
            return true;
        }, cancellationToken);

    public Task WriteAsync(Action<HubTransaction> write, CancellationToken cancellationToken = default) =>
        WriteAsync(tx =>
        {
            write(tx);
            return true;
        }, cancellationToken);

    /// <summary>While writes that somebody waits for come at a brisk pace, a hundredth of a second; else no time. For work that costs less when more of it is done at once.</summary>
    public Task LullAsync(CancellationToken cancellationToken = default) => IsBrisk ? Task.Delay(Lull, TimeProvider.System, cancellationToken) : Task.CompletedTask;

    /// <summary>Runs <paramref name="read"/> on a connection of its own, in one snapshot. It never waits for writers. It may be run a second time, when a connection broke.</summary>
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
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            HubConnection? connection = null;
            var whole = false;
            try
            {
                if (!idleReaders.TryTake(out connection)) connection = engine.OpenReader();
                engine.BeginRead(connection);
                var result = read(new HubReader(connection, clock.GetUtcNow()));
                engine.EndRead(connection);
                whole = true;
                return result;
            }
            catch (Exception failure) when (engine.IsWorthAnotherTry(failure, started) && !disposed)
            {
                // A connection that was idle while the server was restarted, or it is just starting.
                stopping.Token.WaitHandle.WaitOne(BetweenTries);
            }
            finally
            {
                // After a failure nobody knows what state it is in.
                if (whole && !disposed && idleReaders.Count < MaxReaders) idleReaders.Add(connection!);
                else connection?.Dispose();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!jobs.Writer.TryComplete()) return;
        await stopping.CancelAsync();
        await Task.Run(thread.Join);
        disposed = true;
        while (idleReaders.TryTake(out var reader)) await reader.DisposeAsync();
        await engine.DisposeAsync();
        await processLock.DisposeAsync();
        readers.Dispose();
        stopping.Dispose();
    }

    private void WriteLoop()
    {
        var batch = new List<Job>(MaxWritesInACommit);
        while (WaitForWork())
        {
            batch.Clear();
            Take(batch);
            if (batch.Count > 0) WaitForCompany(batch);
            if (batch.Count > 0) Commit(batch);
        }
    }

    private void Take(List<Job> batch)
    {
        while (batch.Count < MaxWritesInACommit && jobs.Reader.TryRead(out var job))
            if (job.Begins()) batch.Add(job);
    }

    /// <summary>Patient writes go along with the next one. Where writes that somebody waits for come at a brisk pace it is one of those: a commit without it would stand in its way.</summary>
    private void WaitForCompany(List<Job> batch)
    {
        var started = Stopwatch.GetTimestamp();
        var brisk = IsBrisk;
        while (batch.Count < MaxWritesInACommit && batch.TrueForAll(job => job.IsPatient))
        {
            var left = (brisk ? Brisk : Patience) - Stopwatch.GetElapsedTime(started);
            if (left <= TimeSpan.Zero || !AnotherComes(left)) return;
            Take(batch);
            if (!brisk) return;
        }
    }

    private bool IsBrisk => Stopwatch.GetElapsedTime(Volatile.Read(ref awaitedBefore)) < Brisk;

    private bool AnotherComes(TimeSpan within)
    {
        var more = jobs.Reader.WaitToReadAsync();
        return more.IsCompletedSuccessfully ? more.Result : more.AsTask().Wait(within);
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
            while (!TryStore(batch, started))
            {
                // The server is not there, and nothing was stored: the delegates are run again when it is.
            }
        }
        catch (Exception failure)
        {
            // Disk full, an I/O error: nothing of this group was stored, and each caller is told so. A commit in doubt says that itself.
            LogCommitFailed(failure, batch.Count);
            foreach (var job in batch) job.Fail(failure);
            return;
        }

        Interlocked.Increment(ref commits);
        StorageMeters.Commits.Record(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        StorageMeters.Writes.Add(batch.Count);
        if (!batch.TrueForAll(job => job.IsPatient))
        {
            Volatile.Write(ref awaitedBefore, awaitedAt);
            awaitedAt = Stopwatch.GetTimestamp();
        }
        foreach (var job in batch) Announce(job);
    }

    /// <returns>False when nothing was stored, and it is worth another try.</returns>
    private bool TryStore(List<Job> batch, long started)
    {
        try
        {
            Store(batch);
            return true;
        }
        catch (CommitInDoubtException doubt)
        {
            return WasStored(doubt);
        }
        catch (Exception failure)
        {
            RollBack();
            if (!engine.IsWorthAnotherTry(failure, started) || !Pause()) throw;
            return false;
        }
    }

    private void Store(List<Job> batch)
    {
        if (batch.Count == 1 || !engine.SavepointsAreFree)
        {
            engine.Begin();
            try
            {
                foreach (var job in batch) job.Run(new HubTransaction(engine.Writer, clock.GetUtcNow()));
                engine.Commit();
                return;
            }
            catch (Exception failure) when (engine.InTransaction && failure is not CommitInDoubtException)
            {
                // It failed as a whole, by one of them: which one is found out below.
                RollBack();
                if (batch is [var only])
                {
                    only.Failed(failure);
                    return;
                }
            }
        }

        engine.Begin();
        foreach (var job in batch) RunApart(job);
        engine.Commit();
    }

    private void RunApart(Job job)
    {
        engine.BeginOne();
        try
        {
            job.Run(new HubTransaction(engine.Writer, clock.GetUtcNow()));
            engine.EndOne();
        }
        catch (Exception failure) when (engine.InTransaction)
        {
            engine.UndoOne();
            job.Failed(failure);
        }
    }

    /// <summary>The next connection tells. Until there is one the group waits, as it would for a slow disk: who was told "not stored" would write it once more.</summary>
    private bool WasStored(CommitInDoubtException doubt)
    {
        LogInDoubt(doubt);
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return engine.WasStored();
            }
            catch (Exception failure) when (StorageTroubles.Of(failure) == StorageTrouble.Unreachable)
            {
                if (!engine.IsWorthAnotherTry(failure, started)) RefuseWaiting(failure);
                if (!Pause()) throw doubt;
            }
        }
    }

    /// <summary>Nothing of those who wait behind it has been begun.</summary>
    private void RefuseWaiting(Exception failure)
    {
        while (jobs.Reader.TryRead(out var job))
            if (job.Begins()) job.Fail(failure);
    }

    /// <returns>False when the database is being closed: nothing is waited for any more.</returns>
    private bool Pause() => !stopping.Token.WaitHandle.WaitOne(BetweenTries);

    private void RollBack()
    {
        try
        {
            engine.RollBack();
        }
        catch (DbException failure)
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

    [LoggerMessage(1007, LogLevel.Warning, "Storage: the connection broke at a commit; the next one tells whether it was stored")]
    private partial void LogInDoubt(Exception failure);

    [LoggerMessage(1002, LogLevel.Error, "Storage: what was to follow a commit failed; the write itself is stored")]
    private partial void LogAfterCommitFailed(Exception failure);

    private abstract class Job
    {
        public abstract IReadOnlyList<Action> AfterCommitActions { get; }

        /// <summary>It may wait a little for others to share its commit.</summary>
        public bool IsPatient { get; init; }

        /// <returns>False when the caller has given up: then nothing is run.</returns>
        public abstract bool Begins();
        public abstract void Run(HubTransaction transaction);
        /// <summary>Its own write was taken back; its caller hears of it with the others.</summary>
        public abstract void Failed(Exception failure);
        public abstract void Fail(Exception failure);
        public abstract void Complete();
    }

    private sealed class Job<T>(Func<HubTransaction, T> write, CancellationToken cancellationToken) : Job
    {
        private T? result;
        private Exception? failed;
        private HubTransaction? ran;

        // Rows that come late add to them.
        public override IReadOnlyList<Action> AfterCommitActions => ran?.AfterCommitActions ?? [];

        public TaskCompletionSource<T> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override bool Begins() => !cancellationToken.IsCancellationRequested || !Done.TrySetCanceled(cancellationToken);

        public override void Run(HubTransaction transaction)
        {
            (failed, ran) = (null, transaction);
            result = write(transaction);
        }

        public override void Failed(Exception failure) => (failed, ran) = (failure, null);

        public override void Fail(Exception failure) => Done.TrySetException(failure);

        public override void Complete()
        {
            if (failed is not null) Done.TrySetException(failed);
            else Done.TrySetResult(result!);
        }
    }
}
