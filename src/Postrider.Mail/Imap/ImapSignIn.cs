using System.Net;
using System.Text;
using Postrider.Mail.Sasl;

namespace Postrider.Mail.Imap;

/// <summary>AUTHENTICATE and LOGIN (RFC 3501 section 6.2). Every method answers with what follows the tag.</summary>
/// <param name="offered">The capabilities announced before the sign-in.</param>
internal sealed class ImapSignIn(ImapServerLine line, IReadOnlySet<string> offered, IPEndPoint remote, IImapBackend backend)
{
    /// <summary>Null until a sign-in succeeded.</summary>
    public IImapAccount? Account { get; private set; }

    /// <summary>Sign-ins refused so far.</summary>
    public int Failures { get; private set; }

    public async Task<string> AuthenticateAsync(ImapRequest request, CancellationToken cancel)
    {
        request.Space();
        var mechanism = request.Atom().ToUpperInvariant();
        string? response = null;
        if (!request.AtEnd && offered.Contains("SASL-IR"))
        {
            request.Space();
            response = request.Remainder();
        }
        request.End();
        if (!offered.Contains("AUTH=" + mechanism)) return mechanism is "PLAIN" or "LOGIN" ? Refuse("NO Basic authentication is disabled.") : Refuse("NO AUTHENTICATE failed.");
        if (response is null)
        {
            await line.SayAsync("+ ");
            var answer = await line.ReadAsync(cancel);
            line.Heard("***");
            response = Encoding.ASCII.GetString(answer.Span);
            if (response == "*") return "BAD AUTHENTICATE was cancelled.";
        }
        var bytes = Encoding.ASCII.GetBytes(response);
        SaslCredential? credential = mechanism switch
        {
            "XOAUTH2" => SaslResponses.ReadXOAuth2(bytes),
            "OAUTHBEARER" => SaslResponses.ReadOAuthBearer(bytes),
            "PLAIN" => SaslResponses.ReadPlain(bytes),
            _ => null,
        };
        var outcome = credential is null ? Refuse("NO AUTHENTICATE failed.") : await SignInAsync(credential, "AUTHENTICATE", cancel);
        if (Account is not null || mechanism != "OAUTHBEARER") return outcome;
        // RFC 7628 section 3.2.3: the refusal is told in JSON first, and the client says that it has understood.
        await line.SayAsync("+ " + SaslResponses.Encode("{\"status\":\"invalid_token\"}"));
        await line.ReadAsync(cancel);
        line.Heard("***");
        return outcome;
    }

    public async Task<string> LoginAsync(ImapRequest request, CancellationToken cancel)
    {
        request.Space();
        var user = request.String();
        request.Space();
        var password = request.String();
        request.End();
        // RFC 3501 section 6.2.3: where LOGINDISABLED is announced no password is even looked at.
        if (offered.Contains("LOGINDISABLED")) return Refuse("NO Basic authentication is disabled.");
        var credential = new SaslCredential.Plain(user, password);
        return SaslResponses.Flaw(credential) is null ? await SignInAsync(credential, "LOGIN", cancel) : Refuse("NO LOGIN failed.");
    }

    private async Task<string> SignInAsync(SaslCredential credential, string command, CancellationToken cancel)
    {
        var result = await backend.AuthenticateAsync(remote, credential, cancel);
        if (result.Account is null) return Refuse(result.Refusal ?? $"NO {command} failed.");
        Account = result.Account;
        return $"OK {command} completed.";
    }

    private string Refuse(string answer)
    {
        Failures++;
        return answer;
    }
}
