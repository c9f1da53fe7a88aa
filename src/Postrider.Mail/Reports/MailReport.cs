using Postrider.Mail.Mime;

namespace Postrider.Mail.Reports;

/// <summary>What a message tells about another one.</summary>
public enum ReportKind
{
    /// <summary>It is no report.</summary>
    None,
    /// <summary>A mail did not arrive at some recipient.</summary>
    Failed,
    /// <summary>A mail has not arrived yet; it is still tried.</summary>
    Delayed,
    /// <summary>A mail was delivered, relayed or expanded.</summary>
    Delivered,
    /// <summary>A receipt: a mail was displayed, deleted and the like (RFC 8098).</summary>
    Receipt,
    /// <summary>A complaint, or a report of failed authentication (RFC 5965).</summary>
    Feedback,
}

/// <summary>Where a fact was found.</summary>
public enum ReportSource
{
    /// <summary>The machine-readable part.</summary>
    Fields,
    /// <summary>The text for people, by its structure.</summary>
    Text,
    /// <summary>A header field of the report, such as X-Failed-Recipients.</summary>
    Header,
    /// <summary>The mail that came back.</summary>
    Original,
}

/// <summary>What became of a mail for one recipient (RFC 3464 section 2.3).</summary>
/// <param name="Recipient">Where it was to go in the end; null when the report names nobody that can be read.</param>
/// <param name="OriginalRecipient">As the sender gave it, where the report says so; else null.</param>
/// <param name="Action">failed, delayed, delivered, relayed or expanded; failed where the report does not say.</param>
/// <param name="Status">Such as <c>5.1.1</c> (RFC 3463), from the report's field or, where that is missing or says nothing (<c>5.0.0</c>), from what the refusing server said; null when neither has one.</param>
/// <param name="ReplyCode">Of SMTP, such as 550; null when there is none.</param>
/// <param name="Diagnostic">What the refusing server, or the reporting one, said; null when the report does not say.</param>
/// <param name="Permanent">True: trying again is of no use. False: it passes by itself. Null where nothing says so.</param>
public sealed record ReportedRecipient(
    EmailAddress? Recipient, EmailAddress? OriginalRecipient, string Action, string? Status, int? ReplyCode, string? Diagnostic, string? RemoteMta, BounceReason Reason, bool? Permanent, ReportSource Source)
{
    /// <summary>RFC 3464 section 2.3.3: only this says that the mail will not arrive.</summary>
    public bool Failed => Action == "failed";
}

/// <summary>A report about a mail: a delivery status notification (RFC 3464) or what mail servers wrote before and beside it, a receipt, a complaint.</summary>
/// <param name="OriginalIds">Message-IDs of the mail it is about, without angle brackets, the most telling first; empty when it does not say.</param>
/// <param name="OriginalSubject">Null when it does not say.</param>
/// <param name="ReportingMta">Null when it does not say.</param>
/// <param name="Type">Of a receipt its disposition (<c>displayed</c>, <c>deleted</c>...), of feedback its type (<c>abuse</c>, <c>auth-failure</c>...); null else.</param>
public sealed record MailReport(ReportKind Kind, IReadOnlyList<ReportedRecipient> Recipients, IReadOnlyList<string> OriginalIds, string? OriginalSubject, string? ReportingMta, string? Type)
{
    internal const int MaxRecipients = 1000;

    /// <summary>The mail it is about as far as it came back, often no more than its header; null when nothing did.</summary>
    public MimeMessage? Original { get; init; }

    /// <summary>Never throws on content; in time linear in the message's size.</summary>
    /// <returns>Null when the message is no report.</returns>
    public static MailReport? Read(MimeMessage message)
    {
        var parts = ReportParts.Of(message.Root);
        var original = OriginalMail.Of(message, parts);
        if (parts.Feedback is not null || parts.HotmailComplaint is not null) return Feedback(parts, original);
        if (parts.Disposition is { } disposition) return Receipt(disposition, original);

        if (parts.DeliveryStatus.Count > 0)
        {
            var (recipients, mta) = DeliveryStatus.Read(parts, original, BounceText.Of(message, parts));
            if (recipients.Count > 0) return new(KindOf(recipients), recipients, original.Ids, original.Subject, mta, null) { Original = original.Message };
        }
        if (!BounceSigns.Of(message, original).LooksLikeBounce) return null;
        if (NotificationJson.Read(message) is { } notified) return notified;
        var text = BounceText.Of(message, parts);
        var found = text.Recipients(message, original);
        return found.Count == 0 ? null : new(KindOf(found), found, text.Original.Ids.Count > 0 && original.Ids.Count == 0 ? text.Original.Ids : original.Ids, original.Subject ?? text.Original.Subject, null, null) { Original = original.Message ?? text.Original.Message };
    }

    internal static ReportKind KindOf(IReadOnlyList<ReportedRecipient> recipients) =>
        recipients.Any(r => r.Failed) ? ReportKind.Failed : recipients.Any(r => r.Action == "delayed") ? ReportKind.Delayed : ReportKind.Delivered;

    private static MailReport Feedback(ReportParts parts, OriginalMail original)
    {
        var fields = parts.Feedback is { } part ? ReportFields.Blocks(part) : [];
        var all = fields.SelectMany(block => block).ToList();
        var recipients = new List<ReportedRecipient>();
        foreach (var value in all.Where(f => f.Name is "original-rcpt-to" or "removal-recipient").Select(f => f.Value).Append(parts.HotmailComplaint ?? ""))
            if (ReportFields.Address(value) is { } address && recipients.All(r => !address.Equals(r.Recipient))) recipients.Add(Of(address, ReportSource.Fields));
        if (recipients.Count == 0) recipients.AddRange(original.Recipients.Take(MaxRecipients).Select(address => Of(address, ReportSource.Original)));
        return new(ReportKind.Feedback, recipients, original.Ids, original.Subject, ReportFields.First(all, "reporting-mta"), ReportFields.First(all, "feedback-type")?.ToLowerInvariant() ?? "abuse") { Original = original.Message };

        static ReportedRecipient Of(EmailAddress address, ReportSource source) => new(address, null, "delivered", null, null, null, null, BounceReason.Complaint, null, source);
    }

    private static MailReport Receipt(MimePart disposition, OriginalMail original)
    {
        var all = ReportFields.Blocks(disposition).SelectMany(block => block).ToList();
        var final = ReportFields.Address(ReportFields.Typed(all, "final-recipient"));
        var ids = original.Ids.ToList();
        if (ReportFields.First(all, "original-message-id")?.Trim(' ', '<', '>') is { Length: > 0 } id)
        {
            ids.Remove(id);
            ids.Insert(0, id);
        }
        // RFC 8098 section 3.2.6: mode; type, with modifiers behind a slash.
        var type = ReportFields.Typed(all, "disposition")?.Split('/', ',')[0].Trim().ToLowerInvariant();
        ReportedRecipient[] recipients = final is null ? [] : [new(final, ReportFields.Address(ReportFields.Typed(all, "original-recipient")), "delivered", null, null, null, null, BounceReason.None, null, ReportSource.Fields)];
        return new(ReportKind.Receipt, recipients, ids, original.Subject, null, type) { Original = original.Message };
    }
}
