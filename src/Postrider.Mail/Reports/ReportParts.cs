using Postrider.Mail.Mime;

namespace Postrider.Mail.Reports;

/// <summary>The parts of a report that programs read, wherever they stand.</summary>
internal sealed class ReportParts
{
    // Reports are shallow; a mail enclosed in a report may hold another report, which is none of ours.
    private const int Depth = 5;
    private const int MostParts = 200;
    private int _seen;

    public List<MimePart> DeliveryStatus { get; } = [];
    public MimePart? Disposition { get; private set; }
    public MimePart? Feedback { get; private set; }
    /// <summary>The mail that came back, or its headers.</summary>
    public MimePart? Original { get; private set; }
    /// <summary>The text for people.</summary>
    public List<MimePart> Texts { get; } = [];
    /// <summary>Outlook.com's complaints enclose the mail with this field and have no report part.</summary>
    public string? HotmailComplaint { get; private set; }

    public static ReportParts Of(MimePart root)
    {
        var parts = new ReportParts();
        parts.Add(root, 0);
        return parts;
    }

    private void Add(MimePart part, int depth)
    {
        if (++_seen > MostParts) return;
        switch (part.MediaType)
        {
            case "message/delivery-status" or "message/global-delivery-status":
                DeliveryStatus.Add(part);
                return;
            case "message/disposition-notification" or "message/global-disposition-notification":
                Disposition ??= part;
                return;
            case "message/feedback-report":
                Feedback ??= part;
                return;
            case "message/rfc822" or "message/global" or "text/rfc822-headers" or "text/rfc822-header" or "message/rfc822-headers" or "message/global-headers" or "message/partial":
                Original ??= part;
                if (part.Children is [var enclosed, ..]) HotmailComplaint ??= enclosed.Find("X-HmXmrOriginalRecipient")?.Text;
                return;
        }
        if (part.IsMultipart && part.Children.Count > 0 && depth < Depth)
        {
            foreach (var child in part.Children) Add(child, depth + 1);
        }
        else if (part.MediaType is "text/plain" or "text/html" || (part.Children.Count == 0 && part.IsMultipart))
        {
            Texts.Add(part);
        }
    }
}

/// <summary>The mail that a report is about, as far as it came back.</summary>
/// <param name="Sender">Its envelope sender where it says so, else its author.</param>
internal sealed record OriginalMail(IReadOnlyList<string> Ids, string? Subject, IReadOnlyList<EmailAddress> Recipients, EmailAddress? Sender)
{
    /// <summary>Null when nothing came back.</summary>
    public MimeMessage? Message { get; init; }

    public static OriginalMail None { get; } = new([], null, [], null);

    public static OriginalMail Of(MimeMessage report, ReportParts parts)
    {
        var ids = new List<string>();
        var original = parts.Original is { } part ? Of(part.Children is [var enclosed, ..] && part.MediaType is "message/rfc822" or "message/global" ? MimeMessage.Enclosed(enclosed) : MimeMessage.Read(part.DecodeBytes())) : None;
        ids.AddRange(original.Ids);
        foreach (var id in report.InReplyTo.Concat(report.References.Reverse())) if (ids.Count < 50 && !ids.Contains(id)) ids.Add(id);
        return original with { Ids = ids };
    }

    public static OriginalMail Of(MimeMessage mail)
    {
        var ids = new List<string>();
        // Outlook.com gives a mail a new Message-ID and keeps ours here.
        if (mail.Header("X-Microsoft-Original-Message-ID")?.Trim(' ', '<', '>') is { Length: > 0 and <= 998 } kept) ids.Add(kept);
        if (mail.MessageId is { Length: > 0 } id && !ids.Contains(id)) ids.Add(id);
        return new(ids, mail.Subject, [.. mail.To.Concat(mail.Cc).Take(MailReport.MaxRecipients).Select(a => a.Address)], ReportFields.Address(mail.Header("Return-Path")) ?? (mail.From is [var from, ..] ? from.Address : null)) { Message = mail };
    }
}
