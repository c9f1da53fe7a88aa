using System.Buffers;

namespace Postrider.Mail.Content;

/// <summary>What ends the new part of a reply.</summary>
public enum ReplyEnd
{
    /// <summary>All of the text is new.</summary>
    None,
    /// <summary>"On … wrote:" and its like.</summary>
    Attribution,
    /// <summary>"-----Original Message-----" and its like.</summary>
    Divider,
    /// <summary>From, Sent, To, Subject, as Outlook writes them.</summary>
    HeaderBlock,
    /// <summary>Quoted lines up to the end.</summary>
    QuotedLines,
    /// <summary>The HTML says so.</summary>
    Markup,
}

/// <summary>A reply taken apart. Put together again the three are the text.</summary>
/// <param name="New">What its writer wrote now, without the signature; blank lines at both ends taken off.</param>
/// <param name="Signature">Empty when there is none.</param>
/// <param name="Quoted">The history, as far as it stands below; empty when there is none. Quotes with answers in between are new text.</param>
public sealed record ReplyText(string New, string Signature, string Quoted, ReplyEnd End)
{
    // A mail this long is read up to here; the rest is history in all likelihood, and kept as such.
    private const int Looked = 1 << 20;
    private const int MostLines = 20_000;
    // An attribution may be broken by the writer's line length.
    private const int AttributionLines = 4;
    private const int AttributionLength = 500;
    private const int SignatureLines = 12;

    private static readonly SearchValues<char> Dashes = SearchValues.Create("-–—_=*~#+ ");

    /// <summary>Never throws; in linear time.</summary>
    public static ReplyText Read(string text)
    {
        var rest = "";
        if (text.Length > Looked) (text, rest) = (text[..Looked], text[Looked..]);
        var lines = text.ReplaceLineEndings("\n").Split('\n', MostLines);
        var (cut, end) = FindHistory(lines);
        if (end == ReplyEnd.Attribution && !HasText(lines.AsSpan(0, cut)) && BelowTheQuotes(lines, cut, rest) is { } below) return below;
        var body = lines.AsSpan(0, cut);
        var (signature, kept) = FindSignature(body);
        // A signature right above the history belongs to the new part's end, and lines of dashes between them to nobody.
        var top = Join(lines, 0, kept);
        return new ReplyText(top, signature < cut ? Join(lines, signature, cut) : "", cut < lines.Length ? Join(lines, cut, lines.Length) + rest : rest, end);
    }

    /// <summary>The same of an HTML part: where its markup says that a quote begins, it begins there at the latest.</summary>
    public static ReplyText ReadHtml(string html)
    {
        var text = HtmlText.Read(html);
        if (text.HistoryAt is not { } at) return Read(text.Text);
        var head = Read(text.Text[..at]);
        // An attribution above the quote is found by its words.
        return head with { Quoted = head.Quoted.Length > 0 ? head.Quoted + "\n" + text.Text[at..] : text.Text[at..].Trim('\n'), End = head.End == ReplyEnd.None ? ReplyEnd.Markup : head.End };
    }

    /// <summary>Written below what is answered, or between: then what is not quoted is new.</summary>
    /// <returns>Null when there is nothing but quotes.</returns>
    private static ReplyText? BelowTheQuotes(string[] lines, int from, string rest)
    {
        var (written, quoted) = (new List<string>(), new List<string>());
        var next = from + AttributionAt(lines, from, lines.Length);
        if (next >= lines.Length || lines[from].AsSpan().TrimStart() is ['>', ..]) return null;
        quoted.AddRange(lines[from..next]);
        foreach (var line in lines.AsSpan(next)) (line.AsSpan().TrimStart() is ['>', ..] ? quoted : written).Add(line);
        if (quoted.Count == next - from || !HasText(written.ToArray())) return null;
        string[] all = [.. written];
        var (signature, kept) = FindSignature(all);
        return new ReplyText(Join(all, 0, kept), signature < all.Length ? Join(all, signature, all.Length) : "", string.Join('\n', quoted) + rest, ReplyEnd.Attribution);
    }

    private static string Join(string[] lines, int from, int to)
    {
        while (from < to && IsBlank(lines[from])) from++;
        while (to > from && IsBlank(lines[to - 1])) to--;
        return string.Join('\n', lines[from..to]);
    }

    private static bool IsBlank(string line) => line.AsSpan().Trim(" \t\u00a0\u200b\u200e\ufeff\u1427").IsEmpty;

    private static (int Cut, ReplyEnd End) FindHistory(string[] lines)
    {
        var last = lines.Length;
        while (last > 0 && IsBlank(lines[last - 1])) last--;
        for (var i = 0; i < last; i++)
        {
            var line = lines[i];
            if (IsBlank(line)) continue;
            var quoted = line.AsSpan().TrimStart() is ['>', ..];
            var bare = quoted ? Unquoted(line) : line;
            if (ReplyWords.IsDivider(bare)) return (Above(lines, i), ReplyEnd.Divider);
            if (IsHeaderBlock(lines, i, last)) return (Above(lines, i), ReplyEnd.HeaderBlock);
            var length = AttributionAt(lines, i, last);
            if (length == 0) continue;
            // Answers between the quotes: what follows the quoted lines is new, again and again.
            if (!quoted && IsInterleaved(lines, i + length, last)) return (lines.Length, ReplyEnd.None);
            return (Above(lines, i), ReplyEnd.Attribution);
        }

        // Quoted lines up to the end, with something new above them.
        var start = last;
        while (start > 0 && (IsBlank(lines[start - 1]) || lines[start - 1].AsSpan().TrimStart() is ['>', ..])) start--;
        while (start < last && IsBlank(lines[start])) start++;
        var above = false;
        for (var i = 0; i < start && !above; i++) above = !IsBlank(lines[i]);
        if (start < last && above) return (start, ReplyEnd.QuotedLines);
        return (WithoutRulers(lines, last), ReplyEnd.None);
    }

    /// <summary>Lines of dashes and the like right above the history belong to it.</summary>
    private static int Above(string[] lines, int at)
    {
        var cut = at;
        for (var i = at - 1; i >= 0 && i >= at - 3; i--)
        {
            if (IsBlank(lines[i])) continue;
            if (!IsRuler(lines[i])) break;
            cut = i;
        }
        return cut;
    }

    private static int WithoutRulers(string[] lines, int last)
    {
        var cut = last;
        for (var i = last - 1; i >= 0; i--)
        {
            if (IsRuler(lines[i])) cut = i;
            else if (!IsBlank(lines[i])) break;
        }
        return cut == last ? lines.Length : cut;
    }

    private static bool IsRuler(string line) => line.Trim() is { Length: >= 2 } ruler && !ruler.AsSpan().ContainsAnyExcept(Dashes);

    private static string Unquoted(string line) => line.TrimStart('>', ' ', '\t');

    /// <returns>How many lines it takes; 0: there is none.</returns>
    private static int AttributionAt(string[] lines, int at, int last)
    {
        var joined = "";
        for (var n = 0; n < AttributionLines && at + n < last; n++)
        {
            var line = Unquoted(lines[at + n]).Trim();
            if (line.Length == 0 || joined.Length + line.Length > AttributionLength) return 0;
            joined = n == 0 ? line : joined + " " + line;
            if (ReplyWords.IsAttribution(joined, alone: n == 0 && Followed(lines, at + 1, last))) return n + 1;
            // Only its first words may run on.
            if (n == 0 && !ReplyWords.MayBeginAttribution(joined)) return 0;
        }
        return 0;

        // "2016-03-03 17:21 GMT+01:00 Some One" has no verb: it is one where it stands by itself.
        static bool Followed(string[] lines, int next, int last) => next >= last || IsBlank(lines[next]) || lines[next].StartsWith('>');
    }

    /// <summary>Twice quoted lines, each with text behind it.</summary>
    private static bool IsInterleaved(string[] lines, int from, int last)
    {
        var (answers, inQuote, newLines) = (0, false, 0);
        for (var i = from; i < last; i++)
        {
            if (IsBlank(lines[i])) continue;
            if (lines[i].AsSpan().TrimStart() is ['>', ..])
            {
                inQuote = true;
                continue;
            }
            newLines++;
            if (inQuote) answers++;
            inQuote = false;
        }
        return answers >= 2 && newLines <= last - from;
    }

    private static bool IsHeaderBlock(string[] lines, int at, int last)
    {
        if (ReplyWords.Label(lines[at]) is not ReplyLabel.From and not ReplyLabel.Date and not ReplyLabel.Subject and not ReplyLabel.To) return false;
        var seen = 0;
        var others = 0;
        for (var i = at; i < last && i < at + 10 && others < 3; i++)
        {
            if (IsBlank(lines[i]))
            {
                // Some programs put a blank line between the fields.
                if (i > at && !IsBlank(lines[i - 1])) continue;
                break;
            }
            var label = ReplyWords.Label(lines[i]);
            if (label == ReplyLabel.None) others++;
            else seen |= 1 << (int)label;
        }
        var from = (seen & (1 << (int)ReplyLabel.From)) != 0;
        var date = (seen & (1 << (int)ReplyLabel.Date)) != 0;
        var to = (seen & (1 << (int)ReplyLabel.To)) != 0;
        var subject = (seen & (1 << (int)ReplyLabel.Subject)) != 0;
        return from && ((date && (to || subject)) || (to && subject));
    }

    /// <returns>Where it starts, and where the text above it ends.</returns>
    private static (int Start, int Kept) FindSignature(ReadOnlySpan<string> body)
    {
        var last = body.Length;
        while (last > 0 && IsBlank(body[last - 1])) last--;
        // RFC 3676 section 4.3: two dashes and a space; mailers lose the space.
        for (var i = last - 1; i >= 0 && i >= last - SignatureLines; i--)
        {
            if (body[i].TrimEnd() is not ("--" or "—")) continue;
            // What stands above it is the text; nothing above it: then it is the text itself.
            return HasText(body[..i]) ? (i, i) : (body.Length, last);
        }
        var start = body.Length;
        for (var i = last - 1; i >= 0; i--)
        {
            if (IsBlank(body[i])) continue;
            if (!ReplyWords.IsSentFrom(body[i].Trim())) break;
            start = i;
        }
        return start < body.Length && HasText(body[..start]) ? (start, start) : (body.Length, last);
    }

    private static bool HasText(ReadOnlySpan<string> lines)
    {
        foreach (var line in lines) if (!IsBlank(line)) return true;
        return false;
    }
}
