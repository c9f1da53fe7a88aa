namespace Postrider.Mail.Mime;

/// <summary>A file to send. <see cref="ContentId"/> null: an attachment; else an inline part of the HTML.</summary>
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
    public required DateTimeOffset Date { get; init; }
    /// <summary>Without angle brackets.</summary>
    public required string MessageId { get; init; }
    public string? InReplyTo { get; init; }
    public IReadOnlyList<string> References { get; init; } = [];
    public string? Text { get; init; }
    public string? Html { get; init; }
    public IReadOnlyList<DraftAttachment> Attachments { get; init; } = [];
    /// <summary>Further fields: name and unencoded text. Names are checked (RFC 5322 ftext); CR and LF in text become spaces.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> ExtraHeaders { get; init; } = [];

    /// <summary>The message in CRLF form, 7-bit, multipart/alternative within multipart/mixed as needed. Boundaries are derived from the content, so equal drafts give equal bytes.</summary>
    /// <exception cref="FormatException">A header name or a message id is not allowed.</exception>
    public byte[] Write() => throw new NotImplementedException();
}
