using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using Postrider.Conversations;
using Postrider.Mail.Mime;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Tests.Conversations;

public sealed class DraftsTests
{
    private const string Order = "From: Ann <ann@example.org>\r\nTo: sales@hub.example\r\nSubject: Order\r\n\r\nhello\r\n";

    [Fact]
    public async Task What_was_written_survives_sign_out_with_its_files_and_is_sent_once()
    {
        await using var hub = await StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        using var saved = await PostAsync(hub, $"/conversations/{id}", "save", "half a", ("offer.txt", "the offer"u8.ToArray()));
        Assert.Equal(HttpStatusCode.Found, saved.StatusCode);
        await HubUnderTest.SubmitSignOutAsync(hub.Browser);
        await HubUnderTest.SignInAsync(hub.Browser, HubUnderTest.AdministratorEmail, HubUnderTest.Password);

        var page = await hub.PageAsync($"/conversations/{id}");
        Assert.Equal("half a", page.QuerySelector<IHtmlTextAreaElement>("#answer textarea")!.Value);
        Assert.Equal("offer.txt", page.QuerySelector("#answer .cv-kept span")!.TextContent);
        Assert.Contains("Order", (await hub.PageAsync("/conversations/drafts")).QuerySelector("main table")!.TextContent, StringComparison.Ordinal);
        Assert.Contains("Draft", (await hub.PageAsync("/conversations")).QuerySelector(".cv-states")!.TextContent, StringComparison.Ordinal);

        using var sent = await PostAsync(hub, $"/conversations/{id}", "send", "half a loaf", ("second.bin", [1, 2, 3]));
        Assert.Equal(HttpStatusCode.Found, sent.StatusCode);
        Assert.Equal(["second.bin", "offer.txt"], (await LastAsync(hub, id)).GetProperty("attachments").EnumerateArray().Select(a => a.GetProperty("fileName").GetString()).Reverse());
        var mail = MimeMessage.Read(await hub.Browser.GetByteArrayAsync($"/api/v1/mails/{(await LastAsync(hub, id)).GetProperty("delivery").GetProperty("mail").GetGuid()}/message"));
        Assert.StartsWith("half a loaf", mail.TextBody, StringComparison.Ordinal);
        var file = (await LastAsync(hub, id)).GetProperty("attachments").EnumerateArray().First(a => a.GetProperty("fileName").GetString() == "offer.txt");
        Assert.Equal("the offer", await hub.Browser.GetStringAsync(file.GetProperty("href").GetString()));
        Assert.Equal((0L, 0L), await hub.Service<HubDatabase>().ReadAsync(r => (r.Scalar<long>("select count(*) from message_draft"), r.Scalar<long>("select count(*) from message_draft_file"))));
    }

    [Fact]
    public async Task The_form_saves_itself_and_never_after_it_was_sent()
    {
        await using var hub = await StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        var fields = await FieldsAsync(hub, $"/conversations/{id}", "typed so far");
        using var saved = await hub.Browser.PostAsync($"/conversations/{id}/draft", new FormUrlEncodedContent(fields));
        Assert.Equal(HttpStatusCode.OK, saved.StatusCode);
        Assert.Contains("Draft saved", await saved.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var content = Multipart(fields, "send", []);
        using var sent = await hub.Browser.PostAsync($"/conversations/{id}", content);
        Assert.Equal(HttpStatusCode.Found, sent.StatusCode);

        // The last save was still on its way when the form was sent.
        using var late = await hub.Browser.PostAsync($"/conversations/{id}/draft", new FormUrlEncodedContent(fields));
        Assert.Equal(HttpStatusCode.OK, late.StatusCode);
        Assert.Empty((await hub.GetAsync<JsonElement>("/api/v1/drafts")).GetProperty("drafts").EnumerateArray());
        using var forged = await hub.Browser.PostAsync($"/conversations/{id}/draft", new FormUrlEncodedContent(fields.Where(f => !f.Key.StartsWith("__", StringComparison.Ordinal))));
        Assert.Equal(HttpStatusCode.BadRequest, forged.StatusCode);
    }

    /// <summary>WEB-14.</summary>
    [Fact]
    public async Task A_double_click_and_the_back_button_send_one_message()
    {
        await using var hub = await StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        using var kept = await PostAsync(hub, $"/conversations/{id}", "save", "once", ("a.txt", [1]));
        var fields = await FieldsAsync(hub, $"/conversations/{id}", "once");

        var clicks = await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            using var content = Multipart(fields, "send", []);
            using var answer = await hub.Browser.PostAsync($"/conversations/{id}", content);
            return (answer.StatusCode, answer.Headers.Location?.ToString());
        }));
        using var again = Multipart(fields, "send", []);
        using var back = await hub.Browser.PostAsync($"/conversations/{id}", again);

        Assert.All(clicks.Append((back.StatusCode, back.Headers.Location?.ToString())), click => Assert.Equal((HttpStatusCode.Found, $"/conversations/{id}"), (click.Item1, new Uri(hub.Address, click.Item2).AbsolutePath)));
        Assert.Equal(1L, await hub.Service<HubDatabase>().ReadAsync(r => r.Scalar<long>("select count(*) from outbox_mail")));
        Assert.Empty((await hub.GetAsync<JsonElement>("/api/v1/drafts")).GetProperty("drafts").EnumerateArray());
    }

    [Fact]
    public async Task What_cannot_be_sent_is_kept_as_a_draft_with_its_files()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var refused = await PostAsync(hub, "/conversations/new", "send", "no server yet", ("a.txt", "abc"u8.ToArray()), to: "ann@example.org");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        var page = await HubUnderTest.ReadPageAsync(refused);
        Assert.Equal("a.txt", page.QuerySelector(".cv-kept span")!.TextContent);

        var draft = Assert.Single((await hub.GetAsync<JsonElement>("/api/v1/drafts")).GetProperty("drafts").EnumerateArray());
        Assert.Equal("no server yet", draft.GetProperty("text").GetString());
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Dead end", kind = "smtp", host = "localhost", port = 1, fromFilter = "hub.example" });
        using var put = await hub.Browser.PutAsJsonAsync($"/api/v1/drafts/{draft.GetProperty("id").GetGuid()}", new { to = "ann@example.org", bcc = "boss@hub.example", subject = "Offer", text = "now" });
        Assert.Equal(HttpStatusCode.OK, put.StatusCode);
        var sent = await hub.PostAsync<JsonElement>($"/api/v1/drafts/{draft.GetProperty("id").GetGuid()}/send", new { });
        var message = await LastAsync(hub, sent.GetProperty("conversation").GetGuid());
        Assert.Equal("boss@hub.example", message.GetProperty("bcc")[0].GetProperty("address").GetString());
        var wire = await hub.Browser.GetStringAsync($"/api/v1/mails/{message.GetProperty("delivery").GetProperty("mail").GetGuid()}/message");
        Assert.DoesNotContain("boss@hub.example", wire, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("a.txt", wire, StringComparison.Ordinal);
        Assert.Contains("boss@hub.example", await hub.Service<HubDatabase>().ReadAsync(r => r.Query<string>("select address from outbox_recipient")));
    }

    [Fact]
    public async Task A_file_whose_mark_is_cleared_is_left_out_and_its_bytes_are_let_go_of()
    {
        await using var hub = await StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        using var saved = await PostAsync(hub, $"/conversations/{id}", "save", "x", ("a.txt", "marker-of-a"u8.ToArray()));
        var fields = (await FieldsAsync(hub, $"/conversations/{id}", "x")).Where(f => f.Key != "keep").ToList();
        using var content = Multipart(fields, "save", []);
        using var again = await hub.Browser.PostAsync($"/conversations/{id}", content);
        Assert.Empty((await hub.PageAsync($"/conversations/{id}")).QuerySelectorAll(".cv-kept li"));
        Assert.Equal(0L, await hub.Service<HubDatabase>().ReadAsync(r => r.Scalar<long>("select count(*) from body where length = 11 and settled = 1")));
    }

    [Fact]
    public async Task Files_of_a_draft_are_limited_together()
    {
        await using var hub = await StartAsync();
        Assert.Null(await hub.Service<SystemParameters>().SetAsync(KnownParameter.MaxFilesMegabytes, "25", null));
        var id = await Mails.TakeAsync(hub, Order);
        using var first = await PostAsync(hub, $"/conversations/{id}", "save", "x", ("a.bin", new byte[20 << 20]));
        using var second = await PostAsync(hub, $"/conversations/{id}", "save", "x", ("b.bin", new byte[6 << 20]));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, second.StatusCode);
        var page = await HubUnderTest.ReadPageAsync(second);
        Assert.Contains("larger than 25 MB", page.QuerySelector("#answer")!.TextContent, StringComparison.Ordinal);
        Assert.Equal("a.bin", Assert.Single(page.QuerySelectorAll(".cv-kept span")).TextContent);

        // By script: the part of the page says so, and its place is kept.
        var fields = await FieldsAsync(hub, $"/conversations/{id}", "x");
        using var content = Multipart(fields, "save", [("b.bin", new byte[6 << 20])]);
        using var part = await hub.Browser.PostAsync($"/conversations/{id}/draft", content);
        var shown = await HubUnderTest.ReadPageAsync(part);
        Assert.Contains("larger than 25 MB", shown.QuerySelector("#draft-files")!.TextContent, StringComparison.Ordinal);
        Assert.Equal("a.bin", Assert.Single(shown.QuerySelectorAll("#draft-files .cv-kept span")).TextContent);
    }

    [Fact]
    public async Task A_file_larger_than_a_mail_goes_as_a_link_and_stands_in_the_conversation()
    {
        await using var hub = await StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        var film = new byte[40 << 20];
        Random.Shared.NextBytes(film);
        using var sent = await PostAsync(hub, $"/conversations/{id}", "send", "Have a look.", ("film.mp4", film));
        Assert.Equal(HttpStatusCode.Found, sent.StatusCode);

        var message = await LastAsync(hub, id);
        var wire = MimeMessage.Read(await hub.Browser.GetByteArrayAsync($"/api/v1/mails/{message.GetProperty("delivery").GetProperty("mail").GetGuid()}/message"));
        Assert.Contains("film.mp4 (40 MB)", wire.TextBody, StringComparison.Ordinal);
        var address = wire.TextBody!.Split('\n').Single(line => line.Contains("/files/", StringComparison.Ordinal)).Trim();
        Assert.Equal(film, await hub.Browser.GetByteArrayAsync(new Uri(address).AbsolutePath));
        var file = Assert.Single(message.GetProperty("attachments").EnumerateArray());
        Assert.Equal(film.LongLength, file.GetProperty("size").GetInt64());
        Assert.Equal(film, await hub.Browser.GetByteArrayAsync($"/api/v1/conversations/{id}/attachments/{file.GetProperty("id").GetGuid()}"));
    }

    [Fact]
    public async Task A_program_adds_files_to_a_draft_as_parts()
    {
        await using var hub = await StartAsync();
        var draft = (await hub.PostAsync<JsonElement>("/api/v1/drafts", new { to = "ann@example.org", subject = "Two files", text = "Here they are." })).GetProperty("id").GetGuid();
        using var parts = new MultipartFormDataContent { { new ByteArrayContent(new byte[30 << 20]), "file", "large.bin" }, { new ByteArrayContent("a,b"u8.ToArray()), "another", "small.csv" } };
        using var added = await hub.Browser.PostAsync($"/api/v1/drafts/{draft}/attachments", parts);
        Assert.Equal(HttpStatusCode.OK, added.StatusCode);
        Assert.Equal([("large.bin", 30L << 20), ("small.csv", 3L)], (await added.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("attachments").EnumerateArray().Select(file => (file.GetProperty("fileName").GetString()!, file.GetProperty("size").GetInt64())));

        using var neither = await hub.Browser.PostAsync($"/api/v1/drafts/{draft}/attachments", new StringContent("{", Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, neither.StatusCode);
        using var cut = new ByteArrayContent("--x\r\nContent-Disposition: form-data; name=a; filename=b"u8.ToArray());
        cut.Headers.ContentType = new("multipart/form-data") { Parameters = { new("boundary", "x") } };
        using var broken = await hub.Browser.PostAsync($"/api/v1/drafts/{draft}/attachments", cut);
        Assert.Equal(HttpStatusCode.BadRequest, broken.StatusCode);
        using var cutPage = new ByteArrayContent("--x\r\nContent-Disposition: form-data; name=a; filename=b"u8.ToArray());
        cutPage.Headers.ContentType = cut.Headers.ContentType;
        using var page = await hub.Browser.PostAsync("/conversations/new", cutPage);
        Assert.Equal(HttpStatusCode.BadRequest, page.StatusCode);

        var sent = await hub.PostAsync<JsonElement>($"/api/v1/drafts/{draft}/send", new { });
        var message = await LastAsync(hub, sent.GetProperty("conversation").GetGuid());
        var wire = MimeMessage.Read(await hub.Browser.GetByteArrayAsync($"/api/v1/mails/{message.GetProperty("delivery").GetProperty("mail").GetGuid()}/message"));
        Assert.Contains("large.bin (30 MB)", wire.TextBody, StringComparison.Ordinal);
        Assert.Contains("small.csv (3 B)", wire.TextBody, StringComparison.Ordinal);
        Assert.Empty(wire.Attachments);
    }

    [Fact]
    public async Task A_file_that_another_page_takes_out_while_the_message_is_sent_goes_with_it()
    {
        await using var hub = await StartAsync();
        using var saved = await PostAsync(hub, "/conversations/new", "save", "here", ("a.txt", "marker-of-a"u8.ToArray()), to: "ann@example.org");
        var viewer = new Viewer(await hub.Service<HubDatabase>().ReadAsync(r => r.Scalar<Guid>("select person_id from message_draft")), "Ada", HubUnderTest.AdministratorEmail, true, false);
        var draft = Assert.Single(await hub.Service<Drafts>().ListAsync(viewer, default));
        var file = Assert.Single(draft.Files);
        Assert.True(await hub.Service<Drafts>().RemoveFileAsync(viewer, draft.Id, file.Id, default));

        var written = new CompositionDraft(draft.To, null, "Here", draft.Text, null, [new DraftAttachment(file.FileName, file.MediaType, default)]) { Stored = [file.Body] };
        var sent = await hub.Service<Correspondence>().ComposeAsync(written, viewer, draft.OnceKey, default, draft);

        var message = await LastAsync(hub, sent.Conversation!.Value.Value);
        Assert.Equal("marker-of-a", await hub.Browser.GetStringAsync($"/api/v1/conversations/{sent.Conversation}/attachments/{message.GetProperty("attachments")[0].GetProperty("id").GetGuid()}"));
    }

    [Fact]
    public async Task A_draft_is_its_writers_alone()
    {
        await using var hub = await StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        using var saved = await PostAsync(hub, $"/conversations/{id}", "save", "my secret words", null);
        var draft = (await hub.GetAsync<JsonElement>($"/api/v1/conversations/{id}/draft")).GetProperty("id").GetGuid();
        var uma = await hub.OpenBrowserOfUserAsync();

        foreach (var path in new[] { $"/api/v1/conversations/{id}/draft", $"/api/v1/drafts/{draft}", $"/conversations/new?draft={draft}" })
        {
            using var answer = await uma.GetAsync(path);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
        Assert.DoesNotContain("my secret words", (await hub.PageAsync($"/conversations/{id}", uma)).Source.Text, StringComparison.Ordinal);
        using var deleted = await uma.DeleteAsync($"/api/v1/drafts/{draft}");
        using var sent = await uma.PostAsync($"/api/v1/drafts/{draft}/send", null);
        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.NotFound), (deleted.StatusCode, sent.StatusCode));
        using var own = await hub.Browser.DeleteAsync($"/api/v1/drafts/{draft}");
        Assert.Equal(HttpStatusCode.NoContent, own.StatusCode);
    }

    [Fact]
    public async Task The_files_of_a_draft_go_with_its_writer()
    {
        await using var hub = await StartAsync();
        var uma = await hub.OpenBrowserOfUserAsync();
        using var saved = await uma.PostAsJsonAsync("/api/v1/drafts", new { text = "unfinished" });
        var draft = (await saved.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid();
        using var added = await uma.PostAsJsonAsync($"/api/v1/drafts/{draft}/attachments", new { fileName = "plan.pdf", content = "plan"u8.ToArray() });
        Assert.Equal(HttpStatusCode.OK, added.StatusCode);
        var body = await hub.Service<HubDatabase>().ReadAsync(r => r.Scalar<byte[]>("select body_id from message_draft_file"));
        var umaId = (await hub.GetAsync<JsonElement>("/api/v1/users")).GetProperty("users").EnumerateArray().Single(u => u.GetProperty("name").GetString() == "Uma User").GetProperty("id").GetGuid();

        using var deleted = await hub.Browser.DeleteAsync($"/api/v1/users/{umaId}");
        Assert.True(deleted.IsSuccessStatusCode);
        // The sweep looks at what is a day old.
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("update body set created_at = 0 where id = @body", new { body }));
        Assert.Equal(1, await hub.Service<Bodies>().SweepAsync());
        Assert.Equal(0L, await hub.Service<HubDatabase>().ReadAsync(r => r.Scalar<long>("select count(*) from body where id = @body", new { body })));
    }

    [Fact]
    public async Task Send_and_close_does_both()
    {
        await using var hub = await StartAsync();
        var id = await Mails.TakeAsync(hub, Order);
        using var sent = await PostAsync(hub, $"/conversations/{id}", "close", "Done.", null);
        Assert.Equal(HttpStatusCode.Found, sent.StatusCode);
        var thread = await hub.GetAsync<JsonElement>($"/api/v1/conversations/{id}");
        Assert.Equal(JsonValueKind.String, thread.GetProperty("conversation").GetProperty("closedAt").ValueKind);
        Assert.Equal(2, thread.GetProperty("messages").GetArrayLength());
    }

    private static async Task<HubUnderTest> StartAsync()
    {
        var hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Dead end", kind = "smtp", host = "localhost", port = 1, fromFilter = "hub.example" });
        return hub;
    }

    private static async Task<JsonElement> LastAsync(HubUnderTest hub, Guid conversation) => (await hub.GetAsync<JsonElement>($"/api/v1/conversations/{conversation}")).GetProperty("messages").EnumerateArray().Last();

    /// <summary>The form's fields as the page fills them, with these words.</summary>
    private static async Task<List<KeyValuePair<string, string>>> FieldsAsync(HubUnderTest hub, string path, string text)
    {
        var form = (await hub.PageAsync(path)).Forms.Single(f => f.QuerySelector("[name=text]") is not null);
        var fields = form.Elements.OfType<IHtmlInputElement>().Where(i => i.Name is not null && (i.Type is "hidden" or "text" || i.Type == "checkbox" && i.IsChecked)).Select(i => KeyValuePair.Create(i.Name!, i.Value)).ToList();
        fields.Add(KeyValuePair.Create("text", text));
        return fields;
    }

    private static MultipartFormDataContent Multipart(IEnumerable<KeyValuePair<string, string>> fields, string act, IReadOnlyList<(string Name, byte[] Bytes)> files)
    {
        var content = new MultipartFormDataContent();
        foreach (var (name, value) in fields) content.Add(new StringContent(value, Encoding.UTF8), name);
        content.Add(new StringContent(act), "act");
        foreach (var (name, bytes) in files) content.Add(new ByteArrayContent(bytes), "attachments", name);
        return content;
    }

    private static async Task<HttpResponseMessage> PostAsync(HubUnderTest hub, string path, string act, string text, (string Name, byte[] Bytes)? file, string? to = null)
    {
        var fields = await FieldsAsync(hub, path, text);
        if (to is not null) fields = [.. fields.Where(f => f.Key is not ("to" or "subject")), KeyValuePair.Create("to", to), KeyValuePair.Create("subject", "Offer")];
        using var content = Multipart(fields, act, file is { } one ? [one] : []);
        return await hub.Browser.PostAsync(path, content);
    }
}
