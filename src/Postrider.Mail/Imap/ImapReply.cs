using System.Buffers;
using System.Globalization;
using System.Text;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>Writes what a server says into the connection's buffer, and tells the transcript each line, with sizes in place of literals.</summary>
internal sealed class ImapReply(WireConnection connection, WireTranscript? transcript)
{
    private readonly StringBuilder? _shown = transcript is null ? null : new StringBuilder();

    /// <summary>Names of mailboxes go out in UTF-8 (RFC 9051 section 5.1), not in modified UTF-7.</summary>
    public bool Utf8Names { get; set; }

    /// <summary>A response has been begun and not ended: nothing else can be said on the line.</summary>
    public bool IsWithinLine { get; private set; }

    public ImapReply Raw(ReadOnlySpan<byte> ascii)
    {
        connection.Output.Write(ascii);
        _shown?.Append(Encoding.UTF8.GetString(ascii));
        IsWithinLine = true;
        return this;
    }

    /// <summary>Words of our own, or of a backend: a line end inside them would start another response, so it becomes a space.</summary>
    public ImapReply Raw(string words)
    {
        if (words.AsSpan().ContainsAny('\r', '\n')) words = words.Replace('\r', ' ').Replace('\n', ' ');
        Encoding.UTF8.GetBytes(words, connection.Output);
        _shown?.Append(words);
        IsWithinLine = true;
        return this;
    }

    public ImapReply Number(long number)
    {
        Span<byte> digits = stackalloc byte[20];
        number.TryFormat(digits, out var length, default, CultureInfo.InvariantCulture);
        return Raw(digits[..length]);
    }

    public ImapReply Line()
    {
        connection.Output.Write("\r\n"u8);
        IsWithinLine = false;
        if (_shown is not null)
        {
            transcript!(true, WireText.Printable(_shown.ToString()));
            _shown.Clear();
        }
        return this;
    }

    public ImapReply Line(string words) => Raw(words).Line();

    /// <summary>A quoted string, or a literal where quoting cannot carry it; NIL for null.</summary>
    public ImapReply String(string? value)
    {
        if (value is null) return Raw("NIL"u8);
        if (value.Length > 1000 || value.AsSpan().ContainsAnyExceptInRange(' ', '~')) return Literal(Encoding.UTF8.GetBytes(value));
        return Quoted(value);
    }

    private ImapReply Quoted(string value) =>
        Raw("\""u8).Raw(value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Raw("\""u8);

    public ImapReply Literal(ReadOnlySpan<byte> bytes)
    {
        LiteralHead(bytes.Length);
        connection.Output.Write(bytes);
        return this;
    }

    /// <summary>The caller writes the bytes itself.</summary>
    /// <param name="binary">A literal8, which may hold NUL (RFC 3516 section 4.4).</param>
    public ImapReply LiteralHead(int length, bool binary = false)
    {
        if (binary) Raw("~"u8);
        Raw("{"u8).Number(length).Raw("}"u8);
        connection.Output.Write("\r\n"u8);
        return this;
    }

    /// <param name="name">In Unicode.</param>
    public ImapReply Mailbox(string name)
    {
        if (!Utf8Names) return String(ModifiedUtf7.Encode(name));
        // RFC 9051 section 9: a quoted string may hold UTF-8.
        return name.Length > 1000 || name.Any(char.IsControl) ? Literal(Encoding.UTF8.GetBytes(name)) : Quoted(name);
    }

    public ImapReply Flags(IReadOnlyList<string> flags)
    {
        Raw("("u8);
        for (var i = 0; i < flags.Count; i++)
        {
            if (i > 0) Raw(" "u8);
            Raw(flags[i]);
        }
        return Raw(")"u8);
    }
}
