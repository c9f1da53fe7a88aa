using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Apps;
using Postrider.Entra;
using Postrider.Mail;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.OutlookAccounts;
using Postrider.Sandbox;
using Postrider.Sandbox.Directories;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Tests.Sandbox;

namespace Postrider.Tests.OutlookAccounts;

/// <summary>A hub and a sandbox in this process, the application registered there and its credentials saved here. The tests of one class share it; each makes its own servers.</summary>
public sealed class HubWithMicrosoft : IAsyncLifetime
{
    private readonly TenantOptions tenant;
    private readonly Func<RunningTenant, HubOptions, HubOptions> change;

    public HubWithMicrosoft() : this(new TenantOptions { SkipWaits = true }, (_, options) => options)
    {
    }

    /// <param name="change">Of the hub's options, once the sandbox is there; they have its cloud and its authority already.</param>
    internal HubWithMicrosoft(TenantOptions tenant, Func<RunningTenant, HubOptions, HubOptions> change) => (this.tenant, this.change) = (tenant, change);

    internal HubUnderTest Hub { get; private set; } = null!;

    public RunningTenant Microsoft { get; private set; } = null!;

    public AppRegistration Application { get; private set; } = null!;

    /// <summary>The Value of the client secret.</summary>
    public string Secret { get; private set; } = "";

    internal EntraTenant Bakery => Microsoft.Directory.FindTenant("meadow.example")!;

    public async ValueTask InitializeAsync()
    {
        Microsoft = await Tenant.StartAsync(tenant, TestContext.Current.CancellationToken);
        Hub = await HubUnderTest.StartAsync(options => change(Microsoft, options with
        {
            TrustCertificateFile = Microsoft.CertificateAuthorityFile,
            Cloud = new MicrosoftCloud("Sandbox", Microsoft.Http, "localhost", Microsoft.Smtp.Port, "localhost", Microsoft.Imap.Port),
        }));
        Application = Microsoft.Directory.Register(Bakery.Id, "Postrider", SignInAudience.AzureADandPersonalMicrosoftAccount, new Uri(Hub.Address, "/microsoft_outlook/confirm").AbsoluteUri).Value!;
        Microsoft.Directory.AddPermissions(Application.ClientId, "SMTP.Send", "IMAP.AccessAsUser.All");
        Secret = Microsoft.Directory.AddSecret(Application.ClientId, "test", Microsoft.Clock.GetUtcNow().AddDays(180)).Value!.Value;
        await Hub.Service<InstalledApps>().InstallAsync(InstalledApps.MicrosoftOutlook, null);
        Assert.Null(await Hub.Service<SystemParameters>().SetAsync(KnownParameter.CustomEmailServers, "True", null));
        await SaveCredentialsAsync(Secret);
    }

    public async ValueTask DisposeAsync()
    {
        await Hub.DisposeAsync();
        await Microsoft.DisposeAsync();
    }

    internal async Task SaveCredentialsAsync(string secret, Guid? clientId = null)
    {
        using var answer = await Hub.Browser.PutAsJsonAsync("/api/v1/outlook/credentials", new { clientId = clientId ?? Application.ClientId, clientSecret = secret, expiresOn = "2028-11-22" });
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>A person's browser, signed in at the hub and nowhere else.</summary>
    internal async Task<PlainBrowser> BrowserAsync(string email = HubUnderTest.AdministratorEmail)
    {
        var browser = new PlainBrowser(Hub.Address, followsToOtherSites: true);
        await browser.OpenAsync("/sign-in");
        browser.Fill("E-mail", email);
        browser.Fill("Password", HubUnderTest.Password);
        await browser.PressAsync("Sign in");
        return browser;
    }

    /// <summary>Fills in a new outgoing server and presses Connect your Outlook account; ends on Microsoft's page.</summary>
    internal async Task BeginAsync(PlainBrowser browser, string userName, string? name = null, string fromFilter = "")
    {
        await browser.OpenAsync(new Uri(Hub.Address, "/outgoing-mail-servers/new").AbsoluteUri);
        browser.Fill("Name", name ?? "Server of " + userName);
        browser.Tick("Outlook");
        browser.Fill("Username", userName);
        browser.Fill("From Filter", fromFilter);
        await browser.PressAsync("Connect your Outlook account");
    }

    /// <summary>Signs in at Microsoft's pages and answers the consent page, as far as they come.</summary>
    internal static async Task SignInAsync(PlainBrowser browser, string address, bool accept = true)
    {
        if (browser.Title == "Pick an account") await browser.PressAsync("Use another account");
        if (browser.Title == "Sign in")
        {
            browser.Fill("Email address", address);
            await browser.PressAsync("Next");
        }

        if (browser.Title == "Enter password")
        {
            browser.Fill("Password", TenantSeed.Password);
            await browser.PressAsync("Sign in");
        }

        if (browser.Title == "Permissions requested") await browser.PressAsync(accept ? "Accept" : "Cancel");
        else if (browser.Title == "Let this app access your info?") await browser.PressAsync(accept ? "Yes" : "No");
    }

    /// <summary>The whole way, ending on the server's page.</summary>
    /// <returns>The server's id.</returns>
    internal async Task<Guid> ConnectAsync(string mailbox, string fromFilter = "")
    {
        using var browser = await BrowserAsync();
        await BeginAsync(browser, mailbox, fromFilter: fromFilter);
        await SignInAsync(browser, mailbox);
        Assert.Contains("Outlook Token Valid", browser.Text, StringComparison.Ordinal);
        return ServerOf(browser);
    }

    /// <summary>As a program connects a server: the hub gives the address, a person walks through Microsoft's pages, and the administrator's session comes back.</summary>
    /// <param name="path">Of the server in the API.</param>
    /// <returns>Where the hub sends the browser in the end.</returns>
    internal async Task<Uri> ConnectAsAsync(string path, string person)
    {
        var start = await Hub.PostAsync<JsonElement>(path + "/connect", new { });
        using var browser = new PlainBrowser(Microsoft.Http);
        await browser.OpenAsync(start.GetProperty("address").GetString()!);
        if (browser.LeftFor is null) await EntraUnderTest.SignInAsync(browser, person);
        if (browser.LeftFor is null) await browser.PressAsync(Microsoft.Directory.FindUser(person)!.IsPersonal ? "Yes" : "Accept");
        using var back = await Hub.Browser.GetAsync(browser.LeftFor);
        Assert.Equal(HttpStatusCode.Found, back.StatusCode);
        return back.Headers.Location!;
    }

    internal static Guid ServerOf(PlainBrowser browser) => Guid.Parse(browser.Address.Segments[^1]);

    internal async Task<OutgoingServer> ServerAsync(Guid id) => (await Hub.Service<OutgoingServerStore>().FindAsync(new(id)))!;

    internal Task<long> CountAsync(string table) => Hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<long>($"SELECT COUNT(*) FROM {table}"));

    /// <summary>Waits until the mail has come to rest.</summary>
    internal Task<OutboxMail> SettledAsync(OutboxMailId id, Func<OutboxMail, bool>? until = null) =>
        Hub.MailUntilAsync(id, until ?? (mail => mail.State is not (OutboxState.Waiting or OutboxState.Sending) || mail is { State: OutboxState.Waiting, Problem: not null }));

    /// <summary>The messages of one folder in the sandbox, newest last.</summary>
    internal async Task<IReadOnlyList<Stored>> FolderAsync(string address, string folder) => (await ReadAsync<Folder>($"/control/mailboxes/{address}/folders/{Uri.EscapeDataString(folder)}/messages")).Messages;

    internal async Task<byte[]> RawAsync(string address, string folder, long uid)
    {
        using var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = Microsoft.Http };
        return await http.GetByteArrayAsync($"/control/mailboxes/{address}/folders/{Uri.EscapeDataString(folder)}/messages/{uid}");
    }

    private async Task<T> ReadAsync<T>(string path)
    {
        using var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = Microsoft.Http };
        return (await http.GetFromJsonAsync<T>(path))!;
    }

    internal sealed record Stored(long Uid);

    private sealed record Folder(IReadOnlyList<Stored> Messages);
}
