using System.Globalization;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Journal;

/// <summary>Something mail needs that ends on a day known beforehand: a client secret, a certificate.</summary>
/// <param name="What">Its place, the same for whatever stands in it: <c>server-certificate:{server id}</c>.</param>
/// <param name="Name">Within a sentence: <c>The client certificate of “Post”</c>.</param>
/// <param name="EndsAt">Where only the day is known: its beginning.</param>
/// <param name="Over">It has ended for certain.</param>
/// <param name="Problem">What stops at the end, and what to do before.</param>
internal sealed record Ending(string What, string Name, DateTimeOffset EndsAt, bool Over, Problem Problem, IncidentPlace Place);

/// <summary>Knows what ends; each folder of what it has.</summary>
internal interface IEndings
{
    /// <summary>What ends within <see cref="EndingRules.Notice"/>, or has ended and is in use still.</summary>
    IEnumerable<Ending> Of(HubReader reader);
}

/// <summary>What the administrators were told.</summary>
/// <param name="Days">The last of <see cref="EndingRules.Days"/> that was told.</param>
internal sealed record EndNotice(string What, string Name, DateTimeOffset EndsAt, int Days, DateTimeOffset ToldAt)
{
    public bool IsOf(Ending ending) => What == ending.What && EndsAt == ending.EndsAt;
}

/// <summary>When people are told of an end. Pure.</summary>
internal static class EndingRules
{
    /// <summary>So long before the end it is shown.</summary>
    public static readonly TimeSpan Notice = TimeSpan.FromDays(60);

    /// <summary>So many days before the end a mail is written.</summary>
    public static readonly IReadOnlyList<int> Days = [60, 30, 7, 1];

    /// <summary>The notice that is due: the last whose day has come, so that a hub which stood still writes one mail and not four.</summary>
    /// <param name="told">What was told of this end; null: nothing.</param>
    /// <returns>Null when none is. From the end on it is an incident that tells.</returns>
    public static int? Due(DateTimeOffset endsAt, EndNotice? told, DateTimeOffset now)
    {
        var left = endsAt - now;
        if (left <= TimeSpan.Zero || left > Notice) return null;
        var days = Days.Last(day => left <= TimeSpan.FromDays(day));
        return told is null || days < told.Days ? days : null;
    }

    /// <summary>Whole days, the last one counted.</summary>
    public static int DaysLeft(DateTimeOffset endsAt, DateTimeOffset now) => Math.Max(0, (int)Math.Ceiling((endsAt - now).TotalDays));
}

/// <summary>Ends in words. Pure.</summary>
internal static class EndingWords
{
    public static string InDays(Ending ending, DateTimeOffset now) => EndingRules.DaysLeft(ending.EndsAt, now) switch
    {
        0 => ending.Over ? JournalTexts.EndingOver : JournalTexts.EndingToday,
        1 => JournalTexts.EndingInADay,
        var days => JournalTexts.EndingInDays.With(days),
    };

    public static Notice NoticeOf(Ending ending, DateTimeOffset now)
    {
        var days = EndingRules.DaysLeft(ending.EndsAt, now);
        var lines = new List<string> { ending.Problem.What };
        if (ending.Problem.Detail is { } detail) lines.Add(detail);
        lines.Add(ending.Problem.Remedy);
        lines.Add(EndingRules.Days.Any(day => day < days) ? JournalTexts.EndingNoticeMore : JournalTexts.EndingNoticeLast);
        return new(null, (days == 1 ? JournalTexts.EndingSubjectInADay : JournalTexts.EndingSubject.With(days)) + " " + ending.Problem.What, string.Join("\n\n", lines));
    }

    /// <summary>It was replaced: whoever was told need not act any more.</summary>
    public static Notice TakenBack(EndNotice told) => new(null, JournalTexts.NoticeSubjectOver + " " + JournalTexts.EndingNamed.With(told.Name, Day(told.EndsAt)), JournalTexts.EndingTakenBack.With(told.Name, Day(told.EndsAt)));

    public static string Day(DateTimeOffset at) => at.UtcDateTime.ToString("d MMMM yyyy", CultureInfo.InvariantCulture);
}
