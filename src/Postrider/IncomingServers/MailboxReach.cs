using Postrider.Journal;
using Postrider.Storage;

namespace Postrider.IncomingServers;

/// <summary>Which incoming servers an incident touches.</summary>
internal sealed class MailboxReach(IncomingServerStore servers) : IIncidentReach
{
    public int Order => 20;

    public IncidentReach Of(HubReader reader, IncidentCause cause, Guid? creator)
    {
        var touched = servers.TouchedBy(reader, cause);
        return new(touched.Count, [.. touched.Select(server => server.UserName).Where(name => name.Contains('@', StringComparison.Ordinal)).Distinct(StringComparer.OrdinalIgnoreCase)], 0,
            [.. touched.Select(server => new IncidentPlace(server.Name, $"/incoming-servers/{server.Id.Value:D}"))]);
    }
}
