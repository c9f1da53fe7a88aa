using Postrider.Web;

namespace Postrider.Journal;

/// <summary><c>GET /api/v1/incidents</c></summary>
internal static class IncidentsApi
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/v1/incidents", async (string? state, Guid? before, int? limit, IncidentBoard board, EndingBoard endings, Viewer viewer, CancellationToken cancel) =>
        {
            switch (state)
            {
                case null or "open":
                    return Results.Ok(new IncidentList([.. (await board.OpenAsync(viewer, cancel)).Select(IncidentAnswer.Of)], null) { Endings = viewer.IsSettings ? [.. (await endings.ReadAsync(cancel)).Select(EndingAnswer.Of)] : [] });
                case "past" when viewer.IsSettings:
                    var count = Math.Clamp(limit ?? 50, 1, IncidentStore.ListLimit);
                    var past = await board.PastAsync(before, count, cancel);
                    return Results.Ok(new IncidentList([.. past.Select(incident => IncidentAnswer.Of(new(incident, IncidentReach.Nothing)))], past.Count == count ? past[^1].Id : null));
                case "past":
                    return Problems.ToResult(WebProblems.Forbidden, StatusCodes.Status403Forbidden);
                default:
                    return Problems.ToResult(WebProblems.NotUnderstood, StatusCodes.Status400BadRequest);
            }
        }).RequireAuthorization(Policies.SignedIn).WithTags("Incidents").WithSummary("What stops mail: open incidents, or past ones").Produces<IncidentList>();

    /// <param name="Next">For <c>before</c>; null when there are no more.</param>
    internal sealed record IncidentList(IReadOnlyList<IncidentAnswer> Incidents, Guid? Next)
    {
        /// <summary>What will stop mail; with the open ones, for the right Settings.</summary>
        public IReadOnlyList<EndingAnswer> Endings { get; init; } = [];
    }

    /// <param name="What">Stable: <c>outlook-secret:{client id}</c>, <c>server-certificate:{server id}</c>.</param>
    /// <param name="ToldDays">The last notice of 60, 30, 7 and 1 days before that was written; null: none yet.</param>
    internal sealed record EndingAnswer(string What, string Name, DateTimeOffset EndsAt, Problem Problem, int? ToldDays, DateTimeOffset? ToldAt)
    {
        public static EndingAnswer Of(SeenEnding seen) => new(seen.Ending.What, seen.Ending.Name, seen.Ending.EndsAt, seen.Ending.Problem, seen.Told?.Days, seen.Told?.ToldAt);
    }

    /// <param name="Cause">Stable while it lasts: <c>application:{client id}:outlook-secret-expired</c>.</param>
    /// <param name="EndedHow"><c>by-itself</c>, <c>test-connection</c> or <c>change</c>; null while it is open.</param>
    internal sealed record IncidentAnswer(
        Guid Id, string Cause, Problem Problem, bool NeedsPerson, DateTimeOffset FirstSeenAt, DateTimeOffset LastSeenAt, long Times, DateTimeOffset? EndedAt, string? EndedHow, Guid? EndedBy, int Servers, IReadOnlyList<string> Mailboxes, long MailsWaiting)
    {
        public static IncidentAnswer Of(SeenIncident seen) => new(
            seen.Incident.Id, seen.Incident.Cause.ToString(), seen.Incident.Problem, seen.Incident.NeedsPerson, seen.Incident.FirstSeenAt, seen.Incident.LastSeenAt, seen.Incident.Times, seen.Incident.EndedAt,
            seen.Incident.EndedHow is { } how ? IncidentRules.Word(how) : null, seen.Incident.EndedBy, seen.Reach.Servers, seen.Reach.Mailboxes, seen.Reach.Mails);
    }
}
