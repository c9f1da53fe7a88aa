using Postrider.Mail;
using Postrider.Web;

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
    /// <summary>User name and password, by POP3: one maildrop without folders, which is looked at and not watched.</summary>
    Pop3,
}

/// <summary>What becomes of a message in its mailbox once it is safe here.</summary>
public enum AfterIntake
{
    /// <summary>It stays where it is.</summary>
    Leave,
    /// <summary>To another folder; not with POP3.</summary>
    Move,
    /// <summary>With POP3 only.</summary>
    Delete,
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
    /// <summary>With <see cref="StartChoice.Days"/>, else null.</summary>
    public int? StartDays { get; init; }
    /// <summary>Messages are marked as read in the mailbox once they are safe here.</summary>
    public required bool MarkSeen { get; init; }
    /// <summary>What answers nothing and names no alias waits in quarantine, instead of beginning a conversation.</summary>
    public bool UnroutedToQuarantine { get; init; }
    /// <summary>The inbox that such a conversation stands in; null: in none. Kept as a bare id.</summary>
    public Guid? DefaultInbox { get; init; }
    public AfterIntake Afterwards { get; init; }
    /// <summary>The folder, by the server's own name in Unicode; with <see cref="AfterIntake.Move"/>, else null.</summary>
    public string? MoveTo { get; init; }
    /// <summary>False: the original bytes go once a message is in its conversation. In quarantine they always stay.</summary>
    public bool KeepOriginal { get; init; } = true;
    public required IncomingServerState State { get; init; }
    /// <summary>Counts changes: a watcher of an older version starts again.</summary>
    public required int Version { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset? ConfirmedAt { get; init; }
    public required MailboxHealth Health { get; init; }
    /// <summary>The incident it rests for; null: none.</summary>
    public Guid? IncidentId { get; init; }

    /// <summary>Something is to be done in the mailbox after the commit.</summary>
    internal bool Tidies => Kind != IncomingServerKind.Pop3 && (MarkSeen || Afterwards == AfterIntake.Move);
}

/// <summary>How a mailbox is doing.</summary>
/// <param name="LastContactAt">When it last answered; null: never.</param>
/// <param name="LastMailAt">When a message last came in; null: never.</param>
/// <param name="Problem">The last failure; null while all is well.</param>
/// <param name="ProblemAt">Since when.</param>
/// <param name="NextTryAt">Null when it is not tried again by itself, or nothing is wrong.</param>
public sealed record MailboxHealth(DateTimeOffset? LastContactAt, DateTimeOffset? LastMailAt, Problem? Problem, DateTimeOffset? ProblemAt, DateTimeOffset? NextTryAt)
{
    /// <summary>From the mailbox to the conversation, of the newest message that came while the mailbox was watched; a mailbox tells its own time in seconds. Null: none came yet, or POP3, which tells no times.</summary>
    public TimeSpan? Lag { get; init; }
}

/// <summary>How much came through a server, and how much of what was there before is still to come.</summary>
/// <param name="LastDay">Messages of the last 24 hours.</param>
/// <param name="CatchUp">Null: there is nothing to catch up with.</param>
public sealed record MailboxFlow(long LastDay, CatchUp? CatchUp);

/// <summary>Taking in what was in the folder already.</summary>
/// <param name="Total">Messages, with those that are done.</param>
/// <param name="DoneBefore">Done already when this run began.</param>
/// <param name="Since">When this run began.</param>
/// <param name="At">When the last of them was done.</param>
public sealed record CatchUp(long Total, long Done, long DoneBefore, DateTimeOffset Since, DateTimeOffset At)
{
    /// <summary>Messages a second in this run; null while it is too young to tell.</summary>
    public double? Rate => At - Since > TimeSpan.FromMilliseconds(100) ? (Done - DoneBefore) / (At - Since).TotalSeconds : null;
}

/// <summary>What the form and the API give.</summary>
/// <param name="Password">Null: the stored one stays.</param>
public sealed record IncomingServerDraft(string? Name, string? Kind, string? UserName, string? Host, int? Port, string? Security, string? Password, string? Folder, string? Starts, bool MarkSeen)
{
    /// <summary>Where mail goes that answers nothing and names no alias: <c>conversation</c> (also null) or <c>quarantine</c>.</summary>
    public string? Unrouted { get; init; }
    /// <summary>The inbox that such conversations stand in; null: in none.</summary>
    public Guid? DefaultInbox { get; init; }
    /// <summary>With starts <c>days</c>.</summary>
    public int? StartDays { get; init; }
    /// <summary>leave (also when null), move or delete.</summary>
    public string? Afterwards { get; init; }
    /// <summary>The folder to move to, with afterwards <c>move</c>.</summary>
    public string? MoveTo { get; init; }
    public bool KeepOriginal { get; init; } = true;
}

/// <summary>A draft that may be stored.</summary>
internal sealed record IncomingServerSettings(string Name, IncomingServerKind Kind, string UserName, string Host, int Port, WireSecurity Security, string? Password, string Folder, StartChoice Starts, bool MarkSeen)
{
    private const int MaxDays = 36_500;

    public bool UnroutedToQuarantine { get; init; }
    public Guid? DefaultInbox { get; init; }
    public int? StartDays { get; init; }
    public AfterIntake Afterwards { get; init; }
    public string? MoveTo { get; init; }
    public bool KeepOriginal { get; init; } = true;

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

        var kind = draft.Kind switch { "outlook" => IncomingServerKind.Outlook, "pop3" => IncomingServerKind.Pop3, _ => IncomingServerKind.Imap };
        if (draft.Kind is not ("outlook" or "imap" or "pop3")) errors["kind"] = IncomingServersTexts.KindMissing;
        else if (kind == IncomingServerKind.Outlook && !outlookInstalled) errors["kind"] = IncomingServersTexts.OutlookNotInstalled;

        var userName = Line(draft.UserName);
        if (userName.Length == 0) errors["userName"] = IncomingServersTexts.UserNameMissing;
        else if (userName.Length > 320) errors["userName"] = IncomingServersTexts.UserNameTooLong;
        else if (kind == IncomingServerKind.Outlook && !EmailAddress.TryParse(userName, out _)) errors["userName"] = IncomingServersTexts.UserNameNoAddress;

        var (folder, starts, afterwards, moveTo) = Choices(draft, kind, errors);
        IncomingServerSettings Settings(string host, int port, WireSecurity security, string? password) => new(name, kind, userName, host, port, security, password, folder, starts, draft.MarkSeen && kind != IncomingServerKind.Pop3)
        {
            StartDays = starts == StartChoice.Days ? draft.StartDays : null, Afterwards = afterwards, MoveTo = moveTo, KeepOriginal = draft.KeepOriginal,
        };

        if (kind == IncomingServerKind.Outlook)
        {
            if (!string.IsNullOrEmpty(draft.Password)) errors["password"] = IncomingServersTexts.PasswordNotForOutlook;
            return (errors.Count > 0 ? null : Settings(outlookHost, outlookPort, WireSecurity.Tls, null), errors);
        }

        var host = Line(draft.Host);
        if (host.Length == 0) errors["host"] = IncomingServersTexts.HostMissing;
        else if (Uri.CheckHostName(host) == UriHostNameType.Unknown) errors["host"] = IncomingServersTexts.HostUnusable;
        var security = draft.Security switch { "starttls" => WireSecurity.StartTls, "none" => WireSecurity.None, _ => WireSecurity.Tls };
        if (draft.Security is not (null or "" or "tls" or "starttls" or "none")) errors["security"] = IncomingServersTexts.SecurityUnknown;
        // A password must not cross a network in clear; on the same machine there is no network.
        else if (security == WireSecurity.None && !IsThisMachine(host)) errors["security"] = IncomingServersTexts.SecurityNeeded;
        var port = draft.Port ?? (kind, security) switch { (IncomingServerKind.Pop3, WireSecurity.Tls) => 995, (IncomingServerKind.Pop3, _) => 110, (_, WireSecurity.Tls) => 993, _ => 143 };
        if (port is < 1 or > 65535) errors["port"] = IncomingServersTexts.PortOutOfRange;
        return (errors.Count > 0 ? null : Settings(host, port, security, string.IsNullOrEmpty(draft.Password) ? null : draft.Password), errors);
    }

    /// <summary>What is read, from when on, and what happens afterwards. A maildrop has no folders, no times and no marks.</summary>
    private static (string Folder, StartChoice Starts, AfterIntake Afterwards, string? MoveTo) Choices(IncomingServerDraft draft, IncomingServerKind kind, Dictionary<string, string> errors)
    {
        var pop = kind == IncomingServerKind.Pop3;
        // A name is taken as the server has it: a space at its end is part of it.
        var folder = pop || string.IsNullOrWhiteSpace(draft.Folder) ? Inbox : draft.Folder;
        if (FolderFlaw(folder) is { } wrong) errors["folder"] = wrong;
        var starts = draft.Starts switch { "everything" => StartChoice.Everything, "days" => StartChoice.Days, _ => StartChoice.Now };
        if (draft.Starts is not (null or "" or "now" or "everything" or "days")) errors["starts"] = IncomingServersTexts.StartsUnknown;
        else if (starts == StartChoice.Days && pop) errors["starts"] = IncomingServersTexts.DaysNotWithPop3;
        else if (starts == StartChoice.Days && draft.StartDays is not (>= 1 and <= MaxDays)) errors["startDays"] = IncomingServersTexts.DaysOutOfRange.With(MaxDays);
        var afterwards = draft.Afterwards switch { "move" => AfterIntake.Move, "delete" => AfterIntake.Delete, _ => AfterIntake.Leave };
        if (draft.Afterwards is not (null or "" or "leave" or "move" or "delete")) errors["afterwards"] = IncomingServersTexts.AfterwardsUnknown;
        else if (afterwards == AfterIntake.Move && pop) errors["afterwards"] = IncomingServersTexts.MoveNotWithPop3;
        else if (afterwards == AfterIntake.Delete && !pop) errors["afterwards"] = IncomingServersTexts.DeleteOnlyWithPop3;
        if (afterwards != AfterIntake.Move) return (folder, starts, afterwards, null);
        if (string.IsNullOrWhiteSpace(draft.MoveTo)) errors["moveTo"] = IncomingServersTexts.MoveToMissing;
        else if (FolderFlaw(draft.MoveTo) is { } flaw) errors["moveTo"] = flaw;
        // It would come in again as a new message, and go round for ever.
        else if (SameFolder(draft.MoveTo, folder)) errors["moveTo"] = IncomingServersTexts.MoveToSame;
        return (folder, starts, afterwards, draft.MoveTo);
    }

    private const string Inbox = "INBOX";

    private static string? FolderFlaw(string folder) => folder.Length > 500 ? IncomingServersTexts.FolderTooLong : folder.Any(char.IsControl) ? IncomingServersTexts.FolderUnusable : null;

    /// <summary>RFC 3501 section 5.1: INBOX alone is compared without case.</summary>
    private static bool SameFolder(string a, string b) => a == b || (a.Equals(Inbox, StringComparison.OrdinalIgnoreCase) && b.Equals(Inbox, StringComparison.OrdinalIgnoreCase));

    private static bool IsThisMachine(string host) => host is "localhost" || (System.Net.IPAddress.TryParse(host, out var ip) && System.Net.IPAddress.IsLoopback(ip));

    private static string Line(string? text) => string.Concat((text ?? "").Where(c => !char.IsControl(c))).Trim();
}
