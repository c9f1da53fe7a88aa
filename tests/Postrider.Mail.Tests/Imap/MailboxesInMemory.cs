using System.Net;
using System.Text;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;

namespace Postrider.Mail.Tests.Imap;

/// <summary>Accounts for the server under test: everybody who shows the token or password <c>secret</c> has the same folders.</summary>
internal sealed class MailboxesInMemory : IImapBackend, IImapAccount, IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, FolderInMemory> _folders = new(StringComparer.Ordinal);
    private readonly HashSet<string> _subscribed = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _expired = new();
    private uint _validity = 1000;

    public MailboxesInMemory(params string[] folders)
    {
        foreach (var name in folders.Prepend("INBOX")) Create(name);
    }

    public FolderInMemory Inbox => (FolderInMemory)Open("INBOX")!;
    /// <summary>Messages are \Recent, and have mod-sequences. False: as Exchange, which has neither.</summary>
    public bool KeepsAll { get; init; }
    /// <summary>Attributes of folders by name, such as <c>\Sent</c>.</summary>
    public Dictionary<string, string> SpecialUse { get; } = new(StringComparer.Ordinal);
    public string? NotConnected { get; init; }
    public string? ByeText => "Connection closed. 14";
    public CancellationToken Expired => _expired.Token;

    /// <summary>Thrown by the next sign-in.</summary>
    public Exception? Fault { get; set; }

    public SaslCredential? SignedInWith { get; private set; }

    public void ExpireTokens() => _expired.Cancel();

    public void Dispose() => _expired.Dispose();

    public Task<ImapAuthResult> AuthenticateAsync(IPEndPoint remote, SaslCredential credential, CancellationToken cancel)
    {
        if (Fault is { } fault) throw fault;
        SignedInWith = credential;
        var good = credential is SaslCredential.XOAuth2 { AccessToken: "secret" } or SaslCredential.Plain { Password: "secret" };
        return Task.FromResult(good ? new ImapAuthResult(this, null) : new ImapAuthResult(null, "NO AUTHENTICATE failed."));
    }

    public IReadOnlyList<ImapFolder> Folders()
    {
        lock (_gate) return [.. _folders.Keys.Order(StringComparer.Ordinal).Select(n => new ImapFolder(n, '/', SpecialUse.TryGetValue(n, out var use) ? [use] : []))];
    }

    public IImapFolderStore? Open(string name)
    {
        lock (_gate) return _folders.GetValueOrDefault(name);
    }

    public string? Create(string name)
    {
        lock (_gate) return _folders.TryAdd(name, new FolderInMemory(name, _validity++, this)) ? null : "NO [ALREADYEXISTS] The folder exists.";
    }

    public string? Delete(string name)
    {
        lock (_gate) return name != "INBOX" && _folders.Remove(name) ? null : "NO The folder cannot be deleted.";
    }

    public string? Rename(string oldName, string newName)
    {
        lock (_gate)
        {
            if (!_folders.ContainsKey(oldName)) return "NO [NONEXISTENT] There is no such folder.";
            if (_folders.ContainsKey(newName)) return "NO [ALREADYEXISTS] The folder exists.";
            foreach (var name in _folders.Keys.Where(n => n == oldName || n.StartsWith(oldName + "/", StringComparison.Ordinal)).ToList())
            {
                _folders.Remove(name, out var folder);
                _folders.Add(newName + name[oldName.Length..], folder!);
            }
            return null;
        }
    }

    public IReadOnlyCollection<string>? Subscribed()
    {
        lock (_gate) return KeepsAll ? [.. _subscribed] : null;
    }

    public string? SetSubscribed(string name, bool subscribed)
    {
        lock (_gate)
        {
            if (subscribed) _subscribed.Add(name);
            else _subscribed.Remove(name);
            return null;
        }
    }
}

internal sealed class FolderInMemory(string name, uint uidValidity, MailboxesInMemory owner) : IImapFolderStore
{
    private readonly Lock _gate = new();
    private List<ImapStoredMessage> _messages = [];
    private ulong _modSeq = 1;
    private uint _firstRecent = 1;

    public string Name => name;
    public uint UidValidity => uidValidity;
    public uint UidNext { get; private set; } = 1;

    public ulong HighestModSeq
    {
        get
        {
            lock (_gate) return owner.KeepsAll ? _modSeq : 0;
        }
    }

    public event Action? Changed;

    public IReadOnlyList<ImapStoredMessage> Messages()
    {
        lock (_gate) return _messages;
    }

    public uint Append(string message, params string[] flags) => Append(Encoding.UTF8.GetBytes(message), flags, new DateTimeOffset(2026, 11, 22, 9, 0, 0, TimeSpan.Zero));

    public uint Append(ReadOnlyMemory<byte> bytes, IReadOnlyList<string> flags, DateTimeOffset internalDate)
    {
        uint uid;
        lock (_gate)
        {
            uid = UidNext++;
            _messages = [.. _messages, new ImapStoredMessage(uid, internalDate, flags, bytes) { ModSeq = NextModSeq() }];
        }
        Changed?.Invoke();
        return uid;
    }

    public ImapStoredMessage? ChangeFlags(uint uid, Func<ImapStoredMessage, IReadOnlyList<string>> change)
    {
        ImapStoredMessage changed;
        lock (_gate)
        {
            if (_messages.Find(m => m.Uid == uid) is not { } message) return null;
            var flags = change(message);
            if (ReferenceEquals(flags, message.Flags)) return message;
            changed = message with { Flags = flags, ModSeq = NextModSeq() };
            _messages = [.. _messages.Select(m => m.Uid == uid ? changed : m)];
        }
        Changed?.Invoke();
        return changed;
    }

    public bool Remove(uint uid)
    {
        lock (_gate)
        {
            var before = _messages.Count;
            _messages = [.. _messages.Where(m => m.Uid != uid)];
            if (_messages.Count == before) return false;
            NextModSeq();
        }
        Changed?.Invoke();
        return true;
    }

    public uint ClaimRecent(uint below)
    {
        if (!owner.KeepsAll) return uint.MaxValue;
        lock (_gate)
        {
            var first = _firstRecent;
            _firstRecent = Math.Max(first, below);
            return first;
        }
    }

    private ulong NextModSeq() => owner.KeepsAll ? ++_modSeq : 0;
}
