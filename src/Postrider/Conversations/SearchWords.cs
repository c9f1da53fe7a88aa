using System.Buffers;
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
        if (text is null) return "";
        var folded = new StringBuilder(Math.Min(text.Length, MaxChars));
        Span<char> lower = stackalloc char[MaxWordChars];
        for (var (start, end) = Next(text, 0); start < end; (start, end) = Next(text, end))
        {
            var word = text.AsSpan(start, end - start);
            var before = folded.Length;
            if (before > 0) folded.Append(' ');
            // Every message goes this way.
            if (Ascii.ToLower(word[..Math.Min(word.Length, MaxWordChars)], lower, out var written) == OperationStatus.Done) folded.Append(lower[..written]);
            else if (Folded(word) is { Length: > 0 } rest) folded.Append(rest);
            else folded.Length = before;
        }

        return folded.ToString();
    }

    /// <summary>Word by word, each with its place in the text as given.</summary>
    public static IEnumerable<(string Folded, int Start, int Length)> Of(string? text)
    {
        if (text is null) yield break;
        for (var (start, end) = Next(text, 0); start < end; (start, end) = Next(text, end))
            if (Folded(text.AsSpan(start, end - start)) is { Length: > 0 } word) yield return (word, start, end - start);
    }

    /// <summary>Where the next word stands; two equal places when there is none.</summary>
    private static (int Start, int End) Next(string text, int at)
    {
        var end = Math.Min(text.Length, MaxChars);
        while (at < end)
        {
            if (char.IsAscii(text[at]) ? char.IsAsciiLetterOrDigit(text[at]) : Rune.TryGetRuneAt(text, at, out var rune) && IsOfWord(rune)) return (at, EndOfWord(text, at, end));
            at += char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? 2 : 1;
        }

        return (end, end);
    }

    private static int EndOfWord(string text, int at, int end)
    {
        Rune.TryGetRuneAt(text, at, out var first);
        at += first.Utf16SequenceLength;
        // Scripts without blanks between words: each sign is a word, and several searched together are a phrase.
        if (StandsAlone(first)) return at;
        while (at < end)
        {
            if (char.IsAscii(text[at]))
            {
                if (!char.IsAsciiLetterOrDigit(text[at])) return at;
                at++;
                continue;
            }

            if (!Rune.TryGetRuneAt(text, at, out var next) || !IsOfWord(next) || StandsAlone(next)) return at;
            at += next.Utf16SequenceLength;
        }

        return at;
    }

    private static bool IsOfWord(Rune rune) => rune.IsAscii ? char.IsAsciiLetterOrDigit((char)rune.Value) : Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;

    private static bool StandsAlone(Rune rune) => rune.Value is >= 0x0E00 and <= 0x0EFF or >= 0x1000 and <= 0x109F or >= 0x1780 and <= 0x17FF or >= 0x3040 and <= 0x30FF or >= 0x3400 and <= 0x4DBF or >= 0x4E00 and <= 0x9FFF or >= 0xF900 and <= 0xFAFF or >= 0x20000 and <= 0x3FFFF;

    private static string Folded(ReadOnlySpan<char> word)
    {
        if (word.Length > MaxWordChars) word = word[..MaxWordChars];
        if (Ascii.IsValid(word)) return word.ToString().ToLowerInvariant();
        var folded = new StringBuilder(word.Length);
        // An unpaired surrogate at the cut would not normalise.
        foreach (var rune in word.ToString().TrimEnd(HighSurrogates).Normalize(NormalizationForm.FormKD).EnumerateRunes())
            if (Rune.IsLetterOrDigit(rune)) folded.Append(Rune.ToLowerInvariant(rune).ToString());
        return folded.ToString();
    }

    private static readonly char[] HighSurrogates = [.. Enumerable.Range(0xD800, 0x400).Select(c => (char)c)];
}
