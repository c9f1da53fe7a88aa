using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.Tests.OutgoingMail;

public sealed class OutboxTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_a_server_nothing_is_taken()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var put = await PutAsync(hub, Message());
        Assert.Equal("no-outgoing-server", put.Problem!.Code);
        Assert.Equal((0, 0), await StoredAsync(hub));
    }

    [Fact]
    public async Task The_mail_its_recipients_its_bytes_and_the_callers_row_are_stored_together()
    {
        await using var hub = await HubWithServerAsync();
        var told = "";
        var put = await hub.Service<Outbox>().PutAsync(Message() with { Bcc = [new(null, EmailAddress.Parse("hidden@example.org"))] }, (_, id, messageId) => told = $"{id.Value} {messageId}", Cancel);
        Assert.Equal($"{put.Id!.Value.Value} {put.MessageId}", told);
        var (mail, recipients) = await hub.Service<HubDatabase>().ReadAsync(reader => (hub.Service<OutboxStore>().Find(reader, put.Id.Value)!, hub.Service<OutboxStore>().Recipients(reader, put.Id.Value)));
        Assert.Equal(["to", "bcc"], recipients.Select(recipient => recipient.Role));
        var text = System.Text.Encoding.ASCII.GetString(await hub.Service<Bodies>().ReadAsync(mail.BodyId, Cancel));
        Assert.Contains($"Message-ID: <{put.MessageId}>", text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("hidden@example.org", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_caller_throws_stores_nothing()
    {
        await using var hub = await HubWithServerAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => hub.Service<Outbox>().PutAsync(Message(), (_, _, _) => throw new InvalidOperationException("the caller's row"), Cancel));
        Assert.Equal((0, 0), await StoredAsync(hub));
    }

    [Fact]
    public async Task The_default_sender_stands_in_and_answers_still_go_to_the_writer()
    {
        await using var hub = await HubWithServerAsync("notifications@meadow.example");
        await hub.Service<SystemParameters>().SetAsync(KnownParameter.CatchallDomain, "meadow.example", null, Cancel);
        await hub.Service<SystemParameters>().SetAsync(KnownParameter.DefaultFrom, "notifications", null, Cancel);
        var put = await PutAsync(hub, Message());
        var mail = await hub.Service<HubDatabase>().ReadAsync(reader => hub.Service<OutboxStore>().Find(reader, put.Id!.Value)!);
        Assert.Equal("notifications@meadow.example", AddressList.Parse(mail.HeaderFrom).Addresses.Single().Address.ToString());
        Assert.Contains("The name “Ann” is kept", mail.Why, StringComparison.Ordinal);
        var text = System.Text.Encoding.ASCII.GetString(await hub.Service<Bodies>().ReadAsync(mail.BodyId, Cancel));
        Assert.Contains("Reply-To: Ann <ann@meadow.example>", text.Replace("\"", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repeated_key_is_one_mail_and_another_message_under_it_is_refused()
    {
        await using var hub = await HubWithServerAsync();
        var both = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => PutAsync(hub, Message() with { IdempotencyKey = "one" })));
        Assert.Single(both.Select(put => put.Id).Distinct());
        Assert.Equal("mail-idempotency-key-reused", (await PutAsync(hub, Message() with { IdempotencyKey = "one", Subject = "Another" })).Problem!.Code);
        Assert.Equal(1, (await StoredAsync(hub)).Mails);
    }

    [Fact]
    public async Task A_large_message_is_taken_and_one_beyond_the_limit_is_not()
    {
        await using var hub = await HubWithServerAsync();
        Assert.Null((await PutAsync(hub, Message() with { Attachments = [new DraftAttachment("a.bin", "application/octet-stream", new byte[2_000_000])] })).Problem);
        var before = await StoredAsync(hub);
        // What the HTML shows cannot go as a link.
        var put = await PutAsync(hub, Message() with { Html = "<img src='cid:a'>", Attachments = [new DraftAttachment("a.png", "image/png", new byte[40 * 1024 * 1024], "a")] });
        Assert.Equal("mail-too-large", put.Problem!.Code);
        Assert.Null(await hub.Service<SystemParameters>().SetAsync(KnownParameter.MaxFilesMegabytes, "3", null, Cancel));
        put = await PutAsync(hub, Message() with { Attachments = [.. Enumerable.Range(0, 2).Select(n => new DraftAttachment($"{n}.bin", "application/octet-stream", new byte[2_000_000]))] });
        Assert.Equal(("mail-too-large", "The files are too large."), (put.Problem!.Code, put.Problem.What));
        Assert.Equal(before, await StoredAsync(hub));
    }

    [Fact]
    public async Task A_40_MB_attachment_is_413_at_the_API_and_nothing_is_stored()
    {
        await using var hub = await HubWithServerAsync();
        using var answer = await hub.Browser.PostAsJsonAsync("/api/v1/mails", new { to = (string[])["ben@example.org"], subject = "Large", text = "x", attachments = (object[])[new { fileName = "a.bin", content = Convert.ToBase64String(new byte[40 * 1024 * 1024]) }] }, Cancel);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel));
        Assert.Equal("mail-too-large", json.RootElement.GetProperty("code").GetString());
        Assert.Contains("as JSON, takes 35 MB", json.RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Contains("multipart/form-data, up to 100 MB", json.RootElement.GetProperty("remedy").GetString(), StringComparison.Ordinal);
        Assert.Equal((0, 0), await StoredAsync(hub));
    }

    [Fact]
    public async Task The_API_answers_202_with_the_id_and_refuses_what_is_wrong()
    {
        await using var hub = await HubWithServerAsync();
        using var good = await hub.Browser.PostAsJsonAsync("/api/v1/mails", new { from = "Ann <ann@meadow.example>", to = (string[])["ben@example.org"], subject = "Hello", text = "x" }, Cancel);
        Assert.Equal(HttpStatusCode.Accepted, good.StatusCode);
        var mail = await hub.GetAsync<JsonElement>(good.Headers.Location!.OriginalString);
        Assert.Equal(("waiting", "ben@example.org"), (mail.GetProperty("state").GetString(), mail.GetProperty("recipients")[0].GetProperty("address").GetString()));

        foreach (var (body, code) in ((object, string)[])[
            (new { subject = "Nobody" }, "mail-no-recipients"),
            (new { to = (string[])["ben@example.org\r\nBcc: evil@example.org"] }, "mail-control-characters"),
            (new { to = (string[])["ben@example.org"], subject = "Two\r\nlines" }, "mail-control-characters")])
        {
            using var refused = await hub.Browser.PostAsJsonAsync("/api/v1/mails", body, Cancel);
            using var json = JsonDocument.Parse(await refused.Content.ReadAsStringAsync(Cancel));
            Assert.Equal((HttpStatusCode.UnprocessableEntity, code), (refused.StatusCode, json.RootElement.GetProperty("code").GetString()));
        }

        Assert.Equal(1, (await StoredAsync(hub)).Mails);
    }

    [Fact]
    public async Task A_waiting_mail_is_cancelled_once_and_is_not_sent()
    {
        await using var hub = await HubWithServerAsync();
        var id = (await PutAsync(hub, Message())).Id!.Value;
        using var first = await hub.Browser.PostAsync($"/api/v1/mails/{id.Value:D}/cancel", null, Cancel);
        using var second = await hub.Browser.PostAsync($"/api/v1/mails/{id.Value:D}/cancel", null, Cancel);
        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.Conflict), (first.StatusCode, second.StatusCode));
        var page = await hub.PageAsync($"/email-queue/{id.Value:D}");
        Assert.Contains("Cancelled", page.Body!.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Somebody_elses_mail_is_not_there_for_a_user()
    {
        await using var hub = await HubWithServerAsync();
        var id = (await PutAsync(hub, Message())).Id!.Value;
        using var user = await hub.OpenBrowserOfUserAsync();
        using var answer = await user.GetAsync($"/api/v1/mails/{id.Value:D}", Cancel);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    /// <summary>A hub with a server that nobody can reach.</summary>
    private static async Task<HubUnderTest> HubWithServerAsync(string filter = "meadow.example")
    {
        var hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Dead end", kind = "smtp", host = "localhost", port = 1, fromFilter = filter });
        // It rests for a day: mail for it is taken and waits.
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = tx.Now.AddDays(1) }));
        return hub;
    }

    private static OutgoingMessage Message() => new() { From = new("Ann", EmailAddress.Parse("ann@meadow.example")), To = [new("Ben", EmailAddress.Parse("ben@example.org"))], Subject = "Hello", Text = "Text" };

    private static Task<PutResult> PutAsync(HubUnderTest hub, OutgoingMessage message) => hub.Service<Outbox>().PutAsync(message, null, Cancel);

    private static Task<(long Mails, long Bodies)> StoredAsync(HubUnderTest hub) =>
        hub.Service<HubDatabase>().ReadAsync(reader => (reader.Scalar<long>("SELECT COUNT(*) FROM outbox_mail"), reader.Scalar<long>("SELECT COUNT(*) FROM body")));
}
