using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>From the greeting to the signed-in session.</summary>
public sealed partial class ImapClient
{
    // Dovecot 2.3.19 refused an initial response of 9,759 characters (2026-11); RFC 7162 section 4 lets servers stop at lines of 8192.
    private const int MaxInitialResponse = 8000;

    private async Task<ImapFailure?> BeginAsync(WireEndpoint endpoint, CancellationToken cancel)
    {
        // 1 greeting
        _dialogue.Arm(_options.ConnectTimeout, cancel);
        try
        {
            var greeting = await _dialogue.NextAsync();
            Observe(greeting);
            switch (greeting)
            {
                case ImapResponse.State { Tag: null, Status: ImapStatus.Ok }:
                    break;
                case ImapResponse.State { Tag: null, Status: ImapStatus.Bye } bye:
                    return Broken("CONNECT", WireFailureKind.Disconnected, "The server refused the connection: " + WireText.Printable(bye.Line), bye.Line);
                case ImapResponse.State { Tag: null, Status: ImapStatus.PreAuth } preAuth:
                    // Signed in as nobody knows whom, and STARTTLS would no longer be allowed (RFC 3501 section 6.2.1): an attacker's way around both.
                    return Broken("CONNECT", WireFailureKind.ProtocolError, "The server says that the session is signed in already (PREAUTH), which is not accepted.", preAuth.Line);
                default:
                    return Broken("CONNECT", WireFailureKind.ProtocolError, "The server did not begin with an IMAP greeting.");
            }
        }
        catch (Exception e) when (_dialogue.Explain(e) is { } wire)
        {
            return Broken("CONNECT", wire.Kind, wire.Detail);
        }

        // 2 STARTTLS: nothing said in clear counts afterwards
        if (endpoint.Security == WireSecurity.StartTls)
        {
            if (await ReadCapabilitiesAsync(cancel) is { } failure) return failure;
            if (!_capabilities.Contains("STARTTLS")) return Broken("STARTTLS", WireFailureKind.StartTlsNotOffered, "The server does not offer STARTTLS.");
            if ((await RunAsync(new ImapCommand("STARTTLS"), cancel)).Failure is { } refused) return refused with { ConnectionSurvives = false };
            // Bytes behind the OK were put there by somebody on the line, to be taken for the secured server's (CVE-2021-33515 and its kin).
            if (_dialogue.HasUnreadInput) return Broken("STARTTLS", WireFailureKind.ProtocolError, "More than the answer to STARTTLS came before the encryption began.");
            using var deadline = new Deadline(_options.Clock, _options.ConnectTimeout, cancel);
            if (await _dialogue.Connection.StartTlsAsync(endpoint, deadline) is { } tls) return Broken("STARTTLS", tls.Kind, tls.Detail);
            _capabilitiesRead = false;
        }

        // 3 capabilities, unless the greeting named them
        return _capabilitiesRead ? null : await ReadCapabilitiesAsync(cancel);
    }

    private async Task<ImapFailure?> ReadCapabilitiesAsync(CancellationToken cancel) => (await RunAsync(new ImapCommand("CAPABILITY"), cancel)).Failure;

    private async Task<ImapFailure?> AuthenticateAsync(SaslCredential credential, CancellationToken cancel)
    {
        if (SaslResponses.Flaw(credential) is { } flaw) return new ImapFailure(WireFailureKind.AuthenticationRefused, "AUTHENTICATE", null, flaw, true);
        var (mechanism, response, secret) = credential switch
        {
            SaslCredential.XOAuth2 x => ("XOAUTH2", SaslResponses.XOAuth2(x), x.AccessToken),
            SaslCredential.Plain p => ("PLAIN", SaslResponses.Plain(p), p.Password),
            _ => throw new NotSupportedException("There is no other credential."),
        };
        if (!_capabilities.Contains("AUTH=" + mechanism))
        {
            if (credential is SaslCredential.Plain password && !_capabilities.Contains("LOGINDISABLED")) return await LoginAsync(password, cancel);
            return new ImapFailure(WireFailureKind.MechanismNotOffered, "AUTHENTICATE", null, $"The server does not offer {mechanism}.", true);
        }
        _dialogue.KeepSecret(response, secret);
        _capabilitiesRead = false;
        string? reason = null;
        var failure = await GuardedAsync("AUTHENTICATE", async () =>
        {
            _dialogue.Arm(_options.CommandTimeout, cancel);
            var tag = _dialogue.NextTag();
            var toSend = response;
            if (_capabilities.Contains("SASL-IR") && response.Length <= MaxInitialResponse)
            {
                await _dialogue.SendLineAsync($"{tag} AUTHENTICATE {mechanism} {response}");
                toSend = null;
            }
            else await _dialogue.SendLineAsync($"{tag} AUTHENTICATE {mechanism}");
            while (true)
            {
                var answer = await _dialogue.NextAsync();
                Observe(answer);
                if (answer is ImapResponse.Continuation && toSend is not null)
                {
                    await _dialogue.SendLineAsync(toSend);
                    toSend = null;
                }
                else if (answer is ImapResponse.Continuation challenge)
                {
                    // RFC 7628 section 3.2.3: an error challenge is answered with an empty response; only then comes the NO.
                    if (reason is not null) throw new WireProtocolException("The server asks for more after its refusal.");
                    reason = SaslResponses.Reason(challenge.Text);
                    await _dialogue.SendLineAsync("");
                }
                else if (IsBye(answer, "AUTHENTICATE") is { } bye) return bye;
                else if (answer is ImapResponse.State { Tag: not null } final)
                {
                    CheckTag(final, tag);
                    if (final.Status == ImapStatus.Ok) return null;
                    // RFC 5530 section 3: [UNAVAILABLE] is about the server, not about who signs in. Exchange Online says "Server Unavailable. 15" without the code.
                    var passing = final.Code == "UNAVAILABLE" || final.Status == ImapStatus.Bad || final.Line.StartsWith("NO Server Unavailable", StringComparison.OrdinalIgnoreCase);
                    var kind = passing ? WireFailureKind.CommandRefused : WireFailureKind.AuthenticationRefused;
                    var why = string.IsNullOrEmpty(reason) ? "" : $" (reason: {reason})";
                    return new ImapFailure(kind, "AUTHENTICATE", final.Line, $"The server refused the sign-in of {WireText.Printable(credential.UserName)}: {WireText.Printable(final.Line)}{why}", true) { Code = ImapFailure.CodeOf(final.Code) };
                }
            }
        });
        // Exchange's OK names no capabilities, and those from before no longer hold (RFC 3501 section 6.2).
        return failure ?? (_capabilitiesRead ? null : await ReadCapabilitiesAsync(cancel));
    }

    /// <summary>LOGIN (RFC 3501 section 6.2.3), where a server knows no other way to take a password and does not forbid this one.</summary>
    private async Task<ImapFailure?> LoginAsync(SaslCredential.Plain credential, CancellationToken cancel)
    {
        _dialogue.KeepSecret(credential.Password, credential.Password.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal));
        _capabilitiesRead = false;
        var (_, failure) = await RunAsync(new ImapCommand("LOGIN").String(credential.UserName).String(credential.Password), cancel);
        if (failure is null) return _capabilitiesRead ? null : await ReadCapabilitiesAsync(cancel);
        return failure.ServerText is { } text && failure.ConnectionSurvives && failure.Code != ImapResponseCode.Unavailable && text.StartsWith("NO", StringComparison.Ordinal)
            ? failure with { Kind = WireFailureKind.AuthenticationRefused, Detail = $"The server refused the sign-in of {WireText.Printable(credential.UserName)}: {WireText.Printable(text)}" }
            : failure;
    }
}
