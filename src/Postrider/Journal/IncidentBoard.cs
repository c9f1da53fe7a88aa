using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Journal;

/// <summary>Where something can be mended or looked at.</summary>
/// <param name="Href">From the root of the hub.</param>
internal sealed record IncidentPlace(string Text, string Href);

/// <summary>What an open incident touches, as it is now.</summary>
/// <param name="Mails">Waiting ones.</param>
internal sealed record IncidentReach(int Servers, IReadOnlyList<string> Mailboxes, long Mails, IReadOnlyList<IncidentPlace> Places)
{
    public static IncidentReach Nothing { get; } = new(0, [], 0, []);

    public IncidentReach With(IncidentReach other) => new(Servers + other.Servers, [.. Mailboxes.Union(other.Mailboxes, StringComparer.OrdinalIgnoreCase)], Mails + other.Mails, [.. Places, .. other.Places]);
}

/// <summary>Says what a cause touches; each folder for what it has.</summary>
internal interface IIncidentReach
{
    /// <summary>The order of its places: where an incident is mended comes before what it touches.</summary>
    int Order { get; }

    /// <param name="creator">Only the mails that this user made; null: all.</param>
    IncidentReach Of(HubReader reader, IncidentCause cause, Guid? creator);
}

/// <param name="Reach">Of an incident that is over: nothing.</param>
internal sealed record SeenIncident(Incident Incident, IncidentReach Reach);

/// <summary>Incidents as people see them.</summary>
internal sealed class IncidentBoard(HubDatabase database, IncidentStore store, IEnumerable<IIncidentReach> reaches)
{
    /// <summary>All of them for the right Settings; for others those that keep mail of their own, without what the servers said.</summary>
    public Task<IReadOnlyList<SeenIncident>> OpenAsync(Viewer viewer, CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<SeenIncident>>(reader =>
    {
        var open = store.Open(reader);
        if (viewer.IsSettings) return [.. open.Select(incident => new SeenIncident(incident, ReachOf(reader, incident, null)))];
        return
        [
            .. open.Select(incident => new SeenIncident(incident with { Problem = incident.Problem with { Detail = null } }, ReachOf(reader, incident, viewer.UserId)))
                .Where(seen => seen.Reach.Mails > 0).Select(seen => seen with { Reach = new(0, [], seen.Reach.Mails, []) }),
        ];
    }, cancellationToken);

    /// <summary>For the right Settings alone.</summary>
    public Task<IReadOnlyList<Incident>> PastAsync(Guid? before, int limit, CancellationToken cancellationToken) => database.ReadAsync(reader => store.Past(reader, before, limit), cancellationToken);

    public IncidentReach ReachOf(HubReader reader, Incident incident, Guid? creator) =>
        incident.EndedAt is null ? reaches.OrderBy(side => side.Order).Select(side => side.Of(reader, incident.Cause, creator)).Aggregate(IncidentReach.Nothing, (all, one) => all.With(one)) : IncidentReach.Nothing;
}
