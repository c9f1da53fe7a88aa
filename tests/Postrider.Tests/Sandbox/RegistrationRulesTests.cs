using Postrider.Sandbox.Directories;

namespace Postrider.Tests.Sandbox;

public sealed class RegistrationRulesTests
{
    [Theory]
    [InlineData("https://hub.example/microsoft_outlook/confirm", null)]
    [InlineData("http://localhost:8069/microsoft_outlook/confirm", null)]
    [InlineData("http://localhost/microsoft_outlook/confirm", null)]
    [InlineData("http://127.0.0.1/confirm", "redirect-uri-not-https")]
    [InlineData("http://hub.example/confirm", "redirect-uri-not-https")]
    [InlineData("http://localhost.evil.example/confirm", "redirect-uri-not-https")]
    [InlineData("javascript:alert(1)", "redirect-uri-not-https")]
    [InlineData("https://hub.example/confirm#x", "redirect-uri-fragment")]
    [InlineData("https://hub.example/confirm?x=1", "redirect-uri-query")]
    [InlineData("https://*.hub.example/confirm", "redirect-uri-wildcard")]
    [InlineData("https://hub.example/(confirm)", "redirect-uri-character")]
    [InlineData("https://hub.example/con firm", "redirect-uri-invalid")]
    [InlineData("hub.example/confirm", "redirect-uri-invalid")]
    [InlineData("", "redirect-uri-missing")]
    public void Redirect_uri_is_judged_as_in_the_portal(string uri, string? code) =>
        Assert.Equal(code, RegistrationRules.CheckRedirectUri(uri, SignInAudience.AzureADandPersonalMicrosoftAccount)?.Code);

    [Fact]
    public void Query_is_allowed_where_only_work_accounts_sign_in() =>
        Assert.Null(RegistrationRules.CheckRedirectUri("https://hub.example/confirm?x=1", SignInAudience.AzureADMultipleOrgs));

    [Fact]
    public void Redirect_uri_has_at_most_256_characters()
    {
        var longest = "https://hub.example/" + new string('a', 236);
        Assert.Null(RegistrationRules.CheckRedirectUri(longest, SignInAudience.AzureADMyOrg));
        Assert.Equal("redirect-uri-too-long", RegistrationRules.CheckRedirectUri(longest + "a", SignInAudience.AzureADMyOrg)?.Code);
    }

    [Theory]
    [InlineData("https://hub.example/confirm", "https://hub.example/confirm", true)]
    [InlineData("https://hub.example/confirm", "https://hub.example/Confirm", false)]
    [InlineData("https://hub.example/confirm", "https://hub.example:8443/confirm", false)]
    [InlineData("https://hub.example/confirm", "https://hub.example/confirm?x=1", false)]
    [InlineData("http://localhost/confirm", "http://localhost:8069/confirm", true)]
    [InlineData("http://localhost:1/confirm", "http://localhost:2/confirm", true)]
    [InlineData("http://localhost/confirm", "http://localhost:8069/other", false)]
    [InlineData("http://localhost/confirm", "https://localhost:8069/confirm", false)]
    [InlineData("http://localhost/confirm", "http://localhost@evil.example/confirm", false)]
    public void Redirect_uri_matches_exactly_but_for_the_port_of_localhost(string registered, string requested, bool matches) =>
        Assert.Equal(matches, RegistrationRules.Matches(registered, requested));

    [Fact]
    public void Name_is_shorter_where_personal_accounts_sign_in()
    {
        var name = new string('n', 91);
        Assert.Equal("name-too-long", RegistrationRules.CheckName(name, SignInAudience.AzureADandPersonalMicrosoftAccount)?.Code);
        Assert.Null(RegistrationRules.CheckName(name, SignInAudience.AzureADMultipleOrgs));
        Assert.Equal("name-missing", RegistrationRules.CheckName(" ", SignInAudience.AzureADMultipleOrgs)?.Code);
    }
}
