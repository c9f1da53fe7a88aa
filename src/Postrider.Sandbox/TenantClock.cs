namespace Postrider.Sandbox;

/// <summary>The tenant's time: the given clock's, plus what it was moved ahead. Timers made with it feel the move, so that a token which expired meanwhile ends its session at once.</summary>
public sealed class TenantClock : TimeProvider
{
    private readonly TimeProvider inner;
    private readonly Lock gate = new();
    private readonly HashSet<MovedTimer> timers = [];
    private TimeSpan ahead;

    /// <param name="ahead">How far it had been moved when the sandbox last ran.</param>
    internal TenantClock(TimeProvider inner, TimeSpan ahead = default) => (this.inner, this.ahead) = (inner, ahead);

    /// <summary>Raised after each move.</summary>
    internal event Action? Moved;

    /// <summary>How far it was moved.</summary>
    public TimeSpan Ahead { get { lock (gate) return ahead; } }

    public override TimeZoneInfo LocalTimeZone => inner.LocalTimeZone;

    public override long TimestampFrequency => inner.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + Ahead;

    /// <summary>Durations measured across a move do not feel it.</summary>
    public override long GetTimestamp() => inner.GetTimestamp();

    /// <summary>Moves the clock ahead, never back: time that runs backwards happens to no real tenant.</summary>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        Move(() => by);
    }

    /// <summary>Moves the clock to that time, if it is not later already.</summary>
    internal void AdvanceTo(DateTimeOffset time) => Move(() => time - inner.GetUtcNow() - ahead);

    private void Move(Func<TimeSpan> by)
    {
        List<MovedTimer> all;
        lock (gate)
        {
            var step = by();
            if (step < TimeSpan.Zero) return;
            ahead += step;
            all = [.. timers];
        }
        foreach (var timer in all) timer.Rearm();
        Moved?.Invoke();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new MovedTimer(this, callback, state);
        lock (gate) timers.Add(timer);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class MovedTimer : ITimer
    {
        private readonly TenantClock clock;
        private readonly ITimer timer;
        private readonly Lock gate = new();
        private DateTimeOffset? due;
        private TimeSpan period = Timeout.InfiniteTimeSpan;

        public MovedTimer(TenantClock clock, TimerCallback callback, object? state)
        {
            this.clock = clock;
            timer = clock.inner.CreateTimer(
                s =>
                {
                    lock (gate) due = period == Timeout.InfiniteTimeSpan ? null : clock.GetUtcNow() + period;
                    callback(s);
                },
                state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        public bool Change(TimeSpan dueTime, TimeSpan newPeriod)
        {
            lock (gate) (due, period) = (dueTime == Timeout.InfiniteTimeSpan ? null : clock.GetUtcNow() + dueTime, newPeriod);
            return timer.Change(dueTime, newPeriod);
        }

        public void Rearm()
        {
            lock (gate)
            {
                if (due is not { } at) return;
                var left = at - clock.GetUtcNow();
                timer.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, period);
            }
        }

        public void Dispose()
        {
            lock (clock.gate) clock.timers.Remove(this);
            timer.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
