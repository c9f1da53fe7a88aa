using System.Net;
using System.Text;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Sandbox.Exchange;

namespace Postrider.Tests.Sandbox;

public sealed class OutlookPageTests(PortalUnderTest portal) : IClassFixture<PortalUnderTest>
{
    private const string Ann = "ann@meadow.example";
    private const string Ben = "ben@meadow.example";

    [Fact]
    public async Task Person_outside_writes_and_the_mailbox_answers_in_the_same_conversation()
    {
        using var person = new PlainBrowser(portal.Sandbox.Http);
        await person.OpenAsync("/outlook");
        person.Fill("Email address", "carla@customer.example");
        await person.PressAsync("Open mailbox");
        await person.FollowAsync("New mail");
        person.Fill("To", $"Ann <{Ann}>");
        person.Fill("Subject", "Größere Bestellung");
        person.Fill("Message", "Vierzig Croissants, bitte.");
        await person.PressAsync("Send");

        await person.OpenAsync($"/outlook/{Ann}");
        await person.FollowAsync("Größere Bestellung");
        Assert.Contains("Vierzig Croissants, bitte.", person.Text, StringComparison.Ordinal);
        await person.FollowAsync("Reply");
        Assert.Equal("carla@customer.example", person.ValueOf("To"));
        Assert.Equal("Re: Größere Bestellung", person.ValueOf("Subject"));
        person.Fill("Message", "Gern.\n" + person.ValueOf("Message"));
        await person.PressAsync("Send");

        var asked = MimeMessage.Read(Assert.Single(Box("carla@customer.example").SentItems.Messages()).Bytes);
        var answer = MimeMessage.Read(Assert.Single(Box("carla@customer.example").Inbox.Messages()).Bytes);
        Assert.Equal([asked.MessageId!], answer.InReplyTo);
        Assert.Equal([asked.MessageId!], answer.References);
        Assert.Contains("> Vierzig Croissants, bitte.", answer.TextBody, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refused_letter_comes_back_with_what_was_written_and_nothing_is_sent()
    {
        using var person = await OpenAsync($"/outlook/{Ben}/compose");
        person.Fill("Cc", "not an address");
        person.Fill("Subject", "Kept");
        person.Fill("Message", "Line one\nline two");
        await person.PressAsync("Send");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, person.Status);
        Assert.Equal("Add a recipient.", person.ProblemOf("To"));
        Assert.StartsWith("These are not all e-mail addresses.", person.ProblemOf("Cc"), StringComparison.Ordinal);
        Assert.Equal(("Kept", "Line one\nline two"), (person.ValueOf("Subject"), person.ValueOf("Message").ReplaceLineEndings("\n")));
        Assert.Empty(Box(Ben).SentItems.Messages());
    }

    [Fact]
    public async Task Html_is_shown_only_in_a_frame_that_may_do_nothing()
    {
        var folder = Put("HTML", html: "<p>Hello</p><script>parent.hacked = 1</script><img src='http://tracker.example/a.png'>");
        using var person = await OpenAsync($"/outlook/{Ann}/message?folder=INBOX&uid={folder}&view=html");
        var frame = person.Page.QuerySelector("iframe")!;
        Assert.Equal("", frame.GetAttribute("sandbox"));
        Assert.Empty(person.Page.QuerySelectorAll("main script, main img"));

        await person.OpenAsync(frame.GetAttribute("src")!);
        Assert.StartsWith("sandbox;", person.ContentSecurityPolicy, StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", person.ContentSecurityPolicy, StringComparison.Ordinal);
        Assert.DoesNotContain("script-src", person.ContentSecurityPolicy, StringComparison.Ordinal);
        Assert.Contains("img-src data:;", person.ContentSecurityPolicy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Text_of_a_message_stays_text()
    {
        var uid = Put("<b>Bold</b> subject", text: "<script>alert(1)</script>");
        using var person = await OpenAsync($"/outlook/{Ann}/message?uid={uid}");
        Assert.Empty(person.Page.QuerySelectorAll("main script, main b"));
        Assert.Contains("<script>alert(1)</script>", person.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Picture_that_came_with_the_message_is_shown_in_its_place()
    {
        var uid = Put("Picture", html: "<img src='cid:logo@x'>", attachments: new DraftAttachment("logo.png", "image/png", new byte[] { 1, 2, 3 }, "logo@x"));
        using var person = await OpenAsync($"/outlook/{Ann}/message/html?folder=INBOX&uid={uid}");
        Assert.Equal("data:image/png;base64,AQID", person.Page.QuerySelector("img")!.GetAttribute("src"));
    }

    [Fact]
    public async Task Raw_source_is_downloaded_byte_for_byte()
    {
        var uid = Put("Raw", text: "As it came.");
        var (bytes, mediaType, disposition) = await DownloadAsync($"/outlook/{Ann}/message/source?folder=INBOX&uid={uid}");
        Assert.Equal(Box(Ann).Inbox.Find(uid)!.Bytes.ToArray(), bytes);
        Assert.Equal("message/rfc822", mediaType);
        Assert.StartsWith("attachment", disposition, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Attachment_is_only_ever_downloaded_whatever_its_sender_calls_it()
    {
        var uid = Put("File", text: "See the file.", attachments: new DraftAttachment("../page.html", "text/html", Encoding.ASCII.GetBytes("<script>1</script>")));
        var (bytes, mediaType, disposition) = await DownloadAsync($"/outlook/{Ann}/message/attachment?folder=INBOX&uid={uid}&n=0");
        Assert.Equal("<script>1</script>", Encoding.ASCII.GetString(bytes));
        Assert.Equal("application/octet-stream", mediaType);
        Assert.StartsWith("attachment", disposition, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Opening_a_message_reads_it_and_it_can_be_made_unread_again()
    {
        var uid = Put("Read me", text: "Now.");
        using var person = await OpenAsync($"/outlook/{Ann}/message?folder=INBOX&uid={uid}");
        Assert.Contains("\\Seen", Box(Ann).Inbox.Find(uid)!.Flags);
        await person.PressAsync("Mark as unread");
        Assert.DoesNotContain("\\Seen", Box(Ann).Inbox.Find(uid)!.Flags);
    }

    [Fact]
    public async Task Deleted_message_moves_to_deleted_items_and_from_there_for_good()
    {
        var uid = Put("Delete me", text: "Now.");
        using var person = await OpenAsync($"/outlook/{Ann}/message?folder=INBOX&uid={uid}");
        await person.PressAsync("Delete");
        Assert.Null(Box(Ann).Inbox.Find(uid));
        var moved = Assert.Single(Box(Ann).Folder("Deleted Items")!.Messages());
        await person.OpenAsync($"/outlook/{Ann}/message?folder=Deleted%20Items&uid={moved.Uid}");
        await person.PressAsync("Delete");
        Assert.Empty(Box(Ann).Folder("Deleted Items")!.Messages());
    }

    [Fact]
    public async Task Long_folder_is_shown_page_by_page_and_each_message_once()
    {
        var box = Box("sales@meadow.example");
        for (var n = 0; n < 120; n++) portal.Sandbox.Transport.Deliver(box, Draft($"Number {n:000}", "x").Write());
        using var person = await OpenAsync("/outlook/sales@meadow.example");
        var seen = new List<string>();
        while (true)
        {
            seen.AddRange(person.Page.QuerySelectorAll(".mail-subject").Select(e => e.TextContent));
            if (person.Page.QuerySelectorAll(".mail-pages a").All(a => a.TextContent != "Older")) break;
            await person.FollowAsync("Older");
        }
        Assert.Equal(Enumerable.Range(0, 120).Reverse().Select(n => $"Number {n:000}"), seen);
    }

    [Theory]
    [InlineData("/outlook/nobody@nowhere.example", "There is no mailbox nobody@nowhere.example")]
    [InlineData("/outlook/ann@meadow.example?folder=Nowhere", "has no folder Nowhere")]
    [InlineData("/outlook/ann@meadow.example/message?uid=4000000", "It was moved or deleted.")]
    public async Task What_is_not_there_is_said_in_words(string address, string words)
    {
        using var person = await OpenAsync(address);
        Assert.Equal(HttpStatusCode.NotFound, person.Status);
        Assert.Contains(words, person.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_becomes_a_person_of_the_company_by_opening_a_mailbox()
    {
        using var person = await OpenAsync("/outlook");
        person.Fill("Email address", "invented@meadow.example");
        await person.PressAsync("Open mailbox");
        Assert.Equal("Meadow Bakery has no such mailbox.", person.ProblemOf("Email address"));
        Assert.Null(portal.Sandbox.Mailboxes.Find("invented@meadow.example"));
    }

    [Fact]
    public async Task Letter_that_another_site_posts_is_not_sent()
    {
        using var person = await OpenAsync($"/outlook/{Ben}/compose");
        await person.PostAsync($"/outlook/{Ben}/compose", ("to", Ann), ("subject", "Forged"));
        Assert.Equal(HttpStatusCode.BadRequest, person.Status);
        Assert.DoesNotContain(Box(Ann).Inbox.Messages(), m => MimeMessage.Read(m.Bytes).Subject == "Forged");
    }

    private Mailbox Box(string address) => portal.Sandbox.Mailboxes.Find(address)!;

    private async Task<PlainBrowser> OpenAsync(string path)
    {
        var browser = new PlainBrowser(portal.Sandbox.Http);
        await browser.OpenAsync(path);
        return browser;
    }

    private uint Put(string subject, string? text = null, string? html = null, params DraftAttachment[] attachments) =>
        portal.Sandbox.Transport.Deliver(Box(Ann), (Draft(subject, text) with { Html = html, Attachments = attachments }).Write());

    private static MessageDraft Draft(string subject, string? text) => new()
    {
        From = new NamedAddress("Carla", EmailAddress.Parse("carla@customer.example")),
        To = [new NamedAddress(null, EmailAddress.Parse(Ann))],
        Subject = subject,
        Date = DateTimeOffset.UnixEpoch.AddYears(56),
        MessageId = Guid.CreateVersion7().ToString("N") + "@customer.example",
        Text = text,
    };

    private async Task<(byte[] Bytes, string? MediaType, string? Disposition)> DownloadAsync(string path)
    {
        using var client = new HttpClient(new SocketsHttpHandler()) { BaseAddress = portal.Sandbox.Http };
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        return (await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken), answer.Content.Headers.ContentType?.MediaType, answer.Content.Headers.ContentDisposition?.ToString());
    }
}
