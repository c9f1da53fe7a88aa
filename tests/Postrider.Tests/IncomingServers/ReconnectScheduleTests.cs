using Postrider.IncomingServers;

namespace Postrider.Tests.IncomingServers;

public sealed class ReconnectScheduleTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(2, 2, false)]
    [InlineData(5, 16, true)]
    [InlineData(7, 40, true)]
    [InlineData(1000, 40, true)]
    [InlineData(10, 300, false)]
    [InlineData(1000, 300, false)]
    public void The_pause_doubles_up_to_five_minutes_or_forty_seconds(int failures, int seconds, bool mayPass) => Assert.Equal(TimeSpan.FromSeconds(seconds), ReconnectSchedule.Pause(failures, null, 0, mayPass));

    [Fact]
    public void Jitter_adds_up_to_a_quarter() => Assert.InRange(ReconnectSchedule.Pause(5, null, 0.99, true), TimeSpan.FromSeconds(19.9), TimeSpan.FromSeconds(20));

    [Fact]
    public void The_server_s_own_wish_is_honoured_up_to_an_hour()
    {
        Assert.Equal(TimeSpan.FromMilliseconds(92415), ReconnectSchedule.AskedPause("BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds"));
        Assert.Equal(TimeSpan.FromMilliseconds(92415), ReconnectSchedule.Pause(1, TimeSpan.FromMilliseconds(92415), 0, true));
        Assert.Equal(TimeSpan.FromHours(1), ReconnectSchedule.Pause(1, TimeSpan.FromDays(9), 0, true));
        Assert.Equal(TimeSpan.FromHours(1), ReconnectSchedule.AskedPause("Suggested Backoff Time: 99999999999999999999999 milliseconds"));
        Assert.Null(ReconnectSchedule.AskedPause("NO AUTHENTICATE failed."));
        Assert.Null(ReconnectSchedule.AskedPause(null));
    }

    [Fact]
    public void A_session_ends_before_its_token_does()
    {
        Assert.Equal(TimeSpan.FromMinutes(58), ReconnectSchedule.SessionLength(Now.AddHours(1), Now));
        Assert.Equal(TimeSpan.FromMinutes(1), ReconnectSchedule.SessionLength(Now.AddSeconds(10), Now));
        Assert.Null(ReconnectSchedule.SessionLength(null, Now));
    }
}
