using System.Globalization;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Journal;

/// <summary>Tells the administrators of an incident that needs a person and lasts, and of its end: one mail each, whatever happens.</summary>
internal sealed partial class IncidentNotices(HubDatabase database, IncidentStore store, IncidentBoard board, INotices notices, TimeProvider clock, ILogger<IncidentNotices> log) : Rounds(TimeSpan.FromMinutes(1), atOnce: false, clock)
{
    protected override Task RoundAsync(CancellationToken cancellationToken) => TellAsync(cancellationToken);

    protected override void Failed(Exception failure) => RoundFailed(log, failure);

    internal async Task TellAsync(CancellationToken cancellationToken)
    {
        var news = await database.ReadAsync(reader => (List<SeenIncident>)[.. store.ToTell(reader).Concat(store.EndsToTell(reader)).Select(incident => new SeenIncident(incident, board.ReachOf(reader, incident, null)))], cancellationToken);
        foreach (var seen in news)
            await notices.TellAdministratorsAsync(IncidentWords.NoticeOf(seen), tx => IncidentStore.Told(tx, seen.Incident), cancellationToken);
    }

    [LoggerMessage(1101, LogLevel.Error, "Incidents: the administrators could not be told; tried again in a minute")]
    private static partial void RoundFailed(ILogger log, Exception failure);
}

/// <summary>Incidents in words. Pure.</summary>
internal static class IncidentWords
{
    /// <summary><c>3 mailboxes, 41 mails wait</c>; empty when nothing is touched.</summary>
    public static string Effect(IncidentReach reach)
    {
        var parts = new List<string>(2);
        if (reach.Mailboxes.Count > 0) parts.Add(Count(reach.Mailboxes.Count, JournalTexts.OneMailbox, JournalTexts.Mailboxes));
        else if (reach.Servers > 0) parts.Add(Count(reach.Servers, JournalTexts.OneServer, JournalTexts.Servers));
        if (reach.Mails > 0) parts.Add(Count(reach.Mails, JournalTexts.OneMail, JournalTexts.Mails));
        return string.Join(", ", parts);
    }

    public static Notice NoticeOf(SeenIncident seen)
    {
        var (incident, problem) = (seen.Incident, seen.Incident.Problem);
        var lines = new List<string> { problem.What };
        if (incident.EndedAt is { } end)
        {
            lines.Add(JournalTexts.NoticeOver.With(Utc(incident.FirstSeenAt), Utc(end)));
        }
        else
        {
            if (problem.Detail is not null) lines.Add(problem.Detail);
            lines.Add(JournalTexts.NoticeSince.With(Utc(incident.FirstSeenAt)) + (Effect(seen.Reach) is { Length: > 0 } effect ? $" {effect}." : ""));
            if (seen.Reach.Mailboxes.Count > 0) lines.Add(string.Join(", ", seen.Reach.Mailboxes.Take(20)));
            lines.Add(problem.Remedy);
            lines.Add(JournalTexts.NoticeNothingLost);
        }

        return new(incident.EndedAt is null ? incident.Cause : null, (incident.EndedAt is null ? JournalTexts.NoticeSubject : JournalTexts.NoticeSubjectOver) + " " + problem.What, string.Join("\n\n", lines));
    }

    private static string Utc(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) + " UTC";

    private static string Count(long count, string one, string many) => count == 1 ? one : many.With(count);
}
