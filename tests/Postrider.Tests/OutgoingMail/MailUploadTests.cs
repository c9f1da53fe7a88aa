using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Tests.OutlookAccounts;

namespace Postrider.Tests.OutgoingMail;

/// <summary>A mail that comes as parts, with files that are stored as they come.</summary>
public sealed partial class MailUploadTests(HubWithMicrosoft both) : IClassFixture<HubWithMicrosoft>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // OUT-26
    [Fact]
    public async Task A_file_of_60_MB_goes_as_a_link_that_the_recipient_can_fetch()
    {
        const long Size = 60L * 1024 * 1024;
        await both.ConnectAsync("sales@meadow.example");
        using var sent = await PostAsync(new { from = "sales@meadow.example", to = Rosa, subject = "The film", text = "Have a look." }, (new PatternStream(Size), "film.mp4", null));
        Assert.True(sent.StatusCode == HttpStatusCode.Accepted, await sent.Content.ReadAsStringAsync(Cancel));
        var id = (await sent.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("id").GetGuid();
        Assert.Equal(OutboxState.Sent, (await both.SettledAsync(new(id))).State);

        var arrived = MimeMessage.Read(await both.RawAsync(Rosa[0], "INBOX", (await both.FolderAsync(Rosa[0], "INBOX"))[^1].Uid));
        Assert.Empty(arrived.Attachments);
        Assert.Contains("Have a look.", arrived.TextBody, StringComparison.Ordinal);
        Assert.Contains("film.mp4 (60 MB)", arrived.TextBody, StringComparison.Ordinal);
        using var stranger = both.Hub.OpenBrowser();
        using var file = await stranger.GetAsync(Address.Match(arrived.TextBody!).Value, HttpCompletionOption.ResponseHeadersRead, Cancel);
        Assert.Equal((HttpStatusCode.OK, Size), (file.StatusCode, file.Content.Headers.ContentLength));
        await using var bytes = await file.Content.ReadAsStreamAsync(Cancel);
        await using var expected = new PatternStream(Size);
        Assert.Equal(await SHA256.HashDataAsync(expected, Cancel), await SHA256.HashDataAsync(bytes, Cancel));
    }

    [Fact]
    public async Task Small_files_go_within_the_mail_as_they_came()
    {
        await both.ConnectAsync("ben@meadow.example");
        using var sent = await PostAsync(
            new { from = "ben@meadow.example", to = Rosa, subject = "Small", html = "<p><img src='cid:logo@here'></p>", attachments = new[] { new { fileName = "first.bin", content = Convert.ToBase64String([1, 2, 3]) } } },
            (new PatternStream(70_000), "Grüße.pdf", null), (new PatternStream(100), "logo.png", "logo@here"));
        Assert.True(sent.StatusCode == HttpStatusCode.Accepted, await sent.Content.ReadAsStringAsync(Cancel));
        var mail = (await FindAsync(new((await sent.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("id").GetGuid())))!;
        var message = MimeMessage.Read(await both.Hub.Service<Bodies>().ReadAsync(mail.BodyId, Cancel));
        Assert.Equal(["Grüße.pdf", "first.bin", "logo.png"], message.Attachments.Select(file => file.FileName).Order(StringComparer.Ordinal));
        Assert.Equal("logo@here", Assert.Single(message.Attachments, file => file.FileName == "logo.png").ContentId);
    }

    [Fact]
    public async Task Files_that_are_larger_together_than_the_hub_takes_are_refused_and_nothing_stays()
    {
        await using var hub = await HubWithServerAsync();
        Assert.Null(await hub.Service<SystemParameters>().SetAsync(KnownParameter.MaxFilesMegabytes, "3", null, Cancel));
        var before = await StoredAsync(hub);
        foreach (var sizes in (int[][])[[2_000_000, 2_000_000], [30_000_000]])
        {
            using var refused = await PostAsync(hub.Browser, new { to = Rosa, subject = "x", text = "x" }, [.. sizes.Select(size => ((Stream)new PatternStream(size), "a.bin", (string?)null))]);
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, refused.StatusCode);
            var problem = await refused.Content.ReadFromJsonAsync<JsonElement>(Cancel);
            Assert.Equal("mail-too-large", problem.GetProperty("code").GetString());
            Assert.Contains("takes 3 MB with a mail", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
            Assert.Contains("postrider.max_files_megabytes", problem.GetProperty("remedy").GetString(), StringComparison.Ordinal);
            Assert.Equal(before, await StoredAsync(hub));
        }
    }

    [Fact]
    public async Task What_is_no_mail_with_its_files_is_refused_with_its_reason_and_nothing_stays()
    {
        await using var hub = await HubWithServerAsync();
        var before = await StoredAsync(hub);
        using var file = new ByteArrayContent([1, 2, 3]);
        using var noMail = new MultipartFormDataContent { { file, "file", "a.bin" } };
        Assert.Equal((HttpStatusCode.BadRequest, "mail-parts-invalid"), await RefusalAsync(hub.Browser, noMail));

        using var noName = new MultipartFormDataContent { { JsonContent.Create(new { to = Rosa, text = "x" }), "mail" }, { new ByteArrayContent([1, 2, 3]), "file" } };
        Assert.Equal((HttpStatusCode.BadRequest, "mail-parts-invalid"), await RefusalAsync(hub.Browser, noName));

        using var noJson = new MultipartFormDataContent { { new StringContent("to: ben"), "mail" } };
        Assert.Equal((HttpStatusCode.BadRequest, "mail-header-invalid"), await RefusalAsync(hub.Browser, noJson));

        using var longJson = new MultipartFormDataContent { { JsonContent.Create(new { to = Rosa, text = new string('x', 9_000_000) }), "mail" } };
        Assert.Equal((HttpStatusCode.BadRequest, "mail-parts-invalid"), await RefusalAsync(hub.Browser, longJson));

        using var nobody = new MultipartFormDataContent { { JsonContent.Create(new { text = "x" }), "mail" }, { new ByteArrayContent([1, 2, 3]), "file", "a.bin" } };
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "mail-no-recipients"), await RefusalAsync(hub.Browser, nobody));

        using var cut = new ByteArrayContent(Encoding.ASCII.GetBytes("--b\r\nContent-Disposition: form-data; name=mail\r\n\r\n{\"to\":[\"ben@example.org\"],\"text\":\"x\"}\r\n--b\r\nContent-Disposition: form-data; name=file; filename=a.bin\r\n\r\nhalf a fi"));
        cut.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=b");
        Assert.Equal((HttpStatusCode.BadRequest, "mail-parts-invalid"), await RefusalAsync(hub.Browser, cut));

        using var user = await hub.OpenBrowserOfUserAsync();
        using var foreign = new MultipartFormDataContent { { JsonContent.Create(new { from = "ann@meadow.example", to = Rosa, text = "x" }), "mail" } };
        Assert.Equal((HttpStatusCode.Forbidden, "mail-from-not-yours"), await RefusalAsync(user, foreign));
        Assert.Equal(before, await StoredAsync(hub));
    }

    [Fact]
    public async Task A_repeated_key_is_one_mail_however_its_files_came_and_another_file_under_it_is_refused()
    {
        await using var hub = await HubWithServerAsync();
        hub.Browser.DefaultRequestHeaders.Add("Idempotency-Key", "one");
        var mail = new { to = Rosa, subject = "x", text = "x" };
        var ids = new List<Guid>();
        for (var n = 0; n < 2; n++)
        {
            using var parts = await PostAsync(hub.Browser, mail, (new PatternStream(12_000_000), "a.bin", null));
            ids.Add((await parts.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("id").GetGuid());
        }

        using var content = new MemoryStream();
        await new PatternStream(12_000_000).CopyToAsync(content, Cancel);
        ids.Add((await hub.PostAsync<JsonElement>("/api/v1/mails", new { mail.to, mail.subject, mail.text, attachments = new[] { new { fileName = "a.bin", content = Convert.ToBase64String(content.ToArray()) } } })).GetProperty("id").GetGuid());
        Assert.Single(ids.Distinct());
        using var other = await PostAsync(hub.Browser, mail, (new PatternStream(12_000_001), "a.bin", null));
        Assert.Equal(HttpStatusCode.Conflict, other.StatusCode);
        Assert.Equal(1, (await StoredAsync(hub)).Mails);
        Assert.Single((await hub.GetAsync<JsonElement>($"/api/v1/mails/{ids[0]}/links")).EnumerateArray());
    }

    private static string[] Rosa => ["rosa@outlook.example"];

    /// <summary>A hub with a server that nobody can reach, which rests for a day.</summary>
    private static async Task<HubUnderTest> HubWithServerAsync()
    {
        var hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Dead end", kind = "smtp", host = "localhost", port = 1, fromFilter = "hub.example" });
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = tx.Now.AddDays(1) }));
        return hub;
    }

    private Task<HttpResponseMessage> PostAsync(object mail, params (Stream Bytes, string Name, string? ContentId)[] files) => PostAsync(both.Hub.Browser, mail, files);

    private static async Task<HttpResponseMessage> PostAsync(HttpClient browser, object mail, params (Stream Bytes, string Name, string? ContentId)[] files)
    {
        using var parts = new MultipartFormDataContent { { JsonContent.Create(mail), "mail" } };
        foreach (var (bytes, name, contentId) in files)
        {
            var part = new StreamContent(bytes);
            part.Headers.ContentType = new("application/octet-stream");
            if (contentId is not null) part.Headers.Add("Content-ID", $"<{contentId}>");
            parts.Add(part, "file", name);
        }

        return await browser.PostAsync("/api/v1/mails", parts, Cancel);
    }

    private static async Task<(HttpStatusCode, string?)> RefusalAsync(HttpClient browser, HttpContent content)
    {
        using var answer = await browser.PostAsync("/api/v1/mails", content, Cancel);
        return (answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("code").GetString());
    }

    private Task<OutboxMail?> FindAsync(OutboxMailId id) => both.Hub.Service<HubDatabase>().ReadAsync(reader => both.Hub.Service<OutboxStore>().Find(reader, id));

    private static Task<(long Mails, long Bodies)> StoredAsync(HubUnderTest hub) =>
        hub.Service<HubDatabase>().ReadAsync(reader => (reader.Scalar<long>("SELECT COUNT(*) FROM outbox_mail"), reader.Scalar<long>("SELECT COUNT(*) FROM body")));

    [GeneratedRegex(@"http://localhost:\d+/files/[\w-]{43}", RegexOptions.None, 1000)]
    private static partial Regex Address { get; }
}
