using System.Buffers;
using System.Buffers.Text;
using System.Collections.Frozen;
using System.Text;

namespace Postrider.Mail.Imap;

/// <summary>Bounds of what a server may send.</summary>
internal sealed record ImapResponseLimits
{
    /// <summary>Bytes of one atom, quoted string or status line.</summary>
    public int TokenBytes { get; init; } = 64 * 1024;
    /// <summary>Bytes of one response outside literals; SEARCH counts its numbers instead.</summary>
    public int ResponseBytes { get; init; } = 1024 * 1024;
    public int Depth { get; init; } = 64;
    /// <summary>Values of one response, all levels together.</summary>
    public int Values { get; init; } = 50_000;
    /// <summary>Numbers of one SEARCH response: 16 MiB of memory.</summary>
    public int SearchNumbers { get; init; } = 4_000_000;
    /// <summary>Bytes of all literals of one FETCH response.</summary>
    public long FetchLiteralBytes { get; init; } = 157_286_400;
    /// <summary>Bytes of all literals of any other response.</summary>
    public int OtherLiteralBytes { get; init; } = 64 * 1024;
}

internal enum ImapParseStep
{
    /// <summary>Everything usable was consumed; more bytes are needed.</summary>
    NeedMore,
    /// <summary><see cref="ImapResponseParser.Response"/> holds a response.</summary>
    Complete,
    /// <summary>The content of a message begins (<see cref="ImapResponseParser.Head"/>): <see cref="ImapResponseParser.TakeLiteral"/> leaves its bytes to the caller, reading on keeps them in memory.</summary>
    Literal,
    /// <summary>The peer does not speak IMAP, or went over a bound: <see cref="ImapResponseParser.Error"/> says which. The stream cannot be followed any further.</summary>
    Error,
}

/// <summary>
/// Turns a server's bytes into responses. It takes them in pieces of any size and gives the same responses however they were cut,
/// consumes each token as soon as it is complete, and holds at most one token besides the values of the response under way.
/// Lenient where servers are known to be sloppy (LF alone, several spaces), strict where following on would be guessing.
/// </summary>
internal sealed class ImapResponseParser(ImapResponseLimits limits)
{
    // "* 4294967295 " and the longest word we know fit in this; tags are ours and short.
    private const int HeadBytes = 96;
    private static readonly SearchValues<byte> AtomEnd = SearchValues.Create(" ()\"{\r\n"u8);
    private static readonly SearchValues<byte> QuotedStop = SearchValues.Create("\"\\\r\n"u8);
    private static readonly SearchValues<byte> SetChars = SearchValues.Create("0123456789:"u8);
    private static readonly FrozenSet<string> KnownWords = new[]
    {
        "UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODY[]", "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "\\Recent", "\\*",
        "$Forwarded", "$MDNSent", "$Junk", "$NotJunk", "FETCH", "MODSEQ", "BODY[HEADER]", "BODY[TEXT]", "RFC822", "ESEARCH", "NAMESPACE", "ENABLED", "ID", "MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ", "EXISTS", "EXPUNGE", "RECENT", "LIST", "LSUB", "STATUS", "CAPABILITY", "SEARCH", "ENVELOPE", "BODYSTRUCTURE",
        "\\HasChildren", "\\HasNoChildren", "\\Noselect", "\\Marked", "\\Unmarked", "\\NoInferiors",
    }.ToFrozenSet(StringComparer.Ordinal);
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Words = KnownWords.GetAlternateLookup<ReadOnlySpan<char>>();

    private enum State
    {
        Head,
        StatusText,
        ContinuationText,
        Values,
        Numbers,
        Set,
        Literal,
    }

    private readonly List<List<ImapValue>> _open = [];
    private State _state = State.Head;
    private string? _tag;
    private uint? _number;
    private string _word = "";
    private ImapStatus _status;
    private List<uint>? _numbers;
    private int _values;
    private long _bytes;
    private long _literalBytes;
    private byte[] _literal = [];
    private long _literalLength;
    private int _literalFilled;

    /// <summary>Set by <see cref="ImapParseStep.Complete"/>.</summary>
    public ImapResponse? Response { get; private set; }

    /// <summary>One sentence, without anything the peer sent; set by <see cref="ImapParseStep.Error"/>.</summary>
    public string? Error { get; private set; }

    /// <summary>Bytes of the literal under way; zero outside of one.</summary>
    public long LiteralLength => _state == State.Literal ? _literalLength : 0;

    /// <summary>Stops at the content of messages (<see cref="ImapParseStep.Literal"/>), so that the caller may take it.</summary>
    public bool OffersLiterals { get; set; }

    /// <summary>What is known of the message when its content begins; set by <see cref="ImapParseStep.Literal"/>.</summary>
    public ImapFetchedHead Head { get; private set; }

    /// <summary>The next <see cref="LiteralLength"/> bytes are the caller's: the parser is given what comes after them.</summary>
    public void TakeLiteral()
    {
        _state = State.Values;
        _open[^1].Add(ImapValue.OfStreamed(_literalLength));
    }

    /// <param name="consumed">Up to here the bytes may be given back to their owner; on NeedMore the rest must be offered again, with more after it.</param>
    public ImapParseStep Read(ReadOnlySequence<byte> buffer, out SequencePosition consumed)
    {
        byte[]? rented = null;
        var straddles = false;
        try
        {
            while (true)
            {
                if (_state == State.Literal)
                {
                    buffer = FillLiteral(buffer);
                    consumed = buffer.Start;
                    if (_state == State.Literal) return ImapParseStep.NeedMore;
                }
                // One token never exceeds TokenBytes, so a window a little larger always shows either a whole token or a token too long.
                var window = (int)Math.Min(buffer.Length, limits.TokenBytes + HeadBytes);
                ReadOnlySpan<byte> span;
                if (!straddles || buffer.FirstSpan.Length >= window) span = buffer.FirstSpan[..Math.Min(window, buffer.FirstSpan.Length)];
                else
                {
                    rented ??= ArrayPool<byte>.Shared.Rent(limits.TokenBytes + HeadBytes);
                    buffer.Slice(0, window).CopyTo(rented);
                    span = rented.AsSpan(0, window);
                }
                var used = 0;
                var step = ReadTokens(span, ref used);
                var length = span.Length;
                buffer = buffer.Slice(used);
                consumed = buffer.Start;
                if (step != ImapParseStep.NeedMore) return step;
                if (_state == State.Literal && IsOffered()) return ImapParseStep.Literal;
                var more = _state == State.Literal || length - used < buffer.Length;
                // Copied together only where a token goes over the end of a segment.
                if (more && (used > 0 || !straddles))
                {
                    straddles = _state != State.Literal && (used == 0 || !straddles);
                    continue;
                }
                return step;
            }
        }
        finally
        {
            if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private ImapParseStep ReadTokens(ReadOnlySpan<byte> span, ref int used)
    {
        while (true)
        {
            var before = used;
            var rest = span[used..];
            var step = _state switch
            {
                State.Head => ReadHead(rest, ref used),
                State.StatusText or State.ContinuationText => ReadText(rest, ref used),
                State.Numbers => ReadNumbers(rest, ref used),
                State.Set => ReadSet(rest, ref used),
                _ => ReadValue(rest, ref used),
            };
            if (step is { } done) return done;
            _bytes += used - before;
            if (_bytes > limits.ResponseBytes && _state is not (State.Numbers or State.Set)) return Fail("The response is longer than allowed.");
            if (_state == State.Literal) return ImapParseStep.NeedMore;
        }
    }

    // Each Read... returns null to go on (after moving `used`), or the step to hand out.

    private ImapParseStep? ReadHead(ReadOnlySpan<byte> span, ref int used)
    {
        var lineEnd = span.IndexOf((byte)'\n');
        if (lineEnd < 0 && span.Length < HeadBytes) return ImapParseStep.NeedMore;
        var head = span[..Math.Min(lineEnd < 0 ? HeadBytes : lineEnd, HeadBytes)];
        Begin();
        if (head is [(byte)'+', ..])
        {
            // RFC 3501 section 7.5 has a space after the plus; Exchange and others leave it out when no text follows.
            used += head is [_, (byte)' ', ..] ? 2 : 1;
            _state = State.ContinuationText;
            return null;
        }
        if (head is [(byte)'[', ..])
        {
            // Exchange sent a bare "[COPYUID 55 31 6]" line before the EXPUNGEs of a MOVE (corpus imap-mailkit-transcripts, exchange/issue115): an OK without its first words.
            _status = ImapStatus.Ok;
            _state = State.StatusText;
            return null;
        }
        var first = Word(head, 0, out var next);
        if (first.Length == 0) return Fail("The line does not begin like a response.");
        var untagged = first is [(byte)'*'];
        var second = Word(head, next, out next);
        if (untagged && Utf8Parser.TryParse(second, out uint number, out var digits) && digits == second.Length)
        {
            _number = number;
            second = Word(head, next, out next);
        }
        if (second.Length is 0 or > 64 || !IsPrintable(second)) return Fail("The response has no name.");
        if (_number is null && Status(second) is { } status)
        {
            if (!untagged && status is ImapStatus.Bye or ImapStatus.PreAuth) return Fail("The response does not begin with a star.");
            _status = status;
            _tag = untagged ? null : Encoding.ASCII.GetString(first);
            _state = State.StatusText;
        }
        else if (!untagged) return Fail("The line does not begin like a response.");
        else
        {
            _word = Intern(second).ToUpperInvariant();
            _state = _word == "SEARCH" && _number is null ? State.Numbers : State.Values;
            if (_state == State.Numbers || _word == "ESEARCH") _numbers = [];
            _open.Add([]);
        }
        used += next;
        return null;
    }

    private void Begin()
    {
        _tag = null;
        _number = null;
        _word = "";
        _numbers = null;
        _values = 0;
        _bytes = 0;
        _literalBytes = 0;
        _open.Clear();
        Response = null;
    }

    /// <summary>The word that begins at <paramref name="start"/>, and where what follows its space begins.</summary>
    private static ReadOnlySpan<byte> Word(ReadOnlySpan<byte> head, int start, out int next)
    {
        var rest = head[start..];
        var end = rest.IndexOfAny((byte)' ', (byte)'\r');
        var word = end < 0 ? rest : rest[..end];
        next = start + word.Length + (end >= 0 && rest[end] == ' ' ? 1 : 0);
        return word;
    }

    private static bool IsPrintable(ReadOnlySpan<byte> word) => !word.ContainsAnyExceptInRange((byte)'!', (byte)'~');

    private static ImapStatus? Status(ReadOnlySpan<byte> word)
    {
        if (Ascii.EqualsIgnoreCase(word, "OK"u8)) return ImapStatus.Ok;
        if (Ascii.EqualsIgnoreCase(word, "NO"u8)) return ImapStatus.No;
        if (Ascii.EqualsIgnoreCase(word, "BAD"u8)) return ImapStatus.Bad;
        if (Ascii.EqualsIgnoreCase(word, "BYE"u8)) return ImapStatus.Bye;
        if (Ascii.EqualsIgnoreCase(word, "PREAUTH"u8)) return ImapStatus.PreAuth;
        return null;
    }

    private ImapParseStep? ReadText(ReadOnlySpan<byte> span, ref int used)
    {
        var lineEnd = span.IndexOf((byte)'\n');
        if (lineEnd > limits.TokenBytes || (lineEnd < 0 && span.Length > limits.TokenBytes)) return Fail("The status line is longer than allowed.");
        if (lineEnd < 0) return ImapParseStep.NeedMore;
        used += lineEnd + 1;
        var text = Encoding.UTF8.GetString(span[..lineEnd].TrimEnd((byte)'\r'));
        return Done(_state == State.ContinuationText ? new ImapResponse.Continuation(text) : ImapStatusText.Read(_tag, _status, text));
    }

    private ImapParseStep? ReadNumbers(ReadOnlySpan<byte> span, ref int used)
    {
        if (span.Length == 0) return ImapParseStep.NeedMore;
        if (span[0] == ' ')
        {
            used++;
            return null;
        }
        // RFC 7162 section 3.1.5 appends "(MODSEQ n)", which nobody here asked for.
        if (span[0] is (byte)'(' or (byte)'\r' or (byte)'\n')
        {
            _state = State.Values;
            _bytes = 0;
            return null;
        }
        var end = span.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        if (end < 0 && span.Length <= 10) return ImapParseStep.NeedMore;
        if (!Utf8Parser.TryParse(end < 0 ? span : span[..end], out uint number, out var digits) || digits != end) return Fail("SEARCH was answered with something that is not a number.");
        if (_numbers!.Count == limits.SearchNumbers) return Fail("SEARCH found more messages than allowed.");
        _numbers.Add(number);
        used += end;
        return null;
    }

    // RFC 4731 section 3.1: "ALL 4,6:9" names every message found. Written out as it comes, since it may be longer than any word.
    private ImapParseStep? ReadSet(ReadOnlySpan<byte> span, ref int used)
    {
        var end = span.IndexOfAnyExcept(SetChars);
        if (end < 0) return span.Length > 24 ? Fail("ESEARCH was answered with something that is not a set of numbers.") : ImapParseStep.NeedMore;
        var colon = span[..end].IndexOf((byte)':');
        var low = span[..(colon < 0 ? end : colon)];
        if (!Utf8Parser.TryParse(low, out uint first, out var digits) || digits != low.Length) return Fail("ESEARCH was answered with something that is not a set of numbers.");
        var last = first;
        if (colon >= 0 && (!Utf8Parser.TryParse(span[(colon + 1)..end], out last, out digits) || digits != end - colon - 1)) return Fail("ESEARCH was answered with something that is not a set of numbers.");
        if (first > last) (first, last) = (last, first);
        if (last - first >= (uint)(limits.SearchNumbers - _numbers!.Count)) return Fail("SEARCH found more messages than allowed.");
        for (var n = first; n <= last && n >= first; n++) _numbers.Add(n);
        used += end;
        if (span[end] == ',') used++;
        else
        {
            _state = State.Values;
            _bytes = 0;
        }
        return null;
    }

    private ImapParseStep? ReadValue(ReadOnlySpan<byte> span, ref int used)
    {
        if (span.Length == 0) return ImapParseStep.NeedMore;
        switch (span[0])
        {
            case (byte)' ':
                used++;
                return null;
            case >= (byte)'0' and <= (byte)'9' when _word == "ESEARCH" && _open.Count == 1 && _open[0] is [.., var before] && before.IsAtom("ALL"):
                _state = State.Set;
                return null;
            case (byte)'(':
                if (_open.Count > limits.Depth) return Fail("The response is nested more deeply than allowed.");
                _open.Add([]);
                used++;
                return null;
            case (byte)')':
                if (_open.Count < 2) return Fail("The response closes a list that it did not open.");
                var list = _open[^1];
                _open.RemoveAt(_open.Count - 1);
                used++;
                return Add(ImapValue.OfList(list));
            case (byte)'\r' when span.Length == 1:
                return ImapParseStep.NeedMore;
            case (byte)'\r' or (byte)'\n':
                if (_open.Count != 1) return Fail("The response ends inside a list.");
                if (span[0] == '\r' && span[1] != '\n') return Fail("A carriage return stands inside a response.");
                used += span[0] == '\r' ? 2 : 1;
                return Done(_numbers is null ? new ImapResponse.Data(_number, _word, _open[0]) : new ImapResponse.Search(_numbers, _word == "ESEARCH", _open[0]));
            case (byte)'"':
                return ReadQuoted(span, ref used);
            case (byte)'{':
                return ReadLiteralHead(span, 1, ref used);
            case (byte)'~' when span is [_, (byte)'{', ..]:
                return ReadLiteralHead(span, 2, ref used);
            default:
                return ReadAtom(span, ref used);
        }
    }

    private ImapParseStep? ReadQuoted(ReadOnlySpan<byte> span, ref int used)
    {
        var at = 1;
        var escaped = false;
        while (true)
        {
            var stop = span[at..].IndexOfAny(QuotedStop);
            if (stop < 0 || (span[at + stop] == '\\' && at + stop + 1 == span.Length))
                return span.Length > limits.TokenBytes ? Fail("A quoted string is longer than allowed.") : ImapParseStep.NeedMore;
            at += stop;
            if (at > limits.TokenBytes) return Fail("A quoted string is longer than allowed.");
            if (span[at] is (byte)'\r' or (byte)'\n') return Fail("A quoted string goes over the end of its line.");
            if (span[at] == '"') break;
            escaped = true;
            if (span[at + 1] is (byte)'\r' or (byte)'\n') return Fail("A quoted string goes over the end of its line.");
            at += 2;
        }
        used += at + 1;
        return Add(ImapValue.OfText(escaped ? Unescape(span[1..at]) : span[1..at].ToArray()));
    }

    private static byte[] Unescape(ReadOnlySpan<byte> quoted)
    {
        var plain = new byte[quoted.Length];
        var length = 0;
        for (var i = 0; i < quoted.Length; i++)
        {
            if (quoted[i] == '\\') i++;
            plain[length++] = quoted[i];
        }
        return plain.AsSpan(0, length).ToArray();
    }

    private ImapParseStep? ReadLiteralHead(ReadOnlySpan<byte> span, int digitsAt, ref int used)
    {
        // 20 digits, a plus, the brace and CRLF: a longer head is none.
        var lineEnd = span[..Math.Min(span.Length, digitsAt + 24)].IndexOf((byte)'\n');
        if (lineEnd < 0) return span.Length >= digitsAt + 24 ? Fail("A literal does not say its length.") : ImapParseStep.NeedMore;
        var head = span[digitsAt..lineEnd].TrimEnd((byte)'\r');
        if (head is not [.., (byte)'}']) return Fail("A literal does not say its length.");
        head = head[..^1].TrimEnd((byte)'+');
        if (!Utf8Parser.TryParse(head, out ulong length, out var digits) || digits != head.Length || digits == 0) return Fail("A literal's length is not a number.");
        var most = _word == "FETCH" ? limits.FetchLiteralBytes : limits.OtherLiteralBytes;
        if (length > (ulong)Math.Min(most - _literalBytes, Array.MaxLength)) return Fail("A literal is longer than allowed.");
        if (++_values > limits.Values) return Fail("The response holds more values than allowed.");
        _literalBytes += (long)length;
        used += lineEnd + 1;
        _literalLength = (long)length;
        _literalFilled = 0;
        _literal = [];
        _state = State.Literal;
        return null;
    }

    private bool IsOffered()
    {
        // The content of a message is the value behind a section's name in the list of a FETCH: "* 1 FETCH (UID 7 BODY[] {5}".
        if (!OffersLiterals || _literalFilled > 0 || _word != "FETCH" || _open.Count != 2 || _open[1] is not [.., { Kind: ImapValueKind.Atom } item] || _open[1].Count % 2 == 0 || !ImapSection.IsContent(item.AsString()!)) return false;
        uint? uid = null;
        for (var i = 0; i + 1 < _open[1].Count; i += 2)
            if (_open[1][i].IsAtom("UID")) uid = _open[1][i + 1].AsUInt32();
        Head = new ImapFetchedHead(_number ?? 0, uid, ImapSection.NameOf(item.AsString()!), _literalLength);
        return true;
    }

    private ReadOnlySequence<byte> FillLiteral(ReadOnlySequence<byte> buffer)
    {
        var take = (int)Math.Min(_literalLength - _literalFilled, buffer.Length);
        // A length is a claim: beyond the first 64 KiB memory follows the bytes that really come.
        if (_literalFilled + take > _literal.Length)
            Array.Resize(ref _literal, (int)Math.Min(_literalLength, Math.Max(Math.Max(_literal.Length * 2L, 64 * 1024), _literalFilled + (long)take)));
        buffer.Slice(0, take).CopyTo(_literal.AsSpan(_literalFilled));
        _literalFilled += take;
        if (_literalFilled == _literalLength)
        {
            _state = State.Values;
            // Counted among the values when its length was read.
            _open[^1].Add(ImapValue.OfText(_literal));
            _literal = [];
        }
        return buffer.Slice(take);
    }

    private ImapParseStep? ReadAtom(ReadOnlySpan<byte> span, ref int used)
    {
        var end = span.IndexOfAny(AtomEnd);
        var bracket = end < 0 ? -1 : span[..end].IndexOf((byte)'[');
        if (bracket > 0 && IsSection(span[..bracket]))
        {
            // BODY[HEADER.FIELDS (DATE FROM)]<0>: spaces and parentheses belong to the atom up to the bracket.
            var close = span.IndexOfAny("]\r\n"u8);
            if (close < 0) end = -1;
            else if (span[close] != ']') return Fail("A section name does not end.");
            else
            {
                end = span[close..].IndexOfAny(AtomEnd);
                if (end >= 0) end += close;
            }
        }
        if (end > limits.TokenBytes || (end < 0 && span.Length > limits.TokenBytes)) return Fail("A word is longer than allowed.");
        if (end < 0) return ImapParseStep.NeedMore;
        if (end == 0) return Fail("A brace stands where a value is expected.");
        var atom = span[..end];
        if (atom.ContainsAny((byte)0, (byte)127)) return Fail("A control character stands inside a word.");
        used += end;
        if (Utf8Parser.TryParse(atom, out ulong number, out var digits) && digits == atom.Length && (atom[0] != '0' || atom.Length == 1) && atom[0] != '+')
            return Add(ImapValue.OfNumber(number));
        return Add(Ascii.EqualsIgnoreCase(atom, "NIL"u8) ? ImapValue.Nil : ImapValue.OfAtom(Intern(atom)));
    }

    private static bool IsSection(ReadOnlySpan<byte> name) =>
        Ascii.EqualsIgnoreCase(name, "BODY"u8) || Ascii.EqualsIgnoreCase(name, "BINARY"u8) || Ascii.EqualsIgnoreCase(name, "BODY.PEEK"u8) || Ascii.EqualsIgnoreCase(name, "BINARY.SIZE"u8);

    private static string Intern(ReadOnlySpan<byte> word)
    {
        if (word.Length <= 32)
        {
            Span<char> chars = stackalloc char[32];
            if (Ascii.ToUtf16(word, chars, out var length) == OperationStatus.Done && Words.TryGetValue(chars[..length], out var known)) return known;
        }
        return Encoding.UTF8.GetString(word);
    }

    private ImapParseStep? Add(ImapValue value)
    {
        if (++_values > limits.Values) return Fail("The response holds more values than allowed.");
        _open[^1].Add(value);
        return null;
    }

    private ImapParseStep Done(ImapResponse response)
    {
        Response = response;
        _state = State.Head;
        _open.Clear();
        _numbers = null;
        return ImapParseStep.Complete;
    }

    private ImapParseStep Fail(string error)
    {
        Error = error;
        return ImapParseStep.Error;
    }
}
