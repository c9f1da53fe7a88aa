using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Storage;

namespace Postrider.Tests.Storage;

// OUT-16
public sealed class WalCutTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_log_that_was_cut_anywhere_opens_at_the_last_whole_commit_before_the_cut(int seed)
    {
        using var folder = new TemporaryFolder();
        var (database, log) = (Path.Combine(folder.Path, "postrider.db"), Path.Combine(folder.Path, "postrider.db-wal"));
        var chance = new Random(seed);
        // How long the log was when each of the writes had been acknowledged.
        var acknowledged = new List<long>();
        var copy = folder.File("copy");
        Directory.CreateDirectory(copy);
        await using (var living = HubDatabase.Open(folder.Path, null, TimeProvider.System, NullLogger<HubDatabase>.Instance))
        {
            var before = new FileInfo(log).Length;
            for (var n = 0; n < 40; n++)
            {
                var (value, number) = (new string('x', chance.Next(10, 9000)), n);
                await living.WriteAsync(tx => tx.Execute("INSERT INTO system_parameter(key, value, changed_at) VALUES(@key, @value, @Now)", new { key = $"cut.{number:00}", value, tx.Now }));
                acknowledged.Add(new FileInfo(log).Length);
            }

            Assert.True(acknowledged[0] > before, "The log did not grow: it was written over, and the lengths say nothing.");
            // As a kill leaves them: copied while the process still has them open.
            File.Copy(database, Path.Combine(copy, "postrider.db"));
            File.Copy(log, Path.Combine(copy, "postrider.db-wal"));
        }

        for (var round = 0; round < 12; round++)
        {
            var cut = chance.NextInt64(acknowledged[0], acknowledged[^1] + 1);
            var place = folder.File($"cut-{round}");
            Directory.CreateDirectory(place);
            File.Copy(Path.Combine(copy, "postrider.db"), Path.Combine(place, "postrider.db"));
            File.Copy(Path.Combine(copy, "postrider.db-wal"), Path.Combine(place, "postrider.db-wal"));
            await using (var file = new FileStream(Path.Combine(place, "postrider.db-wal"), FileMode.Open)) file.SetLength(cut);
            await using var opened = HubDatabase.Open(place, null, TimeProvider.System, NullLogger<HubDatabase>.Instance);
            var keys = await opened.ReadAsync(reader => reader.Query<string>("SELECT key FROM system_parameter WHERE key LIKE 'cut.%' ORDER BY key"));
            Assert.Equal(Enumerable.Range(0, keys.Count).Select(n => $"cut.{n:00}"), keys);
            Assert.Equal(acknowledged.Count(length => length <= cut), keys.Count);
            Assert.Equal("ok", await opened.ReadAsync(reader => reader.Scalar<string>("PRAGMA integrity_check")));
        }
    }
}
