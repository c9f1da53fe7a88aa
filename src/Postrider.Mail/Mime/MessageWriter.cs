using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>Writes a draft: fields, then mixed ( related ( alternative ( text, html ), inline parts ), attachments ), leaving out every level that would hold one part only.</summary>
internal static class MessageWriter
{
    // The first and the newest; a longer line of ancestors helps nobody (RFC 5322 section 3.6.4 sets no limit, mail servers do).
    private const int ReferencesLimit = 30;
    private const int IdLimit = 900;

    // Written from the draft's own members or by the writer itself. Bcc would show who was hidden.
    private static readonly HashSet<string> Reserved = new(StringComparer.OrdinalIgnoreCase)
    {
        "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-Bcc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version",
    };

    /// <summary>A part to write. <see cref="Children"/> null: a leaf.</summary>
    private sealed record Node(string MediaType, KeyValuePair<string, string>[] Parameters)
    {
        public List<Node>? Children { get; init; }
        public byte[] Body { get; init; } = [];
        public string Encoding { get; init; } = "7bit";
        public string? FileName { get; init; }
        public string? ContentId { get; init; }
        public string? Disposition { get; init; }
    }

    public static byte[] Write(MessageDraft draft)
    {
        var root = Root(draft);
        var size = 4096 + Size(root);
        var into = new ArrayBufferWriter<byte>(size);
        WriteFields(draft, new HeaderWriter(into));
        WriteNode(root, into, Boundaries(root));
        // The message ends with a line end, as SMTP's DATA wants it (RFC 5321 section 4.1.1.4).
        if (!into.WrittenSpan.EndsWith("\r\n"u8)) into.Write("\r\n"u8);
        return into.WrittenSpan.ToArray();
    }

    private static void WriteFields(MessageDraft draft, HeaderWriter header)
    {
        if (!IsId(draft.MessageId)) throw new FormatException("The message id is not allowed: it has to be printable ASCII without spaces and angle brackets.");
        header.Token("Date", draft.Date.ToString("ddd, dd MMM yyyy HH:mm:ss ", CultureInfo.InvariantCulture) + draft.Date.ToString("zzz", CultureInfo.InvariantCulture).Replace(":", "", StringComparison.Ordinal));
        header.Addresses("From", [draft.From]);
        if (draft.Sender is not null) header.Addresses("Sender", [draft.Sender]);
        header.Addresses("Reply-To", draft.ReplyTo);
        header.Addresses("To", draft.To);
        header.Addresses("Cc", draft.Cc);
        // Some servers refuse a message that names nobody; this group names nobody by its grammar.
        if (draft.To.Count + draft.Cc.Count == 0) header.Token("To", "undisclosed-recipients:;");
        header.Text("Subject", draft.Subject);
        header.Token("Message-ID", "<" + draft.MessageId + ">");
        if (draft.InReplyTo is { } parent && IsId(parent)) header.Token("In-Reply-To", "<" + parent + ">");
        var references = draft.References.Where(IsId).Select(id => "<" + id + ">").ToList();
        if (references.Count > ReferencesLimit) references.RemoveRange(1, references.Count - ReferencesLimit);
        if (references.Count > 0) header.Token("References", references.ToArray());
        foreach (var (name, value) in draft.ExtraHeaders)
        {
            if (!IsExtraName(name)) throw new FormatException($"The header name '{HeaderText.Clean(name)}' is not allowed.");
            header.Text(name, value);
        }
        header.Token("MIME-Version", "1.0");
    }

    private static bool IsId(string id) => id.Length is > 0 and <= IdLimit && !id.AsSpan().ContainsAnyExceptInRange('!', '~') && !id.AsSpan().ContainsAny('<', '>');

    private static bool IsExtraName(string name) =>
        name.Length is > 0 and <= 70 && !name.AsSpan().ContainsAnyExceptInRange('!', '~') && !name.Contains(':', StringComparison.Ordinal)
        && !Reserved.Contains(name) && !name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase);

    private static Node Root(MessageDraft draft)
    {
        var bodies = new List<Node>();
        if (draft.Text is not null || draft.Html is null) bodies.Add(TextNode("text/plain", draft.Text ?? ""));
        if (draft.Html is not null) bodies.Add(TextNode("text/html", draft.Html));
        var body = bodies.Count == 1 ? bodies[0] : Multipart("multipart/alternative", bodies);

        var inline = draft.Html is null ? [] : draft.Attachments.Where(a => a.ContentId is not null).Select(a => AttachmentNode(a, "inline")).ToList();
        if (inline.Count > 0) body = Multipart("multipart/related", [body, .. inline], new KeyValuePair<string, string>("type", body.MediaType));

        var attached = draft.Attachments.Where(a => a.ContentId is null || draft.Html is null).Select(a => AttachmentNode(a, "attachment")).ToList();
        return attached.Count == 0 ? body : Multipart("multipart/mixed", [body, .. attached]);
    }

    private static Node Multipart(string mediaType, List<Node> children, params KeyValuePair<string, string>[] parameters) => new(mediaType, parameters) { Children = children };

    private static Node TextNode(string mediaType, string text)
    {
        var (encoding, body) = BodyEncoding.Encode(BodyEncoding.Utf8Lines(text));
        return new Node(mediaType, [new("charset", "utf-8")]) { Encoding = encoding, Body = body };
    }

    private static Node AttachmentNode(DraftAttachment attachment, string disposition)
    {
        var type = ParameterReader.Read(HeaderText.Breakless(attachment.MediaType));
        var mediaType = type.Value;
        // A multipart must not be encoded (RFC 2045 section 6.4), an enclosed message neither (RFC 2046 section 5.2.1); one that would need it travels as a plain file.
        var whole = mediaType is "message/rfc822" or "message/global";
        if (!IsMediaType(mediaType) || mediaType.StartsWith("multipart/", StringComparison.Ordinal) || (whole && !BodyEncoding.IsSevenBit(attachment.Bytes.Span)))
            (mediaType, type) = ("application/octet-stream", new("", new Dictionary<string, string>(StringComparer.Ordinal)));
        var (encoding, body) = BodyEncoding.Encode(attachment.Bytes.Span);
        var contentId = attachment.ContentId?.Trim().TrimStart('<').TrimEnd('>');
        return new Node(mediaType, type.Parameters.Where(p => p.Key is not ("name" or "boundary") && IsToken(p.Key)).ToArray())
        {
            Encoding = encoding,
            Body = body,
            FileName = HeaderText.Clean(HeaderText.Breakless(attachment.FileName)) is var name && !string.IsNullOrWhiteSpace(name) ? name : null,
            ContentId = contentId is not null && IsId(contentId) ? contentId : null,
            Disposition = disposition,
        };
    }

    internal static bool IsMediaType(string text) => text.Split('/') is [var type, var subtype] && IsToken(type) && IsToken(subtype) && text.Length <= 127; // RFC 6838 section 4.2

    private static bool IsToken(string text) => text.Length is > 0 and <= 60 && text.All(c => char.IsAsciiLetterOrDigit(c) || "!#$&-^_.+".Contains(c, StringComparison.Ordinal));

    private static int Size(Node node) => 512 + node.Body.Length + (node.Children?.Sum(Size) ?? 0);

    private static IEnumerable<Node> Leaves(Node node) => node.Children is null ? [node] : node.Children.SelectMany(Leaves);

    /// <summary>From the content, so equal drafts give equal bytes; tried again in the unlikely case that the content holds one.</summary>
    private static Queue<string> Boundaries(Node root)
    {
        var boundaries = new Queue<string>();
        if (root.Children is null) return boundaries;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var leaf in Leaves(root)) hash.AppendData(leaf.Body);
        var digest = hash.GetHashAndReset();
        for (var n = 0; boundaries.Count < 3; n++) // mixed, related, alternative
        {
            hash.AppendData(digest);
            hash.AppendData([(byte)n, (byte)(n >> 8)]);
            // "=_" occurs neither in quoted-printable nor in base64 (RFC 2045 section 6.7).
            var boundary = "=_" + Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 15));
            var bytes = Encoding.ASCII.GetBytes(boundary);
            if (!Leaves(root).Any(leaf => leaf.Body.AsSpan().IndexOf(bytes) >= 0)) boundaries.Enqueue(boundary);
        }
        return boundaries;
    }

    /// <summary>
    /// The plain name for readers that do not know RFC 2231. It stands in Content-Type: beside "filename*" as "filename" Python's email package, and so Odoo and many others, would take it
    /// for the real one.
    /// </summary>
    private static KeyValuePair<string, string>[] StandIn(string? fileName) =>
        fileName is null || HeaderWriter.PlainStandIn(fileName) is var plain && plain == fileName ? [] : [new("name", plain)];

    private static void WriteNode(Node node, ArrayBufferWriter<byte> into, Queue<string> boundaries)
    {
        var header = new HeaderWriter(into);
        if (node.Children is null)
        {
            header.Parameterized("Content-Type", node.MediaType, [.. node.Parameters, .. StandIn(node.FileName)]);
            header.Token("Content-Transfer-Encoding", node.Encoding);
            if (node.ContentId is not null) header.Token("Content-ID", "<" + node.ContentId + ">");
            if (node.Disposition is not null) header.Parameterized("Content-Disposition", node.Disposition, node.FileName is { } name ? [new("filename", name)] : []);
            into.Write("\r\n"u8);
            into.Write(node.Body);
            return;
        }
        var boundary = boundaries.Dequeue();
        header.Parameterized("Content-Type", node.MediaType, [.. node.Parameters, new("boundary", boundary)]);
        var delimiter = Encoding.ASCII.GetBytes("\r\n--" + boundary);
        foreach (var child in node.Children)
        {
            into.Write(delimiter);
            into.Write("\r\n"u8);
            WriteNode(child, into, boundaries);
        }
        into.Write(delimiter);
        into.Write("--\r\n"u8);
    }
}
