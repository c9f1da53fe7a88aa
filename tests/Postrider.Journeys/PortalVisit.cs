using System.Globalization;
using Microsoft.Playwright;

namespace Postrider.Journeys;

/// <summary>What an administrator brings home from the portal.</summary>
internal sealed record RegisteredApplication(string ClientId, string SecretValue, string SecretId, DateOnly Expires);

/// <summary>The portal's part of the setting up, by hand, along the path that the page describes.</summary>
internal sealed class PortalVisit(IPage page, Uri portal, Pictures pictures)
{
    public const string Password = "Postrider-2026";

    public async Task SignInAsync(string address)
    {
        await page.GotoAsync(portal.ToString());
        await page.GetByLabel("Email address").FillAsync(address);
        await pictures.TakeAsync(page, "portal-sign-in");
        await Press("Next");
        await page.GetByLabel("Password").FillAsync(Password);
        await Press("Sign in");
    }

    public async Task<RegisteredApplication> RegisterAsync(string name, string redirectUri, IReadOnlyList<string> assigned)
    {
        await page.GetByRole(AriaRole.Link, new() { Name = "Manage Microsoft Entra ID" }).ClickAsync();
        await page.Locator("summary", new() { HasText = "Add" }).ClickAsync();
        await pictures.TakeAsync(page, "portal-entra-id");
        await Follow("App registration", exact: true, within: page.Locator(".menu-items"));

        await page.GetByLabel("Name", new() { Exact = true }).FillAsync(name);
        await page.GetByLabel("Accounts in any organizational directory (Any Microsoft Entra ID directory - Multitenant) and personal Microsoft accounts (e.g. Skype, Xbox)").CheckAsync();
        await page.GetByLabel("Platform").SelectOptionAsync("Web");
        await page.GetByLabel("URL", new() { Exact = true }).FillAsync(redirectUri);
        await pictures.TakeAsync(page, "portal-register-an-application");
        await Press("Register");
        var clientId = (await page.Locator("#client-id").InnerTextAsync()).Trim();
        await pictures.TakeAsync(page, "portal-app-overview");
        var overview = page.Url;

        await AddPermissionsAsync("SMTP.Send", "IMAP.AccessAsUser.All");

        await page.GotoAsync(overview);
        await page.GetByRole(AriaRole.Link, new() { Name = "Managed application in local directory" }).ClickAsync();
        await Follow("Users and groups", exact: true, within: page.Locator("nav[aria-label='Application'], .side").First);
        foreach (var who in assigned) await AssignAsync(who);
        await pictures.TakeAsync(page, "portal-users-and-groups");

        await page.GotoAsync(overview);
        return await MakeSecretAsync(clientId);
    }

    private async Task AddPermissionsAsync(params string[] permissions)
    {
        await Follow("API permissions", exact: true, within: page.Locator(".side"));
        Assert.True(await page.GetByRole(AriaRole.Cell, new() { Name = "User.Read", Exact = true }).IsVisibleAsync(), "User.Read is there by default.");
        await Follow("Add a permission");
        await page.GetByRole(AriaRole.Link, new() { Name = "Microsoft Graph" }).First.ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Delegated permissions" }).ClickAsync();
        foreach (var permission in permissions)
        {
            await page.GetByLabel("Search permissions").FillAsync(permission);
            await Press("Search");
            await page.Locator($"input[name=permission][value='{permission}']").CheckAsync();
        }
        await pictures.TakeAsync(page, "portal-request-api-permissions");
        await Press("Add permissions");
        foreach (var permission in permissions)
            await page.GetByRole(AriaRole.Cell, new() { Name = permission, Exact = true }).WaitForAsync();
        await pictures.TakeAsync(page, "portal-api-permissions");
    }

    private async Task AssignAsync(string who)
    {
        await page.GetByRole(AriaRole.Link, new() { Name = "Add user" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "None Selected" }).ClickAsync();
        await page.GetByLabel("Search").FillAsync(who);
        await Press("Search");
        await page.GetByLabel(who).CheckAsync();
        await pictures.TakeAsync(page, "portal-choose-" + who);
        await Press("Select");
        await pictures.TakeAsync(page, "portal-assign-" + who);
        await Press("Assign");
    }

    private async Task<RegisteredApplication> MakeSecretAsync(string clientId)
    {
        await Follow("Certificates & secrets", exact: true, within: page.Locator(".side"));
        await Follow("New client secret");
        await page.GetByLabel("Description").FillAsync("Postrider mail");
        await page.GetByLabel("Expires").SelectOptionAsync(new SelectOptionValue { Label = "730 days (24 months)" });
        await pictures.TakeAsync(page, "portal-add-a-client-secret");
        await Press("Add");
        var value = (await page.Locator("[data-secret-value]").InnerTextAsync()).Trim();
        await pictures.TakeAsync(page, "portal-client-secret");
        var row = page.Locator("table.secrets tbody tr").First;
        var secretId = (await row.Locator("td").Nth(3).Locator("code").InnerTextAsync()).Trim();
        var expires = (await row.Locator("td").Nth(1).InnerTextAsync()).Trim();
        await page.ReloadAsync();
        Assert.Equal(0, await page.Locator("[data-secret-value]").CountAsync());
        return new RegisteredApplication(clientId, value, secretId, DateOnly.ParseExact(expires, "M/d/yyyy", CultureInfo.InvariantCulture));
    }

    private Task Press(string button) => page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();

    private Task Follow(string link, bool exact = false, ILocator? within = null) =>
        (within ?? page.Locator("body")).GetByRole(AriaRole.Link, new() { Name = link, Exact = exact }).First.ClickAsync();
}
