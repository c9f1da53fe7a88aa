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
    private readonly CancellationTokenSource _expired = new();

    public MailboxesInMemory(params string[] folders)
    {
        foreach (var name in folders.Prepend("INBOX")) Create(name);
    }

    public FolderInMemory Inbox => (FolderInMemory)Open("INBOX")!;
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
        lock (_gate) return [.. _folders.Keys.Order(StringComparer.Ordinal).Select(n => new ImapFolder(n, '/', []))];
    }

    public IImapFolderStore? Open(string name)
    {
        lock (_gate) return _folders.GetValueOrDefault(name);
    }

    public string? Create(string name)
    {
        lock (_gate) return _folders.TryAdd(name, new FolderInMemory(name, (uint)(1000 + _folders.Count))) ? null : "NO [ALREADYEXISTS] The folder exists.";
    }

    public string? Delete(string name)
    {
        lock (_gate) return name != "INBOX" && _folders.Remove(name) ? null : "NO The folder cannot be deleted.";
    }

    public string? Rename(string oldName, string newName)
    {
        lock (_gate)
        {
            if (!_folders.Remove(oldName, out var folder)) return "NO [NONEXISTENT] There is no such folder.";
            _folders.Add(newName, folder);
            return null;
        }
    }
}

internal sealed class FolderInMemory(string name, uint uidValidity) : IImapFolderStore
{
    private readonly Lock _gate = new();
    private List<ImapStoredMessage> _messages = [];

    public string Name => name;
    public uint UidValidity => uidValidity;
    public uint UidNext { get; private set; } = 1;
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
            _messages = [.. _messages, new ImapStoredMessage(uid, internalDate, flags, bytes)];
        }
        Changed?.Invoke();
        return uid;
    }

    public IReadOnlyList<string>? ChangeFlags(uint uid, Func<IReadOnlyList<string>, IReadOnlyList<string>> change)
    {
        IReadOnlyList<string> flags;
        lock (_gate)
        {
            if (_messages.Find(m => m.Uid == uid) is not { } message) return null;
            flags = change(message.Flags);
            _messages = [.. _messages.Select(m => m.Uid == uid ? m with { Flags = flags } : m)];
        }
        Changed?.Invoke();
        return flags;
    }

    public void Remove(uint uid)
    {
        lock (_gate) _messages = [.. _messages.Where(m => m.Uid != uid)];
        Changed?.Invoke();
    }
}
