using System.Text;

namespace Postrider.Mail.Imap;

/// <summary>A subject without what replying and forwarding put around it (RFC 5256 section 2.1).</summary>
internal static class BaseSubject
{
    // What stands beyond it does not tell two conversations apart.
    private const int MaxChars = 2000;

    /// <param name="subject">Unfolded and decoded; null when there is none.</param>
    /// <param name="isReply">Something was taken off that says reply or forward.</param>
    public static string Of(string? subject, out bool isReply)
    {
        isReply = false;
        var text = OneSpace(subject ?? "");
        while (true)
        {
            var rest = Trailers(text, ref isReply);
            rest = Leaders(rest, ref isReply);
            if (!rest.StartsWith("[fwd:", StringComparison.OrdinalIgnoreCase) || !rest.EndsWith(']')) return rest;
            isReply = true;
            text = rest[5..^1];
        }
    }

    private static string OneSpace(string subject)
    {
        var text = new StringBuilder();
        foreach (var c in subject.AsSpan(0, Math.Min(subject.Length, MaxChars)))
        {
            if (c is not (' ' or '\t' or '\r' or '\n')) text.Append(c);
            else if (text.Length == 0 || text[^1] != ' ') text.Append(' ');
        }
        return text.ToString();
    }

    /// <summary><c>subj-trailer</c>: "(fwd)" and space.</summary>
    private static string Trailers(string text, ref bool isReply)
    {
        while (true)
        {
            text = text.TrimEnd(' ');
            if (!text.EndsWith("(fwd)", StringComparison.OrdinalIgnoreCase)) return text;
            isReply = true;
            text = text[..^5];
        }
    }

    /// <summary><c>subj-leader</c>, and a <c>subj-blob</c> that is not all there is.</summary>
    private static string Leaders(string text, ref bool isReply)
    {
        var at = 0;
        while (true)
        {
            if (at < text.Length && text[at] == ' ') at++;
            else if (Leader(text, at) is { } afterLeader) (at, isReply) = (afterLeader, true);
            else if (Blob(text, at) is { } afterBlob && afterBlob < text.Length) at = afterBlob;
            else return text[at..];
        }
    }

    /// <summary>Blobs, then "re", "fw" or "fwd", perhaps another blob, then a colon.</summary>
    private static int? Leader(string text, int at)
    {
        while (Blob(text, at) is { } after) at = after;
        var word = text.AsSpan(at);
        if (word.StartsWith("re", StringComparison.OrdinalIgnoreCase)) at += 2;
        else if (word.StartsWith("fwd", StringComparison.OrdinalIgnoreCase)) at += 3;
        else if (word.StartsWith("fw", StringComparison.OrdinalIgnoreCase)) at += 2;
        else return null;
        while (at < text.Length && text[at] == ' ') at++;
        if (Blob(text, at) is { } past) at = past;
        return at < text.Length && text[at] == ':' ? at + 1 : null;
    }

    /// <summary>Brackets without brackets inside, and the space behind them.</summary>
    private static int? Blob(string text, int at)
    {
        if (at >= text.Length || text[at] != '[') return null;
        var end = text.AsSpan(at + 1).IndexOfAny('[', ']');
        if (end < 0 || text[at + 1 + end] != ']') return null;
        at += end + 2;
        while (at < text.Length && text[at] == ' ') at++;
        return at;
    }
}
