using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.Storage;
using Postrider.Web;
using T = Postrider.Conversations.ConversationsTexts;

namespace Postrider.Conversations;

/// <summary>What a person or a program wants to send, as entered.</summary>
/// <param name="To">Addresses with commas between them.</param>
public sealed record CompositionDraft(string? To, string? Cc, string? Subject, string? Text, string? Html, IReadOnlyList<DraftAttachment> Attachments)
{
    public string? Bcc { get; init; }
    /// <summary>An answer: what it answers is quoted below the text.</summary>
    public bool WithQuote { get; init; }
    /// <summary>Where the first attachments are stored, in their order; they come without their bytes.</summary>
    public IReadOnlyList<StoredBody> Stored { get; init; } = [];
}

/// <summary>A draft that may be sent.</summary>
internal sealed record Composition(IReadOnlyList<NamedAddress> To, IReadOnlyList<NamedAddress> Cc, string Subject, string? Text, string? Html, IReadOnlyList<DraftAttachment> Attachments)
{
    /// <summary>Recipients that no header names.</summary>
    public IReadOnlyList<NamedAddress> Bcc { get; init; } = [];
    /// <summary>As <see cref="CompositionDraft.Stored"/>.</summary>
    public IReadOnlyList<StoredBody> Stored { get; init; } = [];

    public const int MaxTextChars = 1_000_000;
    public const int MaxSubjectChars = 500;

    /// <summary>Checks a draft. Errors are keyed by the field they belong to: to, cc, bcc, subject, text, attachments.</summary>
    /// <param name="answer">An answer's subject may be left empty: the conversation has one.</param>
    /// <param name="maxFilesBytes">Of all attachments together, as links or not.</param>
    public static (Composition? Composition, IReadOnlyDictionary<string, string> Errors) Check(CompositionDraft draft, bool answer, long maxFilesBytes)
    {
        ArgumentNullException.ThrowIfNull(draft);
        Dictionary<string, string> errors = [];
        var to = Addresses(draft.To, "to", errors);
        var cc = Addresses(draft.Cc, "cc", errors).Where(c => !to.Any(t => t.Address.Equals(c.Address))).ToList();
        var bcc = Addresses(draft.Bcc, "bcc", errors).Where(b => !to.Concat(cc).Any(t => t.Address.Equals(b.Address))).ToList();
        if (to.Count + cc.Count + bcc.Count == 0 && errors.Count == 0) errors["to"] = T.NoRecipients;
        else if (to.Count + cc.Count + bcc.Count > OutgoingMessageRules.MaxRecipients) errors["to"] = T.TooManyRecipients.With(OutgoingMessageRules.MaxRecipients);

        var subject = ThreadSubject.OneLine(draft.Subject);
        if (subject.Length > MaxSubjectChars) errors["subject"] = T.SubjectTooLong.With(MaxSubjectChars);
        else if (subject.Length == 0 && !answer) errors["subject"] = T.SubjectMissing;

        var text = string.IsNullOrWhiteSpace(draft.Text) ? null : draft.Text;
        var html = string.IsNullOrWhiteSpace(draft.Html) ? null : draft.Html;
        if (text?.Length > MaxTextChars || html?.Length > MaxTextChars) errors["text"] = T.TextTooLong.With(MaxTextChars);
        else if (text is null && html is null && draft.Attachments.Count == 0) errors["text"] = T.TextMissing;

        if (draft.Attachments.Count > OutgoingMessageRules.MaxFiles) errors["attachments"] = T.TooManyAttachments.With(OutgoingMessageRules.MaxFiles);
        else if (draft.Stored.Sum(s => s.Length) + draft.Attachments.Sum(a => (long)a.Bytes.Length) > maxFilesBytes) errors["attachments"] = TooLarge(maxFilesBytes);
        return (errors.Count > 0 ? null : new Composition(to, cc, subject, text ?? (html is null ? "" : null), html, [.. draft.Attachments.Select(Named)]) { Bcc = bcc, Stored = draft.Stored }, errors);
    }

    public static string TooLarge(long maxFilesBytes) => T.AttachmentsTooLarge.With(ByteSize.Of(maxFilesBytes));

    public static DraftAttachment Named(DraftAttachment attachment, int position) =>
        attachment with { FileName = SafeFileName.From(attachment.FileName, position, attachment.MediaType), MediaType = IsMediaType(attachment.MediaType) ? attachment.MediaType.ToLowerInvariant() : "application/octet-stream" };

    private static bool IsMediaType(string type) => type.Count(c => c == '/') == 1 && type.Length is > 2 and <= 127 && type.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '+' or '.' or '_') && type[0] != '/' && type[^1] != '/';

    private static List<NamedAddress> Addresses(string? entered, string field, Dictionary<string, string> errors)
    {
        if (string.IsNullOrWhiteSpace(entered)) return [];
        // A line end within an address would end the header and begin another.
        if (entered.Any(char.IsControl))
        {
            errors[field] = T.AddressWithControlSign;
            return [];
        }
        var list = AddressList.Parse(entered.Replace(';', ','));
        if (list.Defects.Count > 0 || list.Addresses.Count == 0)
        {
            errors[field] = T.AddressUnusable.With(Shortened(entered));
            return [];
        }
        return [.. list.Addresses.DistinctBy(a => a.Address.Normalized)];
    }

    private static string Shortened(string text) => text.Length > 100 ? text[..100] + "…" : text;
}
