using Postrider.OutgoingMail;

namespace Postrider.Tests.OutgoingMail;

public sealed class LastByteWatchTests
{
    [Fact]
    public async Task The_mark_is_written_before_the_reader_learns_that_it_was_the_last_byte()
    {
        var marks = 0;
        await using var watch = new LastByteWatch(new MemoryStream([1, 2, 3]), () => { marks++; return Task.CompletedTask; });
        var buffer = new byte[2];
        Assert.Equal((2, 0), (await watch.ReadAsync(buffer), marks));
        Assert.Equal((1, 0), (await watch.ReadAsync(buffer), marks));
        Assert.Equal((0, 1), (await watch.ReadAsync(buffer), marks));
        Assert.Equal((0, 1), (await watch.ReadAsync(buffer), marks));
    }

    [Fact]
    public async Task A_mark_that_cannot_be_written_stops_the_reader()
    {
        await using var watch = new LastByteWatch(new MemoryStream(), () => Task.FromException(new IOException("disk full")));
        await Assert.ThrowsAsync<IOException>(async () => Assert.Equal(-1, await watch.ReadAsync(new byte[1])));
    }
}
