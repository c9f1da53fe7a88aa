using System.Runtime.InteropServices;

namespace Postrider.Mail.Mime;

/// <summary>
/// Builds the tree of parts in one pass from front to back, with a stack of its own: nesting of any depth costs no call stack.
/// Every byte of a body is looked at once, by a vectorised search for lines that begin with "--".
/// </summary>
internal sealed class PartTree
{
    // An enclosed message should not be encoded (RFC 2046 section 5.2.1) but is; each level must be decoded to be read, so two are enough.
    private const int EncodedMessageLevels = 2;

    private const int GuessWithin = 4096;

    private readonly ReadOnlyMemory<byte> _message;
    private readonly MimeLimits _limits;
    private readonly DefectLog _defects;
    private readonly Budget _budget;
    private readonly int _encodedLevel;
    private readonly byte _newline;
    private readonly List<Open> _open = [];
    private ulong _boundaryLengths; // one bit for each length, modulo 64, of an open boundary

    /// <summary>Shared with the trees of encoded messages inside.</summary>
    private sealed class Budget
    {
        public int Parts;
        // Each one searches the rest of the message.
        public int Guesses = 10;
    }

    /// <summary>A part whose end has not been seen. <see cref="Boundary"/> is empty for leaves, for enclosed messages, and after the closing delimiter.</summary>
    private struct Open
    {
        public MimePart Part;
        public int BodyStart;
        public byte[] Boundary;
        public bool IsContainer;
    }

    private PartTree(ReadOnlyMemory<byte> message, MimeLimits limits, DefectLog defects, Budget budget, int encodedLevel)
    {
        _message = message;
        _limits = limits;
        _defects = defects;
        _budget = budget;
        _encodedLevel = encodedLevel;
        // A file of classic Mac OS ends its lines with CR alone; where there is any LF, a lone CR is content.
        _newline = message.Span.Contains((byte)'\n') ? (byte)'\n' : (byte)'\r';
    }

    public static MimePart Read(ReadOnlyMemory<byte> message, MimeLimits limits, DefectLog defects) =>
        new PartTree(message, limits, defects, new Budget(), encodedLevel: 0).Read();

    private MimePart Read()
    {
        var position = Begin(0, parent: null, MimePart.DefaultMediaType);
        var root = _open[0].Part;
        while (FindDelimiter(position, out var level, out var lineStart, out var next, out var closing))
        {
            CloseDownTo(level + 1, ContentEnd(lineStart));
            if (closing)
            {
                var ended = _open[level];
                ended.Boundary = [];
                _open[level] = ended;
                MeasureBoundaries();
                position = next;
                continue;
            }
            var multipart = _open[level].Part;
            if (_budget.Parts >= _limits.Parts)
            {
                _defects.Add($"There are more than {_limits.Parts} parts; the rest is kept as one.");
                multipart.Add(MimePart.Rest(_message[Math.Min(next, _message.Length)..]));
                break;
            }
            position = Begin(next, multipart, multipart.MediaType == "multipart/digest" ? "message/rfc822" : MimePart.DefaultMediaType);
        }
        foreach (var open in _open) if (open.Boundary.Length > 0) _defects.Add("A multipart has no closing delimiter.");
        CloseDownTo(0, _message.Length);
        return root;
    }

    /// <summary>Opens the part whose header starts at <paramref name="start"/>, and the messages it consists of.</summary>
    /// <returns>Where its body starts: the start of a line.</returns>
    private int Begin(int start, MimePart? parent, string defaultMediaType)
    {
        while (true)
        {
            var section = HeaderReader.Read(_message, start, _newline, _limits, _defects, position => IsDelimiter(position, out _, out _, out _));
            var part = new MimePart(section.Fields, _message[start..section.SectionEnd], defaultMediaType, _defects);
            _budget.Parts++;
            parent?.Add(part);

            var boundary = part.IsMultipart ? part.BoundaryBytes() ?? GuessedBoundary(section.BodyStart) : null;
            var enclosing = part.IsMessage && TransferEncoding.IsIdentity(part.TransferEncodingName);
            var container = boundary is not null || enclosing;
            if (container && Depth() >= _limits.Depth)
            {
                _defects.Add($"Parts are nested deeper than {_limits.Depth}; what is below is kept as bytes.");
                container = enclosing = false;
                boundary = null;
            }
            else if (enclosing && _budget.Parts >= _limits.Parts)
            {
                _defects.Add($"There are more than {_limits.Parts} parts; the rest is kept as one.");
                container = enclosing = false;
            }
            _open.Add(new Open { Part = part, BodyStart = section.BodyStart, Boundary = boundary ?? [], IsContainer = container });
            if (boundary is not null) MeasureBoundaries();
            if (!enclosing) return section.BodyStart;
            (start, parent, defaultMediaType) = (section.BodyStart, part, MimePart.DefaultMediaType);
        }
    }

    /// <summary>A boundary parameter lost on the way (folding without its white space does that) is taken from the body, if what looks like the first delimiter also has an end.</summary>
    /// <returns>Null when there is none to be had; the multipart is then kept as bytes.</returns>
    private byte[]? GuessedBoundary(int bodyStart)
    {
        _defects.Add("A multipart has no usable boundary.");
        var body = _message.Span[bodyStart..];
        var near = body[..Math.Min(body.Length, GuessWithin)];
        var start = near.StartsWith("--"u8) ? 0 : near.IndexOf([_newline, (byte)'-', (byte)'-']) + 1;
        if (_budget.Guesses-- <= 0 || (start == 0 && !near.StartsWith("--"u8)) || IsDelimiter(bodyStart + start, out _, out _, out _)) return null;
        var length = near[start..].IndexOf(_newline);
        var line = length < 0 ? [] : near.Slice(start, length).TrimEnd(" \t\r"u8);
        if (line.Length is <= 2 or > 2 + MimePart.BoundaryLimit) return null;
        byte[] end = [_newline, .. line, (byte)'-', (byte)'-'];
        return body[start..].IndexOf(end) < 0 ? null : line[2..].ToArray();
    }

    private int Depth() => _open.Count + _encodedLevel;

    private bool FindDelimiter(int position, out int level, out int lineStart, out int next, out bool closing)
    {
        (level, lineStart, next, closing) = (-1, 0, 0, false);
        if (_boundaryLengths == 0) return false;
        var bytes = _message.Span;
        ReadOnlySpan<byte> pattern = [_newline, (byte)'-', (byte)'-'];
        while (position < bytes.Length)
        {
            if (IsDelimiter(position, out level, out next, out closing))
            {
                lineStart = position;
                return true;
            }
            var found = bytes[position..].IndexOf(pattern);
            if (found < 0) return false;
            position += found + 1;
        }
        return false;
    }

    /// <summary>
    /// The line has to be the whole delimiter, white space after it apart: by mere prefix one boundary that begins another would end the wrong part.
    /// The innermost multipart that matches wins.
    /// </summary>
    private bool IsDelimiter(int position, out int level, out int next, out bool closing)
    {
        (level, next, closing) = (-1, 0, false);
        var bytes = _message.Span;
        if (!bytes[position..].StartsWith("--"u8)) return false;
        var length = bytes[position..].IndexOf(_newline);
        next = length < 0 ? bytes.Length : position + length + 1;
        var line = (length < 0 ? bytes[position..] : bytes.Slice(position, length))[2..].TrimEnd(" \t\r"u8);
        if (!MayBeLength(line.Length) && !MayBeLength(line.Length - 2)) return false;
        var open = CollectionsMarshal.AsSpan(_open);
        for (level = open.Length - 1; level >= 0; level--)
        {
            var boundary = open[level].Boundary;
            if (boundary.Length == 0 || boundary.Length > line.Length || line.Length > boundary.Length + 2) continue;
            if (!line.StartsWith(boundary)) continue;
            if (line.Length == boundary.Length) return true;
            closing = line.Length == boundary.Length + 2 && line.EndsWith("--"u8);
            if (closing) return true;
        }
        return false;
    }

    /// <summary>Most lines of dashes are told from delimiters by their length, without a look at each of a hundred levels.</summary>
    private bool MayBeLength(int length) => (_boundaryLengths & (1UL << (length & 63))) != 0;

    private void MeasureBoundaries()
    {
        _boundaryLengths = 0;
        foreach (var open in _open) if (open.Boundary.Length > 0) _boundaryLengths |= 1UL << (open.Boundary.Length & 63);
    }

    // RFC 2046 section 5.1.1: the line break before a delimiter belongs to it.
    private int ContentEnd(int lineStart)
    {
        var bytes = _message.Span;
        if (lineStart > 0 && bytes[lineStart - 1] == _newline) lineStart--;
        if (_newline == '\n' && lineStart > 0 && bytes[lineStart - 1] == '\r') lineStart--;
        return lineStart;
    }

    private void CloseDownTo(int level, int end)
    {
        for (var i = _open.Count - 1; i >= level; i--)
        {
            var open = _open[i];
            open.Part.RawBody = end > open.BodyStart ? _message[open.BodyStart..end] : _message[open.BodyStart..open.BodyStart];
            if (open.Part.IsMessage && !open.IsContainer) ReadEncodedMessage(open.Part, i);
        }
        _open.RemoveRange(level, _open.Count - level);
        MeasureBoundaries();
    }

    private void ReadEncodedMessage(MimePart part, int depth)
    {
        if (TransferEncoding.IsIdentity(part.TransferEncodingName) || part.RawBody.IsEmpty) return;
        if (_encodedLevel >= EncodedMessageLevels || depth + _encodedLevel >= _limits.Depth || _budget.Parts >= _limits.Parts)
        {
            _defects.Add("An enclosed message is encoded too often; it is kept as bytes.");
            return;
        }
        _defects.Add("An enclosed message has a transfer encoding.");
        var limits = _limits with { Depth = _limits.Depth - depth };
        part.Add(new PartTree(part.DecodeBytes(), limits, _defects, _budget, _encodedLevel + 1).Read());
    }
}
