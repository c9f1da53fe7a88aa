using System.Buffers;
using System.Numerics;
using System.Text;
using Postrider.Mail.Smtp;

namespace Postrider.Mail.Mime;

/// <summary>The transfer encoding that content needs for a peer, in the form that costs least.</summary>
internal static class BodyEncoding
{
    public const int LineLimit = 998; // RFC 5322 section 2.1.1

    private static readonly SearchValues<byte> SevenBit = SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(b => (byte)b), (byte)'\t', (byte)'\r', (byte)'\n']);
    private static readonly SearchValues<byte> EightBit = SearchValues.Create([.. Enumerable.Range(' ', 256 - ' ').Where(b => b != 127).Select(b => (byte)b), (byte)'\t', (byte)'\r', (byte)'\n']);

    /// <summary>Decoding gives exactly these bytes back: CR and LF that are not a pair count as binary.</summary>
    public static string Choose(ReadOnlySpan<byte> content, SmtpBodyKind peer)
    {
        if (IsSevenBit(content)) return "7bit";
        if (peer is SmtpBodyKind.EightBit or SmtpBodyKind.Binary && !content.ContainsAnyExcept(EightBit) && LinesFit(content)) return "8bit";
        return peer == SmtpBodyKind.Binary ? "binary" : Cheapest(content.Length, CountEscaped(content));
    }

    /// <param name="escaped">Bytes that quoted-printable writes as three.</param>
    public static string Cheapest(long length, long escaped)
    {
        var quoted = length + 2 * escaped;
        quoted += quoted / BodyEncoder.EncodedLine * 3;
        return quoted <= Base64Length(length) + 2 ? TransferEncoding.QuotedPrintable : TransferEncoding.Base64Name;
    }

    /// <summary>With line ends between the lines and none behind the last.</summary>
    public static long Base64Length(long length)
    {
        var encoded = (length + 2) / 3 * 4;
        return encoded + Math.Max(0, (encoded + BodyEncoder.EncodedLine - 1) / BodyEncoder.EncodedLine - 1) * 2;
    }

    /// <summary>Needs no encoding: printable ASCII in lines. Lines that begin with "From " are changed by mbox files on the way, so they do.</summary>
    public static bool IsSevenBit(ReadOnlySpan<byte> content) => !content.ContainsAnyExcept(SevenBit) && LinesFit(content);

    private static bool LinesFit(ReadOnlySpan<byte> content)
    {
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

    /// <summary>Everything but printable ASCII, tab and line ends; and the sign of escape itself.</summary>
    public static long CountEscaped(ReadOnlySpan<byte> content)
    {
        var length = content.Length;
        long plain = 0;
        while (content.Length >= Vector<byte>.Count)
        {
            // A lane holds up to 255.
            var counted = Vector<byte>.Zero;
            for (var round = 0; round < 255 && content.Length >= Vector<byte>.Count; round++)
            {
                var v = new Vector<byte>(content);
                var printable = Vector.LessThan(v - new Vector<byte>((byte)' '), new Vector<byte>('~' - ' ' + 1)) & ~Vector.Equals(v, new Vector<byte>((byte)'='));
                var spaces = Vector.Equals(v, new Vector<byte>((byte)'\t')) | Vector.Equals(v, new Vector<byte>((byte)'\r')) | Vector.Equals(v, new Vector<byte>((byte)'\n'));
                counted -= printable | spaces; // a match is 255, which is -1
                content = content[Vector<byte>.Count..];
            }
            Vector.Widen(counted, out var low, out var high);
            plain += Vector.Sum(low) + Vector.Sum(high);
        }
        foreach (var b in content) plain += b is (>= 32 and <= 126 and not (byte)'=') or (byte)'\t' or (byte)'\r' or (byte)'\n' ? 1 : 0;
        return length - plain;
    }

    /// <summary>Text as UTF-8 with every kind of line end as CRLF; half surrogates as U+FFFD.</summary>
    public static byte[] Utf8Lines(string text)
    {
        var added = 0;
        for (var rest = text.AsSpan(); rest.IndexOfAny('\r', '\n') is >= 0 and var end;)
        {
            if (rest[end..] is ['\r', '\n', ..]) end++;
            else added++;
            rest = rest[(end + 1)..];
        }
        var lines = new byte[Encoding.UTF8.GetByteCount(text) + added];
        var written = 0;
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            var end = rest.IndexOfAny('\r', '\n');
            written += Encoding.UTF8.GetBytes(end < 0 ? rest : rest[..end], lines.AsSpan(written));
            if (end < 0) break;
            lines[written++] = (byte)'\r';
            lines[written++] = (byte)'\n';
            if (rest[end..] is ['\r', '\n', ..]) end++;
            rest = rest[(end + 1)..];
        }
        return lines;
    }
}
