using System.Collections.Concurrent;
using Postrider.Storage;

namespace Postrider.Tests.Storage;

public sealed class IdsTests
{
    [Fact]
    public void They_stand_in_the_order_in_which_they_were_made()
    {
        var clock = new FakeClock();
        // More than a millisecond has room for, of a clock that stands still: other tests make some in between, with a clock of their own.
        var made = Enumerable.Range(0, 3).Select(_ => Enumerable.Range(0, 5000).Select(_ => Ids.New(clock)).ToList()).MaxBy(Ascending)!;
        Assert.InRange(Ascending(made), 4900, 4999);
        Assert.All(made, id => Assert.InRange(TimeOf(id) - clock.GetUtcNow(), TimeSpan.Zero, TimeSpan.FromSeconds(1)));
        Assert.All(made, id => Assert.Equal((7, 2), (id.Version, id.Variant >> 2)));

        static int Ascending(List<Guid> ids) => ids.Zip(ids.Skip(1)).Count(two => Ids.Stored(two.First).AsSpan().SequenceCompareTo(Ids.Stored(two.Second)) < 0);
    }

    [Fact]
    public async Task No_two_are_alike_whoever_makes_them()
    {
        var made = new ConcurrentBag<Guid>();
        await Parallel.ForAsync(0, 8, (_, _) =>
        {
            for (var i = 0; i < 20_000; i++) made.Add(Ids.New(TimeProvider.System));
            return ValueTask.CompletedTask;
        });
        Assert.Equal(160_000, made.Distinct().Count());
    }

    [Fact]
    public void A_clock_that_is_set_back_far_is_followed()
    {
        var clock = new FakeClock();
        Ids.New(clock);
        clock.Advance(TimeSpan.FromHours(1));
        var later = Ids.New(clock);
        Assert.InRange(TimeOf(later) - clock.GetUtcNow(), TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.InRange(TimeOf(Ids.New(new FakeClock())) - new FakeClock().GetUtcNow(), TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    private static DateTimeOffset TimeOf(Guid id) => DateTimeOffset.FromUnixTimeMilliseconds((long)(System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(Ids.Stored(id)) >> 16));
}
