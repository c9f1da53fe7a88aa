using System.Diagnostics.Metrics;

namespace Postrider.Storage;

/// <summary>What the database does, for telemetry.</summary>
internal static class StorageMeters
{
    private static readonly Meter Meter = new("Postrider.Storage");

    public static readonly Histogram<double> Commits = Meter.CreateHistogram<double>("postrider.storage.commit", "ms", "Time of one group commit, its fsync included");
    public static readonly Counter<long> Writes = Meter.CreateCounter<long>("postrider.storage.writes", description: "Write delegates committed");
}
