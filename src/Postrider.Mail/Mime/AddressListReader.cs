using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>Reads RFC 5322 section 3.4 and 4.4 in one pass: groups, comments of any depth (counted, not recursed), routes, and what broken mailers write.</summary>
internal sealed class AddressListReader(string text, int limit)
{
    private static readonly SearchValues<char> AtomEnds = SearchValues.Create(",;:(<[\" \t\r\n\0");
    private static readonly SearchValues<char> Separators = SearchValues.Create(" \t\r\n;,");

    private readonly List<NamedAddress> _addresses = [];
    private readonly DefectLog _defects = new();
    // An address is at most 320 octets; comments and spaces within it may make it longer.
    private const int AddressLength = 2000;

    // One entry between separators: as a name (quotes taken off) and as an address (quotes kept).
    private readonly StringBuilder _phrase = new();
    private readonly StringBuilder _bare = new();
    private readonly StringBuilder _comment = new();
    private string? _angle;
    private bool _spaceBefore;
    private int _position;

    public AddressList Read()
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
                case ':' when _angle is null && !_bare.ToString().StartsWith("mailto", StringComparison.OrdinalIgnoreCase):
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
        else if (text.AsSpan(_position).ContainsAnyExcept(Separators)) _defects.Add($"Only the first {limit} addresses were read.");
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
        else _defects.Add("A quoted name has no end.");
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
        if (depth > 0) _defects.Add("A comment has no end.");
        // Only the first comment can be a name; the others are dropped.
        if (from > 0) _comment.Length = from;
        _spaceBefore = true;
    }

    private void ReadAngle()
    {
        var from = ++_position;
        var quoted = false;
        while (_position < text.Length)
        {
            var c = text[_position];
            if (c == '\\' && quoted) _position++;
            else if (c == '"') quoted = !quoted;
            else if (!quoted && c is '>' or '<') break;
            _position++;
        }
        _position = Math.Min(_position, text.Length);
        var inner = text[from.._position];
        if (_position >= text.Length)
        {
            // No '>': at most up to the next separator belongs to this address, the rest is read again.
            _defects.Add("An address has '<' without '>'.");
            var end = inner.IndexOfAny([',', ';', ' ']);
            if (end >= 0)
            {
                inner = inner[..end];
                _position = from + end;
            }
        }
        else if (text[_position] == '>')
        {
            _position++;
        }
        if (_angle is null) _angle = inner;
        else _defects.Add("An entry has more than one address in angle brackets; the first counts.");
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
            else if (inner.Length > 0) _defects.Add("Not an address: " + Shown(inner));
        }
        else if (_bare.Length > 0)
        {
            if (TryAddress(_bare.ToString(), out var address)) _addresses.Add(new NamedAddress(Name(_comment.ToString()), address));
            else SearchWords();
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
            _defects.Add("Not an address: " + Shown(phrase));
            return;
        }
        _defects.Add("An address stands without angle brackets or comma.");
        var name = found.Count == 1 && TryAddress(phrase[last..], out _) ? Name(phrase[..last]) : null;
        foreach (var address in found) _addresses.Add(new NamedAddress(name, address));
    }

    private void ClearEntry()
    {
        _phrase.Clear();
        _bare.Clear();
        _comment.Clear();
        _angle = null;
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
    private static bool TryAddress(string raw, [NotNullWhen(true)] out EmailAddress? address)
    {
        address = null;
        raw = raw.Trim();
        if (raw.StartsWith("mailto:", StringComparison.OrdinalIgnoreCase)) raw = raw[7..];
        if (raw is ['\'', .. var inner, '\''] ) raw = inner;
        if (raw.Length > AddressLength || !raw.Contains('@', StringComparison.Ordinal)) return false;
        var read = new StringBuilder();
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

    private static string Shown(string raw) => HeaderText.Clean(raw.Length > 80 ? raw[..80] + "…" : raw);
}
