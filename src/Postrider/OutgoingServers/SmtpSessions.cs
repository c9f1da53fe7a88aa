using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postrider.Doctor;
using Postrider.Entra;
using Postrider.Mail;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.OutlookAccounts;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <summary>A session that is signed in, or why there is none.</summary>
internal sealed record SmtpOpenResult(SmtpClient? Client, Diagnosis? Trouble);

/// <summary>Opens signed-in sessions with outgoing servers. Certificates are always checked.</summary>
internal sealed class SmtpSessions(OutgoingServerStore servers, AccessTokens tokens, TrustedRoots roots, MicrosoftCloud cloud, TimeProvider clock)
{
    public async Task<SmtpOpenResult> OpenAsync(OutgoingServer server, WireTranscript? transcript, CancellationToken cancellationToken)
    {
        var (credential, missing) = await CredentialAsync(server, forceRefresh: false, cancellationToken);
        if (missing is not null) return new(null, missing);
        var first = await ConnectAsync(server, credential, transcript, cancellationToken);
        if (first.Client is not null) return new(first.Client, null);

        // A refused token may be an old one: one more try with a fresh one, and no more than one.
        if (server.Kind == ServerKind.Outlook && first.Failure is { Stage: "AUTH", Reply.IsPermanent: true })
        {
            var (renewed, gone) = await CredentialAsync(server, forceRefresh: true, cancellationToken);
            // Microsoft says why there is none: that is the cause, and the server's refusal its effect.
            if (gone is { UntilMended: true }) return new(null, gone);
            if (renewed is SaslCredential.XOAuth2 fresh && credential is SaslCredential.XOAuth2 old && fresh.AccessToken != old.AccessToken)
            {
                var second = await ConnectAsync(server, renewed, transcript, cancellationToken);
                return second.Client is not null ? new(second.Client, null) : new(null, SmtpDoctor.Explain(second.Failure!, server.Host, server.Port));
            }
        }

        return new(null, SmtpDoctor.Explain(first.Failure!, server.Host, server.Port));
    }

    private async Task<SmtpConnectResult> ConnectAsync(OutgoingServer server, SaslCredential? credential, WireTranscript? transcript, CancellationToken cancellationToken)
    {
        IReadOnlyList<X509Certificate2> shown = credential is SaslCredential.External ? (await servers.OpenCertificateAsync(server.Id, cancellationToken))! : [];
        var trusted = ServerCertificates.Authorities(server.TrustedAuthorities);
        try
        {
            return await SmtpClient.ConnectAsync(
                new WireEndpoint(server.Host, server.Port, server.Security) { ExtraTrust = [.. trusted, .. roots.Certificates], ClientCertificate = shown },
                credential, new SmtpClientOptions { Clock = clock, Transcript = transcript }, cancellationToken);
        }
        finally
        {
            // The handshake is over: nothing of the session needs them any more.
            foreach (var certificate in shown.Concat(trusted)) certificate.Dispose();
        }
    }

    private async Task<(SaslCredential? Credential, Diagnosis? Missing)> CredentialAsync(OutgoingServer server, bool forceRefresh, CancellationToken cancellationToken)
    {
        if (server.Kind == ServerKind.Outlook)
        {
            if (server.AccountId is not { } account || server.UserName is not { } mailbox) return (null, new(OutlookAccountsProblems.NotConnected, FaultScope.Account));
            // Also a row from before the rule: the token is not even asked for.
            if (!cloud.MayReceiveTokens(server.Host)) return (null, new(OutgoingServersProblems.NotMicrosoft(server.Host, cloud.SmtpHost), FaultScope.Server));
            var token = await tokens.ForOutlookAsync(account, forceRefresh, cancellationToken);
            return token.Token is { } value ? (new SaslCredential.XOAuth2(mailbox, value), null) : (null, token.Trouble(clock.GetUtcNow()));
        }

        if (server.Certificate is not null)
        {
            try
            {
                // Opened once more for each connection; here it is only seen whether it can be.
                foreach (var certificate in await servers.OpenCertificateAsync(server.Id, cancellationToken) ?? []) certificate.Dispose();
                return (new SaslCredential.External(), null);
            }
            catch (CryptographicException)
            {
                return (null, new(OutgoingServersProblems.CertificateNotReadable, FaultScope.Server));
            }
        }

        if (server.UserName is not { } user || !server.PasswordIsSet) return (null, null);
        try
        {
            return await servers.OpenPasswordAsync(server.Id, cancellationToken) is { } password ? (new SaslCredential.Plain(user, password), null) : (null, null);
        }
        catch (CryptographicException)
        {
            return (null, new(OutgoingServersProblems.PasswordNotReadable, FaultScope.Server));
        }
    }
}
