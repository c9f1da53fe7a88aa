using System.Data.Common;
using Dapper;

namespace Postrider.Storage;

/// <summary>One consistent view of the database, for the length of a delegate.</summary>
internal class HubReader(DbConnection connection, DateTimeOffset now)
{
    protected DbConnection Connection { get; } = connection;

    /// <summary>The hub's clock when this delegate began: one value for all its rows.</summary>
    public DateTimeOffset Now { get; } = now;

    public IReadOnlyList<T> Query<T>(string sql, object? args = null) => Connection.Query<T>(sql, args).AsList();

    public T? QueryFirstOrDefault<T>(string sql, object? args = null) => Connection.QueryFirstOrDefault<T>(sql, args);

    /// <returns>The first column of the first row. <c>default</c> when there is no row or it is NULL.</returns>
    public T? Scalar<T>(string sql, object? args = null) => Connection.ExecuteScalar<T>(sql, args);
}

/// <summary>One write among those of a group commit. SQL only: no waiting, no network; may be run again.</summary>
internal sealed class HubTransaction(DbConnection connection, DateTimeOffset now) : HubReader(connection, now)
{
    private List<Action>? afterCommit;

    /// <returns>How many rows it touched.</returns>
    public int Execute(string sql, object? args = null) => Connection.Execute(sql, args);

    /// <summary>Called once the write is durable, on the writer thread: wake somebody, publish a topic; nothing slow. Dropped when the write fails.</summary>
    public void AfterCommit(Action action) => (afterCommit ??= []).Add(action);

    internal IReadOnlyList<Action> AfterCommitActions => afterCommit ?? [];
}
