using System.Globalization;
using System.Text;

namespace Postrider.Conversations;

/// <summary>What counts as a word of a search: runs of letters and digits in lower case, without accents. The index and the query are folded alike, so both engines compare plain words.</summary>
internal static class SearchWords
{
    /// <summary>Characters of a text that are searched; what lies beyond is found by nothing.</summary>
    public const int MaxChars = 100_000;
    // Longer runs are no words but encoded data. PostgreSQL takes words up to 2,046 bytes.
    private const int MaxWordChars = 64;

    /// <summary>The words of a text with one blank between them.</summary>
    public static string Fold(string? text)
    {
        var folded = new StringBuilder(Math.Min(text?.Length ?? 0, MaxChars));
        foreach (var word in Of(text))
        {
            if (folded.Length > 0) folded.Append(' ');
            folded.Append(word.Folded);
        }
        return folded.ToString();
    }

    /// <summary>Word by word, each with its place in the text as given.</summary>
    public static IEnumerable<(string Folded, int Start, int Length)> Of(string? text)
    {
        if (text is null) yield break;
        var end = Math.Min(text.Length, MaxChars);
        var at = 0;
        while (at < end)
        {
            if (!Rune.TryGetRuneAt(text, at, out var rune) || !IsOfWord(rune))
            {
                at += rune.Utf16SequenceLength > 1 ? rune.Utf16SequenceLength : 1;
                continue;
            }
            var start = at;
            at += rune.Utf16SequenceLength;
            // Scripts without blanks between words: each sign is a word, and several searched together are a phrase.
            if (!StandsAlone(rune))
                while (at < end && Rune.TryGetRuneAt(text, at, out var next) && IsOfWord(next) && !StandsAlone(next)) at += next.Utf16SequenceLength;
            if (Folded(text.AsSpan(start, at - start)) is { Length: > 0 } word) yield return (word, start, at - start);
        }
    }

    private static bool IsOfWord(Rune rune) => rune.IsAscii ? char.IsAsciiLetterOrDigit((char)rune.Value) : Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;

    private static bool StandsAlone(Rune rune) => rune.Value is >= 0x0E00 and <= 0x0EFF or >= 0x1000 and <= 0x109F or >= 0x1780 and <= 0x17FF or >= 0x3040 and <= 0x30FF or >= 0x3400 and <= 0x4DBF or >= 0x4E00 and <= 0x9FFF or >= 0xF900 and <= 0xFAFF or >= 0x20000 and <= 0x3FFFF;

    private static string Folded(ReadOnlySpan<char> word)
    {
        if (word.Length > MaxWordChars) word = word[..MaxWordChars];
        if (System.Text.Ascii.IsValid(word)) return word.ToString().ToLowerInvariant();
        var folded = new StringBuilder(word.Length);
        // An unpaired surrogate at the cut would not normalise.
        foreach (var rune in word.ToString().TrimEnd(HighSurrogates).Normalize(NormalizationForm.FormKD).EnumerateRunes())
            if (Rune.IsLetterOrDigit(rune)) folded.Append(Rune.ToLowerInvariant(rune).ToString());
        return folded.ToString();
    }

    private static readonly char[] HighSurrogates = [.. Enumerable.Range(0xD800, 0x400).Select(c => (char)c)];
}
