using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Postrider.Entra;
using Postrider.Journal;
using Postrider.Sandbox;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Exchange;
using Postrider.Tests.Sandbox;

namespace Postrider.Tests.IncomingServers;

/// <summary>A hub and a sandbox that meet on the wire: the app is installed, the credentials are saved, and nothing is connected yet.</summary>
internal sealed class MailboxesUnderTest : IAsyncDisposable
{
    public const string Notifications = "notifications@meadow.example";
    public const string Rosa = "rosa@outlook.example";

    private MailboxesUnderTest(RunningTenant sandbox, HubUnderTest hub) => (Sandbox, Hub) = (sandbox, hub);

    public HubUnderTest Hub { get; }
    public RunningTenant Sandbox { get; }

    public static async Task<MailboxesUnderTest> StartAsync()
    {
        var sandbox = await Tenant.StartAsync(new TenantOptions(), TestContext.Current.CancellationToken);
        var cloud = new MicrosoftCloud("Sandbox", sandbox.Http, "localhost", sandbox.Smtp.Port, "localhost", sandbox.Imap.Port);
        var hub = await HubUnderTest.StartAsync(options => options with { Cloud = cloud, TrustCertificateFile = sandbox.CertificateAuthorityFile });
        var under = new MailboxesUnderTest(sandbox, hub);

        await hub.Service<Postrider.Apps.InstalledApps>().InstallAsync(Postrider.Apps.InstalledApps.MicrosoftOutlook, null);
        var directory = sandbox.Directory;
        var app = directory.Register(directory.FindTenant("meadow.example")!.Id, "Postrider", SignInAudience.AzureADandPersonalMicrosoftAccount, new Uri(hub.Address, "/microsoft_outlook/confirm").AbsoluteUri).Value!;
        directory.AddPermissions(app.ClientId, "SMTP.Send", "IMAP.AccessAsUser.All");
        var secret = directory.AddSecret(app.ClientId, "test", sandbox.Clock.GetUtcNow().AddMonths(6)).Value!;
        using var saved = await hub.Browser.PutAsJsonAsync("/api/v1/outlook/credentials", new { clientId = app.ClientId.ToString(), clientSecret = secret.Value });
        Assert.Equal(HttpStatusCode.OK, saved.StatusCode);
        return under;
    }

    public Mailbox Box(string address) => Sandbox.Mailboxes.Find(address)!;

    public async Task<Guid> CreateAsync(string mailbox = Notifications, object? more = null)
    {
        var created = await Hub.PostAsync<JsonElement>("/api/v1/incoming-servers", more ?? new { name = mailbox, kind = "outlook", userName = mailbox });
        return created.GetProperty("id").GetGuid();
    }

    /// <summary>Walks through Microsoft's pages as <paramref name="person"/>.</summary>
    public async Task<Uri> ConnectAsync(string path, string person)
    {
        var start = await Hub.PostAsync<JsonElement>(path + "/connect", new { });
        using var browser = new PlainBrowser(Sandbox.Http);
        await browser.OpenAsync(start.GetProperty("address").GetString()!);
        if (browser.LeftFor is null) await EntraUnderTest.SignInAsync(browser, person);
        if (browser.LeftFor is null) await browser.PressAsync(Sandbox.Directory.FindUser(person)!.IsPersonal ? "Yes" : "Accept");
        using var back = await Hub.Browser.GetAsync(browser.LeftFor);
        Assert.Equal(HttpStatusCode.Found, back.StatusCode);
        return back.Headers.Location!;
    }

    /// <summary>Created, connected, confirmed.</summary>
    public async Task<Guid> WatchAsync(string mailbox = Notifications, object? more = null)
    {
        var id = await CreateAsync(mailbox, more);
        await ConnectAsync($"/api/v1/incoming-servers/{id}", mailbox);
        await Hub.PostAsync<JsonElement>($"/api/v1/incoming-servers/{id}/confirm", new { });
        return id;
    }

    /// <summary>Connects an outgoing server for <see cref="Notifications"/>.</summary>
    /// <param name="defaultFrom">Everybody's mail leaves from that mailbox; false: as each person's own address, which Exchange refuses.</param>
    public async Task SendThroughAsync(bool defaultFrom = true)
    {
        var parameters = Hub.Service<Postrider.Settings.SystemParameters>();
        if (defaultFrom) Assert.Null(await parameters.SetAsync("mail.default.from", Notifications, null));
        var outgoing = await Hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Meadow", kind = "outlook", userName = Notifications, fromFilter = Notifications });
        await ConnectAsync($"/api/v1/outgoing-servers/{outgoing.GetProperty("id").GetGuid()}", Notifications);
    }

    /// <summary>Returns once the topic was published that many times; armed before <paramref name="act"/>.</summary>
    public async Task AwaitAsync(string topic, Func<Task> act, Func<Task<bool>> holds)
    {
        using var heard = Hub.Service<LiveEvents>().Subscribe(new HashSet<string> { topic })!;
        await act();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (!await holds())
        {
            try
            {
                await heard.Changes.ReadAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"Nothing more was heard of {topic}. Mails: {await Hub.Browser.GetStringAsync("/api/v1/mails")} Servers: {await Hub.Browser.GetStringAsync("/api/v1/incoming-servers")}");
            }
        }
    }

    public async Task<JsonElement[]> ConversationsAsync() => [.. (await Hub.GetAsync<JsonElement>("/api/v1/conversations")).GetProperty("conversations").EnumerateArray()];

    public async Task<JsonElement[]> MessagesAsync(Guid conversation) => [.. (await Hub.GetAsync<JsonElement>($"/api/v1/conversations/{conversation}")).GetProperty("messages").EnumerateArray()];

    public void Deliver(string mailbox, string from, string subject, string headers = "", string text = "hello") =>
        Sandbox.Transport.Deliver(Box(mailbox), Encoding.UTF8.GetBytes($"From: {from}\r\nTo: {mailbox}\r\nSubject: {subject}\r\nMessage-ID: <{Guid.CreateVersion7():N}@test.example>\r\n{headers}\r\n{text}\r\n"));

    public async ValueTask DisposeAsync()
    {
        await Hub.DisposeAsync();
        await Sandbox.DisposeAsync();
    }
}
