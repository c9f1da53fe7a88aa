namespace Postrider.Mail.Imap;

/// <summary>What a client is told of its selected mailbox without having asked (RFC 3501 section 7.3).</summary>
internal sealed class ImapNews(ImapMailboxView view, ImapReply reply)
{
    /// <summary>Tells what changed since the last time. Only where the client may learn of expunges (RFC 3501 section 7.4.1).</summary>
    public void TellChanges()
    {
        if (view.Refresh() is not { } change) return;
        foreach (var number in change.Expunged) reply.Raw("* "u8).Number(number).Line(" EXPUNGE");
        if (change.Grew) TellExists();
        foreach (var number in change.Flags) TellFlags(number, withUid: true);
    }

    public void TellExists()
    {
        reply.Raw("* "u8).Number(view.Count).Line(" EXISTS");
        reply.Line("* 0 RECENT");
    }

    public void TellFlags(int number, bool withUid)
    {
        var message = view[number - 1];
        reply.Raw("* "u8).Number(number).Raw(" FETCH ("u8);
        if (withUid) reply.Raw("UID "u8).Number(message.Uid).Raw(" "u8);
        reply.Raw("FLAGS "u8).Flags(message.Flags).Raw(")"u8).Line();
    }
}
