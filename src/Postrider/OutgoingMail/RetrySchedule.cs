namespace Postrider.OutgoingMail;

/// <summary>When something that did not work is tried again.</summary>
internal static class RetrySchedule
{
    /// <summary>Nothing waits longer for its next try.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(75);

    /// <summary>Doubles from one minute to an hour; <paramref name="jitter"/> in [0, 1) spreads a backlog.</summary>
    /// <param name="attempts">Attempts that were made, at least 1.</param>
    /// <returns>Null when the message has outlived <paramref name="lifetime"/>: it then fails.</returns>
    public static DateTimeOffset? NextForMail(int attempts, DateTimeOffset putAt, DateTimeOffset now, TimeSpan lifetime, double jitter)
    {
        if (now - putAt >= lifetime) return null;
        return now + Pause(attempts - 1, TimeSpan.FromMinutes(1), TimeSpan.FromHours(1), jitter);
    }

    /// <summary>A server that could not be used: doubles from ten seconds to ten minutes, since many mails wait behind it and most trouble is short.</summary>
    /// <param name="failures">In a row, at least 1.</param>
    /// <param name="asked">How long the peer asked for; null when it said nothing.</param>
    /// <param name="untilMended">The answer changes only when somebody acts: the longest pause at once. Whoever acts does not wait for its end.</param>
    public static DateTimeOffset NextForServer(int failures, DateTimeOffset now, TimeSpan? asked, double jitter, bool untilMended = false)
    {
        var pause = Pause(untilMended ? int.MaxValue : failures - 1, TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(10), jitter);
        return now + (asked > pause ? asked.Value : pause);
    }

    private static TimeSpan Pause(int doublings, TimeSpan first, TimeSpan longest, double jitter)
    {
        var seconds = Math.Min(first.TotalSeconds * Math.Pow(2, Math.Clamp(doublings, 0, 20)), longest.TotalSeconds);
        return TimeSpan.FromSeconds(seconds * (1 + (jitter / 4)));
    }
}
