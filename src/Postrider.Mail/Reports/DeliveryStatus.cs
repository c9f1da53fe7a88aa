namespace Postrider.Mail.Reports;

/// <summary>The recipients of a delivery status part (RFC 3464 section 2.3), each with what the text for people adds.</summary>
internal static class DeliveryStatus
{
    public static (List<ReportedRecipient> Recipients, string? ReportingMta) Read(ReportParts parts, OriginalMail original, BounceText text)
    {
        var recipients = new List<ReportedRecipient>();
        string? mta = null;
        foreach (var part in parts.DeliveryStatus)
        {
            foreach (var block in ReportFields.Blocks(part))
            {
                mta ??= ReportFields.Typed(block, "reporting-mta");
                var final = ReportFields.First(block, "final-recipient");
                var asked = ReportFields.First(block, "original-recipient");
                // The first block tells of the message as a whole; some servers write all into one.
                if (final is null && asked is null && ReportFields.First(block, "action") is null) continue;
                if (recipients.Count >= MailReport.MaxRecipients) break;
                var originally = ReportFields.Address(asked);
                // X.400 gateways and the like name a recipient that is no address of ours: then the sender's word for it, or what the text says.
                var recipient = ReportFields.Address(final) ?? originally ?? ReportFields.Address(ReportFields.First(block, "x-actual-recipient"))
                    ?? text.OnlyAddress ?? (original.Recipients is [var only] ? only : null);
                recipients.Add(Judge(block, recipient, originally, text, alone: recipients.Count == 0));
            }
        }
        return (recipients, mta);
    }

    private static ReportedRecipient Judge(List<ReportFields.Field> block, EmailAddress? recipient, EmailAddress? originally, BounceText text, bool alone)
    {
        var action = Word(ReportFields.First(block, "action"))?.ToLowerInvariant();
        var status = StatusCode.First(ReportFields.First(block, "status"));
        var diagnostic = ReportFields.Typed(block, "diagnostic-code") is { Length: > 0 } said ? said : null;
        var said2 = diagnostic ?? (recipient is not null ? text.About(recipient) : null) ?? (alone ? text.Zone : null);
        var code = StatusCode.Reply(said2);
        // "5.0.0" says no more than that it failed (RFC 3463 section 3.1); what the server said may say more.
        if (StatusCode.First(said2) is { } better && (status is null || status.EndsWith(".0.0", StringComparison.Ordinal))) status = better;
        action ??= status?[0] switch { '2' => "delivered", '4' => "delayed", _ => "failed" };
        var all = said2 is not null && text.Zone.Length < 4000 && diagnostic is not null ? diagnostic : said2;
        var reason = action is "delivered" or "relayed" or "expanded" ? BounceReason.None : BounceReasons.Of(all, status, code, text.Zone);
        return new(recipient, originally, action, status, code, diagnostic ?? said2, ReportFields.Typed(block, "remote-mta"), reason, StatusCode.Permanent(status, code, reason, action == "delayed"), ReportSource.Fields);
    }

    private static string? Word(string? value) => value?.Split((char[])[' ', '(', ';'], 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
}
