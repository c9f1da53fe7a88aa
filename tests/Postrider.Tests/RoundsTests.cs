namespace Postrider.Tests;

public sealed class RoundsTests
{
    private readonly FakeClock clock = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_round_that_fails_or_takes_too_long_costs_none_of_those_after_it()
    {
        // A time limit within a round is a cancellation, and not that of the hub.
        using var rounds = new Scripted(atOnce: false, clock, () => throw new InvalidOperationException("broken"), () => throw new TaskCanceledException("too long"), () => { }, () => throw new InvalidOperationException("again"));
        await rounds.StartAsync(Cancel);
        while (!rounds.Ended.IsCompleted && !rounds.ExecuteTask!.IsCompleted)
        {
            clock.Advance(TimeSpan.FromMinutes(1));
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Cancel);
        }

        await rounds.StopAsync(Cancel);
        Assert.True(rounds.Ended.IsCompleted);
        Assert.Equal(["broken", "too long", "again"], rounds.Failures);
        Assert.False(rounds.ExecuteTask!.IsFaulted);
    }

    [Fact]
    public async Task The_first_round_comes_with_the_start_where_it_is_to()
    {
        using var rounds = new Scripted(atOnce: true, clock, () => { });
        await rounds.StartAsync(Cancel);
        await rounds.Ended.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Cancel);
        await rounds.StopAsync(Cancel);
        Assert.Empty(rounds.Failures);
    }

    /// <summary>Does one thing a round; after the last it does nothing.</summary>
    private sealed class Scripted(bool atOnce, TimeProvider clock, params Action[] deeds) : Rounds(TimeSpan.FromMinutes(1), atOnce, clock)
    {
        private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int done;

        public Task Ended => ended.Task;
        public List<string> Failures { get; } = [];

        protected override Task RoundAsync(CancellationToken cancellationToken)
        {
            if (done == deeds.Length) return Task.CompletedTask;
            try
            {
                deeds[done].Invoke();
                return Task.CompletedTask;
            }
            finally
            {
                if (++done == deeds.Length) ended.SetResult();
            }
        }

        protected override void Failed(Exception failure) => Failures.Add(failure.Message);
    }
}
