using Postrider.Mail.Imap;

namespace Postrider.Sandbox.Exchange;

/// <summary>A folder of a mailbox, as IMAP and the mailbox's page see it.</summary>
public sealed class MailFolder : IImapFolderStore
{
    private readonly Lock gate = new();
    private readonly FolderJournal? journal;
    private readonly SortedDictionary<uint, ImapStoredMessage> messages = [];
    // Null after a change; else what Messages answers, one list for all who ask.
    private IReadOnlyList<ImapStoredMessage>? snapshot;

    /// <param name="journal">Null: in memory only.</param>
    internal MailFolder(string name, uint uidValidity, FolderJournal? journal)
    {
        Name = name;
        this.journal = journal;
        (UidValidity, UidNext) = journal?.Load(uidValidity, messages) ?? (uidValidity, 1);
    }

    /// <summary>As IMAP names it: <c>INBOX</c>, <c>Sent Items</c>, ...</summary>
    public string Name { get; }

    /// <summary>For people: <c>Inbox</c>.</summary>
    public string DisplayName => Name == Mailbox.InboxName ? "Inbox" : Name;

    public uint UidValidity { get; }

    public uint UidNext { get; private set; }

    public event Action? Changed;

    /// <summary>A snapshot, ascending by UID.</summary>
    public IReadOnlyList<ImapStoredMessage> Messages() { lock (gate) return snapshot ??= [.. messages.Values]; }

    /// <summary>Null when it is gone.</summary>
    public ImapStoredMessage? Find(uint uid) { lock (gate) return messages.GetValueOrDefault(uid); }

    /// <summary>Keeps the bytes as they are; the caller must not change them afterwards.</summary>
    public uint Append(ReadOnlyMemory<byte> bytes, IReadOnlyList<string> flags, DateTimeOffset internalDate)
    {
        uint uid;
        lock (gate)
        {
            uid = UidNext++;
            var message = new ImapStoredMessage(uid, internalDate, [.. flags], bytes);
            journal?.Added(message);
            messages.Add(uid, message);
            snapshot = null;
        }
        Changed?.Invoke();
        return uid;
    }

    public void SetFlags(uint uid, IReadOnlyList<string> flags) => ChangeFlags(uid, _ => flags);

    public ImapStoredMessage? ChangeFlags(uint uid, Func<ImapStoredMessage, IReadOnlyList<string>> change)
    {
        ImapStoredMessage? message;
        lock (gate)
        {
            if (!messages.TryGetValue(uid, out message)) return null;
            var flags = change(message);
            if (ReferenceEquals(flags, message.Flags)) return message;
            messages[uid] = message = message with { Flags = [.. flags] };
            snapshot = null;
            journal?.Flagged(uid, message.Flags);
        }
        Changed?.Invoke();
        return message;
    }

    public bool Remove(uint uid)
    {
        lock (gate)
        {
            if (!messages.Remove(uid)) return false;
            snapshot = null;
            journal?.Removed(uid);
        }
        Changed?.Invoke();
        return true;
    }
}
