namespace Postrider.Mail.Imap;

/// <summary>Reads <c>[CODE arguments] text</c> (RFC 3501 section 7.1).</summary>
internal static class ImapStatusText
{
    public static ImapResponse.State Read(string? tag, ImapStatus status, string text)
    {
        var line = text.Length == 0 ? Name(status) : Name(status) + " " + text;
        // Exchange ends its greeting with a bracketed server name: a code is one only at the start.
        var close = text.StartsWith('[') ? text.IndexOf(']', StringComparison.Ordinal) : -1;
        if (close < 2) return new ImapResponse.State(tag, status, line, null, "");
        var inside = text[1..close];
        var space = inside.IndexOf(' ', StringComparison.Ordinal);
        return space < 0
            ? new ImapResponse.State(tag, status, line, inside.ToUpperInvariant(), "")
            : new ImapResponse.State(tag, status, line, inside[..space].ToUpperInvariant(), inside[(space + 1)..].Trim());
    }

    private static string Name(ImapStatus status) => status switch
    {
        ImapStatus.Ok => "OK",
        ImapStatus.No => "NO",
        ImapStatus.Bad => "BAD",
        ImapStatus.Bye => "BYE",
        _ => "PREAUTH",
    };
}
