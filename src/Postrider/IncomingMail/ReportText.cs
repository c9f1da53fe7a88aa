using Postrider.Web;
using Postrider.Mail.Reports;

namespace Postrider.IncomingMail;

/// <summary>A delivery report in words.</summary>
internal static class ReportText
{
    private const int MaxLines = 50;

    /// <summary>What a receipt says, in one sentence.</summary>
    public static string OfReceipt(MailReport receipt, Mail.NamedAddress sender) =>
        (receipt.Type switch { "displayed" => IncomingMailTexts.ReceiptDisplayed, "deleted" => IncomingMailTexts.ReceiptDeleted, _ => IncomingMailTexts.ReceiptOther }).With(sender.Name ?? sender.Address.ToString(), receipt.Type ?? "?");

    public static string Of(MailReport report, bool verified)
    {
        List<string> lines = [];
        if (!verified) lines.Add(IncomingMailTexts.ReportUnverified);
        foreach (var recipient in report.Recipients.Take(MaxLines))
        {
            var status = recipient.Status is { } code ? $" ({code})" : "";
            lines.Add(recipient.Action switch
            {
                "failed" => IncomingMailTexts.ReportFailed.With(recipient.Recipient?.ToString() ?? "?", status),
                "delayed" => IncomingMailTexts.ReportDelayed.With(recipient.Recipient?.ToString() ?? "?", status),
                _ => IncomingMailTexts.ReportOther.With(recipient.Recipient?.ToString() ?? "?", recipient.Action, status),
            });
            if (recipient.Diagnostic is { Length: > 0 } diagnostic) lines.Add(IncomingMailTexts.ReportServerSays.With(diagnostic.Length > 1000 ? diagnostic[..1000] : diagnostic));
        }
        return string.Join('\n', lines);
    }
}
