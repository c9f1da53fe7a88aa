using System.Text;
using System.Text.Unicode;

namespace Postrider.Mail.Mime;

/// <summary>From the raw bytes of a field's value to text.</summary>
internal static class HeaderText
{
    /// <summary>Unfolded (RFC 5322 section 2.2.3) and trimmed; encoded words stay as they are. UTF-8 by RFC 6532, else windows-1252.</summary>
    public static string Unfold(ReadOnlySpan<byte> raw)
    {
        var text = (Utf8.IsValid(raw) ? Encoding.UTF8 : CharsetReader.Windows1252).GetString(raw);
        if (text.AsSpan().IndexOfAny('\r', '\n') < 0) return text.Trim(' ', '\t');
        var unfolded = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is not ('\r' or '\n'))
            {
                unfolded.Append(text[i]);
                continue;
            }
            while (i + 1 < text.Length && text[i + 1] is '\r' or '\n') i++;
            // The white space after the break is one space for people, whatever the mailer folds with.
            if (i + 1 < text.Length && text[i + 1] is ' ' or '\t') i++;
            unfolded.Append(' ');
        }
        return unfolded.ToString().Trim(' ', '\t');
    }

    /// <summary>Unfolded, encoded words decoded, control characters as spaces.</summary>
    public static string ForPeople(ReadOnlySpan<byte> raw) => Clean(EncodedWord.Decode(Unfold(raw)));

    /// <summary>CR, LF, NUL and the other controls as spaces: an encoded word can smuggle them in.</summary>
    public static string Clean(string text)
    {
        foreach (var c in text)
        {
            if (char.IsControl(c)) return string.Create(text.Length, text, static (span, from) =>
            {
                for (var i = 0; i < span.Length; i++) span[i] = char.IsControl(from[i]) ? ' ' : from[i];
            });
        }
        return text;
    }

    /// <summary>For writing: CR, LF and NUL as spaces, so a value cannot end its line; half surrogates as U+FFFD, so it can be encoded.</summary>
    public static string Breakless(string text)
    {
        var clean = text.AsSpan().ContainsAny('\r', '\n', '\0') ? text.Replace('\r', ' ').Replace('\n', ' ').Replace('\0', ' ') : text;
        for (var i = 0; i < clean.Length; i++)
        {
            if (!char.IsSurrogate(clean[i])) continue;
            if (i + 1 >= clean.Length || !char.IsSurrogatePair(clean[i], clean[i + 1])) return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(clean));
            i++;
        }
        return clean;
    }
}
