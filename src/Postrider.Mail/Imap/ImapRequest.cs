using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Postrider.Mail.Imap;

/// <summary>A client's command does not follow the grammar: answered with a tagged BAD; the session goes on.</summary>
internal sealed class ImapSyntaxException() : Exception("Command Argument Error. 12");

/// <summary>Messages as a client names them. The default is <c>$</c>, the messages of the last search (RFC 5182).</summary>
/// <param name="Ranges">Null for <c>$</c>.</param>
internal readonly record struct ImapSet(IReadOnlyList<(uint First, uint Last)>? Ranges)
{
    /// <summary>Neighbours become ranges, in the order that is given: two lists of the same length stay in step when they are read again (RFC 4315 section 3).</summary>
    public static string Write(IReadOnlyList<uint> numbers)
    {
        var text = new StringBuilder();
        for (var i = 0; i < numbers.Count;)
        {
            var past = i + 1;
            while (past < numbers.Count && numbers[past] == numbers[past - 1] + 1) past++;
            if (i > 0) text.Append(',');
            text.Append(CultureInfo.InvariantCulture, $"{numbers[i]}");
            if (past - i > 1) text.Append(CultureInfo.InvariantCulture, $":{numbers[past - 1]}");
            i = past;
        }
        return text.ToString();
    }
}

/// <summary>
/// One command as a client sent it: its lines with each literal cut out and a NUL in its place (NUL is allowed nowhere in a line, RFC 3501 section 9; the tilde of a literal8 stays before it),
/// read from left to right. Every method throws <see cref="ImapSyntaxException"/> where the grammar is broken.
/// </summary>
internal sealed class ImapRequest(ReadOnlyMemory<byte> text, IReadOnlyList<ReadOnlyMemory<byte>> literals)
{
    private const byte LiteralMark = 0;
    private static readonly SearchValues<byte> NotInAtom = SearchValues.Create([.. "(){ %*\"\\]"u8, 127, .. Enumerable.Range(0, 32).Select(i => (byte)i)]);
    // RFC 3501 section 9: ASTRING-CHAR is an atom's characters and "]"; a list mailbox may hold the wildcards too.
    private static readonly SearchValues<byte> NotInString = SearchValues.Create([.. "(){ %*\"\\"u8, 127, .. Enumerable.Range(0, 32).Select(i => (byte)i)]);
    private static readonly SearchValues<byte> NotInPattern = SearchValues.Create([.. "(){ \"\\"u8, 127, .. Enumerable.Range(0, 32).Select(i => (byte)i)]);

    private static readonly SearchValues<byte> InSet = SearchValues.Create("0123456789:,*"u8);

    private int _position;
    private int _literal;

    private ReadOnlySpan<byte> Rest => text.Span[_position..];

    /// <summary>Names of mailboxes are UTF-8 (RFC 9051 section 5.1): an ampersand in one stands for itself.</summary>
    public bool Utf8Names { get; init; }

    public bool AtEnd => Rest.IsEmpty;

    /// <summary>The next byte, or NUL at the end and before a literal.</summary>
    public byte Peek => AtEnd ? LiteralMark : Rest[0];

    public void Space()
    {
        if (Peek != ' ') throw new ImapSyntaxException();
        _position++;
        // Several spaces in a row are wrong, and harmless.
        while (Peek == ' ') _position++;
    }

    public bool TryTake(char c)
    {
        if (AtEnd || Rest[0] != c) return false;
        _position++;
        return true;
    }

    public void Take(char c)
    {
        if (!TryTake(c)) throw new ImapSyntaxException();
    }

    public void End()
    {
        // Trailing spaces are common among hand-written clients.
        while (Peek == ' ') _position++;
        if (!AtEnd) throw new ImapSyntaxException();
    }

    public string Atom() => Run(NotInAtom);

    /// <summary>A tag: an atom without a plus.</summary>
    public string Tag()
    {
        var tag = Run(NotInString);
        return tag.Length <= 64 && !tag.Contains('+', StringComparison.Ordinal) ? tag : throw new ImapSyntaxException();
    }

    public uint Number()
    {
        if (!Utf8Parser.TryParse(Rest, out uint number, out var digits) || Rest[0] is < (byte)'0' or > (byte)'9') throw new ImapSyntaxException();
        _position += digits;
        return number;
    }

    public ulong LongNumber()
    {
        // RFC 7162 section 2.1: a mod-sequence has 63 bits.
        if (!Utf8Parser.TryParse(Rest, out ulong number, out var digits) || number > long.MaxValue || Rest[0] is < (byte)'0' or > (byte)'9') throw new ImapSyntaxException();
        _position += digits;
        return number;
    }

    public ImapSet Set()
    {
        if (TryTake('$')) return default;
        var end = Rest.IndexOfAnyExcept(InSet);
        var length = end < 0 ? Rest.Length : end;
        if (!SequenceSet.TryParse(Rest[..length], 10_000, out var ranges)) throw new ImapSyntaxException();
        _position += length;
        return new ImapSet(ranges);
    }

    /// <summary>Atom, quoted string or literal, as bytes.</summary>
    public ReadOnlyMemory<byte> Bytes() => IsLiteral ? Literal() : Peek == '"' ? Quoted() : Encoding.UTF8.GetBytes(Run(NotInString));

    /// <summary>As <see cref="String()"/>, in a charset the client named.</summary>
    public string String(Encoding charset) => charset.GetString(Bytes().Span);

    /// <summary>As <see cref="Bytes"/>, read as UTF-8.</summary>
    public string String() => Encoding.UTF8.GetString(Bytes().Span);

    /// <summary>A mailbox's name in Unicode; one that is not modified UTF-7 is taken as it stands (some clients send UTF-8).</summary>
    public string Mailbox() => Decoded(String());

    /// <summary>A mailbox's name with the wildcards of LIST.</summary>
    public string Pattern() => Decoded(IsLiteral || Peek == '"' ? String() : AtEnd ? throw new ImapSyntaxException() : Run(NotInPattern));

    public bool IsLiteral => !AtEnd && Rest[0] == LiteralMark;

    /// <summary>A literal in which every byte is allowed comes next (RFC 3516 section 4.4).</summary>
    public bool TryTakeLiteral8Mark() => Rest is [(byte)'~', LiteralMark, ..] && TryTake('~');

    public ReadOnlyMemory<byte> Literal()
    {
        if (!IsLiteral) throw new ImapSyntaxException();
        _position++;
        return literals[_literal++];
    }

    /// <summary>What is left of the line, whatever it is.</summary>
    public string Remainder()
    {
        var rest = Encoding.UTF8.GetString(Rest);
        _position = text.Length;
        return rest;
    }

    public IReadOnlyList<string> FlagList()
    {
        Take('(');
        var flags = new List<string>();
        while (!TryTake(')'))
        {
            if (flags.Count > 0) Space();
            flags.Add(Flag());
            if (flags.Count > 100) throw new ImapSyntaxException();
        }
        return flags;
    }

    public string Flag() => TryTake('\\') ? "\\" + Atom() : Atom();

    private string Run(SearchValues<byte> stop)
    {
        var end = Rest.IndexOfAny(stop);
        var length = end < 0 ? Rest.Length : end;
        if (length == 0) throw new ImapSyntaxException();
        var run = Encoding.UTF8.GetString(Rest[..length]);
        _position += length;
        return run;
    }

    private byte[] Quoted()
    {
        _position++;
        var content = new ArrayBufferWriter<byte>();
        while (true)
        {
            var stop = Rest.IndexOfAny((byte)'"', (byte)'\\', LiteralMark);
            if (stop < 0 || Rest[stop] == LiteralMark) throw new ImapSyntaxException();
            content.Write(Rest[..stop]);
            _position += stop + 1;
            if (text.Span[_position - 1] == '"') return content.WrittenSpan.ToArray();
            if (AtEnd || Rest[0] is not ((byte)'"' or (byte)'\\')) throw new ImapSyntaxException();
            content.Write(Rest[..1]);
            _position++;
        }
    }

    private string Decoded(string wire) => !Utf8Names && ModifiedUtf7.TryDecode(wire, out var name) ? name : wire;
}
