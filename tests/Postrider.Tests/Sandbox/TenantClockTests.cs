using Postrider.Sandbox;

namespace Postrider.Tests.Sandbox;

public sealed class TenantClockTests
{
    [Fact]
    public async Task Timer_that_is_due_after_a_move_fires_at_once()
    {
        var clock = new TenantClock(TimeProvider.System);
        using var expired = new CancellationTokenSource(TimeSpan.FromHours(1), clock);
        var fired = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = expired.Token.Register(fired.SetResult);
        clock.Advance(TimeSpan.FromMinutes(59));
        Assert.False(expired.IsCancellationRequested);
        clock.Advance(TimeSpan.FromMinutes(1));
        await fired.Task.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Time_is_the_given_clocks_plus_the_moves()
    {
        var clock = new TenantClock(TimeProvider.System);
        clock.Advance(TimeSpan.FromDays(1));
        clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(TimeSpan.FromDays(3), clock.Ahead);
        Assert.InRange(clock.GetUtcNow() - TimeProvider.System.GetUtcNow(), TimeSpan.FromDays(3) - TimeSpan.FromSeconds(5), TimeSpan.FromDays(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => clock.Advance(TimeSpan.FromTicks(-1)));
    }
}
