using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Conversations;
using Postrider.Mail;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Tests.Conversations;

public sealed class SharedInboxTests
{
    private const string Order = "From: Ann <ann@example.org>\r\nTo: sales@hub.example\r\nSubject: Order\r\nMessage-ID: <o1@example.org>\r\n\r\nhello\r\n";

    [Fact]
    public async Task A_closed_conversation_leaves_the_open_ones_and_a_new_message_opens_it_again()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        await DoAsync(hub.Browser, HttpMethod.Post, $"/api/v1/conversations/{id}/close");
        Assert.Empty(await ListAsync(hub.Browser, ""));
        Assert.Equal([id], await ListAsync(hub.Browser, "?state=closed"));
        Assert.Equal([id], await ListAsync(hub.Browser, "?state=all"));

        await Mails.TakeAsync(hub, "From: ann@example.org\r\nTo: sales@hub.example\r\nSubject: Re: Order\r\nMessage-ID: <o2@example.org>\r\nIn-Reply-To: <o1@example.org>\r\n\r\nand two more\r\n");
        Assert.Equal([id], await ListAsync(hub.Browser, ""));
        var acts = (await hub.GetAsync<JsonElement>($"/api/v1/conversations/{id}")).GetProperty("acts").EnumerateArray().Select(a => (a.GetProperty("kind").GetString(), a.GetProperty("by").ValueKind)).ToList();
        Assert.Equal([("closed", JsonValueKind.Object), ("reopened", JsonValueKind.Null)], acts);
        Assert.Contains("Reopened because a message came in", (await hub.PageAsync($"/conversations/{id}")).QuerySelector("#thread")!.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Assigned_to_somebody_it_is_theirs_and_they_are_told()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        var uma = await hub.OpenBrowserOfUserAsync();
        var umaId = (await hub.GetAsync<JsonElement>("/api/v1/users")).GetProperty("users").EnumerateArray().Single(u => u.GetProperty("name").GetString() == "Uma User").GetProperty("id").GetGuid();
        Assert.Equal(0, await ToldAsync(uma));

        using var assigned = await HubUnderTest.SubmitAsync(hub.Browser, $"/conversations/{id}", "desk", ("deed", "assign"), ("person", umaId.ToString()));
        Assert.Equal(HttpStatusCode.Found, assigned.StatusCode);

        Assert.Equal([id], await ListAsync(uma, "?assigned=me"));
        Assert.Empty(await ListAsync(hub.Browser, "?assigned=me"));
        Assert.Empty(await ListAsync(hub.Browser, "?assigned=nobody"));
        Assert.Equal([id], await ListAsync(hub.Browser, $"?assigned={umaId}"));
        Assert.Equal(1, await ToldAsync(uma));
        Assert.Equal(0, await ToldAsync(hub.Browser));
        Assert.Equal("1", (await hub.PageAsync("/preferences", uma)).QuerySelector(".cv-bell-count")!.TextContent.Trim());
        Assert.Contains("Ada Admin assigned the conversation to Uma User", (await hub.PageAsync($"/conversations/{id}", uma)).QuerySelector("#thread")!.TextContent, StringComparison.Ordinal);
        await DoAsync(uma, HttpMethod.Post, $"/api/v1/conversations/{id}/seen");
        Assert.Equal(0, await ToldAsync(uma));
        Assert.Null((await hub.PageAsync("/preferences", uma)).QuerySelector(".cv-bell-count"));
    }

    [Fact]
    public async Task Moved_to_an_inbox_it_is_listed_there()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        var sales = (await hub.PostAsync<JsonElement>("/api/v1/inboxes", new { name = "Sales" })).GetProperty("id").GetGuid();
        Assert.Equal([id], await ListAsync(hub.Browser, "?inbox=none"));
        Assert.Empty(await ListAsync(hub.Browser, $"?inbox={sales}"));

        using var moved = await HubUnderTest.SubmitAsync(hub.Browser, $"/conversations/{id}", "desk", ("deed", "move"), ("inbox", sales.ToString()));
        Assert.Equal(HttpStatusCode.Found, moved.StatusCode);
        Assert.Equal([id], await ListAsync(hub.Browser, $"?inbox={sales}"));
        Assert.Empty(await ListAsync(hub.Browser, "?inbox=none"));
        Assert.Contains("Ada Admin moved the conversation to Sales", (await hub.PageAsync($"/conversations/{id}")).QuerySelector("#thread")!.TextContent, StringComparison.Ordinal);
        Assert.Contains("Sales", (await hub.PageAsync("/conversations")).QuerySelector(".cv-list")!.TextContent, StringComparison.Ordinal);

        using var unknown = await hub.Browser.PutAsJsonAsync($"/api/v1/conversations/{id}/inbox", new { inbox = Guid.NewGuid() }, TestContext.Current.CancellationToken);
        Assert.Contains("inbox-not-found", await unknown.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        using var taken = await hub.Browser.PutAsJsonAsync($"/api/v1/conversations/{id}/inbox", new { inbox = (Guid?)null }, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, taken.StatusCode);
        Assert.Equal([id], await ListAsync(hub.Browser, "?inbox=none"));
        using var nonsense = await hub.Browser.GetAsync("/api/v1/conversations?inbox=sales", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, nonsense.StatusCode);
    }

    [Fact]
    public async Task A_follower_is_told_until_following_ends()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        await DoAsync(hub.Browser, HttpMethod.Put, $"/api/v1/conversations/{id}/follower");
        Assert.Equal(1, await ToldAsync(hub.Browser));
        Assert.Equal([id], await ListAsync(hub.Browser, "?filter=following"));
        Assert.Equal([id], await ListAsync(hub.Browser, "?filter=told"));
        Assert.Contains("Order", (await hub.PageAsync("/conversations/bell")).QuerySelector("main")!.TextContent, StringComparison.Ordinal);
        await DoAsync(hub.Browser, HttpMethod.Delete, $"/api/v1/conversations/{id}/follower");
        Assert.Equal(0, await ToldAsync(hub.Browser));
        Assert.Empty(await ListAsync(hub.Browser, "?filter=following"));
    }

    [Fact]
    public async Task What_a_follower_answers_by_mail_joins_the_conversation()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var inbox = (await hub.PostAsync<JsonElement>("/api/v1/inboxes", new { name = "Sales" })).GetProperty("id").GetGuid();
        var id = await Mails.TakeAsync(hub, Order);
        var uma = await hub.OpenBrowserOfUserAsync();
        await hub.PostAsync<JsonElement>("/api/v1/aliases", new { name = "sales", domain = "hub.example", inbox, rule = "followers" });

        // She neither takes part nor follows: something new.
        Assert.NotEqual(id, await Mails.TakeAsync(hub, Answer("u1")));
        await DoAsync(uma, HttpMethod.Put, $"/api/v1/conversations/{id}/follower");
        Assert.Equal(id, await Mails.TakeAsync(hub, Answer("u2")));
        // A participant now, by what she wrote; the mail of a stranger with the same knowledge still waits in quarantine.
        Assert.Equal(2, (await hub.GetAsync<JsonElement>($"/api/v1/conversations/{id}")).GetProperty("messages").GetArrayLength());
        await Mails.TakeAsync(hub, Answer("u3").Replace("uma@hub.example", "mallory@example.net", StringComparison.Ordinal));
        Assert.Equal(2, (await hub.GetAsync<JsonElement>($"/api/v1/conversations/{id}")).GetProperty("messages").GetArrayLength());
        Assert.Single((await hub.GetAsync<JsonElement>("/api/v1/quarantine")).GetProperty("messages").EnumerateArray());

        static string Answer(string message) => $"From: Uma <uma@hub.example>\r\nTo: sales@hub.example\r\nSubject: Re: Order\r\nMessage-ID: <{message}@hub.example>\r\nIn-Reply-To: <o1@example.org>\r\n\r\nI know this one: {message}\r\n";
    }

    [Fact]
    public async Task A_note_is_seen_by_colleagues_found_by_search_and_in_no_mail()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Dead end", kind = "smtp", host = "localhost", port = 1, fromFilter = "hub.example" });
        var id = await Mails.TakeAsync(hub, Order);
        var uma = await hub.OpenBrowserOfUserAsync();
        await DoAsync(uma, HttpMethod.Post, $"/api/v1/conversations/{id}/seen");
        using var noted = await HubUnderTest.SubmitAsync(hub.Browser, $"/conversations/{id}", "note", ("note", "She never pays, <b>watch</b> out: zanzibar"));
        Assert.Equal(HttpStatusCode.Found, noted.StatusCode);

        // New to the colleague, not to its writer.
        Assert.Equal(1, (await uma.GetFromJsonAsync<JsonElement>("/api/v1/conversations")).GetProperty("conversations")[0].GetProperty("unread").GetInt32());
        var page = await hub.PageAsync($"/conversations/{id}", uma);
        Assert.Equal("She never pays, <b>watch</b> out: zanzibar", page.QuerySelector("#thread .cv-note .cv-note-text")!.TextContent);
        Assert.Single((await hub.GetAsync<JsonElement>("/api/v1/conversations/search?q=zanzibar")).GetProperty("found").EnumerateArray());

        // Nothing was put; and an answer, quoting all it can, does not hold the note.
        Assert.Equal(0L, await hub.Service<HubDatabase>().ReadAsync(r => r.Scalar<long>("select count(*) from outbox_mail")));
        await hub.PostAsync<JsonElement>($"/api/v1/conversations/{id}/messages", new { to = new[] { "ann@example.org" }, text = "Thank you.", quote = true });
        var mail = (await hub.GetAsync<JsonElement>($"/api/v1/conversations/{id}")).GetProperty("messages").EnumerateArray().Last().GetProperty("delivery").GetProperty("mail").GetGuid();
        var wire = await hub.Browser.GetStringAsync($"/api/v1/mails/{mail}/message");
        Assert.Contains("> hello", Postrider.Mail.Mime.MimeMessage.Read(System.Text.Encoding.UTF8.GetBytes(wire)).TextBody, StringComparison.Ordinal);
        Assert.DoesNotContain("zanzibar", wire, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(1L, await hub.Service<HubDatabase>().ReadAsync(r => r.Scalar<long>("select count(*) from outbox_mail")));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    public async Task A_note_without_words_is_refused(string? text)
    {
        await using var hub = await HubUnderTest.StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        foreach (var words in new[] { text, new string('x', ConversationStore.MaxNoteChars + 1) })
        {
            using var answer = await hub.Browser.PostAsJsonAsync($"/api/v1/conversations/{id}/notes", new { text = words });
            Assert.Equal((HttpStatusCode.BadRequest, "note-unusable"), (answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));
        }
        Assert.Empty((await hub.GetAsync<JsonElement>($"/api/v1/conversations/{id}")).GetProperty("acts").EnumerateArray());
    }

    [Fact]
    public async Task Several_are_read_assigned_and_closed_at_once_from_the_list()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var ids = new List<Guid>();
        for (var i = 0; i < 3; i++) ids.Add(await Mails.TakeAsync(hub, $"From: ann@example.org\r\nSubject: Order {i}\r\nMessage-ID: <b{i}@example.org>\r\n\r\nhello\r\n"));
        var me = (await hub.GetAsync<JsonElement>("/api/v1/session")).GetProperty("id").GetGuid();

        await BulkAsync(hub, "read", ids[..2]);
        Assert.Equal([ids[2]], await ListAsync(hub.Browser, "?filter=unread"));
        await BulkAsync(hub, "unread", ids[..1]);
        Assert.Equal([ids[2], ids[0]], await ListAsync(hub.Browser, "?filter=unread"));
        await BulkAsync(hub, "assign", ids[1..], ("person", me.ToString()));
        Assert.Equal([ids[2], ids[1]], await ListAsync(hub.Browser, "?assigned=me"));
        Assert.Equal([ids[1], ids[2]], await ListAsync(hub.Browser, "?assigned=me&sort=oldest"));
        await BulkAsync(hub, "close", ids);
        Assert.Empty(await ListAsync(hub.Browser, ""));

        using var strange = await hub.Browser.PostAsJsonAsync("/api/v1/conversations/bulk", new { conversations = ids, deed = "assign", person = Guid.NewGuid() });
        Assert.Equal(HttpStatusCode.NotFound, strange.StatusCode);
        using var gone = await hub.Browser.PostAsJsonAsync("/api/v1/conversations/bulk", new { conversations = new[] { Guid.NewGuid() }, deed = "close" });
        Assert.Equal(0, (await gone.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("done").GetInt32());
    }

    [Fact]
    public async Task Counts_pages_and_filters_stand_in_the_address()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var store = hub.Service<ConversationStore>();
        await hub.Service<HubDatabase>().WriteAsync(tx => { for (var i = 0; i < 60; i++) store.Add(tx, store.Start(tx, $"Order {i}"), Mails.Message($"Order {i}", "bread")); });

        var first = await hub.PageAsync("/conversations?filter=unread");
        Assert.Equal(50, first.QuerySelectorAll(".cv-row").Length);
        Assert.Equal("60", first.QuerySelector(".cv-places b")!.TextContent);
        var second = await hub.PageAsync(first.QuerySelector(".pr-pager a")!.GetAttribute("href")!);
        Assert.Equal(10, second.QuerySelectorAll(".cv-row").Length);
        Assert.DoesNotContain(second.QuerySelectorAll(".cv-row a").Select(a => a.GetAttribute("href")), first.QuerySelectorAll(".cv-row a").Select(a => a.GetAttribute("href")).Contains);
        using var unknown = await hub.Browser.GetAsync("/api/v1/conversations?state=strange");
        Assert.Equal(HttpStatusCode.BadRequest, unknown.StatusCode);
        Assert.Equal(50, (await hub.PageAsync("/conversations?state=strange&assigned=%22%3E")).QuerySelectorAll(".cv-row").Length);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("Auto-Submitted: auto-replied\r\n", false)]
    public async Task A_user_who_writes_by_mail_follows_as_one_who_writes_here(string headers, bool follows)
    {
        await using var hub = await HubUnderTest.StartAsync();
        await hub.OpenBrowserOfUserAsync();
        var id = await Mails.TakeAsync(hub, $"From: Uma <UMA@hub.example>\r\nTo: sales@hub.example\r\nSubject: From my phone\r\n{headers}\r\nhello\r\n");
        var thread = await hub.GetAsync<JsonElement>($"/api/v1/conversations/{id}");
        Assert.Equal(follows ? ["Uma User"] : [], thread.GetProperty("followers").EnumerateArray().Select(who => who.GetProperty("name").GetString()!));
    }

    [Fact]
    public async Task Who_has_read_a_message_is_shown()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        var uma = await hub.OpenBrowserOfUserAsync();
        Assert.Null((await hub.PageAsync($"/conversations/{id}")).QuerySelector(".cv-read"));
        await DoAsync(uma, HttpMethod.Post, $"/api/v1/conversations/{id}/seen");
        Assert.Contains("Read by Uma User", (await hub.PageAsync($"/conversations/{id}")).QuerySelector(".cv-read")!.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_to_all_leaves_out_ourselves()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var id = await Mails.TakeAsync(hub, $"From: Ann <ann@example.org>\r\nTo: {HubUnderTest.AdministratorEmail}, Ben <ben@example.org>\r\nCc: Eve <eve@example.org>, ANN@example.org\r\nSubject: Order\r\n\r\nhello\r\n");
        var one = await hub.PageAsync($"/conversations/{id}");
        Assert.Equal(("\"Ann\" <ann@example.org>", ""), (Value(one, "to"), Value(one, "cc")));
        var all = await hub.PageAsync($"/conversations/{id}?to=all");
        Assert.Equal(("\"Ann\" <ann@example.org>", "\"Ben\" <ben@example.org>, \"Eve\" <eve@example.org>"), (Value(all, "to"), Value(all, "cc")));

        static string Value(AngleSharp.Html.Dom.IHtmlDocument page, string name) => ((AngleSharp.Html.Dom.IHtmlInputElement)page.QuerySelector($"#answer [name={name}]")!).Value;
    }

    [Fact]
    public async Task An_answer_to_all_leaves_out_every_address_of_the_hub()
    {
        await using var hub = await HubUnderTest.StartAsync();
        foreach (var (key, value) in new[] { ("mail.catchall.domain", "hub.example"), ("mail.catchall.alias", "catchall"), ("mail.bounce.alias", "bounce"), ("mail.default.from", "notifications") })
            Assert.Null(await hub.Service<SystemParameters>().SetAsync(key, value, null, TestContext.Current.CancellationToken));
        var inbox = (await hub.PostAsync<JsonElement>("/api/v1/inboxes", new { name = "Sales" })).GetProperty("id").GetGuid();
        await hub.PostAsync<JsonElement>("/api/v1/aliases", new { name = "office", domain = "second.example", inbox });
        await hub.PostAsync<JsonElement>("/api/v1/aliases", new { name = "sales", inbox });
        const string Ours = "sales@hub.example, Office@second.example, office+7@second.example, catchall+abc@hub.example, notifications@hub.example";

        // Somebody else's sales@ is not ours.
        var id = await Mails.TakeAsync(hub, $"From: Ann <ann@example.org>\r\nTo: {Ours}\r\nCc: eve@example.org, bounce@hub.example, sales@example.org\r\nSubject: One\r\n\r\nhello\r\n");
        Assert.Equal(("\"Ann\" <ann@example.org>", "eve@example.org, sales@example.org"), Fields(await hub.PageAsync($"/conversations/{id}?to=all")));

        var alone = await Mails.TakeAsync(hub, $"From: Ann <ann@example.org>\r\nTo: {Ours}\r\nSubject: Two\r\n\r\nhello\r\n");
        var page = await hub.PageAsync($"/conversations/{alone}?to=all");
        Assert.Equal(("\"Ann\" <ann@example.org>", ""), Fields(page));
        Assert.DoesNotContain(page.QuerySelectorAll("main a"), link => link.GetAttribute("href")!.EndsWith("?to=all#answer", StringComparison.Ordinal));

        static (string To, string Cc) Fields(AngleSharp.Html.Dom.IHtmlDocument page) => (Value(page, "to"), Value(page, "cc"));
        static string Value(AngleSharp.Html.Dom.IHtmlDocument page, string name) => ((AngleSharp.Html.Dom.IHtmlInputElement)page.QuerySelector($"#answer [name={name}]")!).Value;
    }

    [Fact]
    public async Task Mailboxes_that_the_hub_reads_are_its_own()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var id = new ConversationId(await Mails.TakeAsync(hub, "From: Ann <ann@example.org>\r\nTo: Orders@box.example\r\nCc: eve@example.org\r\nSubject: One\r\n\r\nhello\r\n"));
        var thread = (await hub.Service<ConversationReading>().ThreadAsync(id, new Viewer(Guid.NewGuid(), "Cy", "cy@hub.example", true, false), TestContext.Current.CancellationToken))!;
        Assert.Equal("Orders@box.example, eve@example.org", Cc(thread.Own));

        var book = new HubAddressBook(hub.Service<ConversationStore>(), hub.Service<InboxStore>(), hub.Service<SystemParameters>(), [new Owner("orders@box.example")]);
        Assert.Equal("eve@example.org", Cc(await hub.Service<HubDatabase>().ReadAsync(r => book.Of(r, id))));

        string Cc(HubAddresses own) => Correspondence.StartOfAnswer(thread.Conversation, thread.Messages, toAll: true, own, TimeZoneInfo.Utc).Cc;
    }

    private sealed class Owner(string address) : IOwnMailboxes
    {
        public IEnumerable<EmailAddress> Mailboxes(HubReader reader) => [EmailAddress.Parse(address)];
    }

    [Fact]
    public async Task Contacts_come_from_messages_and_a_name_given_by_hand_stays()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        var contact = Assert.Single((await hub.GetAsync<JsonElement>("/api/v1/contacts?search=ann%20EXAMPLE")).GetProperty("contacts").EnumerateArray()).GetProperty("id").GetGuid();
        Assert.Empty((await hub.GetAsync<JsonElement>("/api/v1/contacts?search=100%25")).GetProperty("contacts").EnumerateArray());
        Assert.Contains("Order", (await hub.PageAsync($"/contacts/{contact}")).QuerySelector(".cv-list")!.TextContent, StringComparison.Ordinal);

        using var renamed = await HubUnderTest.SubmitAsync(hub.Browser, $"/contacts/{contact}", "name", ("name", "Ännchen Öl"));
        Assert.Equal(HttpStatusCode.Found, renamed.StatusCode);
        await Mails.TakeAsync(hub, "From: Other Name <ann@example.org>\r\nTo: sales@hub.example\r\nSubject: Two\r\n\r\nhello\r\n");
        Assert.Contains("Ännchen Öl", (await hub.PageAsync("/contacts?search=%C3%84NNCHEN")).QuerySelector("#contact-list")!.TextContent, StringComparison.Ordinal);
        using var empty = await hub.Browser.PutAsJsonAsync($"/api/v1/contacts/{contact}", new { name = "" });
        Assert.Equal(HttpStatusCode.NoContent, empty.StatusCode);
        await Mails.TakeAsync(hub, "From: Third Name <ann@example.org>\r\nTo: sales@hub.example\r\nSubject: Three\r\n\r\nhello\r\n");
        Assert.Equal("Third Name", (await hub.GetAsync<JsonElement>($"/api/v1/contacts/{contact}")).GetProperty("contact").GetProperty("name").GetString());
        using var bad = await hub.Browser.PutAsJsonAsync($"/api/v1/contacts/{contact}", new { name = "a\nb" });
        Assert.Equal(HttpStatusCode.BadRequest, bad.StatusCode);
        using var gone = await hub.Browser.GetAsync($"/contacts/{Guid.NewGuid()}");
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        Assert.NotEqual(Guid.Empty, id);
    }

    private static async Task DoAsync(HttpClient browser, HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        using var answer = await browser.SendAsync(request);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    private static async Task BulkAsync(HubUnderTest hub, string deed, IReadOnlyList<Guid> ids, params (string Name, string? Value)[] more)
    {
        using var answer = await HubUnderTest.SubmitAsync(hub.Browser, "/conversations?state=all", "bulk", [("deed", deed), .. ids.Select(id => ("pick", (string?)id.ToString())), .. more]);
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
    }

    private static async Task<IReadOnlyList<Guid>> ListAsync(HttpClient browser, string query) =>
        [.. (await browser.GetFromJsonAsync<JsonElement>("/api/v1/conversations" + query)).GetProperty("conversations").EnumerateArray().Select(c => c.GetProperty("id").GetGuid())];

    private static async Task<int> ToldAsync(HttpClient browser) => (await browser.GetFromJsonAsync<JsonElement>("/api/v1/conversations/unread")).GetProperty("told").GetInt32();
}
