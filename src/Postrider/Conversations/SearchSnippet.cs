namespace Postrider.Conversations;

/// <param name="Marked">It is what was searched for.</param>
public readonly record struct SnippetPart(string Text, bool Marked);

/// <summary>The place of a text where the words of a search stand. Parts of the text itself, as written; whoever shows them escapes them.</summary>
internal static class SearchSnippet
{
    private const int Before = 50;
    private const int MaxChars = 180;

    /// <returns>One line; without marks when none of the words stand in the text.</returns>
    public static IReadOnlyList<SnippetPart> Of(string? text, IReadOnlyList<SearchTerm> terms)
    {
        var found = new List<(int Start, int Length)>();
        foreach (var (word, start, length) in SearchWords.Of(text))
        {
            if (found.Count > 0 && start > found[0].Start + MaxChars) break;
            if (terms.Any(term => Meets(term, word))) found.Add((start, length));
        }
        if (found.Count == 0) return [new SnippetPart(Snippet.Of(text, MaxChars), false)];

        var from = found[0].Start <= Before ? 0 : WordStart(text!, found[0].Start - Before);
        var to = Math.Min(text!.Length, from + MaxChars);
        if (to < text.Length && char.IsLowSurrogate(text[to])) to--;
        var parts = new List<SnippetPart>();
        if (from > 0) parts.Add(new("…", false));
        var at = from;
        foreach (var (start, length) in found)
        {
            if (start + length > to) break;
            Add(parts, text[at..start], false);
            Add(parts, text.Substring(start, length), true);
            at = start + length;
        }
        Add(parts, text[at..to], false);
        if (to < text.Length) parts.Add(new("…", false));
        return parts;
    }

    private static bool Meets(SearchTerm term, string word)
    {
        for (var i = 0; i < term.Words.Count; i++)
            if (term.IsPrefix && i == term.Words.Count - 1 ? word.StartsWith(term.Words[i], StringComparison.Ordinal) : word == term.Words[i]) return true;
        return false;
    }

    private static int WordStart(string text, int at)
    {
        for (var i = at; i < Math.Min(text.Length, at + 20); i++) if (char.IsWhiteSpace(text[i])) return i + 1;
        return char.IsLowSurrogate(text[at]) ? at + 1 : at;
    }

    private static void Add(List<SnippetPart> parts, string text, bool marked)
    {
        var line = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
        while (line.Contains("  ", StringComparison.Ordinal)) line = line.Replace("  ", " ", StringComparison.Ordinal);
        if (line.Length > 0) parts.Add(new SnippetPart(line, marked));
    }
}
