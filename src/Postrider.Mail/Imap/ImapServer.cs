using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

public sealed record ImapServerOptions
{
    public required IPEndPoint Listen { get; init; }
    /// <summary>TLS from the first byte when given, unless <see cref="StartTls"/>; null: plain, for tests.</summary>
    public X509Certificate2? Certificate { get; init; }
    /// <summary>Plain at first: STARTTLS is announced (RFC 3501 section 6.2.1), and nobody signs in before it. Needs <see cref="Certificate"/>.</summary>
    public bool StartTls { get; init; }
    /// <summary>Text after <c>* OK </c>.</summary>
    public string Greeting { get; init; } = "IMAP4 service is ready.";
    /// <summary>Announced before and after AUTHENTICATE; what is not named here is not offered.</summary>
    public IReadOnlyList<string> CapabilitiesBefore { get; init; } = ImapCapabilities.ExchangeBefore;
    public IReadOnlyList<string> CapabilitiesAfter { get; init; } = ImapCapabilities.ExchangeAfter;
    /// <summary>Of one message that APPEND brings; it is held in memory while it comes.</summary>
    public long MaxLiteralBytes { get; init; } = 157_286_400;
    public int MaxConnections { get; init; } = 1000;
    /// <summary>So many commands in a row that are answered with BAD end the session: whoever sends them does not speak IMAP.</summary>
    public int MaxBadCommands { get; init; } = 100;
    public TimeSpan PreAuthTimeout { get; init; } = TimeSpan.FromMinutes(1);
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(30);
    public TimeProvider Clock { get; init; } = TimeProvider.System;
    public WireTranscript? Transcript { get; init; }
    /// <summary>Text after <c>* BYE </c> at LOGOUT.</summary>
    public string Goodbye { get; init; } = "IMAP4 server signing off.";
    /// <summary>What ID answers (RFC 2971), names and values in turn.</summary>
    public IReadOnlyList<string> ServerId { get; init; } = ["name", "Postrider"];
    /// <summary>Told what a backend threw (the client gets a tagged NO) and what ended a session unexpectedly. Called on the session's thread.</summary>
    public Action<Exception>? OnFault { get; init; }
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
    /// <summary>Folders below go along. Of INBOX the messages go, and the folder stays (RFC 3501 section 6.3.5).</summary>
    string? Rename(string oldName, string newName);
    /// <summary>Names that LSUB tells; a folder of that name need not exist any more (RFC 3501 section 6.3.9). Null: every folder is subscribed, and stays so.</summary>
    IReadOnlyCollection<string>? Subscribed() => null;
    /// <summary>Null when done; else the tagged NO text.</summary>
    string? SetSubscribed(string name, bool subscribed) => null;
}

/// <summary>A message as the server shows it. Bytes are immutable; flags change through <see cref="IImapFolderStore.ChangeFlags"/>.</summary>
public sealed record ImapStoredMessage(uint Uid, DateTimeOffset InternalDate, IReadOnlyList<string> Flags, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Grows with every change of the message and is unlike that of any other in the folder (RFC 7162 section 3). Zero where the store keeps none.</summary>
    public ulong ModSeq { get; init; }
}

/// <summary>One folder. Thread-safe: sessions and deliveries meet here.</summary>
public interface IImapFolderStore
{
    string Name { get; }
    uint UidValidity { get; }
    uint UidNext { get; }
    /// <summary>A snapshot, ascending by UID.</summary>
    IReadOnlyList<ImapStoredMessage> Messages();
    uint Append(ReadOnlyMemory<byte> bytes, IReadOnlyList<string> flags, DateTimeOffset internalDate);
    /// <summary>Puts <paramref name="change"/> of the flags in their place, at one go: of two sessions that change flags at once neither undoes the other. The same list back changes nothing.</summary>
    /// <returns>The message afterwards; null when it is gone.</returns>
    ImapStoredMessage? ChangeFlags(uint uid, Func<ImapStoredMessage, IReadOnlyList<string>> change);
    /// <summary>False when it was gone already: of two sessions that move a message at once only one may have it.</summary>
    bool Remove(uint uid);
    /// <summary>The largest <see cref="ImapStoredMessage.ModSeq"/> given so far. Zero: the store keeps none, and CONDSTORE is told so (RFC 7162 section 3.1.2.2).</summary>
    ulong HighestModSeq => 0;
    /// <summary>For <c>\Recent</c> (RFC 3501 section 2.3.2): the first UID that no session has been told of yet; from now on those below <paramref name="below"/> have been. Zero only asks.</summary>
    /// <returns><see cref="uint.MaxValue"/> where no message is ever recent.</returns>
    uint ClaimRecent(uint below) => uint.MaxValue;
    /// <summary>Raised after any change, on any thread; the server then compares snapshots.</summary>
    event Action? Changed;
}

/// <summary>An IMAP4rev1 and IMAP4rev2 server on one listening socket.</summary>
public sealed class ImapServer : IAsyncDisposable
{
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(30);

    private readonly ImapServerOptions _options;
    private readonly IImapBackend _backend;
    private readonly WireListener _listener;

    private ImapServer(ImapServerOptions options, IImapBackend backend)
    {
        if (options.StartTls && options.Certificate is null) throw new ArgumentException("STARTTLS needs a certificate.", nameof(options));
        _options = options;
        _backend = backend;
        _listener = new WireListener(options.Listen, options.MaxConnections, options.Clock, ServeAsync, RefuseAsync, options.OnFault);
    }

    /// <summary>Listens at once; port 0 takes a free one.</summary>
    public static ImapServer Start(ImapServerOptions options, IImapBackend backend) => new(options, backend);

    public IPEndPoint LocalEndPoint => _listener.LocalEndPoint;

    /// <summary>Says BYE to every open session and closes.</summary>
    public ValueTask DisposeAsync() => _listener.DisposeAsync();

    private async Task ServeAsync(WireConnection connection, CancellationToken stopping)
    {
        if (!_options.StartTls && !await SecureAsync(connection, stopping)) return;
        using var session = new ImapSession(connection, _options, _backend);
        await session.RunAsync(stopping);
    }

    private async Task RefuseAsync(WireConnection connection)
    {
        if (!_options.StartTls && !await SecureAsync(connection, CancellationToken.None)) return;
        await connection.Output.WriteAsync("* BYE Too many connections. Try again later.\r\n"u8.ToArray());
    }

    /// <returns>False when the client did not finish the handshake: its own affair, often a port scan.</returns>
    private Task<bool> SecureAsync(WireConnection connection, CancellationToken stopping) => SecureAsync(connection, _options, stopping);

    internal static async Task<bool> SecureAsync(WireConnection connection, ImapServerOptions options, CancellationToken stopping)
    {
        if (options.Certificate is null) return true;
        using var deadline = new Deadline(options.Clock, HandshakeTimeout, stopping);
        try
        {
            await connection.StartTlsAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = options.Certificate }, deadline.Token);
            return true;
        }
        catch (Exception e) when (deadline.Explain(e) is not null)
        {
            return false;
        }
    }
}
