using System.Text;
using Postrider.Mail.Mime;
using Postrider.Mail.Tests.Mime;
using Postrider.Mail.Tnef;
using static Postrider.Mail.Tests.Tnef.TnefBytes;

namespace Postrider.Mail.Tests.Tnef;

public sealed class OpenedMessageTests(ITestOutputHelper output)
{
    private static readonly byte[] OneFile = Winmail(
        Attribute(1, 0x2800C, "Guten Tag\0"u8), Attribute(2, 0x69002, new byte[14]), Attribute(2, 0x18010, "offer.pdf\0"u8), Attribute(2, 0x6800F, "content"u8));

    [Theory]
    [InlineData("application/ms-tnef")]
    [InlineData("Application/MS-TNEF; name=\"other.dat\"")]
    [InlineData("application/octet-stream; name=\"WINMAIL.DAT\"")]
    public void Winmail_alone_gives_its_text_and_its_files(string type)
    {
        var opened = Open($"Content-Type: {type}\r\nContent-Transfer-Encoding: base64\r\n\r\n{Convert.ToBase64String(OneFile)}\r\n");
        Assert.Equal(("Guten Tag", null), (opened.Text, opened.Html));
        Assert.Equal(["offer.pdf"], opened.Files.Select(f => f.FileName));
        Assert.Equal("content"u8, opened.Files[0].Bytes.Span);
    }

    [Fact]
    public void A_text_of_its_own_is_kept()
    {
        var opened = Open(Mixed("Hello", OneFile));
        Assert.Equal("Hello", opened.Text?.Trim());
        Assert.Equal(["offer.pdf"], opened.Files.Select(f => f.FileName));
    }

    [Fact]
    public void A_winmail_that_holds_no_file_or_is_none_stays_as_it_is()
    {
        foreach (var bytes in (byte[][])[Winmail(), "no TNEF"u8.ToArray(), []])
        {
            var file = Assert.Single(Open(Mixed("Hello", bytes)).Files);
            Assert.Equal(("winmail.dat", "application/ms-tnef"), (file.FileName, file.MediaType));
            Assert.Equal(bytes, file.Bytes);
        }
    }

    [Fact]
    public void Another_file_of_unknown_type_is_not_opened()
    {
        var opened = Open($"Content-Type: application/octet-stream; name=\"mine.dat\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{Convert.ToBase64String(OneFile)}\r\n");
        Assert.Null(opened.Text);
        Assert.Equal("mine.dat", Assert.Single(opened.Files).FileName);
    }

    [Fact]
    public void Those_of_real_bounces_are_read_without_a_defect()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var found = 0;
        foreach (var file in Corpora.Files())
            foreach (var part in Corpora.Parts(MimeMessage.Read(File.ReadAllBytes(file)).Root).Where(TnefMessage.Is))
            {
                found++;
                var tnef = TnefMessage.Read(part.DecodeBytes());
                output.WriteLine($"{Path.GetFileName(file)}: {tnef?.MessageClass}, {tnef?.Subject}; text {tnef?.Text?.Length}, html {tnef?.Html?.Length}, rtf {tnef?.Rtf.Length}, {tnef?.Attachments.Count} files; {string.Join(" ", tnef?.Defects ?? [])}");
                Assert.NotNull(tnef);
                Assert.Empty(tnef.Defects);
                Assert.Equal("REPORT.IPM.Note.NDR", tnef.MessageClass);
            }
        Assert.True(found >= 5, $"{found}");
    }

    private static string Mixed(string text, byte[] winmail) =>
        $"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{text}\r\n--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n{Convert.ToBase64String(winmail)}\r\n--b--\r\n";

    private static OpenedMessage Open(string message) => OpenedMessage.Of(MimeMessage.Read(Encoding.ASCII.GetBytes(message)));
}
