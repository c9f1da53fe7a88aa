using Postrider.Mail;
using Postrider.Mail.Smtp;
using Postrider.OutgoingServers;

namespace Postrider.OutgoingMail;

/// <summary>A message that another program wrote: it goes out as it is, but for its header.</summary>
internal sealed record SubmittedMessage
{
    /// <summary>What the outbox has to know of it. Text, HTML and attachments are in the bytes.</summary>
    public required OutgoingMessage Message { get; init; }

    /// <summary>Who handed it in and how, in one sentence.</summary>
    public required string Origin { get; init; }

    /// <summary>MAIL FROM; null: the null reverse-path.</summary>
    public EmailAddress? EnvelopeFrom { get; init; }

    /// <summary>Makes the header as it goes out, with its blank line.</summary>
    public required Func<SubmissionStamp, ReadOnlyMemory<byte>> Header { get; init; }

    /// <summary>There are octets over 127 in the header.</summary>
    public bool HeaderIsEightBit { get; init; }

    /// <summary>The program said SMTPUTF8.</summary>
    public bool Utf8 { get; init; }

    /// <summary>What stands behind the header, or its beginning.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>What follows <see cref="Body"/>; read once. Null: nothing does.</summary>
    public Stream? Rest { get; init; }

    /// <summary>Parts of the header by which a repetition under the same idempotency key is told from another message; null without a key.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>>? Identity { get; init; }

    /// <summary>By place in <see cref="OutgoingMessage.To"/>, Cc and Bcc together. Null: nothing is asked.</summary>
    public SmtpDsn? Dsn { get; init; }
}

/// <summary>What the header of a submitted message has to be told.</summary>
internal sealed record SubmissionStamp(OutboxMailId Id, ServerDecision Decision, string MessageId, DateTimeOffset Now);
