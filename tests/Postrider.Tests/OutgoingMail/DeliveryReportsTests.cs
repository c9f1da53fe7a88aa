using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Mail.Reports;
using Postrider.OutgoingMail;
using Postrider.Storage;

namespace Postrider.Tests.OutgoingMail;

public sealed class DeliveryReportsTests
{
    private const string Ann = "ann@example.org";
    private const string Ben = "Ben@example.org";

    [Fact]
    public async Task A_hard_bounce_stands_with_the_recipient_and_suppresses_the_address()
    {
        await using var hub = await HubWithServerAsync();
        var id = await SentAsync(hub, Ann, Ben);
        var noted = await NoteAsync(hub, await ReportAsync(hub, id, Failed("ben@EXAMPLE.org", "5.1.1")));
        Assert.Equal(id, noted!.Mail);

        var mail = await hub.GetAsync<JsonElement>($"/api/v1/mails/{id.Value}");
        Assert.Equal(["", "hard-bounced"], Fates(mail));
        Assert.Equal("mail-bounced", mail.GetProperty("problem").GetProperty("code").GetString());
        Assert.Contains("550 5.1.1 no such user", mail.GetProperty("problem").GetProperty("detail").GetString(), StringComparison.Ordinal);
        var suppressed = Assert.Single(await SuppressedAsync(hub));
        Assert.Equal(("ben@example.org", "address-invalid", id.Value), (suppressed.GetProperty("address").GetString(), suppressed.GetProperty("reason").GetString(), suppressed.GetProperty("mail").GetGuid()));
        Assert.Contains("Bounced", (await hub.PageAsync($"/email-queue/{id.Value:D}")).Body!.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_report_twice_is_as_once()
    {
        await using var hub = await HubWithServerAsync();
        for (var n = 0; n < 2; n++)
        {
            var report = await ReportAsync(hub, await SentAsync(hub, Ann), Failed(Ann, "5.2.1", "mailbox disabled"));
            for (var times = 0; times < 5; times++) await NoteAsync(hub, report);
        }

        Assert.Empty(await SuppressedAsync(hub));
        await NoteAsync(hub, await ReportAsync(hub, await SentAsync(hub, Ann), Failed(Ann, "5.2.1", "mailbox disabled")));
        Assert.Equal("bounces", Assert.Single(await SuppressedAsync(hub)).GetProperty("reason").GetString());

        // Removed, the old bounces are forgotten.
        using (var removed = await hub.Browser.DeleteAsync($"/api/v1/suppressed-addresses/{Ann}")) Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        await NoteAsync(hub, await ReportAsync(hub, await SentAsync(hub, Ann), Failed(Ann, "5.2.1", "mailbox disabled")));
        Assert.Empty(await SuppressedAsync(hub));
    }

    [Fact]
    public async Task A_delivery_lets_the_count_start_anew()
    {
        await using var hub = await HubWithServerAsync();
        foreach (var recipient in (DraftReportRecipient[])[Failed(Ann, "5.2.1", "mailbox disabled"), Failed(Ann, "5.2.1", "mailbox disabled"), new(EmailAddress.Parse(Ann), "delivered", "2.0.0"), Failed(Ann, "5.2.1", "mailbox disabled")])
            await NoteAsync(hub, await ReportAsync(hub, await SentAsync(hub, Ann), recipient));
        Assert.Empty(await SuppressedAsync(hub));
    }

    [Fact]
    public async Task A_delay_is_followed_by_what_became_of_it_and_not_the_other_way()
    {
        await using var hub = await HubWithServerAsync();
        var id = await SentAsync(hub, Ann);
        var (delayed, bounced) = (await ReportAsync(hub, id, new DraftReportRecipient(EmailAddress.Parse(Ann), "delayed", "4.4.1")), await ReportAsync(hub, id, Failed(Ann, "4.4.7", "delivery time expired")));
        await NoteAsync(hub, delayed);
        var mail = await hub.GetAsync<JsonElement>($"/api/v1/mails/{id.Value}");
        Assert.Equal(("delayed", "mail-delayed"), (Fates(mail)[0], mail.GetProperty("problem").GetProperty("code").GetString()));

        await NoteAsync(hub, bounced);
        await NoteAsync(hub, delayed);
        Assert.Equal(["soft-bounced"], Fates(await hub.GetAsync<JsonElement>($"/api/v1/mails/{id.Value}")));
        Assert.Empty(await SuppressedAsync(hub));
    }

    [Fact]
    public async Task A_complaint_suppresses()
    {
        await using var hub = await HubWithServerAsync();
        var id = await SentAsync(hub, Ann);
        var original = Encoding.ASCII.GetString(await OriginalAsync(hub, id));
        await NoteAsync(hub, MailReport.Read(MimeMessage.Read(Encoding.ASCII.GetBytes(
            "From: fbl@isp.example\r\nTo: abuse@meadow.example\r\nSubject: FW: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nA complaint.\r\n"
            + "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + original + "\r\n--b--\r\n")))!);
        Assert.Equal("complaint", Assert.Single(await SuppressedAsync(hub)).GetProperty("reason").GetString());
        Assert.Equal(["complained"], Fates(await hub.GetAsync<JsonElement>($"/api/v1/mails/{id.Value}")));
    }

    [Fact]
    public async Task A_report_without_our_Message_ID_is_known_by_our_mark()
    {
        await using var hub = await HubWithServerAsync();
        var id = await SentAsync(hub, Ann);
        var original = Encoding.ASCII.GetString(await OriginalAsync(hub, id)).Replace("Message-ID:", "X-Was:", StringComparison.OrdinalIgnoreCase);
        var noted = await NoteAsync(hub, Report(Encoding.ASCII.GetBytes(original), Failed(Ann, "5.1.1")));
        Assert.Equal(id, noted!.Mail);
        Assert.Single(await SuppressedAsync(hub));
    }

    [Fact]
    public async Task A_report_without_any_mark_is_told_by_its_recipient_only_when_one_mail_can_be_meant_and_suppresses_nobody()
    {
        await using var hub = await HubWithServerAsync();
        var id = await SentAsync(hub, Ann);
        var nameless = Report("Subject: x\r\n\r\ny\r\n"u8.ToArray(), Failed(Ann, "5.1.1"));
        Assert.Equal(id, (await NoteAsync(hub, nameless))!.Mail);
        Assert.Empty(await SuppressedAsync(hub));

        await SentAsync(hub, Ann);
        Assert.Null(await NoteAsync(hub, nameless));
        Assert.Null(await NoteAsync(hub, Report("Message-ID: <elsewhere@example.net>\r\n\r\ny\r\n"u8.ToArray(), Failed(Ben, "5.1.1"))));
    }

    [Fact]
    public async Task A_report_that_names_nobody_the_mail_went_to_is_none_of_it()
    {
        await using var hub = await HubWithServerAsync();
        var id = await SentAsync(hub, Ann, Ben);
        Assert.Null(await NoteAsync(hub, await ReportAsync(hub, id, Failed("mallory@example.net", "5.1.1"))));
        // With one recipient it is where that one forwards to; the address itself is not judged by it.
        var one = await SentAsync(hub, Ann);
        Assert.NotNull(await NoteAsync(hub, await ReportAsync(hub, one, Failed("ann.private@example.net", "5.1.1"))));
        Assert.Equal(["hard-bounced"], Fates(await hub.GetAsync<JsonElement>($"/api/v1/mails/{one.Value}")));
        Assert.Empty(await SuppressedAsync(hub));
    }

    [Fact]
    public async Task A_report_on_an_unknown_mail_proves_that_it_was_sent()
    {
        await using var hub = await HubWithServerAsync();
        var id = await SentAsync(hub, Ann, state: 8, recipientState: RecipientState.Unknown);
        await NoteAsync(hub, await ReportAsync(hub, id, Failed(Ann, "5.1.1")));
        Assert.Equal(OutboxState.Sent, (await hub.Service<HubDatabase>().ReadAsync(reader => hub.Service<OutboxStore>().Find(reader, id)))!.State);
    }

    [Fact]
    public async Task A_suppressed_recipient_is_not_offered_and_others_are()
    {
        await using var hub = await HubWithServerAsync();
        await hub.PostAsync<JsonElement>("/api/v1/suppressed-addresses", new { address = "BEN@example.org", note = "asked for it" });
        var put = await PutAsync(hub, Ann, Ben);
        var mail = await hub.GetAsync<JsonElement>($"/api/v1/mails/{put.Id!.Value.Value}");
        Assert.Equal([("pending", null), ("suppressed", "Suppressed by hand: asked for it")], mail.GetProperty("recipients").EnumerateArray().Select(r => (r.GetProperty("state").GetString(), r.GetProperty("reply").GetString())));
        Assert.Contains("/suppressed-addresses?search=Ben%40example.org", (await hub.PageAsync($"/email-queue/{put.Id.Value.Value:D}")).DocumentElement.InnerHtml, StringComparison.Ordinal);

        var mails = await hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<long>("SELECT COUNT(*) FROM outbox_mail"));
        using var refused = await hub.Browser.PostAsJsonAsync("/api/v1/mails", new { from = "x@meadow.example", to = new[] { "ben@example.org" }, subject = "x", text = "y" });
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("mail-all-suppressed", problem.GetProperty("code").GetString());
        Assert.Contains("asked for it", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(mails, await hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<long>("SELECT COUNT(*) FROM outbox_mail")));
    }

    [Fact]
    public async Task An_address_is_removed_on_the_page_and_mail_goes_to_it_again()
    {
        await using var hub = await HubWithServerAsync();
        await NoteAsync(hub, await ReportAsync(hub, await SentAsync(hub, Ann), Failed(Ann, "5.1.1")));
        using (var added = await HubUnderTest.SubmitAsync(hub.Browser, "/suppressed-addresses", "add", ("address", Ben), ("note", "by phone"))) Assert.Equal(HttpStatusCode.Found, added.StatusCode);
        var page = await hub.PageAsync("/suppressed-addresses");
        Assert.Equal(["ben@example.org", Ann], page.QuerySelectorAll("tr[data-address]").Select(row => row.GetAttribute("data-address")));
        Assert.Equal([Ann], (await hub.PageAsync("/suppressed-addresses?search=NN%40ex")).QuerySelectorAll("tr[data-address]").Select(row => row.GetAttribute("data-address")));
        Assert.Empty((await hub.PageAsync("/suppressed-addresses?search=%25")).QuerySelectorAll("tr[data-address]"));

        using (var removed = await HubUnderTest.SubmitAsync(hub.Browser, "/suppressed-addresses", "remove", ("address", Ann))) Assert.Equal(HttpStatusCode.Found, removed.StatusCode);
        Assert.Null((await PutAsync(hub, Ann)).Problem);
        Assert.Equal(2, await hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<long>("SELECT COUNT(*) FROM journal_event WHERE subject = 'suppressed-address' AND kind = 'address-suppressed'")));
        Assert.Equal(1, await hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<long>("SELECT COUNT(*) FROM journal_event WHERE kind = 'address-released' AND by_user IS NOT NULL")));
    }

    [Fact]
    public async Task Bad_input_is_refused_with_its_reason()
    {
        await using var hub = await HubWithServerAsync();
        await RefusedAsync(new { address = "no address" }, HttpStatusCode.BadRequest, "suppressed-address-invalid");
        await RefusedAsync(new { address = Ann, note = "two\nlines" }, HttpStatusCode.BadRequest, "suppressed-address-note-invalid");
        await hub.PostAsync<JsonElement>("/api/v1/suppressed-addresses", new { address = Ann });
        await RefusedAsync(new { address = "Ann@Example.org" }, HttpStatusCode.Conflict, "suppressed-address-taken");
        using (var deleted = await hub.Browser.DeleteAsync($"/api/v1/suppressed-addresses/{Ann}")) Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        using (var gone = await hub.Browser.DeleteAsync($"/api/v1/suppressed-addresses/{Ann}")) Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        using (var page = await HubUnderTest.SubmitAsync(hub.Browser, "/suppressed-addresses", "add", ("address", "no address"))) Assert.Equal(HttpStatusCode.BadRequest, page.StatusCode);
        using var user = await hub.OpenBrowserOfUserAsync();
        using var forbidden = await user.GetAsync("/api/v1/suppressed-addresses");
        Assert.Equal(HttpStatusCode.Forbidden, forbidden.StatusCode);

        async Task RefusedAsync(object body, HttpStatusCode status, string code)
        {
            using var answer = await hub.Browser.PostAsJsonAsync("/api/v1/suppressed-addresses", body);
            Assert.Equal((status, code), (answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));
        }
    }

    private static DraftReportRecipient Failed(string address, string status, string said = "no such user") => new(EmailAddress.Parse(address), "failed", status) { Diagnostic = $"{(status[0] == '5' ? 550 : 450)} {status} {said}" };

    private static MailReport Report(byte[] original, params DraftReportRecipient[] recipients) => MailReport.Read(MimeMessage.Read(new MessageDraft
    {
        From = new NamedAddress(null, EmailAddress.Parse("mailer-daemon@example.org")), To = [new NamedAddress(null, EmailAddress.Parse("x@meadow.example"))], Subject = "Undeliverable: x", Date = TimeProvider.System.GetUtcNow(), MessageId = Guid.CreateVersion7().ToString("N") + "@example.org",
        Text = "It did not arrive.", Report = new DraftReport("mx.example.org", recipients, original),
    }.Write()))!;

    private static async Task<MailReport> ReportAsync(HubUnderTest hub, OutboxMailId id, params DraftReportRecipient[] recipients) => Report(await OriginalAsync(hub, id), recipients);

    private static async Task<byte[]> OriginalAsync(HubUnderTest hub, OutboxMailId id)
    {
        var mail = await hub.Service<HubDatabase>().ReadAsync(reader => hub.Service<OutboxStore>().Find(reader, id));
        return await hub.Service<Bodies>().ReadAsync(mail!.BodyId, TestContext.Current.CancellationToken);
    }

    private static Task<NotedReport?> NoteAsync(HubUnderTest hub, MailReport report) => hub.Service<HubDatabase>().WriteAsync(tx => hub.Service<DeliveryReports>().Note(tx, report));

    private static IReadOnlyList<string?> Fates(JsonElement mail) => [.. mail.GetProperty("recipients").EnumerateArray().Select(recipient => recipient.GetProperty("fate") is { ValueKind: JsonValueKind.Object } fate ? fate.GetProperty("fate").GetString() : "")];

    private static async Task<JsonElement[]> SuppressedAsync(HubUnderTest hub) => [.. (await hub.GetAsync<JsonElement>("/api/v1/suppressed-addresses")).GetProperty("addresses").EnumerateArray()];

    private static Task<PutResult> PutAsync(HubUnderTest hub, params string[] to) =>
        hub.Service<Outbox>().PutAsync(new OutgoingMessage { From = new(null, EmailAddress.Parse("x@meadow.example")), To = [.. to.Select(address => new NamedAddress(null, EmailAddress.Parse(address)))], Subject = "x", Text = "y" }, null, TestContext.Current.CancellationToken);

    private static Task<OutboxMailId> SentAsync(HubUnderTest hub, params string[] to) => SentAsync(hub, to, 3, RecipientState.Sent);

    private static Task<OutboxMailId> SentAsync(HubUnderTest hub, string to, int state, RecipientState recipientState) => SentAsync(hub, [to], state, recipientState);

    /// <summary>As the server's answer leaves it.</summary>
    private static async Task<OutboxMailId> SentAsync(HubUnderTest hub, string[] to, int state, RecipientState recipientState)
    {
        var put = await PutAsync(hub, to);
        Assert.Null(put.Problem);
        await hub.Service<HubDatabase>().WriteAsync(tx =>
        {
            tx.Execute("UPDATE outbox_mail SET state = @state WHERE id = @id", new { state, id = put.Id!.Value });
            tx.Execute("UPDATE outbox_recipient SET state = @state WHERE mail_id = @id", new { state = (int)recipientState, id = put.Id!.Value });
        });
        return put.Id!.Value;
    }

    /// <summary>With a server that rests, so that nobody claims what is put.</summary>
    private static async Task<HubUnderTest> HubWithServerAsync()
    {
        var hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Nobody", kind = "smtp", host = "localhost", port = 1, fromFilter = "meadow.example" });
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = tx.Now.AddDays(1) }));
        return hub;
    }
}
