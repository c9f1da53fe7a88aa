using System.Security.Cryptography;
using System.Text;
using Postrider.Conversations;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Mail.Reports;
using Postrider.Mail.Tnef;

namespace Postrider.IncomingMail;

/// <summary>A message as <see cref="RouteDecision"/> sees it.</summary>
internal sealed record ReceivedMail
{
    // RFC 5322 sets no limit to References; beyond these the oldest are not looked up (THR-03).
    private const int MaxReferences = 32;

    /// <summary>The first address of From; null when there is none that can be read.</summary>
    public required NamedAddress? Sender { get; init; }
    /// <summary>Where an answer goes; empty: to the sender.</summary>
    public required IReadOnlyList<NamedAddress> ReplyTo { get; init; }
    public required IReadOnlyList<NamedAddress> To { get; init; }
    public required IReadOnlyList<NamedAddress> Cc { get; init; }
    public required string Subject { get; init; }
    /// <summary>Without angle brackets; null when it has none.</summary>
    public required string? MessageId { get; init; }
    /// <summary>The Message-ID it had before Exchange gave it another; null when it was not rewritten.</summary>
    public required string? OriginalMessageId { get; init; }
    /// <summary>Message-IDs it answers, the most telling first: In-Reply-To, then References from the newest back.</summary>
    public required IReadOnlyList<string> Answers { get; init; }
    /// <summary>Oldest first, for the References of the next answer.</summary>
    public required IReadOnlyList<string> References { get; init; }
    /// <summary>RFC 3834 section 5: Auto-Submitted is there and is not "no"; or another header says that a program answered.</summary>
    public required bool Automatic { get; init; }
    /// <summary>Null when it is no report about a mail's delivery.</summary>
    public required MailReport? Report { get; init; }
    /// <summary>A recipient's complaint about a mail (RFC 5965); null when it is none. It is a message for people all the same.</summary>
    public required MailReport? Complaint { get; init; }
    public required DateTimeOffset? Date { get; init; }
    /// <summary>The text alternative, or what the HTML reads like; null when there is neither.</summary>
    public required string? Text { get; init; }
    public required string? Html { get; init; }
    public required IReadOnlyList<ReceivedAttachment> Attachments { get; init; }
    /// <summary>SHA-256 of sender, subject and body: tells a second copy of a message from another message with the same Message-ID.</summary>
    public required byte[] Fingerprint { get; init; }

    public static ReceivedMail Read(ReadOnlyMemory<byte> bytes)
    {
        var message = MimeMessage.Read(bytes);
        var opened = OpenedMessage.Of(message);
        var sender = message.From.Count > 0 ? message.From[0] : null;
        var automatic = AutomaticMail.Of(message);
        var report = MailReport.Read(message);
        List<string> answers = [.. message.InReplyTo.Take(MaxReferences)];
        foreach (var id in message.References.Reverse().Take(MaxReferences)) if (!answers.Contains(id)) answers.Add(id);

        return new ReceivedMail
        {
            Sender = sender,
            ReplyTo = message.ReplyTo,
            To = message.To,
            Cc = message.Cc,
            Subject = message.Subject ?? "",
            MessageId = string.IsNullOrWhiteSpace(message.MessageId) ? null : message.MessageId,
            OriginalMessageId = message.Header("X-Microsoft-Original-Message-ID")?.Trim().Trim('<', '>').Trim() is { Length: > 0 and <= 998 } original ? original : null,
            Answers = answers,
            References = [.. message.References.TakeLast(MaxReferences)],
            Automatic = automatic.IsAutomaticAnswer || message.Header("Auto-Submitted")?.Trim() is { Length: > 0 } auto && !auto.StartsWith("no", StringComparison.OrdinalIgnoreCase),
            // A receipt or a complaint is a message for people; it says nothing of a delivery.
            Report = report is { Kind: ReportKind.Failed or ReportKind.Delayed or ReportKind.Delivered } ? report : null,
            Complaint = report is { Kind: ReportKind.Feedback } ? report : null,
            Date = message.Date,
            Text = opened.Text ?? (opened.Html is { } html ? SafeHtml.From(html).Text : null),
            Html = opened.Html,
            Attachments = [.. opened.Files.Select((file, i) => ReceivedAttachment.Of(i, file))],
            Fingerprint = FingerprintOf(sender, message),
        };
    }

    private static byte[] FingerprintOf(NamedAddress? sender, MimeMessage message)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{sender?.Address.Normalized}\n{message.Subject}\n"));
        hash.AppendData(message.Root.RawBody.Span);
        return hash.GetHashAndReset();
    }
}

/// <summary>A file of a received message. The bytes stay in the original.</summary>
/// <param name="Position">Its index among <see cref="OpenedMessage.Files"/>.</param>
/// <param name="Size">Decoded bytes.</param>
internal sealed record ReceivedAttachment(int Position, string FileName, string MediaType, long Size, string? ContentId)
{
    public static ReceivedAttachment Of(int position, MessageFile file) =>
        new(position, SafeFileName.From(file.FileName, position, file.MediaType), file.MediaType, file.Bytes.Length, file.ContentId);
}
