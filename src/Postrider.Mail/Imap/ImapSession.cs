using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>One client's session with the server, from the greeting to BYE (RFC 3501 section 3). Answers follow Exchange Online's words where those are known.</summary>
internal sealed class ImapSession : IDisposable
{
    private const int MaxAuthFailures = 5;

    private readonly ImapServerOptions _options;
    private readonly ImapServerLine _line;
    private readonly ImapRequestReader _requests;
    private readonly WireConnection _connection;
    private readonly ImapEnabled _enabled = new();
    private readonly IReadOnlySet<string> _offeredBefore;
    private readonly IReadOnlySet<string> _offeredAfter;
    private readonly ImapSignIn _signIn;
    private readonly long _unaskedBytes;
    // Null before the first command that needs it.
    private ImapFolderCommands? _folders;
    private ImapSelection? _selected;
    // Answered with BAD one after the other.
    private int _bad;
    private bool _over;
    private CancellationToken _stopping;

    public ImapSession(WireConnection connection, ImapServerOptions options, IImapBackend backend)
    {
        _options = options;
        _connection = connection;
        _line = new ImapServerLine(connection, options);
        _requests = new ImapRequestReader(connection);
        _offeredBefore = ImapCapabilities.SetOf(options.CapabilitiesBefore);
        _offeredAfter = ImapCapabilities.SetOf(options.CapabilitiesAfter);
        _signIn = new ImapSignIn(_line, _offeredBefore, connection.Remote, backend);
        _unaskedBytes = options.CapabilitiesBefore.Contains("LITERAL+") || options.CapabilitiesAfter.Contains("LITERAL+") ? long.MaxValue : options.CapabilitiesAfter.Contains("LITERAL-") ? 4096 : 0;
    }

    private IImapAccount? Account => _signIn.Account;

    /// <summary>STARTTLS comes first: until then there is nothing to sign in with.</summary>
    private bool IsBare => _options.StartTls && !_connection.IsTls;

    private IEnumerable<string> Capabilities =>
        Account is not null ? _options.CapabilitiesAfter
        : IsBare ? [.. _options.CapabilitiesBefore.Where(c => !c.StartsWith("AUTH=", StringComparison.OrdinalIgnoreCase) && c is not ("SASL-IR" or "LOGINDISABLED")), "STARTTLS", "LOGINDISABLED"]
        : _options.CapabilitiesBefore;

    public async Task RunAsync(CancellationToken stopping)
    {
        _stopping = stopping;
        using var preAuth = new CancellationTokenSource(_options.PreAuthTimeout, _options.Clock);
        await _line.SayAsync("* OK " + _options.Greeting);
        while (!_over)
        {
            using var idle = new CancellationTokenSource(_options.IdleTimeout, _options.Clock);
            using var until = CancellationTokenSource.CreateLinkedTokenSource(stopping, Account is null ? preAuth.Token : idle.Token, Account?.Expired ?? CancellationToken.None);
            try
            {
                await ServeOneAsync(until.Token);
            }
            catch (OperationCanceledException) when (until.IsCancellationRequested)
            {
                await ByeAsync(Farewell());
            }
            catch (WireProtocolException e)
            {
                await _line.SayAsync("* BAD " + e.Message);
                await ByeAsync("Connection is closed. 13");
            }
            catch (EndOfStreamException)
            {
                _over = true;
            }
        }
    }

    public void Dispose() => Unselect();

    private string Farewell() =>
        Account is { Expired.IsCancellationRequested: true } ? "Session invalidated - AccessTokenExpired"
        : _stopping.IsCancellationRequested ? "Server is shutting down."
        : "Connection is closed. 13";

    private async Task ServeOneAsync(CancellationToken cancel)
    {
        var secret = false;
        var request = await _requests.ReadAsync(
            _enabled.Rev2,
            ImapServerLine.MaxBytes,
            Account is null ? 0 : _options.MaxLiteralBytes,
            _unaskedBytes,
            () => _line.SayAsync("+ Ready for additional command text."),
            tag => _line.SayAsync((tag.Length > 0 ? tag : "*") + " NO [TOOBIG] Message size exceeds fixed limit."),
            _options.Transcript is null ? null : line => _options.Transcript(false, Shown(line, ref secret)),
            cancel);
        if (request is null) return;

        string tag, name;
        try
        {
            if (request.AtEnd) throw new ImapSyntaxException();
            tag = request.Tag();
            request.Space();
            name = request.Atom().ToUpperInvariant();
            if (name == "UID")
            {
                request.Space();
                name = "UID " + request.Atom().ToUpperInvariant();
            }
        }
        catch (ImapSyntaxException)
        {
            await _line.SayAsync("* BAD Protocol Error: \"Tag or command is missing\".");
            await CountBadAsync(true);
            return;
        }

        string answer;
        try
        {
            answer = await AnswerAsync(tag, name, request, cancel);
        }
        catch (ImapSyntaxException e)
        {
            answer = "BAD " + e.Message;
        }
        catch (Exception e) when (e is not (OperationCanceledException or IOException or WireProtocolException or ObjectDisposedException))
        {
            _options.OnFault?.Invoke(e);
            // In the middle of a response a NO would be taken for a part of it.
            if (_line.Reply.IsWithinLine) throw new IOException("A response could not be finished.", e);
            answer = "NO Server Unavailable. 15";
        }
        if (answer.Length > 0) await _line.SayAsync(tag + " " + answer);
        if (Account?.NotConnected is { } refusal && answer == refusal) await ByeAsync(Account.ByeText ?? "Connection closed. 14");
        if (_signIn.Failures >= MaxAuthFailures) await ByeAsync("Connection is closed. 13");
        await CountBadAsync(answer.StartsWith("BAD", StringComparison.Ordinal));
    }

    private async ValueTask CountBadAsync(bool bad)
    {
        _bad = bad ? _bad + 1 : 0;
        if (_bad >= _options.MaxBadCommands && !_over) await ByeAsync("Too many errors.");
    }

    // LOGIN and AUTHENTICATE carry secrets, and so do the lines that a literal of LOGIN continues on.
    private string Shown(string line, ref bool secret)
    {
        if (Account is not null) return WireText.Printable(line);
        if (secret) return "***";
        var words = line.Split(' ', 4);
        secret = words.Length > 1 && (words[1].Equals("LOGIN", StringComparison.OrdinalIgnoreCase) || words[1].Equals("AUTHENTICATE", StringComparison.OrdinalIgnoreCase));
        if (!secret) return WireText.Printable(line);
        var shown = words[1].Equals("LOGIN", StringComparison.OrdinalIgnoreCase) ? words[0] + " LOGIN ***" : string.Join(' ', words.Take(3)) + (words.Length > 3 ? " ***" : "");
        return WireText.Printable(shown);
    }

    /// <returns>What follows the tag; empty when it is said already.</returns>
    private async Task<string> AnswerAsync(string tag, string name, ImapRequest request, CancellationToken cancel)
    {
        var offered = Account is null ? _offeredBefore : _offeredAfter;

        // Any state
        switch (name)
        {
            case "CAPABILITY":
                request.End();
                _line.Reply.Line("* CAPABILITY " + string.Join(' ', Capabilities));
                return "OK CAPABILITY completed.";
            case "NOOP":
                request.End();
                _selected?.News.TellChanges();
                return "OK NOOP completed.";
            case "LOGOUT":
                request.End();
                _over = true;
                _line.Reply.Line("* BYE " + _options.Goodbye);
                return "OK LOGOUT completed.";
            case "ID" when offered.Contains("ID"):
                request.Remainder();
                WriteId();
                return "OK ID completed";
        }

        // Not signed in
        if (Account is not { } account)
        {
            if (name == "STARTTLS") return await StartTlsAsync(tag, request, cancel);
            if (IsBare && name is "AUTHENTICATE" or "LOGIN") return "NO [PRIVACYREQUIRED] STARTTLS comes first.";
            return name switch
            {
                "AUTHENTICATE" => await _signIn.AuthenticateAsync(request, cancel),
                "LOGIN" => await _signIn.LoginAsync(request, cancel),
                _ => "BAD Command received in Invalid state.",
            };
        }
        if (name is "AUTHENTICATE" or "LOGIN" or "STARTTLS") return "BAD Command received in Invalid state.";

        // Signed in
        if (account.NotConnected is { } refusal) return refusal;
        var folders = _folders ??= new ImapFolderCommands(account, _line.Reply, _offeredAfter, _options.Clock);
        switch (name)
        {
            case "NAMESPACE" when offered.Contains("NAMESPACE"):
                request.End();
                _line.Reply.Line("* NAMESPACE ((\"\" \"/\")) NIL NIL");
                return "OK NAMESPACE completed.";
            case "ENABLE" when offered.Contains("ENABLE"):
                return Enable(request);
            case "LIST" or "LSUB":
                return folders.List(name, request);
            case "STATUS":
                return folders.Status(request);
            case "SELECT" or "EXAMINE":
                return Select(name, request, folders);
            case "CREATE":
                return folders.Create(request);
            case "DELETE":
                return folders.Delete(request);
            case "RENAME":
                return folders.Rename(request);
            case "SUBSCRIBE":
                return folders.Subscribe(request);
            case "UNSUBSCRIBE":
                return folders.Unsubscribe(request);
            case "APPEND":
                return folders.Append(request, _selected?.News);
            case "IDLE" when offered.Contains("IDLE"):
                request.End();
                return await ImapIdle.RunAsync(_line, _selected, cancel);
        }

        // Selected
        if (_selected is not { } selected)
            return name is "CHECK" or "CLOSE" or "UNSELECT" or "EXPUNGE" or "SEARCH" or "SORT" or "THREAD" or "FETCH" or "STORE" or "COPY" or "MOVE" || name.StartsWith("UID ", StringComparison.Ordinal)
                ? "BAD Command received in Invalid state." : "BAD Command Error. 12";
        switch (name)
        {
            case "CHECK":
                request.End();
                selected.News.TellChanges();
                return "OK CHECK completed.";
            case "CLOSE":
                request.End();
                selected.RemoveDeleted();
                Unselect();
                return "OK CLOSE completed.";
            case "UNSELECT" when offered.Contains("UNSELECT"):
                request.End();
                Unselect();
                return "OK UNSELECT completed.";
            case "EXPUNGE":
                request.End();
                return selected.Expunge(null);
            case "UID EXPUNGE" when offered.Contains("UIDPLUS"):
                request.Space();
                var uids = request.Set();
                request.End();
                return selected.Expunge(uids);
            case "SEARCH" or "UID SEARCH":
                return Searching(selected).Search(tag, request, name == "UID SEARCH");
            case "SORT" or "UID SORT" when offered.Contains("SORT"):
                return Searching(selected).Sort(request, name == "UID SORT");
            case "THREAD" or "UID THREAD" when _offeredAfter.Any(c => c.StartsWith("THREAD=", StringComparison.OrdinalIgnoreCase)):
                return Searching(selected).Thread(request, name == "UID THREAD");
            case "FETCH" or "UID FETCH":
                return await selected.FetchAsync(name, request);
            case "STORE" or "UID STORE":
                return selected.Store(name, request);
            case "COPY" or "UID COPY":
                return selected.Copy(name, request, folders);
            case "MOVE" or "UID MOVE" when offered.Contains("MOVE"):
                return selected.Move(name, request, folders);
            default:
                return "BAD Command Error. 12";
        }
    }

    private string Select(string name, ImapRequest request, ImapFolderCommands folders)
    {
        var folder = ImapFolderCommands.Name(request);
        var condstore = false;
        if (!request.AtEnd && _offeredAfter.Contains("CONDSTORE"))
        {
            request.Space();
            if (!request.AtEnd)
            {
                // RFC 7162 section 3.1.8.
                request.Take('(');
                condstore = request.Atom().Equals("CONDSTORE", StringComparison.OrdinalIgnoreCase) ? true : throw new ImapSyntaxException();
                request.Take(')');
            }
        }
        request.End();
        // RFC 9051 section 7.1: CLOSED parts what is said of the one mailbox from what is said of the other.
        if (_selected is not null && _enabled.Rev2) _line.Reply.Line("* OK [CLOSED] Previous mailbox is now closed");
        // RFC 3501 section 6.3.1: whatever comes of it, the mailbox selected before is not any more.
        Unselect();
        if (folders.Open(folder) is not { } store) return ImapFolderCommands.NoSuchFolder(folder);
        _enabled.Condstore |= condstore;
        _selected = new ImapSelection(store, readOnly: name == "EXAMINE", _line, _offeredAfter, _enabled);
        if (_enabled.Rev2) folders.TellSelected(store.Name);
        return _selected.Introduce(name);
    }

    /// <summary>RFC 5161: what is not known is passed over.</summary>
    private string Enable(ImapRequest request)
    {
        var enabled = new List<string>();
        do
        {
            request.Space();
            var wanted = request.Atom().ToUpperInvariant();
            if (wanted == "CONDSTORE" && _offeredAfter.Contains("CONDSTORE"))
            {
                if (_selected is not null) _selected.EnableCondstore();
                _enabled.Condstore = true;
                enabled.Add("CONDSTORE");
            }
            else if (wanted == "IMAP4REV2" && _offeredAfter.Contains("IMAP4rev2"))
            {
                _enabled.Rev2 = _line.Reply.Utf8Names = true;
                enabled.Add("IMAP4rev2");
            }
        }
        while (!request.AtEnd && enabled.Count < 10);
        request.End();
        _line.Reply.Raw("* ENABLED"u8);
        foreach (var capability in enabled) _line.Reply.Raw(" "u8).Raw(capability);
        _line.Reply.Line();
        return "OK ENABLE completed.";
    }

    private async Task<string> StartTlsAsync(string tag, ImapRequest request, CancellationToken cancel)
    {
        request.End();
        if (!IsBare) return "BAD Command Error. 12";
        if (_connection.HasUnreadInput)
        {
            // What came behind the command in clear is an attempt to have it obeyed as if it had come over TLS (CVE-2011-0411).
            await _line.SayAsync(tag + " BAD Nothing may follow STARTTLS before TLS begins.");
            await ByeAsync("Connection is closed. 13");
            return "";
        }
        await _line.SayAsync(tag + " OK Begin TLS negotiation now.");
        _over = !await ImapServer.SecureAsync(_connection, _options, cancel);
        return "";
    }

    private ImapSearchCommands Searching(ImapSelection selected) => new(selected, _line.Reply, _offeredAfter, _enabled, _options.Clock);

    private void Unselect()
    {
        _selected?.Dispose();
        _selected = null;
    }

    private void WriteId()
    {
        _line.Reply.Raw("* ID ("u8);
        for (var i = 0; i < _options.ServerId.Count; i++)
        {
            if (i > 0) _line.Reply.Raw(" "u8);
            _line.Reply.String(_options.ServerId[i]);
        }
        _line.Reply.Raw(")"u8).Line();
    }

    private async Task ByeAsync(string text)
    {
        _over = true;
        await _line.SayAsync("* BYE " + text);
    }
}
