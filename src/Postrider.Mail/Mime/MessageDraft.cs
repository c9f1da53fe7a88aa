namespace Postrider.Mail.Mime;

/// <summary>A file to send. <see cref="ContentId"/> null: an attachment; else an inline part of the HTML (without angle brackets).</summary>
public sealed record DraftAttachment(string FileName, string MediaType, ReadOnlyMemory<byte> Bytes, string? ContentId = null);

/// <summary>A message to write. Header injection is impossible: every value is checked and encoded when written.</summary>
public sealed record MessageDraft
{
    public required NamedAddress From { get; init; }
    public NamedAddress? Sender { get; init; }
    public IReadOnlyList<NamedAddress> ReplyTo { get; init; } = [];
    public IReadOnlyList<NamedAddress> To { get; init; } = [];
    public IReadOnlyList<NamedAddress> Cc { get; init; } = [];
    public string Subject { get; init; } = "";
    /// <summary>Written to the second.</summary>
    public required DateTimeOffset Date { get; init; }
    /// <summary>Without angle brackets.</summary>
    public required string MessageId { get; init; }
    /// <summary>Without angle brackets. It was somebody else's to choose, so one that cannot be written is left out.</summary>
    public string? InReplyTo { get; init; }
    /// <summary>Without angle brackets, the oldest first. Of many the first and the last are written; those that cannot be written are left out.</summary>
    public IReadOnlyList<string> References { get; init; } = [];
    /// <summary>Line ends of any kind; they become CRLF.</summary>
    public string? Text { get; init; }
    public string? Html { get; init; }
    public IReadOnlyList<DraftAttachment> Attachments { get; init; } = [];
    /// <summary>Further fields: name and unencoded text. Names are checked (RFC 5322 ftext); CR and LF in text become spaces.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> ExtraHeaders { get; init; } = [];

    /// <summary>
    /// The message in CRLF form, multipart/alternative within multipart/related within multipart/mixed as needed. Everything is 7-bit, except addresses whose local part
    /// is not ASCII: they can only be written in UTF-8 (RFC 6532), and need a peer with SMTPUTF8 anyway. Boundaries are derived from the content, so equal drafts give equal bytes.
    /// </summary>
    /// <exception cref="FormatException">A header name or the message id is not allowed.</exception>
    public byte[] Write() => MessageWriter.Write(this);
}
