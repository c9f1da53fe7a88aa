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
}
