using System.Security.Cryptography;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Mime;

namespace Postrider.Sandbox.Exchange;

/// <summary>Carries messages from mailbox to mailbox, at once and byte for byte. Exchange adds headers on the way; here what arrives is what was sent, so that it can be compared.</summary>
public sealed class Transport
{
    private readonly Mailboxes mailboxes;
    private readonly TimeProvider clock;

    internal Transport(Mailboxes mailboxes, TimeProvider clock) => (this.mailboxes, this.clock) = (mailboxes, clock);

    /// <summary>Delivers to every recipient's Inbox, inside or outside, and keeps a copy in the sender's Sent Items, as Exchange does with every submission.</summary>
    public void Submit(Mailbox sender, IEnumerable<EmailAddress> recipients, ReadOnlyMemory<byte> message)
    {
        ArgumentNullException.ThrowIfNull(sender);
        var now = clock.GetUtcNow();
        foreach (var mailbox in recipients.Select(mailboxes.FindOrInvent).Distinct()) mailbox.Inbox.Append(message, [], now);
        sender.SentItems.Append(message, ["\\Seen"], now);
    }

    /// <summary>A message out of nowhere, for tests: delivered as it is, kept nowhere else.</summary>
    public uint Deliver(Mailbox recipient, ReadOnlyMemory<byte> message)
    {
        ArgumentNullException.ThrowIfNull(recipient);
        return recipient.Inbox.Append(message, [], clock.GetUtcNow());
    }

    /// <summary>Writes a message as a person would and sends it.</summary>
    public byte[] Write(Mailbox sender, Letter letter)
    {
        ArgumentNullException.ThrowIfNull(sender);
        ArgumentNullException.ThrowIfNull(letter);
        var answered = letter.Answers is { } original ? MimeMessage.Read(original.Bytes) : null;
        var draft = new MessageDraft
        {
            From = new NamedAddress(sender.DisplayName == sender.Address.ToString() ? null : sender.DisplayName, sender.Address),
            To = letter.To,
            Cc = letter.Cc,
            Subject = letter.Subject,
            Date = clock.GetUtcNow(),
            MessageId = new MessageIdSource(sender.Address, RandomNumberGenerator.Fill).Next(),
            InReplyTo = answered?.MessageId,
            References = answered?.MessageId is { } id ? [.. answered.References, id] : [],
            Text = letter.Text,
            Html = letter.Html,
            Attachments = letter.Attachments,
        };
        var bytes = draft.Write();
        Submit(sender, letter.To.Concat(letter.Cc).Select(a => a.Address), bytes);
        return bytes;
    }
}

/// <summary>What a person wrote on the mailbox's page.</summary>
/// <param name="Answers">The message that this one answers; null: a new conversation.</param>
public sealed record Letter(IReadOnlyList<NamedAddress> To, string Subject, string? Text, ImapStoredMessage? Answers = null)
{
    public IReadOnlyList<NamedAddress> Cc { get; init; } = [];
    public string? Html { get; init; }
    public IReadOnlyList<DraftAttachment> Attachments { get; init; } = [];
}
