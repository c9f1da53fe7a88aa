using System.Globalization;
using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Reports;

/// <summary>Fields of the machine-readable parts, in blocks parted by empty lines (RFC 3464 section 2.1). Names in lower case.</summary>
internal static class ReportFields
{
    private const int MaxBytes = 1 << 20;
    private const int MaxValue = 8192;

    public readonly record struct Field(string Name, string Value);

    public static List<List<Field>> Blocks(MimePart part)
    {
        var bytes = part.DecodeBytes();
        return Blocks((part.MediaType.StartsWith("message/global", StringComparison.Ordinal) ? Encoding.UTF8 : Encoding.Latin1).GetString(bytes, 0, Math.Min(bytes.Length, MaxBytes)));
    }

    public static List<List<Field>> Blocks(string text)
    {
        List<List<Field>> blocks = [];
        List<Field> block = [];
        foreach (var raw in text.AsSpan().EnumerateLines())
        {
            var line = raw.TrimEnd();
            if (line.IsEmpty)
            {
                if (block.Count > 0) blocks.Add(block);
                if (block.Count > 0) block = [];
            }
            else if (line[0] is ' ' or '\t')
            {
                if (block is [.., var last] && last.Value.Length < MaxValue) block[^1] = last with { Value = last.Value + " " + line.Trim().ToString() };
            }
            else if (line.IndexOf(':') is > 0 and < 60 and var colon && block.Count < 200)
            {
                block.Add(new(line[..colon].Trim().ToString().ToLowerInvariant(), line[(colon + 1)..].Trim().ToString()));
            }
        }
        if (block.Count > 0) blocks.Add(block);
        return blocks;
    }

    public static string? First(IEnumerable<Field> block, string name)
    {
        foreach (var field in block) if (field.Name == name && field.Value.Length > 0) return field.Value;
        return null;
    }

    /// <summary>A field of the form <c>type; value</c>; the value, without a comment at its end.</summary>
    public static string? Typed(IEnumerable<Field> block, string name)
    {
        if (First(block, name) is not { } value) return null;
        var semicolon = value.IndexOf(';', StringComparison.Ordinal);
        return (semicolon < 0 ? value : value[(semicolon + 1)..]).Trim();
    }

    /// <summary>An address as reports write it: in brackets, quotes or behind a type; with xtext (RFC 3461 section 4) or \x{…} (RFC 6533 section 3).</summary>
    public static EmailAddress? Address(string? text)
    {
        if (string.IsNullOrWhiteSpace(text)) return null;
        var semicolon = text.IndexOf(';', StringComparison.Ordinal);
        var plain = Unescaped((semicolon < 0 ? text : text[(semicolon + 1)..]).Trim().Trim('"', '\''));
        if (plain.IndexOf('<', StringComparison.Ordinal) is >= 0 and var open && plain.IndexOf('>', open) is > 0 and var close) plain = plain[(open + 1)..close];
        plain = plain.Trim('<', '>', ' ', '(', ')', '[', ']');
        if (plain.IndexOf(' ', StringComparison.Ordinal) is > 0 and var space) plain = plain[..space];
        return EmailAddress.TryParse(plain, out var address) ? address
            : AddressList.Parse(plain).Addresses is [var read] ? read.Address
            : plain.Contains('+', StringComparison.Ordinal) && EmailAddress.TryParse(FromXtext(plain), out address) ? address : null;
    }

    private static string Unescaped(string text)
    {
        if (!text.Contains("\\x{", StringComparison.Ordinal)) return text;
        var read = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var end = text.AsSpan(i).StartsWith("\\x{", StringComparison.Ordinal) ? text.IndexOf('}', i) : -1;
            if (end > 0 && end - i <= 10 && int.TryParse(text.AsSpan(i + 3, end - i - 3), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var code) && Rune.IsValid(code))
            {
                read.Append(new Rune(code));
                i = end;
            }
            else
            {
                read.Append(text[i]);
            }
        }
        return read.ToString();
    }

    private static string FromXtext(string text)
    {
        var read = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '+' && i + 2 < text.Length && byte.TryParse(text.AsSpan(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var code) && code >= ' ')
            {
                read.Append((char)code);
                i += 2;
            }
            else
            {
                read.Append(text[i]);
            }
        }
        return read.ToString();
    }
}
