using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Sandbox.Exchange;
using Postrider.Tests.IncomingServers;

namespace Postrider.Tests.IncomingMail;

/// <summary>On the wire: sent through Exchange, bounced by somebody outside, read out of the mailbox that sent it.</summary>
public sealed class BouncesTests
{
    private const string Gone = "gone@elsewhere.example";

    [Fact]
    public async Task A_bounce_is_told_by_its_conversation_and_the_address_gets_no_more_mail()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        await mail.WatchAsync();
        await mail.SendThroughAsync();
        Bounces(mail, Gone);

        var sent = await mail.Hub.PostAsync<JsonElement>("/api/v1/conversations", new { to = new[] { Gone, MailboxesUnderTest.Rosa }, subject = "Offer", text = "Hello" });
        var conversation = sent.GetProperty("conversation").GetGuid();
        await mail.AwaitAsync($"conversation/{conversation}", () => Task.CompletedTask, async () => (await mail.MessagesAsync(conversation))[0].GetProperty("delivery").GetProperty("state").GetString() == "partly-bounced");
        var delivery = (await mail.MessagesAsync(conversation))[0].GetProperty("delivery");
        Assert.Equal("mail-bounced", delivery.GetProperty("problem").GetProperty("code").GetString());
        Assert.Equal("report", (await mail.MessagesAsync(conversation))[1].GetProperty("direction").GetString());
        var article = (await mail.Hub.PageAsync($"/conversations/{conversation}")).QuerySelector("article")!.TextContent;
        Assert.Contains("Not delivered to some", article, StringComparison.Ordinal);
        Assert.Contains(Gone, article, StringComparison.Ordinal);

        using var again = await mail.Hub.Browser.PostAsJsonAsync("/api/v1/conversations", new { to = new[] { Gone }, subject = "Again", text = "Hello" });
        Assert.Equal("mail-all-suppressed", (await again.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
        Assert.Single(mail.Box(Gone).Inbox.Messages());
    }

    [Fact]
    public async Task A_bounce_of_a_mail_that_no_conversation_holds_stands_with_the_mail_and_not_in_quarantine()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        await mail.WatchAsync();
        await mail.SendThroughAsync();
        Bounces(mail, Gone);
        var id = (await mail.Hub.PostAsync<JsonElement>("/api/v1/mails", new { from = MailboxesUnderTest.Notifications, to = new[] { Gone }, subject = "Invoice", text = "x" })).GetProperty("id").GetGuid();
        await mail.AwaitAsync($"outbox-mail/{id}", () => Task.CompletedTask, async () => (await mail.Hub.GetAsync<JsonElement>($"/api/v1/mails/{id}")).GetProperty("recipients")[0].GetProperty("fate").ValueKind == JsonValueKind.Object);
        Assert.Equal("hard-bounced", (await mail.Hub.GetAsync<JsonElement>($"/api/v1/mails/{id}")).GetProperty("recipients")[0].GetProperty("fate").GetProperty("fate").GetString());
        Assert.Equal(0, (await mail.Hub.GetAsync<JsonElement>("/api/v1/quarantine")).GetProperty("messages").GetArrayLength());
        Assert.Empty(await mail.ConversationsAsync());
        using var suppressed = await mail.Hub.Browser.GetAsync($"/api/v1/suppressed-addresses/{Gone}");
        Assert.Equal(HttpStatusCode.OK, suppressed.StatusCode);
    }

    /// <summary>Whatever comes for that address is answered by a mail server as to an unknown mailbox.</summary>
    private static void Bounces(MailboxesUnderTest mail, string address)
    {
        var inbox = mail.Sandbox.Mailboxes.FindOrInvent(EmailAddress.Parse(address)).Inbox;
        inbox.Changed += () =>
        {
            var original = inbox.Messages()[^1].Bytes;
            var report = new MessageDraft
            {
                From = new NamedAddress(null, EmailAddress.Parse("mailer-daemon@elsewhere.example")), To = [new NamedAddress(null, EmailAddress.Parse(MailboxesUnderTest.Notifications))], Subject = "Undelivered Mail Returned to Sender",
                Date = mail.Sandbox.Clock.GetUtcNow(), MessageId = $"{Guid.CreateVersion7():N}@elsewhere.example", Text = "I could not deliver your message.",
                Report = new DraftReport("mx.elsewhere.example", [new(EmailAddress.Parse(address), "failed", "5.1.1") { Diagnostic = "550 5.1.1 no such user here" }], original),
            };
            mail.Sandbox.Transport.Deliver(mail.Box(MailboxesUnderTest.Notifications), report.Write());
        };
    }
}
