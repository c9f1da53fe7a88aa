namespace Postrider.Mail.Sasl;

/// <summary>How a client proves who it is. ToString never shows the secret.</summary>
public abstract record SaslCredential(string UserName)
{
    /// <summary>A bearer token: by XOAUTH2, or by OAUTHBEARER (RFC 7628) where a server offers only that. Microsoft: "Authenticate an IMAP, POP or SMTP connection using OAuth", read 2026-11.</summary>
    public sealed record XOAuth2(string UserName, string AccessToken) : SaslCredential(UserName)
    {
        public override string ToString() => $"XOAUTH2 {UserName}";
    }

    /// <summary>The certificate shown in the TLS handshake says who it is (RFC 4422 appendix A). Where EXTERNAL is not offered, the handshake alone has to do.</summary>
    public sealed record External() : SaslCredential("")
    {
        public override string ToString() => "EXTERNAL";
    }

    /// <summary>RFC 4616.</summary>
    public sealed record Plain(string UserName, string Password) : SaslCredential(UserName)
    {
        public override string ToString() => $"PLAIN {UserName}";
    }
}
