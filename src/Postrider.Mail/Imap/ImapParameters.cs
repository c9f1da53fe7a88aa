namespace Postrider.Mail.Imap;

/// <summary>A field with parameters as BODYSTRUCTURE shows it (RFC 3501 section 7.4.2): each as it stands, since joining what RFC 2231 has cut and decoding it is the client's part.</summary>
internal static class ImapParameters
{
    private const int MaxParameters = 1000;

    /// <param name="field">Unfolded.</param>
    public static (string Value, List<(string Name, string Value)> Parameters) Read(string field)
    {
        var at = 0;
        var value = Word(field, ref at, stop: ';');
        var parameters = new List<(string, string)>();
        while (at < field.Length && parameters.Count < MaxParameters)
        {
            at++;
            var name = Word(field, ref at, stop: '=');
            if (name.Contains(';', StringComparison.Ordinal))
            {
                // No value: what stands behind the semicolon is the next one.
                name = name[(name.LastIndexOf(';') + 1)..].Trim();
            }
            if (at >= field.Length) break;
            at++;
            var text = Word(field, ref at, stop: ';');
            if (name.Length > 0) parameters.Add((name, text));
        }
        return (value, parameters);
    }

    /// <summary>As far as to <paramref name="stop"/> or the end: a quoted string's content, or the characters outside comments.</summary>
    private static string Word(string field, ref int at, char stop)
    {
        var word = new System.Text.StringBuilder();
        for (; at < field.Length && field[at] != stop; at++)
        {
            switch (field[at])
            {
                case '"':
                    for (at++; at < field.Length && field[at] != '"'; at++) word.Append(field[at] == '\\' && at + 1 < field.Length ? field[++at] : field[at]);
                    break;
                case '(' when word.Length == 0 || word[^1] is ' ' or '\t':
                    var depth = 1;
                    for (at++; at < field.Length && depth > 0; at++)
                    {
                        if (field[at] == '\\') at++;
                        else if (field[at] == '(') depth++;
                        else if (field[at] == ')') depth--;
                    }
                    at--;
                    break;
                default:
                    word.Append(field[at]);
                    break;
            }
        }
        at = Math.Min(at, field.Length);
        return word.ToString().Trim(' ', '\t');
    }
}
