using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.DataProtection;
using Postrider.Doctor;
using Postrider.Entra;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Pop3;
using Postrider.Mail.Sasl;
using Postrider.OutlookAccounts;
using Postrider.Web;

namespace Postrider.IncomingServers;

/// <summary>A mailbox that is signed in to and whose folder is selected.</summary>
/// <param name="RenewAt">When it is to end by itself, ahead of its access token; null: not at all.</param>
internal sealed record MailboxSession(ImapClient Client, ImapMailboxState Folder, DateTimeOffset? RenewAt) : IAsyncDisposable
{
    public ValueTask DisposeAsync() => Client.DisposeAsync();
}

/// <summary>One of both.</summary>
internal readonly record struct OpenedMailbox(MailboxSession? Session, Problem? Problem, ImapFailure? Failure = null)
{
    /// <summary>Who has to wait for it.</summary>
    public FaultScope Scope { get; init; } = FaultScope.Server;
}

/// <summary>A maildrop that is signed in to, or why not.</summary>
/// <param name="ServerText">What the server said when it refused; null when it said nothing.</param>
internal readonly record struct OpenedMaildrop(Pop3Client? Client, Problem? Problem, FaultScope Scope, string? ServerText);

/// <summary>Signs in to mailboxes: step 1 of docs/flows/receive-a-mail.md.</summary>
internal sealed class MailboxSessions(AccessTokens tokens, IDataProtectionProvider protection, TrustedRoots roots, MicrosoftCloud cloud, TimeProvider clock)
{
    /// <param name="freshToken">The access token at hand was just refused: get another one.</param>
    public async Task<OpenedMailbox> OpenAsync(IncomingServer server, bool freshToken, CancellationToken cancel)
    {
        var (client, expires, refused) = await SignInAsync(server, freshToken, cancel);
        if (client is null) return refused;
        var selected = await client.SelectAsync(server.Folder, readOnly: false, cancel);
        if (selected.Succeeded) return new OpenedMailbox(new MailboxSession(client, selected.Value!, clock.GetUtcNow() + ReconnectSchedule.SessionLength(expires, clock.GetUtcNow())), null);
        await client.DisposeAsync();
        return Refused(selected.Failure!, server);
    }

    /// <summary>The folders that can be read, INBOX first, then by name; at most <paramref name="limit"/>.</summary>
    public async Task<(IReadOnlyList<ImapFolder>? Folders, Problem? Problem)> FoldersAsync(IncomingServer server, int limit, CancellationToken cancel)
    {
        var (client, _, refused) = await SignInAsync(server, freshToken: false, cancel);
        if (client is null) return (null, refused.Problem);
        await using (client)
        {
            var listed = await client.ListAsync("", "*", cancel);
            if (!listed.Succeeded) return (null, Refused(listed.Failure, server).Problem);
            return ([.. listed.Value!.Where(folder => folder.IsSelectable).OrderByDescending(folder => folder.Role == ImapFolderRole.Inbox).ThenBy(folder => folder.Name, StringComparer.CurrentCultureIgnoreCase).Take(limit)], null);
        }
    }

    /// <returns>One of both: a client, or the refusal.</returns>
    private async Task<(ImapClient? Client, DateTimeOffset? TokenExpires, OpenedMailbox Refusal)> SignInAsync(IncomingServer server, bool freshToken, CancellationToken cancel)
    {
        var (credential, expires, missing, scope) = await CredentialAsync(server, freshToken, cancel);
        if (credential is null) return (null, null, new OpenedMailbox(null, missing) { Scope = scope });

        // Outlook's mailboxes are where the cloud of this start is, wherever they were when the server was saved.
        var (host, port) = server.Kind == IncomingServerKind.Outlook ? (cloud.ImapHost, cloud.ImapPort) : (server.Host, server.Port);
        var endpoint = new WireEndpoint(host, port, server.Security) { ExtraTrust = roots.Certificates };
        var connected = await ImapClient.ConnectAsync(endpoint, credential, new ImapClientOptions { Clock = clock }, cancel);
        if (connected.Client is { } client) return (client, expires, default);
        // A token that was good by the clock may have been withdrawn since: one more try with a new one tells.
        var refused = connected.Failure!.Kind == WireFailureKind.AuthenticationRefused && server.Kind == IncomingServerKind.Outlook && !freshToken;
        return refused ? await SignInAsync(server, freshToken: true, cancel) : (null, null, Refused(connected.Failure!, server));
    }

    /// <summary>As <see cref="OpenAsync"/>, by POP3.</summary>
    public async Task<OpenedMaildrop> OpenMaildropAsync(IncomingServer server, CancellationToken cancel)
    {
        var (credential, _, missing, scope) = await CredentialAsync(server, freshToken: false, cancel);
        if (credential is null) return new OpenedMaildrop(null, missing, scope, null);
        var endpoint = new WireEndpoint(server.Host, server.Port, server.Security) { ExtraTrust = roots.Certificates };
        var connected = await Pop3Client.ConnectAsync(endpoint, credential, new Pop3ClientOptions { Clock = clock }, cancel);
        if (connected.Client is { } client) return new OpenedMaildrop(client, null, FaultScope.Server, null);
        var told = Pop3Doctor.Explain(connected.Failure!, server.Host, server.Port);
        return new OpenedMaildrop(null, told.Problem, told.Scope, connected.Failure!.ServerText);
    }

    public byte[] Seal(IncomingServerId id, string password) => Protector(id).Protect(Encoding.UTF8.GetBytes(password));

    private async Task<(SaslCredential? Credential, DateTimeOffset? Expires, Problem? Missing, FaultScope Scope)> CredentialAsync(IncomingServer server, bool freshToken, CancellationToken cancel)
    {
        if (server.Kind != IncomingServerKind.Outlook)
        {
            if (server.SealedPassword is not { } sealedPassword) return (null, null, IncomingServersProblems.NoPassword(), FaultScope.Server);
            try
            {
                return (new SaslCredential.Plain(server.UserName, Encoding.UTF8.GetString(Protector(server.Id).Unprotect(sealedPassword))), null, null, FaultScope.Server);
            }
            catch (CryptographicException)
            {
                return (null, null, IncomingServersProblems.PasswordNotReadable(), FaultScope.Server);
            }
        }
        if (server.OutlookAccount is not { } account) return (null, null, IncomingServersProblems.NoAccount(), FaultScope.Account);
        var token = await tokens.ForOutlookAsync(new OutlookAccountId(account), freshToken, cancel);
        return token.Token is { } access ? (new SaslCredential.XOAuth2(server.UserName, access), token.ExpiresAt, null, token.Scope) : (null, null, token.Problem, token.Scope);
    }

    private static OpenedMailbox Refused(ImapFailure failure, IncomingServer server) => new(null, IncomingServersProblems.Of(failure, server), failure) { Scope = ImapDoctor.Explain(failure, server.Host, server.Port).Scope };

    private IDataProtector Protector(IncomingServerId id) => protection.CreateProtector("incoming_server", "sealed_password", id.Value.ToString("D"));
}
