using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Sandbox;
using Postrider.Sandbox.Exchange;

namespace Postrider.Tests.IncomingServers;

public sealed class MailboxWatcherTests
{
    [Fact]
    public async Task An_answer_comes_through_idle_and_stands_in_the_same_conversation()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        await mail.WatchAsync();
        await mail.SendThroughAsync();

        var sent = await mail.Hub.PostAsync<JsonElement>("/api/v1/conversations", new { to = new[] { "Rosa <rosa@outlook.example>" }, subject = "Zimtschnecken – Angebot", text = "Grüße", html = "<p>Grüße</p>", attachments = new[] { new { fileName = "Preise.pdf", mediaType = "application/pdf", content = Convert.ToBase64String(new byte[1_000_000]) } } });
        var conversation = sent.GetProperty("conversation").GetGuid();
        await mail.AwaitAsync($"conversation/{conversation}", () => Task.CompletedTask, async () => (await mail.MessagesAsync(conversation))[0].GetProperty("delivery").GetProperty("state").GetString() == "sent");
        var arrived = Assert.Single(mail.Box(MailboxesUnderTest.Rosa).Inbox.Messages());

        var watch = Stopwatch.StartNew();
        await mail.AwaitAsync($"conversation/{conversation}", () =>
        {
            mail.Sandbox.Transport.Write(mail.Box(MailboxesUnderTest.Rosa), new Letter([new NamedAddress(null, EmailAddress.Parse(MailboxesUnderTest.Notifications))], "Re: Zimtschnecken – Angebot", "Gern!", arrived));
            return Task.CompletedTask;
        }, async () => (await mail.MessagesAsync(conversation)).Length == 2);
        TestContext.Current.TestOutputHelper!.WriteLine($"answer on screen after {watch.ElapsedMilliseconds} ms");

        var answer = (await mail.MessagesAsync(conversation))[1];
        Assert.Equal("incoming", answer.GetProperty("direction").GetString());
        Assert.Equal("Gern!", answer.GetProperty("text").GetString()!.Trim());
        Assert.Single(await mail.ConversationsAsync());
    }

    /// <summary>Three hours, with access tokens of 60 to 90 minutes.</summary>
    [Fact]
    public async Task A_session_begins_anew_before_its_access_token_ends_so_that_none_is_cut()
    {
        var clock = new FakeClock();
        var said = new ConcurrentQueue<string>();
        await using var mail = await MailboxesUnderTest.StartAsync(new TenantOptions { Clock = clock, ImapTranscript = (_, line) => said.Enqueue(line) });
        await mail.WatchAsync();
        for (var began = clock.GetUtcNow(); clock.GetUtcNow() - began < TimeSpan.FromHours(3);)
        {
            // Seconds of the clock for milliseconds of the machine, so that nobody is late who had two minutes.
            clock.Advance(TimeSpan.FromSeconds(20));
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, TestContext.Current.CancellationToken);
        }

        Assert.DoesNotContain(said, line => line.Contains("BYE Session invalidated", StringComparison.Ordinal));
        Assert.InRange(said.Count(line => line.Contains(" AUTHENTICATE XOAUTH2", StringComparison.Ordinal)), 4, 6);
        Assert.Contains(said, line => line.EndsWith(" IDLE", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_refused_message_says_so_in_its_conversation_with_the_reason()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        await mail.SendThroughAsync(defaultFrom: false);
        var sent = await mail.Hub.PostAsync<JsonElement>("/api/v1/conversations", new { to = new[] { MailboxesUnderTest.Rosa }, subject = "Not from here", text = "x" });
        var conversation = sent.GetProperty("conversation").GetGuid();
        await mail.AwaitAsync($"conversation/{conversation}", () => Task.CompletedTask, async () => (await mail.MessagesAsync(conversation))[0].GetProperty("delivery").GetProperty("state").GetString() == "refused");

        var delivery = (await mail.MessagesAsync(conversation))[0].GetProperty("delivery");
        Assert.Equal("smtp-send-as-denied", delivery.GetProperty("problem").GetProperty("code").GetString());
        var page = await mail.Hub.PageAsync($"/conversations/{conversation}");
        Assert.Contains("SendAsDenied", page.QuerySelector("article")!.TextContent, StringComparison.Ordinal);
        Assert.Equal(1, (await mail.Hub.GetAsync<JsonElement>("/api/v1/conversations?filter=failed")).GetProperty("conversations").GetArrayLength());
    }

    [Fact]
    public async Task What_arrives_between_confirming_and_watching_is_not_lost_and_what_was_there_before_stays_out()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        mail.Deliver(MailboxesUnderTest.Notifications, "ann@example.org", "Before");
        var id = await mail.WatchAsync();

        await mail.AwaitAsync("conversation", () =>
        {
            mail.Deliver(MailboxesUnderTest.Notifications, "ann@example.org", "After");
            return Task.CompletedTask;
        }, async () => (await mail.ConversationsAsync()).Length > 0);

        Assert.Equal("After", Assert.Single(await mail.ConversationsAsync()).GetProperty("subject").GetString());
        // Somebody else may read: our reading leaves no trace.
        Assert.All(mail.Box(MailboxesUnderTest.Notifications).Inbox.Messages(), m => Assert.DoesNotContain("\\Seen", m.Flags));
        var fetched = await mail.Hub.PostAsync<JsonElement>($"/api/v1/incoming-servers/{id}/fetch", new { });
        Assert.Equal(0, fetched.GetProperty("taken").GetInt32());
    }

    [Fact]
    public async Task Everything_comes_in_once_and_is_marked_when_so_chosen()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        for (var i = 0; i < 120; i++) mail.Deliver(MailboxesUnderTest.Notifications, $"ann{i}@example.org", $"Old {i}");
        await mail.AwaitAsync("incoming-server", () => mail.WatchAsync(more: new { name = "All", kind = "outlook", userName = MailboxesUnderTest.Notifications, starts = "everything", markSeen = true }),
            () => Task.FromResult(mail.Box(MailboxesUnderTest.Notifications).Inbox.Messages().All(m => m.Flags.Contains("\\Seen"))));

        var listed = (await mail.Hub.GetAsync<JsonElement>("/api/v1/conversations?limit=200")).GetProperty("conversations").EnumerateArray().Select(c => c.GetProperty("subject").GetString()).ToList();
        Assert.Equal(120, listed.Count);
        Assert.Equal(120, listed.Distinct().Count());
    }

    [Fact]
    public async Task A_mailbox_that_is_not_connected_says_why_and_harms_no_other()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        mail.Box("sales@meadow.example").Change(s => s with { ImapEnabled = false });
        var id = await mail.CreateAsync("sales@meadow.example");
        await mail.ConnectAsync($"/api/v1/incoming-servers/{id}", "sales@meadow.example");
        using var refused = await mail.Hub.Browser.PostAsJsonAsync($"/api/v1/incoming-servers/{id}/confirm", new { });

        Assert.Equal(HttpStatusCode.BadGateway, refused.StatusCode);
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("imap-mailbox-not-connected", problem.GetProperty("code").GetString());
        Assert.Contains("User is authenticated but not connected", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Contains("Manage email apps", problem.GetProperty("remedy").GetString(), StringComparison.Ordinal);
        var server = await mail.Hub.GetAsync<JsonElement>($"/api/v1/incoming-servers/{id}");
        Assert.Equal("draft", server.GetProperty("state").GetString());
        using var pressed = await HubUnderTest.SubmitAsync(mail.Hub.Browser, $"/incoming-servers/{id}", "server", ("do", "confirm"));
        var page = await HubUnderTest.ReadPageAsync(pressed);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, pressed.StatusCode);
        Assert.Contains("User is authenticated but not connected", Assert.Single(page.QuerySelectorAll("[data-problem]"), alert => alert.GetAttribute("data-problem") == "imap-mailbox-not-connected").TextContent, StringComparison.Ordinal);
        Assert.Equal("sales@meadow.example", page.QuerySelector("[name=userName]")!.GetAttribute("value"));

        await mail.WatchAsync();
        await mail.AwaitAsync("conversation", () =>
        {
            mail.Deliver(MailboxesUnderTest.Notifications, "ann@example.org", "Healthy");
            return Task.CompletedTask;
        }, async () => (await mail.ConversationsAsync()).Length > 0);
    }

    [Theory]
    [InlineData(false, "server-unreachable")]
    [InlineData(true, "server-certificate-not-trusted")]
    public async Task A_server_that_is_not_there_or_not_trusted_is_named_on_page_and_API_and_nothing_is_confirmed(bool stranger, string code)
    {
        // A hub that was told of no authority: the sandbox's certificate is a stranger's.
        await using var hub = await HubUnderTest.StartAsync();
        await using var sandbox = stranger ? await Postrider.Sandbox.Tenant.StartAsync(new Postrider.Sandbox.TenantOptions(), TestContext.Current.CancellationToken) : null;
        var made = await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = "Other", kind = "imap", userName = "ann", password = "a password", host = "localhost", port = sandbox?.Imap.Port ?? 1 });
        var path = $"/incoming-servers/{made.GetProperty("id").GetGuid()}";
        using var api = await hub.Browser.PostAsJsonAsync($"/api/v1{path}/confirm", new { });
        Assert.Equal((HttpStatusCode.BadGateway, code), (api.StatusCode, (await api.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));

        using var pressed = await HubUnderTest.SubmitAsync(hub.Browser, path, "server", ("do", "confirm"));
        Assert.NotNull((await HubUnderTest.ReadPageAsync(pressed)).QuerySelector($"[data-problem={code}]"));
        Assert.Equal("draft", (await hub.GetAsync<JsonElement>("/api/v1" + path)).GetProperty("state").GetString());
    }

    [Fact]
    public async Task A_mailbox_that_falls_ill_later_is_tried_again_and_misses_nothing()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        var id = await mail.WatchAsync();
        mail.Box(MailboxesUnderTest.Notifications).Change(s => s with { ImapEnabled = false });
        // Taking the consent back and giving it again restarts the watcher, as any change of the server does.
        await mail.AwaitAsync($"incoming-server/{id}", () => mail.ConnectAsync($"/api/v1/incoming-servers/{id}", MailboxesUnderTest.Notifications),
            async () => (await mail.Hub.GetAsync<JsonElement>($"/api/v1/incoming-servers/{id}")).GetProperty("nextTryAt").ValueKind == JsonValueKind.String);
        Assert.Equal("imap-mailbox-not-connected", (await mail.Hub.GetAsync<JsonElement>($"/api/v1/incoming-servers/{id}")).GetProperty("problem").GetProperty("code").GetString());
        // The banner of the incident says what; the server's own page says in which words.
        Assert.Contains((await mail.Hub.PageAsync($"/incoming-servers/{id}")).QuerySelectorAll("[data-problem=imap-mailbox-not-connected]"), ill => ill.TextContent.Contains("User is authenticated but not connected", StringComparison.Ordinal));

        await mail.AwaitAsync("conversation", () =>
        {
            mail.Deliver(MailboxesUnderTest.Notifications, "ann@example.org", "While ill");
            mail.Box(MailboxesUnderTest.Notifications).Change(s => s with { ImapEnabled = true });
            return Task.CompletedTask;
        }, async () => (await mail.ConversationsAsync()).Length > 0);
        Assert.Equal(JsonValueKind.Null, (await mail.Hub.GetAsync<JsonElement>($"/api/v1/incoming-servers/{id}")).GetProperty("problem").ValueKind);
    }

    [Fact]
    public async Task What_came_while_the_hub_was_down_comes_in_after_its_start()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        await mail.WatchAsync();
        await mail.AwaitAsync("conversation", () =>
        {
            mail.Deliver(MailboxesUnderTest.Notifications, "ann@example.org", "First");
            return Task.CompletedTask;
        }, async () => (await mail.ConversationsAsync()).Length == 1);

        await mail.Hub.RestartAsync();
        await mail.AwaitAsync("conversation", () =>
        {
            mail.Deliver(MailboxesUnderTest.Notifications, "ben@example.org", "Second");
            return Task.CompletedTask;
        }, async () => (await mail.ConversationsAsync()).Length == 2);
        Assert.Equal(["First", "Second"], (await mail.ConversationsAsync()).Select(c => c.GetProperty("subject").GetString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_mailbox_that_has_consented_needs_no_second_sign_in()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        await mail.WatchAsync();
        var second = await mail.CreateAsync(MailboxesUnderTest.Notifications, new { name = "Again", kind = "outlook", userName = MailboxesUnderTest.Notifications });

        var page = await mail.Hub.PageAsync($"/incoming-servers/{second}");
        Assert.Contains("Outlook Token Valid", page.QuerySelector("main")!.TextContent, StringComparison.Ordinal);
        var confirmed = await mail.Hub.PostAsync<JsonElement>($"/api/v1/incoming-servers/{second}/confirm", new { });
        Assert.Equal("confirmed", confirmed.GetProperty("state").GetString());
    }
}
