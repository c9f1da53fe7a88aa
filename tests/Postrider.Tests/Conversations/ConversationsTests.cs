using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using Microsoft.Extensions.DependencyInjection;
using Postrider.Conversations;
using Postrider.IncomingMail;
using Postrider.OutgoingMail;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.Tests.Conversations;

public class ConversationsTests
{
    [Fact]
    public async Task Html_of_a_stranger_is_shown_in_a_sandboxed_frame_without_scripts()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var conversation = await TakeAsync(hub, "From: Mallory <mallory@example.net>\r\nSubject: <script>alert(1)</script>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p onclick=x>hello <script>alert(1)</script><img src=https://tracker.example/x.gif></p>\r\n");

        var page = await hub.PageAsync($"/conversations/{conversation}");
        Assert.Empty(page.QuerySelectorAll("main script"));
        Assert.Equal("<script>alert(1)</script>", page.QuerySelector("h1")!.TextContent.Trim());
        var frame = page.QuerySelector("iframe")!;
        Assert.Equal("allow-popups allow-popups-to-escape-sandbox", frame.GetAttribute("sandbox"));

        using var inner = await hub.Browser.GetAsync(frame.GetAttribute("src"));
        var policy = Assert.Single(inner.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("sandbox", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("allow-scripts", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("allow-same-origin", policy, StringComparison.Ordinal);
        var html = await inner.Content.ReadAsStringAsync();
        Assert.Contains("<p>hello </p>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("tracker.example", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_is_always_a_download_without_rights()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var conversation = await TakeAsync(hub, "From: ann@example.org\r\nSubject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: text/html; name=\"../x.html\"\r\nContent-Disposition: attachment; filename=\"../x.html\"\r\n\r\n<script>alert(1)</script>\r\n--b--\r\n");

        var page = await hub.PageAsync($"/conversations/{conversation}");
        var link = page.QuerySelector("a.cv-file")!;
        Assert.StartsWith("x.html", link.TextContent.Trim(), StringComparison.Ordinal);
        foreach (var path in new[] { link.GetAttribute("href")!, page.QuerySelector("a.cv-original")!.GetAttribute("href")! })
        {
            using var file = await hub.Browser.GetAsync(path);
            Assert.Equal(HttpStatusCode.OK, file.StatusCode);
            Assert.Equal("attachment", file.Content.Headers.ContentDisposition!.DispositionType);
            Assert.Equal("nosniff", Assert.Single(file.Headers.GetValues("X-Content-Type-Options")));
            Assert.Equal("default-src 'none'; sandbox", Assert.Single(file.Headers.GetValues("Content-Security-Policy")));
        }
    }

    [Theory]
    [InlineData("", "s", "t", "message-without-recipients")]
    [InlineData("ann@example.org\r\nBcc: eve@example.org", "s", "t", "message-address-unusable")]
    [InlineData("no address", "s", "t", "message-address-unusable")]
    [InlineData("ann@example.org", "", "t", "message-subject-unusable")]
    [InlineData("ann@example.org", "s", "", "message-text-unusable")]
    public async Task A_message_that_cannot_be_sent_is_refused_and_nothing_is_stored(string to, string subject, string text, string code)
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var answer = await hub.Browser.PostAsJsonAsync("/api/v1/conversations", new { to = to.Length == 0 ? [] : new[] { to }, subject, text });

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal(code, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
        await AssertNothingStoredAsync(hub);
    }

    [Theory]
    [InlineData("", "s", "message-without-recipients")]
    [InlineData("ann@example.org\r\nBcc: eve@example.org", "s", "message-address-unusable")]
    [InlineData("\"Ann\r\nBcc: eve@example.org\" <ann@example.org>", "s", "message-address-unusable")]
    [InlineData("ann@example.org", "", "message-subject-unusable")]
    public async Task The_page_says_what_is_wrong_keeps_the_words_and_stores_nothing(string to, string subject, string code)
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var answer = await PostAsync(hub, "/conversations/new", to, subject, []);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        var page = await HubUnderTest.ReadPageAsync(answer);
        Assert.Equal(code, page.QuerySelector("main [data-problem]")!.GetAttribute("data-problem"));
        Assert.Equal("my words", page.QuerySelector<IHtmlTextAreaElement>("textarea")!.Value);
        await AssertNothingStoredAsync(hub);
    }

    [Fact]
    public async Task An_answer_without_recipients_is_refused_on_the_conversations_page_and_in_the_API()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var conversation = await TakeAsync(hub, "From: ann@example.org\r\nSubject: Order\r\n\r\nhello\r\n");
        using var answer = await PostAsync(hub, $"/conversations/{conversation}", "", null, []);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        var page = await HubUnderTest.ReadPageAsync(answer);
        Assert.NotNull(page.QuerySelector("#answer [data-problem=message-without-recipients]"));
        Assert.Equal("my words", page.QuerySelector<IHtmlTextAreaElement>("#answer textarea")!.Value);

        using var api = await hub.Browser.PostAsJsonAsync($"/api/v1/conversations/{conversation}/messages", new { to = Array.Empty<string>(), text = "my words" });
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "message-without-recipients"), (api.StatusCode, (await api.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));
        Assert.Single((await hub.GetAsync<JsonElement>($"/api/v1/conversations/{conversation}")).GetProperty("messages").EnumerateArray());
    }

    [Fact]
    public async Task A_line_end_in_a_subject_or_a_file_name_never_begins_a_header()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Dead end", kind = "smtp", host = "localhost", port = 1, fromFilter = "hub.example" });
        var sent = await hub.PostAsync<JsonElement>("/api/v1/conversations", new
        {
            to = new[] { "ann@example.org" }, subject = "Two\r\nBcc: eve@example.org", text = "x",
            attachments = new[] { new { fileName = "a.txt\r\nX-Evil: yes", mediaType = "text/plain\r\nX-Worse: yes", content = Convert.ToBase64String([1, 2, 3]) } },
        });
        var mail = (await hub.GetAsync<JsonElement>($"/api/v1/conversations/{sent.GetProperty("conversation").GetGuid()}")).GetProperty("messages")[0].GetProperty("delivery").GetProperty("mail").GetGuid();
        var message = Postrider.Mail.Mime.MimeMessage.Read(await hub.Browser.GetByteArrayAsync($"/api/v1/mails/{mail}/message"));

        var lines = Encoding.ASCII.GetString(await hub.Browser.GetByteArrayAsync($"/api/v1/mails/{mail}/message")).Split("\r\n");
        Assert.DoesNotContain(lines, line => line.StartsWith("Bcc:", StringComparison.OrdinalIgnoreCase) || line.StartsWith("X-Evil", StringComparison.OrdinalIgnoreCase) || line.StartsWith("X-Worse", StringComparison.OrdinalIgnoreCase));
        Assert.StartsWith("Two ", message.Subject, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Forty_megabytes_are_refused_with_the_limit_and_the_input_is_kept()
    {
        await using var hub = await HubUnderTest.StartAsync();
        Assert.Null(await hub.Service<SystemParameters>().SetAsync(KnownParameter.MaxFilesMegabytes, "25", null));
        using var answer = await PostAsync(hub, "/conversations/new", "ann@example.org", "Large", new byte[40 << 20]);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        var page = await HubUnderTest.ReadPageAsync(answer);
        Assert.Contains("larger than 25 MB", page.QuerySelector("main")!.TextContent, StringComparison.Ordinal);
        Assert.Equal("message-attachments-too-large", page.QuerySelector("[data-problem]")!.GetAttribute("data-problem"));
        Assert.Equal("my words", page.QuerySelector<IHtmlTextAreaElement>("textarea")!.Value);
        Assert.Equal("ann@example.org", page.QuerySelector<IHtmlInputElement>("[name=to]")!.Value);
        await AssertNothingStoredAsync(hub);
    }

    [Fact]
    public async Task Forty_megabytes_through_the_api_are_refused_too()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var content = JsonContent.Create(new { to = new[] { "ann@example.org" }, subject = "Large", text = "x", attachments = new[] { new { fileName = "film.mp4", content = Convert.ToBase64String(new byte[40 << 20]) } } });
        await content.LoadIntoBufferAsync();
        using var answer = await hub.Browser.PostAsync("/api/v1/conversations", content);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("message-attachments-too-large", problem.GetProperty("code").GetString());
        Assert.Contains("25 MB in base64. Save a draft", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        await AssertNothingStoredAsync(hub);
    }

    [Fact]
    public async Task A_user_reads_conversations_and_not_the_quarantine_or_the_servers()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var conversation = await TakeAsync(hub, "From: ann@example.org\r\nSubject: Order\r\n\r\nhello\r\n");
        var user = await hub.OpenBrowserOfUserAsync();

        Assert.Contains("Order", (await hub.PageAsync("/conversations", user)).QuerySelector("main")!.TextContent, StringComparison.Ordinal);
        Assert.Contains("hello", (await hub.PageAsync($"/conversations/{conversation}", user)).QuerySelector("main")!.TextContent, StringComparison.Ordinal);
        foreach (var path in new[] { "/quarantine", "/incoming-servers", "/api/v1/quarantine", "/api/v1/incoming-servers" })
        {
            using var refused = await user.GetAsync(path);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }
    }

    [Fact]
    public async Task What_is_new_counts_for_each_person_until_it_is_read()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var conversation = await TakeAsync(hub, "From: ann@example.org\r\nSubject: Order\r\n\r\nhello\r\n");
        var user = await hub.OpenBrowserOfUserAsync();
        using var read = await HubUnderTest.SubmitAsync(hub.Browser, $"/conversations/{conversation}", "seen");
        Assert.Equal(HttpStatusCode.Found, read.StatusCode);

        Assert.Equal(0, await UnreadAsync(hub.Browser));
        using var scripted = await hub.Browser.PostAsync($"/api/v1/conversations/{conversation}/seen", null);
        Assert.Equal(HttpStatusCode.NoContent, scripted.StatusCode);
        Assert.Equal(1, await UnreadAsync(user));
    }

    [Fact]
    public async Task An_unknown_conversation_is_a_page_that_says_so()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var answer = await hub.Browser.GetAsync($"/conversations/{Guid.CreateVersion7()}");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains("conversation-not-found", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static async Task<Guid> TakeAsync(HubUnderTest hub, string message)
    {
        await hub.Service<Intake>().TakeAsync([new ArrivedMail(Guid.CreateVersion7(), "INBOX", 1, 1, null, Encoding.UTF8.GetBytes(message))], _ => { }, TestContext.Current.CancellationToken);
        return (await hub.GetAsync<JsonElement>("/api/v1/conversations")).GetProperty("conversations")[0].GetProperty("id").GetGuid();
    }

    /// <summary>Fills in the page's form for a message, with "my words" as its text, and sends it.</summary>
    private static async Task<HttpResponseMessage> PostAsync(HubUnderTest hub, string path, string to, string? subject, byte[] file)
    {
        using var opened = await hub.Browser.GetAsync(path);
        var form = (await HubUnderTest.ReadPageAsync(opened)).Forms.Single(f => f.QuerySelector("[name=to]") is not null);
        using var content = new MultipartFormDataContent();
        foreach (var field in form.Elements.OfType<IHtmlInputElement>().Where(i => i.Type == "hidden")) content.Add(new StringContent(field.Value), field.Name!);
        content.Add(new StringContent(to), "to");
        if (subject is not null) content.Add(new StringContent(subject), "subject");
        content.Add(new StringContent("my words"), "text");
        if (file.Length > 0) content.Add(new ByteArrayContent(file), "attachments", "film.mp4");
        return await hub.Browser.PostAsync(path, content);
    }

    private static async Task<int> UnreadAsync(HttpClient browser) => (await browser.GetFromJsonAsync<JsonElement>("/api/v1/conversations")).GetProperty("conversations")[0].GetProperty("unread").GetInt32();

    private static async Task AssertNothingStoredAsync(HubUnderTest hub) =>
        Assert.Equal((0L, 0L, 0L), await hub.Service<HubDatabase>().ReadAsync(r => (r.Scalar<long>("select count(*) from conversation"), r.Scalar<long>("select count(*) from outbox_mail"), r.Scalar<long>("select count(*) from body"))));
}
