namespace Postrider.Mail.Imap;

/// <summary>Writes the answers to FETCH (RFC 3501 section 7.4.2).</summary>
internal sealed class ImapFetchAnswer(ImapMailboxView view, ImapServerLine line)
{
    private readonly ImapReply _reply = line.Reply;

    /// <summary>All <paramref name="items"/> of one message; sets <c>\Seen</c> where one of them asks for it. A long literal goes out in pieces.</summary>
    public async Task WriteAsync(int index, IReadOnlyList<ImapFetchItem> items, bool byUid)
    {
        var marked = items.Any(i => i.Marks) && !view.IsReadOnly && !ImapFlags.Has(view[index], "\\Seen");
        if (marked) view.ChangeFlags(index, flags => ImapFlags.Settable([.. flags, "\\Seen"]));
        var message = view[index];
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
                    else await line.WriteLiteralAsync(bytes);
                    break;
            }
        }
        if (marked && items.All(i => i.Kind != ImapFetchKind.Flags)) _reply.Raw(" FLAGS "u8).Flags(message.Flags);
        _reply.Raw(")"u8).Line();
    }
}
