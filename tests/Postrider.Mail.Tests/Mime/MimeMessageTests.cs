using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

public sealed class MimeMessageTests
{
    private static MimeMessage Read(string text) => MimeMessage.Read(Encoding.UTF8.GetBytes(text));

    [Fact]
    public void Fields_are_read_from_any_header()
    {
        var message = Read("""
            From: Ann <ann@example.com>
            Reply-To: sales@example.com
            To: ben@example.org
            To: carl@example.net
            CC : dora@example.net
            Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
             an
            	alle
            Date: Sun, 22 Nov 2026 12:00:00 +0100
            message-id: < 1@ example.com >
            In-Reply-To: <a@example.com> <b@example.com>
            References: <r@example.com><a@example.com>
              <a@example.com>

            Body
            """.ReplaceLineEndings("\r\n"));
        Assert.Equal("Grüße an alle", message.Subject);
        Assert.Equal(["ann@example.com"], message.From.Select(a => a.Address.Wire));
        Assert.Equal(["sales@example.com"], message.ReplyTo.Select(a => a.Address.Wire));
        Assert.Equal(["ben@example.org", "carl@example.net"], message.To.Select(a => a.Address.Wire));
        Assert.Equal(["dora@example.net"], message.Cc.Select(a => a.Address.Wire));
        Assert.Equal("1@example.com", message.MessageId);
        Assert.Equal(["a@example.com", "b@example.com"], message.InReplyTo);
        Assert.Equal(["r@example.com", "a@example.com"], message.References);
        Assert.Equal("Body", message.TextBody);
        Assert.Equal("sales@example.com", message.Header("reply-to"));
        Assert.Null(message.Header("Bcc"));
        Assert.Empty(message.Defects);
    }

    [Fact]
    public void Reading_copies_no_body()
    {
        var bytes = Encoding.UTF8.GetBytes("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + new string('x', 5_000_000) + "\r\n--b--\r\n");
        MimeMessage.Read(bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var message = MimeMessage.Read(bytes);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20_000);
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(message.Root.Children[0].RawBody, out var segment));
        Assert.Same(bytes, segment.Array);
    }

    [Theory]
    [InlineData("\r\n")]
    [InlineData("\n")]
    [InlineData("\r")]
    public void Every_kind_of_line_end_is_read(string newline)
    {
        var message = Read(string.Join(newline, "Subject: x", "Content-Type: multipart/mixed; boundary=b", "", "preamble", "--b", "", "one", "--b", "Content-Type: text/html", "", "two", "--b--", "epilogue"));
        Assert.Equal("x", message.Subject);
        Assert.Equal(["one", "two"], message.Root.Children.Select(c => c.DecodeText()));
        Assert.Empty(message.Defects);
    }

    [Fact]
    public void A_boundary_that_begins_another_does_not_end_it()
    {
        var message = Read("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=b2\r\n\r\n--b2\r\n\r\none\r\n--b2--\r\n--b\r\nContent-Disposition: attachment\r\n\r\ntwo\r\n--b--\r\n");
        Assert.Equal("one", message.TextBody);
        Assert.Equal("two", Assert.Single(message.Attachments).DecodeText());
    }

    [Theory]
    [InlineData("--b\r\n\r\none\r\n--b\r\nContent-Disposition: attachment\r\n\r\ntwo")]
    [InlineData("--b\r\n\r\none\r\n--b\r\nContent-Disposition: attachment\r\n\r\ntwo\r\n--c--\r\n", "two\r\n--c--\r\n")]
    public void A_missing_end_loses_nothing(string body, string second = "two")
    {
        var message = Read("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body);
        Assert.Equal("one", message.TextBody);
        Assert.Equal(second, Assert.Single(message.Attachments).DecodeText());
        Assert.Contains("A multipart has no closing delimiter.", message.Defects.Select(d => d.Detail));
    }

    [Fact]
    public void An_inner_multipart_without_end_is_ended_by_the_outer_one()
    {
        var message = Read("Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\none\r\n--o\r\nContent-Type: image/png\r\n\r\ntwo\r\n--o--\r\n");
        Assert.Equal("one", message.TextBody);
        Assert.Equal(["multipart/alternative", "image/png"], message.Root.Children.Select(c => c.MediaType));
    }

    [Fact]
    public void A_lost_boundary_is_found_in_the_body()
    {
        var message = Read("Content-Type: multipart/alternative;\r\nboundary=\"b\"\r\n\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\ntwo\r\n--b--\r\n");
        Assert.Equal("one", message.TextBody);
        Assert.Equal("two", message.HtmlBody);
        Assert.Contains("A multipart has no usable boundary.", message.Defects.Select(d => d.Detail));
        Assert.Equal("-- no delimiters\r\nat all\r\n", Read("Content-Type: multipart/mixed\r\n\r\n-- no delimiters\r\nat all\r\n").TextBody);
    }

    [Fact]
    public void An_enclosed_message_is_a_part_and_one_attachment()
    {
        var message = Read("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee below\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\ninner text\r\n--i--\r\n--b--\r\n");
        var enclosed = Assert.Single(message.Attachments);
        Assert.Equal("message/rfc822", enclosed.MediaType);
        Assert.Equal("inner", MimeMessage.Read(enclosed.DecodeBytes()).Subject);
        Assert.Equal("inner text", Assert.Single(Assert.Single(enclosed.Children).Children).DecodeText());
        Assert.Equal("see below", message.TextBody);
    }

    [Fact]
    public void An_enclosed_message_is_read_through_its_transfer_encoding()
    {
        var inner = Convert.ToBase64String("Subject: inner\r\n\r\ntext"u8);
        var message = Read($"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{inner}\r\n");
        Assert.Equal("text", Assert.Single(message.Root.Children).DecodeText());
        Assert.Contains("An enclosed message has a transfer encoding.", message.Defects.Select(d => d.Detail));
    }

    [Fact]
    public void In_a_digest_parts_are_messages()
    {
        var message = Read("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: one\r\n\r\ntext\r\n--b--\r\n");
        Assert.Equal("message/rfc822", message.Root.Children[0].MediaType);
        Assert.Equal("one", message.Root.Children[0].Children[0].Headers[0].Text);
    }

    [Fact]
    public void Of_two_content_types_the_first_counts()
    {
        var message = Read("Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\n<p>\r\n");
        Assert.Equal("text/html", message.Root.MediaType);
        Assert.Contains("A part has more than one Content-Type; the first counts.", message.Defects.Select(d => d.Detail));
    }

    [Fact]
    public void A_line_that_is_no_field_begins_the_body()
    {
        var message = Read("Subject: x\r\nHello Ann,\r\nNote: this is text\r\n");
        Assert.Equal("Hello Ann,\r\nNote: this is text\r\n", message.TextBody);
        Assert.Single(message.Headers);
        Assert.Contains("A line within the header is no field; the body begins there.", message.Defects.Select(d => d.Detail));
    }

    [Fact]
    public void The_envelope_line_of_an_mbox_file_is_passed_over()
    {
        var message = Read("From ann@example.com Sun Nov 22 12:00:00 2026\nSubject: x\n\nbody\n");
        Assert.Equal("x", message.Subject);
        Assert.Equal("body\n", message.TextBody);
    }

    [Theory]
    [InlineData("Subject: Gr\u00FC\u00DFe\r\n\r\n")]
    public void Raw_UTF_8_in_a_header_is_read_and_anything_else_as_windows_1252(string text)
    {
        Assert.Equal("Grüße", MimeMessage.Read(Encoding.UTF8.GetBytes(text)).Subject);
        Assert.Equal("Grüße", MimeMessage.Read(Encoding.Latin1.GetBytes(text)).Subject);
    }

    [Fact]
    public void A_guessed_charset_is_said()
    {
        var message = MimeMessage.Read(Encoding.Latin1.GetBytes("Subject: x\r\n\r\nGr\u00FC\u00DFe"));
        Assert.Equal("Grüße", message.TextBody);
        Assert.Equal(["Text without a charset; read as windows-1252."], message.Defects.Select(d => d.Detail));
    }

    [Fact]
    public void Several_From_fields_are_all_shown()
    {
        var message = Read("From: ann@example.com\r\nFrom: eve@evil.example\r\n\r\n");
        Assert.Equal(2, message.From.Count);
        Assert.Contains("There is more than one From field; all their addresses are read.", message.Defects.Select(d => d.Detail));
    }

    [Fact]
    public void Nothing_at_all_is_an_empty_message()
    {
        var message = MimeMessage.Read(ReadOnlyMemory<byte>.Empty);
        Assert.Equal("", message.TextBody);
        Assert.Null(message.Subject);
        Assert.Null(message.Date);
        Assert.Empty(message.From);
        Assert.Empty(message.Attachments);
        Assert.Empty(message.Defects);
    }

    [Fact]
    public void Many_threads_may_read_one_message()
    {
        var message = Read("From: ann@example.com\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\ntwo\r\n--b--\r\n");
        Parallel.For(0, 1000, _ => Assert.Equal("one|two|ann@example.com", $"{message.TextBody}|{message.HtmlBody}|{message.From[0].Address}"));
    }
}
