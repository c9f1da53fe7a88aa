using System.Collections.Concurrent;

namespace Postrider.Sandbox;

/// <summary>What went wrong inside Exchange's servers although no peer did anything wrong: logged, and kept for tests to look at.</summary>
internal sealed class Faults
{
    private const int MaxKept = 100;
    private readonly ConcurrentQueue<Exception> kept = new();
    private ILogger? log;

    public IReadOnlyCollection<Exception> All => kept;

    public void Tell(ILogger logger)
    {
        log = logger;
        foreach (var fault in kept) logger.LogError(fault, "A fault of the mail servers");
    }

    public void Add(Exception fault)
    {
        kept.Enqueue(fault);
        while (kept.Count > MaxKept) kept.TryDequeue(out _);
        log?.LogError(fault, "A fault of the mail servers");
    }
}
