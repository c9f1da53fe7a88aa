using System.Net;
using AngleSharp.Dom;

namespace Postrider.Tests.Sandbox;

public sealed class PortalGateTests(PortalUnderTest portal) : IClassFixture<PortalUnderTest>
{
    [Fact]
    public async Task Who_is_not_signed_in_signs_in_first_and_comes_to_the_page_that_was_asked_for()
    {
        using var person = await portal.SignInAsync(path: "/entra/app-registrations?q=hub");
        Assert.Equal("/entra/app-registrations?q=hub", person.Address.PathAndQuery);
        Assert.Equal("App registrations", person.Title);
    }

    [Theory]
    [InlineData("/entra")]
    [InlineData("/entra/users")]
    [InlineData("/entra/groups")]
    [InlineData("/entra/app-registrations")]
    [InlineData("/entra/app-registrations/new")]
    [InlineData("/entra/enterprise-applications")]
    public async Task Person_without_an_administrators_role_is_refused_and_told_who_may(string path)
    {
        using var person = await portal.SignInAsync("ann@meadow.example", path);
        Assert.Equal(HttpStatusCode.Forbidden, person.Status);
        Assert.Contains("ann@meadow.example has no administrator's role in Meadow Bakery", person.Text, StringComparison.Ordinal);
        Assert.Contains("Global Administrator", person.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Person_without_an_administrators_role_changes_nothing_even_with_a_form_of_the_sandbox()
    {
        var app = portal.Register("Kept from Ann");
        using var person = await portal.SignInAsync("ann@meadow.example");
        var token = person.Page.QuerySelector("input[name=__RequestVerificationToken]")!.GetAttribute("value")!;
        await person.PostAsync(PortalUnderTest.Place(app) + "/delete", ("__RequestVerificationToken", token));
        Assert.Equal(HttpStatusCode.Forbidden, person.Status);
        Assert.NotNull(portal.Find("Kept from Ann"));
    }

    [Fact]
    public async Task Application_of_another_directory_is_not_there()
    {
        var app = portal.Register("Of the bakery");
        using var rosa = await portal.SignInAsync("rosa@outlook.example", PortalUnderTest.Place(app));
        Assert.Equal(HttpStatusCode.NotFound, rosa.Status);
        Assert.DoesNotContain("Of the bakery", rosa.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Form_that_is_not_from_a_page_of_the_sandbox_changes_nothing()
    {
        var app = portal.Register("Forged");
        using var person = await portal.SignInAsync();
        await person.PostAsync(PortalUnderTest.Place(app) + "/delete", ("__RequestVerificationToken", "made up"));
        Assert.Equal(HttpStatusCode.BadRequest, person.Status);
        Assert.Contains("out of date", person.Text, StringComparison.Ordinal);
        Assert.NotNull(portal.Find("Forged"));
    }

    [Fact]
    public async Task Form_that_is_too_large_is_told_so()
    {
        using var person = await portal.SignInAsync();
        await person.PostAsync("/entra/app-registrations/new", ("name", new string('a', 100_000)));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, person.Status);
        Assert.Contains("That is too large", person.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Portal_stays_with_its_administrator_when_a_mailbox_signs_in_in_the_same_browser()
    {
        using var person = await portal.SignInAsync();
        await SignInBesideAsync(person, "ann@meadow.example");
        await person.OpenAsync("/entra");
        Assert.Equal(HttpStatusCode.OK, person.Status);
        Assert.Contains("admin@meadow.example", person.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Portal_changes_to_another_signed_in_account_when_told()
    {
        using var person = await portal.SignInAsync();
        await SignInBesideAsync(person, "ann@meadow.example");
        await person.OpenAsync("/");
        await person.PressAsync("ann@meadow.example");
        await person.OpenAsync("/entra");
        Assert.Equal(HttpStatusCode.Forbidden, person.Status);
        await person.PressAsync("Continue as admin@meadow.example");
        await person.OpenAsync("/entra");
        Assert.Equal(HttpStatusCode.OK, person.Status);
    }

    [Fact]
    public async Task Signing_out_ends_the_visit()
    {
        using var person = await portal.SignInAsync();
        await person.FollowAsync("Sign out");
        await person.OpenAsync("/entra");
        Assert.Equal("Sign in", person.Title);
    }

    [Fact]
    public async Task Every_page_forbids_inline_script_and_style_and_has_none()
    {
        var app = portal.Register("Strict");
        var principal = portal.Sandbox.Directory.FindServicePrincipal(app.ClientId, portal.Bakery.Id)!;
        var place = PortalUnderTest.Place(app);
        using var person = await portal.SignInAsync();
        foreach (var path in new[]
        {
            "/", "/entra", "/entra/users", "/entra/groups", "/entra/app-registrations", "/entra/app-registrations/new", place, place + "?show=endpoints", place + "?show=delete",
            place + "/authentication", place + "/credentials", place + "/credentials?show=new", place + "/permissions", place + "/permissions?show=delegated", place + "/permissions?show=grant",
            "/entra/enterprise-applications", $"/entra/enterprise-applications/{principal.Id}", $"/entra/enterprise-applications/{principal.Id}/properties",
            $"/entra/enterprise-applications/{principal.Id}/users", $"/entra/enterprise-applications/{principal.Id}/users/add?choose=1", "/signin",
        })
        {
            await person.OpenAsync(path);
            Assert.Equal(HttpStatusCode.OK, person.Status);
            Assert.Contains("default-src 'none'", person.ContentSecurityPolicy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", person.ContentSecurityPolicy, StringComparison.Ordinal);
            Assert.Empty(person.Page.QuerySelectorAll("style, [style], script:not([src])"));
            Assert.DoesNotContain(person.Page.All, e => e.Attributes.Any(a => a.Name.StartsWith("on", StringComparison.Ordinal)));
            Assert.All(person.Page.QuerySelectorAll("form[method=post]"), form => Assert.NotNull(form.QuerySelector("input[name=__RequestVerificationToken]")));
        }
    }

    [Theory]
    [InlineData("/assets/sandbox.css", "text/css")]
    [InlineData("/assets/sandbox.js", "text/javascript")]
    [InlineData("/assets/mark.svg", "image/svg+xml")]
    public async Task Asset_is_served_wherever_the_sandbox_is_hosted(string path, string mediaType)
    {
        using var client = new HttpClient(new SocketsHttpHandler()) { BaseAddress = portal.Sandbox.Http };
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(mediaType, answer.Content.Headers.ContentType!.MediaType);
        Assert.NotEmpty(await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    private static async Task SignInBesideAsync(PlainBrowser person, string address)
    {
        await person.OpenAsync("/signin?return=%2F");
        await person.PressAsync("Use another account");
        person.Fill("Email address", address);
        await person.PressAsync("Next");
        person.Fill("Password", Postrider.Sandbox.TenantSeed.Password);
        await person.PressAsync("Sign in");
    }
}
