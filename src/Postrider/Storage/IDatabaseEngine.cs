using System.Data.Common;

namespace Postrider.Storage;

/// <summary>
/// What differs between the two databases. The writing half is used by the one writing thread; readers may be opened by any.
/// A group of writes is Begin, the delegates, Commit; after a failure RollBack, whatever state the connection is in.
/// </summary>
internal interface IDatabaseEngine : IAsyncDisposable
{
    /// <summary>True: the database is a file in the data folder, and its free space is the disk's.</summary>
    bool IsInDataFolder { get; }

    /// <summary>True: a savepoint costs next to nothing, so each write of a group has one from the start. False: only when a group has failed and is run once more.</summary>
    bool SavepointsAreFree { get; }

    HubConnection Writer { get; }

    /// <summary>The transaction goes on: only the write that failed has to be undone. False after what ends a transaction, such as a full disk or a broken connection.</summary>
    bool InTransaction { get; }

    /// <summary>Takes the database for this process and brings its schema up to date.</summary>
    /// <exception cref="Telemetry.StartRefusedException">It cannot be opened as it is.</exception>
    void Open();

    /// <summary>Connects anew first when the connection is gone.</summary>
    void Begin();

    /// <summary>Durable when it returns.</summary>
    /// <exception cref="CommitInDoubtException">The answer was lost.</exception>
    void Commit();

    void RollBack();

    void BeginOne();

    void EndOne();

    void UndoOne();

    /// <summary>After a <see cref="CommitInDoubtException"/>, on a new connection: whether that group was stored.</summary>
    bool WasStored();

    /// <summary>The failure may have passed in a moment: a server that is being restarted. Nothing was stored by what failed.</summary>
    /// <param name="since">When the first try began (<see cref="System.Diagnostics.Stopwatch.GetTimestamp"/>).</param>
    bool IsWorthAnotherTry(Exception failure, long since);

    /// <summary>A connection that cannot write.</summary>
    HubConnection OpenReader();

    /// <summary>From here on the reader sees one state.</summary>
    void BeginRead(HubConnection reader);

    void EndRead(HubConnection reader);
}

/// <summary>The connection broke between a COMMIT and its answer: it may have been stored, or not.</summary>
#pragma warning disable RCS1194 // Made in one place.
internal sealed class CommitInDoubtException(Exception cause) : DbException("The connection to the database broke before it said whether this was stored. It may have been.", cause);
