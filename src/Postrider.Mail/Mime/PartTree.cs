using System.Runtime.InteropServices;

namespace Postrider.Mail.Mime;

/// <summary>
/// Builds the tree of parts in one pass from front to back, with a stack of its own: nesting of any depth costs no call stack.
/// Every byte of a body is looked at once, by a vectorised search for lines that begin with "--". The message may come in blocks: <see cref="Advance"/> goes as far as the
/// <see cref="Window"/> allows, and what lies before <see cref="NeededFrom"/> is not looked at again.
/// </summary>
internal sealed class PartTree
{
    // An enclosed message should not be encoded (RFC 2046 section 5.2.1) but is; each level must be decoded to be read, so two are enough.
    private const int EncodedMessageLevels = 2;

    // A boundary that the header lost: its first line stands near the start, a second one within a reasonable piece of text.
    private const int GuessWithin = 4096;
    private const int GuessAgainWithin = 256 << 10;

    // What tells CR line ends from LF ones.
    private const int LineEndsWithin = 64 << 10;

    // A delimiter with its white space; a longer line of dashes is text.
    private const int DelimiterLine = 2 * MimePart.BoundaryLimit;

    private readonly MimeLimits _limits;
    private readonly DefectLog _defects;
    private readonly Budget _budget;
    private readonly int _encodedLevel;
    // Where defects are told to be, or null within an encoded message.
    private readonly bool _hasOffsets;
    private readonly List<Open> _open = [];
    private readonly Func<int, bool> _isDelimiterInHeader;

    private ReadOnlyMemory<byte> _window;
    private long _windowStart;
    private bool _complete;
    // Nothing of the message is thrown away, so parts can be slices of it.
    private bool _whole;

    private byte _newline;
    private Stage _stage = Stage.Start;
    // Of a header: its start. Of a body: where the search for a delimiter goes on.
    private long _position;
    // The body's position is the start of a line that has not been looked at.
    private bool _atLine;
    private MimePart? _parent;
    private string _defaultMediaType = MimePart.DefaultMediaType;
    private MimePart? _root;
    private ulong _boundaryLengths; // one bit for each length, modulo 64, of an open boundary

    private enum Stage { Start, Header, Body, Done }

    /// <summary>Shared with the trees of encoded messages inside.</summary>
    private sealed class Budget
    {
        public int Parts;
        // Each one searches a piece of the message.
        public int Guesses = 10;
    }

    /// <summary>A part whose end has not been seen. <see cref="Boundary"/> is empty for leaves, for enclosed messages, and after the closing delimiter.</summary>
    private struct Open
    {
        public MimePart Part;
        public long BodyStart;
        public byte[] Boundary;
        public bool IsContainer;
    }

    private PartTree(MimeLimits limits, DefectLog defects, Budget budget, int encodedLevel)
    {
        _limits = limits;
        _defects = defects;
        _budget = budget;
        _encodedLevel = encodedLevel;
        _hasOffsets = encodedLevel == 0;
        _isDelimiterInHeader = offset => IsDelimiter(_position + offset, out _, out _, out _) == Verdict.Yes;
    }

    /// <summary>For a message that comes in blocks.</summary>
    public PartTree(MimeLimits limits, DefectLog defects)
        : this(limits, defects, new Budget(), encodedLevel: 0)
    {
    }

    /// <summary>The parts are slices of <paramref name="message"/>.</summary>
    public static MimePart Read(ReadOnlyMemory<byte> message, MimeLimits limits, DefectLog defects) => new PartTree(limits, defects).ReadWhole(message);

    /// <summary>Null until <see cref="Advance"/> has returned true.</summary>
    public MimePart? Root => _stage == Stage.Done ? _root : null;

    /// <summary>Bytes of the message before this offset may be thrown away.</summary>
    public long NeededFrom => _stage switch
    {
        Stage.Start or Stage.Header => _position,
        // The line break before a delimiter belongs to it.
        Stage.Body => Math.Max(0, _position - 2),
        _ => long.MaxValue,
    };

    /// <summary>What there is of the message.</summary>
    /// <param name="start">Offset of its first byte in the message; at most <see cref="NeededFrom"/>.</param>
    /// <param name="complete">Nothing comes after it.</param>
    public void Window(ReadOnlyMemory<byte> window, long start, bool complete) => (_window, _windowStart, _complete) = (window, start, complete);

    /// <returns>False when more of the message is needed: a longer window, or the word that it is complete.</returns>
    public bool Advance()
    {
        while (true)
        {
            switch (_stage)
            {
                case Stage.Start:
                    if (!_complete && _window.Length < LineEndsWithin) return false;
                    _newline = NewlineOf(_window.Span);
                    _stage = Stage.Header;
                    break;
                case Stage.Header:
                    if (!AdvanceHeader()) return false;
                    break;
                case Stage.Body:
                    if (!AdvanceBody()) return false;
                    break;
                default:
                    return true;
            }
        }
    }

    private MimePart ReadWhole(ReadOnlyMemory<byte> message)
    {
        _whole = true;
        Window(message, 0, complete: true);
        Advance();
        return _root!;
    }

    /// <summary>A file of classic Mac OS ends its lines with CR alone; where there is any LF near the start, a lone CR is content.</summary>
    private static byte NewlineOf(ReadOnlySpan<byte> message)
    {
        var near = message[..Math.Min(message.Length, LineEndsWithin)];
        return near.Contains((byte)'\n') || !near.Contains((byte)'\r') ? (byte)'\n' : (byte)'\r';
    }

    private long End => _windowStart + _window.Length;

    private ReadOnlySpan<byte> From(long position) => _window.Span[(int)(position - _windowStart)..];

    private long? Offset(long position) => _hasOffsets ? position : null;

    /// <summary>Opens the part whose header starts at the position, or the message that a part consists of.</summary>
    private bool AdvanceHeader()
    {
        var start = _position;
        var bytes = _window[(int)(start - _windowStart)..];
        var fields = new List<HeaderField>();
        var section = HeaderReader.Read(bytes, _complete, _newline, _limits, _whole ? fields : null, _isDelimiterInHeader);
        if (section.Ending == HeaderReader.Ending.Unfinished) return false;
        // A lost boundary is looked for in the body's beginning.
        if (!_complete && bytes.Length - section.BodyStart < GuessAgainWithin && NeedsGuess(bytes[..section.SectionEnd])) return false;
        var raw = bytes[..section.SectionEnd];
        if (!_whole)
        {
            raw = raw.ToArray();
            HeaderReader.Read(raw, complete: true, _newline, _limits, fields, _ => false);
        }
        Tell(section, start);

        var part = new MimePart(fields, raw, _defaultMediaType, _limits, _defects, Offset(start)) { HeaderStart = start };
        _root ??= part;
        _budget.Parts++;
        _parent?.Add(part);
        var bodyStart = start + section.BodyStart;

        var boundary = part.IsMultipart ? part.BoundaryBytes() ?? GuessedBoundary(bodyStart) : null;
        var enclosing = part.IsMessage && TransferEncoding.IsIdentity(part.TransferEncodingName);
        var container = boundary is not null || enclosing;
        if (container && Depth() >= _limits.Depth)
        {
            _defects.Add(MimeDefectKind.LimitReached, $"Parts are nested deeper than {_limits.Depth}; what is below is kept as bytes.", Offset(bodyStart));
            container = enclosing = false;
            boundary = null;
        }
        else if (enclosing && _budget.Parts >= _limits.Parts)
        {
            TellTooManyParts(bodyStart);
            container = enclosing = false;
        }
        _open.Add(new Open { Part = part, BodyStart = bodyStart, Boundary = boundary ?? [], IsContainer = container });
        if (boundary is not null) MeasureBoundaries();
        _position = bodyStart;
        if (enclosing) (_parent, _defaultMediaType) = (part, MimePart.DefaultMediaType);
        else (_stage, _atLine) = (Stage.Body, true);
        return true;
    }

    private void Tell(HeaderReader.Section section, long start)
    {
        if (section.Orphan) _defects.Add(MimeDefectKind.HeaderBroken, "The first header line is a continuation.", Offset(start));
        if (section.FieldsCut) _defects.Add(MimeDefectKind.LimitReached, $"A header has more than {_limits.HeaderFields} fields; its rest is kept as bytes.", Offset(start));
        var end = Offset(start + section.SectionEnd);
        switch (section.Ending)
        {
            case HeaderReader.Ending.NoField:
                _defects.Add(MimeDefectKind.HeaderBroken, "A line within the header is no field; the body begins there.", end);
                break;
            case HeaderReader.Ending.Delimiter:
                _defects.Add(MimeDefectKind.HeaderCut, "A part ends within its header.", end);
                break;
            case HeaderReader.Ending.TooLong:
                _defects.Add(MimeDefectKind.LimitReached, $"A header is longer than {_limits.HeaderBytes} bytes; its rest is kept as body.", end);
                break;
        }
    }

    private void TellTooManyParts(long position) => _defects.Add(MimeDefectKind.LimitReached, $"There are more than {_limits.Parts} parts; the rest is kept as one.", Offset(position));

    /// <summary>Only of a message that comes in blocks: its header is read once more than of one that is there as a whole.</summary>
    private bool NeedsGuess(ReadOnlyMemory<byte> header)
    {
        var fields = new List<HeaderField>();
        HeaderReader.Read(header, complete: true, _newline, _limits, fields, _ => false);
        var part = new MimePart(fields, header, _defaultMediaType, _limits, new DefectLog(), null);
        return part.IsMultipart && part.BoundaryBytes() is null;
    }

    /// <summary>A boundary parameter lost on the way (folding without its white space does that) is taken from the body, if what looks like the first delimiter stands there a second time.</summary>
    /// <returns>Null when there is none to be had; the multipart is then kept as bytes.</returns>
    private byte[]? GuessedBoundary(long bodyStart)
    {
        _defects.Add(MimeDefectKind.BoundaryMissing, "A multipart has no usable boundary.", Offset(bodyStart));
        var body = From(bodyStart);
        body = body[..Math.Min(body.Length, GuessAgainWithin)];
        var near = body[..Math.Min(body.Length, GuessWithin)];
        var start = near.StartsWith("--"u8) ? 0 : near.IndexOf([_newline, (byte)'-', (byte)'-']) + 1;
        if (_budget.Guesses-- <= 0 || (start == 0 && !near.StartsWith("--"u8)) || IsDelimiter(bodyStart + start, out _, out _, out _) == Verdict.Yes) return null;
        var length = near[start..].IndexOf(_newline);
        var line = length < 0 ? [] : near.Slice(start, length).TrimEnd(" \t\r"u8);
        if (line.Length is <= 2 or > 2 + MimePart.BoundaryLimit) return null;
        byte[] again = [_newline, .. line];
        return body[(start + length)..].IndexOf(again) < 0 ? null : line[2..].ToArray();
    }

    private int Depth() => _open.Count + _encodedLevel;

    /// <summary>On to the next delimiter, or to the end.</summary>
    private bool AdvanceBody()
    {
        var found = FindDelimiter(out var level, out var next, out var closing);
        if (found == Verdict.Unknown) return false;
        if (found == Verdict.No)
        {
            foreach (var open in _open) if (open.Boundary.Length > 0) _defects.Add(MimeDefectKind.NotClosed, "A multipart has no closing delimiter.", Offset(End));
            CloseDownTo(0, End);
            _stage = Stage.Done;
            return true;
        }
        CloseDownTo(level + 1, ContentEnd(_position));
        _position = next;
        _atLine = true;
        if (closing)
        {
            var ended = _open[level];
            ended.Boundary = [];
            _open[level] = ended;
            MeasureBoundaries();
            return true;
        }
        var multipart = _open[level].Part;
        if (_budget.Parts >= _limits.Parts)
        {
            TellTooManyParts(next);
            KeepRest(multipart, next);
            return true;
        }
        (_parent, _defaultMediaType) = (multipart, multipart.MediaType == "multipart/digest" ? "message/rfc822" : MimePart.DefaultMediaType);
        _stage = Stage.Header;
        return true;
    }

    /// <summary>Everything from here on is one part.</summary>
    private void KeepRest(MimePart multipart, long position)
    {
        for (var i = 0; i < _open.Count; i++)
        {
            var open = _open[i];
            open.Boundary = [];
            _open[i] = open;
        }
        MeasureBoundaries();
        var rest = MimePart.Rest(position, _limits);
        multipart.Add(rest);
        _open.Add(new Open { Part = rest, BodyStart = Math.Min(position, End), Boundary = [] });
    }

    private enum Verdict { No, Yes, Unknown }

    /// <summary>Yes: <see cref="_position"/> is the delimiter's start. No: there is none up to the end.</summary>
    private Verdict FindDelimiter(out int level, out long next, out bool closing)
    {
        (level, next, closing) = (-1, 0, false);
        ReadOnlySpan<byte> pattern = [_newline, (byte)'-', (byte)'-'];
        while (true)
        {
            if (_boundaryLengths == 0)
            {
                _position = Math.Max(_position, End);
                return _complete ? Verdict.No : Verdict.Unknown;
            }
            if (_position > End) return _complete ? Verdict.No : Verdict.Unknown;
            if (_atLine)
            {
                var verdict = IsDelimiter(_position, out level, out next, out closing);
                if (verdict != Verdict.No) return verdict;
                _atLine = false;
            }
            var found = From(_position).IndexOf(pattern);
            if (found >= 0)
            {
                _position += found + 1;
                _atLine = true;
                continue;
            }
            // The pattern may begin in this window and end in the next.
            _position = Math.Max(_position, End - 2);
            return _complete ? Verdict.No : Verdict.Unknown;
        }
    }

    /// <summary>
    /// The line has to be the whole delimiter, white space after it apart: by mere prefix one boundary that begins another would end the wrong part.
    /// The innermost multipart that matches wins.
    /// </summary>
    private Verdict IsDelimiter(long position, out int level, out long next, out bool closing)
    {
        (level, next, closing) = (-1, 0, false);
        if (_boundaryLengths == 0) return Verdict.No;
        var bytes = From(position);
        if (!bytes.StartsWith("--"u8)) return bytes.Length < 2 && !_complete ? Verdict.Unknown : Verdict.No;
        var length = bytes[..Math.Min(bytes.Length, DelimiterLine)].IndexOf(_newline);
        if (length < 0)
        {
            if (bytes.Length >= DelimiterLine) return Verdict.No;
            if (!_complete) return Verdict.Unknown;
        }
        next = length < 0 ? End : position + length + 1;
        var line = (length < 0 ? bytes : bytes[..length])[2..].TrimEnd(" \t\r"u8);
        if (!MayBeLength(line.Length) && !MayBeLength(line.Length - 2)) return Verdict.No;
        var open = CollectionsMarshal.AsSpan(_open);
        for (level = open.Length - 1; level >= 0; level--)
        {
            var boundary = open[level].Boundary;
            if (boundary.Length == 0 || boundary.Length > line.Length || line.Length > boundary.Length + 2) continue;
            if (!line.StartsWith(boundary)) continue;
            if (line.Length == boundary.Length) return Verdict.Yes;
            closing = line.Length == boundary.Length + 2 && line.EndsWith("--"u8);
            if (closing) return Verdict.Yes;
        }
        return Verdict.No;
    }

    /// <summary>Most lines of dashes are told from delimiters by their length, without a look at each of a hundred levels.</summary>
    private bool MayBeLength(int length) => (_boundaryLengths & (1UL << (length & 63))) != 0;

    private void MeasureBoundaries()
    {
        _boundaryLengths = 0;
        foreach (var open in _open) if (open.Boundary.Length > 0) _boundaryLengths |= 1UL << (open.Boundary.Length & 63);
    }

    // RFC 2046 section 5.1.1: the line break before a delimiter belongs to it.
    private long ContentEnd(long lineStart)
    {
        var before = From(_windowStart)[..(int)(lineStart - _windowStart)];
        if (before.IsEmpty || before[^1] != _newline) return lineStart;
        return _newline == '\n' && before is [.., (byte)'\r', _] ? lineStart - 2 : lineStart - 1;
    }

    private void CloseDownTo(int level, long end)
    {
        for (var i = _open.Count - 1; i >= level; i--)
        {
            var open = _open[i];
            open.Part.BodyStart = open.BodyStart;
            open.Part.BodyLength = Math.Max(0, end - open.BodyStart);
            if (_whole) open.Part.RawBody = _window.Slice((int)open.BodyStart, (int)open.Part.BodyLength);
            if (open.Part.IsMessage && !open.IsContainer) ReadEncodedMessage(open.Part, i);
        }
        _open.RemoveRange(level, _open.Count - level);
        MeasureBoundaries();
    }

    private void ReadEncodedMessage(MimePart part, int depth)
    {
        if (TransferEncoding.IsIdentity(part.TransferEncodingName) || part.BodyLength == 0) return;
        if (!_whole)
        {
            _defects.Add(MimeDefectKind.TransferEncodingWrong, "An enclosed message has a transfer encoding; it is not looked into.", Offset(part.BodyStart));
            return;
        }
        if (_encodedLevel >= EncodedMessageLevels || depth + _encodedLevel >= _limits.Depth || _budget.Parts >= _limits.Parts)
        {
            _defects.Add(MimeDefectKind.LimitReached, "An enclosed message is encoded too often; it is kept as bytes.", Offset(part.BodyStart));
            return;
        }
        _defects.Add(MimeDefectKind.TransferEncodingWrong, "An enclosed message has a transfer encoding.", Offset(part.BodyStart));
        var limits = _limits with { Depth = _limits.Depth - depth };
        part.Add(new PartTree(limits, _defects, _budget, _encodedLevel + 1).ReadWhole(part.DecodeBytes()));
    }
}
