using System.Buffers;
using BenchmarkDotNet.Attributes;
using Postrider.Mail.Mime;

namespace Postrider.Bench;

/// <summary>Transfer encodings of 10,000,000 bytes, on and off, on one core: MB/s of content is 10,000 by the milliseconds. Python's binascii, which is C, does the same beside it.</summary>
public class MimeCodecBench
{
    private const int Size = 10_000_000;

    private readonly byte[] _binary = new byte[Size];
    private readonly ArrayBufferWriter<byte> _into = new(2 * Size);
    private byte[] _text = [];
    private byte[] _base64 = [];
    private byte[] _quoted = [];

    [GlobalSetup]
    public void Setup()
    {
        new Random(1).NextBytes(_binary);
        // German text as people write it: one byte in 40 needs an escape or two.
        var sentence = "Die Bäckerei öffnet um sechs Uhr, wie jeden Tag, und schließt erst am späten Nachmittag; so steht es an der Tür.\r\n"u8;
        _text = new byte[Size];
        for (var at = 0; at < Size; at += sentence.Length) sentence[..Math.Min(sentence.Length, Size - at)].CopyTo(_text.AsSpan(at));
        _base64 = Encoded(_binary, TransferEncoding.Base64Name);
        _quoted = Encoded(_text, TransferEncoding.QuotedPrintable);
    }

    [Benchmark]
    public int EncodeBase64() => Encode(_binary, TransferEncoding.Base64Name);

    [Benchmark]
    public int EncodeQuotedPrintable() => Encode(_text, TransferEncoding.QuotedPrintable);

    [Benchmark]
    public int DecodeBase64() => Decode(_base64, TransferEncoding.Base64Name);

    [Benchmark]
    public int DecodeQuotedPrintable() => Decode(_quoted, TransferEncoding.QuotedPrintable);

    /// <summary>Prints MB/s of each; the interpreter's start does not count.</summary>
    [Benchmark]
    public double PythonBinascii() => PythonPeer.Run("mime_codec.py");

    private int Encode(byte[] content, string encoding)
    {
        _into.ResetWrittenCount();
        var encoder = new BodyEncoder(encoding);
        encoder.Add(content, _into);
        encoder.End(_into);
        return _into.WrittenCount;
    }

    private int Decode(byte[] body, string encoding)
    {
        _into.ResetWrittenCount();
        TransferEncoding.DecodeTo(body, encoding, _into);
        return _into.WrittenCount;
    }

    private byte[] Encoded(byte[] content, string encoding)
    {
        Encode(content, encoding);
        return _into.WrittenSpan.ToArray();
    }
}
