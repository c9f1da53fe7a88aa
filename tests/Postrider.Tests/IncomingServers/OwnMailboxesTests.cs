using System.Text.Json;
using AngleSharp.Html.Dom;
using Postrider.Tests.Conversations;

namespace Postrider.Tests.IncomingServers;

/// <summary>An answer to all does not go back into a mailbox that the hub reads or sends from.</summary>
public sealed class OwnMailboxesTests
{
    [Fact]
    public async Task An_answer_to_all_leaves_out_the_mailboxes_of_incoming_and_outgoing_servers()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = "Orders", kind = "imap", userName = "Orders@box.example", password = "secret", host = "imap.box.example" });
        await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = "No address", kind = "imap", userName = "orders", password = "secret", host = "imap.box.example" });
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Out", kind = "smtp", host = "127.0.0.1", port = 9, security = "none", userName = "sender@box.example", password = "secret", fromFilter = "box.example" });

        var id = await Mails.TakeAsync(hub, "From: Ann <ann@example.org>\r\nTo: orders@box.example, sender@box.example\r\nCc: eve@example.org\r\nSubject: One\r\n\r\nhello\r\n");
        Assert.Equal(("\"Ann\" <ann@example.org>", "eve@example.org"), Fields(await hub.PageAsync($"/conversations/{id}?to=all")));
        var alone = await Mails.TakeAsync(hub, "From: Ann <ann@example.org>\r\nTo: orders+7@box.example\r\nSubject: Two\r\n\r\nhello\r\n");
        Assert.Equal(("\"Ann\" <ann@example.org>", ""), Fields(await hub.PageAsync($"/conversations/{alone}?to=all")));
    }

    [Fact]
    public async Task The_mailbox_that_a_mail_came_out_of_is_left_out()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        await mail.WatchAsync();
        await mail.AwaitAsync("conversation", () =>
        {
            mail.Deliver(MailboxesUnderTest.Notifications, MailboxesUnderTest.Rosa, "To us", "Cc: eve@example.org\r\n");
            return Task.CompletedTask;
        }, async () => (await mail.ConversationsAsync()).Length == 1);
        var id = (await mail.ConversationsAsync())[0].GetProperty("id").GetGuid();
        Assert.Equal((MailboxesUnderTest.Rosa, "eve@example.org"), Fields(await mail.Hub.PageAsync($"/conversations/{id}?to=all")));
    }

    private static (string To, string Cc) Fields(IHtmlDocument page) => (Value(page, "to"), Value(page, "cc"));

    private static string Value(IHtmlDocument page, string name) => ((IHtmlInputElement)page.QuerySelector($"#answer [name={name}]")!).Value;
}
