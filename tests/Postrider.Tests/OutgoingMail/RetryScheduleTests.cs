using Postrider.OutgoingMail;

namespace Postrider.Tests.OutgoingMail;

public sealed class RetryScheduleTests
{
    private static readonly DateTimeOffset Put = new(2026, 11, 22, 9, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(1, 60)]
    [InlineData(2, 120)]
    [InlineData(6, 1920)]
    [InlineData(7, 3600)]
    [InlineData(1000, 3600)]
    public void A_mail_waits_twice_as_long_each_time_up_to_an_hour(int attempts, int seconds) =>
        Assert.Equal(Put.AddSeconds(seconds), RetrySchedule.NextForMail(attempts, Put, Put, TimeSpan.FromDays(5), jitter: 0));

    [Fact]
    public void Chance_spreads_a_backlog_by_a_quarter_at_most() => Assert.Equal(Put.AddSeconds(75), RetrySchedule.NextForMail(1, Put, Put, TimeSpan.FromDays(5), jitter: 1));

    [Fact]
    public void After_its_lifetime_a_mail_is_not_tried_again() => Assert.Null(RetrySchedule.NextForMail(3, Put, Put.AddDays(5), TimeSpan.FromDays(5), 0));

    [Fact]
    public void A_server_is_tried_sooner_than_a_mail_and_later_when_it_asks()
    {
        Assert.Equal(Put.AddSeconds(10), RetrySchedule.NextForServer(1, Put, null, 0));
        Assert.Equal(Put.AddMinutes(10), RetrySchedule.NextForServer(50, Put, null, 0));
        Assert.Equal(Put.AddMinutes(3), RetrySchedule.NextForServer(1, Put, TimeSpan.FromMinutes(3), 0));
    }
}
