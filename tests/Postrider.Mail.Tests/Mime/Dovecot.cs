using System.Text;

namespace Postrider.Mail.Tests.Mime;

/// <summary>The answer "1 (UID 1 ENVELOPE (...) BODYSTRUCTURE (...))" as nested lists; an atom or string is a string, NIL is null.</summary>
internal sealed class Dovecot
{
    public string? Subject { get; private init; }
    public string? From { get; private init; }
    public string? To { get; private init; }
    public string? Cc { get; private init; }
    /// <summary>Media types in the order of the message.</summary>
    public required string Types { get; init; }

    public bool IsEncoded(string? text) => text is not null && (text.Contains("=?") || text.Any(c => c >= 0x80));

    public static Dovecot? Read(string answer)
    {
        var start = answer.IndexOf('(');
        if (start < 0) return null;
        var position = start;
        if (ReadValue(answer, ref position) is not List<object?> items) return null;
        var envelope = items.IndexOf("ENVELOPE") is >= 0 and var e ? items[e + 1] as List<object?> : null;
        var structure = items.IndexOf("BODYSTRUCTURE") is >= 0 and var b ? items[b + 1] as List<object?> : null;
        if (envelope is null || structure is null) return null;
        var types = new List<string>();
        AddTypes(structure, types);
        return new Dovecot { Subject = envelope[1] as string, From = Addresses(envelope[2]), To = Addresses(envelope[5]), Cc = Addresses(envelope[6]), Types = string.Join(' ', types) };
    }

    private static string? Addresses(object? list) =>
        list is not List<object?> addresses ? null : string.Join(' ', addresses.OfType<List<object?>>().Where(a => a[2] is not null && a[3] is not null).Select(a => $"{a[2]}@{a[3]}".ToLowerInvariant()));

    private static void AddTypes(List<object?> body, List<string> types)
    {
        if (body[0] is List<object?>)
        {
            var children = body.TakeWhile(c => c is List<object?>).Cast<List<object?>>().ToList();
            types.Add("multipart/" + (body[children.Count] as string)?.ToLowerInvariant());
            foreach (var child in children) AddTypes(child, types);
            return;
        }
        types.Add($"{body[0]}/{body[1]}".ToLowerInvariant());
        if (types[^1] is "message/rfc822" or "message/global" && body.Count > 8 && body[8] is List<object?> inner) AddTypes(inner, types);
    }

    private static object? ReadValue(string text, ref int position)
    {
        while (position < text.Length && char.IsWhiteSpace(text[position])) position++;
        if (position >= text.Length) return null;
        switch (text[position])
        {
            case '(':
                position++;
                var list = new List<object?>();
                while (true)
                {
                    while (position < text.Length && char.IsWhiteSpace(text[position])) position++;
                    if (position >= text.Length) return list;
                    if (text[position] == ')')
                    {
                        position++;
                        return list;
                    }
                    list.Add(ReadValue(text, ref position));
                }
            case '"':
                var quoted = new StringBuilder();
                for (position++; position < text.Length && text[position] != '"'; position++)
                {
                    if (text[position] == '\\') position++;
                    quoted.Append(text[position]);
                }
                position++;
                return quoted.ToString();
            case '{':
                var close = text.IndexOf('}', position);
                var length = int.Parse(text.AsSpan(position + 1, close - position - 1));
                var from = close + 1;
                while (text[from] is '\r' or '\n') from++;
                position = Math.Min(text.Length, from + length);
                return text[from..position];
            default:
                var end = position;
                while (end < text.Length && text[end] is not (' ' or '(' or ')')) end++;
                var atom = text[position..end];
                position = end;
                return atom == "NIL" ? null : atom;
        }
    }
}
