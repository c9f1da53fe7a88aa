using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.Tests.OutgoingMail;

public sealed partial class DownloadLinksTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Files_that_make_a_mail_too_large_go_as_links_that_anybody_with_the_mail_can_fetch()
    {
        await using var hub = await HubWithServerAsync();
        var bytes = Bytes(900_000);
        var (id, message) = await PutAsync(hub, [new("Plan <b>.pdf", "application/pdf", bytes), new("small.txt", "text/plain", Bytes(10)), new("logo.png", "image/png", Bytes(100), "logo@here")], html: "<html><body><p>Hello</p></body></html>");

        // What the HTML shows stays; the two files are named in both texts.
        Assert.Equal(["logo@here"], message.Parts.Where(part => part.ContentId is not null).Select(part => part.ContentId));
        Assert.DoesNotContain(message.Parts, part => part.FileName is "small.txt" or "Plan <b>.pdf");
        var addresses = Address.Matches(message.Text).Select(match => match.Value).ToList();
        Assert.Equal(2, addresses.Count);
        Assert.All(addresses, address => Assert.Contains($"href=\"{address}\"", message.Html, StringComparison.Ordinal));
        Assert.Contains("Plan &lt;b&gt;.pdf (878.9 KB)", message.Html, StringComparison.Ordinal);
        Assert.EndsWith("</ul></body></html>", message.Html.Trim(), StringComparison.Ordinal);

        // The reader has no account.
        var reader = hub.OpenBrowser();
        using var look = await reader.SendAsync(new(HttpMethod.Head, addresses[0]), Cancel);
        Assert.Equal(HttpStatusCode.OK, look.StatusCode);
        using var file = await reader.GetAsync(addresses[0], Cancel);
        Assert.Equal(bytes, await file.Content.ReadAsByteArrayAsync(Cancel));
        Assert.Equal(("attachment", "application/octet-stream", 900_000), (file.Content.Headers.ContentDisposition!.DispositionType, file.Content.Headers.ContentType!.MediaType, file.Content.Headers.ContentLength));
        Assert.Equal("Plan <b>.pdf", file.Content.Headers.ContentDisposition.FileNameStar);
        Assert.Equal("nosniff", Assert.Single(file.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("default-src 'none'; sandbox", Assert.Single(file.Headers.GetValues("Content-Security-Policy")));
        Assert.Equal("no-referrer", Assert.Single(file.Headers.GetValues("Referrer-Policy")));

        // It was fetched once; beside the links the database has only what their tokens hash to.
        var links = await LinksAsync(hub, id);
        Assert.Equal([("Plan <b>.pdf", 1), ("small.txt", 0)], links.Select(link => (link.GetProperty("fileName").GetString()!, link.GetProperty("downloads").GetInt32())));
        Assert.Single(links[0].GetProperty("downloadedAt").EnumerateArray());
        Assert.Equal(SHA256.HashData(Encoding.UTF8.GetBytes(addresses[0].Split('/')[^1])), await hub.Service<HubDatabase>().ReadAsync(read => read.Scalar<byte[]>("SELECT token_hash FROM download_link WHERE mail_id = @id AND n = 0", new { id })));
    }

    [Fact]
    public async Task A_revoked_an_expired_and_an_unknown_link_give_the_same_plain_answer()
    {
        var clock = new FakeClock();
        await using var hub = await HubWithServerAsync(clock);
        var (id, message) = await PutAsync(hub, [new("a.bin", "application/octet-stream", Bytes(900_000)), new("b.bin", "application/octet-stream", Bytes(900_000))]);
        var addresses = Address.Matches(message.Text).Select(match => match.Value).ToList();
        Assert.Contains($"until {clock.GetUtcNow().AddDays(30):d MMMM yyyy}:", message.Text, StringComparison.Ordinal);

        var first = (await LinksAsync(hub, id))[0].GetProperty("id").GetGuid();
        using var user = await hub.OpenBrowserOfUserAsync();
        using var others = await user.PostAsync($"/api/v1/mails/{id.Value}/links/{first}/revoke", null, Cancel);
        Assert.Equal(HttpStatusCode.NotFound, others.StatusCode);
        using var pressed = await HubUnderTest.SubmitAsync(hub.Browser, $"/email-queue/{id.Value:D}", "links", ("revoke", first.ToString()));
        Assert.Equal(HttpStatusCode.Found, pressed.StatusCode);
        var page = await hub.PageAsync($"/email-queue/{id.Value:D}");
        Assert.Equal(["revoked", "good"], page.QuerySelectorAll("[data-link]").Select(row => row.GetAttribute("data-link")));
        Assert.Single(page.QuerySelectorAll("button[name=revoke]"));

        var reader = hub.OpenBrowser();
        using var revoked = await reader.GetAsync(addresses[0], Cancel);
        using var good = await reader.GetAsync(addresses[1], Cancel);
        Assert.Equal(HttpStatusCode.OK, good.StatusCode);
        clock.Advance(TimeSpan.FromDays(31));
        using var expired = await reader.GetAsync(addresses[1], Cancel);
        using var unknown = await reader.GetAsync(addresses[1][..^1] + "_", Cancel);
        Assert.All((HttpResponseMessage[])[revoked, expired, unknown], answer => Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode));
        var bodies = await Task.WhenAll(((HttpResponseMessage[])[revoked, expired, unknown]).Select(async answer => (await HubUnderTest.ReadPageAsync(answer)).QuerySelector("main")!.TextContent.Trim()));
        Assert.Single(bodies.Distinct());
        Assert.Contains("This file cannot be downloaded.", bodies[0], StringComparison.Ordinal);
        reader.DefaultRequestHeaders.Remove("Accept");
        reader.DefaultRequestHeaders.Add("Accept", "application/json");
        Assert.Contains("default-src 'self'", Assert.Single(revoked.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        using var problem = await reader.GetAsync(addresses[1], Cancel);
        Assert.Equal("download-link-not-good", (await problem.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("code").GetString());
        await HubUnderTest.SignInAsync(hub.Browser, HubUnderTest.AdministratorEmail, HubUnderTest.Password);
        Assert.Equal(["revoked", "expired"], (await LinksAsync(hub, id)).Select(link => link.GetProperty("state").GetString()));
    }

    [Fact]
    public async Task The_bytes_are_kept_once_and_go_when_the_link_has_expired_unless_something_else_has_them()
    {
        var clock = new FakeClock();
        await using var hub = await HubWithServerAsync(clock);
        var (alone, _) = await PutAsync(hub, [new("alone.bin", "application/octet-stream", Bytes(2_000_000))]);
        var sent = await hub.PostAsync<JsonElement>("/api/v1/conversations", new { to = (string[])["ben@example.org"], subject = "Shared", text = "t", attachments = new[] { new { fileName = "shared.bin", mediaType = "x/y", content = Convert.ToBase64String(Bytes(1_500_000)) } } });
        var page = await hub.PageAsync($"/conversations/{sent.GetProperty("conversation").GetGuid()}");
        Assert.Contains("Sent as download links: 1", page.QuerySelector(".cv-files")!.TextContent, StringComparison.Ordinal);
        var database = hub.Service<HubDatabase>();
        Assert.Equal(1, await database.ReadAsync(read => read.Scalar<long>("SELECT COUNT(*) FROM download_link l JOIN thread_attachment a ON a.body_id = l.body_id")));
        var body = await database.ReadAsync(read => read.Scalar<byte[]>("SELECT body_id FROM download_link WHERE mail_id = @alone", new { alone }));

        clock.Advance(TimeSpan.FromDays(31));
        await database.WriteAsync(DownloadLinkStore.Expire);
        clock.Advance(TimeSpan.FromDays(2));
        await hub.Service<Bodies>().SweepAsync(Cancel);
        Assert.Equal(0, await database.ReadAsync(read => read.Scalar<long>("SELECT COUNT(*) FROM body_chunk WHERE body_id = @body", new { body })));
        Assert.Equal(1, await database.ReadAsync(read => read.Scalar<long>("SELECT COUNT(*) FROM thread_attachment a JOIN body b ON b.id = a.body_id WHERE b.settled = 1")));
    }

    [Theory]
    [InlineData(null, null, 2_000_000, true)]
    [InlineData(5, null, 2_000_000, false)]
    [InlineData(5, 1_000_000L, 2_000_000, true)]
    [InlineData(null, null, 500_000, false)]
    public async Task The_servers_own_number_comes_before_the_parameter_and_what_it_takes_before_both(int? ofServer, long? taken, int size, bool linked)
    {
        await using var hub = await HubWithServerAsync(maxEmailSize: ofServer);
        await hub.Service<HubDatabase>().WriteAsync(tx =>
        {
            tx.Execute("UPDATE outgoing_server SET size_limit = @taken", new { taken });
            hub.Service<ServerRoster>().Forget(tx);
        });
        var (id, message) = await PutAsync(hub, [new("a.bin", "application/octet-stream", Bytes(size))]);
        Assert.Equal(linked ? 1 : 0, (await LinksAsync(hub, id)).Count);
        Assert.Equal(!linked, message.Parts.Any(part => part.FileName == "a.bin"));
        var limits = await hub.GetAsync<JsonElement>("/api/v1/mails/limits");
        Assert.Equal(35 * 1048576, limits.GetProperty("maxBytes").GetInt64());
        Assert.Equal(Math.Min((ofServer ?? 1) * 1048576L, taken ?? long.MaxValue), limits.GetProperty("linksOver").GetInt64());
    }

    [Fact]
    public async Task What_no_mail_takes_goes_as_links_whatever_the_server_would_take()
    {
        await using var hub = await HubWithServerAsync(maxEmailSize: 150);
        Assert.Null(await hub.Service<SystemParameters>().SetAsync(KnownParameter.MaxMessageMegabytes, "2", null, Cancel));
        var (id, message) = await PutAsync(hub, [new("a.bin", "application/octet-stream", Bytes(1_200_000)), new("b.bin", "application/octet-stream", Bytes(1_200_000))]);
        Assert.Equal(2, (await LinksAsync(hub, id)).Count);
        Assert.Empty(message.Parts);
        var limits = await hub.GetAsync<JsonElement>("/api/v1/mails/limits");
        Assert.Equal((2 * 1048576, 100 * 1048576), (limits.GetProperty("linksOver").GetInt64(), limits.GetProperty("maxFilesBytes").GetInt64()));
    }

    [Fact]
    public async Task Whoever_composes_is_told_before_sending()
    {
        await using var hub = await HubWithServerAsync();
        var input = (await hub.PageAsync("/conversations/new")).QuerySelector("input[type=file]")!;
        Assert.Equal("1048576", input.GetAttribute("data-links-over"));
        Assert.Contains("go as download links, good for 30 days", input.ParentElement!.TextContent, StringComparison.Ordinal);
    }

    // OUT-26
    [Fact]
    public async Task A_mail_that_is_larger_than_the_server_takes_is_refused_before_its_data_and_not_tried_again()
    {
        await using var smtp = new ScriptedSmtp { At = "EHLO", Answer = "250-scripted\r\n250 SIZE 5000" };
        await using var hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Small", kind = "smtp", host = "localhost", port = smtp.Port, security = "none", fromFilter = "hub.example" });
        var put = await hub.Service<Outbox>().PutAsync(new OutgoingMessage { From = new(null, EmailAddress.Parse(HubUnderTest.AdministratorEmail)), To = [new(null, EmailAddress.Parse("ben@example.org"))], Subject = "Long", Text = string.Join('\n', Enumerable.Repeat("a line of text", 1000)) }, null, Cancel);
        JsonElement mail;
        using var changes = hub.Service<Postrider.Journal.LiveEvents>().Subscribe(new HashSet<string> { "outbox-mail" })!;
        while ((mail = await hub.GetAsync<JsonElement>($"/api/v1/mails/{put.Id!.Value.Value}")).GetProperty("state").GetString() is "waiting" or "sending") await changes.Changes.ReadAsync(Cancel);
        Assert.Equal("refused", mail.GetProperty("state").GetString());
        Assert.StartsWith("552 5.3.4", mail.GetProperty("recipients")[0].GetProperty("reply").GetString(), StringComparison.Ordinal);
        Assert.Equal("mail-too-large", mail.GetProperty("problem").GetProperty("code").GetString());
        Assert.DoesNotContain(Assert.Single(mail.GetProperty("attempts").EnumerateArray()).GetProperty("transcript").EnumerateArray(), line => line.GetString()!.Contains("MAIL FROM", StringComparison.Ordinal));
        Assert.Equal(0, smtp.Taken);
    }

    /// <summary>A hub that makes links of what is over a megabyte, with a server that nobody can reach.</summary>
    private static async Task<HubUnderTest> HubWithServerAsync(TimeProvider? clock = null, int? maxEmailSize = null)
    {
        var hub = await HubUnderTest.StartAsync(options => options with { Clock = clock ?? options.Clock });
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Dead end", kind = "smtp", host = "localhost", port = 1, fromFilter = "hub.example", maxEmailSize });
        await hub.Service<HubDatabase>().WriteAsync(tx =>
        {
            tx.Execute("UPDATE outgoing_server SET held_at = @Now, held_reason = ''", new { tx.Now });
            hub.Service<ServerRoster>().Forget(tx);
        });
        Assert.Null(await hub.Service<SystemParameters>().SetAsync(KnownParameter.DefaultMaxEmailSize, "1", null, Cancel));
        return hub;
    }

    private static async Task<(OutboxMailId Id, Read Message)> PutAsync(HubUnderTest hub, DraftAttachment[] files, string? html = null)
    {
        var put = await hub.Service<Outbox>().PutAsync(
            new OutgoingMessage { From = new("Ada", EmailAddress.Parse(HubUnderTest.AdministratorEmail)), To = [new(null, EmailAddress.Parse("ben@example.org"))], Subject = "Files", Text = "Hello", Html = html, Attachments = files }, null, Cancel);
        Assert.Null(put.Problem);
        var mail = await hub.Service<HubDatabase>().ReadAsync(reader => hub.Service<OutboxStore>().Find(reader, put.Id!.Value)!);
        var message = MimeMessage.Read(await hub.Service<Bodies>().ReadAsync(mail.BodyId, Cancel));
        return (mail.Id, new(message.TextBody ?? "", message.HtmlBody ?? "", [.. message.Attachments.Select(part => (part.FileName, part.ContentId))]));
    }

    private static async Task<IReadOnlyList<JsonElement>> LinksAsync(HubUnderTest hub, OutboxMailId id) => [.. (await hub.GetAsync<JsonElement>($"/api/v1/mails/{id.Value}/links")).EnumerateArray()];

    private static byte[] Bytes(int count) => [.. Enumerable.Range(0, count).Select(n => (byte)(n * 31))];

    private sealed record Read(string Text, string Html, IReadOnlyList<(string? FileName, string? ContentId)> Parts);

    [GeneratedRegex(@"http://localhost:\d+/files/[\w-]{43}", RegexOptions.None, 1000)]
    private static partial Regex Address { get; }
}
