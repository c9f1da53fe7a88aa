using System.Buffers;
using System.Globalization;
using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>Writes header fields: folded at 78 columns where there is a place to fold, encoded only where needed, without any way for a value to end its line.</summary>
internal sealed class HeaderWriter(ArrayBufferWriter<byte> into)
{
    // RFC 5322 section 2.1.1.
    private const int FoldAt = 78;
    private const int LineLimit = 998;
    // RFC 2047 section 2: a word has at most 75 characters, a line that holds one at most 76.
    private const int LineWithWords = 76;
    private const int ParameterPiece = 70;
    private const int PlainLimit = 60;

    private int _column;
    private bool _first;

    /// <summary>Ids, dates and other text that is known to be ASCII without spaces at its ends.</summary>
    public void Token(string name, params ReadOnlySpan<string> tokens)
    {
        Begin(name);
        foreach (var token in tokens) Put(token);
        End();
    }

    /// <summary>Text without structure (RFC 5322 section 2.2.1), such as a subject.</summary>
    public void Text(string name, string value)
    {
        Begin(name);
        Words(HeaderText.Breakless(value), LineLimit - name.Length - 2);
        End();
    }

    public void Addresses(string name, IReadOnlyList<NamedAddress> addresses)
    {
        if (addresses.Count == 0) return;
        Begin(name);
        for (var i = 0; i < addresses.Count; i++)
        {
            var address = addresses[i].Address.Wire;
            var display = addresses[i].Name is { } given ? HeaderText.Breakless(given).Trim() : "";
            if (display.Length > 0)
            {
                Phrase(display);
                address = "<" + address + ">";
            }
            Put(i < addresses.Count - 1 ? address + "," : address);
        }
        End();
    }

    /// <summary>Content-Type and the like. A value that is not plain ASCII is written by RFC 2231.</summary>
    public void Parameterized(string name, string value, IReadOnlyList<KeyValuePair<string, string>> parameters)
    {
        var pieces = new List<string>();
        foreach (var (key, raw) in parameters) Parameter(key, HeaderText.Breakless(raw), pieces);
        Begin(name);
        Put(pieces.Count > 0 ? value + ";" : value);
        for (var i = 0; i < pieces.Count; i++) Put(i < pieces.Count - 1 ? pieces[i] + ";" : pieces[i]);
        End();
    }

    private void Begin(string name)
    {
        Ascii(name);
        Ascii(":");
        _column = name.Length + 1;
        _first = true;
    }

    private void End() => Ascii("\r\n");

    // One space before each token is the place to fold. The first stays beside the name: a line with nothing but the name upsets old software.
    private void Put(string token)
    {
        if (_column + 1 + token.Length > (_first ? LineLimit : FoldAt)) Fold();
        Ascii(" ");
        Encoding.UTF8.GetBytes(token, into);
        _column += 1 + token.Length;
        _first = false;
    }

    private void Fold()
    {
        Ascii("\r\n");
        _column = 0;
    }

    private void Ascii(string text) => Encoding.ASCII.GetBytes(text, into);

    /// <summary>Words of plain text stay; from the first to the last that cannot stay everything is encoded, as the space between two encoded words would be lost.</summary>
    private void Words(string text, int wordLimit)
    {
        var words = Split(text);
        int first = -1, last = -1;
        for (var i = 0; i < words.Count; i++)
        {
            var word = text.AsSpan(words[i]);
            var edge = (i == 0 && word is [' ', ..]) || (i == words.Count - 1 && (word.IsEmpty || word[^1] == ' '));
            if (!edge && word.Length <= wordLimit && IsPlain(word)) continue;
            if (first < 0) first = i;
            last = i;
        }
        for (var i = 0; i < words.Count; i++)
        {
            if (i == first && text.Length > 0)
            {
                Encoded(text[words[first].Start..words[last].End]);
                i = last;
            }
            else if (text.Length > 0)
            {
                Put(text[words[i]]);
            }
        }
    }

    /// <summary>Cut before a space that follows something else; further spaces stay at the beginning of the next word.</summary>
    private static List<Range> Split(string text)
    {
        var words = new List<Range>();
        var from = 0;
        for (var i = 1; i < text.Length; i++)
        {
            if (text[i] != ' ' || text[i - 1] == ' ') continue;
            words.Add(from..i);
            from = i + 1;
        }
        words.Add(from..text.Length);
        return words;
    }

    private static bool IsPlain(ReadOnlySpan<char> word) => word.IndexOfAnyExceptInRange(' ', '~') < 0 && !word.Contains("=?", StringComparison.Ordinal);

    private void Phrase(string name)
    {
        if (!IsPlain(name) || name.Length > LineLimit / 2)
        {
            Encoded(name);
            return;
        }
        var atoms = true;
        for (var i = 0; i < name.Length && atoms; i++) atoms = EmailAddress.IsAtomCharacter(name[i]) || (name[i] == ' ' && name[i - 1] != ' ');
        if (!atoms) name = "\"" + name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";
        foreach (var word in Split(name)) Put(name[word]);
    }

    /// <summary>In Q, which people and filters can half read, unless B is much shorter; cut between characters.</summary>
    private void Encoded(string text)
    {
        var bytes = Encoding.UTF8.GetByteCount(text);
        var q = 0;
        foreach (var rune in text.EnumerateRunes()) q += EncodedWord.QLength(rune);
        var base64 = (bytes + 2) / 3 * 4 * 3 / 2 < q;
        const int frame = 12; // "=?utf-8?q?" and "?="
        var from = 0;
        do
        {
            var room = LineWithWords - _column - 1 - frame;
            if (room < 12)
            {
                Fold();
                room = LineWithWords - 1 - frame;
            }
            var (end, size) = (from, 0);
            while (end < text.Length)
            {
                Rune.DecodeFromUtf16(text.AsSpan(end), out var rune, out var chars);
                var grown = size + (base64 ? rune.Utf8SequenceLength : EncodedWord.QLength(rune));
                if ((base64 ? (grown + 2) / 3 * 4 : grown) > room) break;
                size = grown;
                end += chars;
            }
            Put(EncodedWord.Encode(text.AsSpan(from, end - from), base64));
            from = end;
        }
        while (from < text.Length);
    }

    private static void Parameter(string key, string value, List<string> pieces)
    {
        if (value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' or '+') && value.Length is > 0 and <= PlainLimit)
        {
            pieces.Add(key + "=" + value);
            return;
        }
        if (PlainStandIn(value) == value)
        {
            pieces.Add(key + "=\"" + value + "\"");
            return;
        }

        // RFC 2231 section 4.1: in pieces where one line does not hold it, cut between characters.
        const string charset = "UTF-8''";
        var encoded = new List<StringBuilder> { new() };
        foreach (var rune in value.EnumerateRunes())
        {
            var sign = PercentEncoded(rune);
            if (encoded[^1].Length + sign.Length > ParameterPiece - key.Length - charset.Length - 5) encoded.Add(new StringBuilder());
            encoded[^1].Append(sign);
        }
        if (encoded.Count == 1) pieces.Add($"{key}*={charset}{encoded[0]}");
        else for (var i = 0; i < encoded.Count; i++) pieces.Add(string.Create(CultureInfo.InvariantCulture, $"{key}*{i}*={(i == 0 ? charset : "")}{encoded[i]}"));
    }

    /// <summary>For readers that do not know RFC 2231: ASCII without quotes and backslashes, short, the ending kept. The value itself when it is like that.</summary>
    public static string PlainStandIn(string value)
    {
        var plain = new StringBuilder();
        foreach (var rune in value.EnumerateRunes()) plain.Append(rune.Value is >= ' ' and <= '~' and not ('"' or '\\' or '%') ? (char)rune.Value : '_');
        if (plain.Length <= PlainLimit) return plain.ToString().Replace("=?", "=_", StringComparison.Ordinal);
        var text = plain.ToString().Replace("=?", "=_", StringComparison.Ordinal);
        var dot = text.LastIndexOf('.');
        var ending = dot > 0 && text.Length - dot <= 10 ? text[dot..] : "";
        return text[..(PlainLimit - ending.Length)] + ending;
    }

    private static string PercentEncoded(Rune rune)
    {
        // RFC 2231 section 7 attribute-char.
        if (rune.IsAscii && (char.IsAsciiLetterOrDigit((char)rune.Value) || "-._+!#$&^`{|}~".Contains((char)rune.Value, StringComparison.Ordinal))) return rune.ToString();
        Span<byte> bytes = stackalloc byte[4];
        var text = new StringBuilder(12);
        foreach (var b in bytes[..rune.EncodeToUtf8(bytes)]) text.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        return text.ToString();
    }
}
