using System.Collections.Immutable;
using Postrider.Mail;

namespace Postrider.Sandbox.Exchange;

public enum MailboxKind
{
    /// <summary>Of one person who can sign in.</summary>
    User,
    /// <summary>Nobody signs in to it; people with rights open it.</summary>
    Shared,
    /// <summary>Somebody on the internet: outside every tenant, without IMAP and SMTP, read and answered on its page.</summary>
    Outside,
}

/// <summary>What an Exchange administrator can set on a mailbox.</summary>
public sealed record MailboxSettings
{
    /// <summary><c>Set-CASMailbox -SmtpClientAuthenticationDisabled</c>; null: as the tenant says.</summary>
    public bool? SmtpClientAuthenticationDisabled { get; init; }
    /// <summary><c>Set-CASMailbox -ImapEnabled</c>.</summary>
    public bool ImapEnabled { get; init; } = true;
    /// <summary>Users with FullAccess: they may open it, not send as it.</summary>
    public ImmutableHashSet<Guid> FullAccess { get; init; } = [];
    /// <summary>Users with SendAs.</summary>
    public ImmutableHashSet<Guid> SendAs { get; init; } = [];
    /// <summary>Bytes of one message. Microsoft: "Exchange Online limits", read 2026-11: 35 MB unless an administrator raises it.</summary>
    public long MaxSendBytes { get; init; } = 35 * 1024 * 1024;
    /// <summary>SMTP connections at once; one more is answered 432 when its message is there. This and the next three: Microsoft: "Exchange Online limits", read 2026-11.</summary>
    public int MaxConnections { get; init; } = 3;
    /// <summary>By SMTP. More are not refused: their reply waits.</summary>
    public int MessagesPerMinute { get; init; } = 30;
    /// <summary>Within any 24 hours, by SMTP.</summary>
    public int RecipientsPerDay { get; init; } = 10_000;
    /// <summary>Of one message: 1 to 1000.</summary>
    public int MaxRecipients { get; init; } = 500;
    /// <summary>Bytes of all its folders together, at which it sends no more, because each submission leaves a copy; null: never full.</summary>
    public long? QuotaBytes { get; init; }
    /// <summary>Errors of one kind in a row that close it for SMTP. Microsoft does not tell its number; this one is the sandbox's.</summary>
    public int ErrorsUntilThrottled { get; init; } = 10;
    /// <summary>How long it is closed then. Microsoft does not tell.</summary>
    public TimeSpan ThrottledFor { get; init; } = TimeSpan.FromHours(1);
}

/// <summary>A mailbox and its folders.</summary>
public sealed class Mailbox
{
    public const string InboxName = "INBOX";
    public const string SentItemsName = "Sent Items";

    // Those of Exchange that hold mail, in the order people see them.
    private static readonly string[] StandardFolders = [InboxName, "Drafts", SentItemsName, "Deleted Items", "Junk Email", "Archive"];
    private const int MaxFolders = 500;

    private readonly Lock gate = new();
    private readonly TimeProvider clock;
    private readonly string? path;
    private readonly List<MailFolder> folders = [];
    private MailboxSettings settings = new();
    private uint lastValidity;

    /// <param name="path">Where its folders are kept; null: in memory.</param>
    internal Mailbox(EmailAddress address, string displayName, MailboxKind kind, Guid? ownerId, Guid? tenantId, TimeProvider clock, string? path)
    {
        (Address, DisplayName, Kind, OwnerId, TenantId) = (address, displayName, kind, ownerId, tenantId);
        (this.clock, this.path) = (clock, path);
        Submission = new(clock);
        foreach (var name in StandardFolders) folders.Add(NewFolder(name));
        if (path is not null && System.IO.Directory.Exists(path))
            foreach (var name in System.IO.Directory.EnumerateDirectories(path).Select(d => Uri.UnescapeDataString(Path.GetFileName(d))).Except(StandardFolders).Order(StringComparer.Ordinal)) folders.Add(NewFolder(name));
    }

    public EmailAddress Address { get; }
    public string DisplayName { get; }
    public MailboxKind Kind { get; }
    /// <summary>The user who signs in to it; null unless <see cref="MailboxKind.User"/>.</summary>
    public Guid? OwnerId { get; }
    /// <summary>Null outside.</summary>
    public Guid? TenantId { get; }

    /// <summary>What it sends by SMTP: counters, and whether it is closed for a while.</summary>
    public SubmissionUse Submission { get; }

    public MailboxSettings Settings { get { lock (gate) return settings; } }

    public IReadOnlyList<MailFolder> Folders { get { lock (gate) return [.. folders]; } }

    /// <summary>Bytes of all its messages.</summary>
    internal long Size => Folders.Sum(f => f.Messages().Sum(m => (long)m.Bytes.Length));

    public MailFolder Inbox => Folder(InboxName)!;

    public MailFolder SentItems => Folder(SentItemsName)!;

    /// <summary>Null when there is none. INBOX in any case of letters.</summary>
    public MailFolder? Folder(string name)
    {
        lock (gate) return folders.FirstOrDefault(f => f.Name == name || (f.Name == InboxName && name.Equals(InboxName, StringComparison.OrdinalIgnoreCase)));
    }

    public void Change(Func<MailboxSettings, MailboxSettings> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        lock (gate) settings = change(settings);
        SettingsChanged?.Invoke();
    }

    internal event Action? SettingsChanged;

    /// <summary>May this user open it?</summary>
    internal bool IsOpenTo(Guid userId) => OwnerId == userId || Settings.FullAccess.Contains(userId);

    /// <summary>May this user send as it?</summary>
    internal bool LetsSendAs(Guid userId) => OwnerId == userId || Settings.SendAs.Contains(userId);

    /// <returns>Null when made; else why not, in IMAP's words.</returns>
    internal string? CreateFolder(string name)
    {
        lock (gate)
        {
            if (name.Length is 0 or > 200 || name.Any(char.IsControl)) return "NO CREATE failed: invalid folder name.";
            if (Folder(name) is not null) return "NO CREATE failed: the folder exists.";
            if (folders.Count >= MaxFolders) return "NO CREATE failed: too many folders.";
            folders.Add(NewFolder(name));
            return null;
        }
    }

    internal string? DeleteFolder(string name)
    {
        lock (gate)
        {
            if (Folder(name) is not { } folder) return "NO DELETE failed: no such folder.";
            if (StandardFolders.Contains(folder.Name)) return "NO DELETE failed: the folder is needed.";
            folders.Remove(folder);
            if (path is not null) System.IO.Directory.Delete(PathOf(name), recursive: true);
            return null;
        }
    }

    internal string? RenameFolder(string oldName, string newName)
    {
        lock (gate)
        {
            if (Folder(oldName) is not { } folder) return "NO RENAME failed: no such folder.";
            if (StandardFolders.Contains(folder.Name)) return "NO RENAME failed: the folder is needed.";
            if (CreateFolder(newName) is { } refusal) return refusal.Replace("CREATE", "RENAME", StringComparison.Ordinal);
            // Under another name it is another folder: UIDVALIDITY is new, so that no client mistakes one message for another.
            var renamed = Folder(newName)!;
            foreach (var message in folder.Messages()) renamed.Append(message.Bytes, message.Flags, message.InternalDate);
            return DeleteFolder(oldName);
        }
    }

    private MailFolder NewFolder(string name)
    {
        // Seconds of the day it was made, as Exchange does: larger than any folder had before under this name, also one that was deleted within the same second.
        var validity = Math.Max((uint)clock.GetUtcNow().ToUnixTimeSeconds(), lastValidity + 1);
        var made = new MailFolder(name, validity, path is null ? null : new FolderJournal(PathOf(name)));
        lastValidity = Math.Max(lastValidity, made.UidValidity);
        return made;
    }

    private string PathOf(string folder) => Path.Combine(path!, Uri.EscapeDataString(folder));
}
