using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Postrider.IncomingMail;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Settings;
using Postrider.Tests.IncomingServers;

namespace Postrider.Tests.IncomingMail;

/// <summary>On the wire: mail comes into a mailbox of the sandbox, and stands, waits or is answered as the aliases say.</summary>
public sealed class RoutingFlowTests
{
    private const string Proved = "Authentication-Results: spf=pass smtp.mailfrom=outlook.example; dmarc=pass action=none header.from=outlook.example\r\n";

    [Fact]
    public async Task Mail_to_an_alias_stands_in_its_inbox_and_what_nobody_takes_waits()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        var inbox = (await mail.Hub.PostAsync<JsonElement>("/api/v1/inboxes", new { name = "Sales" })).GetProperty("id").GetGuid();
        var alias = await mail.Hub.PostAsync<JsonElement>("/api/v1/aliases", new { name = "Büro", domain = "meadow.example", inbox });
        Assert.Equal("buro@meadow.example", alias.GetProperty("address").GetString());
        await mail.WatchAsync(more: new { name = "Box", kind = "outlook", userName = MailboxesUnderTest.Notifications, unrouted = "quarantine" });

        await mail.AwaitAsync("quarantine", () =>
        {
            mail.Deliver(MailboxesUnderTest.Notifications, MailboxesUnderTest.Rosa, "To nobody");
            return Task.CompletedTask;
        }, async () => (await QuarantineAsync(mail)).Length == 1);
        await mail.AwaitAsync("conversation", () =>
        {
            mail.Deliver(MailboxesUnderTest.Notifications, MailboxesUnderTest.Rosa, "To the office", "Cc: Buro@Meadow.example\r\n");
            return Task.CompletedTask;
        }, async () => (await mail.ConversationsAsync()).Length == 1);

        var conversation = (await mail.ConversationsAsync())[0];
        Assert.Equal(("To the office", inbox), (conversation.GetProperty("subject").GetString(), conversation.GetProperty("inbox").GetGuid()));
        var page = await mail.Hub.PageAsync($"/conversations/{conversation.GetProperty("id").GetGuid()}");
        Assert.Contains("buro@meadow.example leads to Sales", page.QuerySelector(".cv-why")!.TextContent, StringComparison.Ordinal);

        // The page: all that waits, chosen and sent to the inbox.
        var held = (await QuarantineAsync(mail))[0];
        Assert.Equal(IncomingMailProblems.NoRoute, held.GetProperty("code").GetString());
        Assert.Contains("To nobody", (await mail.Hub.PageAsync("/quarantine")).QuerySelector("table")!.TextContent, StringComparison.Ordinal);
        var detail = await mail.Hub.PageAsync($"/quarantine/{held.GetProperty("id").GetGuid()}");
        Assert.Contains("Subject: To nobody", detail.QuerySelector(".qm-header")!.TextContent, StringComparison.Ordinal);
        using var nothing = await HubUnderTest.SubmitAsync(mail.Hub.Browser, "/quarantine", "quarantine", ("do", "discard"));
        Assert.Equal(HttpStatusCode.Conflict, nothing.StatusCode);
        using var sent = await HubUnderTest.SubmitAsync(mail.Hub.Browser, "/quarantine", "quarantine", ("id", held.GetProperty("id").GetString()), ("target", inbox.ToString()), ("do", "send"));
        Assert.Equal(HttpStatusCode.Found, sent.StatusCode);
        Assert.Equal(2, (await mail.ConversationsAsync()).Count(c => c.GetProperty("inbox").GetGuid() == inbox));
        Assert.Empty(await QuarantineAsync(mail));

        // The inbox is used, so it stays.
        using var inUse = await mail.Hub.Browser.DeleteAsync($"/api/v1/inboxes/{inbox}");
        Assert.Equal("inbox-in-use", (await inUse.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_refused_sender_is_answered_once_with_the_marks_of_a_machine()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        await mail.SendThroughAsync();
        await AliasAsync(mail, "board", "known-contacts");
        await mail.WatchAsync();
        var rosa = mail.Box(MailboxesUnderTest.Rosa).Inbox;
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        rosa.Changed += () => answered.TrySetResult();
        foreach (var subject in (string[])["One", "Two"])
            await mail.AwaitAsync("quarantine", () =>
            {
                mail.Deliver(MailboxesUnderTest.Notifications, MailboxesUnderTest.Rosa, subject, "Cc: board@meadow.example\r\n" + Proved);
                return Task.CompletedTask;
            }, async () => (await QuarantineAsync(mail)).Any(q => q.GetProperty("subject").GetString() == subject));
        await answered.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        await mail.Hub.Service<Refusals>().TellAllAsync(TestContext.Current.CancellationToken);

        var answer = MimeMessage.Read(Assert.Single(rosa.Messages()).Bytes);
        Assert.Equal("auto-replied", answer.Header("Auto-Submitted"));
        Assert.Equal("All", answer.Header("X-Auto-Response-Suppress"));
        Assert.Contains(RouteDecision.LoopTag, answer.MessageId, StringComparison.Ordinal);
        Assert.Contains("board@meadow.example", answer.TextBody, StringComparison.Ordinal);
        Assert.DoesNotContain("hello", answer.TextBody, StringComparison.Ordinal);

        // What answers it waits, and is not answered in turn.
        await mail.AwaitAsync("quarantine", () =>
        {
            mail.Deliver(MailboxesUnderTest.Notifications, MailboxesUnderTest.Rosa, "Re: refused", $"In-Reply-To: <{answer.MessageId}>\r\n" + Proved);
            return Task.CompletedTask;
        }, async () => (await QuarantineAsync(mail)).Any(q => q.GetProperty("code").GetString() == IncomingMailProblems.Loop));
        await mail.Hub.Service<Refusals>().TellAllAsync(TestContext.Current.CancellationToken);
        Assert.Single(rosa.Messages());
    }

    [Fact]
    public async Task An_automatic_answer_leaves_with_the_null_sender_where_the_server_lets_it()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Plain", kind = "smtp", host = "127.0.0.1", port = 9, security = "none", fromFilter = "hub.example" });
        var put = await hub.Service<Postrider.OutgoingMail.Outbox>().PutAsync(
            new Postrider.OutgoingMail.OutgoingMessage { From = new("Mail Delivery System", EmailAddress.Parse("bounce@hub.example")), To = [new(null, EmailAddress.Parse("ann@x.example"))], Subject = "Not accepted", Text = "x", AnswersByItself = true }, null, TestContext.Current.CancellationToken);
        Assert.Null(put.Problem);
        Assert.Equal("", (await hub.GetAsync<JsonElement>($"/api/v1/mails/{put.Id!.Value.Value}")).GetProperty("envelopeFrom").GetString());
    }

    [Fact]
    public async Task An_answer_comes_home_by_its_signed_address_alone()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        Assert.Null(await mail.Hub.Service<SystemParameters>().SetAsync(KnownParameter.ReplyPlusAddressing, "True", null));
        await mail.SendThroughAsync();
        await mail.WatchAsync();
        var rosa = mail.Box(MailboxesUnderTest.Rosa).Inbox;
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        rosa.Changed += () => arrived.TrySetResult();
        var conversation = (await mail.Hub.PostAsync<JsonElement>("/api/v1/conversations", new { to = new[] { MailboxesUnderTest.Rosa }, subject = "Offer", text = "Hello" })).GetProperty("conversation").GetGuid();
        await arrived.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

        var sent = MimeMessage.Read(rosa.Messages()[0].Bytes);
        var signed = Assert.Single(sent.ReplyTo).Address;
        Assert.StartsWith("notifications+", signed.LocalPart, StringComparison.Ordinal);
        // Whatever a server makes of the Message-ID, the answer repeats this.
        Assert.Equal(sent.MessageId, sent.References[^1]);

        // From another address of hers, without any reference.
        await mail.AwaitAsync($"conversation/{conversation}", () =>
        {
            mail.Sandbox.Transport.Deliver(mail.Box(MailboxesUnderTest.Notifications), Encoding.ASCII.GetBytes($"From: rosa@private.example\r\nTo: {signed}\r\nSubject: Yes\r\nMessage-ID: <1@private.example>\r\n\r\nplease\r\n"));
            return Task.CompletedTask;
        }, async () => (await mail.MessagesAsync(conversation)).Length == 2);

        // The same address in other hands, and an altered one: conversations of their own.
        var altered = signed.ToString().Replace("notifications+", "notifications+a", StringComparison.Ordinal).Remove("notifications+a".Length, 1);
        foreach (var (from, to, n) in new[] { ("mallory@y.example", signed.ToString(), 2), ("eve@y.example", altered, 3) })
            await mail.AwaitAsync("conversation", () =>
            {
                mail.Sandbox.Transport.Deliver(mail.Box(MailboxesUnderTest.Notifications), Encoding.ASCII.GetBytes($"From: {from}\r\nTo: {to}\r\nSubject: Me too\r\nMessage-ID: <{n}@y.example>\r\n\r\nhi\r\n"));
                return Task.CompletedTask;
            }, async () => (await mail.ConversationsAsync()).Length == n);
        Assert.Equal(2, (await mail.MessagesAsync(conversation)).Length);
    }

    [Fact]
    public async Task Aliases_and_inboxes_are_made_changed_and_refused_on_their_pages()
    {
        await using var hub = await HubUnderTest.StartAsync();
        Assert.Contains("Make an inbox first", (await hub.PageAsync("/aliases/new")).Body!.TextContent, StringComparison.Ordinal);
        using var made = await HubUnderTest.SubmitAsync(hub.Browser, "/inboxes", "new-inbox", ("name", " Sales "));
        Assert.Equal("/inboxes", made.Headers.Location!.AbsolutePath);
        using var taken = await HubUnderTest.SubmitAsync(hub.Browser, "/inboxes", "new-inbox", ("name", "sales"));
        Assert.Equal(HttpStatusCode.Conflict, taken.StatusCode);
        var inbox = (await hub.GetAsync<JsonElement[]>("/api/v1/inboxes"))[0].GetProperty("id").GetGuid();

        using var alias = await HubUnderTest.SubmitAsync(hub.Browser, "/aliases/new", "alias", ("name", "Offers@Example.com"), ("rule", "followers"));
        Assert.Equal("/aliases", alias.Headers.Location!.AbsolutePath);
        Assert.Contains("offers@example.com", (await hub.PageAsync("/aliases")).QuerySelector("table")!.TextContent, StringComparison.Ordinal);
        using var again = await HubUnderTest.SubmitAsync(hub.Browser, "/aliases/new", "alias", ("name", "offers"), ("domain", "example.com"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, again.StatusCode);
        using var refused = await hub.Browser.PostAsJsonAsync("/api/v1/aliases", new { name = "offers", domain = "EXAMPLE.com", inbox });
        Assert.Equal((HttpStatusCode.Conflict, "alias-taken"), (refused.StatusCode, (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));
        using var invalid = await hub.Browser.PostAsJsonAsync("/api/v1/aliases", new { name = "", domain = "x", inbox });
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "alias-invalid"), (invalid.StatusCode, (await invalid.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));

        var id = (await hub.GetAsync<JsonElement[]>("/api/v1/aliases"))[0].GetProperty("id").GetGuid();
        using var archived = await HubUnderTest.SubmitAsync(hub.Browser, $"/aliases/{id}", "alias", ("active", null));
        Assert.Equal(HttpStatusCode.Found, archived.StatusCode);
        Assert.False((await hub.GetAsync<JsonElement>($"/api/v1/aliases/{id}")).GetProperty("active").GetBoolean());
        using var renamed = await HubUnderTest.SubmitAsync(hub.Browser, "/inboxes", $"inbox-{inbox:N}", ("name", "Bids"), ("do", "rename"));
        Assert.Equal(HttpStatusCode.Found, renamed.StatusCode);
        Assert.Equal("Bids", (await hub.GetAsync<JsonElement>($"/api/v1/aliases/{id}")).GetProperty("inboxName").GetString());
        using var deleted = await HubUnderTest.SubmitAsync(hub.Browser, $"/aliases/{id}", "alias", ("do", "delete"));
        Assert.Equal(HttpStatusCode.Found, deleted.StatusCode);
        using var gone = await hub.Browser.DeleteAsync($"/api/v1/inboxes/{inbox}");
        Assert.Equal(HttpStatusCode.NoContent, gone.StatusCode);

        var user = await hub.OpenBrowserOfUserAsync();
        using var forbidden = await user.GetAsync("/api/v1/aliases");
        Assert.Equal(HttpStatusCode.Forbidden, forbidden.StatusCode);
        using var seen = await user.GetAsync("/api/v1/inboxes");
        Assert.Equal(HttpStatusCode.OK, seen.StatusCode);
    }

    [Theory]
    [InlineData("mail.catchall.alias", "Sales")]
    [InlineData("mail.bounce.alias", "sales")]
    [InlineData("mail.catchall.alias", "anywhere")]
    public async Task One_address_is_never_an_alias_and_an_address_of_the_hub_whichever_came_first(string key, string value)
    {
        await using var hub = await HubUnderTest.StartAsync();
        var inbox = (await hub.PostAsync<JsonElement>("/api/v1/inboxes", new { name = "Sales" })).GetProperty("id").GetGuid();
        async Task<string?> SetAsync(string parameter, string text)
        {
            using var answer = await hub.Browser.PutAsJsonAsync($"/api/v1/system-parameters/{parameter}", new { value = text });
            return answer.IsSuccessStatusCode ? null : (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString();
        }

        Assert.Null(await SetAsync("mail.catchall.domain", "hub.example"));
        var alias = (await hub.PostAsync<JsonElement>("/api/v1/aliases", new { name = value, domain = value == "anywhere" ? null : "Hub.example", inbox })).GetProperty("id").GetGuid();
        Assert.Equal("parameter-address-is-alias", await SetAsync(key, value));
        using (var page = await HubUnderTest.SubmitAsync(hub.Browser, "/settings/system-parameters/new", "parameter", ("key", key), ("value", value)))
            Assert.NotNull((await HubUnderTest.ReadPageAsync(page)).QuerySelector("[data-problem=parameter-address-is-alias]"));
        Assert.Null(hub.Service<SystemParameters>().Get(key));

        // Nor by the domain, which makes the address of the name; on another domain it is another address.
        if (value != "anywhere")
        {
            Assert.Null(await SetAsync("mail.catchall.domain", "other.example"));
            Assert.Null(await SetAsync(key, value));
            Assert.Equal("parameter-address-is-alias", await SetAsync("mail.catchall.domain", "hub.example"));
            Assert.Null(await SetAsync(key, ""));
            Assert.Null(await SetAsync("mail.catchall.domain", "hub.example"));
        }

        // The other direction.
        using (var gone = await hub.Browser.DeleteAsync($"/api/v1/aliases/{alias}")) Assert.Equal(HttpStatusCode.NoContent, gone.StatusCode);
        Assert.Null(await SetAsync(key, value));
        foreach (var domain in new[] { "hub.example", null })
        {
            using var refused = await hub.Browser.PostAsJsonAsync("/api/v1/aliases", new { name = value, domain, inbox });
            var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal("alias-invalid", problem.GetProperty("code").GetString());
            Assert.Contains(key, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
        await hub.PostAsync<JsonElement>("/api/v1/aliases", new { name = value, domain = "third.example", inbox });
    }

    [Fact]
    public async Task Quarantine_is_emptied_and_filled_again_through_the_api()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var nobody = Encoding.ASCII.GetBytes("Subject: nobody\r\n\r\nhello\r\n");
        await hub.Service<Intake>().TakeAsync([.. Enumerable.Range(1, 3).Select(n => new ArrivedMail(Guid.CreateVersion7(), "INBOX", 1, (uint)n, null, nobody))], _ => { }, TestContext.Current.CancellationToken);
        var ids = (await WaitingAsync()).Select(m => m.GetProperty("id").GetGuid()).ToList();
        Assert.Equal(3, ids.Count);
        var inbox = (await hub.PostAsync<JsonElement>("/api/v1/inboxes", new { name = "Sales" })).GetProperty("id").GetGuid();

        Assert.Equal((2, 0), Counts(await hub.PostAsync<JsonElement>("/api/v1/quarantine", new { @do = "discard", ids = ids.Take(2) })));
        Assert.Equal(ids[2], Assert.Single(await WaitingAsync()).GetProperty("id").GetGuid());
        Assert.Equal(2, (await WaitingAsync("?state=discarded")).Length);
        // One of them is back already: it is told, and the other is taken back all the same.
        using (var one = await hub.Browser.PostAsJsonAsync($"/api/v1/quarantine/{ids[0]}/restore", new { })) Assert.Equal(HttpStatusCode.NoContent, one.StatusCode);
        var again = await hub.PostAsync<JsonElement>("/api/v1/quarantine", new { @do = "restore", ids = ids.Take(2) });
        Assert.Equal(((1, 1), "incoming-mail-not-waiting"), (Counts(again), again.GetProperty("problem").GetProperty("code").GetString()));
        Assert.Equal((3, 0), Counts(await hub.PostAsync<JsonElement>("/api/v1/quarantine", new { @do = "send", ids, inbox })));
        Assert.Equal(3, (await hub.GetAsync<JsonElement>("/api/v1/conversations")).GetProperty("conversations").EnumerateArray().Count(c => c.GetProperty("inbox").GetGuid() == inbox));

        foreach (var (path, body, status) in new (string, object, HttpStatusCode)[]
        {
            ("", new { @do = "discard", ids = Array.Empty<Guid>() }, HttpStatusCode.BadRequest), ("", new { @do = "burn", ids }, HttpStatusCode.BadRequest),
            ($"/{ids[0]}/discard", new { }, HttpStatusCode.Conflict), ($"/{Guid.NewGuid()}/send", new { }, HttpStatusCode.NotFound),
        })
        {
            using var refused = await hub.Browser.PostAsJsonAsync("/api/v1/quarantine" + path, body);
            Assert.Equal((path, status), (path, refused.StatusCode));
        }

        // A server delivers to an inbox that there is.
        var server = await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = "Box", kind = "imap", userName = "box", host = "imap.hub.example", defaultInbox = inbox });
        Assert.Equal(("conversation", inbox), (server.GetProperty("unrouted").GetString(), server.GetProperty("defaultInbox").GetGuid()));
        using var gone = await hub.Browser.PostAsJsonAsync("/api/v1/incoming-servers", new { name = "Box", kind = "imap", userName = "box", host = "imap.hub.example", defaultInbox = Guid.NewGuid() });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, gone.StatusCode);
        using var used = await hub.Browser.DeleteAsync($"/api/v1/inboxes/{inbox}");
        Assert.Contains("Box", (await used.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString(), StringComparison.Ordinal);

        async Task<JsonElement[]> WaitingAsync(string query = "") => [.. (await hub.GetAsync<JsonElement>("/api/v1/quarantine" + query)).GetProperty("messages").EnumerateArray()];

        static (int Done, int NotDone) Counts(JsonElement answer) => (answer.GetProperty("done").GetInt32(), answer.GetProperty("notDone").GetInt32());
    }

    private static async Task AliasAsync(MailboxesUnderTest mail, string name, string rule)
    {
        var inbox = (await mail.Hub.PostAsync<JsonElement>("/api/v1/inboxes", new { name })).GetProperty("id").GetGuid();
        await mail.Hub.PostAsync<JsonElement>("/api/v1/aliases", new { name, domain = "meadow.example", inbox, rule });
    }

    private static async Task<JsonElement[]> QuarantineAsync(MailboxesUnderTest mail) => [.. (await mail.Hub.GetAsync<JsonElement>("/api/v1/quarantine")).GetProperty("messages").EnumerateArray()];
}
