using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>Reads RFC 5322 section 3.4 and 4.4 in one pass: groups, comments of any depth (counted, not recursed), routes, and what broken mailers write.</summary>
internal sealed class AddressListReader
{
    private static readonly SearchValues<char> AtomEnds = SearchValues.Create(",;:(<[\" \t\r\n\0");
    private static readonly SearchValues<char> AngleStops = SearchValues.Create("<>,; ");
    private static readonly SearchValues<char> Separators = SearchValues.Create(" \t\r\n;,");

    // One for each thread: reading a list makes its addresses and nothing else.
    [ThreadStatic]
    private static AddressListReader? _spare;

    private string text = "";
    private int limit;
    private List<NamedAddress> _addresses = [];
    private DefectLog _defects = new();
    // An address is at most 320 octets; comments and spaces within it may make it longer.
    private const int AddressLength = 2000;

    // One entry between separators: as a name (quotes taken off) and as an address (quotes kept).
    private readonly StringBuilder _phrase = new();
    private readonly StringBuilder _bare = new();
    private readonly StringBuilder _comment = new();
    private readonly StringBuilder _read = new();
    private string? _angle;
    private bool _angleWithoutEnd;
    private bool _atSeen; // outside quotes, so there may be an address
    private bool _spaceBefore;
    private int _position;

    private AddressListReader()
    {
    }

    public static AddressList Read(string text, int limit)
    {
        var reader = _spare ?? new AddressListReader();
        _spare = null;
        (reader.text, reader.limit) = (text, limit);
        var list = reader.Read();
        reader.Reset();
        _spare = reader;
        return list;
    }

    /// <summary>Nothing of the last list stays, and no large buffer.</summary>
    private void Reset()
    {
        const int Kept = 1024;
        ClearEntry();
        (text, _addresses, _defects, _position, _angleWithoutEnd) = ("", [], new DefectLog(), 0, false);
        foreach (var buffer in (ReadOnlySpan<StringBuilder>)[_phrase, _bare, _comment, _read])
        {
            buffer.Clear();
            if (buffer.Capacity > Kept) buffer.Capacity = Kept;
        }
    }

    private AddressList Read()
    {
        while (_position < text.Length && _addresses.Count < limit)
        {
            var c = text[_position];
            switch (c)
            {
                case ',' or ';':
                    EndEntry();
                    _position++;
                    break;
                case ':' when _angle is null && !(_bare.Length == 6 && _bare.ToString().Equals("mailto", StringComparison.OrdinalIgnoreCase)):
                    // A group's name (RFC 5322 section 3.4): its members follow, up to ';'.
                    ClearEntry();
                    _position++;
                    break;
                case '(':
                    ReadComment();
                    break;
                case '<':
                    ReadAngle();
                    break;
                case '"':
                    ReadQuoted();
                    break;
                case ' ' or '\t' or '\r' or '\n' or '\0':
                    _spaceBefore = true;
                    _position++;
                    break;
                default:
                    ReadAtom();
                    break;
            }
        }
        if (_addresses.Count < limit) EndEntry();
        else if (text.AsSpan(_position).ContainsAnyExcept(Separators)) _defects.Add(MimeDefectKind.LimitReached, $"Only the first {limit} addresses were read.");
        return new AddressList(_addresses, _defects.All);
    }

    private void ReadAtom()
    {
        var rest = text.AsSpan(_position);
        var length = rest.IndexOfAny(AtomEnds);
        if (length < 0) length = rest.Length;
        // An address literal has colons of its own: ann@[IPv6:2001:db8::1].
        if (rest[0] == '[' && rest[..Math.Min(rest.Length, 64)].IndexOf(']') is > 0 and var close) length = close + 1;
        if (length == 0) length = 1;
        StartWord();
        _phrase.Append(rest[..length]);
        _bare.Append(rest[..length]);
        _atSeen |= rest[..length].Contains('@');
        _position += length;
    }

    private void ReadQuoted()
    {
        StartWord();
        var from = _position++;
        while (_position < text.Length && text[_position] != '"')
        {
            if (text[_position] == '\\' && _position + 1 < text.Length) _position++;
            if (text[_position] is not ('\r' or '\n')) _phrase.Append(text[_position]);
            _position++;
        }
        if (_position < text.Length) _position++;
        else _defects.Add(MimeDefectKind.AddressWrong, "A quoted name has no end.");
        _bare.Append(text, from, _position - from);
    }

    private void ReadComment()
    {
        var depth = 0;
        var from = _comment.Length;
        while (_position < text.Length)
        {
            var c = text[_position++];
            if (c == '(' && depth++ == 0) continue;
            if (c == ')' && --depth == 0) break;
            if (c == '\\' && _position < text.Length) c = text[_position++];
            if (c is not ('\r' or '\n')) _comment.Append(c);
        }
        if (depth > 0) _defects.Add(MimeDefectKind.AddressWrong, "A comment has no end.");
        // Only the first comment can be a name; the others are dropped.
        if (from > 0) _comment.Length = from;
        _spaceBefore = true;
    }

    private void ReadAngle()
    {
        var from = _position + 1;
        var end = _angleWithoutEnd ? -1 : EndOfAngle(from);
        if (end < 0)
        {
            // Once one has no end, the search for it is not repeated for the others: what stands up to the next separator belongs to each.
            _angleWithoutEnd = true;
            _defects.Add(MimeDefectKind.AddressWrong, "An address has '<' without '>'.");
            var length = text.AsSpan(from).IndexOfAny(AngleStops);
            end = length < 0 ? text.Length : from + length;
        }
        if (_angle is null) _angle = text[from..end];
        else _defects.Add(MimeDefectKind.AddressWrong, "An entry has more than one address in angle brackets; the first counts.");
        _position = end < text.Length && text[end] == '>' ? end + 1 : end;
    }

    /// <returns>Where the '>' or the next '&lt;' stands; -1 when there is neither.</returns>
    private int EndOfAngle(int position)
    {
        var quoted = false;
        for (; position < text.Length; position++)
        {
            var c = text[position];
            if (c == '\\' && quoted) position++;
            else if (c == '"') quoted = !quoted;
            else if (!quoted && c is '>' or '<') return position;
        }
        return -1;
    }

    private void StartWord()
    {
        if (_spaceBefore && _phrase.Length > 0)
        {
            _phrase.Append(' ');
            _bare.Append(' ');
        }
        _spaceBefore = false;
    }

    private void EndEntry()
    {
        if (_angle is not null)
        {
            var inner = WithoutRoute(_angle);
            if (TryAddress(inner, out var address)) _addresses.Add(new NamedAddress(Name(_phrase.ToString()) ?? Name(_comment.ToString()), address));
            else if (inner.Length > 0) Refuse(inner);
        }
        else if (_atSeen)
        {
            if (TryAddress(_bare.ToString(), out var address)) _addresses.Add(new NamedAddress(Name(_comment.ToString()), address));
            else SearchWords();
        }
        else if (_bare.Length > 0 && !_defects.IsFull)
        {
            Refuse(_phrase.ToString());
        }
        ClearEntry();
    }

    /// <summary>A name and an address, or several addresses, with nothing but spaces between them.</summary>
    private void SearchWords()
    {
        var phrase = _phrase.ToString();
        var found = new List<EmailAddress>();
        var last = 0;
        foreach (var range in phrase.AsSpan().Split(' '))
        {
            last = range.Start.Value;
            if (found.Count < limit - _addresses.Count && TryAddress(phrase[range], out var address)) found.Add(address);
        }
        if (found.Count == 0)
        {
            Refuse(phrase);
            return;
        }
        _defects.Add(MimeDefectKind.AddressWrong, "An address stands without angle brackets or comma.");
        var name = found.Count == 1 && TryAddress(phrase[last..], out _) ? Name(phrase[..last]) : null;
        foreach (var address in found) _addresses.Add(new NamedAddress(name, address));
    }

    private void ClearEntry()
    {
        _phrase.Clear();
        _bare.Clear();
        _comment.Clear();
        _angle = null;
        _atSeen = false;
        _spaceBefore = false;
    }

    // RFC 5322 section 4.4 obs-route: <@a,@b:user@c>.
    private static string WithoutRoute(string inner)
    {
        inner = inner.Trim();
        if (inner is not ['@', ..]) return inner;
        var colon = inner.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? inner : inner[(colon + 1)..];
    }

    /// <summary>White space and comments may stand around the dots and the @ (obs-local-part, obs-domain), nowhere else: glued together, two things would make a third.</summary>
    private bool TryAddress(string raw, [NotNullWhen(true)] out EmailAddress? address)
    {
        address = null;
        if (raw.Length > AddressLength || raw.IndexOf('@', StringComparison.Ordinal) is < 0 or 0) return false;
        raw = raw.Trim();
        if (raw.StartsWith("mailto:", StringComparison.OrdinalIgnoreCase)) raw = raw[7..];
        if (raw is ['\'', .. var inner, '\''] ) raw = inner;
        var read = _read.Clear();
        var at = -1;
        var gap = false;
        for (var i = 0; i < raw.Length; i++)
        {
            var c = raw[i];
            if (char.IsWhiteSpace(c))
            {
                gap = true;
                continue;
            }
            if (c == '(')
            {
                var depth = 1;
                while (depth > 0 && ++i < raw.Length) depth += raw[i] switch { '(' => 1, ')' => -1, _ => 0 };
                gap = true;
                continue;
            }
            if (gap && read.Length > 0 && c is not ('.' or '@') && read[^1] is not ('.' or '@')) return false;
            gap = false;
            if (c == '"' && at < 0)
            {
                for (i++; i < raw.Length && raw[i] != '"'; i++)
                {
                    if (raw[i] == '\\' && i + 1 < raw.Length) i++;
                    read.Append(raw[i]);
                }
                continue;
            }
            if (c == '@')
            {
                if (at >= 0) return false;
                at = read.Length;
            }
            else if (at < 0 && c != '.' && !EmailAddress.IsAtomCharacter(c))
            {
                return false;
            }
            read.Append(c);
        }
        if (at <= 0) return false;
        var whole = read.ToString();
        return EmailAddress.TryMake(whole[..at], whole[(at + 1)..].TrimEnd('.'), out address);
    }

    private static string? Name(string raw)
    {
        var name = HeaderText.Clean(EncodedWord.Decode(raw)).Trim();
        return name.Length == 0 ? null : name;
    }

    private void Refuse(string raw)
    {
        if (!_defects.IsFull) _defects.Add(MimeDefectKind.AddressWrong, "Not an address: " + Shown(raw));
    }

    private static string Shown(string raw) => HeaderText.Clean(raw.Length > 80 ? raw[..80] + "…" : raw);
}
