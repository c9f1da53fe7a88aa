namespace Postrider.Mail.Imap;

/// <summary>What an IMAP step came to when it did not succeed.</summary>
/// <param name="Command">Such as <c>AUTHENTICATE</c>, <c>SELECT</c>.</param>
/// <param name="ServerText">The tagged NO or BAD, or the BYE, as the server wrote it; null when it said nothing.</param>
/// <param name="ConnectionSurvives">Further commands may be sent.</param>
public sealed record ImapFailure(WireFailureKind Kind, string Command, string? ServerText, string Detail, bool ConnectionSurvives);

/// <summary>Either a value or a failure; never both, never neither.</summary>
public readonly record struct ImapResult<T>(T? Value, ImapFailure? Failure)
{
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(false, nameof(Failure))]
    public bool Succeeded => Failure is null;
}

public sealed record ImapClientOptions
{
    public TimeProvider Clock { get; init; } = TimeProvider.System;
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);
    /// <summary>Whole time for one command without literals.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromMinutes(2);
    /// <summary>RFC 2177 section 3 asks for less than 29 minutes.</summary>
    public TimeSpan IdleRenewal { get; init; } = TimeSpan.FromMinutes(25);
    /// <summary>Bytes of one literal; a longer one ends the connection.</summary>
    public long MaxLiteralBytes { get; init; } = 157_286_400;
    public WireTranscript? Transcript { get; init; }
}

/// <summary>The selected mailbox. <see cref="UidNext"/> is null when the server does not say.</summary>
public sealed record ImapMailboxState(string Name, uint UidValidity, uint? UidNext, int Exists, bool ReadOnly);

/// <summary>One message's answer to FETCH. <see cref="Body"/> is null when it was not asked for, or the message is gone.</summary>
public sealed record ImapFetched(uint Uid, IReadOnlyList<string> Flags, DateTimeOffset? InternalDate, long? Size, byte[]? Body);

public sealed record ImapFolder(string Name, char? Delimiter, IReadOnlyList<string> Attributes);

public sealed record ImapConnectResult(ImapClient? Client, ImapFailure? Failure);

/// <summary>An IMAP4rev1 session (RFC 3501). One caller at a time. Expected failures are values; only cancellation throws, and it leaves the connection unusable.</summary>
public sealed class ImapClient : IAsyncDisposable
{
    /// <summary>Connects, secures, reads the capabilities and authenticates (with SASL-IR where offered; asks CAPABILITY again afterwards).</summary>
    public static Task<ImapConnectResult> ConnectAsync(WireEndpoint endpoint, Sasl.SaslCredential credential, ImapClientOptions? options, CancellationToken cancel) => throw new NotImplementedException();

    public IReadOnlySet<string> Capabilities => throw new NotImplementedException();
    public bool IsUsable => throw new NotImplementedException();
    /// <summary>Null before SELECT; kept up to date by unsolicited EXISTS and EXPUNGE.</summary>
    public ImapMailboxState? Selected => throw new NotImplementedException();

    /// <summary>SELECT, or EXAMINE when <paramref name="readOnly"/>. Names are given in Unicode.</summary>
    public Task<ImapResult<ImapMailboxState>> SelectAsync(string mailbox, bool readOnly, CancellationToken cancel) => throw new NotImplementedException();
    public Task<ImapResult<IReadOnlyList<ImapFolder>>> ListAsync(string reference, string pattern, CancellationToken cancel) => throw new NotImplementedException();
    /// <summary>UIDs at or above <paramref name="fromUid"/>, ascending.</summary>
    public Task<ImapResult<IReadOnlyList<uint>>> UidSearchFromAsync(uint fromUid, CancellationToken cancel) => throw new NotImplementedException();
    /// <summary>UID SEARCH HEADER; the value goes as a quoted string or literal.</summary>
    public Task<ImapResult<IReadOnlyList<uint>>> UidSearchHeaderAsync(string field, string value, CancellationToken cancel) => throw new NotImplementedException();
    /// <summary>UID FETCH (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[]): each message is handed over as it arrives, so memory holds one at a time. Expunged ones are absent.</summary>
    public Task<ImapResult<int>> UidFetchAsync(IReadOnlyList<uint> uids, bool withBody, Func<ImapFetched, ValueTask> onMessage, CancellationToken cancel) => throw new NotImplementedException();
    /// <summary>UID STORE +FLAGS or -FLAGS, .SILENT.</summary>
    public Task<ImapResult<bool>> UidStoreAsync(IReadOnlyList<uint> uids, bool add, IReadOnlyList<string> flags, CancellationToken cancel) => throw new NotImplementedException();
    /// <returns>The new UID where the server tells it (UIDPLUS), else null.</returns>
    public Task<ImapResult<uint?>> AppendAsync(string mailbox, IReadOnlyList<string> flags, ReadOnlyMemory<byte> message, CancellationToken cancel) => throw new NotImplementedException();
    public Task<ImapResult<bool>> NoopAsync(CancellationToken cancel) => throw new NotImplementedException();
    /// <summary>IDLE until the mailbox changes (true), <paramref name="atMost"/> passes (false) or the line breaks; renewed by itself. Falls back to NOOP when IDLE is not offered.</summary>
    public Task<ImapResult<bool>> IdleAsync(TimeSpan atMost, CancellationToken cancel) => throw new NotImplementedException();
    /// <summary>LOGOUT, waiting briefly for BYE.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
