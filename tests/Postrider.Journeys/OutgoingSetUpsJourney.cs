using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Postrider.Entra;
using Postrider.Mail.Mime;
using Postrider.Sandbox;
using Postrider.Sandbox.Directories;

namespace Postrider.Journeys;

/// <summary>The three set-ups of docs/operations/outgoing-set-ups.md, each from empty settings: what From really arrived is read in the sandbox's mailboxes.</summary>
public sealed class OutgoingSetUpsJourney : IDisposable
{
    private const string Notifications = "notifications@meadow.example";
    private const string Customer = "rosa@outlook.example";
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-journey-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_single_mailbox_sends_for_everybody()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        await using var place = await StartAsync("single-mailbox");
        var ann = place.Administrator;
        await ann.ConnectOutgoingAsync("Notifications", Notifications);
        await ann.ConsentAsync(personal: false);
        await ann.TestConnectionAsync();
        var told = await ann.ExplainAsync("Ben Baker <ben@meadow.example>", "simulator");
        Assert.Equal(("Notifications", "\"Ben Baker\" <notifications@meadow.example>", Notifications), told);

        await ann.SendAsync(Customer, "From Ann");
        var ben = await place.InviteAsync("Ben Baker", "ben@meadow.example");
        await ben.SendAsync(Customer, "From Ben");

        // The name of the sender appears, the address is the mailbox's.
        Assert.Equal("\"Ann Miller\" <notifications@meadow.example>", place.FromOf("From Ann"));
        Assert.Equal("\"Ben Baker\" <notifications@meadow.example>", place.FromOf("From Ben"));
    }

    [Fact]
    public async Task A_mailbox_per_user_sends_as_that_user_and_the_fallback_for_the_rest()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        await using var place = await StartAsync("per-user");
        var ann = place.Administrator;
        await ann.ConnectOutgoingAsync("Notifications", Notifications);
        await ann.ConsentAsync(personal: false);
        await ann.TestConnectionAsync();
        await place.ForgetMicrosoftAsync();
        await ann.ConnectNextOutgoingAsync("Ann", "ann@meadow.example");
        await ann.ConsentAsync(personal: false);
        await ann.TestConnectionAsync();
        Assert.Equal(("Ann", "\"Ann Miller\" <ann@meadow.example>", "ann@meadow.example"), await ann.ExplainAsync("Ann Miller <ann@meadow.example>", "simulator"));

        await ann.SendAsync(Customer, "From Ann");
        var ben = await place.InviteAsync("Ben Baker", "ben@meadow.example");
        await ben.SendAsync(Customer, "From Ben");

        Assert.Equal("\"Ann Miller\" <ann@meadow.example>", place.FromOf("From Ann"));
        Assert.Equal("\"Ben Baker\" <notifications@meadow.example>", place.FromOf("From Ben"));
        // Without the right Settings, from Preferences.
        await ben.ConnectOwnMailboxAsync();
        await ben.SendAsync(Customer, "From Ben himself");
        Assert.Equal("\"Ben Baker\" <ben@meadow.example>", place.FromOf("From Ben himself"));

        Assert.Contains("From Ann", place.SubjectsIn("ann@meadow.example", "Sent Items"));
        Assert.Contains("From Ben", place.SubjectsIn(Notifications, "Sent Items"));
    }

    [Fact]
    public async Task A_mass_mailing_server_takes_mailings_and_leaves_other_mail_alone()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        await using var place = await StartAsync("mass-mailing");
        var ann = place.Administrator;
        await ann.ConnectOutgoingAsync("Notifications", Notifications);
        await ann.ConsentAsync(personal: false);
        await ann.TestConnectionAsync();
        await place.ForgetMicrosoftAsync();
        await ann.ConnectNextOutgoingAsync("Mailings", "sales@meadow.example");
        await ann.ConsentAsync(personal: false);
        await ann.TestConnectionAsync();
        await ann.ChooseDedicatedServerAsync("Mailings");
        Assert.Equal("Mailings", (await ann.ExplainAsync("Meadow Sales <sales@meadow.example>", "simulator-mailing", mailing: true)).Server);

        using var program = new HttpClient(new SocketsHttpHandler()) { BaseAddress = place.Hub.Address };
        program.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await ann.MakeApiKeyAsync("Newsletter"));
        using var mailing = await program.PostAsJsonAsync("/api/v1/mails", new { from = "Meadow Sales <sales@meadow.example>", to = (string[])[Customer], subject = "Our spring breads", text = "Rye is back.", mailing = true }, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Accepted, mailing.StatusCode);
        await ann.SendAsync(Customer, "From Ann");
        await ann.SeeSentAsync(mailing.Headers.Location!.OriginalString.Split('/')[^1], "why-mailing");

        Assert.Equal("\"Meadow Sales\" <sales@meadow.example>", place.FromOf("Our spring breads"));
        Assert.Equal("\"Ann Miller\" <notifications@meadow.example>", place.FromOf("From Ann"));
        Assert.Equal(["Our spring breads"], place.SubjectsIn("sales@meadow.example", "Sent Items"));
        await LookAtAllAsync(place, program);
    }

    /// <summary>The new pages on a phone and in the dark, for the eye; with a filter that deserves its warnings.</summary>
    private static async Task LookAtAllAsync(Place place, HttpClient program)
    {
        var cancel = TestContext.Current.CancellationToken;
        var servers = await program.GetFromJsonAsync<List<Listed>>("/api/v1/outgoing-servers", cancel);
        var mailings = servers!.Single(server => server.Name == "Mailings");
        using var wide = await program.PutAsJsonAsync($"/api/v1/outgoing-servers/{mailings.Id:D}", new { fromFilter = "sales@meadow.example, meadow.example" }, cancel);
        Assert.Equal(HttpStatusCode.OK, wide.StatusCode);
        await place.LookAsync("/outgoing-mail-servers?from=" + Uri.EscapeDataString("Rosa <rosa@outlook.example>"), $"/outgoing-mail-servers/{mailings.Id:D}", "/settings", "/preferences", "/sending-budgets");
    }

    private async Task<Place> StartAsync(string name)
    {
        var cancel = TestContext.Current.CancellationToken;
        var tenant = await Tenant.StartAsync(new TenantOptions(), cancel);
        var hub = await Postrider.Hub.StartAsync(new HubOptions
        {
            DataFolder = Path.Combine(folder.FullName, "hub"),
            TrustCertificateFile = tenant.CertificateAuthorityFile,
            Cloud = new MicrosoftCloud("Sandbox", tenant.Http, "localhost", tenant.Smtp.Port, "localhost", tenant.Imap.Port),
            Quiet = true,
        }, cancel);
        var browser = await Browser.StartAsync();
        var pictures = new Pictures(name);

        // The portal's pages have their journey of their own (FirstLightJourney).
        var bakery = tenant.Directory.FindTenant("meadow.example")!;
        var application = tenant.Directory.Register(bakery.Id, "Postrider", SignInAudience.AzureADandPersonalMicrosoftAccount, new Uri(hub.Address, "/microsoft_outlook/confirm").AbsoluteUri).Value!;
        tenant.Directory.AddPermissions(application.ClientId, "SMTP.Send", "IMAP.AccessAsUser.All");
        var secret = tenant.Directory.AddSecret(application.ClientId, "test", tenant.Clock.GetUtcNow().AddDays(180)).Value!;

        var visit = new HubVisit(await browser.NewPersonAsync(), hub.Address, pictures);
        await visit.SetUpAsync(hub.SetupLink!, "Ann Miller", "ann@meadow.example");
        await visit.InstallOutlookAsync();
        await visit.EnterCredentialsAsync(new RegisteredApplication(application.ClientId.ToString("D"), secret.Value, "", new DateOnly(2028, 11, 22)));
        await visit.SetParameterAsync("mail.default.from", "notifications");
        await visit.SetParameterAsync("mail.catchall.domain", "meadow.example");
        return new Place(tenant, hub, browser, pictures, visit);
    }

    private sealed record Listed(Guid Id, string Name);

    /// <summary>Hub, sandbox and the people at their browsers.</summary>
    private sealed class Place(RunningTenant tenant, RunningHub hub, Browser browser, Pictures pictures, HubVisit administrator) : IAsyncDisposable
    {
        public RunningHub Hub => hub;
        public HubVisit Administrator => administrator;

        public async Task<HubVisit> InviteAsync(string name, string email)
        {
            var visit = new HubVisit(await browser.NewPersonAsync(), hub.Address, pictures);
            await visit.SetPasswordAsync(await administrator.InviteAsync(name, email));
            return visit;
        }

        /// <summary>Another person signs in at Microsoft next.</summary>
        public Task ForgetMicrosoftAsync() => administrator.Page.Context.ClearCookiesAsync(new() { Name = "sandbox.signin" });

        public async Task LookAsync(params string[] paths)
        {
            foreach (var (phone, dark, name) in new[] { (false, false, "desk"), (true, false, "phone"), (false, true, "dark"), (true, true, "phone-dark") })
            {
                var page = await browser.NewPersonAsync(phone, dark);
                await page.Context.AddCookiesAsync((await administrator.Page.Context.CookiesAsync([hub.Address.ToString()])).Select(cookie => new Microsoft.Playwright.Cookie { Name = cookie.Name, Value = cookie.Value, Url = hub.Address.ToString() }));
                foreach (var path in paths)
                {
                    await page.GotoAsync(new Uri(hub.Address, path).ToString());
                    await pictures.TakeAsync(page, name + path.Split('?')[0].Replace('/', '-'));
                }
            }
        }

        public string FromOf(string subject) =>
            Read(Customer, "INBOX").Single(message => message.Subject == subject).From.Single().ToString();

        public IEnumerable<string?> SubjectsIn(string mailbox, string folder) => Read(mailbox, folder).Select(message => message.Subject);

        public async ValueTask DisposeAsync()
        {
            await browser.DisposeAsync();
            await hub.DisposeAsync();
            await tenant.DisposeAsync();
        }

        private IEnumerable<MimeMessage> Read(string mailbox, string folder) => tenant.Mailboxes.Find(mailbox)!.Folder(folder)!.Messages().Select(stored => MimeMessage.Read(stored.Bytes));
    }
}
