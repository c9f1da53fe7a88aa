using Postrider.Storage;

namespace Postrider.Tests.Storage;

public sealed class MigrationFilesTests
{
    [Theory]
    [InlineData(Dialect.Sqlite, "fts5")]
    [InlineData(Dialect.Postgres, "tsvector")]
    internal void Of_a_migration_in_two_dialects_one_is_taken_under_the_name_of_both(Dialect dialect, string word)
    {
        var known = MigrationRunner.Known(dialect);
        Assert.Equal(known.Select(m => m.Number).Distinct(), known.Select(m => m.Number));
        Assert.Contains(known, m => m is { Number: 70, Name: "0070_search" } && m.Sql.Contains(word, StringComparison.Ordinal));
    }

    [Fact]
    public void What_stands_in_one_dialect_stands_in_the_other()
    {
        var files = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Postrider", "Storage", "Migrations")).Select(file => Path.GetFileName(file)).ToList();
        Assert.Equal(Named(".postgres.sql"), Named(".sqlite.sql"));

        List<string> Named(string end) => [.. files.Where(file => file.EndsWith(end, StringComparison.Ordinal)).Select(file => file[..^end.Length]).Order(StringComparer.Ordinal)];
    }
}
