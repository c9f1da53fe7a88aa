using System.Globalization;

namespace Postrider.Mail.Imap;

/// <summary>The selected mailbox and the commands on its messages (RFC 3501 section 6.4), which answer with what follows the tag.</summary>
internal sealed class ImapSelection : IDisposable
{
    private readonly ImapServerLine _line;
    private readonly IReadOnlySet<string> _offered;

    /// <param name="offered">The capabilities announced after the sign-in.</param>
    public ImapSelection(IImapFolderStore store, bool readOnly, ImapServerLine line, IReadOnlySet<string> offered)
    {
        (_line, _offered) = (line, offered);
        View = new ImapMailboxView(store, readOnly);
        News = new ImapNews(View, line.Reply);
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
        var unseen = View.Messages.TakeWhile(m => ImapFlags.Has(m, "\\Seen")).Count();
        if (unseen < View.Count) _line.Reply.Raw("* OK [UNSEEN "u8).Number(unseen + 1).Line("] Is the first unseen message");
        _line.Reply.Raw("* OK [UIDVALIDITY "u8).Number(View.Store.UidValidity).Line("] UIDVALIDITY value");
        _line.Reply.Raw("* OK [UIDNEXT "u8).Number(Math.Max(View.Store.UidNext, View.LargestUid + 1L)).Line("] The next unique identifier value");
        return View.IsReadOnly ? $"OK [READ-ONLY] {name} completed." : $"OK [READ-WRITE] {name} completed.";
    }

    /// <summary>CLOSE: what is marked goes, and the client is not told.</summary>
    public void RemoveDeleted()
    {
        if (!View.IsReadOnly) View.Remove(View.Messages.Where(ImapFlags.IsDeleted));
    }

    /// <param name="uids">Only these (RFC 4315 section 2.1); null: all that are marked.</param>
    public string Expunge(IReadOnlyList<(uint First, uint Last)>? uids)
    {
        if (View.IsReadOnly) return "NO [READ-ONLY] The mailbox is open read-only.";
        // What others marked counts too: the view is brought up to date first.
        News.TellChanges();
        View.Remove(View.Messages.Where(m => ImapFlags.IsDeleted(m) && (uids is null || SequenceSet.Contains(uids, m.Uid))));
        News.TellChanges();
        return "OK EXPUNGE completed.";
    }

    public string Search(string name, ImapRequest request)
    {
        var byUid = name == "UID SEARCH";
        if (byUid) News.TellChanges();
        request.Space();
        if (ImapSearch.Read(request, (uint)View.Count, View.LargestUid) is not { } key) return "NO [BADCHARSET (US-ASCII UTF-8)] The specified charset is not supported.";
        var found = new List<uint>();
        for (var i = 0; i < View.Count; i++)
            if (key(new ImapSearchTarget(View[i], (uint)i + 1))) found.Add(byUid ? View[i].Uid : (uint)i + 1);
        _line.Reply.Raw("* SEARCH"u8);
        foreach (var number in found) _line.Reply.Raw(" "u8).Number(number);
        _line.Reply.Line();
        return "OK SEARCH completed.";
    }

    public async Task<string> FetchAsync(string name, ImapRequest request)
    {
        var byUid = name == "UID FETCH";
        request.Space();
        var set = request.Set();
        request.Space();
        var items = ImapFetchItem.ReadAll(request);
        request.End();
        var answer = new ImapFetchAnswer(View, _line);
        foreach (var index in View.Choose(set, byUid))
        {
            await answer.WriteAsync(index, items, byUid);
            await _line.FlushLargeAsync();
        }
        if (byUid) News.TellChanges();
        return "OK FETCH completed.";
    }

    public string Store(string name, ImapRequest request)
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
            while (!request.AtEnd && bare.Count < ImapFlags.MaxKeywords)
            {
                request.Space();
                bare.Add(request.Flag());
            }
            given = bare;
        }
        request.End();
        if (View.IsReadOnly) return "NO [READ-ONLY] The mailbox is open read-only.";
        given = ImapFlags.Settable(given);
        if (given.Any(f => f.StartsWith('\\') && !ImapFlags.Standard.Contains(f, StringComparer.OrdinalIgnoreCase))) throw new ImapSyntaxException();
        var chosen = View.Choose(set, byUid);
        // Adding and taking away starts from what is true now, not from what this client was told last.
        foreach (var index in chosen)
        {
            var done = View.ChangeFlags(index, current => ImapFlags.Limited(sign switch
            {
                '+' => ImapFlags.Settable([.. current, .. given]),
                '-' => [.. current.Where(f => !given.Contains(f, StringComparer.OrdinalIgnoreCase))],
                _ => given,
            }, current));
            if (done && word == "FLAGS") News.TellFlags(index + 1, byUid);
        }
        if (byUid) News.TellChanges();
        return "OK STORE completed.";
    }

    public string Copy(string name, ImapRequest request, ImapFolderCommands folders)
    {
        if (Transfer(request, folders, name == "UID COPY", out var refusal) is not { } done) return refusal!;
        News.TellChanges();
        return done.Code is null ? "OK COPY completed." : $"OK {done.Code} COPY completed.";
    }

    public string Move(string name, ImapRequest request, ImapFolderCommands folders)
    {
        if (View.IsReadOnly) return "NO [READ-ONLY] The mailbox is open read-only.";
        if (Transfer(request, folders, name == "UID MOVE", out var refusal) is not { } done) return refusal!;
        // RFC 6851 section 4.3: COPYUID comes before the EXPUNGEs.
        if (done.Code is not null) _line.Reply.Line($"* OK {done.Code}");
        View.Remove(done.Messages);
        News.TellChanges();
        return "OK MOVE completed.";
    }

    private (string? Code, IReadOnlyList<ImapStoredMessage> Messages)? Transfer(ImapRequest request, ImapFolderCommands folders, bool byUid, out string? refusal)
    {
        refusal = null;
        request.Space();
        var set = request.Set();
        var folder = ImapFolderCommands.Name(request);
        request.End();
        if (folders.Open(folder) is not { } target)
        {
            refusal = ImapFolderCommands.NoSuchFolderYet(folder);
            return null;
        }
        var messages = View.Choose(set, byUid).Select(i => View[i]).ToList();
        var uids = messages.Select(m => target.Append(m.Bytes, m.Flags, m.InternalDate)).ToList();
        if (messages.Count == 0 || !_offered.Contains("UIDPLUS")) return (null, messages);
        return (string.Create(CultureInfo.InvariantCulture, $"[COPYUID {target.UidValidity} {string.Join(',', messages.Select(m => m.Uid))} {string.Join(',', uids)}]"), messages);
    }

    public void Dispose() => View.Dispose();
}
