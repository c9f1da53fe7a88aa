using System.Security.Authentication;
using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Smtp;

internal sealed partial class SmtpServerSession
{
    private static readonly TimeSpan HandshakeLimit = TimeSpan.FromSeconds(30);

    private bool AuthOffered => options.AuthMechanisms.Count > 0 && (connection.IsTls || !options.RequireTls);

    private async Task StartTlsAsync(string rest, CancellationToken stopping)
    {
        if (tls is null) Refuse(502, "5.5.1", "Command not implemented");
        else if (connection.IsTls) Refuse(503, "5.5.1", "Already secured");
        else if (rest.Length > 0) Refuse(501, "5.5.4", "Invalid arguments");
        else if (session.HeloName is null) Refuse(503, "5.5.2", "Send hello first");
        else if (connection.HasUnreadInput) Close(503, "5.5.1", "Nothing may follow STARTTLS before TLS, closing transmission channel");
        else
        {
            Say(220, "2.0.0", "SMTP server ready");
            await FlushAsync();
            await SecureAsync(stopping);
            // RFC 3207 section 4.2: what was said in clear is forgotten.
            (session.HeloName, session.Identity, transaction) = (null, null, null);
        }
    }

    /// <exception cref="AuthenticationException">There is no TLS, and nobody to answer to.</exception>
    private async Task SecureAsync(CancellationToken stopping)
    {
        using var deadline = new Deadline(options.Clock, HandshakeLimit, stopping);
        try
        {
            await connection.StartTlsAsServerAsync(tls!, deadline.Token);
        }
        catch (OperationCanceledException e) when (deadline.Passed)
        {
            throw new AuthenticationException("The client did not finish the TLS handshake.", e);
        }
        session.IsTls = true;
    }

    private async Task AuthAsync(string rest, CancellationToken stopping)
    {
        var (mechanism, initial) = SmtpCommand.Split(rest);
        if (session.HeloName is null) Refuse(503, "5.5.2", "Send hello first");
        else if (options.RequireTls && !connection.IsTls) Refuse(530, "5.7.0", "Must issue a STARTTLS command first");
        else if (session.Identity is not null) Refuse(503, "5.5.2", "Already authenticated");
        else if (transaction is not null) Refuse(503, "5.5.1", "Bad sequence of commands");
        else if (rest.Length == 0) Refuse(501, "5.5.4", "Invalid arguments");
        else if (!AuthOffered || !options.AuthMechanisms.Contains(mechanism, StringComparer.Ordinal)) Refuse(504, "5.7.4", "Unrecognized authentication type");
        else if (await CredentialAsync(mechanism, initial.Length == 0 ? null : initial, stopping) is { } credential)
        {
            if (limits?.Wait(session.Remote.Address, credential.UserName) is not null)
            {
                // The same whether the password is right or not.
                Refuse(454, "4.7.0", "Too many wrong sign-ins, try again later");
                return;
            }
            var asked = options.Clock.GetTimestamp();
            var refusal = await AskAsync(
                async () =>
                {
                    var result = await backend.AuthenticateAsync(session, credential, stopping);
                    session.Identity = result.Refusal is null ? result.Identity : null;
                    return session.Identity is not null ? null : result.Refusal ?? new(535, "5.7.8", "Authentication credentials invalid");
                },
                stopping);
            if (refusal is null)
            {
                limits?.Succeeded(session.Remote.Address, credential.UserName);
                Say(235, "2.7.0", "Authentication successful");
                return;
            }
            if (refusal.IsPermanent) limits?.Failed(session.Remote.Address, credential.UserName);
            // From the question on, so that the answer does not tell by its time whether there is such a user.
            var wait = options.WrongSignInDelay - options.Clock.GetElapsedTime(asked);
            if (wait > TimeSpan.Zero)
            {
                await FlushAsync();
                await Task.Delay(wait, options.Clock, stopping);
            }
            // RFC 7628 section 3.2.2: the reason as a challenge; whatever the client says to it, the refusal follows.
            if (mechanism == "OAUTHBEARER" && await ChallengeAsync(SaslResponses.Encode("""{"status":"invalid_token"}"""), stopping) is null) return;
            Refuse(refusal);
        }
    }

    /// <summary>RFC 4954 section 4: the initial response or what comes after 334. Null: cancelled or malformed, and answered.</summary>
    private async Task<SaslCredential?> CredentialAsync(string mechanism, string? initial, CancellationToken stopping)
    {
        if (mechanism == "LOGIN")
        {
            var user = initial ?? await ChallengeAsync("VXNlcm5hbWU6", stopping);
            var password = user is null ? null : await ChallengeAsync("UGFzc3dvcmQ6", stopping);
            if (user is null || password is null) return null;
            if (SaslResponses.Decode(Encoding.UTF8.GetBytes(user)) is { } name && SaslResponses.Decode(Encoding.UTF8.GetBytes(password)) is { } secret
                && new SaslCredential.Plain(name, secret) is var login && SaslResponses.Flaw(login) is null) return login;
        }
        else
        {
            var response = initial ?? await ChallengeAsync("", stopping);
            if (response is null) return null;
            var bytes = Encoding.UTF8.GetBytes(response);
            SaslCredential? credential = mechanism switch
            {
                "XOAUTH2" => SaslResponses.ReadXOAuth2(bytes),
                "OAUTHBEARER" => SaslResponses.ReadOAuthBearer(bytes),
                "PLAIN" => SaslResponses.ReadPlain(bytes),
                _ => null,
            };
            if (credential is not null) return credential;
        }
        Refuse(501, "5.5.2", "Cannot decode response");
        return null;
    }

    /// <returns>Null when the client cancelled or sent no line of text; it has its answer.</returns>
    private async Task<string?> ChallengeAsync(string base64, CancellationToken stopping)
    {
        Say(334, null, base64);
        var line = await NextLineAsync(MaxLine, stopping, secret: true);
        if (line != "*") return line;
        Refuse(501, "5.7.0", "Authentication cancelled");
        return null;
    }
}
