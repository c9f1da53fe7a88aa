using Postrider.Apps;
using Postrider.Entra;
using Postrider.Mail;
using Postrider.OutlookAccounts;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Users;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <summary>A user's own mailbox as outgoing server, connected from Preferences without the right Settings. Its Username and From Filter are the user's address, and only mail that this user makes goes through it.</summary>
internal sealed class PersonalServer(HubDatabase database, OutgoingServerStore servers, OutlookAccountStore accounts, ConnectRequestStore requests, InstalledApps apps, MicrosoftCloud cloud, SystemParameters parameters)
{
    public const string KindWord = "personal-server";

    public bool IsOffered => apps.IsInstalled(InstalledApps.MicrosoftOutlook) && parameters.CustomEmailServers && !parameters.PersonalServersDisabled;

    /// <returns>Nulls where there is nothing: no server, no account, and no bad end of the last attempt to connect it.</returns>
    public Task<(OutgoingServer? Server, OutlookAccount? Account, Problem? Attempt)> FindAsync(Guid user, CancellationToken cancellationToken) =>
        database.ReadAsync<(OutgoingServer?, OutlookAccount?, Problem?)>(reader =>
        {
            if (servers.FindOwned(reader, user) is not { } server) return (null, null, null);
            var account = accounts.Find(reader, server.AccountId);
            return (server, account, requests.LastProblem(reader, KindWord, server.Id.Value, account));
        }, cancellationToken);

    /// <summary>Makes the server, archived until the consent is there; the one of an earlier try is taken up again.</summary>
    public async Task<(OutgoingServerId? Id, Problem? Problem)> PrepareAsync(Viewer viewer, CancellationToken cancellationToken)
    {
        if (!IsOffered) return (null, OutgoingServersProblems.PersonalOff);
        if (!EmailAddress.TryParse(viewer.Email, out var address)) return (null, OutgoingServersProblems.PersonalNoAddress(viewer.Email));
        if (address.Equals(parameters.DefaultFromAddress) || address.Equals(parameters.BounceAddress) || address.Equals(OwnAddress.Of(parameters.CatchallAlias, parameters.CatchallDomain))) return (null, OutgoingServersProblems.PersonalAddressIsTheHubs(address));

        var (server, _, _) = await FindAsync(viewer.UserId, cancellationToken);
        if (server is not null && address.Equals(server.Mailbox)) return (server.Id, null);
        var text = address.ToString();
        return await servers.SaveAsync((server ?? new OutgoingServer()) with
        {
            Name = $"{viewer.Name}'s outgoing email", Kind = ServerKind.Outlook, Host = cloud.SmtpHost, Port = cloud.SmtpPort, Security = WireSecurity.StartTls, UserName = text, FromFilter = text,
            Sequence = server?.Sequence ?? 10, Active = false, Owner = viewer.UserId,
        }, password: null, pfx: null, viewer.UserId, cancellationToken);
    }

    /// <summary>The user's mail goes through the servers of all again.</summary>
    /// <returns>Null when done.</returns>
    public async Task<Problem?> SwitchBackAsync(Viewer viewer, CancellationToken cancellationToken)
    {
        var (server, _, _) = await FindAsync(viewer.UserId, cancellationToken);
        if (server is not { Active: true }) return OutgoingServersProblems.NotFound;
        return (await servers.SaveAsync(server with { Active = false }, password: null, pfx: null, viewer.UserId, cancellationToken)).Problem;
    }
}

/// <summary>A personal server as what an Outlook account is connected for: by its owner, and with the owner's own account alone.</summary>
internal sealed class PersonalServerTarget(OutgoingServerStore servers, ConnectionTest test) : IConnectTarget
{
    public string Kind => PersonalServer.KindWord;
    public string Permission => OutlookScopes.SmtpSend;
    public string Protocol => "SMTP";
    public bool IsOwnMailbox => true;

    public async Task<ConnectTarget?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        await servers.FindAsync(new(id), cancellationToken) is { Kind: ServerKind.Outlook, Owner: not null, Mailbox: { } mailbox } server ? new(id, server.Name, mailbox, server.AccountId) : null;

    public void Connected(HubTransaction transaction, Guid id, OutlookAccountId account)
    {
        servers.LinkAccount(transaction, new(id), account);
        servers.Activate(transaction, new(id));
    }

    public string PagePath(Guid id) => "/preferences";

    public Task<Problem?> ProveAsync(Guid id, CancellationToken cancellationToken) => test.ProveAsync(new(id), cancellationToken);

    // Never asked: another account than the own one is refused.
    public void ChangeUserName(HubTransaction transaction, Guid id, EmailAddress userName) => servers.ChangeUserName(transaction, new(id), userName);
}

/// <summary>In Preferences.</summary>
internal sealed class PersonalServerPreferences(PersonalServer personal) : IPreferencesBlock
{
    public int Order => 20;
    public Type Component => typeof(PersonalServerBlock);
    public bool Shown(ViewerContext context) => personal.IsOffered;
}
