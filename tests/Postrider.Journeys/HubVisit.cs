using Microsoft.Playwright;

namespace Postrider.Journeys;

/// <summary>The hub by hand: each method is what somebody does between two thoughts.</summary>
internal sealed class HubVisit(IPage page, Uri hub, Pictures pictures)
{
    public const string Password = "a calm long password";

    public IPage Page => page;

    public async Task SetUpAsync(Uri setupLink, string name, string email)
    {
        await page.GotoAsync(setupLink.ToString());
        await pictures.TakeAsync(page, "hub-set-up");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync(name);
        await page.Locator("[name=email]").FillAsync(email);
        await page.Locator("[name=password]").FillAsync(Password);
        await page.Locator("form button.btn-primary").ClickAsync();
        await SeeMenuAsync();
        await pictures.TakeAsync(page, "hub-home");
    }

    public async Task InstallOutlookAsync()
    {
        await MenuAsync("Apps");
        await pictures.TakeAsync(page, "hub-apps-filtered");
        Assert.Equal(0, await page.GetByRole(AriaRole.Button, new() { Name = "Install" }).CountAsync());
        await page.Locator(".pr-facet a").ClickAsync();
        await page.GetByRole(AriaRole.Searchbox).First.FillAsync("Outlook");
        await page.GetByRole(AriaRole.Searchbox).First.PressAsync("Enter");
        await page.GetByText("Microsoft Outlook", new() { Exact = true }).First.WaitForAsync();
        await pictures.TakeAsync(page, "hub-apps-outlook");
        var outlook = page.Locator("[data-app=microsoft_outlook]");
        await outlook.GetByRole(AriaRole.Button, new() { Name = "Install" }).ClickAsync();
        await outlook.GetByText("Installed", new() { Exact = true }).WaitForAsync();
        await pictures.TakeAsync(page, "hub-apps-installed");
    }

    public async Task EnterCredentialsAsync(RegisteredApplication app)
    {
        await MenuAsync("General Settings");
        await pictures.TakeAsync(page, "hub-general-settings");
        await page.GetByLabel("Custom Email Servers").CheckAsync();
        await Press("Save");
        await page.GetByLabel("Client ID").FillAsync(app.ClientId);
        await page.GetByLabel("Client Secret").FillAsync(app.SecretValue);
        await page.GetByLabel("Expires on").FillAsync(app.Expires.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture));
        await pictures.TakeAsync(page, "hub-outlook-credentials-entered");
        await Press("Save");
        await pictures.TakeAsync(page, "hub-outlook-credentials");
    }

    public async Task SetParameterAsync(string key, string value)
    {
        await page.GotoAsync(new Uri(hub, "/settings/system-parameters/" + key).ToString());
        await page.Locator("[name=value]").FillAsync(value);
        await Press("Save");
    }

    public async Task ConnectOutgoingAsync(string name, string userName)
    {
        await MenuAsync("General Settings");
        await page.GetByRole(AriaRole.Link, new() { Name = "Outgoing Email Servers" }).First.ClickAsync();
        await pictures.TakeAsync(page, "hub-outgoing-servers-empty");
        await page.GetByRole(AriaRole.Link, new() { Name = "New", Exact = true }).First.ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync(name);
        await page.Locator("[name=kind][value=outlook]").CheckAsync();
        await page.GetByLabel("Username").FillAsync(userName);
        await pictures.TakeAsync(page, "hub-outgoing-server-new");
        await page.GetByRole(AriaRole.Button, new() { Name = "Connect your Outlook account" }).ClickAsync();
    }

    /// <summary>Each further one, from the list, with a From Filter of one's own.</summary>
    public async Task ConnectNextOutgoingAsync(string name, string userName, string? fromFilter = null)
    {
        await MenuAsync("General Settings");
        await page.GetByRole(AriaRole.Link, new() { Name = "Outgoing Email Servers" }).First.ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "New", Exact = true }).First.ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync(name);
        await page.Locator("[name=kind][value=outlook]").CheckAsync();
        await page.GetByLabel("Username").FillAsync(userName);
        if (fromFilter is not null) await page.GetByLabel("From Filter").FillAsync(fromFilter);
        await page.GetByRole(AriaRole.Button, new() { Name = "Connect your Outlook account" }).ClickAsync();
    }

    /// <summary>Email Marketing, Dedicated Server.</summary>
    public async Task ChooseDedicatedServerAsync(string name)
    {
        await MenuAsync("General Settings");
        await page.GetByLabel("Dedicated Server").CheckAsync();
        await page.GetByLabel("Server for mailings").SelectOptionAsync(new SelectOptionValue { Label = name });
        await pictures.TakeAsync(page, "hub-dedicated-server");
        await Press("Save");
    }

    /// <summary>Asks the simulator.</summary>
    /// <returns>Server, From and envelope sender that would be used.</returns>
    public async Task<(string Server, string From, string Envelope)> ExplainAsync(string from, string picture, bool mailing = false)
    {
        await page.GotoAsync(new Uri(hub, "/outgoing-mail-servers").ToString());
        var simulator = page.Locator("#simulator");
        await simulator.GetByLabel("From", new() { Exact = true }).FillAsync(from);
        if (mailing) await simulator.GetByLabel("It is a mailing").CheckAsync();
        await simulator.GetByRole(AriaRole.Button, new() { Name = "Explain" }).ClickAsync();
        await page.Locator("[data-server]").WaitForAsync();
        await pictures.TakeAsync(page, picture);
        return (await page.Locator("[data-server]").InnerTextAsync(), await page.Locator("[data-from]").InnerTextAsync(), await page.Locator("[data-envelope]").InnerTextAsync());
    }

    /// <summary>An API key of one's own.</summary>
    public async Task<string> MakeApiKeyAsync(string name)
    {
        await page.GotoAsync(new Uri(hub, "/preferences").ToString());
        await page.Locator("[name=keyName]").FillAsync(name);
        await page.Locator("#api-keys form button").First.ClickAsync();
        return (await page.Locator("#new-api-key").EvaluateAsync<string>("e => e.value ?? e.textContent")).Trim();
    }

    /// <summary>Writes to somebody and waits until it has gone out.</summary>
    public async Task SendAsync(string to, string subject)
    {
        await MenuAsync("Conversations");
        await page.GetByRole(AriaRole.Link, new() { Name = "Compose" }).First.ClickAsync();
        await page.GetByLabel("To", new() { Exact = true }).FillAsync(to);
        await page.GetByLabel("Subject").FillAsync(subject);
        await page.Locator("[name=text]").FillAsync("Three loaves, please.");
        await Press("Send");
        await page.GetByText("Sent", new() { Exact = true }).First.WaitForAsync();
    }

    /// <summary>Preferences, Send from your own mailbox.</summary>
    public async Task ConnectOwnMailboxAsync()
    {
        await page.GotoAsync(new Uri(hub, "/preferences").ToString());
        await pictures.TakeAsync(page, "hub-preferences");
        await Press("Connect your Outlook account");
        await ConsentAsync(personal: false);
        await page.GetByText("Outlook Token Valid").First.WaitForAsync();
        await pictures.TakeAsync(page, "hub-preferences-connected");
    }

    /// <summary>Looks at a mail in the Email Queue until it has gone out.</summary>
    public async Task SeeSentAsync(string id, string picture)
    {
        await page.GotoAsync(new Uri(hub, "/email-queue/" + id).ToString());
        await page.GetByText("Sent", new() { Exact = true }).First.WaitForAsync();
        await pictures.TakeAsync(page, picture);
    }

    /// <summary>Microsoft's pages, for somebody who is not signed in there yet.</summary>
    public async Task ConsentAsync(bool personal, bool accept = true)
    {
        // The Username was given as login_hint: the password alone is asked for.
        await page.GetByRole(AriaRole.Heading, new() { Name = "Enter password" }).WaitForAsync();
        await pictures.TakeAsync(page, "microsoft-password");
        await page.GetByLabel("Password").FillAsync(PortalVisit.Password);
        await Press("Sign in");
        await pictures.TakeAsync(page, "microsoft-consent");
        await Press((personal, accept) switch { (true, true) => "Yes", (true, false) => "No", (false, true) => "Accept", _ => "Cancel" });
    }

    public async Task TestConnectionAsync()
    {
        await page.GetByText("Outlook Token Valid").First.WaitForAsync();
        await pictures.TakeAsync(page, "hub-outgoing-server-connected");
        await Press("Test Connection");
        await page.GetByText("Connection Test Successful!").First.WaitForAsync();
        await pictures.TakeAsync(page, "hub-outgoing-server-tested");
    }

    public async Task ConfirmIncomingAsync(string name, string userName)
    {
        await page.GotoAsync(new Uri(hub, "/settings?debug=1").ToString());
        await MenuAsync("Incoming Mail Servers");
        await page.GetByRole(AriaRole.Link, new() { Name = "New", Exact = true }).First.ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync(name);
        await page.GetByLabel("Outlook OAuth Authentication").CheckAsync();
        await page.GetByLabel("Username").FillAsync(userName);
        await pictures.TakeAsync(page, "hub-incoming-server-new");
        await Press("Save");
        await page.GetByText("Outlook Token Valid").First.WaitForAsync();
        await pictures.TakeAsync(page, "hub-incoming-server-token");
        await page.GetByRole(AriaRole.Button, new() { Name = "Test & Confirm" }).ClickAsync();
        await page.GetByText("Confirmed").First.WaitForAsync();
        await pictures.TakeAsync(page, "hub-incoming-server-confirmed");
    }

    public async Task ComposeAsync(string to, string subject, string text, string file)
    {
        await MenuAsync("Conversations");
        await pictures.TakeAsync(page, "hub-conversations-empty");
        await page.GetByRole(AriaRole.Link, new() { Name = "Compose" }).First.ClickAsync();
        await page.GetByLabel("To", new() { Exact = true }).FillAsync(to);
        await page.GetByLabel("Subject").FillAsync(subject);
        await page.Locator("[name=text]").FillAsync(text);
        await page.Locator("[name=attachments]").SetInputFilesAsync(file);
        await pictures.TakeAsync(page, "hub-compose");
        await Press("Send");
    }

    /// <summary>Invites somebody with the right User.</summary>
    /// <returns>The link that sets the password.</returns>
    public async Task<Uri> InviteAsync(string name, string email)
    {
        await page.GotoAsync(new Uri(hub, "/users/new").ToString());
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync(name);
        await page.GetByLabel("E-mail").FillAsync(email);
        await page.GetByLabel("Right").SelectOptionAsync("user");
        await Press("Invite");
        if (await page.Locator("#password-link").CountAsync() == 0) await Press("Make a password link");
        var link = await page.Locator("#password-link").EvaluateAsync<string>("e => e.value ?? e.textContent");
        await pictures.TakeAsync(page, "hub-user-invited");
        return new Uri(link.Trim());
    }

    public async Task SetPasswordAsync(Uri link)
    {
        await page.GotoAsync(link.ToString());
        await page.Locator("[name=password]").FillAsync(Password);
        await page.Locator("form button.btn-primary").ClickAsync();
        await SeeMenuAsync();
    }

    private Task SeeMenuAsync() => page.GetByRole(AriaRole.Link, new() { Name = "Conversations", Exact = true }).First.WaitForAsync();

    public Task MenuAsync(string entry) => page.Locator("nav, aside").GetByRole(AriaRole.Link, new() { Name = entry, Exact = true }).First.ClickAsync();

    public Task Press(string button) => page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).First.ClickAsync();
}
