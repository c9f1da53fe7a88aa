namespace Postrider.Mail.Imap;

/// <summary>What is known of a message when a piece of its content begins to arrive.</summary>
/// <param name="Number">Its sequence number.</param>
/// <param name="Uid">Null when the server names it only after the content.</param>
/// <param name="Section">As in <see cref="ImapSection.Name"/>.</param>
/// <param name="Length">Bytes that come.</param>
public readonly record struct ImapFetchedHead(uint Number, uint? Uid, string Section, long Length);

/// <summary>A piece of a message to ask for: BODY.PEEK[name], perhaps only some of its bytes.</summary>
/// <param name="Name">Such as <c>1.2</c>, <c>HEADER</c>, <c>HEADER.FIELDS (SUBJECT DATE)</c>, <c>2.MIME</c>; empty for the whole message.</param>
public sealed record ImapSectionRange(string Name)
{
    /// <summary>The first byte that is wanted; null: from the start to the end.</summary>
    public uint? Offset { get; init; }

    /// <summary>Bytes at most; counts only with <see cref="Offset"/>.</summary>
    public uint Count { get; init; } = uint.MaxValue;
}

/// <summary>A piece of a message as it came.</summary>
/// <param name="Name">As the server named it, without <c>BODY[</c> and <c>]</c>; empty for the whole message.</param>
/// <param name="Offset">Where the bytes begin; null when the piece was asked for whole.</param>
/// <param name="Bytes">Null when the server has none (NIL), or when they went to a stream.</param>
/// <param name="Length">Bytes that came, wherever they went.</param>
public sealed record ImapSection(string Name, uint? Offset, byte[]? Bytes, long Length)
{
    internal static bool IsContent(string item) =>
        item.StartsWith("BODY[", StringComparison.OrdinalIgnoreCase) || item.StartsWith("BINARY[", StringComparison.OrdinalIgnoreCase)
        || item.Equals("RFC822", StringComparison.OrdinalIgnoreCase) || item.Equals("RFC822.TEXT", StringComparison.OrdinalIgnoreCase) || item.Equals("RFC822.HEADER", StringComparison.OrdinalIgnoreCase);

    /// <summary>Between the brackets; for the old names what RFC 3501 section 6.4.5 calls their equals.</summary>
    internal static string NameOf(string item)
    {
        var open = item.IndexOf('[', StringComparison.Ordinal);
        if (open < 0) return item.Length > 7 ? item[7..].ToUpperInvariant() : "";
        var close = item.LastIndexOf(']');
        return close <= open ? "" : item[(open + 1)..close];
    }

    internal static ImapSection? Read(string item, ImapValue value)
    {
        var open = item.LastIndexOf('<');
        uint? offset = open > 0 && item.EndsWith('>') && uint.TryParse(item.AsSpan(open + 1, item.Length - open - 2), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var at) ? at : null;
        return value.Kind switch
        {
            ImapValueKind.Streamed => new(NameOf(item), offset, null, (long)value.Number),
            ImapValueKind.Text => new(NameOf(item), offset, value.Bytes, value.Bytes!.Length),
            // NIL, and what is no string at all.
            _ => new(NameOf(item), offset, null, 0),
        };
    }
}
