using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>A message to send, as its author means it. From may be replaced by the default sender's address when the server is chosen.</summary>
internal sealed record OutgoingMessage
{
    public required NamedAddress From { get; init; }
    public IReadOnlyList<NamedAddress> To { get; init; } = [];
    public IReadOnlyList<NamedAddress> Cc { get; init; } = [];
    /// <summary>Recipients that no header names.</summary>
    public IReadOnlyList<NamedAddress> Bcc { get; init; } = [];
    public IEnumerable<NamedAddress> Recipients => To.Concat(Cc).Concat(Bcc);
    public string Subject { get; init; } = "";
    public string? Text { get; init; }
    public string? Html { get; init; }
    public IReadOnlyList<DraftAttachment> Attachments { get; init; } = [];
    /// <summary>Where the attachments' bytes are stored already, by place; null in it or too short: nowhere. An attachment that is stored may come without its bytes; one that goes as a link shares the body.</summary>
    public IReadOnlyList<StoredBody?> StoredFiles { get; init; } = [];
    /// <summary>Without angle brackets; null when it answers nothing.</summary>
    public string? InReplyTo { get; init; }
    public IReadOnlyList<string> References { get; init; } = [];
    public NamedAddress? ReplyTo { get; init; }
    /// <summary>The hub waits for the answer (a conversation): where From is replaced, it must come back to that mailbox, not to the author's own.</summary>
    public bool AnswersComeToTheHub { get; init; }
    /// <summary>Told the mail's id and the address it leaves with, it makes the address for answers. Null, or when it gives null: the usual one. <see cref="ReplyTo"/> wins.</summary>
    public Func<Guid, EmailAddress, NamedAddress?>? AnswerAddress { get; init; }
    /// <summary>It goes to many: through the dedicated server of Email Marketing, where one is set.</summary>
    public bool Mailing { get; init; }
    /// <summary>The server it must go through, with From as it is; null: the hub chooses.</summary>
    public OutgoingServerId? Server { get; init; }
    /// <summary>The envelope sender it asks for; it gets it where the server's filter admits it. Null: the hub's bounce address.</summary>
    public EmailAddress? EnvelopeFrom { get; init; }
    /// <summary>It was handed in with the null reverse-path (RFC 5321 section 4.5.5): nobody is told of its fate. It keeps it where the server lets it.</summary>
    public bool NullEnvelope { get; init; }
    /// <summary>The user who made it; null for the system.</summary>
    public Guid? Creator { get; init; }
    /// <summary>The same key again puts nothing and answers with the mail that was put first. Null: no such promise.</summary>
    public string? IdempotencyKey { get; init; }
    /// <summary>Without angle brackets; null: made when it is put.</summary>
    public string? MessageId { get; init; }
    /// <summary>Null: as soon as its turn comes.</summary>
    public DateTimeOffset? SendAt { get; init; }
    public OutboxLane Lane { get; init; } = OutboxLane.Usual;
    /// <summary>Who is told by mail when it is delayed or fails (RFC 3464). Null: nobody; the queue shows it.</summary>
    public EmailAddress? ReportTo { get; init; }
    /// <summary>The hub itself writes it, not a person: no program answers it (RFC 3834).</summary>
    public bool Automatic { get; init; }
    /// <summary>It answers a mail by itself (RFC 3834): it says so, asks for no answer, and goes with the null reverse-path where the server lets it.</summary>
    public bool AnswersByItself { get; init; }
    /// <summary>Makes it a delivery status notification: with the null reverse-path where the server lets it. Null: it is none.</summary>
    public DraftReport? Report { get; init; }

    /// <summary>Bytes of the attachment at this place.</summary>
    public long SizeOf(int place) => StoredFiles.ElementAtOrDefault(place)?.Length ?? Attachments[place].Bytes.Length;
}
