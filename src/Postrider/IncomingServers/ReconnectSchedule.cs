namespace Postrider.IncomingServers;

/// <summary>When a mailbox is tried again after a failure.</summary>
internal static class ReconnectSchedule
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);
    // With the jitter fifty seconds: mail is seen within a minute of a server's return.
    private static readonly TimeSpan LongestOfPassing = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan LongestAsked = TimeSpan.FromHours(1);

    /// <summary>Doubles from one second to forty of them where the trouble may pass by itself, else to five minutes; <paramref name="jitter"/> in [0, 1) adds up to a quarter, so that mailboxes which fell together do not come back together.</summary>
    /// <param name="failures">Failures in a row, from 1.</param>
    /// <param name="asked">What the server asked to wait ("Suggested Backoff Time"); null when it did not.</param>
    /// <param name="mayPass">The server or the way to it is away, and nobody has to do anything.</param>
    public static TimeSpan Pause(int failures, TimeSpan? asked, double jitter, bool mayPass)
    {
        var pause = TimeSpan.FromSeconds(Math.Min(Math.Pow(2, Math.Clamp(failures - 1, 0, 20)), (mayPass ? LongestOfPassing : Longest).TotalSeconds));
        pause *= 1 + jitter / 4;
        if (asked is not { } wanted || wanted <= pause) return pause;
        return wanted < LongestAsked ? wanted : LongestAsked;
    }

    /// <summary>How long a session may last before it is renewed with a fresh access token: two minutes before the token ends, at least one minute; null when the end is not known.</summary>
    /// <remarks>Exchange ends a session with <c>BYE Session invalidated - AccessTokenExpired</c>; going a little before means that no command is ever cut.</remarks>
    public static TimeSpan? SessionLength(DateTimeOffset? tokenExpires, DateTimeOffset now)
    {
        if (tokenExpires is not { } expires) return null;
        var left = expires - now - TimeSpan.FromMinutes(2);
        return left < TimeSpan.FromMinutes(1) ? TimeSpan.FromMinutes(1) : left;
    }

    /// <summary>The pause named in <c>Request is throttled. Suggested Backoff Time: 92415 milliseconds</c>; null when the text names none.</summary>
    public static TimeSpan? AskedPause(string? serverText)
    {
        const string Words = "Suggested Backoff Time:";
        var at = serverText?.IndexOf(Words, StringComparison.OrdinalIgnoreCase) ?? -1;
        if (at < 0) return null;
        var digits = serverText.AsSpan(at + Words.Length).TrimStart();
        var length = 0;
        while (length < digits.Length && char.IsAsciiDigit(digits[length])) length++;
        return long.TryParse(digits[..length], System.Globalization.CultureInfo.InvariantCulture, out var milliseconds) && milliseconds <= LongestAsked.TotalMilliseconds
            ? TimeSpan.FromMilliseconds(milliseconds)
            : LongestAsked;
    }
}
