using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>Content-Transfer-Encoding (RFC 2045 section 6) taken off, tolerantly: what is not understood is skipped or kept, never thrown at.</summary>
internal static class TransferEncoding
{
    public const string QuotedPrintable = "quoted-printable";
    public const string Base64Name = "base64";

    // A footer or a stray delimiter after a short body does not make it plain text.
    private const int ForeignAllowed = 8;

    /// <summary>Bytes that are looked at before a body is taken for base64.</summary>
    internal const int JudgedWithin = 16 << 10;

    /// <summary>Bytes behind padding that tell a footer from more base64.</summary>
    internal const int FooterWithin = 4096;

    internal static readonly SearchValues<byte> Base64Alphabet = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"u8);

    private static readonly SearchValues<byte> InBase64 = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n"u8);

    private static readonly string[] Usual = ["7bit", "8bit", QuotedPrintable, Base64Name, "binary"];

    public static bool IsIdentity(string encoding) => encoding is "7bit" or "8bit" or "binary" or "";

    public static bool IsKnown(string encoding) => IsIdentity(encoding) || encoding is QuotedPrintable or Base64Name or "x-uuencode" or "x-uue" or "uuencode";

    /// <summary>From the raw value of Content-Transfer-Encoding: lower case, without comments. The usual ones are not made anew.</summary>
    public static string NameOf(ReadOnlySpan<byte> raw)
    {
        var plain = raw.Trim(" \t\r\n"u8);
        foreach (var usual in Usual) if (Ascii.EqualsIgnoreCase(plain, usual)) return usual;
        return ParameterReader.Read(HeaderText.Unfold(raw)).Value;
    }

    public static void DecodeTo(ReadOnlySpan<byte> body, string encoding, IBufferWriter<byte> into)
    {
        switch (encoding)
        {
            case Base64Name:
                into.Advance(DecodeBase64(body, into.GetSpan(body.Length + 3)));
                break;
            case QuotedPrintable:
                into.Advance(DecodeQuotedPrintable(body, into.GetSpan(body.Length)));
                break;
            case "x-uuencode" or "x-uue" or "uuencode":
                into.Write(UuEncoding.Decode(body));
                break;
            default:
                into.Write(body);
                break;
        }
    }

    public static byte[] Decode(ReadOnlySpan<byte> body, string encoding) => encoding switch
    {
        Base64Name => DecodeBase64(body),
        QuotedPrintable => DecodeQuotedPrintable(body),
        "x-uuencode" or "x-uue" or "uuencode" => UuEncoding.Decode(body),
        _ => body.ToArray(),
    };

    public static byte[] DecodeBase64(ReadOnlySpan<byte> body)
    {
        var decoded = new byte[body.Length + 3];
        return decoded[..DecodeBase64(body, decoded)];
    }

    /// <param name="into">At least three bytes longer than the body, which may turn out to be no base64.</param>
    private static int DecodeBase64(ReadOnlySpan<byte> body, Span<byte> into)
    {
        if (IsPlain(body[..Math.Min(body.Length, JudgedWithin)]))
        {
            body.CopyTo(into);
            return body.Length;
        }
        // The fast decoder gives up at the first byte it does not like, and what it says about how far it came does not hold with line ends in between.
        return Base64.DecodeFromUtf8(body, into, out _, out var written) == OperationStatus.Done ? written : DecodeBase64Tolerantly(body, into);
    }

    /// <summary>Plain text that only says it is base64: no encoder puts spaces inside its lines, and most of its signs are not of the alphabet.</summary>
    /// <param name="beginning">The first <see cref="JudgedWithin"/> bytes of the body, or all of it.</param>
    internal static bool IsPlain(ReadOnlySpan<byte> beginning) =>
        beginning.ContainsAnyExcept(InBase64) && (beginning.Count((byte)' ') > beginning.Length / 20 || CountForeign(beginning) > beginning.Length / 10 + ForeignAllowed);

    /// <summary>Behind padding comes a footer that somebody added, unless it is base64 again: several pieces in a row are seen in practice.</summary>
    /// <param name="rest">The next <see cref="FooterWithin"/> bytes, or what there is.</param>
    internal static bool IsFooter(ReadOnlySpan<byte> rest) => rest[..Math.Min(rest.Length, FooterWithin)].ContainsAnyExcept(InBase64);

    private static int CountForeign(ReadOnlySpan<byte> body)
    {
        var foreign = 0;
        for (var at = body.IndexOfAnyExcept(InBase64); at >= 0; at = body.IndexOfAnyExcept(InBase64))
        {
            foreign++;
            body = body[(at + 1)..];
        }
        return foreign;
    }

    /// <summary>Skips what is not in the alphabet; see <see cref="IsFooter"/>.</summary>
    private static int DecodeBase64Tolerantly(ReadOnlySpan<byte> body, Span<byte> into)
    {
        var group = new Base64Group();
        var written = 0;
        for (var i = 0; i < body.Length; i++)
        {
            written += group.Add(body[i], into[written..]);
            if (body[i] == '=' && IsFooter(body[(i + 1)..])) return written;
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
    internal struct Base64Group
    {
        private int _bits;
        private int _count;

        public readonly bool IsEmpty => _count == 0;

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
        return decoded[..DecodeQuotedPrintable(body, decoded)];
    }

    /// <param name="into">At least as long as the body.</param>
    internal static int DecodeQuotedPrintable(ReadOnlySpan<byte> body, Span<byte> into)
    {
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
                line[..escape].CopyTo(into[written..]);
                written += escape;
                line = line[escape..];
                if (line.Length > 2 && char.IsAsciiHexDigit((char)line[1]) && char.IsAsciiHexDigit((char)line[2]))
                {
                    into[written++] = (byte)((EncodedWord.HexValue((char)line[1]) << 4) | EncodedWord.HexValue((char)line[2]));
                    line = line[3..];
                }
                else
                {
                    into[written++] = (byte)'=';
                    line = line[1..];
                }
            }
            line.CopyTo(into[written..]);
            written += line.Length;
            if (soft || end < 0) continue;
            if (hasCr) into[written++] = (byte)'\r';
            into[written++] = (byte)'\n';
        }
        return written;
    }
}
