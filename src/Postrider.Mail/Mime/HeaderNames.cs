using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>Names of fields as strings; the usual ones are not made anew for every message.</summary>
internal static class HeaderNames
{
    private static readonly string[] Usual =
    [
        "From", "To", "Cc", "Bcc", "Subject", "Date", "Message-ID", "Message-Id", "In-Reply-To", "References", "Reply-To", "Sender", "Received", "Return-Path",
        "MIME-Version", "Mime-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID", "Content-Id", "Content-Description",
        "Content-Language", "Delivered-To", "DKIM-Signature", "Authentication-Results", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results",
        "Received-SPF", "List-Unsubscribe", "List-Id", "List-Post", "Precedence", "User-Agent", "X-Mailer", "X-Priority", "Thread-Topic", "Thread-Index",
        "Auto-Submitted", "X-MS-Has-Attach", "X-Originating-IP", "Importance", "Status", "Errors-To",
    ];

    private static readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> Known =
        Usual.ToDictionary(n => n, StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    public static string Text(ReadOnlySpan<byte> name)
    {
        if (name.Length > 40) return Encoding.ASCII.GetString(name);
        Span<char> chars = stackalloc char[40];
        chars = chars[..Encoding.ASCII.GetChars(name, chars)];
        return Known.TryGetValue(chars, out var known) ? known : new string(chars);
    }
}
