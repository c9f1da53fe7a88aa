using Postrider.Mail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutlookAccounts;

/// <param name="Account">The account it uses now; null before the first consent.</param>
internal sealed record ConnectTarget(Guid Id, string Name, EmailAddress UserName, OutlookAccountId? Account);

/// <summary>A server that an account is connected for. OutgoingServers and IncomingServers each implement it.</summary>
internal interface IConnectTarget
{
    /// <summary>Stored with each attempt: <c>outgoing-server</c>, <c>incoming-server</c>.</summary>
    string Kind { get; }

    /// <summary>What it needs of the consent: <c>SMTP.Send</c> or <c>IMAP.AccessAsUser.All</c>.</summary>
    string Permission { get; }

    /// <summary>How it signs in, for the tag: <c>SMTP</c> or <c>IMAP</c>.</summary>
    string Protocol { get; }

    /// <summary>True: its owner connects it, without the right Settings, and with the account of that mailbox alone. False: an administrator does, and another account is asked about.</summary>
    bool IsOwnMailbox => false;

    /// <returns>Null when there is no such server, or it is none of Outlook's.</returns>
    Task<ConnectTarget?> FindAsync(Guid id, CancellationToken cancellationToken);

    /// <summary>In the transaction that stores the tokens: the server uses this account from now on.</summary>
    void Connected(HubTransaction transaction, Guid id, OutlookAccountId account);

    /// <summary>From the root of the hub, with its leading slash: where the person came from and goes back to.</summary>
    string PagePath(Guid id);

    /// <summary>Signs in to the mailbox. What is wrong is also kept with the server.</summary>
    /// <returns>Null when the mailbox opened.</returns>
    Task<Problem?> ProveAsync(Guid id, CancellationToken cancellationToken);

    /// <summary>The person signed in as somebody else and wants the server to be that mailbox's.</summary>
    void ChangeUserName(HubTransaction transaction, Guid id, EmailAddress userName);
}
