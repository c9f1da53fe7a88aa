using Postrider.OutgoingServers;

namespace Postrider.OutgoingMail;

/// <summary>What follows from a look into Sent Items.</summary>
internal abstract record UnknownStep
{
    public sealed record WasSent : UnknownStep;
    /// <summary>The same mail with the same Message-ID.</summary>
    public sealed record SendAgain : UnknownStep;
    public sealed record LookAgain(DateTimeOffset At) : UnknownStep;
    public sealed record AskPerson : UnknownStep;
}

/// <summary>When Sent Items is looked into, and what follows: docs/flows/send-a-mail.md, step 6. Pure.</summary>
internal static class UnknownSchedule
{
    // Exchange puts the copy there within seconds. What is not there after the last one never got in: by then the server has given up the broken connection too (RFC 5321 section 4.5.3.2.6: ten minutes).
    private static readonly TimeSpan[] Looks = [TimeSpan.FromSeconds(15), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(10)];

    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    /// <summary>Before that a mail that is absent may still appear.</summary>
    public static TimeSpan Grace => Looks[^1];

    public static DateTimeOffset First(DateTimeOffset since) => since + Looks[0];

    /// <param name="times">How often the line broke over this mail: it is sent again by itself once.</param>
    /// <param name="since">When it broke last.</param>
    public static UnknownStep After(SentItemsAnswer answer, int times, DateTimeOffset since, DateTimeOffset now) => answer switch
    {
        SentItemsAnswer.Found => new UnknownStep.WasSent(),
        SentItemsAnswer.Absent when now - since < Grace => new UnknownStep.LookAgain(Next(since, now)),
        SentItemsAnswer.Absent => times == 1 ? new UnknownStep.SendAgain() : new UnknownStep.AskPerson(),
        SentItemsAnswer.CannotSearch { Problem.Code: "sent-items-not-kept" } => new UnknownStep.AskPerson(),
        // Somebody may switch IMAP on, or connect the account again.
        _ => new UnknownStep.LookAgain(Next(since, now)),
    };

    private static DateTimeOffset Next(DateTimeOffset since, DateTimeOffset now)
    {
        foreach (var look in Looks)
            if (since + look > now) return since + look;
        var waited = now - since;
        return now + (waited < LongestPause ? waited : LongestPause);
    }
}
