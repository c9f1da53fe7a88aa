using System.Buffers;
using System.Globalization;
using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>One client's session with the server, from the greeting to BYE (RFC 3501 section 3). Answers follow Exchange Online's words where those are known.</summary>
internal sealed class ImapSession(WireConnection connection, ImapServerOptions options, IImapBackend backend) : IDisposable
{
    // RFC 2971 section 3.3 lets ID alone have 30 fields of 1024 octets; UID sets and access tokens are shorter.
    private const int LineBytes = 64 * 1024;
    private const int MaxAuthFailures = 5;
    private const int MaxKeywords = 100;
    // Output kept back at most before the client must take some.
    private const int FlushBytes = 64 * 1024;
    private static readonly string[] SystemFlags = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"];

    private readonly ImapReply _reply = new(connection.Output, options.Transcript);
    private readonly ImapRequestReader _requests = new(connection);
    private IImapAccount? _account;
    private ImapMailboxView? _view;
    private int _authFailures;
    private bool _over;
    private CancellationToken _stopping;

    public async Task RunAsync(CancellationToken stopping)
    {
        _stopping = stopping;
        using var preAuth = new CancellationTokenSource(options.PreAuthTimeout, options.Clock);
        await SayAsync("* OK " + options.Greeting);
        while (!_over)
        {
            using var idle = new CancellationTokenSource(options.IdleTimeout, options.Clock);
            using var until = CancellationTokenSource.CreateLinkedTokenSource(stopping, _account is null ? preAuth.Token : idle.Token, _account?.Expired ?? CancellationToken.None);
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
                await SayAsync("* BAD " + e.Message);
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
        _account is { Expired.IsCancellationRequested: true } ? "Session invalidated - AccessTokenExpired"
        : _stopping.IsCancellationRequested ? "Server is shutting down."
        : "Connection is closed. 13";

    private async Task ServeOneAsync(CancellationToken cancel)
    {
        var secret = false;
        var request = await _requests.ReadAsync(
            LineBytes,
            _account is null ? 0 : options.MaxLiteralBytes,
            () => SayAsync("+ Ready for additional command text."),
            tag => SayAsync((tag.Length > 0 ? tag : "*") + " NO [TOOBIG] Message size exceeds fixed limit."),
            options.Transcript is null ? null : line => options.Transcript(false, Shown(line, ref secret)),
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
            await SayAsync("* BAD Protocol Error: \"Tag or command is missing\".");
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
            options.OnFault?.Invoke(e);
            // In the middle of a response a NO would be taken for a part of it.
            if (_reply.IsWithinLine) throw new IOException("A response could not be finished.", e);
            answer = "NO Server Unavailable. 15";
        }
        await SayAsync(tag + " " + answer);
        if (_account?.NotConnected is { } refusal && answer == refusal) await ByeAsync(_account.ByeText ?? "Connection closed. 14");
        if (_authFailures >= MaxAuthFailures) await ByeAsync("Connection is closed. 13");
    }

    // LOGIN and AUTHENTICATE carry secrets, and so do the lines that a literal of LOGIN continues on.
    private string Shown(string line, ref bool secret)
    {
        if (_account is not null) return WireText.Printable(line);
        if (secret) return "***";
        var words = line.Split(' ', 4);
        secret = words.Length > 1 && (words[1].Equals("LOGIN", StringComparison.OrdinalIgnoreCase) || words[1].Equals("AUTHENTICATE", StringComparison.OrdinalIgnoreCase));
        if (!secret) return WireText.Printable(line);
        var shown = words[1].Equals("LOGIN", StringComparison.OrdinalIgnoreCase) ? words[0] + " LOGIN ***" : string.Join(' ', words.Take(3)) + (words.Length > 3 ? " ***" : "");
        return WireText.Printable(shown);
    }

    /// <returns>What follows the tag.</returns>
    private async Task<string> AnswerAsync(string tag, string name, ImapRequest request, CancellationToken cancel)
    {
        // Any state
        switch (name)
        {
            case "CAPABILITY":
                request.End();
                _reply.Line("* CAPABILITY " + string.Join(' ', Capabilities));
                return "OK CAPABILITY completed.";
            case "NOOP":
                request.End();
                WriteChanges();
                return "OK NOOP completed.";
            case "LOGOUT":
                request.End();
                _over = true;
                _reply.Line("* BYE " + options.Goodbye);
                return "OK LOGOUT completed.";
            case "ID" when Offers("ID"):
                request.Remainder();
                WriteId();
                return "OK ID completed";
        }

        // Not signed in
        if (_account is null)
        {
            return name switch
            {
                "AUTHENTICATE" => await AuthenticateAsync(request, cancel),
                "LOGIN" => await LoginAsync(request, cancel),
                "STARTTLS" => "BAD Command Error. 12",
                _ => "BAD Command received in Invalid state.",
            };
        }
        if (name is "AUTHENTICATE" or "LOGIN") return "BAD Command received in Invalid state.";

        // Signed in
        if (_account.NotConnected is { } refusal) return refusal;
        switch (name)
        {
            case "NAMESPACE" when Offers("NAMESPACE"):
                request.End();
                _reply.Line("* NAMESPACE ((\"\" \"/\")) NIL NIL");
                return "OK NAMESPACE completed.";
            case "LIST" or "LSUB":
                return List(name, request);
            case "STATUS":
                return Status(request);
            case "SELECT" or "EXAMINE":
                return Select(name, request);
            case "CREATE":
                // RFC 3501 section 6.3.3: a delimiter at the end only says that folders will come below.
                return OneFolder(request, name, (account, folder) => folder.TrimEnd('/') is { Length: > 0 } wanted ? account.Create(wanted) : throw new ImapSyntaxException());
            case "DELETE":
                return OneFolder(request, name, (account, folder) => account.Delete(folder));
            case "RENAME":
                return Rename(request);
            case "SUBSCRIBE":
                return OneFolder(request, name, (account, folder) => account.SetSubscribed(folder, true));
            case "UNSUBSCRIBE":
                return OneFolder(request, name, (account, folder) => account.SetSubscribed(folder, false));
            case "APPEND":
                return Append(request);
            case "IDLE" when Offers("IDLE"):
                request.End();
                return await IdleAsync(cancel);
        }

        // Selected
        if (_view is null)
            return name is "CHECK" or "CLOSE" or "UNSELECT" or "EXPUNGE" or "SEARCH" or "FETCH" or "STORE" or "COPY" or "MOVE" || name.StartsWith("UID ", StringComparison.Ordinal)
                ? "BAD Command received in Invalid state." : "BAD Command Error. 12";
        switch (name)
        {
            case "CHECK":
                request.End();
                WriteChanges();
                return "OK CHECK completed.";
            case "CLOSE":
                request.End();
                if (!_view.IsReadOnly) Remove(_view.Messages.Where(IsDeleted));
                Unselect();
                return "OK CLOSE completed.";
            case "UNSELECT" when Offers("UNSELECT"):
                request.End();
                Unselect();
                return "OK UNSELECT completed.";
            case "EXPUNGE":
                request.End();
                return Expunge(null);
            case "UID EXPUNGE" when Offers("UIDPLUS"):
                request.Space();
                var uids = request.Set();
                request.End();
                return Expunge(SequenceSet.Resolve(uids, _view.LargestUid));
            case "SEARCH" or "UID SEARCH":
                return Search(name, request);
            case "FETCH" or "UID FETCH":
                return await FetchAsync(name, request);
            case "STORE" or "UID STORE":
                return Store(name, request);
            case "COPY" or "UID COPY":
                return Copy(name, request);
            case "MOVE" or "UID MOVE" when Offers("MOVE"):
                return Move(name, request);
            default:
                return "BAD Command Error. 12";
        }
    }

    private IReadOnlyList<string> Capabilities => _account is null ? options.CapabilitiesBefore : options.CapabilitiesAfter;

    private bool Offers(string capability) => Capabilities.Contains(capability, StringComparer.OrdinalIgnoreCase);

    private void WriteId()
    {
        _reply.Raw("* ID ("u8);
        for (var i = 0; i < options.ServerId.Count; i++)
        {
            if (i > 0) _reply.Raw(" "u8);
            _reply.String(options.ServerId[i]);
        }
        _reply.Raw(")"u8).Line();
    }

    // Sign-in

    private async Task<string> AuthenticateAsync(ImapRequest request, CancellationToken cancel)
    {
        request.Space();
        var mechanism = request.Atom().ToUpperInvariant();
        string? response = null;
        if (!request.AtEnd && Offers("SASL-IR"))
        {
            request.Space();
            response = request.Remainder();
        }
        request.End();
        if (!Offers("AUTH=" + mechanism)) return mechanism is "PLAIN" or "LOGIN" ? Refuse("NO Basic authentication is disabled.") : Refuse("NO AUTHENTICATE failed.");
        if (response is null)
        {
            await SayAsync("+ ");
            var line = await connection.Lines.ReadAsync(LineBytes, cancel);
            options.Transcript?.Invoke(false, "***");
            response = Encoding.ASCII.GetString(line.Span);
            if (response == "*") return "BAD AUTHENTICATE was cancelled.";
        }
        var bytes = Encoding.ASCII.GetBytes(response);
        SaslCredential? credential = mechanism switch
        {
            "XOAUTH2" => SaslResponses.ReadXOAuth2(bytes),
            "PLAIN" => SaslResponses.ReadPlain(bytes),
            _ => null,
        };
        return credential is null ? Refuse("NO AUTHENTICATE failed.") : await SignInAsync(credential, "AUTHENTICATE", cancel);
    }

    private async Task<string> LoginAsync(ImapRequest request, CancellationToken cancel)
    {
        request.Space();
        var user = request.String();
        request.Space();
        var password = request.String();
        request.End();
        // RFC 3501 section 6.2.3: where LOGINDISABLED is announced no password is even looked at.
        if (Offers("LOGINDISABLED")) return Refuse("NO Basic authentication is disabled.");
        var credential = new SaslCredential.Plain(user, password);
        return SaslResponses.Flaw(credential) is null ? await SignInAsync(credential, "LOGIN", cancel) : Refuse("NO LOGIN failed.");
    }

    private async Task<string> SignInAsync(SaslCredential credential, string command, CancellationToken cancel)
    {
        var result = await backend.AuthenticateAsync(connection.Remote, credential, cancel);
        if (result.Account is null) return Refuse(result.Refusal ?? $"NO {command} failed.");
        _account = result.Account;
        return $"OK {command} completed.";
    }

    private string Refuse(string answer)
    {
        _authFailures++;
        return answer;
    }

    // Folders

    private string List(string name, ImapRequest request)
    {
        request.Space();
        var reference = request.Mailbox();
        request.Space();
        var pattern = request.Pattern();
        request.End();
        if (pattern.Length == 0)
        {
            // RFC 3501 section 6.3.8: an empty pattern asks for the delimiter.
            _reply.Line($"* {name} (\\Noselect) \"/\" \"\"");
            return $"OK {name} completed.";
        }
        var folders = _account!.Folders();
        foreach (var folder in folders)
        {
            if (!ImapPattern.Matches(reference + pattern, folder.Name, folder.Delimiter ?? '/')) continue;
            if (name == "LSUB" && !_account.IsSubscribed(folder.Name)) continue;
            _reply.Raw($"* {name} ").Flags(Attributes(folder, folders)).Raw(" "u8);
            if (folder.Delimiter is { } delimiter) _reply.String(delimiter.ToString());
            else _reply.Raw("NIL"u8);
            _reply.Raw(" "u8).Mailbox(folder.Name).Line();
        }
        return $"OK {name} completed.";
    }

    private List<string> Attributes(ImapFolder folder, IReadOnlyList<ImapFolder> all)
    {
        var attributes = folder.Attributes.ToList();
        if (!Offers("CHILDREN") || attributes.Any(a => a.Equals("\\HasChildren", StringComparison.OrdinalIgnoreCase) || a.Equals("\\HasNoChildren", StringComparison.OrdinalIgnoreCase))) return attributes;
        var below = folder.Name + (folder.Delimiter ?? '/');
        attributes.Add(all.Any(f => f.Name.StartsWith(below, StringComparison.Ordinal)) ? "\\HasChildren" : "\\HasNoChildren");
        return attributes;
    }

    private static string OneFolderName(ImapRequest request)
    {
        request.Space();
        var folder = request.Mailbox();
        return folder.Length > 0 && !folder.Any(char.IsControl) ? folder : throw new ImapSyntaxException();
    }

    private string OneFolder(ImapRequest request, string name, Func<IImapAccount, string, string?> act)
    {
        var folder = OneFolderName(request);
        request.End();
        return act(_account!, folder) ?? $"OK {name} completed.";
    }

    private string Rename(ImapRequest request)
    {
        var from = OneFolderName(request);
        var to = OneFolderName(request);
        request.End();
        return _account!.Rename(from, to) ?? "OK RENAME completed.";
    }

    private IImapFolderStore? Open(string folder) => _account!.Open(folder.Equals("INBOX", StringComparison.OrdinalIgnoreCase) ? "INBOX" : folder);

    private static string NoSuchFolder(string folder) => $"NO [NONEXISTENT] {WireText.Printable(folder)} doesn't exist.";

    private string Status(ImapRequest request)
    {
        var folder = OneFolderName(request);
        request.Space();
        request.Take('(');
        var items = new List<string>();
        do
        {
            if (items.Count > 0) request.Space();
            items.Add(request.Atom().ToUpperInvariant());
        }
        while (!request.TryTake(')') && items.Count < 20);
        request.End();
        if (Open(folder) is not { } store) return NoSuchFolder(folder);
        var messages = store.Messages();
        var values = items.ConvertAll(item => item switch
        {
            "MESSAGES" => messages.Count,
            "RECENT" => 0L,
            "UIDNEXT" => store.UidNext,
            "UIDVALIDITY" => store.UidValidity,
            "UNSEEN" => messages.Count(m => !HasFlag(m, "\\Seen")),
            _ => throw new ImapSyntaxException(),
        });
        _reply.Raw("* STATUS "u8).Mailbox(folder).Raw(" ("u8);
        for (var i = 0; i < items.Count; i++) _reply.Raw(i > 0 ? " "u8 : ""u8).Raw(items[i]).Raw(" "u8).Number(values[i]);
        _reply.Raw(")"u8).Line();
        return "OK STATUS completed.";
    }

    private string Select(string name, ImapRequest request)
    {
        var folder = OneFolderName(request);
        request.End();
        // RFC 3501 section 6.3.1: whatever comes of it, the mailbox selected before is not any more.
        Unselect();
        if (Open(folder) is not { } store) return NoSuchFolder(folder);
        _view = new ImapMailboxView(store, readOnly: name == "EXAMINE");
        var keywords = _view.Messages.SelectMany(m => m.Flags).Where(f => !f.StartsWith('\\')).Distinct(StringComparer.OrdinalIgnoreCase).Take(MaxKeywords);
        string[] flags = [.. SystemFlags, .. keywords];
        WriteExists();
        _reply.Raw("* FLAGS "u8).Flags(flags).Line();
        _reply.Raw("* OK [PERMANENTFLAGS "u8).Flags(_view.IsReadOnly ? [] : [.. flags, "\\*"]).Line("] Permanent flags");
        var unseen = _view.Messages.TakeWhile(m => HasFlag(m, "\\Seen")).Count();
        if (unseen < _view.Count) _reply.Raw("* OK [UNSEEN "u8).Number(unseen + 1).Line("] Is the first unseen message");
        _reply.Raw("* OK [UIDVALIDITY "u8).Number(store.UidValidity).Line("] UIDVALIDITY value");
        _reply.Raw("* OK [UIDNEXT "u8).Number(Math.Max(store.UidNext, _view.LargestUid + 1L)).Line("] The next unique identifier value");
        return _view.IsReadOnly ? $"OK [READ-ONLY] {name} completed." : $"OK [READ-WRITE] {name} completed.";
    }

    private void Unselect()
    {
        _view?.Dispose();
        _view = null;
    }

    private string Append(ImapRequest request)
    {
        var folder = OneFolderName(request);
        request.Space();
        IReadOnlyList<string> flags = [];
        if (request.Peek == '(')
        {
            flags = request.FlagList();
            request.Space();
        }
        var date = options.Clock.GetUtcNow();
        if (request.Peek == '"')
        {
            date = ImapDates.ReadInternal(request.String()) ?? throw new ImapSyntaxException();
            request.Space();
        }
        var message = request.Literal();
        request.End();
        if (Open(folder) is not { } store) return $"NO [TRYCREATE] {WireText.Printable(folder)} doesn't exist.";
        var uid = store.Append(message, Settable(flags), date);
        WriteChanges();
        return Offers("UIDPLUS") ? string.Create(CultureInfo.InvariantCulture, $"OK [APPENDUID {store.UidValidity} {uid}] APPEND completed.") : "OK APPEND completed.";
    }

    // What happens in the mailbox

    private async Task<string> IdleAsync(CancellationToken cancel)
    {
        await SayAsync("+ IDLE accepted, awaiting DONE command.");
        WriteChanges();
        await FlushAsync();
        // The read stays under way while changes are told.
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var line = connection.Lines.ReadAsync(LineBytes, cancel).AsTask();
        while (true)
        {
            if (_view is null) break;
            if (await Task.WhenAny(line, _view.ChangedAsync(ended.Token)) == line) break;
            cancel.ThrowIfCancellationRequested();
            WriteChanges();
            await FlushAsync();
        }
        await ended.CancelAsync();
        var done = await line;
        options.Transcript?.Invoke(false, WireText.Printable(done.Span));
        return Ascii.EqualsIgnoreCase(done.Span.Trim((byte)' '), "DONE"u8) ? "OK IDLE completed." : "BAD Expected DONE.";
    }

    /// <summary>Tells what changed since the last time. Only where the client may learn of expunges (RFC 3501 section 7.4.1).</summary>
    private void WriteChanges()
    {
        if (_view?.Refresh() is not { } change) return;
        foreach (var number in change.Expunged) _reply.Raw("* "u8).Number(number).Line(" EXPUNGE");
        if (change.Grew) WriteExists();
        foreach (var number in change.Flags) WriteFlags(number, withUid: true);
    }

    private void WriteExists()
    {
        _reply.Raw("* "u8).Number(_view!.Count).Line(" EXISTS");
        _reply.Line("* 0 RECENT");
    }

    private void WriteFlags(int number, bool withUid)
    {
        var message = _view![number - 1];
        _reply.Raw("* "u8).Number(number).Raw(" FETCH ("u8);
        if (withUid) _reply.Raw("UID "u8).Number(message.Uid).Raw(" "u8);
        _reply.Raw("FLAGS "u8).Flags(message.Flags).Raw(")"u8).Line();
    }

    private static bool HasFlag(ImapStoredMessage message, string flag) => message.Flags.Contains(flag, StringComparer.OrdinalIgnoreCase);

    private static bool IsDeleted(ImapStoredMessage message) => HasFlag(message, "\\Deleted");

    // \Recent is the server's to give (RFC 3501 section 2.3.2).
    private static List<string> Settable(IEnumerable<string> flags) => [.. flags.Where(f => !f.Equals("\\Recent", StringComparison.OrdinalIgnoreCase)).Distinct(StringComparer.OrdinalIgnoreCase)];

    /// <summary>Indexes into the view, ascending.</summary>
    private List<int> Chosen(IReadOnlyList<(uint First, uint Last)> set, bool byUid)
    {
        var chosen = new List<int>();
        if (byUid)
        {
            var uids = SequenceSet.Resolve(set, _view!.LargestUid);
            for (var i = 0; i < _view.Count; i++)
                if (SequenceSet.Contains(uids, _view[i].Uid)) chosen.Add(i);
            return chosen;
        }
        if (_view!.Count == 0 && set.Any(r => r.First == uint.MaxValue || r.Last == uint.MaxValue)) return chosen;
        // A sequence number that is none is the client's mistake; a UID that is gone is not.
        foreach (var (first, last) in SequenceSet.Resolve(set, (uint)_view.Count) is { Count: > 0 } numbers ? numbers : throw new ImapSyntaxException())
        {
            if (last > _view.Count) throw new ImapSyntaxException();
            for (var n = first; n <= last; n++) chosen.Add((int)n - 1);
        }
        return chosen;
    }

    private void Remove(IEnumerable<ImapStoredMessage> messages)
    {
        foreach (var message in messages.ToList()) _view!.Store.Remove(message.Uid);
    }

    private string Expunge(IReadOnlyList<(uint First, uint Last)>? uids)
    {
        if (_view!.IsReadOnly) return "NO [READ-ONLY] The mailbox is open read-only.";
        // What others marked counts too: the view is brought up to date first.
        WriteChanges();
        Remove(_view.Messages.Where(m => IsDeleted(m) && (uids is null || SequenceSet.Contains(uids, m.Uid))));
        WriteChanges();
        return "OK EXPUNGE completed.";
    }

    private string Search(string name, ImapRequest request)
    {
        var byUid = name == "UID SEARCH";
        if (byUid) WriteChanges();
        request.Space();
        if (ImapSearch.Read(request, (uint)_view!.Count, _view.LargestUid) is not { } key) return "NO [BADCHARSET (US-ASCII UTF-8)] The specified charset is not supported.";
        var found = new List<uint>();
        for (var i = 0; i < _view.Count; i++)
            if (key(new ImapSearchTarget(_view[i], (uint)i + 1))) found.Add(byUid ? _view[i].Uid : (uint)i + 1);
        _reply.Raw("* SEARCH"u8);
        foreach (var number in found) _reply.Raw(" "u8).Number(number);
        _reply.Line();
        return "OK SEARCH completed.";
    }

    private async Task<string> FetchAsync(string name, ImapRequest request)
    {
        var byUid = name == "UID FETCH";
        request.Space();
        var set = request.Set();
        request.Space();
        var items = ImapFetchItem.ReadAll(request);
        request.End();
        foreach (var index in Chosen(set, byUid))
        {
            await WriteFetchAsync(index, items, byUid);
            if (connection.Output.UnflushedBytes > FlushBytes) await FlushAsync();
        }
        if (byUid) WriteChanges();
        return "OK FETCH completed.";
    }

    private async Task WriteFetchAsync(int index, IReadOnlyList<ImapFetchItem> items, bool byUid)
    {
        var marked = items.Any(i => i.Marks) && !_view!.IsReadOnly && !HasFlag(_view[index], "\\Seen");
        if (marked) ChangeFlags(index, flags => Settable([.. flags, "\\Seen"]));
        var message = _view![index];
        var sections = new ImapSections(message.Bytes);
        _reply.Raw("* "u8).Number(index + 1).Raw(" FETCH ("u8);
        var first = true;
        if (byUid && items.All(i => i.Kind != ImapFetchKind.Uid))
        {
            _reply.Raw("UID "u8).Number(message.Uid);
            first = false;
        }
        foreach (var item in items)
        {
            if (!first) _reply.Raw(" "u8);
            first = false;
            _reply.Raw(item.Label).Raw(" "u8);
            switch (item.Kind)
            {
                case ImapFetchKind.Flags:
                    _reply.Flags(message.Flags);
                    break;
                case ImapFetchKind.Uid:
                    _reply.Number(message.Uid);
                    break;
                case ImapFetchKind.InternalDate:
                    _reply.Raw("\""u8).Raw(ImapDates.WriteInternal(message.InternalDate)).Raw("\""u8);
                    break;
                case ImapFetchKind.Size:
                    _reply.Number(message.Bytes.Length);
                    break;
                case ImapFetchKind.Envelope:
                    ImapStructure.WriteEnvelope(_reply, sections.Content.Root);
                    break;
                case ImapFetchKind.Body or ImapFetchKind.BodyStructure:
                    ImapStructure.WriteBody(_reply, sections.Content.Root, extended: item.Kind == ImapFetchKind.BodyStructure);
                    break;
                default:
                    if (sections.Find(item) is not { } bytes) _reply.Raw("NIL"u8);
                    else await WriteLiteralAsync(bytes);
                    break;
            }
        }
        if (marked && items.All(i => i.Kind != ImapFetchKind.Flags)) _reply.Raw(" FLAGS "u8).Flags(message.Flags);
        _reply.Raw(")"u8).Line();
    }

    private async ValueTask WriteLiteralAsync(ReadOnlyMemory<byte> bytes)
    {
        _reply.LiteralHead(bytes.Length);
        while (bytes.Length > 0)
        {
            var piece = bytes[..Math.Min(bytes.Length, FlushBytes)];
            connection.Output.Write(piece.Span);
            bytes = bytes[piece.Length..];
            if (connection.Output.UnflushedBytes >= FlushBytes) await FlushAsync();
        }
    }

    /// <returns>False when the message is gone; the view then still shows it as it was.</returns>
    private bool ChangeFlags(int index, Func<IReadOnlyList<string>, IReadOnlyList<string>> change)
    {
        if (_view!.Store.ChangeFlags(_view[index].Uid, change) is not { } flags) return false;
        _view[index] = _view[index] with { Flags = flags };
        return true;
    }

    private string Store(string name, ImapRequest request)
    {
        var byUid = name == "UID STORE";
        request.Space();
        var set = request.Set();
        request.Space();
        char? sign = request.TryTake('+') ? '+' : request.TryTake('-') ? '-' : null;
        var word = request.Atom().ToUpperInvariant();
        if (word is not ("FLAGS" or "FLAGS.SILENT")) throw new ImapSyntaxException();
        request.Space();
        IReadOnlyList<string> given;
        if (request.Peek == '(') given = request.FlagList();
        else
        {
            var bare = new List<string> { request.Flag() };
            while (!request.AtEnd && bare.Count < MaxKeywords)
            {
                request.Space();
                bare.Add(request.Flag());
            }
            given = bare;
        }
        request.End();
        if (_view!.IsReadOnly) return "NO [READ-ONLY] The mailbox is open read-only.";
        given = Settable(given);
        if (given.Any(f => f.StartsWith('\\') && !SystemFlags.Contains(f, StringComparer.OrdinalIgnoreCase))) throw new ImapSyntaxException();
        var chosen = Chosen(set, byUid);
        // Adding and taking away starts from what is true now, not from what this client was told last.
        foreach (var index in chosen)
        {
            var done = ChangeFlags(index, current => Limited(sign switch
            {
                '+' => Settable([.. current, .. given]),
                '-' => [.. current.Where(f => !given.Contains(f, StringComparer.OrdinalIgnoreCase))],
                _ => given,
            }, current));
            if (done && word == "FLAGS") WriteFlags(index + 1, byUid);
        }
        if (byUid) WriteChanges();
        return "OK STORE completed.";
    }

    // A message that is full of keywords keeps those it has.
    private static IReadOnlyList<string> Limited(IReadOnlyList<string> wanted, IReadOnlyList<string> current) => wanted.Count <= MaxKeywords ? wanted : current;

    private string Copy(string name, ImapRequest request)
    {
        if (Transfer(request, name == "UID COPY", out var refusal) is not { } done) return refusal!;
        WriteChanges();
        return done.Code is null ? "OK COPY completed." : $"OK {done.Code} COPY completed.";
    }

    private string Move(string name, ImapRequest request)
    {
        if (_view!.IsReadOnly) return "NO [READ-ONLY] The mailbox is open read-only.";
        if (Transfer(request, name == "UID MOVE", out var refusal) is not { } done) return refusal!;
        // RFC 6851 section 4.3: COPYUID comes before the EXPUNGEs.
        if (done.Code is not null) _reply.Line($"* OK {done.Code}");
        Remove(done.Messages);
        WriteChanges();
        return "OK MOVE completed.";
    }

    private (string? Code, IReadOnlyList<ImapStoredMessage> Messages)? Transfer(ImapRequest request, bool byUid, out string? refusal)
    {
        refusal = null;
        request.Space();
        var set = request.Set();
        var folder = OneFolderName(request);
        request.End();
        if (Open(folder) is not { } target)
        {
            refusal = $"NO [TRYCREATE] {WireText.Printable(folder)} doesn't exist.";
            return null;
        }
        var messages = Chosen(set, byUid).Select(i => _view![i]).ToList();
        var uids = messages.Select(m => target.Append(m.Bytes, m.Flags, m.InternalDate)).ToList();
        if (messages.Count == 0 || !Offers("UIDPLUS")) return (null, messages);
        return (string.Create(CultureInfo.InvariantCulture, $"[COPYUID {target.UidValidity} {string.Join(',', messages.Select(m => m.Uid))} {string.Join(',', uids)}]"), messages);
    }

    // The line

    private async ValueTask SayAsync(string line)
    {
        _reply.Line(line);
        await FlushAsync();
    }

    private async Task ByeAsync(string text)
    {
        _over = true;
        await SayAsync("* BYE " + text);
    }

    private async ValueTask FlushAsync()
    {
        // A client that takes nothing for as long as it might be silent is gone.
        using var stuck = new CancellationTokenSource(options.IdleTimeout, options.Clock);
        try
        {
            await connection.Output.FlushAsync(stuck.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new IOException("The client takes no more.", e);
        }
    }
}
