using Postrider.Settings;

namespace Postrider.Tests.Settings;

public sealed class KnownParameterTests
{
    [Theory]
    [InlineData("https://hub.example.com")]
    [InlineData("http://localhost:8470")]
    [InlineData("https://xn--bcher-kva.example")]
    public void A_base_url_has_a_scheme_and_ends_without_a_slash(string value) => Assert.Null(KnownParameter.Check("web.base.url", value));

    [Theory]
    [InlineData("https://hub.example.com/")]
    [InlineData("https://hub.example.com/odoo")]
    [InlineData("https://hub.example.com?x=1")]
    [InlineData("https://hub.example.com#x")]
    [InlineData("https://user:secret@hub.example.com")]
    [InlineData("hub.example.com")]
    [InlineData("ftp://hub.example.com")]
    [InlineData("javascript:alert(1)")]
    public void Another_base_url_is_refused(string value) => Assert.Equal("parameter-value-not-allowed", KnownParameter.Check("web.base.url", value)?.Code);

    [Theory]
    [InlineData("mail.default.from", "notifications", true)]
    [InlineData("mail.default.from", "notifications@meadow.example", true)]
    [InlineData("mail.default.from", "two words@", false)]
    [InlineData("mail.catchall.domain", "meadow.example", true)]
    [InlineData("mail.catchall.domain", "@meadow.example", false)]
    [InlineData("mail.catchall.domain", "meadow", false)]
    [InlineData("mail.catchall.alias", "catchall", true)]
    [InlineData("mail.catchall.alias", "catchall@meadow.example", false)]
    [InlineData("mail.catchall.domain.allowed", "meadow.example, field.example", true)]
    [InlineData("mail.catchall.domain.allowed", ",,", false)]
    [InlineData("web.base.url.freeze", "True", true)]
    [InlineData("web.base.url.freeze", "perhaps", false)]
    [InlineData("microsoft_outlook.endpoint", "https://login.microsoftonline.com/common/oauth2/v2.0/", true)]
    [InlineData("microsoft_outlook.endpoint", "http://login.microsoftonline.com/common/oauth2/v2.0/", false)]
    [InlineData("mail.max_message_megabytes", "35", true)]
    [InlineData("mail.max_message_megabytes", "0", false)]
    [InlineData("mail.max_message_megabytes", "151", false)]
    [InlineData("anything.else", "any value", true)]
    [InlineData("with space", "x", false)]
    [InlineData("anything.else", "two\nlines", false)]
    public void Known_keys_take_what_they_can_use(string key, string value, bool admitted) => Assert.Equal(admitted, KnownParameter.Check(key, value) is null);
}
