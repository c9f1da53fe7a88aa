using Postrider.Journal;

namespace Postrider.Tests.Journal;

public sealed class LiveEventsTests
{
    private readonly FakeClock clock = new();

    [Fact]
    public void A_page_hears_of_its_own_topics_and_of_no_other()
    {
        var live = new LiveEvents(clock);
        using var page = live.Subscribe(new HashSet<string> { "outbox-mail", "outbox-mail/1" })!;
        live.Publish("outbox-mail/2");
        live.Publish("outbox-mail/1");
        Assert.Equal(["outbox-mail/1"], Heard(page));
    }

    [Fact]
    public void What_changed_half_a_minute_ago_is_told_and_what_is_older_is_not()
    {
        var live = new LiveEvents(clock);
        live.Publish("old");
        clock.Advance(TimeSpan.FromSeconds(20));
        live.Publish("new");
        clock.Advance(TimeSpan.FromSeconds(15));
        using var page = live.Subscribe(new HashSet<string> { "old", "new" })!;
        Assert.Equal(["new"], Heard(page));
    }

    [Fact]
    public void A_closed_page_makes_room_once()
    {
        var live = new LiveEvents(clock);
        var pages = Enumerable.Range(0, 5000).Select(_ => live.Subscribe(new HashSet<string> { "a", "b" })!).ToList();
        Assert.Null(live.Subscribe(new HashSet<string> { "a" }));
        pages[0].Dispose();
        pages[0].Dispose();
        Assert.NotNull(live.Subscribe(new HashSet<string> { "a" }));
        Assert.Null(live.Subscribe(new HashSet<string> { "a" }));
        live.Publish("b");
        Assert.Empty(Heard(pages[0]));
        Assert.Equal(["b"], Heard(pages[1]));
    }

    private static List<string> Heard(LiveEvents.Subscription page)
    {
        var heard = new List<string>();
        while (page.Changes.TryRead(out var topic)) heard.Add(topic);
        return heard;
    }
}
