using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>One client's session with the server, from the greeting to BYE (RFC 3501 section 3). Answers follow Exchange Online's words where those are known.</summary>
internal sealed class ImapSession : IDisposable
{
    private const int MaxAuthFailures = 5;

    private readonly ImapServerOptions _options;
    private readonly ImapServerLine _line;
    private readonly ImapRequestReader _requests;
    private readonly IReadOnlySet<string> _offeredBefore;
    private readonly IReadOnlySet<string> _offeredAfter;
    private readonly ImapSignIn _signIn;
    // Null before the first command that needs it.
    private ImapFolderCommands? _folders;
    private ImapSelection? _selected;
    private bool _over;
    private CancellationToken _stopping;

    public ImapSession(WireConnection connection, ImapServerOptions options, IImapBackend backend)
    {
        _options = options;
        _line = new ImapServerLine(connection, options);
        _requests = new ImapRequestReader(connection);
        _offeredBefore = options.CapabilitiesBefore.ToHashSet(StringComparer.OrdinalIgnoreCase);
        _offeredAfter = options.CapabilitiesAfter.ToHashSet(StringComparer.OrdinalIgnoreCase);
        _signIn = new ImapSignIn(_line, _offeredBefore, connection.Remote, backend);
    }

    private IImapAccount? Account => _signIn.Account;

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
            ImapServerLine.MaxBytes,
            Account is null ? 0 : _options.MaxLiteralBytes,
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
            return;
        }

        string answer;
        try
        {
            answer = await AnswerAsync(name, request, cancel);
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
        await _line.SayAsync(tag + " " + answer);
        if (Account?.NotConnected is { } refusal && answer == refusal) await ByeAsync(Account.ByeText ?? "Connection closed. 14");
        if (_signIn.Failures >= MaxAuthFailures) await ByeAsync("Connection is closed. 13");
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

    /// <returns>What follows the tag.</returns>
    private async Task<string> AnswerAsync(string name, ImapRequest request, CancellationToken cancel)
    {
        var offered = Account is null ? _offeredBefore : _offeredAfter;

        // Any state
        switch (name)
        {
            case "CAPABILITY":
                request.End();
                _line.Reply.Line("* CAPABILITY " + string.Join(' ', Account is null ? _options.CapabilitiesBefore : _options.CapabilitiesAfter));
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
            return name switch
            {
                "AUTHENTICATE" => await _signIn.AuthenticateAsync(request, cancel),
                "LOGIN" => await _signIn.LoginAsync(request, cancel),
                "STARTTLS" => "BAD Command Error. 12",
                _ => "BAD Command received in Invalid state.",
            };
        }
        if (name is "AUTHENTICATE" or "LOGIN") return "BAD Command received in Invalid state.";

        // Signed in
        if (account.NotConnected is { } refusal) return refusal;
        var folders = _folders ??= new ImapFolderCommands(account, _line.Reply, _offeredAfter, _options.Clock);
        switch (name)
        {
            case "NAMESPACE" when offered.Contains("NAMESPACE"):
                request.End();
                _line.Reply.Line("* NAMESPACE ((\"\" \"/\")) NIL NIL");
                return "OK NAMESPACE completed.";
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
            return name is "CHECK" or "CLOSE" or "UNSELECT" or "EXPUNGE" or "SEARCH" or "FETCH" or "STORE" or "COPY" or "MOVE" || name.StartsWith("UID ", StringComparison.Ordinal)
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
                return selected.Expunge(SequenceSet.Resolve(uids, selected.View.LargestUid));
            case "SEARCH" or "UID SEARCH":
                return selected.Search(name, request);
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
        request.End();
        // RFC 3501 section 6.3.1: whatever comes of it, the mailbox selected before is not any more.
        Unselect();
        if (folders.Open(folder) is not { } store) return ImapFolderCommands.NoSuchFolder(folder);
        _selected = new ImapSelection(store, readOnly: name == "EXAMINE", _line, _offeredAfter);
        return _selected.Introduce(name);
    }

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
