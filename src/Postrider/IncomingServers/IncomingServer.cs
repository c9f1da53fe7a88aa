using Postrider.Mail;

namespace Postrider.IncomingServers;

public readonly record struct IncomingServerId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

public enum IncomingServerKind
{
    /// <summary>Outlook OAuth Authentication.</summary>
    Outlook,
    /// <summary>User name and password.</summary>
    Imap,
}

public enum IncomingServerState
{
    /// <summary>Not Confirmed: nothing is fetched.</summary>
    Draft,
    Confirmed,
}

/// <summary>A mailbox whose messages come into the hub.</summary>
public sealed record IncomingServer
{
    public required IncomingServerId Id { get; init; }
    public required string Name { get; init; }
    public required IncomingServerKind Kind { get; init; }
    /// <summary>For Outlook the mailbox's address; for IMAP whatever the server calls its users.</summary>
    public required string UserName { get; init; }
    public required string Host { get; init; }
    public required int Port { get; init; }
    public required WireSecurity Security { get; init; }
    /// <summary>Sealed; null for Outlook, and for IMAP until one is given.</summary>
    public required byte[]? SealedPassword { get; init; }
    /// <summary>The connected account; null before. Kept as a bare id: the account's subject is another folder's.</summary>
    public required Guid? OutlookAccount { get; init; }
    public required string Folder { get; init; }
    public required StartChoice Starts { get; init; }
    /// <summary>Messages are marked as read in the mailbox once they are safe here.</summary>
    public required bool MarkSeen { get; init; }
    /// <summary>What answers nothing and names no alias waits in quarantine, instead of beginning a conversation.</summary>
    public bool UnroutedToQuarantine { get; init; }
    /// <summary>The inbox that such a conversation stands in; null: in none. Kept as a bare id.</summary>
    public Guid? DefaultInbox { get; init; }
    public required IncomingServerState State { get; init; }
    /// <summary>Counts changes: a watcher of an older version starts again.</summary>
    public required int Version { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset? ConfirmedAt { get; init; }
    public required MailboxHealth Health { get; init; }
    /// <summary>The incident it rests for; null: none.</summary>
    public Guid? IncidentId { get; init; }
}

/// <summary>How a mailbox is doing.</summary>
/// <param name="LastContactAt">When it last answered; null: never.</param>
/// <param name="LastMailAt">When a message last came in; null: never.</param>
/// <param name="Problem">The last failure; null while all is well.</param>
/// <param name="ProblemAt">Since when.</param>
/// <param name="NextTryAt">Null when it is not tried again by itself, or nothing is wrong.</param>
public sealed record MailboxHealth(DateTimeOffset? LastContactAt, DateTimeOffset? LastMailAt, Web.Problem? Problem, DateTimeOffset? ProblemAt, DateTimeOffset? NextTryAt);

/// <summary>What the form and the API give.</summary>
/// <param name="Password">Null: the stored one stays.</param>
public sealed record IncomingServerDraft(string? Name, string? Kind, string? UserName, string? Host, int? Port, string? Security, string? Password, string? Folder, string? Starts, bool MarkSeen)
{
    /// <summary>Where mail goes that answers nothing and names no alias: <c>conversation</c> (also null) or <c>quarantine</c>.</summary>
    public string? Unrouted { get; init; }
    /// <summary>The inbox that such conversations stand in; null: in none.</summary>
    public Guid? DefaultInbox { get; init; }
}

/// <summary>A draft that may be stored.</summary>
internal sealed record IncomingServerSettings(string Name, IncomingServerKind Kind, string UserName, string Host, int Port, WireSecurity Security, string? Password, string Folder, StartChoice Starts, bool MarkSeen)
{
    public bool UnroutedToQuarantine { get; init; }
    public Guid? DefaultInbox { get; init; }

    /// <summary>Checks a draft. Errors are keyed by the field they belong to.</summary>
    /// <param name="outlookHost">Where Outlook mailboxes are, from the cloud's settings: they are not typed in.</param>
    /// <param name="outlookInstalled">The app Microsoft Outlook is installed.</param>
    public static (IncomingServerSettings? Settings, IReadOnlyDictionary<string, string> Errors) Check(IncomingServerDraft draft, string outlookHost, int outlookPort, bool outlookInstalled)
    {
        var (settings, errors) = CheckMailbox(draft, outlookHost, outlookPort, outlookInstalled);
        if (draft.Unrouted is not (null or "" or "conversation" or "quarantine")) errors["unrouted"] = IncomingServersTexts.UnroutedUnknown;
        return (errors.Count > 0 ? null : settings! with { UnroutedToQuarantine = draft.Unrouted == "quarantine", DefaultInbox = draft.Unrouted == "quarantine" ? null : draft.DefaultInbox }, errors);
    }

    private static (IncomingServerSettings? Settings, Dictionary<string, string> Errors) CheckMailbox(IncomingServerDraft draft, string outlookHost, int outlookPort, bool outlookInstalled)
    {
        ArgumentNullException.ThrowIfNull(draft);
        Dictionary<string, string> errors = [];
        var name = Line(draft.Name);
        if (name.Length == 0) errors["name"] = IncomingServersTexts.NameMissing;
        else if (name.Length > 200) errors["name"] = IncomingServersTexts.NameTooLong;

        var kind = draft.Kind == "outlook" ? IncomingServerKind.Outlook : IncomingServerKind.Imap;
        if (draft.Kind is not ("outlook" or "imap")) errors["kind"] = IncomingServersTexts.KindMissing;
        else if (kind == IncomingServerKind.Outlook && !outlookInstalled) errors["kind"] = IncomingServersTexts.OutlookNotInstalled;

        var userName = Line(draft.UserName);
        if (userName.Length == 0) errors["userName"] = IncomingServersTexts.UserNameMissing;
        else if (userName.Length > 320) errors["userName"] = IncomingServersTexts.UserNameTooLong;
        else if (kind == IncomingServerKind.Outlook && !EmailAddress.TryParse(userName, out _)) errors["userName"] = IncomingServersTexts.UserNameNoAddress;

        var folder = Line(draft.Folder) is { Length: > 0 } given ? given : "INBOX";
        if (folder.Length > 500) errors["folder"] = IncomingServersTexts.FolderTooLong;
        var starts = draft.Starts == "everything" ? StartChoice.Everything : StartChoice.Now;
        if (draft.Starts is not (null or "" or "now" or "everything")) errors["starts"] = IncomingServersTexts.StartsUnknown;

        if (kind == IncomingServerKind.Outlook)
        {
            if (!string.IsNullOrEmpty(draft.Password)) errors["password"] = IncomingServersTexts.PasswordNotForOutlook;
            return (errors.Count > 0 ? null : new IncomingServerSettings(name, kind, userName, outlookHost, outlookPort, WireSecurity.Tls, null, folder, starts, draft.MarkSeen), errors);
        }

        var host = Line(draft.Host);
        if (host.Length == 0) errors["host"] = IncomingServersTexts.HostMissing;
        else if (Uri.CheckHostName(host) == UriHostNameType.Unknown) errors["host"] = IncomingServersTexts.HostUnusable;
        var security = draft.Security switch { "starttls" => WireSecurity.StartTls, "none" => WireSecurity.None, _ => WireSecurity.Tls };
        if (draft.Security is not (null or "" or "tls" or "starttls" or "none")) errors["security"] = IncomingServersTexts.SecurityUnknown;
        // A password must not cross a network in clear; on the same machine there is no network.
        else if (security == WireSecurity.None && !IsThisMachine(host)) errors["security"] = IncomingServersTexts.SecurityNeeded;
        var port = draft.Port ?? (security == WireSecurity.Tls ? 993 : 143);
        if (port is < 1 or > 65535) errors["port"] = IncomingServersTexts.PortOutOfRange;
        return (errors.Count > 0 ? null : new IncomingServerSettings(name, kind, userName, host, port, security, string.IsNullOrEmpty(draft.Password) ? null : draft.Password, folder, starts, draft.MarkSeen), errors);
    }

    private static bool IsThisMachine(string host) => host is "localhost" || (System.Net.IPAddress.TryParse(host, out var ip) && System.Net.IPAddress.IsLoopback(ip));

    private static string Line(string? text) => string.Concat((text ?? "").Where(c => !char.IsControl(c))).Trim();
}
