using System.Runtime.InteropServices;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Imap;

/// <summary>A stored message taken apart for FETCH: every section is a slice of the stored bytes.</summary>
internal sealed class ImapSections(ReadOnlyMemory<byte> bytes)
{
    private MimeMessage? _content;

    public MimeMessage Content => _content ??= MimeMessage.Read(bytes);

    /// <returns>Null when the message has no such section: answered with NIL.</returns>
    public ReadOnlyMemory<byte>? Find(ImapFetchItem item) => Cut(FindWhole(item), item);

    /// <returns>False when the part's transfer encoding is not known, so that it cannot be taken off.</returns>
    public bool TryDecode(ImapFetchItem item, out ReadOnlyMemory<byte>? decoded)
    {
        decoded = null;
        if (item.Path.Count == 0) decoded = bytes;
        else if (FindPart(item.Path) is { } part)
        {
            if (part.Children.Count > 0) decoded = part.RawBody;
            else if (!TransferEncoding.IsKnown(part.TransferEncodingName)) return false;
            else decoded = TransferEncoding.IsIdentity(part.TransferEncodingName) ? part.RawBody : Decoded(part);
        }
        decoded = Cut(decoded, item);
        return true;
    }

    // RFC 2045 section 6.8: what is not in the alphabet is passed over. Spaces within lines, which no encoder writes, are taken for text by those who read for people.
    private static byte[] Decoded(MimePart part) =>
        part.TransferEncodingName != TransferEncoding.Base64Name || part.RawBody.Span.IndexOfAny(" \t"u8) < 0 ? part.DecodeBytes()
        : TransferEncoding.Decode(part.RawBody.ToArray().Where(b => b is not ((byte)' ' or (byte)'\t')).ToArray(), TransferEncoding.Base64Name);

    private static ReadOnlyMemory<byte>? Cut(ReadOnlyMemory<byte>? found, ImapFetchItem item)
    {
        if (found is not { } section || item.Partial is not { } partial) return found;
        if (partial.Offset >= section.Length) return ReadOnlyMemory<byte>.Empty;
        return section.Slice((int)partial.Offset, (int)Math.Min(partial.Length, section.Length - partial.Offset));
    }

    private ReadOnlyMemory<byte>? FindWhole(ImapFetchItem item)
    {
        if (item.Path.Count == 0)
        {
            if (item.Text == ImapSectionText.Whole) return bytes;
            var end = HeaderEnd(bytes.Span);
            return item.Text switch
            {
                ImapSectionText.Header => bytes[..end],
                ImapSectionText.Text => bytes[end..],
                _ => PickFields(bytes.Span[..end], item),
            };
        }
        if (FindPart(item.Path) is not { } part) return null;
        switch (item.Text)
        {
            case ImapSectionText.Whole: return part.RawBody;
            case ImapSectionText.Mime: return Section(part);
        }
        // HEADER and TEXT of a part are those of the message it encloses (RFC 3501 section 6.4.5).
        if (part.MediaType != "message/rfc822" || part.Children is not [var enclosed]) return null;
        return item.Text switch
        {
            ImapSectionText.Header => Section(enclosed),
            ImapSectionText.Text => enclosed.RawBody,
            _ => PickFields(Section(enclosed).Span, item),
        };
    }

    private MimePart? FindPart(IReadOnlyList<int> path)
    {
        var part = Content.Root;
        for (var depth = 0; depth < path.Count; depth++)
        {
            // Below an enclosed message its own parts are numbered.
            var enclosing = depth > 0 && part.MediaType == "message/rfc822" && part.Children is [_];
            if (enclosing) part = part.Children[0];
            if (part.Children.Count > 0 && part.MediaType.StartsWith("multipart/", StringComparison.Ordinal))
            {
                if (path[depth] > part.Children.Count) return null;
                part = part.Children[path[depth] - 1];
            }
            // A message that is no multipart has one part: its body (RFC 3501 section 6.4.5).
            else if (path[depth] != 1 || (depth > 0 && !enclosing)) return null;
        }
        return part;
    }

    /// <summary>The header of a part with the empty line behind it.</summary>
    private static ReadOnlyMemory<byte> Section(MimePart part)
    {
        if (MemoryMarshal.TryGetArray(part.RawHeaders, out var header) && MemoryMarshal.TryGetArray(part.RawBody, out var body)
            && header.Array == body.Array && body.Offset >= header.Offset)
            return header.Array.AsMemory(header.Offset, body.Offset - header.Offset);
        return part.RawHeaders;
    }

    /// <summary>Where the body begins: after the first empty line, which belongs to the header (RFC 3501 section 6.4.5).</summary>
    internal static int HeaderEnd(ReadOnlySpan<byte> message)
    {
        for (var position = 0; position < message.Length;)
        {
            var line = message[position..];
            var end = line.IndexOf((byte)'\n');
            if (end < 0) return message.Length;
            position += end + 1;
            if (end == 0 || (end == 1 && line[0] == '\r')) return position;
        }
        return message.Length;
    }

    private static byte[] PickFields(ReadOnlySpan<byte> header, ImapFetchItem item)
    {
        var picked = new MemoryStream();
        var wanted = false;
        for (var position = 0; position < header.Length;)
        {
            var end = header[position..].IndexOf((byte)'\n');
            var line = end < 0 ? header[position..] : header.Slice(position, end + 1);
            position += line.Length;
            if (line is [(byte)'\r' or (byte)'\n', ..]) break;
            if (line[0] is not ((byte)' ' or (byte)'\t'))
            {
                var colon = line.IndexOf((byte)':');
                var name = colon < 0 ? "" : System.Text.Encoding.Latin1.GetString(line[..colon].TrimEnd(" \t"u8));
                wanted = colon > 0 && item.Fields.Contains(name, StringComparer.OrdinalIgnoreCase) == (item.Text == ImapSectionText.HeaderFields);
            }
            if (wanted) picked.Write(line);
        }
        picked.Write("\r\n"u8);
        return picked.ToArray();
    }
}
