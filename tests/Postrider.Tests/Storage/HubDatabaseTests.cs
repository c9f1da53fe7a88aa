using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Storage;
using Postrider.Telemetry;

namespace Postrider.Tests.Storage;

public class HubDatabaseTests : IAsyncLifetime
{
    private readonly TemporaryFolder folder = new();
    private HubDatabase database = null!;
    private string? address;

    public async ValueTask InitializeAsync()
    {
        address = await TestDatabase.NewAsync();
        database = Open();
        const string Note = "CREATE TABLE note(id BLOB PRIMARY KEY, text TEXT NOT NULL, at INTEGER, done INTEGER, pages INTEGER) STRICT";
        await database.WriteAsync(tx => tx.Execute(TestDatabase.IsPostgres ? PostgresText.OfMigration(Note) : Note));
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await TestDatabase.DropAsync(address);
        folder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_write_is_read_back_with_its_types()
    {
        var note = new Note(Ids.New(TimeProvider.System), "hello", new DateTimeOffset(2026, 11, 22, 12, 0, 0, TimeSpan.Zero).AddMicroseconds(7), true, 3);
        await database.WriteAsync(tx => tx.Execute("INSERT INTO note(id, text, at, done, pages) VALUES(@Id, @Text, @At, @Done, @Pages)", note));

        Assert.Equal(note, await database.ReadAsync(r => r.QueryFirstOrDefault<Note>("SELECT * FROM note WHERE id = @Id", new { note.Id })));
        Assert.Equal(note.Id.ToByteArray(bigEndian: true), await database.ReadAsync(r => r.Scalar<byte[]>("SELECT id FROM note")));
    }

    [Fact]
    public async Task A_missing_instant_is_null()
    {
        await Insert("nothing");

        var (at, done) = await database.ReadAsync(r => (r.Scalar<DateTimeOffset?>("SELECT at FROM note"), r.Query<Flags>("SELECT at, done FROM note")[0]));
        Assert.Null(at);
        Assert.Equal(new Flags(null, null), done);
    }

    [Fact]
    public async Task A_patient_write_is_done_without_company_too_and_keeps_its_place()
    {
        Assert.Equal(1, await database.WritePatientlyAsync(tx => tx.Execute("INSERT INTO note(id, text) VALUES(@id, 'alone')", new { id = Guid.NewGuid() })));
        using var gate = new ManualResetEventSlim();
        var holding = database.WriteAsync(_ => gate.Wait());
        var patient = database.WritePatientlyAsync(tx => tx.Scalar<long>("SELECT COUNT(*) FROM note"));
        var next = Insert("next");
        gate.Set();
        await Task.WhenAll(holding, next);
        Assert.Equal(1, await patient);
        await Assert.ThrowsAsync<InvalidOperationException>(() => database.WritePatientlyAsync<int>(_ => throw new InvalidOperationException("no")));
    }

    [Fact]
    public async Task A_write_that_throws_is_undone_and_its_neighbours_are_kept()
    {
        using var gate = new ManualResetEventSlim();
        var holding = database.WriteAsync(_ => gate.Wait());
        var before = Insert("before");
        var broken = database.WriteAsync(tx =>
        {
            tx.Execute("INSERT INTO note(id, text) VALUES(@id, 'half')", new { id = Guid.NewGuid() });
            throw new InvalidOperationException("no");
        });
        var after = Insert("after");
        gate.Set();

        await Assert.ThrowsAsync<InvalidOperationException>(() => broken);
        await Task.WhenAll(holding, before, after);
        Assert.Equal(["after", "before"], await Texts());
    }

    [Fact]
    public async Task A_statement_that_fails_undoes_its_own_write_alone()
    {
        var taken = Guid.NewGuid();
        await Insert("taken", taken);
        using var gate = new ManualResetEventSlim();
        var holding = database.WriteAsync(_ => gate.Wait());
        var before = Insert("before");
        var broken = Insert("broken", taken);
        // Sent with the next statement on PostgreSQL, and still this write's own failure.
        var brokenLater = database.WriteAsync(tx =>
        {
            tx.Execute("INSERT INTO note(id, text) VALUES(@id, 'half')", new { id = Guid.NewGuid() });
            tx.ExecuteLater("INSERT INTO note(id, text) VALUES(@taken, 'later')", new { taken });
        });
        var after = Insert("after");
        gate.Set();

        await Assert.ThrowsAnyAsync<DbException>(() => broken);
        await Assert.ThrowsAnyAsync<DbException>(() => brokenLater);
        await Task.WhenAll(holding, before, after);
        await Assert.ThrowsAnyAsync<DbException>(() => Insert("alone", taken));
        Assert.Equal(["after", "before", "taken"], await Texts());
    }

    [Fact]
    public async Task A_failure_that_the_delegate_swallows_stores_nothing_half()
    {
        var taken = Guid.NewGuid();
        await Insert("taken", taken);
        Exception? told = null;
        try
        {
            await database.WriteAsync(tx =>
            {
                tx.Execute("INSERT INTO note(id, text) VALUES(@id, 'first')", new { id = Guid.NewGuid() });
                try
                {
                    tx.Execute("INSERT INTO note(id, text) VALUES(@taken, 'second')", new { taken });
                }
                catch (DbException)
                {
                    // Nobody of the hub does this; on PostgreSQL the whole write has failed by it.
                }
            });
        }
        catch (DbException failure)
        {
            told = failure;
        }

        Assert.Equal(told is null ? ["first", "taken"] : ["taken"], await Texts());
    }

    [Fact]
    public async Task What_is_sent_later_is_seen_by_what_follows()
    {
        var id = Guid.NewGuid();
        var (count, touched) = await database.WriteAsync(tx =>
        {
            tx.ExecuteLater("INSERT INTO note(id, text) VALUES(@id, 'one')", new { id });
            tx.ExecuteLater("INSERT INTO note(id, text) VALUES(@other, 'two')", new { other = Guid.NewGuid() });
            return (tx.Scalar<long>("SELECT count(*) FROM note"), tx.Execute("UPDATE note SET text = 'three' WHERE id = @id", new { id }));
        });

        Assert.Equal((2, 1), (count, touched));
        Assert.Equal(["three", "two"], await Texts());
    }

    [Fact]
    public async Task Rows_that_nothing_waits_for_come_to_whoever_asked_before_the_write_is_told_of()
    {
        var (one, two) = (Guid.NewGuid(), Guid.NewGuid());
        await Insert("one", one);
        await Insert("two", two);
        using var gate = new ManualResetEventSlim();
        var holding = database.WriteAsync(_ => gate.Wait());
        var told = new List<string>();
        var first = database.WriteAsync(tx =>
        {
            Later(tx, one, "1");
            tx.ExecuteLater("INSERT INTO note(id, text) VALUES(@id, 'between')", new { id = Guid.NewGuid() });
            Later(tx, Guid.NewGuid(), "nowhere");
            Later(tx, two, "2");
            return tx.Scalar<long>("SELECT count(*) FROM note");
        });
        var last = database.WriteAsync(tx => Later(tx, one, "last"));
        gate.Set();

        Assert.Equal(3, await first);
        await Task.WhenAll(holding, last);
        Assert.Equal(["1: one", "2: two", "last: 1"], told);
        Assert.Equal(["2", "between", "last"], await Texts());

        void Later(HubTransaction tx, Guid id, string text)
        {
            var before = tx.Scalar<string>("SELECT text FROM note WHERE id = @id", new { id });
            tx.QueryLater<Guid>("UPDATE note SET text = @text WHERE id = @id RETURNING id", new { id, text }, rows =>
            {
                Assert.All(rows, row => Assert.Equal(id, row));
                if (rows.Count > 0) tx.AfterCommit(() => told.Add($"{text}: {before}"));
            });
        }
    }

    [Fact]
    public async Task A_late_row_announces_nothing_of_a_write_that_failed()
    {
        var taken = Guid.NewGuid();
        await Insert("taken", taken);
        using var gate = new ManualResetEventSlim();
        var holding = database.WriteAsync(_ => gate.Wait());
        var told = new List<string>();
        var broken = database.WriteAsync(tx =>
        {
            tx.QueryLater<string>("UPDATE note SET text = 'changed' RETURNING text", null, rows => tx.AfterCommit(() => told.AddRange(rows)));
            tx.ExecuteLater("INSERT INTO note(id, text) VALUES(@taken, 'again')", new { taken });
        });
        var after = Insert("after");
        gate.Set();

        await Assert.ThrowsAnyAsync<DbException>(() => broken);
        await Task.WhenAll(holding, after);
        Assert.Empty(told);
        Assert.Equal(["after", "taken"], await Texts());
    }

    [Fact]
    public async Task Text_that_no_database_could_hold_is_stored_readable()
    {
        await Insert("half \uD83D of a pair");
        Assert.Equal(["half \uFFFD of a pair"], await Texts());
    }

    [Fact]
    public async Task What_follows_a_commit_runs_only_for_the_writes_that_were_stored()
    {
        var announced = new List<string>();
        await database.WriteAsync(tx => tx.AfterCommit(() => announced.Add("stored")));
        await Assert.ThrowsAsync<InvalidOperationException>(() => database.WriteAsync(tx =>
        {
            tx.AfterCommit(() => announced.Add("undone"));
            throw new InvalidOperationException("no");
        }));

        Assert.Equal(["stored"], announced);
    }

    [Fact]
    public async Task Waiting_writes_share_one_commit()
    {
        using var gate = new ManualResetEventSlim();
        var holding = database.WriteAsync(_ => gate.Wait());
        var before = database.Commits;
        var writes = Enumerable.Range(0, 100).Select(n => Insert($"{n}")).ToArray();
        gate.Set();
        await holding;
        await Task.WhenAll(writes);

        Assert.Equal(100, (await Texts()).Count);
        Assert.InRange(database.Commits - before, 1, 3);
    }

    [Fact]
    public async Task A_write_inside_a_write_is_refused_instead_of_waiting_for_itself() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => database.WriteAsync(_ => database.WriteAsync(_ => { }).GetAwaiter().GetResult()));

    [Fact]
    public async Task A_reader_sees_one_state_while_writes_go_on()
    {
        await Insert("one");
        var seen = await database.ReadAsync(r =>
        {
            var first = r.Scalar<long>("SELECT count(*) FROM note");
            Insert("two").GetAwaiter().GetResult();
            return (first, r.Scalar<long>("SELECT count(*) FROM note"));
        });

        Assert.Equal((1, 1), seen);
    }

    [Fact]
    public async Task A_reader_cannot_write() =>
        await Assert.ThrowsAnyAsync<DbException>(() => database.ReadAsync(r => r.Scalar<long>("INSERT INTO note(id, text) VALUES(@id, 'x') RETURNING 1", new { id = Guid.NewGuid() })));

    [Fact]
    public async Task A_cancelled_write_is_not_run()
    {
        using var gate = new ManualResetEventSlim();
        using var gaveUp = new CancellationTokenSource();
        var holding = database.WriteAsync(_ => gate.Wait());
        var write = database.WriteAsync(tx => tx.Execute("INSERT INTO note(id, text) VALUES(@id, 'late')", new { id = Guid.NewGuid() }), gaveUp.Token);
        await gaveUp.CancelAsync();
        gate.Set();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => write);
        await holding;
        Assert.Empty(await Texts());
    }

    [Fact]
    public async Task A_database_that_another_program_holds_is_waited_for()
    {
        Assert.SkipWhen(TestDatabase.IsPostgres, "There each session has its own rows.");
        await using var other = new SqliteConnection($"Data Source={Path.Combine(database.DataFolder, "postrider.db")};Pooling=false");
        other.Open();
        await using (var hold = other.CreateCommand())
        {
            hold.CommandText = "BEGIN IMMEDIATE";
            hold.ExecuteNonQuery();
            var write = Insert("waits");
            Assert.Equal(0L, await database.ReadAsync(reader => reader.Scalar<long>("SELECT COUNT(*) FROM note WHERE text = 'waits'")));
            Assert.False(write.IsCompleted);
            hold.CommandText = "ROLLBACK";
            hold.ExecuteNonQuery();
            await write;
        }

        Assert.Equal(1L, await database.ReadAsync(reader => reader.Scalar<long>("SELECT COUNT(*) FROM note WHERE text = 'waits'")));
    }

    [Fact]
    public void A_second_process_is_refused()
    {
        var refused = Assert.Throws<StartRefusedException>(Open);
        Assert.Equal("data-folder-in-use", refused.Code);
    }

    [Fact]
    public async Task Its_files_are_their_owners_alone_also_in_a_folder_that_is_open_to_others()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no file modes");
            return;
        }

        Assert.SkipWhen(TestDatabase.IsPostgres, "The files are the server's.");
        await database.WriteAsync(tx => tx.Execute("INSERT INTO note(id, text) VALUES(@id, 'x')", new { id = Guid.CreateVersion7() }));
        var files = Directory.GetFiles(database.DataFolder, "postrider.db*");
        Assert.Contains(files, file => file.EndsWith("-wal", StringComparison.Ordinal));
        foreach (var file in files) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    [Fact]
    public async Task A_database_of_a_newer_version_is_refused()
    {
        await database.WriteAsync(tx => tx.Execute("INSERT INTO schema_migration(number, name, sha256, applied_at) VALUES(9999, '9999_later', 'x', 0)"));
        await database.DisposeAsync();

        Assert.Equal("database-newer", Assert.Throws<StartRefusedException>(Open).Code);
    }

    [Fact]
    public async Task What_was_written_is_there_after_a_restart()
    {
        await Insert("kept");
        await database.DisposeAsync();
        database = Open();

        Assert.Equal(["kept"], await Texts());
    }

    private HubDatabase Open() => HubDatabase.Open(folder.Path, address, TimeProvider.System, NullLogger<HubDatabase>.Instance);

    private Task Insert(string text, Guid? id = null) => database.WriteAsync(tx => { tx.Execute("INSERT INTO note(id, text) VALUES(@id, @text)", new { id = id ?? Ids.New(TimeProvider.System), text }); });

    private Task<IReadOnlyList<string>> Texts() => database.ReadAsync(r => r.Query<string>("SELECT text FROM note ORDER BY text"));

    private sealed record Note(Guid Id, string Text, DateTimeOffset At, bool Done, int Pages);

    private sealed record Flags(DateTimeOffset? At, bool? Done);
}
