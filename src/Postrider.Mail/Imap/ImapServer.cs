using System.Net;
using System.Security.Cryptography.X509Certificates;
using Postrider.Mail.Sasl;

namespace Postrider.Mail.Imap;

public sealed record ImapServerOptions
{
    public required IPEndPoint Listen { get; init; }
    /// <summary>TLS from the first byte when given; null: plain, for tests.</summary>
    public X509Certificate2? Certificate { get; init; }
    /// <summary>Text after <c>* OK </c>.</summary>
    public string Greeting { get; init; } = "IMAP4 service is ready.";
    /// <summary>Announced before and after AUTHENTICATE; what is not named here is not offered.</summary>
    public IReadOnlyList<string> CapabilitiesBefore { get; init; } = ["IMAP4", "IMAP4rev1", "AUTH=XOAUTH2", "LOGINDISABLED", "SASL-IR", "UIDPLUS", "ID", "UNSELECT", "CHILDREN", "IDLE", "NAMESPACE", "LITERAL+"];
    public IReadOnlyList<string> CapabilitiesAfter { get; init; } = ["IMAP4", "IMAP4rev1", "AUTH=XOAUTH2", "SASL-IR", "UIDPLUS", "MOVE", "ID", "UNSELECT", "CHILDREN", "IDLE", "NAMESPACE", "LITERAL+"];
    public long MaxLiteralBytes { get; init; } = 157_286_400;
    public int MaxConnections { get; init; } = 1000;
    public TimeSpan PreAuthTimeout { get; init; } = TimeSpan.FromMinutes(1);
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(30);
    public TimeProvider Clock { get; init; } = TimeProvider.System;
    public WireTranscript? Transcript { get; init; }
}

/// <summary>The outcome of AUTHENTICATE.</summary>
/// <param name="Account">Null refuses.</param>
/// <param name="Refusal">Tagged text, such as <c>NO AUTHENTICATE failed.</c> without the tag.</param>
public sealed record ImapAuthResult(IImapAccount? Account, string? Refusal);

/// <summary>Who may sign in.</summary>
public interface IImapBackend
{
    Task<ImapAuthResult> AuthenticateAsync(IPEndPoint remote, SaslCredential credential, CancellationToken cancel);
}

/// <summary>The folders of one signed-in account.</summary>
public interface IImapAccount
{
    /// <summary>Null when the mailbox may be used; else the whole tagged answer to every command that needs it, such as <c>BAD User is authenticated but not connected.</c>, followed by <see cref="ByeText"/>.</summary>
    string? NotConnected { get; }
    string? ByeText { get; }
    /// <summary>The session ends with <c>BYE Session invalidated - AccessTokenExpired</c> when this is cancelled.</summary>
    CancellationToken Expired { get; }
    IReadOnlyList<ImapFolder> Folders();
    /// <summary>Null when there is no such folder. Names compare ordinally, INBOX without case.</summary>
    IImapFolderStore? Open(string name);
    /// <summary>Null when created or deleted; else the tagged NO text.</summary>
    string? Create(string name);
    string? Delete(string name);
    string? Rename(string oldName, string newName);
}

/// <summary>A message as the server shows it. Bytes are immutable; flags change through <see cref="IImapFolderStore.SetFlags"/>.</summary>
public sealed record ImapStoredMessage(uint Uid, DateTimeOffset InternalDate, IReadOnlyList<string> Flags, ReadOnlyMemory<byte> Bytes);

/// <summary>One folder. Thread-safe: sessions and deliveries meet here.</summary>
public interface IImapFolderStore
{
    string Name { get; }
    uint UidValidity { get; }
    uint UidNext { get; }
    /// <summary>A snapshot, ascending by UID.</summary>
    IReadOnlyList<ImapStoredMessage> Messages();
    uint Append(ReadOnlyMemory<byte> bytes, IReadOnlyList<string> flags, DateTimeOffset internalDate);
    void SetFlags(uint uid, IReadOnlyList<string> flags);
    void Remove(uint uid);
    /// <summary>Raised after any change, on any thread; the server then compares snapshots.</summary>
    event Action? Changed;
}

/// <summary>An IMAP4rev1 server on one listening socket.</summary>
public sealed class ImapServer : IAsyncDisposable
{
    /// <summary>Listens at once; port 0 takes a free one.</summary>
    public static ImapServer Start(ImapServerOptions options, IImapBackend backend) => throw new NotImplementedException();
    public IPEndPoint LocalEndPoint => throw new NotImplementedException();
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
