using Postrider.Entra;

namespace Postrider.Tests.Entra;

public sealed class EntraEndpointsTests
{
    [Fact]
    public void The_cloud_is_used_under_common()
    {
        var endpoints = EntraEndpoints.Of(MicrosoftCloud.Worldwide, null);
        Assert.Equal("https://login.microsoftonline.com/common/oauth2/v2.0/authorize", endpoints.Authorize.AbsoluteUri);
        Assert.Equal("https://login.microsoftonline.com/common/oauth2/v2.0/token", endpoints.Token.AbsoluteUri);
        Assert.Equal("https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration", endpoints.Discovery.AbsoluteUri);
    }

    [Fact]
    public void The_system_parameter_overrides_it()
    {
        var endpoints = EntraEndpoints.Of(MicrosoftCloud.Worldwide, "https://login.example/11112222-3333-4444-5555-666677778888/oauth2/v2.0/");
        Assert.Equal("https://login.example/11112222-3333-4444-5555-666677778888/v2.0/.well-known/openid-configuration", endpoints.Discovery.AbsoluteUri);
    }

    [Theory]
    [InlineData("http://127.0.0.1:8080/common/oauth2/v2.0/", true)]
    [InlineData("http://localhost:8080/common/oauth2/v2.0", true)]
    [InlineData("http://[::1]/common/oauth2/v2.0/", true)]
    [InlineData("http://login.example/common/oauth2/v2.0/", false)]
    [InlineData("http://127.0.0.1.example/common/oauth2/v2.0/", false)]
    [InlineData("https://login.example/common/", false)]
    [InlineData("https://user@login.example/common/oauth2/v2.0/", false)]
    [InlineData("https://login.example/common/oauth2/v2.0/?x=1", false)]
    [InlineData("ftp://login.example/common/oauth2/v2.0/", false)]
    [InlineData("common/oauth2/v2.0/", false)]
    public void Secrets_leave_over_TLS_or_not_at_all(string text, bool usable) => Assert.Equal(usable, EntraEndpoints.TryParse(text, out _, out _));

    [Fact]
    public void A_hint_and_the_choice_of_account_never_go_together()
    {
        var request = new AuthorizeRequest("id", new Uri("http://localhost/microsoft_outlook/confirm"), "state", "nonce", "challenge", "ann@example.com", SelectAccount: false);
        var endpoints = EntraEndpoints.Of(MicrosoftCloud.Worldwide, null);
        var first = EntraClient.AuthorizeAddress(endpoints, request).Query;
        var second = EntraClient.AuthorizeAddress(endpoints, request with { SelectAccount = true }).Query;
        Assert.Contains("login_hint=ann%40example.com", first, StringComparison.Ordinal);
        Assert.DoesNotContain("prompt=", first, StringComparison.Ordinal);
        Assert.Contains("prompt=select_account", second, StringComparison.Ordinal);
        Assert.DoesNotContain("login_hint", second, StringComparison.Ordinal);
        Assert.Contains("code_challenge_method=S256", first, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://outlook.office.com/SMTP.Send https://outlook.office.com/User.Read", true)]
    [InlineData("https://graph.microsoft.com/smtp.send openid", true)]
    [InlineData("SMTP.Send", true)]
    [InlineData("https://outlook.office.com/SMTP.Sender", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Permissions_are_compared_by_their_last_segment(string? granted, bool expected) => Assert.Equal(expected, OutlookScopes.Grants(granted, OutlookScopes.SmtpSend));
}
