namespace Postrider.Mail.Imap;

/// <summary>What a client is told of its selected mailbox without having asked (RFC 3501 section 7.3).</summary>
internal sealed class ImapNews(ImapMailboxView view, ImapReply reply, ImapEnabled enabled)
{
    /// <summary>Tells what changed since the last time, expunges too: only where the client may learn of them (RFC 3501 section 7.4.1).</summary>
    public void TellChanges() => Tell(view.Refresh());

    /// <summary>Tells what leaves all sequence numbers as they are.</summary>
    public void TellChangesButExpunges() => Tell(view.Refresh(expunges: false));

    public void TellExists()
    {
        reply.Raw("* "u8).Number(view.Count).Line(" EXISTS");
        if (!enabled.Rev2) reply.Raw("* "u8).Number(view.RecentCount).Line(" RECENT");
    }

    /// <param name="flags">False: only the mod-sequence, which a client that said .SILENT is told all the same (RFC 7162 section 3.1.3).</param>
    public void TellFlags(int number, bool withUid, bool flags = true)
    {
        var message = view[number - 1];
        reply.Raw("* "u8).Number(number).Raw(" FETCH ("u8);
        if (withUid) reply.Raw("UID "u8).Number(message.Uid);
        if (flags)
        {
            if (withUid) reply.Raw(" "u8);
            WriteFlags(message);
        }
        if (enabled.Condstore && message.ModSeq > 0)
        {
            if (withUid || flags) reply.Raw(" "u8);
            WriteModSeq(message);
        }
        reply.Raw(")"u8).Line();
    }

    public void WriteFlags(ImapStoredMessage message) => reply.Raw("FLAGS "u8).Flags(view.IsRecent(message) ? ["\\Recent", .. message.Flags] : message.Flags);

    public void WriteModSeq(ImapStoredMessage message) => reply.Raw("MODSEQ ("u8).Number((long)message.ModSeq).Raw(")"u8);

    private void Tell(ImapViewChange? change)
    {
        if (change is null) return;
        foreach (var number in change.Expunged) reply.Raw("* "u8).Number(number).Line(" EXPUNGE");
        if (change.Grew) TellExists();
        foreach (var number in change.Changed) TellFlags(number, withUid: true);
    }
}
