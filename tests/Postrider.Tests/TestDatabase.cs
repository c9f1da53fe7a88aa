using System.Text;
using Microsoft.Data.Sqlite;
using Npgsql;
using Xunit.v3;

namespace Postrider.Tests;

/// <summary>
/// Which database a test runs on: SQLite, unless its class is marked <see cref="OnPostgresAttribute"/>, or the environment variable POSTRIDER_TEST_DATABASE says <c>postgres</c> for the whole run.
/// </summary>
internal static class TestDatabase
{
    public static bool IsPostgres =>
        Environment.GetEnvironmentVariable("POSTRIDER_TEST_DATABASE") == "postgres" || TestContext.Current.TestClass?.Traits.ContainsKey(OnPostgresAttribute.Name) == true;

    /// <summary>A new database for this test.</summary>
    /// <returns>What <c>--database</c> takes; null: the file in the data folder.</returns>
    public static async Task<string?> NewAsync() => IsPostgres ? await (await PostgresUnderTest.SharedAsync()).NewDatabaseAsync() : null;

    /// <summary>Every row of every table, bytes as far as they can be read as text.</summary>
    public static async Task<string> TextOfAsync(string address)
    {
        await using var connection = new NpgsqlConnection(address + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SET bytea_output = 'escape'; SELECT string_agg(quote_ident(tablename), ' ') FROM pg_tables WHERE schemaname = 'public'";
        var text = new StringBuilder();
        foreach (var table in ((string)(await command.ExecuteScalarAsync())!).Split(' '))
        {
            command.CommandText = $"SELECT string_agg(t::text, '') FROM {table} t";
            text.Append(await command.ExecuteScalarAsync() as string);
        }

        return text.ToString();
    }

    /// <summary>As docs/operations/run.md has it made, while the hub runs.</summary>
    /// <returns>The file.</returns>
    public static async Task<string> BackUpAsync(HubOptions hub)
    {
        var file = Path.Combine(hub.DataFolder, "backup");
        if (hub.Database is { } address)
        {
            await PostgresUnderTest.RunClientAsync("pg_dump", address, "--format=custom", $"--file={file}");
            return file;
        }

        await using var source = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path.Combine(hub.DataFolder, "postrider.db"), Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString());
        await using var target = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
        source.Open();
        target.Open();
        source.BackupDatabase(target);
        return file;
    }

    /// <summary>As docs/operations/run.md has it done, with the hub stopped.</summary>
    public static async Task PutBackAsync(HubOptions hub, string backup)
    {
        if (hub.Database is { } address)
        {
            await PostgresUnderTest.RunClientAsync("pg_restore", address, "--clean", "--if-exists", backup);
            return;
        }

        var database = Path.Combine(hub.DataFolder, "postrider.db");
        foreach (var beside in (string[])["-wal", "-shm"]) File.Delete(database + beside);
        File.Copy(backup, database, overwrite: true);
    }

    public static async Task DropAsync(string? address)
    {
        if (address is not null) await (await PostgresUnderTest.SharedAsync()).DropDatabaseAsync(address);
    }
}

/// <summary>All tests of this class run on PostgreSQL: a class that inherits another's has that run on both.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class OnPostgresAttribute : Attribute, ITraitAttribute
{
    public const string Name = "Database";

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [KeyValuePair.Create(Name, "PostgreSQL")];
}
