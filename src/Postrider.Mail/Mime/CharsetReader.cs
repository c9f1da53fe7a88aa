using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Unicode;

namespace Postrider.Mail.Mime;

/// <summary>Bytes to text by the name of a charset. The code pages are asked directly, never registered for the whole process.</summary>
internal static class CharsetReader
{
    private static readonly DecoderFallback Replacement = new DecoderReplacementFallback("\uFFFD");
    // Only names that were found are kept, so hostile names do not fill it.
    private static readonly ConcurrentDictionary<string, Encoding> Known = new(StringComparer.OrdinalIgnoreCase);

    private static readonly SearchValues<char> NameEnds = SearchValues.Create("\"' ;/>\r\n\t");

    public static Encoding Windows1252 { get; } = CodePage("windows-1252")!;

    /// <returns>Null when the charset is not known, or refused: UTF-7 turns harmless ASCII into markup (WHATWG Encoding section 4.2 has no UTF-7 either).</returns>
    public static Encoding? Find(string? name)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Length > 60) return null;
        if (Known.TryGetValue(name, out var known)) return known;
        var found = Canonical(name.Trim(' ', '\t', '"', '\'').ToLowerInvariant()) switch
        {
            "utf-8" => Encoding.UTF8,
            "utf-7" => null,
            // RFC 2781 section 4.3: without a byte order mark it is big-endian.
            "utf-16" or "utf-16be" => Encoding.BigEndianUnicode,
            "utf-16le" => Encoding.Unicode,
            "utf-32" or "utf-32be" => new UTF32Encoding(bigEndian: true, byteOrderMark: true),
            "utf-32le" => Encoding.UTF32,
            var other => CodePage(other),
        };
        if (found is not null) Known.TryAdd(name, found);
        return found;
    }

    /// <summary>By its number at Windows; null as by name.</summary>
    public static Encoding? Find(int codePage) => codePage switch
    {
        1200 => Encoding.Unicode,
        65001 => Encoding.UTF8,
        20127 or 28591 => Windows1252,
        > 0 and not 65000 => CodePagesEncodingProvider.Instance.GetEncoding(codePage, EncoderFallback.ReplacementFallback, Replacement),
        _ => null,
    };

    /// <summary>How bytes are read: by which charset, from where on, and what had to be guessed or replaced (null: nothing).</summary>
    internal readonly record struct Choice(Encoding Encoding, int Skip, string? Defect);

    /// <summary>Never throws. <paramref name="defect"/> says what had to be guessed or replaced, else null.</summary>
    public static string Decode(ReadOnlySpan<byte> bytes, string? charset, out string? defect)
    {
        var choice = Choose(bytes, charset);
        defect = choice.Defect;
        return choice.Encoding.GetString(bytes[choice.Skip..]);
    }

    /// <summary>The same into a buffer of the caller's.</summary>
    public static void DecodeTo(ReadOnlySpan<byte> bytes, string? charset, IBufferWriter<char> into, out string? defect)
    {
        var choice = Choose(bytes, charset);
        defect = choice.Defect;
        bytes = bytes[choice.Skip..];
        // No charset makes more characters than it has bytes.
        into.Advance(choice.Encoding.GetChars(bytes, into.GetSpan(bytes.Length + 4)));
    }

    public static Choice Choose(ReadOnlySpan<byte> bytes, string? charset)
    {
        var named = !string.IsNullOrWhiteSpace(charset);
        var ascii = named && IsAscii(charset!);
        if (!named || ascii)
        {
            if (Ascii.IsValid(bytes) && !bytes.Contains((byte)0x1B)) return new(Encoding.Latin1, 0, null);
            return Guess(bytes, ascii ? "Text said to be ASCII is not; read as " : "Text without a charset; read as ");
        }
        var encoding = Find(charset);
        if (encoding is null) return Guess(bytes, $"The charset '{Shown(charset!)}' is not known or not accepted; read as ");
        if (encoding is UTF8Encoding)
        {
            if (Utf8.IsValid(bytes)) return new(encoding, 0, null);
            return HasNoUtf8(bytes) ? Guess(bytes, "Text said to be UTF-8 is not; read as ") : new(encoding, 0, "Text said to be UTF-8 has bytes that are not.");
        }
        if (bytes is [0xFF, 0xFE, ..] && ReferenceEquals(encoding, Encoding.BigEndianUnicode)) return new(Encoding.Unicode, 2, null);
        if (bytes is [0xFE, 0xFF, ..] && ReferenceEquals(encoding, Encoding.BigEndianUnicode)) return new(encoding, 2, null);
        return new(encoding, 0, null);
    }

    // A damaged piece of UTF-8 has many whole characters; text of another charset has them by chance.
    private static bool HasNoUtf8(ReadOnlySpan<byte> bytes)
    {
        const int Fewest = 3;
        var (wrong, right) = (0, 0);
        while (bytes.IndexOfAnyInRange((byte)0x80, (byte)0xFF) is >= 0 and var at)
        {
            bytes = bytes[at..];
            if (Rune.DecodeFromUtf8(bytes, out _, out var length) == OperationStatus.Done) right++;
            else wrong++;
            bytes = bytes[length..];
        }
        return wrong >= Fewest && right * 2 < wrong;
    }

    /// <summary>HTML without a charset in its header may have one in a meta element, within the first 1024 bytes (WHATWG HTML section 4.2.5.4).</summary>
    /// <returns>Null when there is none that is known.</returns>
    public static string? NamedInHtml(ReadOnlySpan<byte> html)
    {
        var head = Encoding.Latin1.GetString(html[..Math.Min(html.Length, 1024)]);
        var at = head.IndexOf("charset=", StringComparison.OrdinalIgnoreCase);
        if (at < 0) return null;
        var name = head.AsSpan(at + 8).TrimStart("\"' ");
        var end = name.IndexOfAny(NameEnds);
        var charset = new string(end < 0 ? name : name[..end]);
        // A meta element that could be read is not in UTF-16.
        return Find(charset) is null or UnicodeEncoding or UTF32Encoding ? null : charset;
    }

    private static Choice Guess(ReadOnlySpan<byte> bytes, string defect)
    {
        var name = CharsetGuess.Of(bytes);
        return new(Find(name)!, 0, defect + (name == "utf-8" ? "UTF-8." : name + "."));
    }

    private static bool IsAscii(string charset) => charset.Trim().ToLowerInvariant() is "us-ascii" or "ascii" or "ansi_x3.4-1968" or "iso646-us" or "us" or "646" or "7bit" or "default" or "x-unknown" or "unknown-8bit" or "unknown" or "x-user-defined";

    // Names that mailers use and the code pages do not know, and the supersets that WHATWG Encoding section 4.2 reads instead of the narrow set.
    private static string Canonical(string name) => name switch
    {
        "utf8" or "utf-8" or "utf_8" or "unicode-1-1-utf-8" or "x-unicode-2-0-utf-8" or "cp65001" or "utf8mb4" or "utf-8n" => "utf-8",
        "utf-7" or "utf7" or "unicode-1-1-utf-7" or "csunicode11utf7" or "unicode-2-0-utf-7" or "x-unicode-2-0-utf-7" or "cp65000" => "utf-7",
        "utf16" or "unicode" or "ucs-2" or "iso-10646-ucs-2" or "csunicode" or "unicodefffe" or "unicodefeff" => "utf-16",
        "iso-8859-1" or "iso8859-1" or "iso_8859-1" or "iso88591" or "latin1" or "latin-1" or "l1" or "8859-1" or "iso-ir-100" or "cp819" or "ibm819" or "cp1252" or "cp-1252" or "x-cp1252" or "windows1252" or "win-1252" or "ansi" => "windows-1252",
        "iso-8859-9" or "iso8859-9" or "latin5" => "windows-1254",
        "iso-8859-11" or "iso8859-11" or "tis-620" or "tis620" => "windows-874",
        "gb2312" or "gbk" or "x-gbk" or "gb_2312-80" or "csgb2312" or "cp936" or "chinese" or "euc-cn" => "gb18030",
        "ks_c_5601-1987" or "ks_c_5601" or "ksc5601" or "ksc_5601" or "euc-kr" or "cp949" or "korean" or "uhc" => "ks_c_5601-1987",
        "windows-31j" or "cp932" or "x-sjis" or "sjis" or "ms_kanji" or "shift-jis" or "csshiftjis" => "shift_jis",
        "big5-hkscs" or "cp950" or "x-x-big5" => "big5",
        "iso-2022-jp-1" or "iso-2022-jp-2" or "iso-2022-jp-3" or "iso-2022-jp-2004" or "iso2022jp" => "iso-2022-jp",
        "koi8r" or "cskoi8r" => "koi8-r",
        "koi8u" => "koi8-u",
        "iso-8859-8-i" or "iso-8859-8-e" => "iso-8859-8",
        "iso-8859-6-i" or "iso-8859-6-e" => "iso-8859-6",
        ['c', 'p', '1', '2', '5', var last] => "windows-125" + last,
        ['i', 's', 'o', '8', '8', '5', '9', '-', .. var part] => "iso-8859-" + part,
        _ => name,
    };

    private static Encoding? CodePage(string name)
    {
        try
        {
            return CodePagesEncodingProvider.Instance.GetEncoding(name, EncoderFallback.ReplacementFallback, Replacement);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return null; // How the provider may say "not known".
        }
    }

    private static string Shown(string name) => HeaderText.Clean(name.Length > 40 ? name[..40] + "…" : name);
}
