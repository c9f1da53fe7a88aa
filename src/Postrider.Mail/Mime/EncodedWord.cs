using System.Buffers;
using System.Globalization;
using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>Encoded words of RFC 2047, read as mailers really write them: inside words and quotes, with spaces, unpadded, a character split over two words.</summary>
internal static class EncodedWord
{
    private static readonly SearchValues<char> CharsetEnds = SearchValues.Create("?= \t\r\n");

    /// <summary>Never throws, in linear time. What is no encoded word stays as it is.</summary>
    public static string Decode(string text)
    {
        var start = text.IndexOf("=?", StringComparison.Ordinal);
        // Beyond the last "?=" no word can end; without this bound "=?=?=?…" would be searched to the end again and again.
        var lastEnd = text.LastIndexOf("?=", StringComparison.Ordinal);
        if (start < 0 || lastEnd < start) return text;

        var decoded = new StringBuilder(text.Length);
        var pending = new ArrayBufferWriter<byte>(64);
        string? charset = null; // of the bytes in pending
        var position = 0;
        var afterWord = false;
        while (start >= 0)
        {
            if (!TryRead(text, start, lastEnd, out var word))
            {
                Flush();
                decoded.Append(text, position, start + 2 - position);
                position = start + 2;
                afterWord = false;
            }
            else
            {
                var gap = text.AsSpan(position, start - position);
                // RFC 2047 section 6.2: white space between two words is not shown.
                if (!afterWord || gap.IndexOfAnyExcept(" \t\r\n") >= 0)
                {
                    Flush();
                    decoded.Append(gap);
                }
                else if (!word.Charset.Equals(charset, StringComparison.OrdinalIgnoreCase))
                {
                    Flush();
                }
                charset = word.Charset;
                if (word.Base64) TransferEncoding.DecodeBase64(word.Payload, pending);
                else DecodeQ(word.Payload);
                position = word.End;
                afterWord = true;
            }
            start = position <= lastEnd ? text.IndexOf("=?", position, StringComparison.Ordinal) : -1;
        }
        Flush();
        return decoded.Append(text, position, text.Length - position).ToString();

        void Flush()
        {
            if (pending.WrittenCount > 0) decoded.Append(CharsetReader.Decode(pending.WrittenSpan, charset, out _));
            pending.ResetWrittenCount();
        }

        void DecodeQ(ReadOnlySpan<char> payload)
        {
            for (var i = 0; i < payload.Length; i++)
            {
                var c = payload[i];
                if (c >= 0x80)
                {
                    // Raw text inside a word has been decoded with the field.
                    Flush();
                    decoded.Append(c);
                    continue;
                }
                var b = c == '_' ? (byte)' ' : (byte)c;
                if (c == '=' && i + 2 < payload.Length && char.IsAsciiHexDigit(payload[i + 1]) && char.IsAsciiHexDigit(payload[i + 2]))
                {
                    b = (byte)((HexValue(payload[i + 1]) << 4) | HexValue(payload[i + 2]));
                    i += 2;
                }
                pending.GetSpan(1)[0] = b;
                pending.Advance(1);
            }
        }
    }

    private readonly ref struct Word
    {
        public required string Charset { get; init; }
        public required bool Base64 { get; init; }
        public required ReadOnlySpan<char> Payload { get; init; }
        public required int End { get; init; }
    }

    private static bool TryRead(string text, int start, int lastEnd, out Word word)
    {
        word = default;
        var rest = text.AsSpan(start + 2);
        var charsetEnd = rest.IndexOfAny(CharsetEnds);
        if (charsetEnd <= 0 || rest[charsetEnd] != '?' || charsetEnd + 3 > rest.Length || rest[charsetEnd + 2] != '?') return false;
        var kind = rest[charsetEnd + 1];
        if (kind is not ('b' or 'B' or 'q' or 'Q')) return false;
        var payloadStart = start + 2 + charsetEnd + 3;
        if (payloadStart > lastEnd) return false;
        var end = text.IndexOf("?=", payloadStart, StringComparison.Ordinal);
        if (end < 0) return false;
        var language = rest[..charsetEnd].IndexOf('*'); // RFC 2231 section 5
        word = new Word
        {
            Charset = new string(language < 0 ? rest[..charsetEnd] : rest[..language]),
            Base64 = kind is 'b' or 'B',
            Payload = text.AsSpan(payloadStart, end - payloadStart),
            End = end + 2,
        };
        return true;
    }

    /// <summary>One word in UTF-8. The caller cuts the text so that the word has at most 75 characters.</summary>
    public static string Encode(ReadOnlySpan<char> text, bool base64)
    {
        var word = new StringBuilder(75).Append(base64 ? "=?utf-8?b?" : "=?utf-8?q?");
        Span<byte> bytes = stackalloc byte[4];
        if (base64)
        {
            var all = new byte[Encoding.UTF8.GetByteCount(text)];
            Encoding.UTF8.GetBytes(text, all);
            word.Append(Convert.ToBase64String(all));
        }
        else
        {
            foreach (var rune in text.EnumerateRunes())
            {
                if (rune.Value == ' ') word.Append('_');
                else if (IsPlainInQ(rune)) word.Append((char)rune.Value);
                else foreach (var b in bytes[..rune.EncodeToUtf8(bytes)]) word.Append('=').Append(b.ToString("X2", CultureInfo.InvariantCulture));
            }
        }
        return word.Append("?=").ToString();
    }

    public static int QLength(Rune rune) => rune.Value == ' ' || IsPlainInQ(rune) ? 1 : 3 * rune.Utf8SequenceLength;

    // RFC 2047 section 5 (3): the narrow set, right in names as well as in text.
    private static bool IsPlainInQ(Rune rune) => rune.IsAscii && (char.IsAsciiLetterOrDigit((char)rune.Value) || rune.Value is '!' or '*' or '+' or '-' or '/');

    internal static int HexValue(char c) => c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}
