using System.Buffers;
using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>A field with parameters, such as Content-Type: the value in lower case, the names in lower case, the values decoded.</summary>
/// <param name="Cut">There are more parameters than were read.</param>
internal sealed record ParameterizedValue(string Value, IReadOnlyDictionary<string, string> Parameters, bool Cut = false);

/// <summary>Parameters of RFC 2045 section 5.1 with the continuations and charsets of RFC 2231, and encoded words where mailers put them against the rule.</summary>
internal static class ParameterReader
{
    private static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>(StringComparer.Ordinal);

    private readonly record struct Piece(int Index, bool Extended, string Value);

    /// <param name="text">Unfolded.</param>
    public static ParameterizedValue Read(string text) => Read(text, MimeLimits.Default.Parameters);

    public static ParameterizedValue Read(string text, int limit)
    {
        var position = 0;
        var value = ReadValue(text, ref position);
        if (position >= text.Length) return new ParameterizedValue(value, None);
        var whole = new Dictionary<string, string>(StringComparer.Ordinal);
        Dictionary<string, List<Piece>>? pieces = null;
        var cut = false;
        // Each parameter takes two rounds: its semicolon and itself.
        for (var n = 0; position < text.Length; n++)
        {
            if (n >= 2 * limit)
            {
                cut = true;
                break;
            }
            SkipSpaceAndComments(text, ref position);
            if (position < text.Length && text[position] == ';')
            {
                position++;
                continue;
            }
            if (!ReadParameter(text, ref position, out var name, out var raw)) continue;
            var star = name.IndexOf('*', StringComparison.Ordinal);
            if (star < 0)
            {
                // The first of two equal names counts, as it does for fields.
                whole.TryAdd(name, HeaderText.Clean(EncodedWord.Decode(raw)));
                continue;
            }
            if (!ReadIndex(name.AsSpan(star), out var index, out var extended)) continue;
            pieces ??= new(StringComparer.Ordinal);
            var owner = name[..star];
            if (!pieces.TryGetValue(owner, out var list)) pieces[owner] = list = [];
            list.Add(new Piece(index, extended, raw));
        }
        if (pieces is not null)
        {
            // RFC 2231 wins over the plain form beside it, which is the fallback for old readers.
            foreach (var (name, list) in pieces) if (Join(list) is { } joined) whole[name] = HeaderText.Clean(joined);
        }
        return new ParameterizedValue(value, whole, cut);
    }

    private static string ReadValue(string text, ref int position)
    {
        SkipSpaceAndComments(text, ref position);
        var rest = text.AsSpan(position);
        var end = rest.IndexOfAny(";(");
        if (end < 0) end = rest.Length;
        position += end;
        return new string(rest[..end].Trim().Trim('"')).ToLowerInvariant();
    }

    private static bool ReadParameter(string text, ref int position, out string name, out string value)
    {
        (name, value) = ("", "");
        var rest = text.AsSpan(position);
        var nameEnd = rest.IndexOfAny("=;");
        if (nameEnd < 0 || rest[nameEnd] == ';')
        {
            position = nameEnd < 0 ? text.Length : position + nameEnd;
            return false;
        }
        name = new string(rest[..nameEnd].Trim()).ToLowerInvariant();
        position += nameEnd + 1;
        SkipSpaceAndComments(text, ref position);
        if (position < text.Length && text[position] == '"')
        {
            value = ReadQuoted(text, ref position);
        }
        else
        {
            rest = text.AsSpan(position);
            var end = rest.IndexOf(';');
            if (end < 0) end = rest.Length;
            var raw = rest[..end].TrimEnd();
            // A file name with spaces that should have been quoted is taken whole; of other values only the token.
            var isName = name.StartsWith("filename", StringComparison.Ordinal) || name.StartsWith("name", StringComparison.Ordinal) || raw.StartsWith("=?");
            if (!isName && raw.IndexOfAny(" \t(") is >= 0 and var cut) raw = raw[..cut];
            value = new string(raw);
            position += end;
        }
        return name.Length > 0;
    }

    private static string ReadQuoted(string text, ref int position)
    {
        var value = new StringBuilder();
        for (position++; position < text.Length && text[position] != '"'; position++)
        {
            // A backslash that escapes nothing is kept: "C:\dir\file" is what some mailers send.
            if (text[position] == '\\' && position + 1 < text.Length && text[position + 1] is '"' or '\\') position++;
            value.Append(text[position]);
        }
        if (position < text.Length) position++;
        return value.ToString();
    }

    private static void SkipSpaceAndComments(string text, ref int position)
    {
        var depth = 0;
        for (; position < text.Length; position++)
        {
            var c = text[position];
            if (c == '(') depth++;
            else if (c == ')' && depth > 0) depth--;
            else if (c == '\\' && depth > 0) position++;
            else if (depth == 0 && !char.IsWhiteSpace(c)) break;
        }
        position = Math.Min(position, text.Length);
    }

    /// <summary>"*", "*0", "*0*": index -1 is the single extended value.</summary>
    private static bool ReadIndex(ReadOnlySpan<char> suffix, out int index, out bool extended)
    {
        (index, extended) = (-1, true);
        suffix = suffix[1..];
        if (suffix.IsEmpty) return true;
        extended = suffix[^1] == '*';
        if (extended) suffix = suffix[..^1];
        return suffix.Length is > 0 and <= 4 && int.TryParse(suffix, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out index);
    }

    private static string? Join(List<Piece> pieces)
    {
        pieces.Sort(static (a, b) => a.Index.CompareTo(b.Index));
        var first = pieces[0];
        if (first.Index > 0) return null;
        var (charset, value) = first.Extended ? SplitCharset(first.Value) : (null, first.Value);
        var bytes = new ArrayBufferWriter<byte>(256);
        Append(value, first.Extended, bytes);
        if (first.Index == 0)
        {
            var next = 1;
            foreach (var piece in pieces)
            {
                if (piece.Index < next) continue; // a second piece of the same number
                if (piece.Index > next) break; // a gap: what follows it cannot be trusted to belong here
                Append(piece.Value, piece.Extended, bytes);
                next++;
            }
        }
        var text = CharsetReader.Decode(bytes.WrittenSpan, charset ?? "utf-8", out _);
        return charset is null && text.Contains("=?", StringComparison.Ordinal) ? EncodedWord.Decode(text) : text;
    }

    // RFC 2231 section 4: charset'language'value, the first two may be empty.
    private static (string? Charset, string Value) SplitCharset(string value)
    {
        var first = value.IndexOf('\'', StringComparison.Ordinal);
        var second = first < 0 ? -1 : value.IndexOf('\'', first + 1);
        return second < 0 ? (null, value) : (first == 0 ? null : value[..first], value[(second + 1)..]);
    }

    private static void Append(string value, bool extended, ArrayBufferWriter<byte> into)
    {
        if (!extended || !value.Contains('%', StringComparison.Ordinal))
        {
            Encoding.UTF8.GetBytes(value, into);
            return;
        }
        var from = 0;
        for (var i = 0; i + 2 < value.Length; i++)
        {
            if (value[i] != '%' || !char.IsAsciiHexDigit(value[i + 1]) || !char.IsAsciiHexDigit(value[i + 2])) continue;
            Encoding.UTF8.GetBytes(value.AsSpan(from, i - from), into);
            into.GetSpan(1)[0] = (byte)((EncodedWord.HexValue(value[i + 1]) << 4) | EncodedWord.HexValue(value[i + 2]));
            into.Advance(1);
            i += 2;
            from = i + 1;
        }
        Encoding.UTF8.GetBytes(value.AsSpan(from), into);
    }
}
