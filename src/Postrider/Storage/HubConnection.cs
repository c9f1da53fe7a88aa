using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace Postrider.Storage;

/// <summary>A connection to the hub's database, as Dapper sees it; what its statements become is the engine's affair. For one thread at a time.</summary>
internal abstract class HubConnection(DbConnection connection) : DbConnection
{
    /// <summary>For the few statements that the two databases say differently.</summary>
    public abstract Dialect Dialect { get; }

    [AllowNull]
    public override string ConnectionString { get => connection.ConnectionString; set => connection.ConnectionString = value; }
    public override string Database => connection.Database;
    public override string DataSource => connection.DataSource;
    public override string ServerVersion => connection.ServerVersion;
    public override ConnectionState State => connection.State;

    /// <summary>A statement whose answer nobody needs: it may be sent with the next one, which spares its way there and back. If it fails, the write it belongs to fails.</summary>
    public abstract void ExecuteLater(string sql, object? args);

    /// <summary>As <see cref="ExecuteLater"/>, for a statement that returns rows.</summary>
    /// <param name="rows">Given a reader at the rows, as soon as they are there; it must not use the connection.</param>
    public abstract void QueryLater(string sql, object? args, Action<DbDataReader> rows);

    /// <summary>Several statements without parameters.</summary>
    public abstract void ExecuteScript(string sql);

    public override void Open() => connection.Open();

    public override void Close()
    {
        LetGo();
        connection.Close();
    }

    public override void ChangeDatabase(string databaseName) => connection.ChangeDatabase(databaseName);

    protected override DbTransaction BeginDbTransaction(IsolationLevel isolationLevel) => throw new NotSupportedException("A transaction is the engine's to begin.");

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            LetGo();
            connection.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Whatever is kept for the connection ends with it.</summary>
    protected abstract void LetGo();
}

/// <summary>Takes text and parameters as they come, which Dapper changes until the end.</summary>
internal abstract class HubCommand : DbCommand
{
    [AllowNull]
    public override string CommandText { get; set; } = "";
    public override int CommandTimeout { get; set; } = 30;
    public override CommandType CommandType { get => CommandType.Text; set { } }
    public override bool DesignTimeVisible { get; set; }
    public override UpdateRowSource UpdatedRowSource { get; set; }
    protected override DbTransaction? DbTransaction { get => null; set { } }
}
