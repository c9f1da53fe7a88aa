namespace Postrider.Mail.Imap;

/// <summary>Gathers what FETCH says about one message. Servers may say it in one response or in several (RFC 3501 section 7.4.2).</summary>
internal sealed class ImapFetchReply
{
    // Items of a request, and what one response may add to them: a server that answers with ever more sections for one message is cut here.
    private const int MaxSections = 1000;

    private List<ImapSection>? _sections;

    public uint Number { get; private set; }
    public uint? Uid { get; private set; }
    public IReadOnlyList<string>? Flags { get; private set; }
    public DateTimeOffset? InternalDate { get; private set; }
    public long? Size { get; private set; }
    public ulong? ModSeq { get; private set; }
    public ImapEnvelope? Envelope { get; private set; }
    public ImapBodyPart? Structure { get; private set; }
    public IReadOnlyList<ImapSection> Sections => _sections ?? (IReadOnlyList<ImapSection>)[];

    /// <summary>Of the whole message; null when it was not answered for, or with NIL.</summary>
    public byte[]? Body => _sections?.Find(s => s is { Name: "", Offset: null })?.Bytes;

    /// <summary>The body was answered for, perhaps with NIL.</summary>
    public bool BodySeen => _sections?.Exists(s => s is { Name: "", Offset: null }) ?? false;

    private bool InternalDateSeen { get; set; }
    private bool StructureSeen { get; set; }

    public bool Answers(ImapFetchRequest request) => Uid is not null
        && (!request.Flags || Flags is not null) && (!request.InternalDate || InternalDateSeen) && (!request.Size || Size is not null)
        && (!request.Envelope || Envelope is not null) && (!request.BodyStructure || StructureSeen) && (_sections?.Count ?? 0) >= request.Sections.Count;

    /// <summary>Enough to be worth handing over, though a detail is missing.</summary>
    public bool AnswersInPart(ImapFetchRequest request) => request.Sections.Count > 0 ? _sections is not null : (!request.Flags || Flags is not null) && (!request.Size || Size is not null);

    /// <summary>What a FETCH response holds; names not asked for are passed over.</summary>
    public static ImapFetchReply Read(ImapResponse.Data fetch)
    {
        var reply = Read(fetch.Values);
        reply.Number = fetch.Number ?? 0;
        return reply;
    }

    public static ImapFetchReply Read(IReadOnlyList<ImapValue> values)
    {
        var reply = new ImapFetchReply();
        var items = values is [{ Kind: ImapValueKind.List } list] ? list.Items : values;
        // Domino puts a second pair of parentheses around the items (corpus imap-mailkit-transcripts, domino/fetch-extra-parens).
        if (items is [{ Kind: ImapValueKind.List } inner]) items = inner.Items;
        for (var i = 0; i + 1 < items.Count; i += 2) reply.Take(items[i], items[i + 1]);
        return reply;
    }

    private void Take(ImapValue item, ImapValue value)
    {
        if (item.Kind != ImapValueKind.Atom) return;
        if (item.IsAtom("UID")) Uid = value.AsUInt32() is > 0 and var uid ? uid : null;
        else if (item.IsAtom("FLAGS")) Flags = ReadFlags(value);
        else if (item.IsAtom("RFC822.SIZE")) Size = value.AsInt64();
        else if (item.IsAtom("INTERNALDATE"))
        {
            InternalDateSeen = true;
            InternalDate = ImapDates.ReadInternal(value.AsString());
        }
        else if (ImapSection.IsContent(item.AsString()!))
        {
            if (_sections is { Count: MaxSections }) return;
            (_sections ??= new(1)).Add(ImapSection.Read(item.AsString()!, value)!);
        }
        else if (item.IsAtom("MODSEQ")) ModSeq = value.Items is [{ Kind: ImapValueKind.Number } modSeq] ? modSeq.Number : null;
        else if (item.IsAtom("ENVELOPE")) Envelope = ImapEnvelope.Read(value);
        else if (item.IsAtom("BODYSTRUCTURE") || item.IsAtom("BODY"))
        {
            StructureSeen = true;
            Structure = ImapBodyPart.Read(value);
        }
    }

    private static List<string> ReadFlags(ImapValue value)
    {
        var items = value.Items;
        var flags = new List<string>(items.Count);
        for (var i = 0; i < items.Count; i++)
            if (items[i].AsString() is { } flag) flags.Add(flag);
        return flags;
    }

    /// <summary>Takes over what the later response knows.</summary>
    public void Merge(ImapFetchReply later)
    {
        Number = later.Number;
        Flags = later.Flags ?? Flags;
        Size = later.Size ?? Size;
        InternalDate = later.InternalDate ?? InternalDate;
        InternalDateSeen |= later.InternalDateSeen;
        ModSeq = later.ModSeq ?? ModSeq;
        Envelope = later.Envelope ?? Envelope;
        Structure = later.Structure ?? Structure;
        StructureSeen |= later.StructureSeen;
        if (later._sections is null || (_sections?.Count ?? 0) + later._sections.Count > MaxSections) return;
        (_sections ??= []).AddRange(later._sections);
    }

    public ImapFetched ToFetched() => new(Uid!.Value, Flags ?? [], InternalDate, Size, Body) { Number = Number, ModSeq = ModSeq, Envelope = Envelope, Structure = Structure, Sections = Sections };
}
