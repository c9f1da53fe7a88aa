using System.Globalization;
using System.Text;

namespace Postrider.Mail.Wire;

/// <summary>What a peer sent, made fit for a log, a page or a terminal.</summary>
internal static class WireText
{
    /// <summary>UTF-8 where it is valid; every control character as <c>\xNN</c>, so that no CR, LF or escape sequence gets through.</summary>
    public static string Printable(ReadOnlySpan<byte> bytes) => Printable(Encoding.UTF8.GetString(bytes));

    public static string Printable(string text)
    {
        var first = FirstControl(text);
        if (first < 0) return text;
        var clean = new StringBuilder(text.Length + 8).Append(text, 0, first);
        foreach (var c in text.AsSpan(first))
        {
            if (IsUnsafe(c)) clean.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:X2}");
            else clean.Append(c);
        }
        return clean.ToString();
    }

    private static int FirstControl(string text)
    {
        for (var i = 0; i < text.Length; i++)
            if (IsUnsafe(text[i])) return i;
        return -1;
    }

    // Beside the controls: line and paragraph separators, and the marks that turn the direction of what follows.
    private static bool IsUnsafe(char c) => char.IsControl(c) || c is '\u2028' or '\u2029' or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');
}
