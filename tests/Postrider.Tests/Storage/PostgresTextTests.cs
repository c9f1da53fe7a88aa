using Postrider.Storage;

namespace Postrider.Tests.Storage;

public sealed class PostgresTextTests
{
    [Theory]
    [InlineData("CREATE TABLE a(id BLOB PRIMARY KEY, n INTEGER, r REAL, t TEXT) STRICT;", "CREATE TABLE a(id BYTEA PRIMARY KEY, n BIGINT, r DOUBLE PRECISION, t TEXT);")]
    [InlineData("create table a (id blob) strict;\ncreate table b (n integer) strict, without rowid;", "create table a (id BYTEA);\ncreate table b (n BIGINT);")]
    [InlineData("CREATE TABLE a(x TEXT) STRICT, WITHOUT ROWID;", "CREATE TABLE a(x TEXT);")]
    [InlineData("CREATE TABLE a(x TEXT) WITHOUT ROWID, STRICT;", "CREATE TABLE a(x TEXT);")]
    [InlineData("CREATE TABLE a(blobs BLOB, my_blob BLOB, integer_2 INTEGER, strictly TEXT)", "CREATE TABLE a(blobs BYTEA, my_blob BYTEA, integer_2 BIGINT, strictly TEXT)")]
    [InlineData("-- a BLOB, STRICT\nSELECT 'BLOB', 'it''s STRICT', \"INTEGER\" /* REAL\n BLOB */ FROM a", "-- a BLOB, STRICT\nSELECT 'BLOB', 'it''s STRICT', \"INTEGER\" /* REAL\n BLOB */ FROM a")]
    [InlineData("-- the last line is a BLOB", "-- the last line is a BLOB")]
    public void A_migration_gets_the_types_of_PostgreSQL_and_keeps_its_comments_and_strings(string sqlite, string postgres) => Assert.Equal(postgres, PostgresText.OfMigration(sqlite));

    [Fact]
    public void No_migration_keeps_a_word_that_only_SQLite_knows()
    {
        foreach (var migration in MigrationRunner.Known(Dialect.Postgres))
        {
            var withoutComments = string.Join('\n', migration.Sql.Split('\n').Select(line => line.Split("--")[0]));
            Assert.DoesNotMatch(@"(?i)\b(BLOB|INTEGER|STRICT|ROWID)\b", withoutComments);
        }
    }

    [Fact]
    public void The_checksum_of_a_migration_is_of_its_file_whatever_database_it_is_for()
    {
        var (sqlite, postgres) = (MigrationRunner.Known(Dialect.Sqlite), MigrationRunner.Known(Dialect.Postgres));
        Assert.Equal(sqlite.Select(m => (m.Number, m.Name)), postgres.Select(m => (m.Number, m.Name)));
        // Where each has a file of its own the texts differ, and stand as they are.
        string[] two = ["0070_search", "0074_draft_files"];
        Assert.Equal(two, sqlite.Zip(postgres).Where(pair => pair.First.Sha256 != pair.Second.Sha256).Select(pair => pair.First.Name));
    }

    // Databases that exist hold these: with another text they would be refused (database-migration-changed).
    [Theory]
    [InlineData(1, "124b9757fef9974adb9de0658aeb09792451af81556c5ea9a92970d585d04859")]
    [InlineData(40, "4e2eb10996788c53e454bc8dfef94c271e8da0e72ba5e417ffd1f4143d4477a6")]
    [InlineData(50, "c67e5ef9795d9dc175de631a2ec221c9f37efe347d32ba3014ce364ef4a001c2")]
    public void The_text_of_a_migration_stays_as_it_was_applied(int number, string sha256) =>
        Assert.Equal(sha256, MigrationRunner.Known(Dialect.Sqlite).Single(m => m.Number == number).Sha256);

    [Theory]
    [InlineData("SELECT * FROM a WHERE id = @id AND (n = @n OR @n IS NULL) AND t = @ID", "SELECT * FROM a WHERE id = $1 AND (n = $2 OR $2 IS NULL) AND t = $1", "id n")]
    [InlineData("UPDATE a SET t = 'to: @x' -- @y\nWHERE id IN (@ids1,@ids2)", "UPDATE a SET t = 'to: @x' -- @y\nWHERE id IN ($1,$2)", "ids1 ids2")]
    [InlineData("SELECT 'it''s @a', \"@b\", @c", "SELECT 'it''s @a', \"@b\", $1", "c")]
    public void Named_parameters_become_numbers_outside_strings_and_comments(string named, string numbered, string names)
    {
        var (sql, order) = PostgresText.Numbered(named);
        Assert.Equal(numbered, sql);
        Assert.Equal(names.Split(' '), order);
    }

    [Fact]
    public void What_PostgreSQL_cannot_hold_is_replaced()
    {
        Assert.Equal("plain", PostgresText.Storable("plain"));
        Assert.Equal("a\uFFFDb", PostgresText.Storable("a\0b"));
        Assert.Equal("\uFFFD half", PostgresText.Storable("\uD83D half"));
        Assert.Equal("\uD83D\uDE00", PostgresText.Storable("\uD83D\uDE00"));
    }
}
