using System.Text;
using Postrider.Mail.Sasl;

namespace Postrider.Mail.Imap;

internal static class SaslMessage
{
    public static string Mechanism(SaslCredential credential) => credential is SaslCredential.XOAuth2 ? "XOAUTH2" : "PLAIN";
    public static string Secret(SaslCredential credential) => credential switch { SaslCredential.XOAuth2 x => x.AccessToken, SaslCredential.Plain p => p.Password, _ => "" };
    public static string InitialResponse(SaslCredential credential) => Convert.ToBase64String(Encoding.UTF8.GetBytes(credential switch
    {
        SaslCredential.XOAuth2 x => $"user={x.UserName}\u0001auth=Bearer {x.AccessToken}\u0001\u0001",
        SaslCredential.Plain p => $"\0{p.UserName}\0{p.Password}",
        _ => "",
    }));
}
