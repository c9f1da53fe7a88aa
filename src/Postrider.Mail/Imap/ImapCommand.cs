using System.Buffers;
using System.Globalization;
using System.Text;

namespace Postrider.Mail.Imap;

/// <summary>
/// A command being put together. Every value from outside goes through a method that quotes it, sends it as a literal or refuses it,
/// so that none can end the line or the argument it stands in.
/// </summary>
internal sealed class ImapCommand
{
    // A longer string goes as a literal: servers limit the line.
    private const int MaxQuoted = 1000;

    private static readonly SearchValues<char> NotInFlags = SearchValues.Create("(){%*\"\\]");

    private readonly List<(string Text, ReadOnlyMemory<byte>? Literal)> _parts = [];
    private readonly StringBuilder _text;

    /// <param name="name">As failures call it, such as <c>UID FETCH</c>.</param>
    public ImapCommand(string name)
    {
        Name = name;
        _text = new StringBuilder(name);
    }

    public string Name { get; }

    /// <summary>Why the command cannot be sent; null when it can. One sentence.</summary>
    public string? Refusal { get; private set; }

    /// <summary>The text up to each literal, and the literal; null after the last text.</summary>
    public IEnumerable<(string Text, ReadOnlyMemory<byte>? Literal)> Parts => _parts.Append((_text.ToString(), null));

    /// <summary>Words of our own making.</summary>
    public ImapCommand Raw(string words)
    {
        _text.Append(' ').Append(words);
        return this;
    }

    /// <param name="name">In Unicode.</param>
    public ImapCommand Mailbox(string name) => String(ModifiedUtf7.Encode(name));

    /// <summary>A quoted string, or a literal where quoting cannot carry it.</summary>
    public ImapCommand String(string value)
    {
        if (value.Contains('\0', StringComparison.Ordinal))
        {
            // RFC 3501 section 9: CHAR8 leaves NUL out, so not even a literal may hold it.
            Refusal = "A value holds a NUL character, which IMAP cannot carry.";
            return this;
        }
        if (value.Length > MaxQuoted || value.Any(c => c is < ' ' or > '~')) return Literal(Encoding.UTF8.GetBytes(value));
        _text.Append(" \"").Append(value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
        return this;
    }

    public ImapCommand Literal(ReadOnlyMemory<byte> bytes)
    {
        _text.Append(' ');
        _parts.Add((_text.ToString(), bytes));
        _text.Clear();
        return this;
    }

    /// <summary>A header field's name (RFC 5322 section 3.6.8).</summary>
    public ImapCommand FieldName(string name)
    {
        if (name.Length == 0 || name.Any(c => c is <= ' ' or > '~' or ':')) Refusal = "A header field's name holds a character that none may have.";
        return String(name);
    }

    public ImapCommand Flags(IReadOnlyList<string> flags)
    {
        if (flags.FirstOrDefault(f => !IsFlag(f)) is { } wrong)
            Refusal = string.Create(CultureInfo.InvariantCulture, $"A flag of {wrong.Length} characters holds one that no flag may have.");
        _text.Append(" (").AppendJoin(' ', flags).Append(')');
        return this;
    }

    // RFC 3501 section 9: flag-keyword is an atom, the others a backslash and an atom.
    private static bool IsFlag(string flag)
    {
        var atom = flag.StartsWith('\\') ? flag.AsSpan(1) : flag;
        return !atom.IsEmpty && !atom.ContainsAnyExceptInRange('!', '~') && !atom.ContainsAny(NotInFlags);
    }
}
