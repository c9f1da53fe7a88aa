using Dapper;

namespace Postrider.Storage;

/// <summary>One consistent view of the database, for the length of a delegate.</summary>
internal class HubReader(HubConnection connection, DateTimeOffset now)
{
    protected HubConnection Connection { get; } = connection;

    /// <summary>The hub's clock when this delegate began: one value for all its rows.</summary>
    public DateTimeOffset Now { get; } = now;

    /// <inheritdoc cref="HubConnection.Dialect"/>
    public Dialect Dialect => Connection.Dialect;

    public IReadOnlyList<T> Query<T>(string sql, object? args = null) => Connection.Query<T>(sql, args).AsList();

    public T? QueryFirstOrDefault<T>(string sql, object? args = null) => Connection.QueryFirstOrDefault<T>(sql, args);

    /// <returns>The first column of the first row. <c>default</c> when there is no row or it is NULL.</returns>
    public T? Scalar<T>(string sql, object? args = null) => Connection.ExecuteScalar<T>(sql, args);
}

/// <summary>One write among those of a group commit. SQL only: no waiting, no network; may be run again.</summary>
internal sealed class HubTransaction(HubConnection connection, DateTimeOffset now) : HubReader(connection, now)
{
    private List<Action>? afterCommit;

    /// <returns>How many rows it touched.</returns>
    public int Execute(string sql, object? args = null) => Connection.Execute(sql, args);

    /// <summary>As <see cref="Execute"/> where nobody asks how many rows it touched: PostgreSQL is sent it together with the next statement.</summary>
    public void ExecuteLater(string sql, object? args = null) => Connection.ExecuteLater(sql, args);

    /// <summary>As <see cref="ExecuteLater"/> with rows that nothing in this write depends on.</summary>
    /// <param name="rows">Called before the commit, perhaps after the delegate has returned: <see cref="AfterCommit"/> is what it is for.</param>
    public void QueryLater<T>(string sql, object? args, Action<IReadOnlyList<T>> rows) => Connection.QueryLater(sql, args, reader => rows([.. reader.Parse<T>()]));

    /// <summary>Called once the write is durable, on the writer thread: wake somebody, publish a topic; nothing slow. Dropped when the write fails.</summary>
    public void AfterCommit(Action action) => (afterCommit ??= []).Add(action);

    internal IReadOnlyList<Action> AfterCommitActions => afterCommit ?? [];
}
