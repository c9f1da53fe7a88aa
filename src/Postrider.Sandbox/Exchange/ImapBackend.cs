using System.Net;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Entra;

namespace Postrider.Sandbox.Exchange;

/// <summary>IMAP sign-in as Exchange Online does it: a bad token is refused; a good one for a mailbox that may not be opened is accepted, and fails at the first command that needs it.</summary>
internal sealed class ImapBackend : IImapBackend
{
    private readonly EntraDirectory directory;
    private readonly Grants grants;
    private readonly Mailboxes mailboxes;
    private readonly TimeProvider clock;

    public ImapBackend(EntraDirectory directory, Grants grants, Mailboxes mailboxes, TimeProvider clock) =>
        (this.directory, this.grants, this.mailboxes, this.clock) = (directory, grants, mailboxes, clock);

    public Task<ImapAuthResult> AuthenticateAsync(IPEndPoint remote, SaslCredential credential, CancellationToken cancel) => Task.FromResult(Authenticate(credential));

    private ImapAuthResult Authenticate(SaslCredential credential)
    {
        if (credential is not SaslCredential.XOAuth2 bearer) return new(null, ExchangeReplies.ImapBasicDisabled);
        if (grants.FindAccessToken(bearer.AccessToken, ApiResource.Outlook) is not { } token || !token.Permissions.Contains("IMAP.AccessAsUser.All")) return new(null, ExchangeReplies.ImapAuthenticateFailed);
        if (directory.FindUser(token.UserId) is not { IsEnabled: true } user) return new(null, ExchangeReplies.ImapAuthenticateFailed);
        if (mailboxes.Find(bearer.UserName) is not { Kind: not MailboxKind.Outside } mailbox) return new(null, ExchangeReplies.ImapAuthenticateFailed);
        // Another person's mailbox without a right to it is a mismatch; a shared one is the case that Exchange accepts and then does not connect.
        if (mailbox.Kind == MailboxKind.User && !mailbox.IsOpenTo(user.Id)) return new(null, ExchangeReplies.ImapAuthenticateFailed);
        return new(new ImapAccount(mailbox, isOpen: mailbox.Settings.ImapEnabled && mailbox.IsOpenTo(user.Id), ExpiryOf(token)), null);
    }

    /// <summary>Cancelled when the token ends. The timer holds it until then, 90 minutes at most.</summary>
    private CancellationToken ExpiryOf(AccessToken token)
    {
        var left = token.ExpiresAt - clock.GetUtcNow();
#pragma warning disable CA2000 // Owned by its own timer: nobody knows when the session has ended, and after the token's end it is collected.
        var source = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, clock);
#pragma warning restore CA2000
        return source.Token;
    }
}

/// <summary>A mailbox as one IMAP session sees it.</summary>
internal sealed class ImapAccount : IImapAccount
{
    private readonly Mailbox mailbox;
    private readonly bool isOpen;

    public ImapAccount(Mailbox mailbox, bool isOpen, CancellationToken expired) => (this.mailbox, this.isOpen, Expired) = (mailbox, isOpen, expired);

    public string? NotConnected => isOpen ? null : ExchangeReplies.ImapNotConnected;
    public string? ByeText => isOpen ? null : ExchangeReplies.ImapNotConnectedBye;
    public CancellationToken Expired { get; }

    /// <summary>Without SPECIAL-USE: Exchange does not tell which folder is which.</summary>
    public IReadOnlyList<ImapFolder> Folders() => [.. mailbox.Folders.Select(f => new ImapFolder(f.Name, '/', ["\\HasNoChildren"]))];
    public IImapFolderStore? Open(string name) => mailbox.Folder(name);
    public string? Create(string name) => mailbox.CreateFolder(name);
    public string? Delete(string name) => mailbox.DeleteFolder(name);
    public string? Rename(string oldName, string newName) => mailbox.RenameFolder(oldName, newName);
}
