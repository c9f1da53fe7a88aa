using System.Globalization;
using System.Text;

namespace Postrider.Mail.Imap;

/// <summary>What to ask of messages. Sections come by PEEK: nothing is marked as read.</summary>
public sealed record ImapFetchRequest
{
    public bool Flags { get; init; } = true;
    public bool InternalDate { get; init; }
    public bool Size { get; init; }
    public bool Envelope { get; init; }
    public bool BodyStructure { get; init; }
    /// <summary>Left out where the server has no CONDSTORE (RFC 7162).</summary>
    public bool ModSeq { get; init; }
    public IReadOnlyList<ImapSectionRange> Sections { get; init; } = [];
    /// <summary>Only messages that changed after this MODSEQ (RFC 7162 section 3.1.4.1); refused where the server has no CONDSTORE. Null: all.</summary>
    public ulong? ChangedSince { get; init; }

    internal ImapCommand Write(ImapCommand command, bool condStore)
    {
        if (ChangedSince is not null && !condStore) command.Refuse("The server keeps no MODSEQ (CONDSTORE), so it cannot tell what changed.");
        var items = new StringBuilder("(UID");
        if (Flags) items.Append(" FLAGS");
        if (InternalDate) items.Append(" INTERNALDATE");
        if (Size) items.Append(" RFC822.SIZE");
        if (Envelope) items.Append(" ENVELOPE");
        if (BodyStructure) items.Append(" BODYSTRUCTURE");
        if (ModSeq && condStore) items.Append(" MODSEQ");
        foreach (var section in Sections)
        {
            command.CheckSection(section.Name);
            items.Append(" BODY.PEEK[").Append(section.Name).Append(']');
            if (section.Offset is { } offset) items.Append(CultureInfo.InvariantCulture, $"<{offset}.{section.Count}>");
        }
        command.Raw(items.Append(')').ToString());
        return ChangedSince is { } since ? command.Raw(string.Create(CultureInfo.InvariantCulture, $"(CHANGEDSINCE {since})")) : command;
    }
}

/// <summary>One message's answer to FETCH. <see cref="Body"/> is null when it was not asked for, went to a stream, or the message is gone.</summary>
/// <param name="Size">Bytes; null when not asked for.</param>
public sealed record ImapFetched(uint Uid, IReadOnlyList<string> Flags, DateTimeOffset? InternalDate, long? Size, byte[]? Body)
{
    /// <summary>The sequence number at the time of the answer.</summary>
    public uint Number { get; init; }
    /// <summary>Null when not asked for, or the server keeps none.</summary>
    public ulong? ModSeq { get; init; }
    /// <summary>Null when not asked for.</summary>
    public ImapEnvelope? Envelope { get; init; }
    /// <summary>Null when not asked for, or when it is not one.</summary>
    public ImapBodyPart? Structure { get; init; }
    /// <summary>In the order of the answer.</summary>
    public IReadOnlyList<ImapSection> Sections { get; init; } = [];
}
