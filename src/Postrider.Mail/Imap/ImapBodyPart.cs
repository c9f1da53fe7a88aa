using System.Globalization;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Imap;

/// <summary>A part of a message as BODYSTRUCTURE or BODY tells it (RFC 3501 section 7.4.2).</summary>
/// <param name="Section">What to ask for to get it: <c>1.2</c>; empty for a message that is a multipart.</param>
/// <param name="MediaType">Lower case, such as <c>text/plain</c>.</param>
/// <param name="Parameters">Names in lower case; values as the server sent them.</param>
public sealed record ImapBodyPart(string Section, string MediaType, IReadOnlyDictionary<string, string> Parameters)
{
    private static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>();

    public string? Id { get; init; }
    public string? Description { get; init; }
    /// <summary>Lower case, such as <c>base64</c>; null for a multipart.</summary>
    public string? Encoding { get; init; }
    /// <summary>Encoded bytes; null for a multipart.</summary>
    public long? Size { get; init; }
    /// <summary>Of a text or an enclosed message; null otherwise.</summary>
    public long? Lines { get; init; }
    /// <summary>Of an enclosed message; null otherwise.</summary>
    public ImapEnvelope? Envelope { get; init; }
    /// <summary>Of a multipart; an enclosed message has one, its own structure.</summary>
    public IReadOnlyList<ImapBodyPart> Parts { get; init; } = [];
    /// <summary>Lower case, such as <c>attachment</c>; null when the message says none, or the server does not tell.</summary>
    public string? Disposition { get; init; }
    public IReadOnlyDictionary<string, string> DispositionParameters { get; init; } = None;
    public IReadOnlyList<string> Languages { get; init; } = [];
    public string? Location { get; init; }

    /// <summary>Encoded words read; null when the part has no name.</summary>
    public string? FileName => (DispositionParameters.GetValueOrDefault("filename") ?? Parameters.GetValueOrDefault("name")) is { } name ? EncodedWord.Decode(name) : null;

    /// <returns>Null when the value is no structure.</returns>
    internal static ImapBodyPart? Read(ImapValue value) => Read(value, "");

    // The parser bounds the depth of a response, and with it this one's.
    private static ImapBodyPart? Read(ImapValue value, string parent)
    {
        if (value.Kind != ImapValueKind.List) return null;
        var items = value.Items;
        if (items is [{ Kind: ImapValueKind.List }, ..]) return Multipart(items, parent);
        if (items.Count < 7) return EmptyMultipart(items, parent);
        var section = parent.Length == 0 ? "1" : parent;
        var type = Lower(items[0]) ?? "application";
        var part = new ImapBodyPart(section, type + "/" + (Lower(items[1]) ?? "octet-stream"), Pairs(items[2]))
        {
            Id = items[3].AsString(),
            Description = items[4].AsString() is { } text ? EncodedWord.Decode(text) : null,
            Encoding = Lower(items[5]),
            Size = items[6].AsInt64(),
        };
        var next = 7;
        if (part.MediaType is "message/rfc822" or "message/global" && items.Count >= 9 && items[7].Kind == ImapValueKind.List)
        {
            // RFC 3501 section 6.4.5: the parts of an enclosed message are numbered below the part that holds it.
            var inside = Read(items[8], section);
            if (inside is not null && inside.Section == section) inside = inside with { Section = inside.Parts.Count > 0 || inside.MediaType.StartsWith("multipart/", StringComparison.Ordinal) ? section + ".TEXT" : section + ".1" };
            part = part with { Envelope = ImapEnvelope.Read(items[7]), Parts = inside is null ? [] : [inside], Lines = items.Count > 9 ? items[9].AsInt64() : null };
            next = 10;
        }
        else if (type == "text")
        {
            part = part with { Lines = items.Count > 7 ? items[7].AsInt64() : null };
            next = 8;
        }
        // Extension data begins with the MD5 of the body, which nobody asks for.
        return part.WithExtension(items, next + 1);
    }

    private static ImapBodyPart Multipart(IReadOnlyList<ImapValue> items, string parent)
    {
        var parts = new List<ImapBodyPart>();
        var at = 0;
        for (; at < items.Count && items[at].Kind == ImapValueKind.List; at++)
        {
            var section = parent.Length == 0 ? (at + 1).ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{parent}.{at + 1}");
            if (Read(items[at], section) is { } part) parts.Add(part);
        }
        var whole = new ImapBodyPart(parent, "multipart/" + (at < items.Count ? Lower(items[at]) ?? "mixed" : "mixed"), at + 1 < items.Count ? Pairs(items[at + 1]) : None) { Parts = parts };
        return whole.WithExtension(items, at + 2);
    }

    // Some servers answer a multipart without parts with its subtype alone, or with NIL in place of the parts.
    private static ImapBodyPart? EmptyMultipart(IReadOnlyList<ImapValue> items, string parent)
    {
        var at = items is [{ Kind: ImapValueKind.Nil }, ..] ? 1 : 0;
        if (items.Count <= at || Lower(items[at]) is not { } subtype) return null;
        return new ImapBodyPart(parent, "multipart/" + subtype, at + 1 < items.Count ? Pairs(items[at + 1]) : None).WithExtension(items, at + 2);
    }

    private ImapBodyPart WithExtension(IReadOnlyList<ImapValue> items, int at)
    {
        if (at >= items.Count) return this;
        var part = this;
        if (items[at].Items is [var disposition, ..] list) part = part with { Disposition = Lower(disposition), DispositionParameters = list.Count > 1 ? Pairs(list[1]) : None };
        else if (Lower(items[at]) is { } bare) part = part with { Disposition = bare };
        if (at + 1 < items.Count)
            part = part with { Languages = items[at + 1].Kind == ImapValueKind.List ? [.. items[at + 1].Items.Select(l => l.AsString()).OfType<string>()] : items[at + 1].AsString() is { } one ? [one] : [] };
        return at + 2 < items.Count ? part with { Location = items[at + 2].AsString() } : part;
    }

    private static IReadOnlyDictionary<string, string> Pairs(ImapValue list)
    {
        if (list.Items.Count < 2) return None;
        var pairs = new Dictionary<string, string>(list.Items.Count / 2, StringComparer.Ordinal);
        for (var i = 0; i + 1 < list.Items.Count; i += 2)
            if (Lower(list.Items[i]) is { } name) pairs.TryAdd(name, list.Items[i + 1].AsString() ?? "");
        return pairs;
    }

    private static string? Lower(ImapValue value) => value.AsString()?.ToLowerInvariant();
}
