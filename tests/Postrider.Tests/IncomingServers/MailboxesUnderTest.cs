using System.Text;
using System.Text.Json;
using Postrider.Journal;
using Postrider.Sandbox;
using Postrider.Sandbox.Exchange;
using Postrider.Tests.OutlookAccounts;

namespace Postrider.Tests.IncomingServers;

/// <summary>A hub and a sandbox that meet on the wire: the app is installed, the credentials are saved, and nothing is connected yet.</summary>
internal sealed class MailboxesUnderTest : IAsyncDisposable
{
    public const string Notifications = "notifications@meadow.example";
    public const string Rosa = "rosa@outlook.example";

    private readonly HubWithMicrosoft both;

    private MailboxesUnderTest(TenantOptions tenant) => both = new(tenant, (_, options) => options with { Clock = tenant.Clock });

    public HubUnderTest Hub => both.Hub;
    public RunningTenant Sandbox => both.Microsoft;

    /// <param name="tenant">Its clock is the hub's as well; null: both have the machine's.</param>
    public static async Task<MailboxesUnderTest> StartAsync(TenantOptions? tenant = null)
    {
        var under = new MailboxesUnderTest(tenant ?? new TenantOptions());
        await under.both.InitializeAsync();
        return under;
    }

    public Mailbox Box(string address) => Sandbox.Mailboxes.Find(address)!;

    public async Task<Guid> CreateAsync(string mailbox = Notifications, object? more = null)
    {
        var created = await Hub.PostAsync<JsonElement>("/api/v1/incoming-servers", more ?? new { name = mailbox, kind = "outlook", userName = mailbox });
        return created.GetProperty("id").GetGuid();
    }

    /// <summary>Walks through Microsoft's pages as <paramref name="person"/>.</summary>
    public Task<Uri> ConnectAsync(string path, string person) => both.ConnectAsAsync(path, person);

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

    public ValueTask DisposeAsync() => both.DisposeAsync();
}
