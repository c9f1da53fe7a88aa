using Postrider.Journal;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>Which outgoing servers an incident touches, and how many mails wait for them.</summary>
internal sealed class MailReach(OutgoingServerStore servers, OutboxStore store) : IIncidentReach
{
    public int Order => 10;

    public IncidentReach Of(HubReader reader, IncidentCause cause, Guid? creator)
    {
        var touched = servers.TouchedBy(reader, cause);
        if (touched.Count == 0) return IncidentReach.Nothing;
        var waiting = store.WaitingByServer(reader, creator);
        return new(
            touched.Count, [.. touched.Select(server => server.Mailbox?.ToString()).OfType<string>().Distinct(StringComparer.OrdinalIgnoreCase)],
            touched.Sum(server => waiting.GetValueOrDefault(server.Id)), [.. touched.Select(server => new IncidentPlace(server.Name, OutgoingServersFeature.PagePath(server.Id)))]);
    }
}
