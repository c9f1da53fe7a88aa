using Postrider.OutgoingServers;

namespace Postrider.Tests.OutgoingServers;

public sealed class SendingBudgetTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 25, 12, 0, 0, TimeSpan.Zero);
    private static readonly OutgoingServer Outlook = new() { Kind = ServerKind.Outlook, UserName = "Sales@meadow.example", TenantId = new Guid(1, 0, 0, new byte[8]) };

    [Fact]
    public void An_Outlook_mailbox_has_Exchanges_limits_a_users_own_one_a_third_and_another_server_none()
    {
        Assert.Equal(new SendingLimits(30, 10_000, 3), SendingBudget.Of(Outlook, SendingBudgetChange.None));
        Assert.Equal(10, SendingBudget.Of(Outlook with { Owner = Guid.NewGuid() }, SendingBudgetChange.None).MessagesPerMinute);
        Assert.Equal(new SendingLimits(null, null, 5), SendingBudget.Of(new OutgoingServer { Kind = ServerKind.Smtp, Host = "localhost", Port = 25 }, SendingBudgetChange.None));
    }

    [Fact]
    public void What_an_administrator_set_stands_before_the_default_and_0_is_no_limit() =>
        Assert.Equal(new SendingLimits(100, null, 3), SendingBudget.Of(Outlook, new(100, 0, null, null)));

    [Theory]
    [InlineData(1, 10_000)]
    [InlineData(2, 10_312)]
    [InlineData(10, 12_005)]
    [InlineData(25, 14_259)]
    [InlineData(100, 22_059)]
    [InlineData(1000, 72_446)]
    public void A_tenants_limit_follows_from_its_licences(int licences, int limit)
    {
        Assert.InRange(SendingBudget.Terrl(licences), limit - 1, limit + 1);
        Assert.Equal(SendingBudget.Terrl(licences), SendingBudget.OfTenant(new(null, null, null, licences)).RecipientsPerDay);
    }

    [Fact]
    public void A_tenant_of_which_nothing_is_known_has_no_limit() => Assert.Null(SendingBudget.OfTenant(SendingBudgetChange.None).RecipientsPerDay);

    [Fact]
    public void Servers_of_one_mailbox_share_its_meter()
    {
        Assert.Equal("mailbox:sales@meadow.example", SendingBudget.MeterOf(Outlook));
        Assert.Equal(SendingBudget.MeterOf(Outlook), SendingBudget.MeterOf(Outlook with { Name = "Other", UserName = "SALES@meadow.example" }));
    }

    [Fact]
    public void No_sixty_seconds_see_more_than_the_limit()
    {
        var meter = new SendingMeter();
        var limits = new SendingLimits(30, null, 3);
        var sentAt = new List<DateTimeOffset>();
        var chance = new Random(7);
        var now = Noon;
        while (sentAt.Count < 300)
        {
            var room = meter.Room(limits, now);
            if (room.Messages == 0)
            {
                now = room.OpensAt ?? now.AddSeconds(1);
                continue;
            }

            var count = chance.Next(1, room.Messages + 1);
            meter.TakeUp(count, count, now);
            for (var i = 0; i < count; i++)
            {
                now = now.AddMilliseconds(chance.Next(1, 400));
                sentAt.Add(now);
                meter.Through(now);
            }
        }

        for (var i = 30; i < sentAt.Count; i++) Assert.True(sentAt[i] - sentAt[i - 30] >= TimeSpan.FromMinutes(1), $"{i}: {sentAt[i - 30]:T} {sentAt[i]:T}");
        Assert.True(sentAt[^1] - sentAt[0] <= TimeSpan.FromMinutes(11));
    }

    [Fact]
    public void What_is_under_way_takes_room_until_it_is_given_back()
    {
        var meter = new SendingMeter();
        var limits = new SendingLimits(30, 100, 3);
        meter.TakeUp(30, 60, Noon);
        Assert.Equal((0, 40, null), (meter.Room(limits, Noon).Messages, meter.Room(limits, Noon).Recipients, meter.Room(limits, Noon).OpensAt));
        meter.GiveBack(10, 20, Noon);
        Assert.Equal((10, 60), (meter.Room(limits, Noon).Messages, meter.Room(limits, Noon).Recipients));
    }

    [Fact]
    public void A_day_of_recipients_is_forgotten_a_day_later_and_not_before()
    {
        var meter = new SendingMeter();
        var limits = new SendingLimits(null, 100, 3);
        meter.TakeUp(1, 100, Noon);
        meter.Through(Noon);
        Assert.True(meter.Room(limits, Noon.AddHours(24)).IsEmpty);
        var opens = meter.Room(limits, Noon.AddHours(1)).OpensAt!.Value;
        Assert.InRange(opens, Noon.AddHours(24), Noon.AddHours(24).AddMinutes(2));
        Assert.Equal(100, meter.Room(limits, opens).Recipients);
    }

    [Fact]
    public void After_a_start_the_last_two_minutes_count_as_sent_just_now()
    {
        var meter = new SendingMeter();
        meter.Load(SendingMeter.MinuteOf(Noon.AddHours(-3)), 500, 500, Noon);
        meter.Load(SendingMeter.MinuteOf(Noon), 12, 12, Noon);
        var room = meter.Room(new(30, 10_000, 3), Noon);
        Assert.Equal((18, 9488), (room.Messages, room.Recipients));
    }

    [Fact]
    public void A_clock_that_is_set_back_locks_nobody_out_for_long()
    {
        var meter = new SendingMeter();
        meter.TakeUp(30, 30, Noon);
        for (var i = 0; i < 30; i++) meter.Through(Noon);
        var back = Noon.AddDays(-1);
        Assert.Equal(back.AddMinutes(1), meter.Room(new(30, null, 3), back).OpensAt);
    }
}
