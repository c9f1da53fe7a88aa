using System.Net;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Pop3;

/// <summary>AUTH (RFC 5034), or USER and PASS where a server knows no mechanism for a password. APOP is left out: MD5 proves nothing today.</summary>
public sealed partial class Pop3Client
{
    // RFC 2449 section 4: a command has at most 255 octets; RFC 5034 section 4 sends a longer response after the server's leave.
    private const int MaxCommand = 255;

    private async Task<Pop3Failure?> AuthenticateAsync(SaslCredential credential, WireEndpoint endpoint, CancellationToken cancel)
    {
        stage = "AUTH";
        if (!connection.IsTls && !IPAddress.IsLoopback(connection.Remote.Address))
            return new(WireFailureKind.TlsFailed, "AUTH", null, "The connection is not encrypted, so the credentials were not sent.", true);
        string? mechanism = credential switch
        {
            SaslCredential.XOAuth2 => Offers("OAUTHBEARER") && !Offers("XOAUTH2") ? "OAUTHBEARER" : "XOAUTH2",
            _ => Offers("PLAIN") ? "PLAIN" : null,
        };
        var byUser = mechanism is null && (Capabilities.User || !Capabilities.Known);
        if (!byUser && !(mechanism is not null && Offers(mechanism)))
        {
            var offered = Capabilities.Sasl.Count == 0 ? "no mechanism" : string.Join(", ", Capabilities.Sasl);
            return new(WireFailureKind.MechanismNotOffered, "AUTH", null, $"{endpoint.Host} does not offer {mechanism ?? "PLAIN or USER"}; it offers {WireText.Printable(offered)}.", true);
        }
        return await GuardedAsync("AUTH", async deadline =>
        {
            var failure = byUser ? await UserAsync((SaslCredential.Plain)credential, deadline) : await SaslAsync(mechanism!, credential, endpoint, deadline);
            // RFC 2449 section 5: what is announced after the sign-in may differ.
            return failure ?? (Capabilities.Known ? await CapabilitiesAsync(deadline) : null);
        }, cancel);
    }

    private bool Offers(string mechanism) => Capabilities.Sasl.Contains(mechanism, StringComparer.Ordinal);

    private async Task<Pop3Failure?> UserAsync(SaslCredential.Plain credential, Deadline deadline)
    {
        await WriteAsync("USER", "USER " + credential.UserName, null, deadline);
        if (await AnswerAsync(deadline) is { } unknown) return OfSignIn(unknown, credential, null);
        await WriteAsync("PASS", "PASS " + credential.Password, "PASS [redacted]", deadline);
        return await AnswerAsync(deadline) is { } refused ? OfSignIn(refused, credential, null) : null;
    }

    private async Task<Pop3Failure?> SaslAsync(string mechanism, SaslCredential credential, WireEndpoint endpoint, Deadline deadline)
    {
        string? response = credential switch
        {
            SaslCredential.XOAuth2 x => mechanism == "OAUTHBEARER" ? SaslResponses.OAuthBearer(x, endpoint.Host, endpoint.Port) : SaslResponses.XOAuth2(x),
            SaslCredential.Plain p => SaslResponses.Plain(p),
            _ => throw new NotSupportedException($"No SASL exchange is known for {credential.GetType().Name}."),
        };
        var command = "AUTH " + mechanism;
        if (command.Length + 1 + response.Length + 2 <= MaxCommand)
        {
            await WriteAsync("AUTH", command + " " + response, command + " [redacted]", deadline);
            response = null;
        }
        else await WriteAsync("AUTH", command, null, deadline);

        string? reason = null;
        while (true)
        {
            var line = await LineAsync(deadline);
            if (IsOk(line)) return reason is null && response is null ? null : throw new WireProtocolException("The server accepted a sign-in that it had not been given.");
            if (IsErr(line)) return OfSignIn(Refused(line), credential, reason);
            if (line is not ['+', ..] || line is not ("+" or ['+', ' ', ..])) throw new WireProtocolException($"The server answered AUTH with something that is no answer of POP3: {Shortened(line)}");
            if (response is not null)
            {
                await WriteAsync("AUTH", response, "[redacted]", deadline);
                response = null;
            }
            else
            {
                // An error challenge is answered with an empty line, or with %x01 for OAUTHBEARER (RFC 7628 section 3.2.3); only then comes the -ERR.
                if (reason is not null) throw new WireProtocolException("The server asks for more after its refusal.");
                reason = Scrub(SaslResponses.Reason(line.Length > 2 ? line[2..] : ""));
                await WriteAsync("AUTH", mechanism switch { "XOAUTH2" => "", "OAUTHBEARER" => SaslResponses.OAuthBearerAcknowledgement, _ => "*" }, null, deadline);
            }
        }
    }

    /// <summary>A refusal that is about who signs in, unless the server says that it is about something else: RFC 2449 section 8.1, RFC 3206. Exchange Online says "Server Unavailable. 15" without a code.</summary>
    private static Pop3Failure OfSignIn(Pop3Failure refused, SaslCredential credential, string? reason)
    {
        var passing = refused.IsPassing || refused.Code == "SYS/PERM" || refused.ServerText!.StartsWith("-ERR Server Unavailable", StringComparison.OrdinalIgnoreCase);
        var why = string.IsNullOrEmpty(reason) ? "" : $" (reason: {reason})";
        return refused with
        {
            Kind = passing ? WireFailureKind.CommandRefused : WireFailureKind.AuthenticationRefused,
            Detail = $"The server refused the sign-in of {WireText.Printable(credential.UserName)}: {Shortened(refused.ServerText!)}{why}",
        };
    }

    private static string[] SecretsOf(SaslCredential credential, WireEndpoint endpoint) => credential switch
    {
        SaslCredential.XOAuth2 x => [SaslResponses.XOAuth2(x), SaslResponses.OAuthBearer(x, endpoint.Host, endpoint.Port), x.AccessToken],
        SaslCredential.Plain p => [SaslResponses.Plain(p), p.Password],
        _ => [],
    };
}
