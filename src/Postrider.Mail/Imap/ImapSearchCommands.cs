namespace Postrider.Mail.Imap;

/// <summary>SEARCH, SORT and THREAD on the selected mailbox. Every method answers with what follows the tag.</summary>
/// <param name="offered">The capabilities announced after the sign-in.</param>
/// <param name="clock">What OLDER and YOUNGER count from.</param>
internal sealed class ImapSearchCommands(ImapSelection selection, ImapReply reply, IReadOnlySet<string> offered, ImapEnabled enabled, TimeProvider clock)
{
    private const string UnknownCharset = "NO [BADCHARSET (US-ASCII UTF-8)] The specified charset is not supported.";

    private ImapMailboxView View => selection.View;

    /// <param name="tag">Named in the answer (RFC 4466 section 2.6.2).</param>
    public string Search(string tag, ImapRequest request, bool byUid)
    {
        selection.Tell(byUid);
        request.Space();
        if (ImapSearch.Read(request, selection, offered, clock.GetUtcNow()) is not { } search)
        {
            // RFC 5182 section 2.1: a search that fails leaves nothing saved.
            View.Saved = [];
            return UnknownCharset;
        }
        if (search.UsesModSeq) selection.EnableCondstore();
        var found = search.Find();
        if ((search.Return ?? (enabled.Rev2 ? ImapSearchReturn.All : null)) is { } wanted) TellExtended(tag, search, wanted, found, byUid);
        else
        {
            reply.Raw("* SEARCH"u8);
            foreach (var index in found) reply.Raw(" "u8).Number(Number(index, byUid));
            if (search.UsesModSeq && found.Count > 0) reply.Raw(" (MODSEQ "u8).Number((long)found.Max(i => View[i].ModSeq)).Raw(")"u8);
            reply.Line();
        }
        selection.Tell(byUid);
        return "OK SEARCH completed.";
    }

    public string Sort(ImapRequest request, bool byUid)
    {
        selection.Tell(byUid);
        request.Space();
        var order = ImapSort.Read(request);
        request.Space();
        if (ImapSearch.ReadWithCharset(request, selection, offered, clock.GetUtcNow()) is not { } search) return UnknownCharset;
        if (search.UsesModSeq) selection.EnableCondstore();
        var found = search.Find();
        reply.Raw("* SORT"u8);
        foreach (var index in order.Sorted(found, View)) reply.Raw(" "u8).Number(Number(index, byUid));
        if (search.UsesModSeq && found.Count > 0) reply.Raw(" (MODSEQ "u8).Number((long)found.Max(i => View[i].ModSeq)).Raw(")"u8);
        reply.Line();
        selection.Tell(byUid);
        return "OK SORT completed.";
    }

    public string Thread(ImapRequest request, bool byUid)
    {
        selection.Tell(byUid);
        request.Space();
        var algorithm = request.Atom().ToUpperInvariant();
        if (!offered.Contains("THREAD=" + algorithm)) throw new ImapSyntaxException();
        request.Space();
        if (ImapSearch.ReadWithCharset(request, selection, offered, clock.GetUtcNow()) is not { } search) return UnknownCharset;
        var messages = search.Find().Select(i => new ImapThreadMessage(View[i], Number(i, byUid))).ToList();
        reply.Raw("* THREAD"u8);
        if (messages.Count > 0) reply.Raw(" "u8);
        ImapThreads.Write(reply, algorithm == "REFERENCES" ? ImapThreads.ByReferences(messages) : ImapThreads.BySubject(messages));
        reply.Line();
        selection.Tell(byUid);
        return "OK THREAD completed.";
    }

    private void TellExtended(string tag, ImapSearch search, ImapSearchReturn wanted, IReadOnlyList<int> found, bool byUid)
    {
        var ends = wanted & (ImapSearchReturn.Min | ImapSearchReturn.Max);
        var some = found;
        // RFC 5182 section 2.1 and RFC 7162 section 3.1.10: MIN and MAX alone speak of these messages only.
        if (ends != ImapSearchReturn.None && (wanted & (ImapSearchReturn.All | ImapSearchReturn.Count)) == ImapSearchReturn.None && found.Count > 0)
            some = ends switch { ImapSearchReturn.Min => [found[0]], ImapSearchReturn.Max => [found[^1]], _ => found.Count == 1 ? found : [found[0], found[^1]] };
        if (wanted.HasFlag(ImapSearchReturn.Save)) View.Saved = [.. some.Select(i => View[i].Uid)];
        if (wanted == ImapSearchReturn.Save) return;
        reply.Raw("* ESEARCH (TAG "u8).String(tag).Raw(")"u8);
        if (byUid) reply.Raw(" UID"u8);
        if (wanted.HasFlag(ImapSearchReturn.Min) && found.Count > 0) reply.Raw(" MIN "u8).Number(Number(found[0], byUid));
        if (wanted.HasFlag(ImapSearchReturn.Max) && found.Count > 0) reply.Raw(" MAX "u8).Number(Number(found[^1], byUid));
        if (wanted.HasFlag(ImapSearchReturn.Count)) reply.Raw(" COUNT "u8).Number(found.Count);
        if (wanted.HasFlag(ImapSearchReturn.All) && found.Count > 0) reply.Raw(" ALL "u8).Raw(ImapSet.Write([.. found.Select(i => Number(i, byUid))]));
        if (search.UsesModSeq && found.Count > 0) reply.Raw(" MODSEQ "u8).Number((long)some.Max(i => View[i].ModSeq));
        reply.Line();
    }

    private uint Number(int index, bool byUid) => byUid ? View[index].Uid : (uint)index + 1;
}
