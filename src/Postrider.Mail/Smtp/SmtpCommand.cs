using System.Globalization;

namespace Postrider.Mail.Smtp;

/// <summary>Reads the commands of a client (RFC 5321 section 4.1). Pure.</summary>
internal static class SmtpCommand
{
    /// <summary>The verb in upper case and what follows it, without blanks around.</summary>
    public static (string Verb, string Argument) Split(string line)
    {
        var blank = line.IndexOf(' ', StringComparison.Ordinal);
        return blank < 0 ? (line.ToUpperInvariant(), "") : (line[..blank].ToUpperInvariant(), line[(blank + 1)..].Trim(' '));
    }

    /// <summary>Takes <c>FROM:&lt;path&gt; parameters</c> apart. A source route is dropped (RFC 5321 appendix C).</summary>
    /// <param name="keyword"><c>FROM:</c> or <c>TO:</c>.</param>
    /// <param name="path">Between the angle brackets; empty for the null path.</param>
    public static bool TryReadPath(string rest, string keyword, out string path, out IReadOnlyList<string> parameters)
    {
        (path, parameters) = ("", []);
        if (!rest.StartsWith(keyword, StringComparison.OrdinalIgnoreCase)) return false;
        // RFC 5321 section 3.3 allows no blank behind the colon; too many clients send one to refuse it.
        var text = rest.AsSpan(keyword.Length).TrimStart(' ');
        if (text.IsEmpty || text[0] != '<') return false;
        var end = ClosingBracket(text);
        if (end < 0) return false;
        var inner = text[1..end];
        if (inner.StartsWith("@") && inner.IndexOf(':') is > 0 and var colon) inner = inner[(colon + 1)..];
        if (inner.Length != inner.Trim(' ').Length) return false;
        path = inner.ToString();
        var behind = text[(end + 1)..];
        if (!behind.IsEmpty && behind[0] != ' ') return false;
        parameters = behind.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return true;
    }

    /// <summary>The parameters of MAIL. Null: they are good; else the reply that refuses them.</summary>
    public static SmtpReply? ReadMailParameters(IReadOnlyList<string> parameters, long maxSize, out long? size, out bool utf8, out bool eightBit)
    {
        (size, utf8, eightBit) = (null, false, false);
        foreach (var parameter in parameters)
        {
            var equals = parameter.IndexOf('=', StringComparison.Ordinal);
            var name = (equals < 0 ? parameter : parameter[..equals]).ToUpperInvariant();
            var value = equals < 0 ? null : parameter[(equals + 1)..];
            switch (name)
            {
                // RFC 1870 section 4: up to twenty digits.
                case "SIZE" when size is null && value is { Length: > 0 and <= 20 } && value.All(char.IsAsciiDigit):
                    size = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : long.MaxValue;
                    if (size > maxSize) return new(552, "5.3.4", "Message size exceeds fixed maximum message size");
                    break;
                case "BODY" when value is not null && (value.Equals("7BIT", StringComparison.OrdinalIgnoreCase) || value.Equals("8BITMIME", StringComparison.OrdinalIgnoreCase)):
                    eightBit = value[0] == '8';
                    break;
                case "SMTPUTF8" when value is null:
                    utf8 = true;
                    break;
                // RFC 4954 section 5: understood and, as nobody here is trusted to name another, not used.
                case "AUTH" when value is not null:
                    break;
                case "SIZE" or "BODY" or "SMTPUTF8" or "AUTH":
                    return new(501, "5.5.4", "Invalid arguments");
                default:
                    return new(555, "5.5.4", "Unsupported parameter");
            }
        }
        return null;
    }

    private static int ClosingBracket(ReadOnlySpan<char> text)
    {
        var quoted = false;
        for (var i = 1; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\\' when quoted:
                    i++;
                    break;
                case '"':
                    quoted = !quoted;
                    break;
                case '>' when !quoted:
                    return i;
            }
        }
        return -1;
    }
}
