using System.Text;
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
