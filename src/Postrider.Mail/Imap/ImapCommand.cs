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

    private static readonly SearchValues<char> SectionChars = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-. ()");

    private readonly List<(string Text, ReadOnlyMemory<byte>? Literal)> _parts = [];
    private readonly StringBuilder _text;

    private readonly bool _utf8Names;
    private bool _glued;

    /// <param name="name">As failures call it, such as <c>UID FETCH</c>.</param>
    /// <param name="utf8Names">Names of mailboxes go as UTF-8 (RFC 9051 section 5.1), not as modified UTF-7.</param>
    public ImapCommand(string name, bool utf8Names = false)
    {
        _utf8Names = utf8Names;
        Name = name;
        _text = new StringBuilder(name);
    }

    public string Name { get; }

    /// <summary>Why the command cannot be sent; null when it can. One sentence.</summary>
    public string? Refusal { get; private set; }

    /// <summary>The text up to each literal, and the literal; null after the last text.</summary>
    /// <summary>At least one literal.</summary>
    public bool HasLiteral => _parts.Count > 0;

    /// <summary>Characters outside of literals.</summary>
    public int Length => _text.Length + _parts.Sum(p => p.Text.Length);

    public IEnumerable<(string Text, ReadOnlyMemory<byte>? Literal)> Parts => _parts.Append((_text.ToString(), null));

    /// <summary>Words of our own making.</summary>
    public ImapCommand Raw(string words)
    {
        Space().Append(words);
        return this;
    }

    /// <param name="name">In Unicode.</param>
    public ImapCommand Mailbox(string name) => String(_utf8Names ? name : ModifiedUtf7.Encode(name));

    /// <summary>What is added next stands right behind this parenthesis.</summary>
    public ImapCommand Open()
    {
        Space().Append('(');
        _glued = true;
        return this;
    }

    public ImapCommand Close()
    {
        _text.Append(')');
        _glued = false;
        return this;
    }

    /// <summary>Why the command cannot be sent.</summary>
    public ImapCommand Refuse(string why)
    {
        Refusal ??= why;
        return this;
    }

    /// <summary>The name of a section inside <c>BODY[...]</c>: letters, digits and the few signs that one may have (RFC 3501 section 9).</summary>
    public ImapCommand CheckSection(string section) => section.AsSpan().ContainsAnyExcept(SectionChars) ? Refuse("A section's name holds a character that none may have.") : this;

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
        Space().Append('"').Append(value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
        return this;
    }

    public ImapCommand Literal(ReadOnlyMemory<byte> bytes)
    {
        Space();
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
        Space().Append('(').AppendJoin(' ', flags).Append(')');
        return this;
    }

    /// <summary>A keyword of SEARCH: an atom, without a backslash.</summary>
    public ImapCommand Keyword(string keyword) => keyword.StartsWith('\\') || !IsFlag(keyword) ? Refuse("A keyword holds a character that none may have.") : Raw(keyword);

    /// <summary>The name of an extension: an atom.</summary>
    public ImapCommand Extension(string name) => name.StartsWith('\\') || !IsFlag(name) ? Refuse("An extension's name holds a character that none may have.") : Raw(name);

    private StringBuilder Space()
    {
        if (_glued) _glued = false;
        else _text.Append(' ');
        return _text;
    }

    // RFC 3501 section 9: flag-keyword is an atom, the others a backslash and an atom.
    private static bool IsFlag(string flag)
    {
        var atom = flag.StartsWith('\\') ? flag.AsSpan(1) : flag;
        return !atom.IsEmpty && !atom.ContainsAnyExceptInRange('!', '~') && !atom.ContainsAny(NotInFlags);
    }
}
