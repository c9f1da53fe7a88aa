namespace Postrider.Mail.Reports;

/// <summary>Finds status codes (RFC 3463) and reply codes (RFC 5321) in what servers say, by a scan that looks at each character a fixed number of times.</summary>
internal static class StatusCode
{
    /// <summary>Such as <c>5.1.1</c>; null when there is none. Not a piece of an IP address or a version.</summary>
    public static string? First(string? text)
    {
        if (text is null) return null;
        string? vague = null;
        for (var i = 0; i + 4 < text.Length; i++)
        {
            if (text[i] is not ('2' or '4' or '5') || text[i + 1] != '.' || (i > 0 && (char.IsAsciiLetterOrDigit(text[i - 1]) || text[i - 1] is '.' or '/'))) continue;
            var end = Digits(text, i + 2, 3);
            if (end == i + 2 || end >= text.Length || text[end] != '.') continue;
            var last = Digits(text, end + 1, 3);
            if (last == end + 1 || (last < text.Length && (char.IsAsciiLetterOrDigit(text[last]) || (text[last] == '.' && last + 1 < text.Length && char.IsAsciiDigit(text[last + 1]))))) continue;
            var found = text[i..last];
            if (!found.EndsWith(".0.0", StringComparison.Ordinal)) return found;
            vague ??= found;
        }
        return vague;
    }

    /// <summary>Such as 550; null when there is none. The one that a status code follows counts first, then one at the start of a line or behind words like "said:".</summary>
    public static int? Reply(string? text)
    {
        if (text is null) return null;
        int? any = null, likely = null;
        for (var i = 0; i + 2 < text.Length; i++)
        {
            if (text[i] is not ('4' or '5' or '2') || !char.IsAsciiDigit(text[i + 1]) || !char.IsAsciiDigit(text[i + 2]) || text[i + 1] > '5') continue;
            if (i > 0 && (char.IsAsciiLetterOrDigit(text[i - 1]) || text[i - 1] is '.' or '-' or ':' or '/' or '@' or '_' or '=')) continue;
            if (i + 3 < text.Length && text[i + 3] is not (' ' or '-' or '\r' or '\n' or ',' or ';' or '\'' or '"' or ')' or '<' or '#' or ':' or '>')) continue;
            var code = (text[i] - '0') * 100 + (text[i + 1] - '0') * 10 + (text[i + 2] - '0');
            if (code is < 400 && text[i] != '2') continue;
            var rest = text.AsSpan(Math.Min(i + 4, text.Length));
            if (rest.Length > 4 && rest[1] == '.' && rest[0] == text[i] && text[i] != '2') return code;
            if (text[i] == '2') continue;
            var before = text.AsSpan(0, i).TrimEnd(" \"'<([");
            if (before.IsEmpty || before[^1] is '\n' or ':' or ';' or '>') likely ??= code;
            any ??= code;
        }
        return likely ?? any;
    }

    /// <summary>By the first digit of the status, then of the reply. Where there is neither, a report of failure is the end of the tries.</summary>
    public static bool? Permanent(string? status, int? reply, BounceReason reason, bool delayed = false) => (status?[0], reply) switch
    {
        ('5', _) => true,
        ('4', _) => false,
        ('2', _) => null,
        (_, >= 500 and < 600) => true,
        (_, >= 400 and < 500) => false,
        _ => reason is BounceReason.None or BounceReason.Complaint ? null : !delayed,
    };

    private static int Digits(string text, int from, int most)
    {
        var end = from;
        while (end < text.Length && end - from < most && char.IsAsciiDigit(text[end])) end++;
        return end;
    }
}
