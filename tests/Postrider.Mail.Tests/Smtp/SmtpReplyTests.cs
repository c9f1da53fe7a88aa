using System.IO.Pipelines;
using System.Text;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Mime;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Smtp;

public sealed class SmtpReplyTests
{
    [Theory]
    [InlineData("250 2.1.0 Sender OK", 250, "2.1.0", "Sender OK")]
    [InlineData("250", 250, null, "")]
    [InlineData("250 ", 250, null, "")]
    [InlineData("250 2.0.0", 250, "2.0.0", "")]
    [InlineData("554 5.2.252 SendAsDenied; x", 554, "5.2.252", "SendAsDenied; x")]
    [InlineData("250 12.1.0 hello", 250, null, "12.1.0 hello")]
    [InlineData("250 2.1 hello", 250, null, "2.1 hello")]
    [InlineData("250 2..1 hello", 250, null, "2..1 hello")]
    [InlineData("250 3.1.0 hello", 250, null, "3.1.0 hello")]
    [InlineData("550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three", 550, "5.7.1", "one two three")]
    public async Task A_reply_is_taken_apart(string wire, int code, string? enhanced, string text) => Assert.Equal(new SmtpReply(code, enhanced, text), await ReadAsync(wire + "\r\n"));

    [Fact]
    public async Task Every_transcript_of_real_servers_is_read()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var files = Directory.GetFiles(Path.Combine(Corpora.Root!, "smtp-mailkit-transcripts", "files"), "*.txt");
        Assert.NotEmpty(files);
        foreach (var file in files)
        {
            var text = await File.ReadAllTextAsync(file);
            var reader = new LineReader(PipeReader.Create(new MemoryStream(Encoding.ASCII.GetBytes(text))));
            var (code, lines) = await SmtpReplies.ReadAsync(reader, t => t, null, CancellationToken.None);
            Assert.Equal(text[..3], code.ToString(System.Globalization.CultureInfo.InvariantCulture));
            Assert.Equal(text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length, lines.Count);
            if (Path.GetFileName(file) == "comcast-ehlo.txt")
            {
                var capabilities = SmtpCapabilities.From(lines);
                Assert.Equal((36700160, true, true, false), (capabilities.Size, capabilities.EightBitMime, capabilities.StartTls, capabilities.Pipelining));
                Assert.Equal(["LOGIN", "PLAIN"], capabilities.AuthMechanisms);
            }
        }
    }

    private static async Task<SmtpReply> ReadAsync(string wire)
    {
        var (code, lines) = await SmtpReplies.ReadAsync(new LineReader(PipeReader.Create(new MemoryStream(Encoding.ASCII.GetBytes(wire)))), t => t, null, CancellationToken.None);
        return SmtpReply.From(code, lines);
    }
}
