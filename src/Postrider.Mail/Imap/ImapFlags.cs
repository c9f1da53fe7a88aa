namespace Postrider.Mail.Imap;

/// <summary>Flags of a message (RFC 3501 section 2.3.2); compared without case.</summary>
internal static class ImapFlags
{
    /// <summary>Of one message, and of a mailbox where it is selected.</summary>
    public const int MaxKeywords = 100;

    public static readonly IReadOnlyList<string> Standard = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"];

    public static bool Has(ImapStoredMessage message, string flag) => message.Flags.Contains(flag, StringComparer.OrdinalIgnoreCase);

    public static bool IsDeleted(ImapStoredMessage message) => Has(message, "\\Deleted");

    /// <summary>Without <c>\Recent</c>, which is the server's to give, and each only once.</summary>
    public static IReadOnlyList<string> Settable(IEnumerable<string> flags) => [.. flags.Where(f => !f.Equals("\\Recent", StringComparison.OrdinalIgnoreCase)).Distinct(StringComparer.OrdinalIgnoreCase)];

    /// <summary>A message that is full of keywords keeps those it has.</summary>
    public static IReadOnlyList<string> Limited(IReadOnlyList<string> wanted, IReadOnlyList<string> current) => wanted.Count <= MaxKeywords ? wanted : current;
}
