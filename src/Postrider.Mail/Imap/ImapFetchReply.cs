using System.Globalization;

namespace Postrider.Mail.Imap;

/// <summary>Gathers what FETCH says about one message. Servers may say it in one response or in several (RFC 3501 section 7.4.2).</summary>
internal sealed class ImapFetchReply
{
    public uint? Uid { get; private set; }
    public IReadOnlyList<string>? Flags { get; private set; }
    public DateTimeOffset? InternalDate { get; private set; }
    public long? Size { get; private set; }
    public byte[]? Body { get; private set; }

    /// <summary>The body was answered for, perhaps with NIL.</summary>
    public bool BodySeen { get; private set; }

    private bool InternalDateSeen { get; set; }

    public bool IsComplete(bool withBody) => Uid is not null && Flags is not null && InternalDateSeen && Size is not null && (!withBody || BodySeen);

    /// <summary>What the values of a FETCH response hold; names not asked for are passed over.</summary>
    public static ImapFetchReply Read(IReadOnlyList<ImapValue> values)
    {
        var reply = new ImapFetchReply();
        var items = values is [{ Kind: ImapValueKind.List } list] ? list.Items : values;
        for (var i = 0; i + 1 < items.Count; i += 2)
        {
            var value = items[i + 1];
            if (items[i].IsAtom("UID")) reply.Uid = value is { Kind: ImapValueKind.Number, Number: > 0 and <= uint.MaxValue } ? (uint)value.Number : null;
            else if (items[i].IsAtom("FLAGS")) reply.Flags = [.. value.Items.Select(f => f.AsString()).OfType<string>()];
            else if (items[i].IsAtom("RFC822.SIZE")) reply.Size = value.Kind == ImapValueKind.Number && value.Number <= long.MaxValue ? (long)value.Number : null;
            else if (items[i].IsAtom("INTERNALDATE"))
            {
                reply.InternalDateSeen = true;
                reply.InternalDate = ImapDates.ReadInternal(value.AsString());
            }
            else if (items[i].IsAtom("BODY[]"))
            {
                reply.BodySeen = true;
                reply.Body = value.Bytes;
            }
        }
        return reply;
    }

    /// <summary>Takes over what the later response knows.</summary>
    public void Merge(ImapFetchReply later)
    {
        Flags = later.Flags ?? Flags;
        Size = later.Size ?? Size;
        InternalDate = later.InternalDate ?? InternalDate;
        InternalDateSeen |= later.InternalDateSeen;
        Body = later.Body ?? Body;
        BodySeen |= later.BodySeen;
    }

    public ImapFetched ToFetched(bool withBody) => new(Uid!.Value, Flags ?? [], InternalDate, Size, withBody ? Body : null);
}
