using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Storage;

namespace Postrider.Tests.Storage;

public class BodiesTests : IAsyncLifetime
{
    private readonly TemporaryFolder folder = new();
    private readonly FakeClock clock = new();
    private HubDatabase database = null!;
    private string? address;
    private Bodies bodies = null!;

    public async ValueTask InitializeAsync()
    {
        address = await TestDatabase.NewAsync();
        database = HubDatabase.Open(folder.Path, address, clock, NullLogger<HubDatabase>.Instance);
        bodies = new Bodies(database, clock);
        await database.WriteAsync(tx => { tx.Execute($"CREATE TABLE owner(body_id {(TestDatabase.IsPostgres ? "BYTEA" : "BLOB")} REFERENCES body(id))"); });
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await TestDatabase.DropAsync(address);
        folder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Bodies.ChunkSize)]
    [InlineData((2 * Bodies.ChunkSize) + 7)]
    public async Task What_is_put_is_read_whole_and_as_a_stream(int length)
    {
        var bytes = new byte[length];
        new Random(7).NextBytes(bytes);
        var put = await database.WriteAsync(tx => bodies.Put(tx, bytes));
        using var source = new MemoryStream(bytes);
        var streamed = (await bodies.PutAsync(source)).Id;
        foreach (var id in (Guid[])[put, streamed])
        {
            Assert.Equal(bytes, await bodies.ReadAsync(id));
            Assert.Equal(length, await bodies.LengthAsync(id));
            await using var open = bodies.Open(id);
            using var copy = new MemoryStream();
            await open.CopyToAsync(copy);
            Assert.Equal(bytes, copy.ToArray());
        }
    }

    [Fact]
    public async Task Changed_bytes_are_noticed()
    {
        var id = await database.WriteAsync(tx => bodies.Put(tx, "hello"u8.ToArray()));
        await database.WriteAsync(tx => { tx.Execute("UPDATE body_chunk SET bytes = @zero WHERE body_id = @id", new { id, zero = new byte[1] }); });

        await Assert.ThrowsAsync<InvalidDataException>(() => bodies.ReadAsync(id));
    }

    [Fact]
    public async Task A_day_later_the_sweep_takes_what_nobody_owns_and_nothing_else()
    {
        var orphan = await PutAsync();
        var owned = await PutAsync();
        await database.WriteAsync(tx => { tx.Execute("INSERT INTO owner(body_id) VALUES(@owned)", new { owned }); });
        Assert.Equal(0, await bodies.SweepAsync());
        clock.Advance(Bodies.OrphanAge + TimeSpan.FromMinutes(1));
        var young = await PutAsync();

        Assert.Equal(1, await bodies.SweepAsync());
        Assert.Null(await bodies.LengthAsync(orphan));
        Assert.Equal(3, await bodies.LengthAsync(owned));
        Assert.Equal(3, await bodies.LengthAsync(young));
    }

    private async Task<Guid> PutAsync()
    {
        using var source = new MemoryStream([1, 2, 3]);
        return (await bodies.PutAsync(source)).Id;
    }
}
