using Postrider.Mail.Smtp;

namespace Postrider.Mail.Mime;

/// <summary>A file to send. A name beyond about 4,000 characters is more than readers put together again. <see cref="ContentId"/> null: an attachment; else an inline part of the HTML (without angle brackets).</summary>
/// <remarks>A <c>message/rfc822</c> goes as it is (RFC 2046 section 5.2.1); one that the peer cannot take so goes as a plain file (see <see cref="MessageConversion"/>).</remarks>
public sealed record DraftAttachment(string FileName, string MediaType, ReadOnlyMemory<byte> Bytes, string? ContentId = null)
{
    /// <summary>Read to its end and disposed each time the draft is written, instead of <see cref="Bytes"/>. It goes in base64, since it cannot be looked at beforehand. Null: the bytes are at hand.</summary>
    public Func<CancellationToken, ValueTask<Stream>>? Open { get; init; }
}

/// <summary>An invitation, beside the text (RFC 6047 section 2.4).</summary>
/// <param name="Text">The iCalendar object.</param>
/// <param name="Method">As in the object: REQUEST, REPLY, CANCEL.</param>
public sealed record DraftCalendar(string Text, string Method);

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
    /// <summary>Without angle brackets; see <see cref="MessageIdSource"/>.</summary>
    public required string MessageId { get; init; }
    /// <summary>Without angle brackets. It was somebody else's to choose, so one that cannot be written is left out.</summary>
    public string? InReplyTo { get; init; }
    /// <summary>Without angle brackets, the oldest first. Of more than 30, or 6,000 characters, the first and the last are written; those that cannot be written are left out.</summary>
    public IReadOnlyList<string> References { get; init; } = [];
    /// <summary>Line ends of any kind; they become CRLF.</summary>
    public string? Text { get; init; }
    public string? Html { get; init; }
    /// <summary>The last of the alternatives; null: none.</summary>
    public DraftCalendar? Calendar { get; init; }
    /// <summary>Makes the message a delivery status notification, with the text as its first part; null: none.</summary>
    public DraftReport? Report { get; init; }
    public IReadOnlyList<DraftAttachment> Attachments { get; init; } = [];
    /// <summary>Further fields: name and unencoded text. Names are checked (RFC 5322 ftext); CR and LF in text become spaces.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> ExtraHeaders { get; init; } = [];

    /// <summary>
    /// The message in CRLF form, multipart/alternative within multipart/related within multipart/mixed as needed. To a 7-bit peer everything is 7-bit, except addresses whose local part
    /// is not ASCII: they can only be written in UTF-8 (RFC 6532), and need a peer with SMTPUTF8 anyway. Boundaries are derived from the content, so equal drafts give equal bytes.
    /// </summary>
    /// <param name="peer">What the peer takes: 8BITMIME, or BINARYMIME. Unknown is 7-bit.</param>
    /// <exception cref="FormatException">A header name or the message id is not allowed.</exception>
    /// <exception cref="InvalidOperationException">An attachment is a stream: use <see cref="WriteAsync"/>.</exception>
    public byte[] Write(SmtpBodyKind peer = SmtpBodyKind.SevenBit) => MessageWriter.Of(this, peer).ToBytes();

    /// <summary>The same bytes in blocks, without holding attachments that are streams, nor anybody's encoded form.</summary>
    /// <inheritdoc cref="Write" path="/param"/>
    /// <exception cref="FormatException">A header name or the message id is not allowed; nothing was written.</exception>
    public Task WriteAsync(Stream into, SmtpBodyKind peer, CancellationToken cancel) => MessageWriter.Of(this, peer).ToStreamAsync(into, cancel);
}
