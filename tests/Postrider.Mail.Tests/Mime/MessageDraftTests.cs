using System.Text;
using Postrider.Mail.Mime;
using Postrider.Mail.Reports;
using Postrider.Mail.Smtp;

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

    [Theory]
    [InlineData(40, 100, 30)]
    [InlineData(40, 800, 7)] // 6,000 characters hold no more
    public void Of_many_references_the_first_and_the_newest_are_written(int count, int length, int written)
    {
        var ids = Enumerable.Range(0, count).Select(i => $"{i}@{new string('d', length)}").ToList();
        Assert.Equal([ids[0], .. ids.TakeLast(written - 1)], MimeMessage.Read((Draft with { References = ids }).Write()).References);
    }

    [Theory]
    [InlineData(SmtpBodyKind.SevenBit, "quoted-printable", "base64", "")]
    [InlineData(SmtpBodyKind.EightBit, "8bit", "base64", "8bit")]
    [InlineData(SmtpBodyKind.Binary, "8bit", "binary", "binary")]
    public void Bodies_go_as_the_peer_takes_them(SmtpBodyKind peer, string text, string file, string whole)
    {
        var draft = Draft with { Text = "Grüße aus München, wo es heute regnet\n", Html = null, Attachments = [new DraftAttachment("a.bin", "application/octet-stream", new byte[] { 0, 13, 255, 254, 253, 252, 251, 250 })] };
        var read = MimeMessage.Read(draft.Write(peer));
        Assert.Equal(whole, read.Root.TransferEncodingName);
        Assert.Equal([text, file], read.Root.Children.Select(c => c.TransferEncodingName));
        Assert.Equal(new byte[] { 0, 13, 255, 254, 253, 252, 251, 250 }, read.Attachments[0].DecodeBytes());
        Assert.Equal("Grüße aus München, wo es heute regnet\r\n", read.TextBody);
    }

    [Fact]
    public async Task An_attachment_out_of_a_stream_is_written_like_one_at_hand()
    {
        var bytes = new byte[300_001];
        new Random(1).NextBytes(bytes);
        var held = Draft with { Attachments = [new DraftAttachment("a.bin", "application/octet-stream", bytes)] };
        var streamed = Draft with { Attachments = [new DraftAttachment("a.bin", "application/octet-stream", default) { Open = _ => ValueTask.FromResult<Stream>(new MemoryStream(bytes, writable: false)) }] };
        var into = new MemoryStream();
        await streamed.WriteAsync(into, SmtpBodyKind.SevenBit, TestContext.Current.CancellationToken);
        Assert.Equal(held.Write(), into.ToArray());
        Assert.Throws<InvalidOperationException>(() => streamed.Write());
    }

    [Fact]
    public async Task A_large_attachment_is_nowhere_held()
    {
        const long size = 100 << 20;
        var (read, written, mostHeld) = (0L, 0L, 0L);
        var source = new FlowStream(size, count => mostHeld = Math.Max(mostHeld, (read += count) - written * 57 / 78));
        var sink = new FlowStream(0, count => written += count);
        var draft = Draft with { Attachments = [new DraftAttachment("disk.img", "application/octet-stream", default) { Open = _ => ValueTask.FromResult<Stream>(source) }] };
        await draft.WriteAsync(sink, SmtpBodyKind.SevenBit, TestContext.Current.CancellationToken);
        Assert.Equal(size, read);
        Assert.InRange(written, size * 78 / 57, (size * 78 / 57) + 4096);
        Assert.InRange(mostHeld, 0, 256 << 10);
    }

    /// <summary>Gives so many zeros, takes anything, and tells how much went through.</summary>
    private sealed class FlowStream(long length, Action<int> flowed) : MemoryStream
    {
        private long _left = length;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = (int)Math.Min(_left, buffer.Length);
            buffer.Span[..count].Clear();
            _left -= count;
            flowed(count);
            return ValueTask.FromResult(count);
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            flowed(buffer.Length);
            return ValueTask.CompletedTask;
        }
    }

    [Fact]
    public void An_invitation_is_the_last_alternative()
    {
        var read = MimeMessage.Read((Draft with { Calendar = new DraftCalendar("BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n", "REQUEST") }).Write());
        Assert.Equal(["text/plain", "text/html", "text/calendar"], read.Root.Children.Select(c => c.MediaType));
        Assert.Equal("REQUEST", read.Root.Children[2].Parameters["method"]);
        Assert.Equal("BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n", read.Root.Children[2].DecodeText());
    }

    [Fact]
    public void A_report_is_read_as_what_it_says()
    {
        var original = (Draft with { Text = "secret", Html = null, MessageId = "lost@example.com" }).Write();
        var ann = EmailAddress.Parse("ann@example.org");
        var report = new DraftReport("hub.example.com", [
            new DraftReportRecipient(ann, "failed", "5.1.1") { RemoteMta = "mx.example.org", Diagnostic = "550 5.1.1 No such\r\nuser\r\nBcc: eve@example.net", Original = ann, LastAttempt = Draft.Date },
            new DraftReportRecipient(EmailAddress.Parse("jürgen@example.org"), "delayed", "4.4.1") { RetryUntil = Draft.Date },
        ], original) { EnvelopeId = "QQ1", Arrival = Draft.Date };
        var draft = Draft with { Text = "It did not arrive.", Html = null, Report = report };
        foreach (var whole in (bool[])[false, true])
        {
            var read = MimeMessage.Read((draft with { Report = report with { ReturnWhole = whole } }).Write());
            Assert.Equal("multipart/report", read.Root.MediaType);
            Assert.Equal(["text/plain", "message/delivery-status", whole ? "message/rfc822" : "text/rfc822-headers"], read.Root.Children.Select(c => c.MediaType));
            Assert.All(read.Root.Children, c => Assert.Equal("7bit", c.TransferEncodingName));
            Assert.Equal(whole, Encoding.ASCII.GetString(read.Root.Children[2].RawBody.Span).Contains("secret", StringComparison.Ordinal));
            var told = MailReport.Read(read)!;
            Assert.Equal([ann, EmailAddress.Parse("jürgen@example.org")], told.Recipients.Select(r => r.Recipient));
            Assert.Equal(["failed", "delayed"], told.Recipients.Select(r => r.Action));
            Assert.Equal(["5.1.1", "4.4.1"], told.Recipients.Select(r => r.Status));
            Assert.Equal(["lost@example.com"], told.OriginalIds);
        }
    }
}
