using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Mime;

namespace Postrider.Sandbox.Outlook;

/// <summary>A message as the list shows it.</summary>
public sealed record MessageLine(uint Uid, bool Seen, DateTimeOffset At, IReadOnlyList<NamedAddress> From, IReadOnlyList<NamedAddress> To, string Subject, string Preview, bool HasAttachments)
{
    private const int MaxPreview = 140;

    internal static MessageLine Of(ImapStoredMessage stored)
    {
        var message = MimeMessage.Read(stored.Bytes);
        return new(stored.Uid, stored.Flags.Contains("\\Seen", StringComparer.OrdinalIgnoreCase), stored.InternalDate, message.From, message.To,
            message.Subject is { Length: > 0 } subject ? subject : "(no subject)", PreviewOf(message.TextBody ?? ""), message.Attachments.Count > 0);
    }

    private static string PreviewOf(string text)
    {
        // What is quoted, and everything below, the reader has seen before.
        var own = string.Join(' ', text.AsSpan(0, Math.Min(text.Length, 2000)).ToString().Split('\n').Select(l => l.Trim()).TakeWhile(l => !l.StartsWith('>')).Where(l => l.Length > 0));
        return own.Length <= MaxPreview ? own : own[..(char.IsHighSurrogate(own[MaxPreview - 1]) ? MaxPreview - 1 : MaxPreview)] + "…";
    }
}
