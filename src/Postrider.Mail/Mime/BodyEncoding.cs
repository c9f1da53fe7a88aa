using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>Content made fit for 7-bit lines, in the form that costs least.</summary>
internal static class BodyEncoding
{
    private static readonly SearchValues<byte> SevenBit = SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(b => (byte)b), (byte)'\t', (byte)'\r', (byte)'\n']);
    private const int LineLimit = 998; // RFC 5322 section 2.1.1
    private const int EncodedLine = 76; // RFC 2045 section 6.7 and 6.8
    private const int Base64Line = EncodedLine / 4 * 3;

    /// <summary>Decoding gives exactly these bytes back: CR and LF that are not a pair count as binary.</summary>
    public static (string Encoding, byte[] Body) Encode(ReadOnlySpan<byte> content)
    {
        if (IsSevenBit(content)) return ("7bit", content.ToArray());
        var base64 = (content.Length + 2) / 3 * 4;
        base64 += (base64 + EncodedLine - 1) / EncodedLine * 2;
        return QuotedPrintableLength(content) <= base64 ? (TransferEncoding.QuotedPrintable, QuotedPrintable(content)) : (TransferEncoding.Base64Name, Base64Lines(content));
    }

    /// <summary>Needs no encoding: printable ASCII in lines. Lines that begin with "From " are changed by mbox files on the way, so they do.</summary>
    public static bool IsSevenBit(ReadOnlySpan<byte> content)
    {
        if (content.ContainsAnyExcept(SevenBit)) return false;
        while (!content.IsEmpty)
        {
            if (content.StartsWith("From "u8)) return false;
            var end = content.IndexOfAny((byte)'\r', (byte)'\n');
            if ((end < 0 ? content.Length : end) > LineLimit) return false;
            if (end < 0) return true;
            if (!content[end..].StartsWith("\r\n"u8)) return false;
            content = content[(end + 2)..];
        }
        return true;
    }

    public static byte[] Base64Lines(ReadOnlySpan<byte> content)
    {
        var lines = (content.Length + Base64Line - 1) / Base64Line;
        var encoded = new byte[(content.Length + 2) / 3 * 4 + Math.Max(0, lines - 1) * 2];
        var written = 0;
        while (!content.IsEmpty)
        {
            var line = content[..Math.Min(Base64Line, content.Length)];
            content = content[line.Length..];
            Base64.EncodeToUtf8(line, encoded.AsSpan(written), out _, out var length);
            written += length;
            if (content.IsEmpty) break;
            "\r\n"u8.CopyTo(encoded.AsSpan(written));
            written += 2;
        }
        return encoded;
    }

    private static int QuotedPrintableLength(ReadOnlySpan<byte> content)
    {
        var length = 0;
        foreach (var b in content) length += b is >= 32 and <= 126 and not (byte)'=' or (byte)'\t' or (byte)'\r' or (byte)'\n' ? 1 : 3;
        return length + length / EncodedLine * 3;
    }

    private static byte[] QuotedPrintable(ReadOnlySpan<byte> content)
    {
        var encoded = new MemoryStream(QuotedPrintableLength(content) + 64);
        var column = 0;
        for (var i = 0; i < content.Length; i++)
        {
            var b = content[i];
            var rest = content[i..];
            if (rest.StartsWith("\r\n"u8))
            {
                encoded.Write("\r\n"u8);
                column = 0;
                i++;
                continue;
            }
            var lineEnds = rest.Length == 1 || rest[1..].StartsWith("\r\n"u8);
            var plain = b switch
            {
                (byte)' ' or (byte)'\t' => !lineEnds,
                // At the start of a line an mbox file would quote the one, and bad relays have lost the other.
                (byte)'F' => column > 0 || !rest.StartsWith("From "u8),
                (byte)'.' => column > 0,
                _ => b is > 32 and <= 126 and not (byte)'=',
            };
            // The last column of a line that goes on belongs to the soft break's '='.
            if (column + (plain ? 1 : 3) > EncodedLine - (lineEnds ? 0 : 1))
            {
                encoded.Write("=\r\n"u8);
                column = 0;
                i--;
                continue;
            }
            if (plain)
            {
                encoded.WriteByte(b);
                column++;
            }
            else
            {
                encoded.WriteByte((byte)'=');
                encoded.WriteByte(Hex(b >> 4));
                encoded.WriteByte(Hex(b & 15));
                column += 3;
            }
        }
        return encoded.ToArray();
    }

    private static byte Hex(int digit) => (byte)(digit < 10 ? '0' + digit : 'A' + digit - 10);

    /// <summary>Text as UTF-8 with every kind of line end as CRLF; half surrogates as U+FFFD.</summary>
    public static byte[] Utf8Lines(string text)
    {
        var lines = new StringBuilder(text.Length + 64);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is not ('\r' or '\n'))
            {
                lines.Append(text[i]);
                continue;
            }
            if (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n') i++;
            lines.Append("\r\n");
        }
        return Encoding.UTF8.GetBytes(lines.ToString());
    }
}
