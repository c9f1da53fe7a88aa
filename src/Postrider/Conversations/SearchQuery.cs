namespace Postrider.Conversations;

/// <summary>Which part of a message a word must stand in.</summary>
internal enum SearchField
{
    Any,
    Subject,
    Sender,
    Recipients,
}

/// <summary>Words that must follow each other.</summary>
/// <param name="Words">Folded; at least one.</param>
/// <param name="IsPrefix">The last word may go on.</param>
internal sealed record SearchTerm(SearchField Field, IReadOnlyList<string> Words, bool IsPrefix);

/// <summary>What somebody searches for, as read from one line: all of it must be met.</summary>
/// <param name="IsOpen">True: open conversations, false: closed ones, null: all.</param>
internal sealed record SearchQuery(IReadOnlyList<SearchTerm> Terms, bool HasAttachment, bool? IsOpen)
{
    /// <summary>Characters that are read; people type some fifty.</summary>
    public const int MaxChars = 1000;
    private const int MaxTerms = 20;
    private static readonly string[] Keys = ["from:", "to:", "subject:", "has:", "is:"];

    /// <summary>Nothing to look for.</summary>
    public bool IsEmpty => Terms.Count == 0 && !HasAttachment && IsOpen is null;

    /// <summary>
    /// Words, each also as the beginning of a longer one; <c>"words in a row"</c>; <c>from:</c>, <c>to:</c>, <c>subject:</c> before either; <c>has:attachment</c>, <c>is:open</c>, <c>is:closed</c>.
    /// Every line is a query: signs that mean nothing here separate words. Never throws.
    /// </summary>
    public static SearchQuery Parse(string? line)
    {
        var text = line is { Length: > MaxChars } ? line[..MaxChars] : line ?? "";
        var terms = new List<SearchTerm>();
        var hasAttachment = false;
        bool? isOpen = null;
        var at = 0;
        while (at < text.Length)
        {
            if (char.IsWhiteSpace(text[at])) { at++; continue; }
            var field = SearchField.Any;
            if (KeyAt(text, at) is { } key)
            {
                var value = text.AsSpan(at + key.Length);
                var word = value[..(value.IndexOfAny(" \t\r\n\u00a0") is >= 0 and var blank ? blank : value.Length)].ToString().ToLowerInvariant();
                switch (key, word)
                {
                    case ("has:", "attachment" or "attachments" or "file" or "files"): hasAttachment = true; at += key.Length + word.Length; continue;
                    case ("is:", "open"): isOpen = true; at += key.Length + word.Length; continue;
                    case ("is:", "closed" or "done"): isOpen = false; at += key.Length + word.Length; continue;
                    case ("from:", _): field = SearchField.Sender; at += key.Length; break;
                    case ("to:", _): field = SearchField.Recipients; at += key.Length; break;
                    case ("subject:", _): field = SearchField.Subject; at += key.Length; break;
                }
            }
            var (words, isPrefix, next) = TermAt(text, at);
            at = next;
            if (words.Count > 0 && terms.Count < MaxTerms) terms.Add(new SearchTerm(field, words, isPrefix));
        }
        return new SearchQuery(terms, hasAttachment, isOpen);
    }

    private static string? KeyAt(string text, int at) =>
        Array.Find(Keys, key => string.Compare(text, at, key, 0, key.Length, StringComparison.OrdinalIgnoreCase) == 0);

    private static (List<string> Words, bool IsPrefix, int Next) TermAt(string text, int at)
    {
        if (at < text.Length && text[at] == '"')
        {
            var end = text.IndexOf('"', at + 1);
            if (end < 0) end = text.Length;
            return ([.. SearchWords.Of(text[(at + 1)..end]).Select(w => w.Folded)], false, Math.Min(end + 1, text.Length));
        }
        var stop = at;
        while (stop < text.Length && !char.IsWhiteSpace(text[stop]) && (text[stop] != '"' || stop == at)) stop++;
        var words = SearchWords.Of(text[at..stop]).Select(w => w.Folded).ToList();
        // One letter begins too many words to be of use, and a sign of a script without blanks is a word.
        return (words, words.Count > 0 && words[^1].Length > 1, Math.Max(stop, at + 1));
    }
}
