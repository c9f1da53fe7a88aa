namespace Postrider.Storage;

/// <summary>Removes orphaned bodies once an hour.</summary>
internal sealed partial class BodySweep(Bodies bodies, TimeProvider clock, ILogger<BodySweep> log) : Rounds(TimeSpan.FromHours(1), atOnce: false, clock)
{
    protected override async Task RoundAsync(CancellationToken cancellationToken)
    {
        var removed = await bodies.SweepAsync(cancellationToken);
        if (removed > 0) LogSwept(removed);
    }

    protected override void Failed(Exception failure) => LogSweepFailed(failure);

    [LoggerMessage(1003, LogLevel.Information, "Storage: removed {Count} bodies that no row owns")]
    private partial void LogSwept(int count);

    [LoggerMessage(1004, LogLevel.Error, "Storage: the sweep of bodies failed; it is tried again in an hour")]
    private partial void LogSweepFailed(Exception failure);
}
