using System.Net;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Smtp;

public sealed partial class SmtpClient
{
    private async Task<SmtpFailure?> AuthenticateAsync(SaslCredential credential, WireEndpoint endpoint, CancellationToken cancel)
    {
        stage = "AUTH";
        if (!connection.IsTls && !IPAddress.IsLoopback(connection.Remote.Address))
            return new(WireFailureKind.TlsFailed, "AUTH", null, "The connection is not encrypted, so the credentials were not sent.", true, false);
        if (credential is SaslCredential.External && !Offered("EXTERNAL")) return null;
        var mechanism = credential switch
        {
            SaslCredential.External => "EXTERNAL",
            SaslCredential.XOAuth2 => Offered("OAUTHBEARER") && !Offered("XOAUTH2") ? "OAUTHBEARER" : "XOAUTH2",
            _ => Offered("PLAIN") ? "PLAIN" : "LOGIN",
        };
        if (!Offered(mechanism))
        {
            var offered = Capabilities.AuthMechanisms.Count == 0 ? "no way to sign in" : string.Join(", ", Capabilities.AuthMechanisms);
            return new(WireFailureKind.MechanismNotOffered, "AUTH", null, $"{endpoint.Host} does not offer {mechanism}; it offers {WireText.Printable(offered)}.", true, false);
        }
        using var deadline = new Deadline(options.Clock, options.CommandTimeout, cancel);
        try
        {
            return await SignInAsync(mechanism, credential, endpoint, deadline);
        }
        catch (Exception e)
        {
            usable = false;
            if (deadline.Explain(e) is { } broken) return new(broken.Kind, "AUTH", null, broken.Detail, false, false);
            throw;
        }
    }

    private bool Offered(string mechanism) => Capabilities.AuthMechanisms.Contains(mechanism, StringComparer.Ordinal);

    /// <summary>RFC 4954 section 4. Success is 235 and nothing else.</summary>
    private async Task<SmtpFailure?> SignInAsync(string mechanism, SaslCredential credential, WireEndpoint endpoint, Deadline deadline)
    {
        var responses = new Queue<string>(credential switch
        {
            SaslCredential.XOAuth2 x => [mechanism == "OAUTHBEARER" ? SaslResponses.OAuthBearer(x, endpoint.Host, endpoint.Port) : SaslResponses.XOAuth2(x)],
            // RFC 4954 section 4: "=" is the empty initial response, which asks for the identity of the certificate.
            SaslCredential.External => ["="],
            SaslCredential.Plain p when mechanism == "PLAIN" => [SaslResponses.Plain(p)],
            SaslCredential.Plain p => [SaslResponses.Encode(p.UserName), SaslResponses.Encode(p.Password)],
            _ => throw new NotSupportedException($"No SASL exchange is known for {credential.GetType().Name}."),
        });
        var command = "AUTH " + mechanism;
        // LOGIN has no initial response in the wild's oldest servers.
        if (mechanism != "LOGIN" && command.Length + 1 + responses.Peek().Length + 2 <= MaxAuthLine)
            await WriteAsync("AUTH", command + " " + responses.Dequeue(), command + " [redacted]", deadline);
        else
            await WriteAsync("AUTH", command, null, deadline);

        string? challenge = null;
        while (true)
        {
            var reply = await ReplyAsync(deadline);
            if (reply.Code == 235 && challenge is null && responses.Count == 0) return null;
            if (reply.Code == 334 && responses.TryDequeue(out var response))
            {
                await WriteAsync("AUTH", response, "[redacted]", deadline);
                continue;
            }
            if (reply.Code == 334 && challenge is null)
            {
                // The server explains itself before it refuses: an empty line (XOAUTH2) or %x01 (RFC 7628 section 3.2.3) asks for the refusal. PLAIN and LOGIN are cancelled.
                challenge = Scrub(SaslResponses.Reason(reply.Text));
                await WriteAsync("AUTH", mechanism switch { "XOAUTH2" => "", "OAUTHBEARER" => SaslResponses.OAuthBearerAcknowledgement, _ => "*" }, null, deadline);
                continue;
            }
            if (reply.Code is < 400 or > 599) return OutOfPlace(reply);
            if (reply.Code == 421) usable = false;
            var detail = challenge is null ? $"The server refused the sign-in of {Whose(credential)}: {reply}" : $"The server refused the sign-in of {Whose(credential)}: {reply} ({challenge})";
            return new(WireFailureKind.AuthenticationRefused, "AUTH", reply, detail, usable, false);
        }
    }

    private static string Whose(SaslCredential credential) => credential is SaslCredential.External ? "this certificate" : WireText.Printable(credential.UserName);

    private static string[] SecretsOf(SaslCredential? credential, WireEndpoint endpoint) => credential switch
    {
        SaslCredential.XOAuth2 x => [SaslResponses.XOAuth2(x), SaslResponses.OAuthBearer(x, endpoint.Host, endpoint.Port), x.AccessToken],
        SaslCredential.Plain p => [SaslResponses.Plain(p), SaslResponses.Encode(p.Password), p.Password],
        _ => [],
    };
}
