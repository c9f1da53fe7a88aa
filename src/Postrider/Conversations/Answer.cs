namespace Postrider.Conversations;

/// <summary>The header fields that tie an answer to what it answers.</summary>
/// <param name="InReplyTo">Message-ID without angle brackets; null when the answered message had none.</param>
/// <param name="References">Oldest first, ending with <paramref name="InReplyTo"/>.</param>
internal sealed record Answer(string Subject, string? InReplyTo, IReadOnlyList<string> References)
{
    // RFC 5322 section 3.6.4 sets no limit; programs cut long lists, so the first and the newest are kept.
    private const int MaxReferences = 20;

    public static Answer To(string subject, string? answeredId, IReadOnlyList<string> answeredReferences)
    {
        List<string> references = [];
        foreach (var id in answeredReferences) if (id != answeredId && !references.Contains(id)) references.Add(id);
        if (answeredId is not null) references.Add(answeredId);
        if (references.Count > MaxReferences) references = [references[0], .. references[^(MaxReferences - 1)..]];
        return new Answer("Re: " + ThreadSubject.Bare(subject), answeredId, references);
    }
}

internal static class ThreadSubject
{
    private const int MaxChars = 500;

    // What mail programs of other languages put before the subject of an answer or a forwarded message.
    private static readonly string[] Prefixes = ["re", "aw", "sv", "vs", "antw", "odp", "rif", "res", "tr", "fw", "fwd", "wg", "rv", "enc", "回复", "回覆", "答复", "转发"];

    private static readonly string[] Forwards = ["fw", "fwd", "wg", "tr", "rv", "enc", "doorst", "转发", "轉寄"];

    /// <summary>Without any number of <c>Re:</c>, <c>AW:</c>, <c>Re[2]:</c>... before it. On one line, no longer than 500 characters.</summary>
    public static string Bare(string? subject)
    {
        var bare = OneLine(subject);
        while (PrefixLength(bare) is > 0 and var length) bare = bare[length..].TrimStart();
        return bare.Length > MaxChars ? bare[..MaxChars] : bare;
    }

    /// <summary>What mail programs write before the subject of a message that is sent on.</summary>
    public static bool IsForward(string? subject)
    {
        var line = OneLine(subject);
        return Forwards.Any(f => line.StartsWith(f, StringComparison.OrdinalIgnoreCase) && line.AsSpan(f.Length).TrimStart() is [':' or '：', ..]);
    }

    public static string OneLine(string? subject) =>
        string.Concat((subject ?? "").Select(c => char.IsControl(c) ? ' ' : c)).Trim();

    private static int PrefixLength(string subject)
    {
        foreach (var prefix in Prefixes)
        {
            if (!subject.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) continue;
            var at = prefix.Length;
            if (at < subject.Length && subject[at] == '[')
            {
                var end = at + 1;
                while (end < subject.Length && char.IsAsciiDigit(subject[end])) end++;
                if (end == at + 1 || end >= subject.Length || subject[end] != ']') continue;
                at = end + 1;
            }
            while (at < subject.Length && subject[at] == ' ') at++;
            if (at < subject.Length && subject[at] is ':' or '：') return at + 1;
        }
        return 0;
    }
}

internal static class Snippet
{
    /// <summary>The first words of a message on one line, for a list.</summary>
    public static string Of(string? text, int maxChars = 140)
    {
        var words = (text ?? "").AsSpan(0, Math.Min(text?.Length ?? 0, maxChars * 20));
        var line = new System.Text.StringBuilder(maxChars);
        var blank = false;
        foreach (var c in words)
        {
            if (char.IsWhiteSpace(c) || char.IsControl(c)) { blank = line.Length > 0; continue; }
            if (blank) line.Append(' ');
            blank = false;
            if (line.Length >= maxChars) return line.ToString().TrimEnd() + "…";
            line.Append(c);
        }
        return line.ToString();
    }
}
