using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Postrider.Mail.Smtp;

namespace Postrider.Mail.Mime;

/// <summary>
/// Writes a draft: fields, then mixed ( related ( alternative ( text, html ), inline parts ), attachments ), leaving out every level that would hold one part only. Everything but the bodies
/// is made first; the bodies are encoded when they are written.
/// </summary>
internal sealed class MessageWriter
{
    // The first and the newest; a longer line of ancestors helps nobody (RFC 5322 section 3.6.4 sets no limit, mail servers do).
    private const int ReferencesLimit = 30;
    private const int ReferencesLength = 6000;
    private const int IdLimit = 900;
    private const int Block = 48 << 10;

    // Written from the draft's own members or by the writer itself. Bcc would show who was hidden.
    private static readonly HashSet<string> Reserved = new(StringComparer.OrdinalIgnoreCase)
    {
        "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-Bcc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version",
    };

    private readonly ArrayBufferWriter<byte> _frame = new(2048);
    private readonly List<(int At, Node Leaf)> _leaves = [];
    private readonly SmtpBodyKind _peer;
    private readonly Queue<string> _boundaries;

    private MessageWriter(MessageDraft draft, SmtpBodyKind peer)
    {
        _peer = peer;
        var root = Root(draft);
        _boundaries = Boundaries(root, draft.MessageId);
        WriteFields(draft, new HeaderWriter(_frame));
        WriteNode(root);
    }

    /// <exception cref="FormatException">A header name or the message id is not allowed.</exception>
    public static MessageWriter Of(MessageDraft draft, SmtpBodyKind peer) => new(draft, peer);

    /// <summary>A part to write. <see cref="Children"/> null: a leaf.</summary>
    private sealed record Node(string MediaType, KeyValuePair<string, string>[] Parameters)
    {
        public List<Node>? Children { get; init; }
        public ReadOnlyMemory<byte> Content { get; init; }
        public Func<CancellationToken, ValueTask<Stream>>? Open { get; init; }
        public string Encoding { get; init; } = "7bit";
        public string? FileName { get; init; }
        public string? ContentId { get; init; }
        public string? Disposition { get; init; }
    }

    public byte[] ToBytes()
    {
        var size = _frame.WrittenCount + 1024;
        foreach (var (_, leaf) in _leaves)
        {
            if (leaf.Open is not null) throw new InvalidOperationException("An attachment is a stream: such a message is written to a stream.");
            size += (int)Math.Min(leaf.Encoding == TransferEncoding.Base64Name ? BodyEncoding.Base64Length(leaf.Content.Length) + 1024 : leaf.Content.Length * 5L / 4, Array.MaxLength / 2);
        }
        using var into = new PooledBuffer(size);
        var written = 0;
        foreach (var (at, leaf) in _leaves)
        {
            into.Write(_frame.WrittenSpan[written..at]);
            written = at;
            var encoder = new BodyEncoder(leaf.Encoding);
            encoder.Add(leaf.Content.Span, into);
            encoder.End(into);
        }
        into.Write(_frame.WrittenSpan[written..]);
        // The message ends with a line end, as SMTP's DATA wants it (RFC 5321 section 4.1.1.4).
        if (!into.Written.Span.EndsWith("\r\n"u8)) into.Write("\r\n"u8);
        return into.Written.ToArray();
    }

    public async Task ToStreamAsync(Stream stream, CancellationToken cancel)
    {
        using var into = new PooledBuffer(2 * Block);
        byte[]? read = null;
        var (written, last) = (0, (First: (byte)0, Second: (byte)0));
        try
        {
            foreach (var (at, leaf) in _leaves)
            {
                into.Write(_frame.WrittenSpan[written..at]);
                written = at;
                var encoder = new BodyEncoder(leaf.Encoding);
                if (leaf.Open is not null)
                {
                    read ??= ArrayPool<byte>.Shared.Rent(Block);
                    await using var content = await leaf.Open(cancel);
                    while (await content.ReadAsync(read, cancel) is > 0 and var count)
                    {
                        encoder.Add(read.AsSpan(0, count), into);
                        await FlushAsync(Block);
                    }
                }
                else
                {
                    for (var done = 0; done < leaf.Content.Length; done += Block)
                    {
                        encoder.Add(leaf.Content.Span[done..Math.Min(leaf.Content.Length, done + Block)], into);
                        await FlushAsync(Block);
                    }
                }
                encoder.End(into);
            }
            into.Write(_frame.WrittenSpan[written..]);
            await FlushAsync(0);
            if (last is not ((byte)'\r', (byte)'\n')) await stream.WriteAsync("\r\n"u8.ToArray(), cancel);
        }
        finally
        {
            if (read is not null) ArrayPool<byte>.Shared.Return(read);
        }

        async ValueTask FlushAsync(int from)
        {
            if (into.Length <= from) return;
            await stream.WriteAsync(into.Written, cancel);
            last = into.Length > 1 ? (into.Written.Span[^2], into.Written.Span[^1]) : (last.Second, into.Written.Span[0]);
            into.Clear();
        }
    }

    /// <summary>RFC 5322 section 3.3.</summary>
    public static string Date(DateTimeOffset date) =>
        date.ToString("ddd, dd MMM yyyy HH:mm:ss ", CultureInfo.InvariantCulture) + date.ToString("zzz", CultureInfo.InvariantCulture).Replace(":", "", StringComparison.Ordinal);

    private static void WriteFields(MessageDraft draft, HeaderWriter header)
    {
        if (!IsId(draft.MessageId)) throw new FormatException("The message id is not allowed: it has to be printable ASCII without spaces and angle brackets.");
        header.Token("Date", Date(draft.Date));
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
        if (References(draft.References) is { Length: > 0 } references) header.Token("References", references);
        foreach (var (name, value) in draft.ExtraHeaders)
        {
            if (!IsExtraName(name)) throw new FormatException($"The header name '{HeaderText.Clean(name)}' is not allowed.");
            header.Text(name, value);
        }
        header.Token("MIME-Version", "1.0");
    }

    /// <summary>The beginning of the conversation and its newest ancestors.</summary>
    private static string[] References(IReadOnlyList<string> ids)
    {
        var all = ids.Where(IsId).Select(id => "<" + id + ">").ToList();
        var from = all.Count;
        for (var length = all.Count > 0 ? all[0].Length : 0; from > 1 && all.Count - from < ReferencesLimit - 1; from--)
        {
            length += all[from - 1].Length;
            if (length > ReferencesLength) break;
        }
        if (from > 1) all.RemoveRange(1, from - 1);
        return [.. all];
    }

    private static bool IsId(string id) => id.Length is > 0 and <= IdLimit && !id.AsSpan().ContainsAnyExceptInRange('!', '~') && !id.AsSpan().ContainsAny('<', '>');

    private static bool IsExtraName(string name) =>
        name.Length is > 0 and <= 70 && !name.AsSpan().ContainsAnyExceptInRange('!', '~') && !name.Contains(':', StringComparison.Ordinal)
        && !Reserved.Contains(name) && !name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase);

    private Node Root(MessageDraft draft)
    {
        var bodies = new List<Node>();
        if (draft.Text is not null || (draft.Html is null && draft.Calendar is null)) bodies.Add(TextNode("text/plain", draft.Text ?? ""));
        if (draft.Html is not null) bodies.Add(TextNode("text/html", draft.Html));
        if (draft.Calendar is { } calendar) bodies.Add(TextNode("text/calendar", calendar.Text, new KeyValuePair<string, string>("method", calendar.Method)));
        var body = bodies.Count == 1 ? bodies[0] : Multipart("multipart/alternative", bodies);

        var inline = draft.Html is null ? [] : draft.Attachments.Where(a => a.ContentId is not null).Select(a => AttachmentNode(a, "inline")).ToList();
        if (inline.Count > 0) body = Multipart("multipart/related", [body, .. inline], new KeyValuePair<string, string>("type", body.MediaType));

        if (draft.Report is { } report) body = ReportNode(body, report);

        var attached = draft.Attachments.Where(a => a.ContentId is null || draft.Html is null).Select(a => AttachmentNode(a, "attachment")).ToList();
        return attached.Count == 0 ? body : Multipart("multipart/mixed", [body, .. attached]);
    }

    /// <summary>The text, the status, and the message or its header (RFC 6522 section 3). All of it is in an identity encoding.</summary>
    private Node ReportNode(Node text, DraftReport report)
    {
        List<Node> parts = [text, new Node("message/delivery-status", []) { Content = report.Fields() }];
        var original = report.Original;
        if (report.ReturnWhole && IdentityOf(original.Span) is { } whole)
        {
            parts.Add(new Node("message/rfc822", []) { Content = original, Encoding = whole });
        }
        else
        {
            var end = original.Span.IndexOf("\r\n\r\n"u8);
            var header = end < 0 ? original : original[..(end + 2)];
            // Some mail stores begin a header with their own line, and 8-bit ones are told as such by no transfer encoding.
            if (BodyEncoding.IsSevenBit(header.Span)) parts.Add(new Node("text/rfc822-headers", []) { Content = header });
        }
        return Multipart("multipart/report", parts, new KeyValuePair<string, string>("report-type", "delivery-status"));
    }

    private static Node Multipart(string mediaType, List<Node> children, params KeyValuePair<string, string>[] parameters) => new(mediaType, parameters)
    {
        Children = children,
        // RFC 2045 section 6.4: it says what its parts need.
        Encoding = children.Any(c => c.Encoding == "binary") ? "binary" : children.Any(c => c.Encoding == "8bit") ? "8bit" : "7bit",
    };

    private Node TextNode(string mediaType, string text, params KeyValuePair<string, string>[] parameters)
    {
        var content = BodyEncoding.Utf8Lines(text);
        return new Node(mediaType, [new("charset", "utf-8"), .. parameters]) { Content = content, Encoding = BodyEncoding.Choose(content, _peer) };
    }

    /// <summary>Null: it would have to be encoded.</summary>
    private string? IdentityOf(ReadOnlySpan<byte> content) => BodyEncoding.Choose(content, _peer) is var encoding && TransferEncoding.IsIdentity(encoding) ? encoding : null;

    private Node AttachmentNode(DraftAttachment attachment, string disposition)
    {
        var type = ParameterReader.Read(HeaderText.Breakless(attachment.MediaType));
        var mediaType = type.Value;
        // A multipart must not be encoded (RFC 2045 section 6.4), an enclosed message neither (RFC 2046 section 5.2.1); one that would need it travels as a plain file.
        var encoding = attachment.Open is null ? BodyEncoding.Choose(attachment.Bytes.Span, _peer) : TransferEncoding.Base64Name;
        var whole = mediaType is "message/rfc822" or "message/global";
        if (!IsMediaType(mediaType) || mediaType.StartsWith("multipart/", StringComparison.Ordinal) || (whole && !TransferEncoding.IsIdentity(encoding)))
            (mediaType, type) = ("application/octet-stream", new("", new Dictionary<string, string>(StringComparer.Ordinal)));
        var contentId = attachment.ContentId?.Trim().TrimStart('<').TrimEnd('>');
        return new Node(mediaType, type.Parameters.Where(p => p.Key is not ("name" or "boundary") && IsToken(p.Key)).ToArray())
        {
            Encoding = encoding,
            Content = attachment.Bytes,
            Open = attachment.Open,
            FileName = HeaderText.Clean(HeaderText.Breakless(attachment.FileName)) is var name && !string.IsNullOrWhiteSpace(name) ? name : null,
            ContentId = contentId is not null && IsId(contentId) ? contentId : null,
            Disposition = disposition,
        };
    }

    internal static bool IsMediaType(string text) => text.Split('/') is [var type, var subtype] && IsToken(type) && IsToken(subtype) && text.Length <= 127; // RFC 6838 section 4.2

    private static bool IsToken(string text) => text.Length is > 0 and <= 60 && text.All(c => char.IsAsciiLetterOrDigit(c) || "!#$&-^_.+".Contains(c, StringComparison.Ordinal));

    private static IEnumerable<Node> Leaves(Node node) => node.Children is null ? [node] : node.Children.SelectMany(Leaves);

    /// <summary>From id and text, so equal drafts give equal bytes; tried again in the unlikely case that the content holds one.</summary>
    private static Queue<string> Boundaries(Node root, string messageId)
    {
        var boundaries = new Queue<string>();
        if (root.Children is null) return boundaries;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(messageId));
        hash.AppendData(Leaves(root).First().Content.Span);
        var digest = hash.GetHashAndReset();
        for (var n = 0; boundaries.Count < 4; n++) // mixed, report, related, alternative
        {
            hash.AppendData(digest);
            hash.AppendData([(byte)n, (byte)(n >> 8)]);
            // "=_" occurs neither in quoted-printable nor in base64 (RFC 2045 section 6.7).
            var boundary = "=_" + Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 15));
            var bytes = Encoding.ASCII.GetBytes(boundary);
            if (!Leaves(root).Any(leaf => TransferEncoding.IsIdentity(leaf.Encoding) && leaf.Content.Span.IndexOf(bytes) >= 0)) boundaries.Enqueue(boundary);
        }
        return boundaries;
    }

    /// <summary>
    /// The plain name for readers that do not know RFC 2231. It stands in Content-Type: beside "filename*" as "filename" Python's email package, and so Odoo and many others, would take it
    /// for the real one.
    /// </summary>
    private static KeyValuePair<string, string>[] StandIn(string? fileName) =>
        fileName is null || HeaderWriter.PlainStandIn(fileName) is var plain && plain == fileName ? [] : [new("name", plain)];

    private void WriteNode(Node node)
    {
        var header = new HeaderWriter(_frame);
        if (node.Children is null)
        {
            header.Parameterized("Content-Type", node.MediaType, [.. node.Parameters, .. StandIn(node.FileName)]);
            header.Token("Content-Transfer-Encoding", node.Encoding);
            if (node.ContentId is not null) header.Token("Content-ID", "<" + node.ContentId + ">");
            if (node.Disposition is not null) header.Parameterized("Content-Disposition", node.Disposition, node.FileName is { } name ? [new("filename", name)] : []);
            _frame.Write("\r\n"u8);
            _leaves.Add((_frame.WrittenCount, node));
            return;
        }
        var boundary = _boundaries.Dequeue();
        header.Parameterized("Content-Type", node.MediaType, [.. node.Parameters, new("boundary", boundary)]);
        if (node.Encoding != "7bit") header.Token("Content-Transfer-Encoding", node.Encoding);
        var delimiter = Encoding.ASCII.GetBytes("\r\n--" + boundary);
        foreach (var child in node.Children)
        {
            _frame.Write(delimiter);
            _frame.Write("\r\n"u8);
            WriteNode(child);
        }
        _frame.Write(delimiter);
        _frame.Write("--\r\n"u8);
    }
}
