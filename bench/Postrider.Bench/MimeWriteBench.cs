using BenchmarkDotNet.Attributes;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Mail.Smtp;

namespace Postrider.Bench;

/// <summary>Writing messages, on one core. One operation is one message.</summary>
public class MimeWriteBench
{
    private static readonly MessageDraft Small = new()
    {
        From = new NamedAddress("Ann Lee", EmailAddress.Parse("ann@example.com")),
        To = [new NamedAddress("Jürgen Groß", EmailAddress.Parse("jg@example.org"))],
        Subject = "Angebot für die Bäckerei",
        Date = new DateTimeOffset(2026, 11, 22, 12, 0, 0, TimeSpan.FromHours(1)),
        MessageId = "1@example.com",
        Text = "Guten Tag,\r\n\r\nanbei das Angebot, wie besprochen. Es gilt bis Ende des Monats.\r\n\r\nMit freundlichen Grüßen\r\nAnn Lee\r\n",
    };

    private MessageDraft _alternative = Small;

    [GlobalSetup]
    public void Setup()
    {
        var file = new byte[50 << 10];
        new Random(1).NextBytes(file);
        _alternative = Small with
        {
            Html = "<html><body><p>Guten Tag,</p><p>anbei das Angebot, wie besprochen. Es gilt bis Ende des Monats.</p><p>Mit freundlichen Grüßen<br>Ann Lee</p></body></html>\r\n",
            Attachments = [new DraftAttachment("Angebot für die Bäckerei.pdf", "application/pdf", file)],
        };
    }

    [Benchmark]
    public int SmallText() => Small.Write().Length;

    /// <summary>Text, HTML and an attachment of 50 KB, to bytes.</summary>
    [Benchmark]
    public int AlternativeAndAttachment() => _alternative.Write().Length;

    /// <summary>The same to a stream, in blocks.</summary>
    [Benchmark]
    public Task AlternativeAndAttachmentToStream() => _alternative.WriteAsync(Stream.Null, SmtpBodyKind.SevenBit, CancellationToken.None);

    /// <summary>The same for a peer with BINARYMIME.</summary>
    [Benchmark]
    public Task AlternativeAndAttachmentBinary() => _alternative.WriteAsync(Stream.Null, SmtpBodyKind.Binary, CancellationToken.None);

    /// <summary>100 MB that are nowhere held; the figure to look at is what is allocated.</summary>
    [Benchmark]
    public Task HundredMegabytesToStream() => (Small with
    {
        Attachments = [new DraftAttachment("disk.img", "application/octet-stream", default) { Open = _ => ValueTask.FromResult<Stream>(new Zeros(100 << 20)) }],
    }).WriteAsync(Stream.Null, SmtpBodyKind.SevenBit, CancellationToken.None);

    private sealed class Zeros(long length) : MemoryStream
    {
        private long _left = length;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = (int)Math.Min(_left, buffer.Length);
            buffer.Span[..count].Clear();
            _left -= count;
            return ValueTask.FromResult(count);
        }
    }
}
