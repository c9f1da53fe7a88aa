using System.Data;
using System.Data.Common;
using Dapper;
using Npgsql;

namespace Postrider.Storage;

/// <summary>
/// A PostgreSQL connection whose statements may wait for the next one: each way to the server and back costs more than most statements.
/// Npgsql prepares what is said more than once (Max Auto Prepare).
/// </summary>
internal sealed class PostgresStatements(NpgsqlConnection connection) : HubConnection(connection)
{
    // Lists of different lengths are different statements; beyond so many all are let go.
    private const int MaxKept = 1000;
    // They wait in memory, with the chunks of mail they hold.
    private const int MaxWaiting = 500;

    private readonly Dictionary<string, (string Sql, IReadOnlyList<string> Names)> known = new(StringComparer.Ordinal);
    private readonly List<NpgsqlBatchCommand> waiting = [];
    // Of those that wait, for each that returns rows: who takes them.
    private readonly List<Action<DbDataReader>> takers = [];
    private bool later;

    /// <summary>Statements that have not been sent.</summary>
    public bool AnyWait => waiting.Count > 0;

    public override Dialect Dialect => Dialect.Postgres;

    public override void ExecuteLater(string sql, object? args)
    {
        later = true;
        try
        {
            this.Execute(sql, args);
        }
        finally
        {
            later = false;
        }
    }

    public override void QueryLater(string sql, object? args, Action<DbDataReader> rows)
    {
        takers.Add(rows);
        ExecuteLater(sql, args);
    }

    public override void ExecuteScript(string sql)
    {
        SendWaiting();
        using var script = connection.CreateCommand();
#pragma warning disable CA2100 // The hub's own SQL.
        script.CommandText = sql;
#pragma warning restore CA2100
        script.ExecuteNonQuery();
    }

    public void SendWaiting()
    {
        if (waiting.Count == 0) return;
        using var batch = Batch();
        RunToTheEnd(batch);
    }

    /// <summary>Its transaction has ended: nothing of it is sent any more.</summary>
    public void DropWaiting()
    {
        waiting.Clear();
        takers.Clear();
    }

    protected override DbCommand CreateDbCommand() => new Command(this);

    protected override void LetGo() => DropWaiting();

    private NpgsqlBatch Batch()
    {
        var batch = connection.CreateBatch();
        foreach (var command in waiting) batch.BatchCommands.Add(command);
        waiting.Clear();
        return batch;
    }

    private int Execute(Command command)
    {
        var one = Numbered(command);
        waiting.Add(one);
        if (later && waiting.Count < MaxWaiting) return 0;
        using var batch = Batch();
        RunToTheEnd(batch);
        return (int)one.RecordsAffected;
    }

    private NpgsqlDataReader Query(Command command)
    {
        waiting.Add(Numbered(command));
        command.Running = Batch();
        return Run(command.Running);
    }

    private void RunToTheEnd(NpgsqlBatch batch)
    {
        using var reader = Run(batch);
        // Here, and not when the reader is disposed of: what failed is thrown.
        while (reader.NextResult())
        {
        }
    }

    /// <returns>At the rows of the last statement, if it has any: a reader passes over statements that return none.</returns>
    private NpgsqlDataReader Run(NpgsqlBatch batch)
    {
        Action<DbDataReader>[] rows = [.. takers];
        takers.Clear();
        var reader = batch.ExecuteReader();
        try
        {
            foreach (var take in rows)
            {
                take(reader);
                reader.NextResult();
            }

            return reader;
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    private NpgsqlBatchCommand Numbered(Command command)
    {
        if (!known.TryGetValue(command.CommandText, out var text))
        {
            if (known.Count >= MaxKept) known.Clear();
            known[command.CommandText] = text = PostgresText.Numbered(command.CommandText);
        }

        var numbered = new NpgsqlBatchCommand(text.Sql);
        foreach (var name in text.Names) numbered.Parameters.Add(command.Take(name));
        return numbered;
    }

    private sealed class Command(PostgresStatements owner) : HubCommand
    {
        private readonly NpgsqlCommand given = new();

        /// <summary>What its rows are read from.</summary>
        public NpgsqlBatch? Running { get; set; }

        protected override DbConnection? DbConnection { get => owner; set { } }
        protected override DbParameterCollection DbParameterCollection => given.Parameters;

        public override void Cancel() => throw new NotSupportedException();
        public override void Prepare() => throw new NotSupportedException();
        public override int ExecuteNonQuery() => owner.Execute(this);

        public override object? ExecuteScalar()
        {
            using var reader = owner.Query(this);
            return reader.Read() && reader.FieldCount > 0 ? reader.GetValue(0) : null;
        }

        /// <summary>The parameter of that name, for the statement that is sent; this command has done its part with that.</summary>
        public NpgsqlParameter Take(string name)
        {
            var parameter = given.Parameters[name];
            var value = parameter.Value is string text ? PostgresText.Storable(text) : parameter.Value;
            return new NpgsqlParameter { DbType = parameter.DbType, Value = value };
        }

        protected override DbParameter CreateDbParameter() => new NpgsqlParameter();
        protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior) => owner.Query(this);

        protected override void Dispose(bool disposing)
        {
            Running?.Dispose();
            given.Dispose();
            base.Dispose(disposing);
        }
    }
}
