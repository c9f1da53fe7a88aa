using System.Text;

namespace Postrider.Conversations;

/// <summary>File names of strangers (MIM-06): what a person sees and what a download is called.</summary>
internal static class SafeFileName
{
    private const int MaxChars = 120;

    private static readonly HashSet<string> ReservedOnWindows = new(StringComparer.OrdinalIgnoreCase)
    {
        "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9",
        "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
    };

    /// <summary>The last part of the path, without signs that a file system or a reader could be deceived by. Never empty.</summary>
    public static string From(string? given, int position, string mediaType)
    {
        var name = new StringBuilder();
        var last = (given ?? "").Split('/', '\\')[^1];
        foreach (var rune in last.EnumerateRunes())
        {
            // Format signs include the right-to-left override, by which "exe.txt" can be made of "txt.exe".
            var category = Rune.GetUnicodeCategory(rune);
            if (category is System.Globalization.UnicodeCategory.Control or System.Globalization.UnicodeCategory.Format or System.Globalization.UnicodeCategory.LineSeparator or System.Globalization.UnicodeCategory.ParagraphSeparator) continue;
            name.Append(rune.Value is '<' or '>' or ':' or '"' or '|' or '?' or '*' ? "_" : rune.ToString());
        }
        var clean = name.ToString().Trim(' ', '.');
        if (clean.Length > MaxChars)
        {
            var extension = Path.GetExtension(clean);
            if (extension.Length > 12) extension = "";
            clean = clean[..(MaxChars - extension.Length)].TrimEnd(' ', '.') + extension;
            if (char.IsHighSurrogate(clean[^1])) clean = clean[..^1];
        }
        if (clean.Length == 0) return $"{StemOf(mediaType)}-{position + 1}{ExtensionOf(mediaType)}";
        return ReservedOnWindows.Contains(clean.Split('.')[0]) ? "_" + clean : clean;
    }

    // The parts of a report have no names of their own; what they are tells more than a number.
    private static string StemOf(string mediaType) => mediaType switch
    {
        "message/delivery-status" or "message/global-delivery-status" => "delivery-status",
        "message/disposition-notification" or "message/global-disposition-notification" => "receipt",
        "message/feedback-report" => "complaint",
        "text/rfc822-headers" or "message/global-headers" => "headers",
        _ => "file",
    };

    private static string ExtensionOf(string mediaType) => mediaType switch
    {
        "message/rfc822" => ".eml",
        "text/plain" or "text/rfc822-headers" or "message/delivery-status" or "message/disposition-notification" or "message/feedback-report" or "message/global-delivery-status" or "message/global-disposition-notification" or "message/global-headers" => ".txt",
        "text/html" => ".html",
        "text/calendar" => ".ics",
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        "image/gif" => ".gif",
        "application/pdf" => ".pdf",
        _ => ".bin",
    };
}
