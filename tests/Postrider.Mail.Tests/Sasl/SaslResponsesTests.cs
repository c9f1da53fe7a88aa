using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Sasl;

namespace Postrider.Mail.Tests.Sasl;

public sealed class SaslResponsesTests
{
    [Fact]
    public void XOAUTH2_is_written_as_Microsoft_documents_it() =>
        // The example of the page, with its user and token.
        Assert.Equal(
            Convert.ToBase64String(Encoding.ASCII.GetBytes("user=test@contoso.onmicrosoft.com\u0001auth=Bearer EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA\u0001\u0001")),
            SaslResponses.XOAuth2(new("test@contoso.onmicrosoft.com", "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA")));

    [Fact]
    public void What_is_written_is_read_back()
    {
        var config = Config.QuickThrowOnFailure;
        Prop.ForAll<NonEmptyString, NonEmptyString>((user, secret) =>
        {
            var token = new SaslCredential.XOAuth2(user.Get, secret.Get);
            var password = new SaslCredential.Plain(user.Get, secret.Get);
            // Lone surrogates have no UTF-8; blanks around a token are not part of it.
            if (SaslResponses.Flaw(token) is not null || Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(user.Get + secret.Get)) != user.Get + secret.Get || secret.Get.Trim(' ') != secret.Get) return true;
            return token == SaslResponses.ReadOAuthBearer(Encoding.ASCII.GetBytes(SaslResponses.OAuthBearer(token, "mail.example", 993)))
                && token == SaslResponses.ReadXOAuth2(Encoding.ASCII.GetBytes(SaslResponses.XOAuth2(token)))
                && password == SaslResponses.ReadPlain(Encoding.ASCII.GetBytes(SaslResponses.Plain(password)));
        }).Check(config);
    }

    [Theory]
    [InlineData("ann\u0001auth=Bearer x", "t")]
    [InlineData("ann\r\nMAIL FROM:<x>", "t")]
    [InlineData("ann", "t\0")]
    [InlineData("ann", "t\u0001\u0001user=ben")]
    [InlineData("", "t")]
    [InlineData("ann", "")]
    public void A_credential_that_would_forge_fields_is_not_sent(string user, string secret)
    {
        Assert.NotNull(SaslResponses.Flaw(new SaslCredential.XOAuth2(user, secret)));
        var flaw = SaslResponses.Flaw(new SaslCredential.Plain(user, secret));
        Assert.NotNull(flaw);
        if (secret.Length > 1) Assert.DoesNotContain(secret, flaw, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("user=ann\u0001auth=Bearer t\u0001")]
    [InlineData("user=ann\u0001user=ben\u0001auth=Bearer t\u0001\u0001")]
    [InlineData("user=ann\u0001auth=Basic t\u0001\u0001")]
    [InlineData("auth=Bearer t\u0001\u0001")]
    [InlineData("user=ann\u0001\u0001")]
    [InlineData("user=ann\u0001auth=Bearer t\u0001x=y\u0001\u0001")]
    [InlineData("")]
    public void A_response_that_is_none_is_refused(string text) => Assert.Null(SaslResponses.ReadXOAuth2(Encoding.UTF8.GetBytes(SaslResponses.Encode(text))));

    [Fact]
    public void OAUTHBEARER_is_written_as_its_standard_shows_it() =>
        // RFC 7628 section 4.1, with its user, host, port and token.
        Assert.Equal(
            Encoding.ASCII.GetBytes("n,a=user@example.com,\u0001host=server.example.com\u0001port=143\u0001auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\u0001\u0001"),
            Convert.FromBase64String(SaslResponses.OAuthBearer(new("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="), "server.example.com", 143)));

    [Theory]
    [InlineData("n,,\u0001auth=Bearer t\u0001\u0001")]
    [InlineData("p=tls-unique,a=ann,\u0001auth=Bearer t\u0001\u0001")]
    [InlineData("n,a=ann,\u0001auth=Bearer t\u0001auth=Bearer u\u0001\u0001")]
    [InlineData("n,a=ann,\u0001auth=Basic t\u0001\u0001")]
    [InlineData("n,a=ann,\u0001auth=Bearer t\u0001")]
    [InlineData("n,a=ann,\u0001host=x\u0001\u0001")]
    [InlineData("n,a=ann,b,\u0001auth=Bearer t\u0001\u0001")]
    [InlineData("")]
    public void An_OAUTHBEARER_response_that_is_none_is_refused(string text) => Assert.Null(SaslResponses.ReadOAuthBearer(Encoding.UTF8.GetBytes(SaslResponses.Encode(text))));

    [Theory]
    [InlineData("ann\0ben\0secret")]
    [InlineData("\0ann")]
    [InlineData("\0ann\0secret\0more")]
    [InlineData("\0\0secret")]
    [InlineData("u@d\0\0pass")]
    public void A_PLAIN_message_that_is_none_or_asks_for_another_identity_is_refused(string text) => Assert.Null(SaslResponses.ReadPlain(Encoding.UTF8.GetBytes(SaslResponses.Encode(text))));

    [Theory]
    [InlineData("not base64")]
    [InlineData("QQ")]
    [InlineData("/w==")]
    [InlineData("QQ==QQ==")]
    public void Base64_and_UTF8_are_strict(string text) => Assert.Null(SaslResponses.Decode(Encoding.ASCII.GetBytes(text)));

    [Theory]
    [InlineData("eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIn0=", "status 401, schemes bearer")]
    [InlineData("bm90IGpzb24=", "not json")]
    [InlineData("not base64!", "not base64!")]
    [InlineData("G1szMW0=", @"\x1B[31m")]
    public void A_challenge_is_told_in_words(string challenge, string words) => Assert.Equal(words, SaslResponses.Reason(challenge));

    [Fact]
    public void A_credential_shows_its_name_only()
    {
        Assert.Equal("XOAUTH2 ann", new SaslCredential.XOAuth2("ann", "secret").ToString());
        Assert.Equal("PLAIN ann", $"{new SaslCredential.Plain("ann", "secret")}");
    }
}
