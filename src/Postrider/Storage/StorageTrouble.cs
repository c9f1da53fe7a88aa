using System.Data.Common;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Postrider.Storage;

/// <summary>What a failure of the database means to those who asked for a write or a read, whichever database it is.</summary>
internal enum StorageTrouble
{
    /// <summary>Somebody must make room.</summary>
    Full,
    /// <summary>Somebody else holds it; passes by itself.</summary>
    Busy,
    /// <summary>There is no connection to it; passes when it is there again.</summary>
    Unreachable,
    /// <summary>It may have been stored: the hub stopped before the database said so.</summary>
    InDoubt,
    /// <summary>Its disk reports errors, or it cannot be written at all; nothing was stored.</summary>
    Failing,
    /// <summary>Other rows refer to the row that was to go.</summary>
    StillReferenced,
}

internal static class StorageTroubles
{
    /// <returns>Null: something else, most often a fault of ours.</returns>
    public static StorageTrouble? Of(Exception failure) => failure switch
    {
        SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_FULL } => StorageTrouble.Full,
        SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED } => StorageTrouble.Busy,
        SqliteException { SqliteExtendedErrorCode: SQLitePCL.raw.SQLITE_CONSTRAINT_FOREIGNKEY } => StorageTrouble.StillReferenced,
        SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_IOERR or SQLitePCL.raw.SQLITE_READONLY or SQLitePCL.raw.SQLITE_CORRUPT } => StorageTrouble.Failing,
        CommitInDoubtException => StorageTrouble.InDoubt,
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } => StorageTrouble.Full,
        PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure } => StorageTrouble.Busy,
        PostgresException { SqlState: PostgresErrorCodes.IoError or PostgresErrorCodes.DataCorrupted or PostgresErrorCodes.IndexCorrupted or PostgresErrorCodes.ReadOnlySqlTransaction } => StorageTrouble.Failing,
        PostgresException { SqlState: PostgresErrorCodes.ForeignKeyViolation } => StorageTrouble.StillReferenced,
        // A server that starts, stops or has no connection left.
        PostgresException { SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.TooManyConnections } => StorageTrouble.Unreachable,
        PostgresException postgres => postgres.SqlState.StartsWith("08", StringComparison.Ordinal) ? StorageTrouble.Unreachable : null,
        // Whatever is not the server's word is the line's.
        NpgsqlException => StorageTrouble.Unreachable,
        DbException { InnerException: { } inner } => Of(inner),
        _ => null,
    };
}
