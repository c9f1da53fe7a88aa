namespace Postrider.Mail.Imap;

/// <summary>What a folder is for (RFC 6154 section 2).</summary>
public enum ImapFolderRole
{
    None,
    Inbox,
    All,
    Archive,
    Drafts,
    Flagged,
    Important,
    Junk,
    Sent,
    Trash,
}

/// <summary>A folder as LIST names it.</summary>
/// <param name="Name">In Unicode; one that is not modified UTF-7 as the server wrote it.</param>
/// <param name="Delimiter">Between the levels of a name; null when there are none.</param>
/// <param name="Attributes">As the server wrote them: <c>\HasNoChildren</c>, <c>\Sent</c>.</param>
public sealed record ImapFolder(string Name, char? Delimiter, IReadOnlyList<string> Attributes)
{
    /// <summary>Null when it was not asked for, or the server did not give it.</summary>
    public ImapMailboxStatus? Status { get; init; }

    /// <summary>It can be selected (RFC 3501 section 7.2.2, RFC 5258 section 3).</summary>
    public bool IsSelectable => !Has("\\Noselect") && !Has("\\NonExistent");

    /// <summary>As the server says by its attributes; None where it does not, as Exchange never does. See <see cref="ImapFolderRoles"/> for guessing by name.</summary>
    public ImapFolderRole Role => Name.Equals("INBOX", StringComparison.OrdinalIgnoreCase) ? ImapFolderRole.Inbox
        : Attributes.Select(ImapFolderRoles.OfAttribute).FirstOrDefault(r => r != ImapFolderRole.None);

    /// <summary>The last level of the name.</summary>
    public string LastName => Delimiter is { } d ? Name[(Name.LastIndexOf(d) + 1)..] : Name;

    public bool Has(string attribute) => Attributes.Contains(attribute, StringComparer.OrdinalIgnoreCase);
}

/// <summary>STATUS of a mailbox (RFC 3501 section 7.2.4); null where the server did not say.</summary>
public sealed record ImapMailboxStatus(string Name)
{
    public uint? Messages { get; init; }
    public uint? Unseen { get; init; }
    public uint? UidNext { get; init; }
    public uint? UidValidity { get; init; }
    /// <summary>With CONDSTORE (RFC 7162 section 3.1.7).</summary>
    public ulong? HighestModSeq { get; init; }

    internal static ImapMailboxStatus Read(string name, IReadOnlyList<ImapValue> pairs)
    {
        var status = new ImapMailboxStatus(name);
        for (var i = 0; i + 1 < pairs.Count; i += 2)
        {
            var number = pairs[i + 1];
            if (pairs[i].IsAtom("MESSAGES")) status = status with { Messages = number.AsUInt32() };
            else if (pairs[i].IsAtom("UNSEEN")) status = status with { Unseen = number.AsUInt32() };
            else if (pairs[i].IsAtom("UIDNEXT")) status = status with { UidNext = number.AsUInt32() };
            else if (pairs[i].IsAtom("UIDVALIDITY")) status = status with { UidValidity = number.AsUInt32() };
            else if (pairs[i].IsAtom("HIGHESTMODSEQ") && number.Kind == ImapValueKind.Number) status = status with { HighestModSeq = number.Number };
        }
        return status;
    }
}

/// <summary>A beginning of names (RFC 2342).</summary>
/// <param name="Prefix">In Unicode; empty for names without a beginning.</param>
public sealed record ImapNamespace(string Prefix, char? Delimiter);

/// <summary>Where the user's own folders, those of other users and shared ones begin (RFC 2342). Empty: there are none.</summary>
public sealed record ImapNamespaces(IReadOnlyList<ImapNamespace> Personal, IReadOnlyList<ImapNamespace> Others, IReadOnlyList<ImapNamespace> Shared);

/// <summary>What to list.</summary>
/// <param name="Pattern">In Unicode, with <c>*</c> for any name and <c>%</c> for one level.</param>
public sealed record ImapListRequest(string Pattern)
{
    public string Reference { get; init; } = "";
    /// <summary>Only what is subscribed to: LIST (SUBSCRIBED), or LSUB where the server knows no more.</summary>
    public bool Subscribed { get; init; }
    /// <summary>With the STATUS of each folder: in the same answer where the server has LIST-STATUS (RFC 5819), else asked for one by one, several in flight.</summary>
    public bool WithStatus { get; init; }
}
