using Postrider.Mail.Mime;

namespace Postrider.Mail.Imap;

/// <summary>One address of an ENVELOPE (RFC 3501 section 7.4.2), encoded words read.</summary>
/// <param name="Name">Null when there is none.</param>
/// <param name="Mailbox">The local part; with a null <paramref name="Host"/> the name of the group that begins here, null where it ends.</param>
/// <param name="Host">Null for the marks of a group; servers that do not know the domain send a word of their own, such as <c>MISSING_DOMAIN</c>.</param>
public sealed record ImapAddress(string? Name, string? Mailbox, string? Host)
{
    public override string ToString() => Host is null ? Mailbox ?? "" : Mailbox + "@" + Host;
}

/// <summary>What the server read out of a message's header (RFC 3501 section 7.4.2), encoded words read. Null and empty lists: the field is not there, or the server could not read it.</summary>
/// <param name="Date">As it stands in the message.</param>
public sealed record ImapEnvelope(string? Date, string? Subject, IReadOnlyList<ImapAddress> From, IReadOnlyList<ImapAddress> Sender, IReadOnlyList<ImapAddress> ReplyTo,
    IReadOnlyList<ImapAddress> To, IReadOnlyList<ImapAddress> Cc, IReadOnlyList<ImapAddress> Bcc, string? InReplyTo, string? MessageId)
{
    /// <returns>Null when the value has not the ten fields of an envelope.</returns>
    internal static ImapEnvelope? Read(ImapValue value) => value.Items is [var date, var subject, var from, var sender, var replyTo, var to, var cc, var bcc, var inReplyTo, var messageId, ..]
        ? new(date.AsString(), Decoded(subject), Addresses(from), Addresses(sender), Addresses(replyTo), Addresses(to), Addresses(cc), Addresses(bcc), inReplyTo.AsString(), messageId.AsString())
        : null;

    private static List<ImapAddress> Addresses(ImapValue list)
    {
        var addresses = new List<ImapAddress>(list.Items.Count);
        foreach (var one in list.Items)
            if (one.Items is [var name, _, var mailbox, var host, ..]) addresses.Add(new(Decoded(name), mailbox.AsString(), host.AsString()));
        return addresses;
    }

    private static string? Decoded(ImapValue value) => value.AsString() is { } text ? EncodedWord.Decode(text) : null;
}
