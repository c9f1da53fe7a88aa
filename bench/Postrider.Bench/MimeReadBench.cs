using System.Buffers;
using BenchmarkDotNet.Attributes;
using Postrider.Mail;
using Postrider.Mail.Mime;

namespace Postrider.Bench;

/// <summary>Reading the messages of the corpora from memory on one core. One operation is all of them, once. Python's email package does the same work beside it.</summary>
public class MimeReadBench
{
    private readonly ArrayBufferWriter<byte> _bytes = new(1 << 20);
    private readonly ArrayBufferWriter<char> _chars = new(1 << 20);
    private IReadOnlyList<byte[]> _messages = [];

    [GlobalSetup]
    public void Setup()
    {
        _messages = CorpusMessages.Load();
        Console.WriteLine($"// {_messages.Count} messages, {_messages.Sum(m => (long)m.Length)} bytes");
    }

    /// <summary>The root's fields and nothing else, the body not looked at.</summary>
    [Benchmark]
    public long HeadersOnly()
    {
        long sum = 0;
        foreach (var message in _messages)
        {
            var end = message.AsSpan().IndexOf("\n\n"u8) is >= 0 and var lf ? lf : message.AsSpan().IndexOf("\r\n\r\n"u8) is >= 0 and var crlf ? crlf : message.Length;
            sum += Fields(MimeMessage.Read(message.AsMemory(0, end)));
        }
        return sum;
    }

    [Benchmark]
    public long TreeOnly()
    {
        long sum = 0;
        foreach (var message in _messages) sum += MimeMessage.Read(message).Root.Children.Count;
        return sum;
    }

    /// <summary>Tree, addresses, dates and ids, every part decoded: text to characters, the rest to bytes.</summary>
    [Benchmark]
    public long TreeAddressesEveryPartDecoded()
    {
        long sum = 0;
        foreach (var bytes in _messages)
        {
            var message = MimeMessage.Read(bytes);
            sum += Fields(message) + Decoded(message.Root);
        }
        return sum;
    }

    private static long Fields(MimeMessage message) =>
        message.From.Count + message.To.Count + message.Cc.Count + message.ReplyTo.Count + (message.Subject?.Length ?? 0) + (message.Date?.Ticks ?? 0) + (message.MessageId?.Length ?? 0) + message.References.Count;

    private long Decoded(MimePart part)
    {
        long sum = 0;
        if (part.Children.Count > 0)
        {
            foreach (var child in part.Children) sum += Decoded(child);
            return sum;
        }
        if (part.MediaType.StartsWith("text/", StringComparison.Ordinal))
        {
            _chars.ResetWrittenCount();
            part.DecodeTextTo(_chars, _bytes);
            return _chars.WrittenCount;
        }
        _bytes.ResetWrittenCount();
        part.DecodeTo(_bytes);
        return _bytes.WrittenCount;
    }

    /// <summary>Python's email package (policy default): tree, addresses, every part decoded. The interpreter measures itself, so its start does not count; the figure is the last line printed.</summary>
    [Benchmark]
    public double PythonEmail() => PythonPeer.Run("mime_read.py");
}
