using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;

namespace Postrider.Mail.Mime;

/// <summary>Content-Transfer-Encoding (RFC 2045 section 6) taken off, tolerantly: what is not understood is skipped or kept, never thrown at.</summary>
internal static class TransferEncoding
{
    public const string QuotedPrintable = "quoted-printable";
    public const string Base64Name = "base64";

    // A footer or a stray delimiter after a short body does not make it plain text.
    private const int ForeignAllowed = 8;

    public static bool IsIdentity(string encoding) => encoding is "7bit" or "8bit" or "binary" or "";

    public static bool IsKnown(string encoding) => IsIdentity(encoding) || encoding is QuotedPrintable or Base64Name or "x-uuencode" or "x-uue" or "uuencode";

    public static byte[] Decode(ReadOnlySpan<byte> body, string encoding) => encoding switch
    {
        Base64Name => DecodeBase64(body),
        QuotedPrintable => DecodeQuotedPrintable(body),
        "x-uuencode" or "x-uue" or "uuencode" => UuEncoding.Decode(body),
        _ => body.ToArray(),
    };

    public static byte[] DecodeBase64(ReadOnlySpan<byte> body)
    {
        // Plain text that only says it is base64: no encoder puts spaces inside its lines.
        if (body.Count((byte)' ') > body.Length / 20) return body.ToArray();
        var decoded = new byte[body.Length / 4 * 3 + 3];
        // The fast decoder gives up at the first byte it does not like, and what it says about how far it came does not hold with line ends in between.
        if (Base64.DecodeFromUtf8(body, decoded, out _, out var written) != OperationStatus.Done)
        {
            if (CountForeign(body) > body.Length / 10 + ForeignAllowed) return body.ToArray();
            written = DecodeBase64Tolerantly(body, decoded);
        }
        return written == decoded.Length ? decoded : decoded[..written];
    }

    private static int CountForeign(ReadOnlySpan<byte> body)
    {
        var foreign = 0;
        foreach (var b in body) if (!char.IsAsciiLetterOrDigit((char)b) && b is not ((byte)'+' or (byte)'/' or (byte)'=' or (byte)'\r' or (byte)'\n')) foreign++;
        return foreign;
    }

    /// <summary>Skips what is not in the alphabet. Padding is the end, as what follows is a footer that somebody added, unless it is base64 again: several pieces in a row are seen in practice.</summary>
    private static int DecodeBase64Tolerantly(ReadOnlySpan<byte> body, Span<byte> into)
    {
        var group = new Base64Group();
        var written = 0;
        var pieces = false;
        for (var i = 0; i < body.Length; i++)
        {
            written += group.Add(body[i], into[written..]);
            if (body[i] != '=' || pieces) continue;
            if (CountForeign(body[i..]) > 0) return written;
            pieces = true;
        }
        return written + group.End(into[written..]);
    }

    public static void DecodeBase64(ReadOnlySpan<char> text, ArrayBufferWriter<byte> into)
    {
        var span = into.GetSpan(text.Length / 4 * 3 + 3);
        var group = new Base64Group();
        var written = 0;
        foreach (var c in text) written += c < 0x80 ? group.Add((byte)c, span[written..]) : 0;
        into.Advance(written + group.End(span[written..]));
    }

    /// <summary>Four signs of the alphabet make three bytes.</summary>
    [StructLayout(LayoutKind.Auto)]
    private struct Base64Group
    {
        private int _bits;
        private int _count;

        public int Add(byte b, Span<byte> into)
        {
            if (b == '=') return End(into);
            int value = b switch
            {
                >= (byte)'A' and <= (byte)'Z' => b - 'A',
                >= (byte)'a' and <= (byte)'z' => b - 'a' + 26,
                >= (byte)'0' and <= (byte)'9' => b - '0' + 52,
                (byte)'+' => 62,
                (byte)'/' => 63,
                _ => -1,
            };
            if (value < 0) return 0;
            _bits = (_bits << 6) | value;
            if (++_count < 4) return 0;
            into[0] = (byte)(_bits >> 16);
            into[1] = (byte)(_bits >> 8);
            into[2] = (byte)_bits;
            (_bits, _count) = (0, 0);
            return 3;
        }

        public int End(Span<byte> into)
        {
            var (bits, count) = (_bits, _count);
            (_bits, _count) = (0, 0);
            if (count == 2)
            {
                into[0] = (byte)(bits >> 4);
                return 1;
            }
            if (count != 3) return 0;
            into[0] = (byte)(bits >> 10);
            into[1] = (byte)(bits >> 2);
            return 2;
        }
    }

    public static byte[] DecodeQuotedPrintable(ReadOnlySpan<byte> body)
    {
        var decoded = new byte[body.Length];
        var written = 0;
        while (!body.IsEmpty)
        {
            var end = body.IndexOf((byte)'\n');
            var line = end < 0 ? body : body[..end];
            body = end < 0 ? [] : body[(end + 1)..];
            var hasCr = end >= 0 && line is [.., (byte)'\r'];
            if (hasCr) line = line[..^1];
            // RFC 2045 section 6.7 rule 3: white space at the end of a line was added on the way.
            line = line.TrimEnd(" \t"u8);
            var soft = line is [.., (byte)'='];
            if (soft) line = line[..^1];
            for (var escape = line.IndexOf((byte)'='); escape >= 0; escape = line.IndexOf((byte)'='))
            {
                line[..escape].CopyTo(decoded.AsSpan(written));
                written += escape;
                line = line[escape..];
                if (line.Length > 2 && char.IsAsciiHexDigit((char)line[1]) && char.IsAsciiHexDigit((char)line[2]))
                {
                    decoded[written++] = (byte)((EncodedWord.HexValue((char)line[1]) << 4) | EncodedWord.HexValue((char)line[2]));
                    line = line[3..];
                }
                else
                {
                    decoded[written++] = (byte)'=';
                    line = line[1..];
                }
            }
            line.CopyTo(decoded.AsSpan(written));
            written += line.Length;
            if (soft || end < 0) continue;
            if (hasCr) decoded[written++] = (byte)'\r';
            decoded[written++] = (byte)'\n';
        }
        return written == decoded.Length ? decoded : decoded[..written];
    }
}
