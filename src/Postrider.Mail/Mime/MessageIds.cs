using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>Message ids of RFC 5322 section 3.6.4, without angle brackets.</summary>
internal static class MessageIds
{
    // A thread of a thousand answers is long; more is an attack on whoever looks every id up.
    private const int Limit = 1000;
    // RFC 5322 section 2.1.1: no line is longer, so no id is.
    private const int LengthLimit = 998;

    /// <summary>In order, without repetitions; of too many the first and the last ones are kept: the thread's beginning and the nearest ancestors.</summary>
    public static IReadOnlyList<string> Read(string text, DefectLog defects)
    {
        var ids = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var position = 0;
        while (text.IndexOf('<', position) is >= 0 and var open)
        {
            var close = text.IndexOf('>', open);
            if (close < 0) break;
            var again = text.LastIndexOf('<', close, close - open + 1);
            Take(text.AsSpan(again + 1, close - again - 1));
            position = close + 1;
        }
        if (ids.Count == 0 && text.Length <= LengthLimit)
        {
            var words = text.Split((char[])[' ', '\t', ',', ';', '<', '>'], StringSplitOptions.RemoveEmptyEntries);
            foreach (var word in words)
                if (words.Length == 1 || word.Contains('@', StringComparison.Ordinal)) Take(word);
            if (ids.Count > 0) defects.Add(MimeDefectKind.MessageIdWrong, "A message id stands without angle brackets.");
        }
        if (ids.Count > Limit)
        {
            defects.Add(MimeDefectKind.LimitReached, $"Of {ids.Count} message ids only the first and the last {Limit - 1} are used.");
            ids.RemoveRange(1, ids.Count - Limit);
        }
        return ids;

        void Take(ReadOnlySpan<char> raw)
        {
            var id = WithoutSpace(raw);
            if (id.Length is > 0 and <= LengthLimit && seen.Add(id)) ids.Add(id);
        }
    }

    private static string WithoutSpace(ReadOnlySpan<char> raw)
    {
        raw = raw.Trim();
        if (!raw.ContainsAny(" \t\r\n\0")) return new string(raw);
        var id = new StringBuilder(raw.Length);
        foreach (var c in raw) if (!char.IsWhiteSpace(c) && !char.IsControl(c)) id.Append(c);
        return id.ToString();
    }
}
