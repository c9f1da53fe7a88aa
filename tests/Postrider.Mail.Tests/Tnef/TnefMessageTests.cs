using System.Text;
using Postrider.Mail.Mime;
using Postrider.Mail.Tests.Mime;
using Postrider.Mail.Tnef;
using static Postrider.Mail.Tests.Tnef.TnefBytes;

namespace Postrider.Mail.Tests.Tnef;

/// <summary>winmail.dat: those that Outlook made, with what others took out of them, and those that are made here to be wrong.</summary>
public sealed class TnefMessageTests(ITestOutputHelper output)
{
    [Fact]
    public void What_others_found_in_real_ones_is_found()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var found = 0;
        foreach (var file in Corpora.Tnef())
        {
            var message = TnefMessage.Read(File.ReadAllBytes(file));
            Assert.NotNull(message);
            output.WriteLine($"{Path.GetFileName(file)}: {message.Subject}; text {message.Text?.Length}, html {message.Html?.Length}, rtf {message.Rtf.Length}; {string.Join(", ", message.Attachments.Select(a => $"{a.FileName} {a.MediaType} {a.ContentId} {a.Bytes.Length}"))}; {string.Join(" ", message.Defects)}");
            var truth = Path.ChangeExtension(file, null);
            foreach (var part in Directory.Exists(truth) ? Directory.GetFiles(truth) : [])
            {
                var name = Path.GetFileName(part);
                var ours = name switch
                {
                    "message.rtf" => message.Rtf,
                    "message.html" => (CharsetReader.Find(CharsetReader.NamedInHtml(File.ReadAllBytes(part))) ?? Encoding.Latin1).GetBytes(message.Html ?? ""),
                    _ => Assert.Single(message.Attachments, a => a.FileName == name).Bytes.ToArray(),
                };
                // The truths passed through a repository that made LF of line ends.
                Assert.True(Lines(File.ReadAllBytes(part)).AsSpan().SequenceEqual(Lines(ours)), $"{file}: {name}");
                found++;
            }
            // Two objects of Windows have neither name nor truth.
            if (Directory.Exists(truth)) Assert.Equal(Directory.GetFiles(truth).Count(f => !Path.GetFileName(f).StartsWith("message.", StringComparison.Ordinal)), message.Attachments.Count);
        }
        Assert.True(found > 15, $"{found}");
    }

    private static byte[] Lines(byte[] bytes) => Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(bytes).Replace("\r\n", "\n", StringComparison.Ordinal));

    [Fact]
    public void A_message_of_its_own_comes_out_whole()
    {
        var inner = Winmail(Attribute(1, 0x18004, "inner\0"u8));
        var message = TnefMessage.Read(Winmail(
            Attribute(1, 0x69007, [0xE3, 4, 0, 0, 0, 0, 0, 0]), // windows-1251
            Attribute(1, 0x18004, [0xCF, 0xF0, 0xE8, 0xE2, 0xE5, 0xF2, 0]),
            Attribute(1, 0x2800C, "text\r\nof two lines\0"u8),
            Attribute(2, 0x69002, new byte[14]),
            Attribute(2, 0x18010, "MESSAG~1\0"u8),
            Attribute(2, 0x69005, Properties(
                Named("Keywords", 0x101F, [2, 0, 0, 0, .. Sized("a\0b\0"u8), .. Sized("c\0"u8)]),
                Property(0x3705, 0x0003, [5, 0, 0, 0]),
                Property(0x3707, 0x001F, [1, 0, 0, 0, .. Sized(Encoding.Unicode.GetBytes("a\r\nlong\u0000name.msg\0"))]),
                Property(0x3712, 0x001E, [1, 0, 0, 0, .. Sized("<id@example.org>\0"u8)]),
                Property(0x3701, 0x000D, [1, 0, 0, 0, .. Sized([.. new byte[16], .. inner])])))));

        Assert.NotNull(message);
        Assert.Equal(("Привет", "text\r\nof two lines", null), (message.Subject, message.Text, message.Html));
        Assert.Empty(message.Defects);
        var attachment = Assert.Single(message.Attachments);
        Assert.Equal(("a  long name.msg", "id@example.org", true), (attachment.FileName, attachment.ContentId, attachment.IsMessage));
        Assert.Equal("inner", TnefMessage.Read(attachment.Bytes)?.Subject);
    }

    [Fact]
    public void One_that_is_cut_anywhere_gives_what_is_there()
    {
        var whole = Winmail(Attribute(1, 0x18004, "subject\0"u8), Attribute(2, 0x69002, new byte[14]), Attribute(2, 0x18010, "a.txt\0"u8), Attribute(2, 0x6800F, "content"u8));
        for (var length = 0; length < whole.Length; length++)
        {
            var cut = TnefMessage.Read(whole.AsMemory(0, length));
            if (length < 6)
            {
                Assert.Null(cut);
                continue;
            }
            Assert.NotNull(cut);
            Assert.True(cut.Subject is null || "subject".StartsWith(cut.Subject, StringComparison.Ordinal));
            Assert.True(cut.Attachments.All(a => "content"u8.StartsWith(a.Bytes.Span)));
        }
        whole[^3] ^= 1; // of the content
        var damaged = TnefMessage.Read(whole);
        Assert.Equal(7, Assert.Single(damaged!.Attachments).Bytes.Length);
        Assert.Equal(MimeDefectKind.TnefWrong, Assert.Single(damaged.Defects).Kind);
    }

    [Fact]
    public void Lengths_that_lie_are_not_believed()
    {
        foreach (var lie in (uint[])[uint.MaxValue, int.MaxValue, 1u << 31, 0x7FFFFFF0])
        {
            byte[] length = [.. BitConverter.GetBytes(lie)];
            foreach (var properties in (byte[][])[length, [.. length, 0x1E, 0, 0x37, 0, .. length], [.. length, 0x1E, 0x10, 0x37, 0, .. length, .. length], [1, 0, 0, 0, 0x1F, 0, 1, 0x80, .. new byte[16], 1, 0, 0, 0, .. length]])
            {
                var message = TnefMessage.Read(Winmail(Attribute(1, 0x69003, properties), Attribute(1, 0x18004, "still read\0"u8)));
                Assert.Equal("still read", message?.Subject);
                Assert.Equal(MimeDefectKind.TnefWrong, Assert.Single(message!.Defects).Kind);
            }
            Assert.NotEmpty(TnefMessage.Read((byte[])[.. Winmail(), 1, 4, 0x80, 1, 0, .. length, (byte)'x'])!.Defects);
            Assert.Empty(RtfCompression.Decompress([.. length, .. length, .. "LZFu"u8, 0, 0, 0, 0]));
        }
    }

    [Fact]
    public void Rich_text_that_does_not_fit_its_checksum_is_read_and_told()
    {
        var compressed = Compress("{\\rtf1\\ansi zwölf}"u8);
        var whole = TnefMessage.Read(Winmail(Attribute(1, 0x69003, Properties(Property(0x1009, 0x0102, Single(compressed))))));
        Assert.Empty(whole!.Defects);
        compressed[12] ^= 1;
        var damaged = TnefMessage.Read(Winmail(Attribute(1, 0x69003, Properties(Property(0x1009, 0x0102, Single(compressed))))));
        Assert.Equal(MimeDefectKind.TnefWrong, Assert.Single(damaged!.Defects).Kind);
        Assert.Equal(whole.Text, damaged.Text);
    }

    [Theory]
    [InlineData(true, 1251, "<meta charset=utf-8>я")] // what the message says
    [InlineData(false, 65001, "<meta charset=utf-8>я")] // what the HTML says
    [InlineData(false, 1251, "<p>я")] // that of all strings
    public void HTML_in_bytes_is_read_in_the_charset_that_is_named(bool says, int written, string html)
    {
        var bytes = CharsetReader.Find(written)!.GetBytes(html);
        var properties = says ? Properties(Property(0x3FDE, 0x0003, BitConverter.GetBytes(written)), Property(0x1013, 0x0102, Single(bytes))) : Properties(Property(0x1013, 0x0102, Single(bytes)));
        Assert.Equal(html, TnefMessage.Read(Winmail(Attribute(1, 0x69007, BitConverter.GetBytes(1251)), Attribute(1, 0x69003, properties)))?.Html);
    }

    [Theory]
    [InlineData("{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Arial;}{\\f1\\fcharset204 Arial;}}{\\colortbl;\\red0;}one\\par two\\tab\\'e4{\\f1 \\'cf}\\u8364?\\u-10179?\\u-8704?!{\\*\\unknown no}\\bin3 }}}.}", "one\r\ntwo\tä\u041F€\U0001F600!.", false)]
    [InlineData("{\\rtf1\\ansi\\fromhtml1 {\\*\\htmltag19 <html>}{\\*\\htmltag64 <p>}\\htmlrtf {\\htmlrtf0 Caf\\'e9 {\\*\\htmltag84 &lt;}\\htmlrtf <\\htmlrtf0 b\\~c\\{\\htmlrtf\\par}\\htmlrtf0{\\*\\htmltag72 </p>\\par}{\\*\\mhtmltag0 no}{\\*\\htmltag27 </html>}}", "<html><p>Café &lt;b&nbsp;c{</p>\r\n</html>", true)]
    [InlineData("{\\rtf1 a\\u-10179?b}}}}c\\", "a\uFFFDbc", false)]
    [InlineData("", "", false)]
    public void Rich_text_is_read(string rtf, string expected, bool isHtml)
    {
        var read = RtfText.Read(Encoding.ASCII.GetBytes(rtf));
        Assert.Equal((expected, isHtml), (read.Content, read.IsHtml));
    }

    [Fact]
    public void Groups_without_end_cost_nothing() => Assert.Equal("a", RtfText.Read(Encoding.ASCII.GetBytes("a" + new string('{', 5_000_000))).Content);
}
