using System.Globalization;

namespace Postrider.Mail.Imap;

/// <summary>The selected mailbox and the commands on its messages (RFC 3501 section 6.4), which answer with what follows the tag.</summary>
internal sealed class ImapSelection : IDisposable
{
    private readonly ImapServerLine _line;
    private readonly IReadOnlySet<string> _offered;
    private readonly ImapEnabled _enabled;

    /// <param name="offered">The capabilities announced after the sign-in.</param>
    public ImapSelection(IImapFolderStore store, bool readOnly, ImapServerLine line, IReadOnlySet<string> offered, ImapEnabled enabled)
    {
        (_line, _offered, _enabled) = (line, offered, enabled);
        View = new ImapMailboxView(store, readOnly);
        News = new ImapNews(View, line.Reply, enabled);
    }

    public ImapMailboxView View { get; }
    public ImapNews News { get; }

    /// <summary>What SELECT and EXAMINE tell (RFC 3501 section 6.3.1).</summary>
    public string Introduce(string name)
    {
        var keywords = View.Messages.SelectMany(m => m.Flags).Where(f => !f.StartsWith('\\')).Distinct(StringComparer.OrdinalIgnoreCase).Take(ImapFlags.MaxKeywords);
        string[] flags = [.. ImapFlags.Standard, .. keywords];
        News.TellExists();
        _line.Reply.Raw("* FLAGS "u8).Flags(flags).Line();
        _line.Reply.Raw("* OK [PERMANENTFLAGS "u8).Flags(View.IsReadOnly ? [] : [.. flags, "\\*"]).Line("] Permanent flags");
        var unseen = _enabled.Rev2 ? View.Count : View.Messages.TakeWhile(m => ImapFlags.Has(m, "\\Seen")).Count();
        if (unseen < View.Count) _line.Reply.Raw("* OK [UNSEEN "u8).Number(unseen + 1).Line("] Is the first unseen message");
        _line.Reply.Raw("* OK [UIDVALIDITY "u8).Number(View.Store.UidValidity).Line("] UIDVALIDITY value");
        _line.Reply.Raw("* OK [UIDNEXT "u8).Number(Math.Max(View.Store.UidNext, View.LargestUid + 1L)).Line("] The next unique identifier value");
        if (_offered.Contains("CONDSTORE")) TellHighestModSeq();
        return View.IsReadOnly ? $"OK [READ-ONLY] {name} completed." : $"OK [READ-WRITE] {name} completed.";
    }

    /// <summary>RFC 7162 section 3.1: the first command that uses CONDSTORE switches it on, and the client is told where the mailbox stands.</summary>
    public void EnableCondstore()
    {
        if (_enabled.Condstore) return;
        _enabled.Condstore = true;
        TellHighestModSeq();
    }

    /// <summary>CLOSE: what is marked goes, and the client is not told.</summary>
    public void RemoveDeleted()
    {
        if (View.IsReadOnly) return;
        foreach (var message in View.Store.Messages())
            if (ImapFlags.IsDeleted(message)) View.Remove(message);
    }

    /// <param name="uids">Only these (RFC 4315 section 2.1); null: all that are marked.</param>
    public string Expunge(ImapSet? uids)
    {
        Check(uids);
        if (View.IsReadOnly) return "NO [READ-ONLY] The mailbox is open read-only.";
        // What others marked counts too: the view is brought up to date first.
        News.TellChanges();
        var chosen = uids is { } some ? View.Choose(some, byUid: true).Select(i => View[i]).ToList() : [.. View.Messages];
        foreach (var message in chosen)
            if (ImapFlags.IsDeleted(message)) View.Remove(message);
        News.TellChanges();
        return "OK EXPUNGE completed.";
    }

    public async Task<string> FetchAsync(string name, ImapRequest request)
    {
        var byUid = name == "UID FETCH";
        request.Space();
        var set = Check(request.Set());
        request.Space();
        var items = ImapFetchItem.ReadAll(request, _offered);
        var since = ulong.MinValue;
        if (!request.AtEnd && _offered.Contains("CONDSTORE"))
        {
            request.Space();
            if (!request.AtEnd) since = Modifier(request, "CHANGEDSINCE");
        }
        request.End();
        if (since > 0 && items.All(i => i.Kind != ImapFetchKind.ModSeq)) items = [.. items, ImapFetchItem.ModSeq];
        if (items.Any(i => i.Kind == ImapFetchKind.ModSeq)) EnableCondstore();
        // What is shown is what is true now, as far as the numbers let it be told.
        Tell(byUid);
        var answer = new ImapFetchAnswer(View, News, _line, _enabled);
        var whole = true;
        foreach (var index in View.Choose(set, byUid))
        {
            if (View[index].ModSeq <= since && since > 0) continue;
            whole &= await answer.WriteAsync(index, items, byUid);
            await _line.FlushLargeAsync();
        }
        Tell(byUid);
        return whole ? "OK FETCH completed." : "NO [UNKNOWN-CTE] The transfer encoding of a part is not known.";
    }

    public string Store(string name, ImapRequest request)
    {
        var byUid = name == "UID STORE";
        request.Space();
        var set = Check(request.Set());
        request.Space();
        ulong? unchangedSince = null;
        if (request.Peek == '(' && _offered.Contains("CONDSTORE"))
        {
            unchangedSince = Modifier(request, "UNCHANGEDSINCE");
            request.Space();
        }
        char? sign = request.TryTake('+') ? '+' : request.TryTake('-') ? '-' : null;
        var word = request.Atom().ToUpperInvariant();
        if (word is not ("FLAGS" or "FLAGS.SILENT")) throw new ImapSyntaxException();
        request.Space();
        var given = ImapFlags.Settable(Flags(request));
        request.End();
        if (given.Any(f => f.StartsWith('\\') && !ImapFlags.Standard.Contains(f, StringComparer.OrdinalIgnoreCase))) throw new ImapSyntaxException();
        if (View.IsReadOnly) return "NO [READ-ONLY] The mailbox is open read-only.";
        var chosen = View.Choose(set, byUid);
        if (unchangedSince is not null) EnableCondstore();
        var modified = new List<uint>();
        var gone = false;
        foreach (var index in chosen)
        {
            var known = View[index];
            var failed = false;
            // Adding and taking away starts from what is true now, not from what this client was told last.
            var done = View.ChangeFlags(index, current =>
            {
                failed = current.ModSeq > unchangedSince;
                return failed ? current.Flags : Changed(current.Flags);
            });
            gone |= !done;
            if (!done) continue;
            if (failed) modified.Add(byUid ? known.Uid : (uint)index + 1);
            // What another session changed meanwhile is told even to a client that wants no answer (RFC 3501 section 6.4.6).
            var surprising = !ImapMailboxView.SameFlags(View[index].Flags, failed ? known.Flags : Changed(known.Flags));
            if (word == "FLAGS" || surprising) News.TellFlags(index + 1, byUid);
            else if (_enabled.Condstore && View[index].ModSeq > 0) News.TellFlags(index + 1, byUid, flags: false);
        }
        Tell(byUid);
        if (modified.Count > 0) return $"OK [MODIFIED {ImapSet.Write(modified)}] Some messages were changed meanwhile.";
        // RFC 2180 section 4.2.1: flags that could not be set are not passed over, unless the client wants no answer.
        return gone && !byUid && word == "FLAGS" ? "NO [EXPUNGEISSUED] Some of the messages are gone." : "OK STORE completed.";

        IReadOnlyList<string> Changed(IReadOnlyList<string> current)
        {
            var wanted = ImapFlags.Limited(sign switch
            {
                '+' => ImapFlags.Settable([.. current, .. given]),
                '-' => [.. current.Where(f => !given.Contains(f, StringComparer.OrdinalIgnoreCase))],
                _ => given,
            }, current);
            return ImapMailboxView.SameFlags(wanted, current) ? current : wanted;
        }
    }

    public string Copy(string name, ImapRequest request, ImapFolderCommands folders)
    {
        if (Transfer(request, folders, name == "UID COPY", out var refusal) is not { } transfer) return refusal!;
        var uids = transfer.Messages.Select(m => transfer.Target.Append(m.Bytes, m.Flags, m.InternalDate)).ToList();
        News.TellChanges();
        return Code(transfer.Target, transfer.Messages, uids) is { } code ? $"OK {code} COPY completed." : "OK COPY completed.";
    }

    public string Move(string name, ImapRequest request, ImapFolderCommands folders)
    {
        if (View.IsReadOnly) return "NO [READ-ONLY] The mailbox is open read-only.";
        if (Transfer(request, folders, name == "UID MOVE", out var refusal) is not { } transfer) return refusal!;
        // Each is taken before it is put down: of two sessions that move one message at once, one moves it.
        var moved = new List<ImapStoredMessage>();
        var uids = new List<uint>();
        foreach (var message in transfer.Messages)
        {
            if (!View.Remove(message)) continue;
            try
            {
                uids.Add(transfer.Target.Append(message.Bytes, message.Flags, message.InternalDate));
            }
            catch
            {
                View.Store.Append(message.Bytes, message.Flags, message.InternalDate);
                throw;
            }
            moved.Add(message);
        }
        // RFC 6851 section 4.3: COPYUID comes before the EXPUNGEs.
        if (Code(transfer.Target, moved, uids) is { } code) _line.Reply.Line($"* OK {code}");
        News.TellChanges();
        return "OK MOVE completed.";
    }

    public void Dispose() => View.Dispose();

    /// <summary>What changed, within a command: one that names messages by number does not let its client learn of expunges (RFC 3501 section 7.4.1).</summary>
    public void Tell(bool byUid)
    {
        if (byUid) News.TellChanges();
        else News.TellChangesButExpunges();
    }

    /// <summary><c>$</c> is understood where SEARCHRES is offered.</summary>
    public ImapSet Check(ImapSet set) => set.Ranges is null && !_offered.Contains("SEARCHRES") ? throw new ImapSyntaxException() : set;

    private void Check(ImapSet? set)
    {
        if (set is { } some) Check(some);
    }

    private (IImapFolderStore Target, IReadOnlyList<ImapStoredMessage> Messages)? Transfer(ImapRequest request, ImapFolderCommands folders, bool byUid, out string? refusal)
    {
        refusal = null;
        request.Space();
        var set = Check(request.Set());
        var folder = ImapFolderCommands.Name(request);
        request.End();
        if (folders.Open(folder) is not { } target)
        {
            refusal = ImapFolderCommands.NoSuchFolderYet(folder);
            return null;
        }
        // With their flags of now. A number whose message is gone leaves all where they are (RFC 2180 section 4.4.1); a UID that is gone is passed over.
        var now = View.Store.Messages();
        var messages = new List<ImapStoredMessage>();
        var at = 0;
        foreach (var index in View.Choose(set, byUid))
        {
            while (at < now.Count && now[at].Uid < View[index].Uid) at++;
            if (at < now.Count && now[at].Uid == View[index].Uid) messages.Add(now[at]);
            else if (!byUid) refusal = "NO [EXPUNGEISSUED] Some of the messages are gone.";
        }
        if (refusal is null) return (target, messages);
        News.TellChanges();
        return null;
    }

    /// <summary>RFC 4315 section 3. Null where nothing was copied.</summary>
    private string? Code(IImapFolderStore target, IReadOnlyList<ImapStoredMessage> messages, IReadOnlyList<uint> uids) =>
        messages.Count == 0 || !_offered.Contains("UIDPLUS") ? null
        : string.Create(CultureInfo.InvariantCulture, $"[COPYUID {target.UidValidity} {ImapSet.Write([.. messages.Select(m => m.Uid)])} {ImapSet.Write(uids)}]");

    private void TellHighestModSeq()
    {
        if (View.Store.HighestModSeq is > 0 and var highest) _line.Reply.Raw("* OK [HIGHESTMODSEQ "u8).Number((long)highest).Line("] Highest");
        else _line.Reply.Line("* OK [NOMODSEQ] The mailbox keeps no mod-sequences");
    }

    /// <summary><c>(NAME number)</c> (RFC 4466 section 2.4).</summary>
    private static ulong Modifier(ImapRequest request, string name)
    {
        request.Take('(');
        if (!request.Atom().Equals(name, StringComparison.OrdinalIgnoreCase)) throw new ImapSyntaxException();
        request.Space();
        var number = request.LongNumber();
        request.Take(')');
        return number;
    }

    private static IReadOnlyList<string> Flags(ImapRequest request)
    {
        if (request.Peek == '(') return request.FlagList();
        var bare = new List<string> { request.Flag() };
        while (!request.AtEnd && bare.Count < ImapFlags.MaxKeywords)
        {
            request.Space();
            bare.Add(request.Flag());
        }
        return bare;
    }
}
