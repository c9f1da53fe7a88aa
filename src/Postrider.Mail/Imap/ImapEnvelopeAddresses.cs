using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Imap;

/// <summary>One address structure of ENVELOPE (RFC 3501 section 7.4.2). A group begins with its name as <paramref name="Mailbox"/> and no host, and ends with all null.</summary>
/// <param name="Route">RFC 5322 section 4.4 <c>obs-route</c>, with its at signs; null nearly always.</param>
internal sealed record ImapEnvelopeAddress(string? Name, string? Route, string? Mailbox, string? Host);

/// <summary>Splits an address field where ENVELOPE wants groups kept; each address itself is read by <see cref="AddressList"/>.</summary>
internal static class ImapEnvelopeAddresses
{
    public static IReadOnlyList<ImapEnvelopeAddress> Read(string text)
    {
        var found = new List<ImapEnvelopeAddress>();
        var inGroup = false;
        var start = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            i = SkipEnclosed(text, i);
            var c = i < text.Length ? text[i] : '\0';
            if (c is not (',' or ':' or ';' or '\0')) continue;
            var piece = text[start..Math.Min(i, text.Length)];
            start = i + 1;
            if (c == ':' && !inGroup)
            {
                inGroup = true;
                found.Add(new ImapEnvelopeAddress(null, null, HeaderTextOf(piece), null));
                continue;
            }
            found.AddRange(AddressList.Parse(piece).Addresses.Select(a => new ImapEnvelopeAddress(Name(piece) ?? (a.Name is { Length: > 0 } name ? name : null), Route(piece), a.Address.LocalPart, Domain(piece, a.Address.Domain))));
            if (!inGroup || c is not (';' or '\0')) continue;
            inGroup = false;
            found.Add(new ImapEnvelopeAddress(null, null, null, null));
        }
        return found;
    }

    /// <summary>Past a quoted string, comment or angle bracket that begins at <paramref name="i"/>, and past those right behind it.</summary>
    private static int SkipEnclosed(string text, int i)
    {
        while (i < text.Length && text[i] is '"' or '(' or '<') i = EndOf(text, i);
        return i;
    }

    private static int EndOf(string text, int i)
    {
        var (open, close) = text[i] switch { '"' => ('"', '"'), '(' => ('(', ')'), _ => ('<', '>') };
        var depth = 1;
        for (i++; i < text.Length && depth > 0; i++)
        {
            if (text[i] == '\\') i++;
            else if (text[i] == close) depth--;
            else if (text[i] == open && open == '(') depth++;
        }
        return Math.Min(i, text.Length);
    }

    /// <summary>The name before the angle bracket, or the first comment, without quotes; encoded words stay as they are, for the client to decode. Null when there is none.</summary>
    private static string? Name(string piece)
    {
        var name = new StringBuilder();
        string? comment = null;
        for (var i = 0; i < piece.Length; i++)
        {
            if (piece[i] == '<') return OneSpace(name) ?? comment;
            if (piece[i] is not ('"' or '('))
            {
                name.Append(piece[i]);
                continue;
            }
            var end = Math.Max(i + 1, EndOf(piece, i));
            var inside = Unquoted(piece[(i + 1)..(end > i + 1 && piece[end - 1] is '"' or ')' ? end - 1 : end)]);
            if (piece[i] == '"') name.Append(inside);
            else comment ??= inside.Trim() is { Length: > 0 } words ? words : null;
            i = end - 1;
        }
        return comment;
    }

    private static string Unquoted(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal)) return text;
        var plain = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++) plain.Append(text[i] == '\\' && i + 1 < text.Length ? text[++i] : text[i]);
        return plain.ToString();
    }

    private static string? OneSpace(StringBuilder text) => string.Join(' ', text.ToString().Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)) is { Length: > 0 } words ? words : null;

    /// <summary>With the letters' case as the sender wrote it.</summary>
    private static string Domain(string piece, string domain) =>
        piece.IndexOf("@" + domain, StringComparison.OrdinalIgnoreCase) is >= 0 and var at ? piece.Substring(at + 1, domain.Length) : domain;

    private static string HeaderTextOf(string phrase) => phrase.Trim().Trim('"');

    private static string? Route(string piece)
    {
        var at = piece.IndexOf("<@", StringComparison.Ordinal);
        var colon = at < 0 ? -1 : piece.IndexOf(':', at);
        return colon < 0 ? null : piece[(at + 1)..colon];
    }
}
