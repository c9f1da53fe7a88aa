using System.Globalization;
using System.Text;

namespace Postrider.Mail.Smtp;

/// <summary>What MAIL said beside the sender.</summary>
internal sealed record SmtpMailParameters(long? Size = null, bool Utf8 = false, bool EightBit = false, bool Binary = false, bool? ReturnWhole = null, string? EnvelopeId = null);

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
    public static SmtpReply? ReadMailParameters(IReadOnlyList<string> parameters, SmtpServerOptions options, out SmtpMailParameters read)
    {
        read = new SmtpMailParameters();
        foreach (var parameter in parameters)
        {
            var (name, value) = Named(parameter);
            switch (name)
            {
                // RFC 1870 section 4: up to twenty digits.
                case "SIZE" when read.Size is null && value is { Length: > 0 and <= 20 } && value.All(char.IsAsciiDigit):
                    read = read with { Size = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : long.MaxValue };
                    if (read.Size > options.MaxMessageBytes) return new(552, "5.3.4", "Message size exceeds fixed maximum message size");
                    break;
                case "BODY" when value is not null && (value.Equals("7BIT", StringComparison.OrdinalIgnoreCase) || value.Equals("8BITMIME", StringComparison.OrdinalIgnoreCase)):
                    read = read with { EightBit = value[0] == '8' };
                    break;
                case "BODY" when options.Chunking && value is not null && value.Equals("BINARYMIME", StringComparison.OrdinalIgnoreCase):
                    read = read with { Binary = true, EightBit = true };
                    break;
                case "SMTPUTF8" when value is null:
                    read = read with { Utf8 = true };
                    break;
                case "RET" when options.Dsn && read.ReturnWhole is null && value is not null && (value.Equals("FULL", StringComparison.OrdinalIgnoreCase) || value.Equals("HDRS", StringComparison.OrdinalIgnoreCase)):
                    read = read with { ReturnWhole = value[0] is 'F' or 'f' };
                    break;
                // RFC 3461 section 4.4: at most 100 characters before it is decoded.
                case "ENVID" when options.Dsn && read.EnvelopeId is null && value is { Length: > 0 and <= 100 } && Xtext(value) is { } id:
                    read = read with { EnvelopeId = id };
                    break;
                // RFC 4954 section 5: understood and, as nobody here is trusted to name another, not used.
                case "AUTH" when value is "<>" || (value is { Length: > 0 and <= 500 } && Xtext(value) is not null):
                    break;
                case "SIZE" or "BODY" or "SMTPUTF8" or "AUTH":
                case "RET" or "ENVID" when options.Dsn:
                    return new(501, "5.5.4", "Invalid arguments");
                default:
                    return new(555, "5.5.4", "Unsupported parameter");
            }
        }
        return null;
    }

    /// <summary>The parameters of RCPT. Null: they are good; else the reply that refuses them.</summary>
    public static SmtpReply? ReadRcptParameters(IReadOnlyList<string> parameters, SmtpServerOptions options, out SmtpDsnRecipient? read)
    {
        read = null;
        foreach (var parameter in parameters)
        {
            var (name, value) = Named(parameter);
            switch (name)
            {
                case "NOTIFY" when options.Dsn && read?.Notify is null && value is not null && NotifyOf(value) is { } notify:
                    read = new(notify, read?.OriginalRecipient);
                    break;
                // RFC 3461 section 4.2: a type, a semicolon and xtext, 500 characters in all.
                case "ORCPT" when options.Dsn && read?.OriginalRecipient is null && value is { Length: > 0 and <= 500 } && value.IndexOf(';', StringComparison.Ordinal) is > 0 and var semicolon && value[..semicolon].All(c => char.IsAsciiLetterOrDigit(c) || c == '-') && Xtext(value[(semicolon + 1)..]) is { Length: > 0 } original:
                    read = new(read?.Notify, value[..(semicolon + 1)] + original);
                    break;
                case "NOTIFY" or "ORCPT" when options.Dsn:
                    return new(501, "5.5.4", "Invalid arguments");
                default:
                    return new(555, "5.5.4", "Unsupported parameter");
            }
        }
        return null;
    }

    /// <summary>BDAT's length and whether it is the last (RFC 3030 section 2).</summary>
    public static bool TryReadChunk(string rest, out long size, out bool last)
    {
        var words = rest.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        last = words.Length == 2 && words[1].Equals("LAST", StringComparison.OrdinalIgnoreCase);
        size = 0;
        return words.Length is 1 or 2 && (words.Length == 1 || last) && words[0].Length <= 18 && words[0].All(char.IsAsciiDigit) && long.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out size);
    }

    private static (string Name, string? Value) Named(string parameter)
    {
        var equals = parameter.IndexOf('=', StringComparison.Ordinal);
        return equals < 0 ? (parameter.ToUpperInvariant(), null) : (parameter[..equals].ToUpperInvariant(), parameter[(equals + 1)..]);
    }

    /// <summary>RFC 3461 section 4.1: NEVER alone, or some of the others.</summary>
    private static SmtpNotify? NotifyOf(string value)
    {
        if (value.Equals("NEVER", StringComparison.OrdinalIgnoreCase)) return SmtpNotify.Never;
        var notify = SmtpNotify.Never;
        foreach (var word in value.Split(','))
        {
            switch (word.ToUpperInvariant())
            {
                case "SUCCESS": notify |= SmtpNotify.Success; break;
                case "FAILURE": notify |= SmtpNotify.Failure; break;
                case "DELAY": notify |= SmtpNotify.Delay; break;
                default: return null;
            }
        }
        return notify;
    }

    /// <summary>RFC 3461 section 4: + and two hexadecimal digits in capitals are a character. Null: it is not xtext, or makes a control character.</summary>
    private static string? Xtext(string value)
    {
        var text = new StringBuilder(value.Length);
        for (var i = 0; i < value.Length; i++)
        {
            var c = value[i];
            if (c is <= ' ' or > '~' or '=') return null;
            if (c == '+')
            {
                if (i + 2 >= value.Length || !char.IsAsciiHexDigitUpper(value[i + 1]) || !char.IsAsciiHexDigitUpper(value[i + 2])) return null;
                c = (char)byte.Parse(value.AsSpan(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                if (c is < ' ' or > '~') return null;
                i += 2;
            }
            text.Append(c);
        }
        return text.ToString();
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
