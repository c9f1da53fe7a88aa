using Postrider.Mail.Smtp;

namespace Postrider.Sandbox.Exchange;

/// <summary>The kind of error that closed a mailbox for a while; the number is the detail of 550 5.2.x. Microsoft: "Fix issues with printers, scanners, and LOB applications that send email", read 2026-11.</summary>
public enum ThrottleReason
{
    MailboxFull = 251,
    SendAsDenied = 252,
    InvalidLicense = 253,
    TooManyRecipients = 254,
    InvalidRecipients = 255,
}

/// <summary>What a mailbox has sent by SMTP since the sandbox was started.</summary>
/// <param name="Messages">Taken.</param>
/// <param name="Recipients">Of those messages.</param>
/// <param name="Refused">Messages refused at their end for what they are: sender, size, a full mailbox.</param>
/// <param name="Delayed">Messages whose reply waited for the rate.</param>
/// <param name="Throttled">Replies that said: too many connections, throttled, or the quota of the mailbox or the tenant is used up.</param>
/// <param name="Latches">How often the mailbox was closed for a while.</param>
/// <param name="Connections">Signed in now.</param>
/// <param name="MostConnections">Signed in at one time.</param>
public sealed record SubmissionCounts(long Messages, long Recipients, long Refused, long Delayed, long Throttled, long Latches, int Connections, int MostConnections);

/// <summary>A mailbox's use of SMTP submission: its sessions, its rate, its quota, and whether it is closed. In memory: a new sandbox begins at nothing. Any thread.</summary>
public sealed class SubmissionUse
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly TimeProvider clock;
    /// <summary>Signed-in sessions, in order of their sign-in.</summary>
    private readonly List<SmtpSession> sessions = [];
    /// <summary>When the messages of the last minute had their reply, and when those that wait will have it; ascending.</summary>
    private readonly List<DateTimeOffset> turns = [];
    private readonly SlidingCount recipients = new(TimeSpan.FromDays(1));
    private SubmissionCounts counts = new(0, 0, 0, 0, 0, 0, 0, 0);
    private (ThrottleReason Reason, int Count) errors;
    private (ThrottleReason Reason, DateTimeOffset Until)? throttled;

    internal SubmissionUse(TimeProvider clock) => this.clock = clock;

    public SubmissionCounts Counts { get { lock (gate) return counts with { Connections = sessions.Count }; } }

    /// <summary>Null: open.</summary>
    public (ThrottleReason Reason, DateTimeOffset Until)? Throttled { get { lock (gate) return throttled is { } closed && closed.Until > clock.GetUtcNow() ? closed : null; } }

    /// <summary>Raised after each change of <see cref="Counts"/>, on the session's thread.</summary>
    public event Action? Changed;

    /// <summary>Closes the mailbox as if so many errors had happened.</summary>
    public void Throttle(ThrottleReason reason, TimeSpan duration) => Count(() => Close(reason, duration));

    /// <summary>Opens it before its time, which Microsoft's support cannot.</summary>
    public void Release() => Count(() => (throttled, errors) = (null, default));

    /// <summary>Completes when the counts are as wanted, at once when they are.</summary>
    public async Task<SubmissionCounts> WhenAsync(Func<SubmissionCounts, bool> wanted, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        while (true)
        {
            var change = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            void Tell() => change.TrySetResult();
            Changed += Tell;
            try
            {
                if (Counts is var now && wanted(now)) return now;
                await change.Task.WaitAsync(cancel);
            }
            finally
            {
                Changed -= Tell;
            }
        }
    }

    internal void SignedIn(SmtpSession session) => Count(() =>
    {
        sessions.Add(session);
        counts = counts with { MostConnections = Math.Max(counts.MostConnections, sessions.Count) };
    });

    internal void SignedOut(SmtpSession session) => Count(() => sessions.Remove(session));

    internal bool IsBeyond(int connections, SmtpSession session) { lock (gate) return sessions.IndexOf(session) >= connections; }

    /// <summary>Is there room for so many more within 24 hours?</summary>
    internal bool HasRoomFor(int count, int perDay) { lock (gate) return recipients.Sum(clock.GetUtcNow()) + count <= perDay; }

    /// <summary>A message is taken: its recipients count from now on, and it has its turn.</summary>
    /// <returns>When it may be answered.</returns>
    internal DateTimeOffset Take(int count, int perMinute)
    {
        var turn = clock.GetUtcNow();
        Count(() =>
        {
            var now = turn;
            recipients.Add(count, now);
            turns.RemoveAll(t => t <= now - Minute);
            if (turns.Count >= perMinute) turn = turns[^perMinute] + Minute;
            turns.Add(turn);
            errors = default;
            counts = counts with { Messages = counts.Messages + 1, Recipients = counts.Recipients + count, Delayed = counts.Delayed + (turn > now ? 1 : 0) };
        });
        return turn;
    }

    /// <summary>A message was answered that too much was sent, or at once.</summary>
    internal void WasThrottled() => Count(() => counts = counts with { Throttled = counts.Throttled + 1 });

    /// <summary>A message was refused. Errors of one kind without a message taken between them close the mailbox.</summary>
    /// <param name="error">Null: no kind that closes it.</param>
    internal void WasRefused(ThrottleReason? error, MailboxSettings settings) => Count(() =>
    {
        counts = counts with { Refused = counts.Refused + 1 };
        if (error is not { } kind) return;
        errors = errors.Reason == kind ? (kind, errors.Count + 1) : (kind, 1);
        if (errors.Count >= settings.ErrorsUntilThrottled) Close(kind, settings.ThrottledFor);
    });

    private void Close(ThrottleReason reason, TimeSpan duration)
    {
        throttled = (reason, clock.GetUtcNow() + duration);
        errors = default;
        counts = counts with { Latches = counts.Latches + 1 };
    }

    private void Count(Action change)
    {
        lock (gate) change();
        Changed?.Invoke();
    }
}

/// <summary>How many of something there were within the time that ends now.</summary>
internal sealed class SlidingCount(TimeSpan window)
{
    private readonly Queue<(DateTimeOffset At, int Count)> steps = new();
    private long sum;

    public long Sum(DateTimeOffset now)
    {
        while (steps.TryPeek(out var oldest) && oldest.At <= now - window) sum -= steps.Dequeue().Count;
        return sum;
    }

    public void Add(int count, DateTimeOffset now)
    {
        steps.Enqueue((now, count));
        sum += count;
    }
}
