using System.Globalization;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>What an answer quotes of the message it answers.</summary>
internal static class QuotedText
{
    private const int MaxChars = 50_000;

    /// <param name="zone">Of the writer.</param>
    /// <returns>The line that says who wrote it, and the text behind signs of quotation; null when there is none.</returns>
    public static string? Of(ThreadMessage? answered, TimeZoneInfo zone)
    {
        if (answered?.Text is not { } text || string.IsNullOrWhiteSpace(text)) return null;
        if (text.Length > MaxChars) text = text[..MaxChars];
        var at = TimeZoneInfo.ConvertTime(answered.CreatedAt, zone).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        return ConversationsTexts.Wrote.With(at, answered.Author.Name ?? answered.Author.Address.ToString()) + "\n"
            + string.Join('\n', text.Trim().ReplaceLineEndings("\n").Split('\n').Select(line => line.StartsWith('>') ? ">" + line : line.Length > 0 ? "> " + line : ">"));
    }
}
