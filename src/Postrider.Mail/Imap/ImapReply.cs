using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;

namespace Postrider.Mail.Imap;

/// <summary>Writes what a server says into the connection's buffer.</summary>
internal sealed class ImapReply(PipeWriter output)
{
    public ImapReply Raw(ReadOnlySpan<byte> ascii)
    {
        output.Write(ascii);
        return this;
    }

    /// <summary>Words of our own, or of a backend: a line end inside them would start another response, so it becomes a space.</summary>
    public ImapReply Raw(string words)
    {
        if (words.AsSpan().ContainsAny('\r', '\n')) words = words.Replace('\r', ' ').Replace('\n', ' ');
        Encoding.UTF8.GetBytes(words, output);
        return this;
    }

    public ImapReply Number(long number)
    {
        Span<byte> digits = stackalloc byte[20];
        number.TryFormat(digits, out var length, default, CultureInfo.InvariantCulture);
        output.Write(digits[..length]);
        return this;
    }

    public ImapReply Line()
    {
        output.Write("\r\n"u8);
        return this;
    }

    public ImapReply Line(string words) => Raw(words).Line();

    /// <summary>A quoted string, or a literal where quoting cannot carry it; NIL for null.</summary>
    public ImapReply String(string? value)
    {
        if (value is null) return Raw("NIL"u8);
        if (value.Length > 1000 || value.AsSpan().ContainsAnyExceptInRange(' ', '~')) return Literal(Encoding.UTF8.GetBytes(value));
        return Raw("\""u8).Raw(value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Raw("\""u8);
    }

    public ImapReply Literal(ReadOnlySpan<byte> bytes) => LiteralHead(bytes.Length).Raw(bytes);

    public ImapReply LiteralHead(int length) => Raw("{"u8).Number(length).Raw("}\r\n"u8);

    /// <param name="name">In Unicode.</param>
    public ImapReply Mailbox(string name) => String(ModifiedUtf7.Encode(name));

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
