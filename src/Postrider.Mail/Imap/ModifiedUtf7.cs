using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Postrider.Mail.Imap;

/// <summary>Mailbox names on the wire (RFC 3501 section 5.1.3): printable ASCII, everything else in a base64 of UTF-16.</summary>
internal static class ModifiedUtf7
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

    /// <summary>The answer holds only printable ASCII: a CR, LF or NUL in the name comes out encoded.</summary>
    public static string Encode(string name)
    {
        if (name.All(c => c is >= ' ' and <= '~' and not '&')) return name;
        var wire = new StringBuilder(name.Length * 2);
        for (var i = 0; i < name.Length;)
        {
            if (name[i] is >= ' ' and <= '~')
            {
                wire.Append(name[i]);
                if (name[i++] == '&') wire.Append('-');
                continue;
            }
            wire.Append('&');
            var bits = 0;
            var count = 0;
            for (; i < name.Length && name[i] is < ' ' or > '~'; i++)
            {
                bits = (bits << 16) | name[i];
                for (count += 16; count >= 6; count -= 6) wire.Append(Alphabet[(bits >> (count - 6)) & 63]);
                bits &= (1 << count) - 1;
            }
            if (count > 0) wire.Append(Alphabet[(bits << (6 - count)) & 63]);
            wire.Append('-');
        }
        return wire.ToString();
    }

    /// <returns>False when the text is not modified UTF-7; servers with UTF-8 names or a bare ampersand exist, and callers then take the name as it stands.</returns>
    public static bool TryDecode(string wire, [NotNullWhen(true)] out string? name)
    {
        name = null;
        var text = new StringBuilder(wire.Length);
        for (var i = 0; i < wire.Length; i++)
        {
            if (wire[i] is < ' ' or > '~') return false;
            if (wire[i] != '&')
            {
                text.Append(wire[i]);
                continue;
            }
            var end = wire.IndexOf('-', i);
            if (end < 0) return false;
            if (end == i + 1) text.Append('&');
            else if (!TryDecodeShift(wire.AsSpan(i + 1, end - i - 1), text)) return false;
            i = end;
        }
        name = text.ToString();
        return true;
    }

    private static bool TryDecodeShift(ReadOnlySpan<char> base64, StringBuilder text)
    {
        var bits = 0;
        var count = 0;
        foreach (var c in base64)
        {
            var value = Alphabet.IndexOf(c);
            if (value < 0) return false;
            bits = ((bits << 6) | value) & 0x3FFFFF;
            count += 6;
            if (count < 16) continue;
            count -= 16;
            text.Append((char)(bits >> count));
            bits &= (1 << count) - 1;
        }
        // What is left is padding: fewer than six bits, all zero.
        return count < 6 && bits == 0;
    }
}
