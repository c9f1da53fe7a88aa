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
    private const int MaxAddresses = 1000;

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
    /// <summary>Where it was delivered and forwarded to, as the servers on its way noted: Delivered-To.</summary>
    public required IReadOnlyList<EmailAddress> DeliveredTo { get; init; }
    /// <summary>Resent-To and Resent-Cc (RFC 5322 section 3.6.6).</summary>
    public required IReadOnlyList<EmailAddress> ResentTo { get; init; }
    /// <summary>RFC 3834 section 5: Auto-Submitted is there and is not "no"; or another header says that a program answered.</summary>
    public required bool Automatic { get; init; }
    /// <summary>A program answered a mail: away, received, invitation accepted. A header says so.</summary>
    public required bool AnswersByItself { get; init; }
    /// <summary>An automatic answer to it reaches a person, not a list, a program or nobody (RFC 3834 section 2).</summary>
    public required bool MayBeAnsweredByItself { get; init; }
    /// <summary>A report of a mail server by its form or sender, whether or not it can be read.</summary>
    public required bool LooksLikeServersReport { get; init; }
    /// <summary>The mail of ours that it says it is: <c>X-Postrider-Id</c>. Anybody may write that.</summary>
    public required Guid? PostriderId { get; init; }
    /// <summary>What the receiving server says of the sender's address.</summary>
    public required SenderCheck SenderCheck { get; init; }
    /// <summary>Null when it is no report about a mail's delivery.</summary>
    public required MailReport? Report { get; init; }
    /// <summary>A receipt: a mail of ours was displayed, deleted and the like (RFC 8098). Null when it is none.</summary>
    public required MailReport? Receipt { get; init; }
    /// <summary>A recipient's complaint about a mail (RFC 5965); null when it is none. It is a message for people all the same.</summary>
    public required MailReport? Complaint { get; init; }
    public required DateTimeOffset? Date { get; init; }
    /// <summary>The text alternative, or what the HTML reads like; null when there is neither.</summary>
    public required string? Text { get; init; }
    /// <summary>As <see cref="NewThreadMessage.FoldedText"/>.</summary>
    public string? FoldedText { get; init; }
    public required string? Html { get; init; }
    public required IReadOnlyList<ReceivedAttachment> Attachments { get; init; }
    /// <summary>SHA-256 of sender, subject and body: tells a second copy of a message from another message with the same Message-ID.</summary>
    public required byte[] Fingerprint { get; init; }

    /// <summary>Everybody it names as its recipient, each once: Delivered-To, To, Cc, Resent-To, Resent-Cc.</summary>
    public IReadOnlyList<EmailAddress> Recipients { get => field ??= [.. DeliveredTo.Concat(To.Select(t => t.Address)).Concat(Cc.Select(c => c.Address)).Concat(ResentTo).Distinct()]; } = null!;

    /// <param name="exchange">It came out of a mailbox of Exchange Online (see <see cref="SenderAuthentication"/>).</param>
    /// <param name="servers">Other servers whose word on the sender is believed.</param>
    public static ReceivedMail Read(ReadOnlyMemory<byte> bytes, bool exchange = false, IReadOnlyCollection<string>? servers = null) => Read(MimeMessage.Read(bytes), exchange, servers ?? []);

    public static ReceivedMail Read(MimeMessage message, bool exchange, IReadOnlyCollection<string> servers)
    {
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
            DeliveredTo = Named(message, "Delivered-To"),
            ResentTo = [.. Named(message, "Resent-To"), .. Named(message, "Resent-Cc")],
            AnswersByItself = automatic.IsAutomaticAnswer || IsCalendarAnswer(message.Root),
            MayBeAnsweredByItself = automatic.MayAnswer,
            LooksLikeServersReport = IsDeliveryReport(message.Root) || (sender?.Address.LocalPart.Equals("mailer-daemon", StringComparison.OrdinalIgnoreCase) ?? (message.Header("From")?.Contains("mailer-daemon", StringComparison.OrdinalIgnoreCase) == true)),
            PostriderId = Guid.TryParse(message.Header("X-Postrider-Id"), out var ours) ? ours : null,
            SenderCheck = SenderAuthentication.Of(message, exchange, servers),
            // A receipt or a complaint says nothing of a delivery.
            Report = report is { Kind: ReportKind.Failed or ReportKind.Delayed or ReportKind.Delivered } ? report : null,
            Receipt = report is { Kind: ReportKind.Receipt } ? report : null,
            Complaint = report is { Kind: ReportKind.Feedback } ? report : null,
            Date = message.Date,
            Text = opened.Text ?? (opened.Html is { } html ? SafeHtml.From(html).Text : null),
            Html = opened.Html,
            Attachments = [.. opened.Files.Select((file, i) => ReceivedAttachment.Of(i, file))],
            Fingerprint = FingerprintOf(sender, message),
        };
    }

    private static List<EmailAddress> Named(MimeMessage message, string field)
    {
        List<EmailAddress> addresses = [];
        foreach (var header in message.Headers)
            if (header.Name.Equals(field, StringComparison.OrdinalIgnoreCase)) addresses.AddRange(AddressList.Parse(header.Text).Addresses.Take(MaxAddresses - addresses.Count).Select(a => a.Address));
        return addresses;
    }

    // RFC 3464 section 2, and the many that forget the parameter. Other reports (of TLS, of DMARC) are mail like any other.
    private static bool IsDeliveryReport(MimePart root) =>
        root.MediaType == "multipart/report" ? root.Parameters.GetValueOrDefault("report-type")?.ToLowerInvariant() is null or "" or "delivery-status" : root.Parameters.GetValueOrDefault("report-type")?.Equals("delivery-status", StringComparison.OrdinalIgnoreCase) == true;

    // RFC 5546 section 3.2.3: the answer that a calendar sends when a person presses Accept.
    private static bool IsCalendarAnswer(MimePart part, int depth = 0) =>
        part.MediaType == "text/calendar" ? part.Parameters.GetValueOrDefault("method")?.Equals("reply", StringComparison.OrdinalIgnoreCase) == true : depth < 3 && part.Children.Take(10).Any(child => IsCalendarAnswer(child, depth + 1));

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
