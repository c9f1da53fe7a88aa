using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

public sealed class EncodedWordTests
{
    [Theory]
    [InlineData("plain text", "plain text")]
    [InlineData("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße")]
    [InlineData("=?UTF-8?Q?a_b?=", "a b")]
    [InlineData("=?utf-8?B?R3LDvMOfZQ==?=", "Grüße")]
    [InlineData("=?utf-8?B?R3LDvMOfZQ?=", "Grüße")]
    [InlineData("=?iso-8859-1?q?Gr=FC=DFe?=", "Grüße")]
    [InlineData("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本")]
    [InlineData("=?utf-8*de?q?Gr=C3=BC=C3=9Fe?=", "Grüße")]
    [InlineData("a =?utf-8?q?b?= c", "a b c")]
    [InlineData("=?utf-8?q?a?= =?utf-8?q?b?=", "ab")]
    [InlineData("=?utf-8?q?a?= \r\n\t=?utf-8?b?Yg==?=", "ab")]
    [InlineData("=?utf-8?q?a?= =?iso-8859-1?q?=FC?=", "aü")]
    [InlineData("=?utf-8?q?a_?= =?utf-8?q?b?=", "a b")]
    [InlineData("=?utf-8?b?4pyT4pw?= =?utf-8?b?kyE=?=", "✓✓!")]
    [InlineData("=?utf-8?q?=E2=9C?= =?utf-8?q?=93?=", "✓")]
    [InlineData("(=?utf-8?q?a?=)", "(a)")]
    [InlineData("Gr=?utf-8?q?=C3=BC?=n", "Grün")]
    [InlineData("=?utf-8?q?a b c?=", "a b c")]
    [InlineData("=?utf-8?q??=", "")]
    [InlineData("=?utf-8?q?=ZZ=4?=", "=ZZ=4")]
    [InlineData("=?x-unknown?q?Gr=C3=BC=C3=9Fe?=", "Grüße")]
    [InlineData("=?x-unknown?q?Gr=FC=DFe?=", "Grüße")]
    [InlineData("=?iso-8859-1?q?Fr\u00F6sche?=", "Frösche")]
    [InlineData("=?utf-8?x?abc?=", "=?utf-8?x?abc?=")]
    [InlineData("=?utf-8?q?abc", "=?utf-8?q?abc")]
    [InlineData("=??q?abc?=", "=??q?abc?=")]
    [InlineData("=?utf-8?q?abc? =", "=?utf-8?q?abc? =")]
    [InlineData("=?=?utf-8?q?a?=", "=?a")]
    [InlineData("2 =? 3 ?= 4", "2 =? 3 ?= 4")]
    public void Words_are_decoded(string text, string expected) => Assert.Equal(expected, EncodedWord.Decode(text));

    [Fact]
    public void UTF_7_is_not_turned_into_markup() => Assert.Equal("+ADw-script+AD4-", EncodedWord.Decode("=?utf-7?q?+ADw-script+AD4-?="));
}
