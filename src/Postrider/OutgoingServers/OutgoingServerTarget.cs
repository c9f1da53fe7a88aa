using Postrider.Entra;
using Postrider.Mail;
using Postrider.OutlookAccounts;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <summary>An outgoing server as what an Outlook account is connected for.</summary>
internal sealed class OutgoingServerTarget(OutgoingServerStore servers, ConnectionTest test) : IConnectTarget
{
    public const string KindWord = "outgoing-server";

    public string Kind => KindWord;
    public string Permission => OutlookScopes.SmtpSend;
    public string Protocol => "SMTP";

    public async Task<ConnectTarget?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        await servers.FindAsync(new(id), cancellationToken) is { Kind: ServerKind.Outlook, Mailbox: { } mailbox } server ? new(id, server.Name, mailbox, server.AccountId) : null;

    public void Connected(HubTransaction transaction, Guid id, OutlookAccountId account) => servers.LinkAccount(transaction, new(id), account);

    public string PagePath(Guid id) => OutgoingServersFeature.PagePath(new(id));

    public Task<Problem?> ProveAsync(Guid id, CancellationToken cancellationToken) => test.ProveAsync(new(id), cancellationToken);

    public void ChangeUserName(HubTransaction transaction, Guid id, EmailAddress userName) => servers.ChangeUserName(transaction, new(id), userName);
}
