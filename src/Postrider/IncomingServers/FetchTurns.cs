using System.Collections.Concurrent;

namespace Postrider.IncomingServers;

/// <summary>
/// Turns at fetching, so that a thousand mailboxes that have news at once do not fill the memory, and a mailbox that hangs takes nobody's place: it gives its place up after ten seconds,
/// and takes its next turns among the slow ones, until one of them was quick.
/// </summary>
internal sealed class FetchTurns(TimeProvider clock) : IDisposable
{
    private const int QuickTurns = 8;
    private const int SlowTurns = 4;
    /// <summary>A batch or a sign-in that takes longer is a slow one.</summary>
    internal static readonly TimeSpan Quick = TimeSpan.FromSeconds(10);

    private readonly TimeProvider clock = clock;
    private readonly SemaphoreSlim quick = new(QuickTurns);
    private readonly SemaphoreSlim slow = new(SlowTurns);
    private readonly ConcurrentDictionary<IncomingServerId, byte> slowOnes = new();

    /// <summary>Waits for a turn, first come, first served; disposing ends it.</summary>
    public async Task<IDisposable> TakeAsync(IncomingServerId server, CancellationToken cancel)
    {
        var lane = slowOnes.ContainsKey(server) ? slow : quick;
        await lane.WaitAsync(cancel);
        return new Turn(this, server, lane);
    }

    public void Dispose()
    {
        quick.Dispose();
        slow.Dispose();
    }

    private sealed class Turn : IDisposable
    {
        private readonly FetchTurns turns;
        private readonly IncomingServerId server;
        private readonly SemaphoreSlim lane;
        private readonly long began;
        private readonly ITimer late;
        private int ended;

        public Turn(FetchTurns turns, IncomingServerId server, SemaphoreSlim lane)
        {
            (this.turns, this.server, this.lane) = (turns, server, lane);
            began = turns.clock.GetTimestamp();
            late = turns.clock.CreateTimer(static turn => ((Turn)turn!).TooSlow(), this, Quick, Timeout.InfiniteTimeSpan);
        }

        public void Dispose()
        {
            late.Dispose();
            if (turns.clock.GetElapsedTime(began) < Quick) turns.slowOnes.TryRemove(server, out _);
            GiveUp();
        }

        private void TooSlow()
        {
            turns.slowOnes[server] = 0;
            GiveUp();
        }

        private void GiveUp()
        {
            if (Interlocked.Exchange(ref ended, 1) == 0) lane.Release();
        }
    }
}
