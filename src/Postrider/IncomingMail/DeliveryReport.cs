using System.Text;
using Postrider.Mail;
using Postrider.Mail.Mime;

namespace Postrider.IncomingMail;

/// <summary>What became of a mail for one recipient (RFC 3464 section 2.3).</summary>
/// <param name="Action">failed, delayed, delivered, relayed or expanded, in lower case.</param>
/// <param name="Status">Such as <c>5.1.1</c>; null when the report does not say.</param>
/// <param name="Diagnostic">What the refusing server said; null when the report does not say.</param>
internal sealed record ReportedRecipient(EmailAddress Recipient, string Action, string? Status, string? Diagnostic)
{
    /// <summary>RFC 3464 section 2.3.3: only this says that the mail will not arrive.</summary>
    public bool Failed => Action == "failed";
}

/// <summary>A report about a mail of ours: multipart/report with report-type delivery-status (RFC 6522, RFC 3464).</summary>
/// <param name="OriginalIds">Message-IDs of the mail it is about, the most telling first; empty when it does not say.</param>
internal sealed record DeliveryReport(IReadOnlyList<ReportedRecipient> Recipients, IReadOnlyList<string> OriginalIds)
{
    private const int MaxRecipients = 1000;
    private const int MaxStatusBytes = 1 << 20;

    /// <returns>Null when the message is no such report.</returns>
    public static DeliveryReport? Read(MimeMessage message)
    {
        if (message.Root.MediaType != "multipart/report") return null;
        var status = message.Root.Children.FirstOrDefault(p => p.MediaType is "message/delivery-status" or "message/global-delivery-status");
        if (status is null) return null;

        List<ReportedRecipient> recipients = [];
        foreach (var block in Blocks(status).Skip(1))
        {
            if (recipients.Count >= MaxRecipients) break;
            var address = Typed(block, "final-recipient") ?? Typed(block, "original-recipient");
            if (!EmailAddress.TryParse(address?.Trim('<', '>', ' '), out var recipient)) continue;
            var action = block.GetValueOrDefault("action")?.Trim().ToLowerInvariant();
            recipients.Add(new ReportedRecipient(recipient, action ?? "failed", FirstWord(block.GetValueOrDefault("status")), Typed(block, "diagnostic-code")));
        }
        return new DeliveryReport(recipients, OriginalIdsOf(message));
    }

    private static List<string> OriginalIdsOf(MimeMessage message)
    {
        List<string> ids = [];
        foreach (var part in message.Root.Children)
        {
            if (part.MediaType is not ("message/rfc822" or "message/global" or "text/rfc822-headers" or "message/rfc822-headers" or "message/global-headers")) continue;
            var original = MimeMessage.Read(part.DecodeBytes());
            // Outlook.com gives a mail a new Message-ID and keeps ours here.
            AddIds(ids, original.Header("X-Microsoft-Original-Message-ID"));
            if (original.MessageId is { } id && !ids.Contains(id)) ids.Add(id);
        }
        foreach (var id in message.InReplyTo.Concat(message.References.Reverse())) if (!ids.Contains(id)) ids.Add(id);
        return ids;
    }

    internal static void AddIds(List<string> ids, string? header)
    {
        if (header is null) return;
        var id = header.Trim().Trim('<', '>').Trim();
        if (id.Length is > 0 and <= 998 && !ids.Contains(id)) ids.Add(id);
    }

    /// <summary>Blocks of fields, parted by empty lines: the first tells of the message, each further one of a recipient.</summary>
    private static List<Dictionary<string, string>> Blocks(MimePart status)
    {
        var bytes = status.DecodeBytes();
        var text = (status.MediaType.StartsWith("message/global", StringComparison.Ordinal) ? Encoding.UTF8 : Encoding.Latin1).GetString(bytes, 0, Math.Min(bytes.Length, MaxStatusBytes));

        List<Dictionary<string, string>> blocks = [];
        Dictionary<string, string> block = new(StringComparer.OrdinalIgnoreCase);
        string? last = null;
        foreach (var raw in text.AsSpan().EnumerateLines())
        {
            var line = raw.TrimEnd();
            if (line.IsEmpty)
            {
                if (block.Count > 0) { blocks.Add(block); block = new(StringComparer.OrdinalIgnoreCase); last = null; }
            }
            else if (line[0] is ' ' or '\t')
            {
                if (last is not null && block[last].Length < 4096) block[last] += " " + line.Trim().ToString();
            }
            else if (line.IndexOf(':') is > 0 and var colon)
            {
                last = line[..colon].Trim().ToString();
                if (!block.TryAdd(last, line[(colon + 1)..].Trim().ToString())) last = null;
            }
        }
        if (block.Count > 0) blocks.Add(block);
        return blocks;
    }

    /// <summary>A field of the form <c>type; value</c>.</summary>
    private static string? Typed(Dictionary<string, string> block, string field)
    {
        if (!block.TryGetValue(field, out var value)) return null;
        var semicolon = value.IndexOf(';', StringComparison.Ordinal);
        return (semicolon < 0 ? value : value[(semicolon + 1)..]).Trim();
    }

    private static string? FirstWord(string? value) => value?.Split(' ', 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
}
