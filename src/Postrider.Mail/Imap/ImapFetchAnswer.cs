namespace Postrider.Mail.Imap;

/// <summary>Writes the answers to FETCH (RFC 3501 section 7.4.2).</summary>
internal sealed class ImapFetchAnswer(ImapMailboxView view, ImapNews news, ImapServerLine line, ImapEnabled enabled)
{
    private readonly ImapReply _reply = line.Reply;

    /// <summary>All <paramref name="items"/> of one message; sets <c>\Seen</c> where one of them asks for it. A long literal goes out in pieces.</summary>
    /// <returns>False when a part cannot be decoded as BINARY wants it: then nothing is written.</returns>
    public async Task<bool> WriteAsync(int index, IReadOnlyList<ImapFetchItem> items, bool byUid)
    {
        var sections = new ImapSections(view[index].Bytes);
        if (!items.All(i => i.Kind is not (ImapFetchKind.Binary or ImapFetchKind.BinarySize) || sections.TryDecode(i, out _))) return false;
        var marked = items.Any(i => i.Marks) && !view.IsReadOnly && !ImapFlags.Has(view[index], "\\Seen")
            && view.ChangeFlags(index, m => ImapFlags.Has(m, "\\Seen") ? m.Flags : ImapFlags.Settable([.. m.Flags, "\\Seen"]));
        var message = view[index];
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
            if (item.Kind == ImapFetchKind.Flags)
            {
                news.WriteFlags(message);
                continue;
            }
            if (item.Kind == ImapFetchKind.ModSeq)
            {
                news.WriteModSeq(message);
                continue;
            }
            _reply.Raw(item.Label).Raw(" "u8);
            switch (item.Kind)
            {
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
                case ImapFetchKind.BinarySize:
                    sections.TryDecode(item, out var whole);
                    _reply.Number(whole?.Length ?? 0);
                    break;
                case ImapFetchKind.Binary:
                    sections.TryDecode(item, out var decoded);
                    await WriteAsync(decoded, binary: true);
                    break;
                default:
                    await WriteAsync(sections.Find(item), binary: false);
                    break;
            }
        }
        if (marked && items.All(i => i.Kind != ImapFetchKind.Flags))
        {
            _reply.Raw(" "u8);
            news.WriteFlags(message);
        }
        if (marked && enabled.Condstore && items.All(i => i.Kind != ImapFetchKind.ModSeq))
        {
            _reply.Raw(" "u8);
            news.WriteModSeq(message);
        }
        _reply.Raw(")"u8).Line();
        return true;
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<byte>? bytes, bool binary)
    {
        if (bytes is { } some) await line.WriteLiteralAsync(some, binary);
        else _reply.Raw("NIL"u8);
    }
}
