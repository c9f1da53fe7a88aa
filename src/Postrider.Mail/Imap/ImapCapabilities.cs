using System.Runtime.CompilerServices;

namespace Postrider.Mail.Imap;

/// <summary>What a server announces, and so offers: for <see cref="ImapServerOptions.CapabilitiesBefore"/> and <see cref="ImapServerOptions.CapabilitiesAfter"/>.</summary>
public static class ImapCapabilities
{
    // One for each list, and so one for all sessions of a server.
    private static readonly ConditionalWeakTable<IReadOnlyList<string>, HashSet<string>> Sets = [];

    /// <summary>Exchange Online before the sign-in, as seen in 2026.</summary>
    public static IReadOnlyList<string> ExchangeBefore { get; } =
        ["IMAP4", "IMAP4rev1", "AUTH=XOAUTH2", "LOGINDISABLED", "SASL-IR", "UIDPLUS", "ID", "UNSELECT", "CHILDREN", "IDLE", "NAMESPACE", "LITERAL+"];

    /// <summary>Exchange Online after the sign-in.</summary>
    public static IReadOnlyList<string> ExchangeAfter { get; } =
        ["IMAP4", "IMAP4rev1", "AUTH=XOAUTH2", "SASL-IR", "UIDPLUS", "MOVE", "ID", "UNSELECT", "CHILDREN", "IDLE", "NAMESPACE", "LITERAL+"];

    /// <summary>All ways to sign in.</summary>
    public static IReadOnlyList<string> FullBefore { get; } =
        ["IMAP4rev1", "IMAP4rev2", "AUTH=PLAIN", "AUTH=XOAUTH2", "AUTH=OAUTHBEARER", "SASL-IR", "ID", "ENABLE", "LITERAL+"];

    /// <summary>All that this server can do.</summary>
    public static IReadOnlyList<string> FullAfter { get; } =
    [
        "IMAP4rev1", "IMAP4rev2", "ID", "ENABLE", "LITERAL+", "IDLE", "UIDPLUS", "MOVE", "UNSELECT", "NAMESPACE", "CHILDREN", "SPECIAL-USE", "LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE",
        "ESEARCH", "SEARCHRES", "WITHIN", "CONDSTORE", "BINARY", "SORT", "THREAD=ORDEREDSUBJECT", "THREAD=REFERENCES",
    ];

    internal static IReadOnlySet<string> SetOf(IReadOnlyList<string> capabilities) => Sets.GetValue(capabilities, c => new HashSet<string>(c, StringComparer.OrdinalIgnoreCase));
}

/// <summary>What a client has switched on with ENABLE (RFC 5161), or by using it.</summary>
internal sealed class ImapEnabled
{
    /// <summary>FETCH responses that were not asked for carry MODSEQ (RFC 7162 section 3.1).</summary>
    public bool Condstore { get; set; }
    /// <summary>RFC 9051: names in UTF-8, ESEARCH instead of SEARCH, no RECENT.</summary>
    public bool Rev2 { get; set; }
}
