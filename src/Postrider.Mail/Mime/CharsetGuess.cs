using System.Text;
using System.Text.Unicode;

namespace Postrider.Mail.Mime;

/// <summary>The likeliest charset of text that names none, or a wrong one: by what its bytes can be, then by what its letters are. Looks at the beginning only.</summary>
internal static class CharsetGuess
{
    private const int Looked = 16 << 10;
    // Fewer pairs may stand in Western text by chance.
    private const int FewestPairs = 4;

    /// <summary>A name that <see cref="CharsetReader.Find"/> knows; windows-1252 when nothing speaks for another.</summary>
    public static string Of(ReadOnlySpan<byte> bytes)
    {
        if (HasJapaneseEscapes(bytes)) return "iso-2022-jp";
        if (Utf8.IsValid(bytes)) return "utf-8";
        bytes = bytes[..Math.Min(bytes.Length, Looked)];
        return DoubleByte(bytes) ?? Cyrillic(bytes) ?? "windows-1252";
    }

    // ISO 2022: to JIS X 0208, in 7-bit text only.
    private static bool HasJapaneseEscapes(ReadOnlySpan<byte> bytes) => Ascii.IsValid(bytes) && (bytes.IndexOf("\u001b$B"u8) >= 0 || bytes.IndexOf("\u001b$@"u8) >= 0);

    /// <returns>Null unless nearly all bytes beyond ASCII stand in pairs.</returns>
    private static string? DoubleByte(ReadOnlySpan<byte> bytes)
    {
        // EUC and its kin: both bytes from A1 up. Shift_JIS and Big5: the second may be ASCII.
        var (euc, eucBad, sjis, sjisBad, big5, big5Bad) = (0, 0, 0, 0, 0, 0);
        var (kana, hangul, sjisKana, big5Common, hanCommon) = (0, 0, 0, 0, 0);
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] < 0x80) continue;
            var (lead, trail) = (bytes[i], i + 1 < bytes.Length ? bytes[i + 1] : (byte)0);
            if (lead is >= 0xA1 and <= 0xFE && trail is >= 0xA1 and <= 0xFE)
            {
                euc++;
                if (lead is 0xA4 or 0xA5) kana++;
                if (lead is >= 0xB0 and <= 0xC8) hangul++;
                if (lead is >= 0xB0 and <= 0xD7) hanCommon++;
                i++;
            }
            else
            {
                eucBad++;
            }
        }
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] < 0x80) continue;
            var (lead, trail) = (bytes[i], i + 1 < bytes.Length ? bytes[i + 1] : (byte)0);
            if (lead is (>= 0x81 and <= 0x9F) or (>= 0xE0 and <= 0xFC) && trail is (>= 0x40 and <= 0x7E) or (>= 0x80 and <= 0xFC))
            {
                sjis++;
                if (lead is 0x82 or 0x83) sjisKana++;
                i++;
            }
            else if (lead is < 0xA1 or > 0xDF)
            {
                sjisBad++; // A1 to DF are its single-byte kana
            }
        }
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] < 0x80) continue;
            var (lead, trail) = (bytes[i], i + 1 < bytes.Length ? bytes[i + 1] : (byte)0);
            if (lead is >= 0xA1 and <= 0xF9 && trail is (>= 0x40 and <= 0x7E) or (>= 0xA1 and <= 0xFE))
            {
                big5++;
                if (lead is >= 0xA4 and <= 0xC6) big5Common++;
                i++;
            }
            else
            {
                big5Bad++;
            }
        }
        if (sjis >= FewestPairs && sjisBad * 20 <= sjis && sjisKana * 5 >= sjis) return "shift_jis";
        if (euc >= FewestPairs && eucBad * 20 <= euc)
        {
            if (kana * 5 >= euc) return "euc-jp";
            if (hangul * 20 >= euc * 17) return "euc-kr";
            if (hanCommon * 10 >= euc * 7) return "gb18030";
        }
        return big5 >= FewestPairs && big5Bad * 20 <= big5 && big5Common * 10 >= big5 * 7 && euc < big5 ? "big5" : null;
    }

    /// <summary>Words of letters from C0 up; small letters are the more frequent ones.</summary>
    private static string? Cyrillic(ReadOnlySpan<byte> bytes)
    {
        var (low, high, ascii, inWords, run) = (0, 0, 0, 0, 0);
        foreach (var b in bytes)
        {
            if (b >= 0xC0)
            {
                run++;
                if (b < 0xE0) low++;
                else high++;
                continue;
            }
            if (run >= 3) inWords += run;
            run = 0;
            if (char.IsAsciiLetter((char)b)) ascii++;
        }
        if (run >= 3) inWords += run;
        var letters = low + high;
        // Western text has single letters beyond ASCII among many within it.
        return letters < 8 || inWords * 2 < letters || ascii > letters * 4 ? null : high > low ? "windows-1251" : "koi8-r";
    }
}
