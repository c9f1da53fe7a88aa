using System.Net;
using Postrider.Sandbox.Directories;

namespace Postrider.Tests.Sandbox;

public sealed class PortalRefusalTests(PortalUnderTest portal) : IClassFixture<PortalUnderTest>
{
    [Fact]
    public async Task Form_without_a_name_comes_back_with_everything_that_is_wrong_and_all_that_was_entered()
    {
        using var person = await portal.SignInAsync(path: "/entra/app-registrations/new");
        person.Tick("Personal Microsoft accounts only");
        person.Fill("URL", "http://hub.example/confirm");
        await person.PressAsync("Register");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, person.Status);
        Assert.Equal("Enter a name for the application.", person.ProblemOf("Name"));
        Assert.Equal("Select a platform for this redirect URI.", person.ProblemOf("Platform"));
        Assert.Equal("Must start with \"HTTPS\" or \"http://localhost\".", person.ProblemOf("URL"));
        Assert.Equal("http://hub.example/confirm", person.ValueOf("URL"));
        Assert.True(person.IsTicked("Personal Microsoft accounts only"));
    }

    [Theory]
    [InlineData("http://hub.example/confirm", "Must start with")]
    [InlineData("http://127.0.0.1/confirm", "Must start with")]
    [InlineData("ftp://hub.example/confirm", "Must start with")]
    [InlineData("hub.example/confirm", "Must be a valid URI")]
    [InlineData("https://hub.example/confirm?a=1", "query string")]
    [InlineData("https://hub.example/confirm#part", "fragment")]
    [InlineData("https://*.example/confirm", "Wildcards")]
    [InlineData("https://hub.example/a!b", "not supported")]
    [InlineData("https://hub.example/256", "at most 256")]
    public async Task Redirect_uri_that_entra_refuses_is_refused_beside_its_field(string uri, string words)
    {
        if (uri.EndsWith("/256", StringComparison.Ordinal)) uri = uri.PadRight(257, 'a');
        var app = portal.Register("Refusing");
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/authentication");
        person.Fill("Add URI", uri);
        await person.PressAsync("Add URI");
        Assert.Matches(words, person.ProblemOf("Add URI")!);
        Assert.Equal(uri, person.ValueOf("Add URI"));
        Assert.Empty(portal.Sandbox.Directory.FindApplication(app.ClientId)!.RedirectUris);
    }

    [Fact]
    public async Task Redirect_uri_of_localhost_may_be_plain_http()
    {
        var app = portal.Register("Local");
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/authentication");
        person.Fill("Add URI", "http://localhost:5000/confirm");
        await person.PressAsync("Add URI");
        Assert.Equal(["http://localhost:5000/confirm"], portal.Sandbox.Directory.FindApplication(app.ClientId)!.RedirectUris);
    }

    [Fact]
    public async Task Same_redirect_uri_is_refused_the_second_time_and_another_case_of_its_path_is_not()
    {
        var app = portal.Register("Twice");
        portal.Sandbox.Directory.AddRedirectUri(app.ClientId, "https://hub.example/confirm");
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/authentication");
        person.Fill("Add URI", "https://hub.example/confirm");
        await person.PressAsync("Add URI");
        Assert.Contains("already there", person.ProblemOf("Add URI"), StringComparison.Ordinal);
        person.Fill("Add URI", "https://hub.example/Confirm");
        await person.PressAsync("Add URI");
        Assert.Equal(2, portal.Sandbox.Directory.FindApplication(app.ClientId)!.RedirectUris.Count);
    }

    [Fact]
    public async Task Account_types_that_the_redirect_uris_do_not_allow_are_refused()
    {
        var app = portal.Register("Work only", SignInAudience.AzureADMyOrg);
        portal.Sandbox.Directory.AddRedirectUri(app.ClientId, "https://hub.example/confirm?a=1");
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/authentication");
        person.Tick("Personal Microsoft accounts only");
        await person.PressAsync("Save");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, person.Status);
        Assert.Contains("query string", person.Page.GetElementById("audience-problem")!.TextContent, StringComparison.Ordinal);
        Assert.Equal(SignInAudience.AzureADMyOrg, portal.Sandbox.Directory.FindApplication(app.ClientId)!.Audience);
    }

    [Theory]
    [InlineData(90, true)]
    [InlineData(91, false)]
    public async Task Name_has_at_most_90_characters_with_personal_accounts(int length, bool allowed)
    {
        var name = new string((char)('a' + (length % 26)), length);
        using var person = await portal.SignInAsync(path: "/entra/app-registrations/new");
        person.Fill("Name", name);
        person.Tick("Personal Microsoft accounts only");
        await person.PressAsync("Register");
        Assert.Equal(allowed, portal.Find(name) is not null);
        if (!allowed) Assert.Contains("at most 90", person.ProblemOf("Name"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Third_secret_is_refused_with_personal_accounts_and_the_description_is_kept()
    {
        var app = portal.Register("Two secrets");
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/credentials");
        for (var n = 1; n <= 3; n++)
        {
            await person.FollowAsync("New client secret");
            person.Fill("Description", $"Number {n}");
            await person.PressAsync("Add");
        }
        Assert.Contains("at most 2 client secrets", person.Text, StringComparison.Ordinal);
        Assert.Equal("Number 3", person.ValueOf("Description"));
        Assert.Equal(["Number 1", "Number 2"], portal.Sandbox.Directory.FindApplication(app.ClientId)!.Secrets.Select(s => s.Description));
    }

    [Theory]
    [InlineData("", "Choose the day")]
    [InlineData("soon", "Choose the day")]
    [InlineData("2020-01-01", "in the future")]
    [InlineData("2099-01-01", "at most 24 months")]
    public async Task Secret_needs_an_end_within_24_months(string end, string words)
    {
        var app = portal.Register("Ending");
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/credentials?show=new");
        person.Select("Expires", "Custom");
        person.Fill("End (for a custom date)", end);
        await person.PressAsync("Add");
        Assert.Contains(words, person.ProblemOf("End (for a custom date)"), StringComparison.Ordinal);
        Assert.Empty(portal.Sandbox.Directory.FindApplication(app.ClientId)!.Secrets);
    }

    [Fact]
    public async Task Adding_permissions_without_a_tick_is_told_so()
    {
        var app = portal.Register("No tick");
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/permissions?show=delegated");
        await person.PressAsync("Add permissions");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, person.Status);
        Assert.Contains("Tick at least one permission.", person.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Assigning_nobody_is_told_so()
    {
        var app = portal.Register("Nobody");
        var principal = portal.Sandbox.Directory.FindServicePrincipal(app.ClientId, portal.Bakery.Id)!;
        using var person = await portal.SignInAsync(path: $"/entra/enterprise-applications/{principal.Id}/users/add");
        await person.PressAsync("Assign");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, person.Status);
        Assert.Contains("Select at least one user or group first.", person.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Markup_in_a_name_stays_text()
    {
        using var person = await portal.SignInAsync(path: "/entra/app-registrations/new");
        person.Fill("Name", "<img src=x onerror=alert(1)>");
        await person.PressAsync("Register");
        Assert.Empty(person.Page.QuerySelectorAll("main img"));
        Assert.Contains("<img src=x onerror=alert(1)>", person.Text, StringComparison.Ordinal);
    }
}
