using System.Text;
using Postrider.Conversations;
using Postrider.IncomingMail;

namespace Postrider.Tests.IncomingMail;

public sealed class SenderAuthenticationTests
{
    [Theory]
    // As Exchange Online writes it: without a name of its own.
    [InlineData("spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=x.example; dkim=pass (signature was verified)\r\n header.d=x.example;dmarc=pass action=none\r\n header.from=x.example;compauth=pass reason=100", SenderCheck.Passed)]
    [InlineData("spf=fail (sender IP is 192.0.2.1) smtp.mailfrom=x.example; dkim=none (message not signed) header.d=none;dmarc=fail action=quarantine header.from=x.example;compauth=fail reason=000", SenderCheck.Failed)]
    [InlineData("spf=softfail smtp.mailfrom=y.example; dkim=none; dmarc=none action=none header.from=x.example", SenderCheck.None)]
    [InlineData("dmarc=bestguesspass action=none header.from=x.example", SenderCheck.Passed)]
    [InlineData("eur.prod.protection.outlook.com; dmarc=fail header.from=x.example", SenderCheck.Failed)]
    // SPF alone counts where it is about the domain of From.
    [InlineData("spf=pass smtp.mailfrom=bounces.x.example", SenderCheck.Passed)]
    [InlineData("spf=pass smtp.mailfrom=someone@x.example; dmarc=none", SenderCheck.Passed)]
    [InlineData("spf=pass smtp.mailfrom=notx.example", SenderCheck.None)]
    [InlineData("spf=pass smtp.mailfrom=example", SenderCheck.None)]
    // It must speak of the address that people see.
    [InlineData("dmarc=pass header.from=y.example", SenderCheck.None)]
    // Another server's word, and words that others put into a comment or quotes.
    [InlineData("mx.x.example; dmarc=pass header.from=x.example", SenderCheck.None)]
    [InlineData("outlook.com.evil.example; dmarc=pass header.from=x.example", SenderCheck.None)]
    [InlineData("spf=fail (dmarc=pass header.from=x.example; (dmarc=pass)) smtp.mailfrom=x.example; dmarc=fail", SenderCheck.Failed)]
    [InlineData("spf=none smtp.helo=\"; dmarc=pass\"; dmarc=fail", SenderCheck.Failed)]
    [InlineData(";;;", SenderCheck.None)]
    [InlineData("", SenderCheck.None)]
    public void The_receiving_exchange_says_who_wrote(string field, SenderCheck expected) => Assert.Equal(expected, Of($"Authentication-Results: {field}\r\n", exchange: true));

    [Fact]
    public void Only_the_topmost_field_is_the_receiving_servers_own() =>
        Assert.Equal(SenderCheck.None, Of("Authentication-Results: elsewhere.example; none\r\nAuthentication-Results: dmarc=pass header.from=x.example\r\n", exchange: true));

    [Fact]
    public void A_server_that_is_not_exchange_is_believed_by_its_name()
    {
        const string Field = "Authentication-Results: MX.hub.example 1; dmarc=fail header.from=x.example\r\n";
        Assert.Equal(SenderCheck.None, Of(Field, exchange: false));
        Assert.Equal(SenderCheck.Failed, Of(Field, exchange: false, "mx.hub.example"));
        // Without a name it may have been written by the sender.
        Assert.Equal(SenderCheck.None, Of("Authentication-Results: dmarc=pass header.from=x.example\r\n", exchange: false, "mx.hub.example"));
    }

    private static SenderCheck Of(string fields, bool exchange, params string[] servers) =>
        ReceivedMail.Read(Encoding.ASCII.GetBytes($"Received: from x by y; Sat, 28 Nov 2026 12:00:00 +0000\r\n{fields}From: Ann <ann@x.example>\r\nSubject: s\r\n\r\nhi\r\n"), exchange, servers).SenderCheck;
}
