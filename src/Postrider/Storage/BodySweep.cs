namespace Postrider.Storage;

/// <summary>Removes orphaned bodies once an hour.</summary>
internal sealed partial class BodySweep(Bodies bodies, TimeProvider clock, ILogger<BodySweep> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var hourly = new PeriodicTimer(TimeSpan.FromHours(1), clock);
        try
        {
            while (await hourly.WaitForNextTickAsync(stoppingToken)) await SweepOnceAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The hub stops; the next start sweeps on.
        }
    }

    private async Task SweepOnceAsync(CancellationToken cancellationToken)
    {
        try
        {
            var removed = await bodies.SweepAsync(cancellationToken);
            if (removed > 0) LogSwept(removed);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            LogSweepFailed(failure);
        }
    }

    [LoggerMessage(1003, LogLevel.Information, "Storage: removed {Count} bodies that no row owns")]
    private partial void LogSwept(int count);

    [LoggerMessage(1004, LogLevel.Error, "Storage: the sweep of bodies failed; it is tried again in an hour")]
    private partial void LogSweepFailed(Exception failure);
}
