namespace Postrider;

/// <summary>What the hub does again and again while it runs. A round that fails, by whatever it is, costs none of those after it.</summary>
/// <param name="every">From one round to the next.</param>
/// <param name="atOnce">The first comes with the start; false: after <paramref name="every"/>.</param>
internal abstract class Rounds(TimeSpan every, bool atOnce, TimeProvider clock) : BackgroundService
{
    protected TimeProvider Clock => clock;

    protected abstract Task RoundAsync(CancellationToken cancellationToken);

    /// <summary>Says so in the log.</summary>
    protected abstract void Failed(Exception failure);

    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(every, clock);
        if (atOnce) await TryRoundAsync(stoppingToken);
        while (await timer.WaitForNextTickAsync(stoppingToken)) await TryRoundAsync(stoppingToken);
    }

    private async Task TryRoundAsync(CancellationToken stoppingToken)
    {
        try
        {
            await RoundAsync(stoppingToken);
        }
        // A time limit within the round is a cancellation too, and no end of the hub.
        catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
        {
            Failed(failure);
        }
    }
}
