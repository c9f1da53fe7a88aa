using System.Buffers.Text;
using System.Text;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Smtp;

/// <summary>A reply of RFC 5321 section 4.2. <see cref="EnhancedCode"/> is null when the text does not begin with one (RFC 3463).</summary>
/// <param name="Text">Control characters are escaped; the lines of a longer reply are joined by a blank.</param>
public sealed record SmtpReply(int Code, string? EnhancedCode, string Text)
{
    public bool IsPositive => Code is >= 200 and < 400;
    public bool IsTransient => Code is >= 400 and < 500;
    public bool IsPermanent => Code is >= 500 and < 600;
    /// <summary><c>550 5.7.1 text</c> on one line.</summary>
    public override string ToString() => EnhancedCode is null ? $"{Code} {Text}" : $"{Code} {EnhancedCode} {Text}";

    /// <summary>From a line as servers write it, without its end; null when it is none.</summary>
    public static SmtpReply? Read(string line) => SmtpReplies.TryParseLine(Encoding.UTF8.GetBytes(line), out var code, out var last, out var text) && last ? From(code, [text]) : null;

    /// <summary>From the text of each line, without code and separator.</summary>
    internal static SmtpReply From(int code, IReadOnlyList<string> lines)
    {
        var (enhanced, text) = Split(lines[0]);
        if (lines.Count == 1) return new(code, enhanced, text);
        var all = new StringBuilder(text);
        for (var i = 1; i < lines.Count; i++)
        {
            // RFC 2034 section 4 repeats the enhanced code on each line.
            var (again, rest) = Split(lines[i]);
            all.Append(' ').Append(again == enhanced ? rest : lines[i]);
        }
        return new(code, enhanced, all.ToString());
    }

    /// <summary>RFC 3463 section 2: class.subject.detail, up to three digits each but the class.</summary>
    private static (string? Enhanced, string Text) Split(string line)
    {
        var end = line.IndexOf(' ', StringComparison.Ordinal);
        if (end < 0) end = line.Length;
        if (end is < 5 or > 9 || line[0] is not ('2' or '4' or '5') || line[1] != '.') return (null, line);
        var detail = line.IndexOf('.', 2);
        if (detail is < 3 or > 5 || end - detail is < 2 or > 4) return (null, line);
        for (var i = 2; i < end; i++)
            if (i != detail && !char.IsAsciiDigit(line[i])) return (null, line);
        return (line[..end], line[end..].TrimStart(' '));
    }
}

/// <summary>Reads whole replies, each within limits.</summary>
internal static class SmtpReplies
{
    /// <summary>RFC 5321 section 4.5.3.1.5 allows 512 octets; servers put whole stories on a line.</summary>
    public const int MaxLineBytes = 2048;
    public const int MaxLines = 100;

    /// <summary>The code and the text of each line.</summary>
    /// <param name="seen">Is shown every line as it came, made printable; null: nobody looks.</param>
    /// <exception cref="WireProtocolException">What came is not a reply.</exception>
    public static async ValueTask<(int Code, List<string> Lines)> ReadAsync(LineReader reader, Func<string, string> scrub, Action<string>? seen, CancellationToken cancel)
    {
        var lines = new List<string>(1);
        var code = 0;
        while (true)
        {
            var line = await reader.ReadAsync(MaxLineBytes, cancel);
            var parsed = TryParseLine(line.Span, out var lineCode, out var last, out var text);
            if (seen is not null || !parsed)
            {
                var shown = scrub(WireText.Printable(line.Span));
                seen?.Invoke(shown);
                if (!parsed) throw new WireProtocolException($"The server sent a line that is no SMTP reply: {Shorten(shown)}");
            }
            if (lines.Count > 0 && lineCode != code) throw new WireProtocolException($"The server changed the code within one reply, from {code} to {lineCode}.");
            if (lines.Count >= MaxLines) throw new WireProtocolException($"The server sent a reply of more than {MaxLines} lines.");
            code = lineCode;
            lines.Add(scrub(text));
            if (last) return (code, lines);
        }
    }

    /// <summary>RFC 5321 section 4.2: three digits, then a blank, a hyphen when more follows, or nothing.</summary>
    internal static bool TryParseLine(ReadOnlySpan<byte> line, out int code, out bool last, out string text)
    {
        (last, text) = (true, "");
        if (!Utf8Parser.TryParse(line[..Math.Min(3, line.Length)], out code, out var used) || used != 3 || code is < 200 or > 599) return false;
        if (line.Length == 3) return true;
        if (line[3] is not ((byte)' ' or (byte)'-')) return false;
        last = line[3] == (byte)' ';
        text = WireText.Printable(line[4..]);
        return true;
    }

    private static string Shorten(string text) => text.Length <= 200 ? text : text[..200] + "…";
}
