using Postrider.Sandbox.Entra;

namespace Postrider.Tests.Sandbox;

public sealed class ScopeRequestTests
{
    [Fact]
    public void Scopes_are_parted_into_those_of_OpenID_and_those_of_resources()
    {
        Assert.Null(ScopeRequest.Parse("OpenId offline_access https://outlook.office.com/smtp.send User.Read", out var request));
        Assert.Equal(["offline_access", "openid"], request!.OpenId.Order(StringComparer.Ordinal));
        Assert.Equal([new ResourceScope(ApiResource.Outlook, "https://outlook.office.com/", "SMTP.Send"), new ResourceScope(ApiResource.Graph, "https://graph.microsoft.com/", "User.Read")], request.Permissions);
    }

    [Theory]
    [InlineData("", 70011)]
    [InlineData("   ", 70011)]
    [InlineData("https://graph.microsoft.com/.default Mail.Send", 70011)]
    [InlineData("Mail.Fly", 650053)]
    [InlineData("https://outlook.office.com/", 650053)]
    [InlineData("https://vault.azure.net/.default", 500011)]
    [InlineData("https://", 500011)]
    public void Scope_that_means_nothing_is_refused(string scope, int code) => Assert.Equal(code, ScopeRequest.Parse(scope, out _)!.Code);

    [Fact]
    public void Endless_scope_is_refused_unread() => Assert.Equal(70011, ScopeRequest.Parse(new string('x', 10_000), out _)!.Code);
}
