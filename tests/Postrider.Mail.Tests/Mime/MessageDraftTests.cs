using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

public sealed class MessageDraftTests
{
    private static MessageDraft Draft => new()
    {
        From = new NamedAddress("Jürgen Groß", EmailAddress.Parse("jg@example.com")),
        To = [new NamedAddress("Lee, \"Ann\"", EmailAddress.Parse("ann@example.org")), new NamedAddress(null, EmailAddress.Parse("ben@example.org"))],
        Subject = "Angebot für die Bäckerei – ein längerer Betreff mit 🥐 und noch viel mehr Text, damit er gefaltet wird",
        Date = new DateTimeOffset(2026, 11, 22, 12, 0, 0, TimeSpan.FromHours(1)),
        MessageId = "1@example.com",
        Text = "Grüße\nan alle\n",
        Html = "<p>Grüße</p>",
    };

    [Fact]
    public void What_was_written_is_read_back()
    {
        var bytes = new byte[100_000];
        new Random(1).NextBytes(bytes);
        var draft = Draft with { Attachments = [new DraftAttachment("Preisliste für Ännchen, 100 %.pdf", "application/pdf", bytes), new DraftAttachment("logo.png", "image/png", new byte[] { 1, 2, 3 }, "logo@example.com")] };
        var read = MimeMessage.Read(draft.Write());
        Assert.Equal(draft.Subject, read.Subject);
        Assert.Equal([draft.From], read.From);
        Assert.Equal(draft.To, read.To);
        Assert.Equal(draft.Date, read.Date);
        Assert.Equal(draft.MessageId, read.MessageId);
        Assert.Equal("Grüße\r\nan alle\r\n", read.TextBody);
        Assert.Equal("<p>Grüße</p>", read.HtmlBody);
        Assert.Equal(["logo.png", "Preisliste für Ännchen, 100 %.pdf"], read.Attachments.Select(a => a.FileName));
        Assert.Equal(bytes, read.Attachments[1].DecodeBytes());
        Assert.Equal("logo@example.com", read.Attachments[0].ContentId);
        Assert.Empty(read.Defects);
        Assert.All(Encoding.ASCII.GetString(draft.Write()).Split("\r\n"), line => Assert.InRange(line.Length, 0, 78));
    }

    [Theory]
    [InlineData("Bad Name")]
    [InlineData("Bad:Name")]
    [InlineData("Bad\r\nName")]
    [InlineData("")]
    [InlineData("Ünicode")]
    [InlineData("Bcc")]
    [InlineData("content-type")]
    [InlineData("Subject")]
    public void A_header_name_that_is_not_allowed_is_refused(string name) =>
        Assert.Throws<FormatException>(() => (Draft with { ExtraHeaders = [new(name, "value")] }).Write());

    [Theory]
    [InlineData("")]
    [InlineData("a b@example.com")]
    [InlineData("<a@example.com>")]
    [InlineData("a@example.com\r\nBcc: eve@example.net")]
    [InlineData("ä@example.com")]
    public void A_message_id_that_is_not_allowed_is_refused_and_a_foreign_one_left_out(string id)
    {
        Assert.Throws<FormatException>(() => (Draft with { MessageId = id }).Write());
        var read = MimeMessage.Read((Draft with { InReplyTo = id, References = [id, "good@example.com"] }).Write());
        Assert.Empty(read.InReplyTo);
        Assert.Equal(["good@example.com"], read.References);
    }

    [Fact]
    public void A_boundary_in_the_content_is_not_used()
    {
        var first = Encoding.ASCII.GetString(Draft.Write());
        var boundary = first.Split("boundary=\"")[1].Split('"')[0];
        var quoting = Draft with { Text = "--" + boundary + "\r\n--" + boundary + "--\r\n" };
        // The boundary depends on the content, so the clash is made with the boundary of the quoting draft itself, as far as that can be had.
        for (var i = 0; i < 3; i++) quoting = quoting with { Text = quoting.Text + "--" + Encoding.ASCII.GetString(quoting.Write()).Split("boundary=\"")[1].Split('"')[0] + "\r\n" };
        Assert.Equal(quoting.Text, MimeMessage.Read(quoting.Write()).TextBody);
    }

    [Fact]
    public void Nobody_named_is_written_as_an_empty_group()
    {
        var bytes = (Draft with { To = [] }).Write();
        Assert.Contains("To: undisclosed-recipients:;", Encoding.ASCII.GetString(bytes));
        Assert.Empty(MimeMessage.Read(bytes).To);
    }

    [Fact]
    public void A_plain_subject_stays_readable()
    {
        var text = Encoding.ASCII.GetString((Draft with { Subject = "Quarterly report: 100% of (nearly) everything, \"as agreed\"" }).Write());
        Assert.Contains("\r\nSubject: Quarterly report: 100% of (nearly) everything, \"as agreed\"\r\n", text);
    }

    [Fact]
    public void Only_what_cannot_stay_is_encoded()
    {
        var text = Encoding.ASCII.GetString((Draft with { Subject = "Menu for the café on Monday" }).Write());
        Assert.Contains("\r\nSubject: Menu for the =?utf-8?q?caf=C3=A9?= on Monday\r\n", text);
    }

    [Fact]
    public void An_enclosed_message_is_never_encoded()
    {
        var inner = Draft with { Text = "plain", Html = null };
        var outer = Draft with { Attachments = [new DraftAttachment("mail.eml", "message/rfc822", inner.Write()), new DraftAttachment("raw.eml", "message/rfc822", "Subject: \u00FC\r\n\r\n"u8.ToArray())] };
        var attachments = MimeMessage.Read(outer.Write()).Attachments;
        Assert.Equal(["message/rfc822", "application/octet-stream"], attachments.Select(a => a.MediaType));
        Assert.Equal("7bit", attachments[0].TransferEncodingName);
        Assert.Equal("plain\r\n", attachments[0].Children[0].DecodeText());
    }

    [Fact]
    public void Addresses_beyond_ASCII_are_written_in_UTF_8()
    {
        var address = EmailAddress.Parse("jürgen@bücher.example");
        var read = MimeMessage.Read((Draft with { From = new NamedAddress(null, address) }).Write());
        Assert.Equal(address, read.From[0].Address);
        Assert.Contains("jürgen@xn--bcher-kva.example", Encoding.UTF8.GetString(read.Root.RawHeaders.Span));
    }
}
