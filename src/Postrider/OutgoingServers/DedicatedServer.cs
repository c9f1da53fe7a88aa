using Postrider.Settings;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <summary><em>Dedicated Server</em> of Email Marketing: the server that mail marked as mailing goes through, and other mail only when there is no other.</summary>
internal sealed class DedicatedServer(HubDatabase database, OutgoingServerStore servers, SystemParameters parameters) : ISettingsBlock
{
    public const string TickField = KnownParameter.DedicatedServer;
    public const string ServerField = KnownParameter.DedicatedServerId;

    public string Section => "Email Marketing";
    public int Order => 60;
    public bool BelongsToCustomEmailServers => false;
    public Type Component => typeof(DedicatedServerFields);

    public bool Shown(ViewerContext context) => context.Viewer.IsSettings;

    public Task<Problem?> SaveAsync(IFormCollection form, Viewer viewer, CancellationToken cancellationToken) =>
        form.ContainsKey(ServerField)
            ? SetAsync(form.ContainsKey(TickField), Guid.TryParse(form[ServerField], out var id) ? new(id) : null, viewer, cancellationToken)
            : Task.FromResult<Problem?>(null);

    /// <summary>Clearing the tick clears the server too.</summary>
    /// <returns>Null when it is stored.</returns>
    public Task<Problem?> SetAsync(bool ticked, OutgoingServerId? id, Viewer viewer, CancellationToken cancellationToken) => database.WriteAsync(tx =>
    {
        if (ticked)
        {
            var chosen = id is { } known ? servers.Find(tx, known) : null;
            if (chosen is null || chosen.Owner is not null) return OutgoingServersProblems.DedicatedMissing;
            if (!chosen.Active) return OutgoingServersProblems.ForcedArchived(chosen.Name);
        }

        parameters.Put(tx, KnownParameter.DedicatedServer, ticked ? "True" : "False", viewer.UserId);
        parameters.Put(tx, KnownParameter.DedicatedServerId, ticked ? id!.Value.Value.ToString("D") : "", viewer.UserId);
        return null;
    }, cancellationToken);
}

/// <summary>A server that mailings go through is not archived.</summary>
internal sealed class DedicatedServerUse : IServerUse
{
    public IEnumerable<string> Of(HubReader reader, OutgoingServerId server)
    {
        if (KnownParameter.IsTrue(SystemParameters.Get(reader, KnownParameter.DedicatedServer)) && Guid.TryParse(SystemParameters.Get(reader, KnownParameter.DedicatedServerId), out var id) && id == server.Value)
            yield return "Email Marketing uses it as its default mail server to send mass mailings (General Settings, Dedicated Server).";
    }
}
