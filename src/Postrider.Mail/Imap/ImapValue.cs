using System.Globalization;
using System.Text;

namespace Postrider.Mail.Imap;

internal enum ImapValueKind : byte
{
    Nil,
    Number,
    /// <summary>Unquoted, flags and <c>BODY[...]</c> included.</summary>
    Atom,
    /// <summary>Quoted or literal: bytes.</summary>
    Text,
    List,
    /// <summary>A literal whose bytes went to the caller's stream; <see cref="ImapValue.Number"/> says how many.</summary>
    Streamed,
}

/// <summary>One value inside an untagged response (RFC 3501 section 4). Numbers and NIL cost no allocation.</summary>
internal readonly struct ImapValue
{
    private readonly object? _content;

    private ImapValue(ImapValueKind kind, ulong number, object? content) => (Kind, Number, _content) = (kind, number, content);

    public static ImapValue Nil { get; }
    public static ImapValue OfNumber(ulong number) => new(ImapValueKind.Number, number, null);
    public static ImapValue OfAtom(string atom) => new(ImapValueKind.Atom, 0, atom);
    public static ImapValue OfText(byte[] bytes) => new(ImapValueKind.Text, 0, bytes);
    public static ImapValue OfStreamed(long length) => new(ImapValueKind.Streamed, (ulong)length, null);
    public static ImapValue OfList(IReadOnlyList<ImapValue> values) => new(ImapValueKind.List, 0, values);

    public ImapValueKind Kind { get; }

    /// <summary>Zero unless <see cref="Kind"/> is Number or Streamed.</summary>
    public ulong Number { get; }

    /// <summary>Empty unless <see cref="Kind"/> is List.</summary>
    public IReadOnlyList<ImapValue> Items => _content as IReadOnlyList<ImapValue> ?? [];

    /// <summary>Null unless <see cref="Kind"/> is Text.</summary>
    public byte[]? Bytes => _content as byte[];

    public bool IsAtom(string word) => _content is string atom && atom.Equals(word, StringComparison.OrdinalIgnoreCase);

    /// <summary>A number within 32 bits; null for anything else.</summary>
    public uint? AsUInt32() => Kind == ImapValueKind.Number && Number <= uint.MaxValue ? (uint)Number : null;

    /// <summary>A number within 63 bits, such as a size or a MODSEQ; null for anything else.</summary>
    public long? AsInt64() => Kind == ImapValueKind.Number && Number <= long.MaxValue ? (long)Number : null;

    /// <summary>Atom, number or text as characters (UTF-8); null for NIL and lists.</summary>
    public string? AsString() => Kind switch
    {
        ImapValueKind.Atom => (string)_content!,
        ImapValueKind.Number => Number.ToString(CultureInfo.InvariantCulture),
        ImapValueKind.Text => Encoding.UTF8.GetString((byte[])_content!),
        _ => null,
    };

    /// <summary>For messages of tests: the value in IMAP's notation.</summary>
    public override string ToString() => Kind switch
    {
        ImapValueKind.Nil => "NIL",
        ImapValueKind.List => "(" + string.Join(' ', Items) + ")",
        ImapValueKind.Streamed => string.Create(CultureInfo.InvariantCulture, $"({Number} bytes)"),
        ImapValueKind.Text => "\"" + AsString() + "\"",
        _ => AsString()!,
    };
}
