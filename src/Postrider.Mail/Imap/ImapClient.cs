using System.Globalization;
using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

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

/// <summary>The selected mailbox. <see cref="UidNext"/> is null when the server does not say; <see cref="UidValidity"/> is 0 when it keeps no UIDs between sessions (RFC 3501 section 2.3.1.1).</summary>
public sealed record ImapMailboxState(string Name, uint UidValidity, uint? UidNext, int Exists, bool ReadOnly);

/// <summary>One message's answer to FETCH. <see cref="Body"/> is null when it was not asked for, or the message is gone.</summary>
public sealed record ImapFetched(uint Uid, IReadOnlyList<string> Flags, DateTimeOffset? InternalDate, long? Size, byte[]? Body);

public sealed record ImapFolder(string Name, char? Delimiter, IReadOnlyList<string> Attributes);

public sealed record ImapConnectResult(ImapClient? Client, ImapFailure? Failure);

/// <summary>
/// An IMAP4rev1 session (RFC 3501). One caller at a time. Expected failures are values; only cancellation throws, and it leaves the connection unusable.
/// The connection survives a tagged NO or BAD; it does not survive a BYE, a broken line, a time limit or an answer that is not IMAP.
/// </summary>
public sealed class ImapClient : IAsyncDisposable
{
    // Between NOOPs where IDLE is not offered.
    private static readonly TimeSpan PollPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Goodbye = TimeSpan.FromSeconds(2);
    // Dovecot 2.3.19 refused an initial response of 9,759 characters (2026-11); RFC 7162 section 4 lets servers stop at lines of 8192.
    private const int MaxInitialResponse = 8000;

    private readonly ImapClientOptions _options;
    private readonly ImapDialogue _dialogue;
    private HashSet<string> _capabilities = new(StringComparer.OrdinalIgnoreCase);
    private ImapMailboxState? _selected;
    // Set when the mailbox changed outside of IDLE and nobody has searched since: the next IDLE must not sleep over it.
    private bool _changed;
    private bool _capabilitiesRead;
    private string? _bye;
    private int _busy;
    // What a caller's own code threw while it was handed a message: never to be taken for a failure of the wire.
    private Exception? _callersFault;

    private ImapClient(ImapDialogue dialogue, ImapClientOptions options)
    {
        _dialogue = dialogue;
        _options = options;
    }

    /// <summary>Connects, secures, reads the capabilities and authenticates (with SASL-IR where offered; asks CAPABILITY again afterwards).</summary>
    public static async Task<ImapConnectResult> ConnectAsync(WireEndpoint endpoint, SaslCredential credential, ImapClientOptions? options, CancellationToken cancel)
    {
        options ??= new ImapClientOptions();
        WireConnectResult connected;
        using (var deadline = new Deadline(options.Clock, options.ConnectTimeout, cancel))
        {
            connected = await WireConnection.ConnectAsync(endpoint, options.Clock, deadline);
        }
        if (connected.Connection is not { } connection)
            return new(null, new ImapFailure(connected.Failure!.Kind, "CONNECT", null, connected.Failure.Detail, false));
        return await OpenAsync(connection, endpoint, credential, options, cancel);
    }

    /// <summary>Over a line that stands already (secured already where TLS comes first), which the session then owns.</summary>
    internal static async Task<ImapConnectResult> OpenAsync(WireConnection connection, WireEndpoint endpoint, SaslCredential credential, ImapClientOptions options, CancellationToken cancel)
    {
        var limits = new ImapResponseLimits { FetchLiteralBytes = options.MaxLiteralBytes };
        var client = new ImapClient(new ImapDialogue(connection, limits, options.Clock, options.CommandTimeout, options.Transcript), options) { IsUsable = true };
        try
        {
            var failure = await client.BeginAsync(endpoint, cancel) ?? await client.AuthenticateAsync(credential, cancel);
            if (failure is null) return new(client, null);
            await client.DisposeAsync();
            return new(null, failure with { ConnectionSurvives = false });
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>As the server announced them last; compared without case.</summary>
    public IReadOnlySet<string> Capabilities => _capabilities;

    public bool IsUsable { get; private set; }

    /// <summary>Null before SELECT; kept up to date by unsolicited EXISTS and EXPUNGE.</summary>
    public ImapMailboxState? Selected => _selected;

    /// <summary>SELECT, or EXAMINE when <paramref name="readOnly"/>. Names are given in Unicode.</summary>
    public async Task<ImapResult<ImapMailboxState>> SelectAsync(string mailbox, bool readOnly, CancellationToken cancel)
    {
        _selected = null;
        _changed = false;
        int? exists = null;
        uint validity = 0;
        uint? next = null;
        var command = new ImapCommand(readOnly ? "EXAMINE" : "SELECT").Mailbox(mailbox);
        var (final, failure) = await RunAsync(command, cancel, response =>
        {
            if (response is ImapResponse.Data { Word: "EXISTS", Number: { } n }) exists = Count(n);
            else if (response is ImapResponse.State { Code: "UIDVALIDITY" } v && uint.TryParse(v.CodeArguments, NumberStyles.None, CultureInfo.InvariantCulture, out var value)) validity = value;
            else if (response is ImapResponse.State { Code: "UIDNEXT" } u && uint.TryParse(u.CodeArguments, NumberStyles.None, CultureInfo.InvariantCulture, out var uid)) next = uid;
            return ValueTask.CompletedTask;
        });
        if (failure is not null) return new(null, failure);
        if (exists is null) return new(null, Broken(command.Name, WireFailureKind.ProtocolError, "The server selected the mailbox without saying how many messages it holds."));
        _selected = new ImapMailboxState(mailbox, validity, next, exists.Value, readOnly || final!.Code == "READ-ONLY");
        _changed = false;
        return new(_selected, null);
    }

    /// <summary>LIST. Names come in Unicode; one that is not modified UTF-7 comes as the server wrote it.</summary>
    public async Task<ImapResult<IReadOnlyList<ImapFolder>>> ListAsync(string reference, string pattern, CancellationToken cancel)
    {
        var folders = new List<ImapFolder>();
        var (_, failure) = await RunAsync(new ImapCommand("LIST").Mailbox(reference).Mailbox(pattern), cancel, response =>
        {
            if (response is ImapResponse.Data { Word: "LIST", Values: [{ Kind: ImapValueKind.List } attributes, var delimiter, var name, ..] } && name.AsString() is { } wire)
            {
                folders.Add(new ImapFolder(
                    ModifiedUtf7.TryDecode(wire, out var decoded) ? decoded : wire,
                    delimiter.AsString() is [var c, ..] ? c : null,
                    [.. attributes.Items.Select(a => a.AsString()).OfType<string>()]));
            }
            return ValueTask.CompletedTask;
        });
        return failure is null ? new(folders, null) : new(null, failure);
    }

    /// <summary>UIDs at or above <paramref name="fromUid"/>, ascending.</summary>
    public async Task<ImapResult<IReadOnlyList<uint>>> UidSearchFromAsync(uint fromUid, CancellationToken cancel)
    {
        var from = Math.Max(fromUid, 1);
        _changed = false;
        var found = await SearchAsync(new ImapCommand("UID SEARCH").Raw(string.Create(CultureInfo.InvariantCulture, $"UID {from}:*")), cancel);
        // "n:*" always names the last message, also when its UID is below n (RFC 3501 section 6.4.8).
        return found.Succeeded ? new([.. found.Value!.Where(uid => uid >= from)], null) : found;
    }

    /// <summary>UID SEARCH HEADER; the value goes as a quoted string or literal.</summary>
    public Task<ImapResult<IReadOnlyList<uint>>> UidSearchHeaderAsync(string field, string value, CancellationToken cancel)
    {
        var command = new ImapCommand("UID SEARCH");
        if (!Ascii.IsValid(value)) command.Raw("CHARSET UTF-8");
        return SearchAsync(command.Raw("HEADER").FieldName(field).String(value), cancel);
    }

    /// <summary>UID FETCH (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[]): each message is handed over as it arrives, so memory holds one at a time. Expunged ones are absent.</summary>
    /// <returns>How many were handed over. After a failure, those handed over before it are good.</returns>
    public async Task<ImapResult<int>> UidFetchAsync(IReadOnlyList<uint> uids, bool withBody, Func<ImapFetched, ValueTask> onMessage, CancellationToken cancel)
    {
        var handedOver = 0;
        foreach (var (set, numbers) in SequenceSet.Cut(uids))
        {
            var open = numbers.ToHashSet();
            var pieces = new Dictionary<uint, ImapFetchReply>();
            var command = new ImapCommand("UID FETCH").Raw(set).Raw(withBody ? "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])" : "(UID FLAGS INTERNALDATE RFC822.SIZE)");
            var (_, failure) = await RunAsync(command, cancel, async response =>
            {
                if (response is not ImapResponse.Data { Word: "FETCH" } data) return;
                var reply = ImapFetchReply.Read(data.Values);
                // Without a UID, or with another message's, it is news about flags and nobody's answer.
                if (reply.Uid is not { } uid || !open.Contains(uid)) return;
                if (pieces.TryGetValue(uid, out var earlier))
                {
                    earlier.Merge(reply);
                    reply = earlier;
                }
                if (!reply.IsComplete(withBody))
                {
                    pieces[uid] = reply;
                    return;
                }
                open.Remove(uid);
                pieces.Remove(uid);
                handedOver++;
                await HandOverAsync(onMessage, reply.ToFetched(withBody));
                // The command's time counts from message to message: a large mailbox may take as long as it needs.
                _dialogue.Arm(_options.CommandTimeout, cancel);
            });
            // Answered in part: the body came, but not every detail.
            foreach (var piece in pieces.Values.Where(p => withBody ? p.BodySeen : p.Flags is not null && p.Size is not null))
            {
                handedOver++;
                await onMessage(piece.ToFetched(withBody));
            }
            if (failure is not null) return new(handedOver, failure);
        }
        return new(handedOver, null);
    }

    private async ValueTask HandOverAsync(Func<ImapFetched, ValueTask> onMessage, ImapFetched message)
    {
        try
        {
            await onMessage(message);
        }
        catch (Exception e)
        {
            _callersFault = e;
            throw;
        }
    }

    /// <summary>UID STORE +FLAGS or -FLAGS, .SILENT.</summary>
    public async Task<ImapResult<bool>> UidStoreAsync(IReadOnlyList<uint> uids, bool add, IReadOnlyList<string> flags, CancellationToken cancel)
    {
        foreach (var (set, _) in SequenceSet.Cut(uids))
        {
            var (_, failure) = await RunAsync(new ImapCommand("UID STORE").Raw(set).Raw(add ? "+FLAGS.SILENT" : "-FLAGS.SILENT").Flags(flags), cancel);
            if (failure is not null) return new(false, failure);
        }
        return new(true, null);
    }

    /// <returns>The new UID where the server tells it (UIDPLUS), else null.</returns>
    public async Task<ImapResult<uint?>> AppendAsync(string mailbox, IReadOnlyList<string> flags, ReadOnlyMemory<byte> message, CancellationToken cancel)
    {
        var (final, failure) = await RunAsync(new ImapCommand("APPEND").Mailbox(mailbox).Flags(flags).Literal(message), cancel);
        if (failure is not null) return new(null, failure);
        // RFC 4315 section 3: [APPENDUID uidvalidity uid].
        var uid = final!.Code == "APPENDUID" && final.CodeArguments.Split(' ') is [_, var text] && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : (uint?)null;
        return new(uid, null);
    }

    public async Task<ImapResult<bool>> NoopAsync(CancellationToken cancel)
    {
        var (_, failure) = await RunAsync(new ImapCommand("NOOP"), cancel);
        return new(failure is null, failure);
    }

    /// <summary>IDLE until the mailbox changes (true), <paramref name="atMost"/> passes (false) or the line breaks; renewed by itself. Falls back to NOOP when IDLE is not offered.</summary>
    /// <remarks>True at once when a change was reported while another command ran and no search has been made since.</remarks>
    public async Task<ImapResult<bool>> IdleAsync(TimeSpan atMost, CancellationToken cancel)
    {
        var began = _options.Clock.GetTimestamp();
        while (true)
        {
            if (_changed)
            {
                _changed = false;
                return new(true, null);
            }
            var left = atMost - _options.Clock.GetElapsedTime(began);
            if (left <= TimeSpan.Zero) return new(false, null);
            ImapFailure? failure;
            if (_capabilities.Contains("IDLE")) failure = await IdleOnceAsync(Min(left, _options.IdleRenewal), cancel);
            else
            {
                await Task.Delay(Min(left, PollPause), _options.Clock, cancel);
                failure = (await NoopAsync(cancel)).Failure;
            }
            if (failure is not null) return new(false, failure);
        }
    }

    /// <summary>LOGOUT, waiting briefly for BYE.</summary>
    public async ValueTask DisposeAsync()
    {
        if (IsUsable && Interlocked.CompareExchange(ref _busy, 1, 0) == 0)
        {
            IsUsable = false;
            // Real time: a clock that a test holds still must not hold up the end.
            using var brief = new CancellationTokenSource(Goodbye, TimeProvider.System);
            try
            {
                _dialogue.Arm(null, brief.Token);
                await _dialogue.SendLineAsync(_dialogue.NextTag() + " LOGOUT");
                while (await _dialogue.NextAsync() is not ImapResponse.State { Tag: not null })
                {
                }
            }
            catch (Exception e) when (e is OperationCanceledException || _dialogue.Explain(e) is not null)
            {
                // The server had nothing more to say; the line is closed either way.
            }
        }
        IsUsable = false;
        await _dialogue.DisposeAsync();
    }

    private async Task<ImapFailure?> BeginAsync(WireEndpoint endpoint, CancellationToken cancel)
    {
        // 1 greeting
        _dialogue.Arm(_options.ConnectTimeout, cancel);
        try
        {
            var greeting = await _dialogue.NextAsync();
            Observe(greeting);
            switch (greeting)
            {
                case ImapResponse.State { Tag: null, Status: ImapStatus.Ok }:
                    break;
                case ImapResponse.State { Tag: null, Status: ImapStatus.Bye } bye:
                    return Broken("CONNECT", WireFailureKind.Disconnected, "The server refused the connection: " + WireText.Printable(bye.Line), bye.Line);
                case ImapResponse.State { Tag: null, Status: ImapStatus.PreAuth } preAuth:
                    // Signed in as nobody knows whom, and STARTTLS would no longer be allowed (RFC 3501 section 6.2.1): an attacker's way around both.
                    return Broken("CONNECT", WireFailureKind.ProtocolError, "The server says that the session is signed in already (PREAUTH), which is not accepted.", preAuth.Line);
                default:
                    return Broken("CONNECT", WireFailureKind.ProtocolError, "The server did not begin with an IMAP greeting.");
            }
        }
        catch (Exception e) when (_dialogue.Explain(e) is { } wire)
        {
            return Broken("CONNECT", wire.Kind, wire.Detail);
        }

        // 2 STARTTLS: nothing said in clear counts afterwards
        if (endpoint.Security == WireSecurity.StartTls)
        {
            if (await ReadCapabilitiesAsync(cancel) is { } failure) return failure;
            if (!_capabilities.Contains("STARTTLS")) return Broken("STARTTLS", WireFailureKind.StartTlsNotOffered, "The server does not offer STARTTLS.");
            if ((await RunAsync(new ImapCommand("STARTTLS"), cancel)).Failure is { } refused) return refused with { ConnectionSurvives = false };
            // Bytes behind the OK were put there by somebody on the line, to be taken for the secured server's (CVE-2021-33515 and its kin).
            if (_dialogue.HasUnreadInput) return Broken("STARTTLS", WireFailureKind.ProtocolError, "More than the answer to STARTTLS came before the encryption began.");
            using var deadline = new Deadline(_options.Clock, _options.ConnectTimeout, cancel);
            if (await _dialogue.Connection.StartTlsAsync(endpoint, deadline) is { } tls) return Broken("STARTTLS", tls.Kind, tls.Detail);
            _capabilitiesRead = false;
        }

        // 3 capabilities, unless the greeting named them
        return _capabilitiesRead ? null : await ReadCapabilitiesAsync(cancel);
    }

    private async Task<ImapFailure?> ReadCapabilitiesAsync(CancellationToken cancel) => (await RunAsync(new ImapCommand("CAPABILITY"), cancel)).Failure;

    private async Task<ImapFailure?> AuthenticateAsync(SaslCredential credential, CancellationToken cancel)
    {
        if (SaslResponses.Flaw(credential) is { } flaw) return new ImapFailure(WireFailureKind.AuthenticationRefused, "AUTHENTICATE", null, flaw, true);
        var (mechanism, response, secret) = credential switch
        {
            SaslCredential.XOAuth2 x => ("XOAUTH2", SaslResponses.XOAuth2(x), x.AccessToken),
            SaslCredential.Plain p => ("PLAIN", SaslResponses.Plain(p), p.Password),
            _ => throw new NotSupportedException("There is no other credential."),
        };
        if (!_capabilities.Contains("AUTH=" + mechanism))
            return new ImapFailure(WireFailureKind.MechanismNotOffered, "AUTHENTICATE", null, $"The server does not offer {mechanism}.", true);
        _dialogue.KeepSecret(response, secret);
        _capabilitiesRead = false;
        string? reason = null;
        var failure = await GuardedAsync("AUTHENTICATE", async () =>
        {
            _dialogue.Arm(_options.CommandTimeout, cancel);
            var tag = _dialogue.NextTag();
            var toSend = response;
            if (_capabilities.Contains("SASL-IR") && response.Length <= MaxInitialResponse)
            {
                await _dialogue.SendLineAsync($"{tag} AUTHENTICATE {mechanism} {response}");
                toSend = null;
            }
            else await _dialogue.SendLineAsync($"{tag} AUTHENTICATE {mechanism}");
            while (true)
            {
                var answer = await _dialogue.NextAsync();
                Observe(answer);
                if (answer is ImapResponse.Continuation && toSend is not null)
                {
                    await _dialogue.SendLineAsync(toSend);
                    toSend = null;
                }
                else if (answer is ImapResponse.Continuation challenge)
                {
                    // RFC 7628 section 3.2.3: an error challenge is answered with an empty response; only then comes the NO.
                    if (reason is not null) throw new WireProtocolException("The server asks for more after its refusal.");
                    reason = SaslResponses.Reason(challenge.Text);
                    await _dialogue.SendLineAsync("");
                }
                else if (IsBye(answer, "AUTHENTICATE") is { } bye) return bye;
                else if (answer is ImapResponse.State { Tag: not null } final)
                {
                    CheckTag(final, tag);
                    if (final.Status == ImapStatus.Ok) return null;
                    // RFC 5530 section 3: [UNAVAILABLE] is about the server, not about who signs in. Exchange Online says "Server Unavailable. 15" without the code.
                    var passing = final.Code == "UNAVAILABLE" || final.Status == ImapStatus.Bad || final.Line.StartsWith("NO Server Unavailable", StringComparison.OrdinalIgnoreCase);
                    var kind = passing ? WireFailureKind.CommandRefused : WireFailureKind.AuthenticationRefused;
                    var why = string.IsNullOrEmpty(reason) ? "" : $" (reason: {reason})";
                    return new ImapFailure(kind, "AUTHENTICATE", final.Line, $"The server refused the sign-in of {WireText.Printable(credential.UserName)}: {WireText.Printable(final.Line)}{why}", true);
                }
            }
        });
        // Exchange's OK names no capabilities, and those from before no longer hold (RFC 3501 section 6.2).
        return failure ?? (_capabilitiesRead ? null : await ReadCapabilitiesAsync(cancel));
    }

    private async Task<ImapResult<IReadOnlyList<uint>>> SearchAsync(ImapCommand command, CancellationToken cancel)
    {
        // A server may spread the answer over several responses.
        var found = new List<uint>();
        var (_, failure) = await RunAsync(command, cancel, response =>
        {
            if (response is ImapResponse.Search search) found.AddRange(search.Numbers);
            return found.Count > 8_000_000 ? throw new WireProtocolException("SEARCH found more messages than allowed.") : ValueTask.CompletedTask;
        });
        if (failure is not null) return new(null, failure);
        return new([.. found.Distinct().Order()], null);
    }

    private async Task<ImapFailure?> IdleOnceAsync(TimeSpan atMost, CancellationToken cancel) => await GuardedAsync("IDLE", async () =>
    {
        _dialogue.Arm(_options.CommandTimeout, cancel);
        using var over = new CancellationTokenSource(atMost, _options.Clock);
        var tag = _dialogue.NextTag();
        await _dialogue.SendLineAsync(tag + " IDLE");
        var timeIsUp = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = over.Token.Register(timeIsUp.SetResult);
        var idling = false;
        var done = false;
        while (true)
        {
            // The read is never cancelled by the renewal: it stays under way while DONE is written.
            var next = _dialogue.NextAsync().AsTask();
            if (idling && !done && await Task.WhenAny(next, timeIsUp.Task) != next)
            {
                done = true;
                await DoneAsync(cancel);
            }
            // A read that was under way when DONE was written began without a time limit.
            var response = await next.WaitAsync(_dialogue.Token);
            Observe(response);
            if (response is ImapResponse.Continuation && !idling)
            {
                idling = true;
                _dialogue.Arm(null, cancel);
            }
            if (IsBye(response, "IDLE") is { } bye) return bye;
            if (response is ImapResponse.State { Tag: not null } final)
            {
                CheckTag(final, tag);
                return final.Status == ImapStatus.Ok ? null : Refused("IDLE", final);
            }
            if (idling && !done && _changed)
            {
                done = true;
                await DoneAsync(cancel);
            }
        }
    });

    private async Task DoneAsync(CancellationToken cancel)
    {
        _dialogue.Arm(_options.CommandTimeout, cancel);
        await _dialogue.SendLineAsync("DONE");
    }

    /// <summary>One command from its tag to its tagged answer. Untagged responses are noted, then handed to <paramref name="onResponse"/>.</summary>
    private async Task<(ImapResponse.State? Final, ImapFailure? Failure)> RunAsync(ImapCommand command, CancellationToken cancel, Func<ImapResponse, ValueTask>? onResponse = null)
    {
        if (command.Refusal is { } refusal) return (null, new ImapFailure(WireFailureKind.CommandRefused, command.Name, null, refusal, IsUsable));
        ImapResponse.State? final = null;
        var failure = await GuardedAsync(command.Name, async () =>
        {
            _dialogue.Arm(_options.CommandTimeout, cancel);
            var tag = _dialogue.NextTag();
            var start = tag + " ";
            foreach (var (text, literal) in command.Parts)
            {
                if (literal is not { } bytes)
                {
                    await _dialogue.SendLineAsync(start + text);
                    break;
                }
                // RFC 7888: with LITERAL- only literals up to 4096 bytes go without being asked for.
                var plus = _capabilities.Contains("LITERAL+") || (_capabilities.Contains("LITERAL-") && bytes.Length <= 4096);
                _dialogue.Write(start + text, string.Create(CultureInfo.InvariantCulture, $"{{{bytes.Length}{(plus ? "+" : "")}}}\r\n"));
                start = "";
                if (!plus)
                {
                    await _dialogue.FlushAsync();
                    final = await AwaitAsync(command.Name, tag, untilContinuation: true, onResponse);
                    if (final is not null) return IsBye(final, command.Name) ?? (final.Status == ImapStatus.Ok ? throw new WireProtocolException("The server finished a command that it had not been given whole.") : Refused(command.Name, final));
                }
                _dialogue.Arm(bytes.Length, cancel);
                await _dialogue.WriteLiteralAsync(bytes);
            }
            final = await AwaitAsync(command.Name, tag, untilContinuation: false, onResponse);
            return IsBye(final!, command.Name) ?? (final!.Status == ImapStatus.Ok ? null : Refused(command.Name, final));
        });
        return (failure is null ? final : null, failure);
    }

    /// <returns>The tagged answer or a BYE; null when a continuation came that was waited for.</returns>
    private async Task<ImapResponse.State?> AwaitAsync(string command, string tag, bool untilContinuation, Func<ImapResponse, ValueTask>? onResponse)
    {
        while (true)
        {
            var response = await _dialogue.NextAsync();
            Observe(response);
            switch (response)
            {
                case ImapResponse.Continuation when untilContinuation:
                    return null;
                case ImapResponse.Continuation:
                    throw new WireProtocolException($"The server asks for more in the middle of {command}.");
                case ImapResponse.State { Tag: null, Status: ImapStatus.Bye } bye:
                    return bye;
                case ImapResponse.State { Tag: not null } final:
                    CheckTag(final, tag);
                    return final;
                default:
                    if (onResponse is not null) await onResponse(response);
                    break;
            }
        }
    }

    /// <summary>Runs one exchange. What the wire throws becomes a failure; anything else is thrown on, and either way the connection is given up.</summary>
    private async Task<ImapFailure?> GuardedAsync(string command, Func<Task<ImapFailure?>> exchange)
    {
        if (Interlocked.CompareExchange(ref _busy, 1, 0) != 0) throw new InvalidOperationException("An IMAP session takes one command at a time.");
        var whole = false;
        try
        {
            if (!IsUsable) return new ImapFailure(WireFailureKind.Disconnected, command, _bye, "The connection is closed.", false);
            var failure = await exchange();
            whole = failure?.ConnectionSurvives ?? true;
            return failure;
        }
        catch (Exception e) when (e != _callersFault && _dialogue.Explain(e) is { } wire)
        {
            return new ImapFailure(wire.Kind, command, _bye, wire.Detail, false);
        }
        finally
        {
            if (!whole) IsUsable = false;
            Volatile.Write(ref _busy, 0);
        }
    }

    /// <summary>What every response may tell, whatever was asked.</summary>
    private void Observe(ImapResponse response)
    {
        switch (response)
        {
            case ImapResponse.Data { Word: "EXISTS", Number: { } exists } when _selected is not null:
                _selected = _selected with { Exists = Count(exists) };
                _changed = true;
                break;
            case ImapResponse.Data { Word: "EXPUNGE", Number: not null } when _selected is not null:
                _selected = _selected with { Exists = Math.Max(0, _selected.Exists - 1) };
                _changed = true;
                break;
            case ImapResponse.Data { Word: "CAPABILITY" } data:
                TakeCapabilities(data.Values.Select(v => v.AsString()).OfType<string>());
                break;
            case ImapResponse.State { Code: "CAPABILITY" } state:
                TakeCapabilities(state.CodeArguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
                break;
            case ImapResponse.State { Code: "UIDNEXT" } state when _selected is not null && uint.TryParse(state.CodeArguments, NumberStyles.None, CultureInfo.InvariantCulture, out var next):
                _selected = _selected with { UidNext = next };
                break;
        }
        if (response is ImapResponse.State { Tag: null, Status: ImapStatus.Bye } bye) _bye = bye.Line;
    }

    private void TakeCapabilities(IEnumerable<string> names)
    {
        _capabilities = new HashSet<string>(names, StringComparer.OrdinalIgnoreCase);
        _capabilitiesRead = true;
    }

    private static ImapFailure? IsBye(ImapResponse response, string command) => response is ImapResponse.State { Tag: null, Status: ImapStatus.Bye } bye
        ? new ImapFailure(WireFailureKind.Disconnected, command, bye.Line, "The server ended the session: " + WireText.Printable(bye.Line), false)
        : null;

    private static void CheckTag(ImapResponse.State final, string tag)
    {
        if (!string.Equals(final.Tag, tag, StringComparison.OrdinalIgnoreCase)) throw new WireProtocolException("The server answered a command that was not sent.");
    }

    private static ImapFailure Refused(string command, ImapResponse.State final)
    {
        // Exchange Online hangs up after these (field reports of 2024-12 and 2026-09; dialogue authenticated_but_not_connected): a BYE follows, or the line just closes.
        var over = final.Line.Contains("authenticated but not connected", StringComparison.OrdinalIgnoreCase) || final.Line.Contains("Session invalidated", StringComparison.OrdinalIgnoreCase);
        return new ImapFailure(WireFailureKind.CommandRefused, command, final.Line, $"The server refused {command}: {WireText.Printable(final.Line)}", !over);
    }

    /// <summary>A failure after which the server is told nothing more, not even goodbye.</summary>
    private ImapFailure Broken(string command, WireFailureKind kind, string detail, string? serverText = null)
    {
        IsUsable = false;
        return new ImapFailure(kind, command, serverText, detail, false);
    }

    private static int Count(uint number) => (int)Math.Min(number, int.MaxValue);

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
