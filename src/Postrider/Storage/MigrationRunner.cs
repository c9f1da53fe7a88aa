using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Postrider.Telemetry;

namespace Postrider.Storage;

/// <summary>Whose words a text is in.</summary>
internal enum Dialect
{
    Sqlite,
    Postgres,
}

/// <summary>
/// Brings the schema up to date at start: the numbered files of Storage/Migrations, each once, all in one transaction. The lock that keeps other processes out is held by the caller.
/// A file is for both databases, written in SQLite's words; where they must differ there are two, <c>NNNN_what.sqlite.sql</c> and <c>NNNN_what.postgres.sql</c>.
/// </summary>
internal static class MigrationRunner
{
    private const string Prefix = "Postrider.Storage.Migrations.";

    public static void Apply(HubConnection connection, string begin, Dialect dialect, TimeProvider clock)
    {
        connection.Execute(begin);
        try
        {
            connection.Execute(In(dialect, "CREATE TABLE IF NOT EXISTS schema_migration(number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT"));
            var applied = connection.Query<Applied>("SELECT number, name, sha256 FROM schema_migration").ToDictionary(a => a.Number);
            var known = Known(dialect);
            RefuseUnknown(applied, known);
            foreach (var migration in known.Where(m => !applied.ContainsKey(m.Number)))
            {
                connection.ExecuteScript(migration.Sql);
                connection.Execute("INSERT INTO schema_migration(number, name, sha256, applied_at) VALUES(@Number, @Name, @Sha256, @at)",
                    new { migration.Number, migration.Name, migration.Sha256, at = clock.GetUtcNow() });
            }

            connection.Execute("COMMIT");
        }
        catch
        {
            connection.Execute("ROLLBACK");
            throw;
        }
    }

    /// <summary>In order of their numbers.</summary>
    internal static IReadOnlyList<Migration> Known(Dialect dialect)
    {
        var assembly = typeof(MigrationRunner).Assembly;
        return [.. assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal) && !IsForOther(name, dialect)).Select(name => Load(assembly, name, dialect)).OrderBy(m => m.Number)];
    }

    private static bool IsForOther(string resource, Dialect dialect) => resource.EndsWith(SuffixOf(dialect == Dialect.Sqlite ? Dialect.Postgres : Dialect.Sqlite), StringComparison.Ordinal);

    private static string SuffixOf(Dialect dialect) => dialect == Dialect.Sqlite ? ".sqlite.sql" : ".postgres.sql";

    private static string In(Dialect dialect, string sql) => dialect == Dialect.Postgres ? PostgresText.OfMigration(sql) : sql;

    private static void RefuseUnknown(Dictionary<int, Applied> applied, IReadOnlyList<Migration> known)
    {
        foreach (var old in applied.Values)
        {
            var now = known.FirstOrDefault(m => m.Number == old.Number);
            if (now is null)
                throw new StartRefusedException("database-newer", $"The database was changed by a newer version of postrider (migration {old.Name}).", "Run that version, or restore a backup made before it.");
            if (now.Sha256 != old.Sha256)
                throw new StartRefusedException("database-migration-changed", $"The database was made with another text of migration {old.Name}.", "Run the version that made it, or start with an empty data folder.");
        }
    }

    private static Migration Load(Assembly assembly, string resource, Dialect dialect)
    {
        using var stream = assembly.GetManifestResourceStream(resource)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var sql = reader.ReadToEnd();
        var own = resource.EndsWith(SuffixOf(dialect), StringComparison.Ordinal);
        var name = resource[Prefix.Length..^(own ? SuffixOf(dialect) : ".sql").Length];
        // Of the file as it is written, not as it is translated. Line ends differ between checkouts (git on Windows) and mean nothing.
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sql.ReplaceLineEndings("\n"))));
        return new Migration(int.Parse(name[..4], CultureInfo.InvariantCulture), name, own ? sql : In(dialect, sql), sha256);
    }

    internal sealed record Migration(int Number, string Name, string Sql, string Sha256);

    private sealed record Applied(int Number, string Name, string Sha256);
}
