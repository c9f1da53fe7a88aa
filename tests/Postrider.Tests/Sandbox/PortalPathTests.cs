using System.Net;
using Postrider.Sandbox.Directories;

namespace Postrider.Tests.Sandbox;

public sealed class PortalPathTests(PortalUnderTest portal) : IClassFixture<PortalUnderTest>
{
    private const string ForAll = "Accounts in any organizational directory (Any Microsoft Entra ID directory - Multitenant) and personal Microsoft accounts (e.g. Skype, Xbox)";

    [Fact]
    public async Task Whole_path_from_signing_in_to_the_secret_is_walked_without_script()
    {
        using var person = await portal.SignInAsync();
        await person.FollowAsync("Manage Microsoft Entra ID");
        await person.FollowAsync("App registration");
        Assert.Equal("Register an application", person.Title);

        person.Fill("Name", "Postrider");
        person.Tick(ForAll);
        person.Select("Platform", "Web");
        person.Fill("URL", "https://hub.example/microsoft_outlook/confirm");
        await person.PressAsync("Register");
        var clientId = Guid.Parse(person.Page.QuerySelector("#client-id")!.TextContent);
        Assert.Contains("Postrider was registered.", person.Text, StringComparison.Ordinal);

        await person.FollowAsync("Authentication");
        person.Fill("Add URI", "http://localhost:8069/microsoft_outlook/confirm");
        await person.PressAsync("Add URI");

        await person.FollowAsync("API permissions");
        Assert.Contains("User.Read", person.Text, StringComparison.Ordinal);
        await person.FollowAsync("Add a permission");
        await person.FollowAsync("Microsoft Graph");
        await person.FollowAsync("Delegated permissions");
        person.Fill("Search permissions", "SMTP");
        await person.PressAsync("Search");
        person.Tick("SMTP.Send");
        person.Fill("Search permissions", "IMAP");
        await person.PressAsync("Search");
        person.Tick("IMAP.AccessAsUser.All");
        await person.PressAsync("Add permissions");

        await person.FollowAsync("Overview");
        await person.FollowAsync("Managed application in local directory");
        await person.FollowAsync("Properties");
        person.Tick("Yes", group: "Assignment required?");
        await person.PressAsync("Save");
        await person.FollowAsync("Users and groups");
        await person.FollowAsync("Add user/group");
        await person.FollowAsync("None Selected");
        person.Fill("Search", "notifications");
        await person.PressAsync("Search");
        person.Tick("Meadow Notifications");
        await person.PressAsync("Select");
        Assert.Contains("1 user selected.", person.Text, StringComparison.Ordinal);
        await person.PressAsync("Assign");
        Assert.Contains("Meadow Notifications", person.Text, StringComparison.Ordinal);

        await person.OpenAsync($"/entra/app-registrations/{clientId}");
        await person.FollowAsync("Certificates & secrets");
        await person.FollowAsync("New client secret");
        person.Fill("Description", "Mail");
        person.Select("Expires", "730 days (24 months)");
        await person.PressAsync("Add");
        var value = person.Page.QuerySelector("[data-secret-value]")!.TextContent;

        var app = portal.Sandbox.Directory.FindApplication(clientId)!;
        Assert.Equal(SignInAudience.AzureADandPersonalMicrosoftAccount, app.Audience);
        Assert.Equal(["https://hub.example/microsoft_outlook/confirm", "http://localhost:8069/microsoft_outlook/confirm"], app.RedirectUris);
        Assert.Equal(["IMAP.AccessAsUser.All", "SMTP.Send", "User.Read"], app.Permissions.Select(p => p.Name).Order(StringComparer.Ordinal));
        var principal = portal.Sandbox.Directory.FindServicePrincipal(clientId, portal.Bakery.Id)!;
        Assert.True(principal.AssignmentRequired);
        Assert.Equal("notifications@meadow.example", portal.Sandbox.Directory.FindUser(Assert.Single(principal.Assignments).PrincipalId)!.UserPrincipalName);
        var secret = EntraDirectory.FindSecret(app, value);
        Assert.NotNull(secret);
        Assert.Contains(secret.KeyId.ToString(), person.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Value_of_a_secret_is_shown_once_and_then_only_its_beginning()
    {
        var app = portal.Register("Shown once");
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/credentials?show=new");
        await person.PressAsync("Add");
        var value = person.Page.QuerySelector("[data-secret-value]")!.TextContent;

        await person.OpenAsync(person.Address.PathAndQuery);

        Assert.DoesNotContain(value, person.Page.DocumentElement.OuterHtml, StringComparison.Ordinal);
        Assert.Contains(value[..3] + "***", person.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Value_of_a_secret_stands_in_no_address_and_in_no_readable_cookie()
    {
        var app = portal.Register("Not in the address");
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/credentials?show=new");
        await person.PressAsync("Add");
        var value = person.Page.QuerySelector("[data-secret-value]")!.TextContent;
        Assert.DoesNotContain(value, person.Address.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(person.Cookies.GetAllCookies(), cookie => cookie.Value.Contains(value, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Page_in_a_second_tab_does_not_take_the_value_of_a_secret_away()
    {
        var app = portal.Register("Two tabs");
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/credentials?show=new");
        await person.PressAsync("Add", follow: false);
        await person.OpenAsync("/entra");
        await person.OpenAsync(PortalUnderTest.Place(app) + "/credentials");
        Assert.NotNull(person.Page.QuerySelector("[data-secret-value]"));
    }

    [Fact]
    public async Task Ticks_survive_a_search_that_hides_them()
    {
        var app = portal.Register("Ticks");
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/permissions?show=delegated");
        person.Tick("POP.AccessAsUser.All");
        person.Fill("Search permissions", "SMTP");
        await person.PressAsync("Search");
        Assert.DoesNotContain("Read and write access to mailboxes via POP", person.Text, StringComparison.Ordinal);
        person.Tick("SMTP.Send");
        await person.PressAsync("Add permissions");
        Assert.Equal(["POP.AccessAsUser.All", "SMTP.Send", "User.Read"], portal.Find("Ticks")!.Permissions.Select(p => p.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Search_of_app_registrations_finds_by_name_and_by_client_id()
    {
        var wanted = portal.Register("Findable one");
        portal.Register("Quite another");
        using var person = await portal.SignInAsync(path: "/entra/app-registrations");
        foreach (var text in new[] { "findable", wanted.ClientId.ToString() })
        {
            person.Fill("Search by display name or application (client) ID", text);
            await person.PressAsync("Search");
            Assert.Contains("Findable one", person.Text, StringComparison.Ordinal);
            Assert.DoesNotContain("Quite another", person.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Group_is_assigned_in_a_work_directory()
    {
        var app = portal.Register("With a group");
        var principal = portal.Sandbox.Directory.FindServicePrincipal(app.ClientId, portal.Bakery.Id)!;
        using var person = await portal.SignInAsync(path: $"/entra/enterprise-applications/{principal.Id}/users/add");
        await person.FollowAsync("None Selected");
        person.Tick("Mail senders");
        await person.PressAsync("Select");
        await person.PressAsync("Assign");
        Assert.True(Assert.Single(portal.Sandbox.Directory.FindServicePrincipal(principal.Id)!.Assignments).IsGroup);
    }

    [Fact]
    public async Task Personal_directory_offers_users_only()
    {
        var rosa = portal.Sandbox.Directory.FindUser("rosa@outlook.example")!;
        var own = portal.Sandbox.Directory.PortalTenantOf(rosa);
        var app = portal.Register("Of Rosa", tenant: own);
        var principal = portal.Sandbox.Directory.FindServicePrincipal(app.ClientId, own.Id)!;
        using var person = await portal.SignInAsync(rosa.UserPrincipalName, $"/entra/enterprise-applications/{principal.Id}/users");
        await person.FollowAsync("Add user");
        await person.FollowAsync("None Selected");
        Assert.Equal("Rosa Lind", Assert.Single(person.Page.QuerySelectorAll(".pick strong")).TextContent);
        person.Tick("Rosa Lind");
        await person.PressAsync("Select");
        await person.PressAsync("Assign");
        Assert.Equal(rosa.Id, Assert.Single(portal.Sandbox.Directory.FindServicePrincipal(principal.Id)!.Assignments).PrincipalId);
    }

    [Fact]
    public async Task Administrator_grants_consent_for_everybody()
    {
        var app = portal.Register("Granted");
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/permissions");
        await person.FollowAsync("Grant admin consent for Meadow Bakery");
        await person.PressAsync("Yes");
        Assert.Contains("Granted for Meadow Bakery", person.Text, StringComparison.Ordinal);
        Assert.Contains("User.Read", portal.Sandbox.Directory.Consented(app.ClientId, portal.Sandbox.Directory.FindUser("ann@meadow.example")!));
    }

    [Fact]
    public async Task What_was_added_is_taken_away_again()
    {
        var app = portal.Register("Taken away");
        portal.Sandbox.Directory.AddRedirectUri(app.ClientId, "https://old.example/confirm");

        var principal = portal.Sandbox.Directory.FindServicePrincipal(app.ClientId, portal.Bakery.Id)!;
        portal.Sandbox.Directory.Assign(principal.Id, [portal.Sandbox.Directory.FindUser("ann@meadow.example")!.Id], []);
        using var person = await portal.SignInAsync(path: PortalUnderTest.Place(app) + "/authentication");
        await person.PressAsync("Remove https://old.example/confirm");
        await person.FollowAsync("API permissions");
        await person.PressAsync("Remove User.Read");
        await person.OpenAsync($"/entra/enterprise-applications/{principal.Id}/users");
        await person.PressAsync("Remove Ann Miller");
        var left = portal.Find("Taken away")!;
        Assert.Empty(left.RedirectUris);
        Assert.Empty(left.Permissions);
        Assert.Empty(portal.Sandbox.Directory.FindServicePrincipal(principal.Id)!.Assignments);

        await person.OpenAsync(PortalUnderTest.Place(app) + "?show=delete");
        await person.PressAsync("Delete");
        Assert.Null(portal.Find("Taken away"));
        await person.OpenAsync(PortalUnderTest.Place(app));
        Assert.Equal(HttpStatusCode.NotFound, person.Status);
    }
}
