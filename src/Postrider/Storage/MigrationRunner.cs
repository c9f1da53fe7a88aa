using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Microsoft.Data.Sqlite;
using Postrider.Telemetry;

namespace Postrider.Storage;

/// <summary>Brings the schema up to date at start: the numbered files of Storage/Migrations, each once, all in one transaction. The folder's process lock is held by the caller.</summary>
internal static class MigrationRunner
{
    private const string Prefix = "Postrider.Storage.Migrations.";

    public static void Apply(SqliteConnection connection, TimeProvider clock)
    {
        // IMMEDIATE: a second process that got past the file lock (a network file system without locks) waits here.
        connection.Execute("BEGIN IMMEDIATE");
        try
        {
            connection.Execute("CREATE TABLE IF NOT EXISTS schema_migration(number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT");
            var applied = connection.Query<Applied>("SELECT number, name, sha256 FROM schema_migration").ToDictionary(a => a.Number);
            var known = Known();
            RefuseUnknown(applied, known);
            foreach (var migration in known.Where(m => !applied.ContainsKey(m.Number)))
            {
                connection.Execute(migration.Sql);
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
    internal static IReadOnlyList<Migration> Known()
    {
        var assembly = typeof(MigrationRunner).Assembly;
        return [.. assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).Select(name => Load(assembly, name)).OrderBy(m => m.Number)];
    }

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

    private static Migration Load(Assembly assembly, string resource)
    {
        using var stream = assembly.GetManifestResourceStream(resource)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var sql = reader.ReadToEnd();
        var name = resource[Prefix.Length..^".sql".Length];
        // Line ends differ between checkouts (git on Windows) and mean nothing.
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sql.ReplaceLineEndings("\n"))));
        return new Migration(int.Parse(name[..4], CultureInfo.InvariantCulture), name, sql, sha256);
    }

    internal sealed record Migration(int Number, string Name, string Sql, string Sha256);

    private sealed record Applied(int Number, string Name, string Sha256);
}
