using System.Data;
using System.Data.Common;
using Dapper;
using Microsoft.Data.Sqlite;

namespace Postrider.Storage;

/// <summary>A SQLite connection that keeps its prepared statements: parsing one costs more than running it, and the hub says the same few all the time.</summary>
internal sealed class KeptStatements(SqliteConnection connection) : HubConnection(connection)
{
    // Lists of different lengths are different statements; beyond so many all are let go.
    private const int MaxKept = 300;

    private readonly Dictionary<string, SqliteCommand> idle = new(StringComparer.Ordinal);

    // As they stand in the SQL. A name without its sign is looked for in the statement four times, with each sign that SQLite knows.
    private readonly Dictionary<string, string> signed = new(StringComparer.Ordinal);

    /// <summary>The connection itself, for what is no statement.</summary>
    public SqliteConnection Connection => connection;

    // There is no way to spare: the database is in this process.
    public override Dialect Dialect => Dialect.Sqlite;

    public override void ExecuteLater(string sql, object? args) => this.Execute(sql, args);

    public override void QueryLater(string sql, object? args, Action<DbDataReader> rows)
    {
        using var reader = (DbDataReader)this.ExecuteReader(sql, args);
        rows(reader);
    }

    public override void ExecuteScript(string sql) => this.Execute(sql);

    protected override DbCommand CreateDbCommand() => new Command(this);

    protected override void LetGo()
    {
        foreach (var command in idle.Values) command.Dispose();
        idle.Clear();
    }

    private SqliteCommand Take(string text)
    {
        if (idle.Remove(text, out var known)) return known;
        var made = connection.CreateCommand();
#pragma warning disable CA2100 // The hub's own SQL; values are parameters.
        made.CommandText = text;
#pragma warning restore CA2100
        return made;
    }

    private string Signed(string name)
    {
        if (name.StartsWith('@')) return name;
        if (!signed.TryGetValue(name, out var known))
        {
            known = "@" + name;
            signed.Add(name, known);
        }

        return known;
    }

    private void GiveBack(SqliteCommand command)
    {
        command.Parameters.Clear();
        if (idle.Count >= MaxKept) LetGo();
        // The same statement within itself: the second one is not kept.
        if (!idle.TryAdd(command.CommandText, command)) command.Dispose();
    }

    /// <summary>Becomes the kept statement when it is run.</summary>
    private sealed class Command(KeptStatements owner) : HubCommand
    {
        private readonly SqliteCommand given = new();
        private SqliteCommand? running;

        protected override DbConnection? DbConnection { get => owner; set { } }
        protected override DbParameterCollection DbParameterCollection => given.Parameters;

        public override void Cancel() => running?.Cancel();
        public override int ExecuteNonQuery() => Run().ExecuteNonQuery();
        public override object? ExecuteScalar() => Run().ExecuteScalar();
        public override void Prepare() => Run().Prepare();
        protected override DbParameter CreateDbParameter() => given.CreateParameter();
        protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior) => Run().ExecuteReader(behavior & ~CommandBehavior.CloseConnection);

        protected override void Dispose(bool disposing)
        {
            if (running is { } kept) owner.GiveBack(kept);
            running = null;
            given.Dispose();
            base.Dispose(disposing);
        }

        private SqliteCommand Run()
        {
            running ??= owner.Take(CommandText);
            running.CommandTimeout = CommandTimeout;
            running.Parameters.Clear();
            foreach (SqliteParameter parameter in given.Parameters)
            {
                parameter.ParameterName = owner.Signed(parameter.ParameterName);
                running.Parameters.Add(parameter);
            }

            return running;
        }
    }
}
