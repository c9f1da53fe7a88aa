using System.Globalization;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

public sealed record ImapConnectResult(ImapClient? Client, ImapFailure? Failure);

/// <summary>
/// An IMAP session (RFC 3501, RFC 9051). One caller at a time; what a caller asks of many messages or folders goes out as several commands in flight.
/// Expected failures are values; only cancellation throws, and it leaves the connection unusable.
/// The connection survives a tagged NO or BAD; it does not survive a BYE, a broken line, a time limit or an answer that is not IMAP.
/// </summary>
public sealed partial class ImapClient : IAsyncDisposable
{
    private static readonly TimeSpan Goodbye = TimeSpan.FromSeconds(2);
    // Commands on their way at once, and their characters: few enough to lie in the buffers of a server that is busy answering, so that neither side waits for the other to read.
    private const int MaxInFlight = 16;
    private const int MaxCharsInFlight = 16 * 1024;

    // Thousands of sessions at the same servers announce the same: they share one set.
    private static HashSet<string> s_lastAnnounced = new(StringComparer.OrdinalIgnoreCase);

    private readonly ImapClientOptions _options;
    private readonly ImapDialogue _dialogue;
    private HashSet<string> _capabilities;
    private ImapMailboxState? _selected;
    // Set when the mailbox changed outside of IDLE and nobody has searched since: the next IDLE must not sleep over it.
    private bool _changed;
    private bool _capabilitiesRead;
    private bool _utf8Names;
    private string? _bye;
    private int _busy;
    // What a caller's own code threw while it was handed a message: never to be taken for a failure of the wire.
    private Exception? _callersFault;

    private ImapClient(ImapDialogue dialogue, ImapClientOptions options)
    {
        _dialogue = dialogue;
        _options = options;
        _capabilities = new(StringComparer.OrdinalIgnoreCase);
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

    public async Task<ImapResult<bool>> NoopAsync(CancellationToken cancel)
    {
        var (_, failure) = await RunAsync(new ImapCommand("NOOP"), cancel);
        return new(failure is null, failure);
    }

    /// <summary>ID (RFC 2971): says who we are and asks who the server is. Values of null are said as NIL; at most 30 fields.</summary>
    /// <returns>What the server says of itself; empty when it says nothing, or has no ID.</returns>
    public async Task<ImapResult<IReadOnlyDictionary<string, string?>>> IdAsync(IReadOnlyDictionary<string, string?> own, CancellationToken cancel)
    {
        var fields = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        if (!_capabilities.Contains("ID")) return new(fields, null);
        var command = new ImapCommand("ID");
        // RFC 2971 section 3.3: 30 fields, names of 30 and values of 1024 octets.
        if (own.Count > 30 || own.Any(f => f.Key.Length > 30 || f.Value?.Length > 1024)) command.Refuse("More is to be said about us than ID can carry.");
        if (own.Count == 0) command.Raw("NIL");
        else
        {
            command.Open();
            foreach (var (name, value) in own)
            {
                command.String(name);
                if (value is null) command.Raw("NIL");
                else command.String(value);
            }
            command.Close();
        }
        var (_, failure) = await RunAsync(command, cancel, response =>
        {
            if (response is ImapResponse.Data { Word: "ID", Values: [{ Kind: ImapValueKind.List } list, ..] })
                for (var i = 0; i + 1 < list.Items.Count && fields.Count < 100; i += 2)
                    if (list.Items[i].AsString() is { } name) fields[name] = list.Items[i + 1].AsString();
            return ValueTask.CompletedTask;
        });
        return failure is null ? new(fields, null) : new(null, failure);
    }

    /// <summary>ENABLE (RFC 5161), between sign-in and SELECT. With <c>IMAP4rev2</c> or <c>UTF8=ACCEPT</c> enabled, names of mailboxes go as UTF-8 from then on.</summary>
    /// <returns>What the server has enabled of it; empty where it has no ENABLE.</returns>
    public async Task<ImapResult<IReadOnlyList<string>>> EnableAsync(IReadOnlyList<string> extensions, CancellationToken cancel)
    {
        var enabled = new List<string>();
        if (extensions.Count == 0 || !(_capabilities.Contains("ENABLE") || _capabilities.Contains("IMAP4rev2"))) return new(enabled, null);
        var command = new ImapCommand("ENABLE");
        foreach (var extension in extensions) command.Extension(extension);
        var (_, failure) = await RunAsync(command, cancel, response =>
        {
            if (response is ImapResponse.Data { Word: "ENABLED" } data) enabled.AddRange(data.Values.Select(v => v.AsString()).OfType<string>());
            return ValueTask.CompletedTask;
        });
        if (failure is not null) return new(null, failure);
        _utf8Names |= enabled.Exists(e => e.Equals("IMAP4rev2", StringComparison.OrdinalIgnoreCase) || e.Equals("UTF8=ACCEPT", StringComparison.OrdinalIgnoreCase));
        return new(enabled, null);
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

    /// <summary>A command that goes alone, from its tag to its tagged answer. Untagged responses are noted, then handed to <paramref name="onResponse"/>.</summary>
    private async Task<(ImapResponse.State? Final, ImapFailure? Failure)> RunAsync(ImapCommand command, CancellationToken cancel, Func<ImapResponse, ValueTask>? onResponse = null)
    {
        var exchange = new ImapExchange(command, ImapCommandKind.Alone, onResponse);
        await RunAsync([exchange], cancel);
        return (exchange.Final, exchange.Failure);
    }

    /// <summary>Commands in flight: the next ones go out before the first ones are answered, where <see cref="ImapExchange.MayFollow"/> lets them. What came of each stands in it.</summary>
    /// <returns>The first failure, in the order of the commands; null when all succeeded. After a failure that ends the connection, the commands not answered have it too.</returns>
    private async Task<ImapFailure?> RunAsync(IReadOnlyList<ImapExchange> exchanges, CancellationToken cancel, bool stopAtRefusal = false)
    {
        foreach (var exchange in exchanges)
            if (exchange.Command.Refusal is { } refusal) exchange.Failure = new ImapFailure(WireFailureKind.CommandRefused, exchange.Command.Name, null, refusal, IsUsable);
        var ready = exchanges.Where(e => e.Failure is null).ToList();
        if (ready.Count > 0)
        {
            var over = await GuardedAsync(ready[0].Command.Name, () => InFlightAsync(ready, stopAtRefusal, cancel));
            if (over is not null)
                foreach (var exchange in ready.Where(e => e.Final is null)) exchange.Failure ??= over with { Command = exchange.Command.Name };
        }
        return exchanges.FirstOrDefault(e => e.Failure is not null)?.Failure;
    }

    private async Task<ImapFailure?> InFlightAsync(List<ImapExchange> exchanges, bool stopAtRefusal, CancellationToken cancel)
    {
        _dialogue.Arm(_options.CommandTimeout, cancel);
        var open = new List<ImapExchange>();
        var next = 0;
        while (true)
        {
            var first = next;
            while (next < exchanges.Count && MayGo(exchanges[next], open))
            {
                var exchange = exchanges[next++];
                open.Add(exchange);
                if (await SendAsync(exchange, open, cancel) is { } bye) return bye;
            }
            if (next > first) await _dialogue.FlushAsync();
            if (open.Count == 0) return null;
            if (await TakeAsync(await _dialogue.NextAsync(), open) is { } over) return over;
            if (stopAtRefusal && exchanges.Exists(e => e.Failure is not null)) next = exchanges.Count;
        }
    }

    private static bool MayGo(ImapExchange next, List<ImapExchange> open)
    {
        if (open.Count == 0) return true;
        var chars = next.Command.Length;
        foreach (var one in open) chars += one.Command.Length;
        // A literal may have to wait for the server's leave, which could then be for another command.
        return open.Count < MaxInFlight && chars <= MaxCharsInFlight && !next.Command.HasLiteral && !open.Exists(e => e.Command.HasLiteral) && ImapExchange.MayFollow(next.Kind, open.Select(e => e.Kind));
    }

    /// <returns>A BYE that came instead of the leave to send a literal; null otherwise. What the server refuses beforehand stands in the exchange.</returns>
    private async Task<ImapFailure?> SendAsync(ImapExchange exchange, List<ImapExchange> open, CancellationToken cancel)
    {
        exchange.Tag = _dialogue.NextTag();
        var start = exchange.Tag + " ";
        foreach (var (text, literal) in exchange.Command.Parts)
        {
            if (literal is not { } bytes)
            {
                _dialogue.Write(start + text, "\r\n");
                break;
            }
            // RFC 7888: with LITERAL- only literals up to 4096 bytes go without being asked for. IMAP4rev2 has it built in.
            var plus = _capabilities.Contains("LITERAL+") || (bytes.Length <= 4096 && (_capabilities.Contains("LITERAL-") || _capabilities.Contains("IMAP4rev2")));
            _dialogue.Write(start + text, string.Create(CultureInfo.InvariantCulture, $"{{{bytes.Length}{(plus ? "+" : "")}}}\r\n"));
            start = "";
            if (!plus)
            {
                await _dialogue.FlushAsync();
                while (true)
                {
                    var response = await _dialogue.NextAsync();
                    if (response is ImapResponse.Continuation)
                    {
                        Observe(response);
                        break;
                    }
                    if (await TakeAsync(response, open) is { } bye) return bye;
                    if (exchange.Final is not null) throw new WireProtocolException("The server finished a command that it had not been given whole.");
                    if (exchange.Failure is not null) return null;
                }
            }
            _dialogue.Arm(bytes.Length, cancel);
            await _dialogue.WriteLiteralAsync(bytes);
        }
        return null;
    }

    /// <returns>Not null: the session is over.</returns>
    private async ValueTask<ImapFailure?> TakeAsync(ImapResponse response, List<ImapExchange> open)
    {
        Observe(response);
        switch (response)
        {
            case ImapResponse.Continuation:
                throw new WireProtocolException($"The server asks for more in the middle of {open[0].Command.Name}.");
            case ImapResponse.State { Tag: null, Status: ImapStatus.Bye }:
                return IsBye(response, open[0].Command.Name);
            case ImapResponse.State { Tag: { } tag } final:
                var of = open.Find(e => string.Equals(e.Tag, tag, StringComparison.OrdinalIgnoreCase)) ?? throw new WireProtocolException("The server answered a command that was not sent.");
                open.Remove(of);
                if (final.Status == ImapStatus.Ok) of.Final = final;
                else of.Failure = Refused(of.Command.Name, final);
                if (of.Failure is { ConnectionSurvives: false } over) return over;
                // The next one's time begins when it is first in line.
                if (open.Count > 0) _dialogue.Extend();
                return null;
            default:
                // Whose it is: servers answer in order unless they name the command.
                if ((open.Find(e => e.Expects(response)) ?? open.FirstOrDefault()) is { } receiver) await receiver.TakeAsync(response);
                return null;
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
        catch (Exception e) when (e != _callersFault && e != _dialogue.TakersFault && _dialogue.Explain(e) is { } wire)
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
                _selected = _selected with { Exists = (int)Math.Min(exists, int.MaxValue) };
                _changed = true;
                break;
            case ImapResponse.Data { Word: "EXPUNGE", Number: not null } when _selected is not null:
                _selected = _selected with { Exists = Math.Max(0, _selected.Exists - 1) };
                _changed = true;
                break;
            case ImapResponse.Data { Word: "CAPABILITY" } data:
                TakeCapabilities(data.Values.Select(v => v.AsString()).OfType<string>());
                break;
            case ImapResponse.Data { Word: "FLAGS", Values: [{ Kind: ImapValueKind.List } flags, ..] } when _selected is not null:
                _selected = _selected with { Flags = [.. flags.Items.Select(f => f.AsString()).OfType<string>()] };
                break;
            case ImapResponse.State { Code: "CAPABILITY" } state:
                TakeCapabilities(state.CodeArguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
                break;
            case ImapResponse.State { Code: "UIDNEXT" } state when _selected is not null && uint.TryParse(state.CodeArguments, NumberStyles.None, CultureInfo.InvariantCulture, out var next):
                _selected = _selected with { UidNext = next };
                break;
            case ImapResponse.State { Code: "HIGHESTMODSEQ" } state when _selected is not null && ulong.TryParse(state.CodeArguments, NumberStyles.None, CultureInfo.InvariantCulture, out var modSeq):
                _selected = _selected with { HighestModSeq = modSeq };
                break;
        }
        if (response is ImapResponse.State { Tag: null, Status: ImapStatus.Bye } bye) _bye = bye.Line;
    }

    private void TakeCapabilities(IEnumerable<string> names)
    {
        var announced = new HashSet<string>(names, StringComparer.OrdinalIgnoreCase);
        var last = s_lastAnnounced;
        if (last.SetEquals(announced)) announced = last;
        else s_lastAnnounced = announced;
        _capabilities = announced;
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
        return new ImapFailure(WireFailureKind.CommandRefused, command, final.Line, $"The server refused {command}: {WireText.Printable(final.Line)}", !over) { Code = ImapFailure.CodeOf(final.Code) };
    }

    /// <summary>A failure after which the server is told nothing more, not even goodbye.</summary>
    private ImapFailure Broken(string command, WireFailureKind kind, string detail, string? serverText = null)
    {
        IsUsable = false;
        return new ImapFailure(kind, command, serverText, detail, false);
    }
}
