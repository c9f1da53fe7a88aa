using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Postrider.Entra;
using Postrider.Sandbox;

namespace Postrider.Demo;

/// <summary>The sandbox, the hub, and the person between them. Each step does what somebody would do by hand, over HTTP, and checks what came of it.</summary>
internal sealed class World(string folder, int port, TimeProvider clock) : IAsyncDisposable
{
    private const string Mailbox = "notifications@meadow.example";
    private const string Customer = "rosa@outlook.example";
    private const string Administrator = "ann@meadow.example";
    private const string Password = TenantSeed.Password;
    private const int AttachmentBytes = 1024 * 1024;
    // Longer than any step takes on a slow machine; a step that hangs is told as one.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    // Between two looks at the API while something is awaited.
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly Person person = new();
    private RunningTenant? sandbox;
    private RunningHub? hub;
    private string clientId = "";
    private string secret = "";
    private string outgoingServer = "";
    private string conversation = "";
    private JsonNode? arrived;

    public IReadOnlyList<Step> Steps =>
    [
        new("A Microsoft 365 tenant with a registered application", RegisterApplicationAsync),
        new("The hub: an administrator, Custom Email Servers, Outlook Credentials", SetUpHubAsync),
        new("Outgoing mail server: Connect your Outlook account, Test Connection", ConnectOutgoingAsync),
        new("Incoming mail server: Test & Confirm", ConnectIncomingAsync),
        new("A mail goes out: text, HTML, an attachment of 1 MB", SendAsync),
        new("The answer comes in", ReceiveAsync),
    ];

    private RunningTenant Sandbox => sandbox ?? throw new StoryException("The sandbox is not up.");
    private RunningHub Hub => hub ?? throw new StoryException("The hub is not up.");

    public IEnumerable<string> WhereToGoOn()
    {
        yield return "";
        yield return $"  The hub           {Hub.Address}";
        yield return $"  The conversation  {new Uri(Hub.Address, "/conversations/" + conversation)}";
        yield return $"                    sign in as {Administrator} with {Password}";
        yield return $"  The portal        {Sandbox.Http}";
        yield return $"                    sign in as admin@meadow.example with {Password}";
        yield return $"  Mailboxes         {new Uri(Sandbox.Http, "/outlook/" + Mailbox)}";
        yield return $"                    {new Uri(Sandbox.Http, "/outlook/" + Customer)}  (answer from here; same password)";
        yield return "";
    }

    public async ValueTask DisposeAsync()
    {
        person.Dispose();
        if (hub is not null) await hub.DisposeAsync();
        if (sandbox is not null) await sandbox.DisposeAsync();
    }

    // 1
    private async Task<string> RegisterApplicationAsync(CancellationToken cancel)
    {
        sandbox = await Tenant.StartAsync(new TenantOptions { Folder = Path.Combine(folder, "sandbox"), Clock = clock }, cancel);
        hub = await StartHubAsync(sandbox, cancel);
        var registered = await person.SendAsync(HttpMethod.Post, new Uri(sandbox.Http, "/control/applications"), new JsonObject
        {
            ["tenant"] = "meadow.example",
            ["name"] = "Postrider",
            ["redirectUris"] = new JsonArray(new Uri(hub.Address, "/microsoft_outlook/confirm").ToString()),
            ["permissions"] = new JsonArray("SMTP.Send", "IMAP.AccessAsUser.All"),
            ["assign"] = new JsonArray(Mailbox),
            ["assignmentRequired"] = true,
            ["secretDescription"] = "Postrider mail",
            ["secretEnds"] = clock.GetUtcNow().AddDays(730),
        }, cancel);
        clientId = Text(registered, "clientId");
        secret = Text(registered, "secret");
        return $"Multitenant and personal accounts, {Mailbox} assigned, client secret until {clock.GetUtcNow().AddDays(730):yyyy-MM-dd}. Portal: {sandbox.Http}";
    }

    private async Task<RunningHub> StartHubAsync(RunningTenant tenant, CancellationToken cancel)
    {
        try
        {
            return await Postrider.Hub.StartAsync(new HubOptions
            {
                DataFolder = Path.Combine(folder, "hub"),
                Port = port,
                TrustCertificateFile = tenant.CertificateAuthorityFile,
                Cloud = new MicrosoftCloud("Sandbox", tenant.Http, "localhost", tenant.Smtp.Port, "localhost", tenant.Imap.Port),
                Clock = clock,
                Quiet = true,
            }, cancel);
        }
        catch (IOException e) when (port != 0)
        {
            throw new StoryException($"The hub cannot listen on port {port}: {e.Message} Give another one with --port.", e);
        }
    }

    // 2
    private async Task<string> SetUpHubAsync(CancellationToken cancel)
    {
        var link = Hub.SetupLink ?? throw new StoryException("The hub printed no set-up link.");
        await HubAsync(HttpMethod.Post, "/api/v1/setup", new JsonObject { ["token"] = link.Segments[^1], ["name"] = "Ann Miller", ["email"] = Administrator, ["password"] = Password }, cancel);
        await HubAsync(HttpMethod.Put, "/api/v1/apps/microsoft_outlook/installed", null, cancel);
        await HubAsync(HttpMethod.Put, "/api/v1/settings/general", new JsonObject { ["customEmailServers"] = true }, cancel);
        await HubAsync(HttpMethod.Put, "/api/v1/system-parameters/mail.default.from", new JsonObject { ["value"] = "notifications" }, cancel);
        await HubAsync(HttpMethod.Put, "/api/v1/system-parameters/mail.catchall.domain", new JsonObject { ["value"] = "meadow.example" }, cancel);
        await HubAsync(HttpMethod.Put, "/api/v1/outlook/credentials", new JsonObject { ["clientId"] = clientId, ["clientSecret"] = secret, ["expiresOn"] = clock.GetUtcNow().AddDays(730).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) }, cancel);
        return $"{Administrator} is the administrator; the secret is sealed. Hub: {Hub.Address}";
    }

    // 3
    private async Task<string> ConnectOutgoingAsync(CancellationToken cancel)
    {
        var server = await HubAsync(HttpMethod.Post, "/api/v1/outgoing-servers", new JsonObject { ["name"] = "Meadow notifications", ["kind"] = "outlook", ["userName"] = Mailbox, ["fromFilter"] = "" }, cancel);
        outgoingServer = Text(server, "id");
        var start = await HubAsync(HttpMethod.Post, $"/api/v1/outgoing-servers/{outgoingServer}/connect", null, cancel);
        var back = await ConsentAsync(new Uri(Text(start, "address")), cancel);
        if (!back.Text.Contains("Outlook Token Valid", StringComparison.Ordinal)) throw new StoryException($"Microsoft sent the browser back to {back.Address}, which does not say Outlook Token Valid. It says: {back.Text}");

        var test = await HubAsync(HttpMethod.Post, $"/api/v1/outgoing-servers/{outgoingServer}/test", null, cancel);
        if (test["succeeded"]?.GetValue<bool>() != true) throw new StoryException($"Test Connection failed: {test["message"]}");
        return "Outlook Token Valid. Connection Test Successful!";
    }

    private async Task<Page> ConsentAsync(Uri authorize, CancellationToken cancel)
    {
        var page = await person.GoAsync(authorize, cancel);
        // What Microsoft asks depends on who is signed in already; each of its questions is answered at most once.
        for (var question = 0; question < 4 && page.Address.Authority == Sandbox.Http.Authority; question++)
        {
            if (page.Has("[name=password]")) page = await person.PressAsync(page, "Sign in", Fields("password", Password), cancel);
            else if (page.Has("input[name=username]")) page = await person.PressAsync(page, "Next", Fields("username", Mailbox), cancel);
            else if (page.Has("[name=consent]")) page = await person.PressAsync(page, "Accept", Fields(), cancel);
            else throw new StoryException($"Microsoft's page at {page.Address} asks for nothing that the story knows. It says: {page.Text}");
        }

        return page;
    }

    // 4
    private async Task<string> ConnectIncomingAsync(CancellationToken cancel)
    {
        var server = await HubAsync(HttpMethod.Post, "/api/v1/incoming-servers", new JsonObject { ["name"] = "Meadow inbox", ["kind"] = "outlook", ["userName"] = Mailbox }, cancel);
        var confirmed = await HubAsync(HttpMethod.Post, $"/api/v1/incoming-servers/{Text(server, "id")}/confirm", null, cancel);
        if (Text(confirmed, "state") != "confirmed") throw new StoryException($"The server is {confirmed["state"]}, not confirmed.");
        return "Confirmed without a second consent: the first one asked for both directions.";
    }

    // 5
    private async Task<string> SendAsync(CancellationToken cancel)
    {
        var picture = RandomNumberGenerator.GetBytes(AttachmentBytes);
        var sent = await HubAsync(HttpMethod.Post, "/api/v1/conversations", new JsonObject
        {
            ["to"] = new JsonArray($"Rósa Łuczak <{Customer}>"),
            ["subject"] = "Ihr Käsekuchen ist fertig 🍰",
            ["text"] = "Grüße aus der Bäckerei! Wann holen Sie ihn ab?",
            ["html"] = "<p>Grüße aus der <b>Bäckerei</b>! Wann holen Sie ihn ab?</p>",
            ["attachments"] = new JsonArray(new JsonObject { ["fileName"] = "Käsekuchen.jpg", ["mediaType"] = "image/jpeg", ["content"] = Convert.ToBase64String(picture) }),
        }, cancel);
        conversation = Text(sent, "conversation");

        arrived = await AwaitAsync("the mail in the customer's mailbox", () => InboxAsync(Customer, cancel), cancel);
        var copy = await AwaitAsync("its copy in Sent Items", () => FirstAsync(Mailbox, "Sent Items", cancel), cancel);
        var written = await person.ReadBytesAsync(new Uri(Hub.Address, $"/api/v1/mails/{await FirstMailAsync(cancel)}/message"), cancel);
        var received = await MessageAsync(Customer, "INBOX", arrived, cancel);
        if (!Same(written, received)) throw new StoryException($"{received.Length} bytes arrived that are not the {written.Length} that were sent.");
        if (!Same(written, await MessageAsync(Mailbox, "Sent Items", copy, cancel))) throw new StoryException("The copy in Sent Items is not what was sent.");
        return string.Create(CultureInfo.InvariantCulture, $"{received.Length:N0} bytes in {Customer}, the same as sent, and in Sent Items. From: {arrived["from"]?[0]}");
    }

    // 6
    private async Task<string> ReceiveAsync(CancellationToken cancel)
    {
        var start = clock.GetTimestamp();
        await person.SendAsync(HttpMethod.Post, new Uri(Sandbox.Http, $"/control/mailboxes/{Customer}/sent"), new JsonObject { ["text"] = "Um drei. Ich freue mich! Rósa", ["answersUid"] = arrived!["uid"]!.DeepClone() }, cancel);
        await AwaitAsync("the answer in the conversation", async () => (await MessagesAsync(cancel)).FirstOrDefault(m => m is not null && Text(m, "direction") == "incoming"), cancel);
        var took = clock.GetElapsedTime(start);
        return string.Create(CultureInfo.InvariantCulture, $"By IMAP IDLE, in the same conversation, {took.TotalSeconds:0.00} s after it was written{(took > TimeSpan.FromSeconds(1) ? ": longer than the second that Postrider aims at" : "")}.");
    }

    private async Task<JsonNode?> InboxAsync(string address, CancellationToken cancel)
    {
        var mailbox = await person.TryReadAsync(new Uri(Sandbox.Http, $"/control/mailboxes/{address}"), cancel);
        return mailbox is null ? null : await FirstAsync(address, "INBOX", cancel);
    }

    private async Task<JsonNode?> FirstAsync(string address, string folderName, CancellationToken cancel) =>
        (await person.TryReadAsync(new Uri(Sandbox.Http, $"/control/mailboxes/{address}/folders/{Uri.EscapeDataString(folderName)}/messages"), cancel))?["messages"]?.AsArray().FirstOrDefault();

    private Task<byte[]> MessageAsync(string address, string folderName, JsonNode message, CancellationToken cancel) =>
        person.ReadBytesAsync(new Uri(Sandbox.Http, $"/control/mailboxes/{address}/folders/{Uri.EscapeDataString(folderName)}/messages/{message["uid"]}"), cancel);

    private async Task<JsonArray> MessagesAsync(CancellationToken cancel) =>
        (await HubAsync(HttpMethod.Get, "/api/v1/conversations/" + conversation, null, cancel))["messages"]!.AsArray();

    private async Task<string> FirstMailAsync(CancellationToken cancel) => Text((await MessagesAsync(cancel))[0]!["delivery"]!, "mail");

    private Task<JsonNode> HubAsync(HttpMethod method, string path, JsonNode? body, CancellationToken cancel) => person.SendAsync(method, new Uri(Hub.Address, path), body, cancel);

    private async Task<JsonNode> AwaitAsync(string what, Func<Task<JsonNode?>> look, CancellationToken cancel)
    {
        var start = clock.GetTimestamp();
        while (clock.GetElapsedTime(start) < Patience)
        {
            if (await look() is { } found) return found;
            await Task.Delay(Look, clock, cancel);
        }

        throw new StoryException(string.Create(CultureInfo.InvariantCulture, $"After {Patience.TotalSeconds:0} seconds {what} is not there."));
    }

    private static bool Same(byte[] one, byte[] other) => one.AsSpan().SequenceEqual(other);

    private static Dictionary<string, string> Fields(params string[] namesAndValues) =>
        namesAndValues.Chunk(2).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);

    private static string Text(JsonNode node, string name) =>
        node[name]?.ToString() ?? throw new StoryException($"The answer has no {name}: {node.ToJsonString()}");
}
