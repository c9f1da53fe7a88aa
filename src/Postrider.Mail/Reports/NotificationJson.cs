using System.Text.Json;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Reports;

/// <summary>Reports of Amazon SES, sent by its notification service as JSON in a mail.</summary>
internal static class NotificationJson
{
    private const int Looked = 1 << 20;

    /// <returns>Null when the text is no such JSON.</returns>
    public static MailReport? Read(MimeMessage message)
    {
        if (message.Root.MediaType != "text/plain" || message.Root.BodyLength is 0 or > Looked) return null;
        var text = message.Root.DecodeText().Trim();
        if (text is not ['{', ..]) return null;
        // Folded by the mail on the way, and followed by words for people.
        var end = text.LastIndexOf('}');
        if (end < 0) return null;
        try
        {
            using var json = JsonDocument.Parse(text[..(end + 1)].Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal), new JsonDocumentOptions { MaxDepth = 32 });
            return Read(json.RootElement);
        }
        catch (JsonException)
        {
            return null; // Not JSON: an ordinary text.
        }
    }

    private static MailReport? Read(JsonElement root)
    {
        var type = Text(root, "notificationType") ?? Text(root, "eventType");
        var mail = Object(root, "mail");
        var ids = new List<string>();
        if (Text(Object(mail, "commonHeaders"), "messageId")?.Trim('<', '>') is { Length: > 0 } id) ids.Add(id);
        var subject = Text(Object(mail, "commonHeaders"), "subject");
        var recipients = new List<ReportedRecipient>();
        switch (type)
        {
            case "Bounce":
                foreach (var one in Items(Object(root, "bounce"), "bouncedRecipients"))
                {
                    if (ReportFields.Address(Text(one, "emailAddress")) is not { } address) continue;
                    var said = Text(one, "diagnosticCode");
                    var status = StatusCode.First(Text(one, "status") ?? said);
                    var code = StatusCode.Reply(said);
                    var reason = BounceReasons.Of(said, status, code, Text(Object(root, "bounce"), "bounceSubType"));
                    recipients.Add(new(address, null, Text(one, "action") ?? "failed", status, code, said, null, reason, StatusCode.Permanent(status, code, reason) ?? Text(Object(root, "bounce"), "bounceType") == "Permanent", ReportSource.Fields));
                }
                break;
            case "Complaint":
                foreach (var one in Items(Object(root, "complaint"), "complainedRecipients"))
                    if (ReportFields.Address(Text(one, "emailAddress")) is { } address) recipients.Add(new(address, null, "delivered", null, null, null, null, BounceReason.Complaint, null, ReportSource.Fields));
                return recipients.Count == 0 ? null : new(ReportKind.Feedback, recipients, ids, subject, null, Text(Object(root, "complaint"), "complaintFeedbackType") ?? "abuse");
            case "Delivery":
                var delivery = Object(root, "delivery");
                foreach (var one in Items(delivery, "recipients"))
                    if (one.ValueKind == JsonValueKind.String && ReportFields.Address(one.GetString()) is { } address) recipients.Add(new(address, null, "delivered", StatusCode.First(Text(delivery, "smtpResponse")), StatusCode.Reply(Text(delivery, "smtpResponse")), Text(delivery, "smtpResponse"), null, BounceReason.None, null, ReportSource.Fields));
                break;
        }
        return recipients.Count == 0 ? null : new(MailReport.KindOf(recipients), recipients, ids, subject, Text(Object(root, "bounce"), "reportingMTA"), null);
    }

    private static JsonElement Object(JsonElement from, string name) => from.ValueKind == JsonValueKind.Object && from.TryGetProperty(name, out var found) ? found : default;
    private static string? Text(JsonElement from, string name) => Object(from, name) is { ValueKind: JsonValueKind.String } found ? found.GetString() : null;
    private static IEnumerable<JsonElement> Items(JsonElement from, string name) => Object(from, name) is { ValueKind: JsonValueKind.Array } found ? found.EnumerateArray().Take(MailReport.MaxRecipients) : [];
}
