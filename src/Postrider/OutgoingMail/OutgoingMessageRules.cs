using System.Globalization;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingServers;
using Postrider.Settings;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>What a message must be before it is taken, and how it becomes a draft. Pure.</summary>
internal static class OutgoingMessageRules
{
    /// <summary>Exchange Online takes 500 by default (Microsoft: "Exchange Online limits", read 2026-11).</summary>
    public const int MaxRecipients = 500;

    /// <summary>Files of one message that come by themselves: from a form, a draft, or as parts.</summary>
    public const int MaxFiles = 100;

    /// <summary>Exchange Online's default for sending; the system parameter <c>mail.max_message_megabytes</c> changes it.</summary>
    public const int DefaultMaxMegabytes = 35;

    // RFC 5322 section 2.1.1 folds at 998; a longer subject is no subject.
    private const int MaxSubjectLength = 2000;

    // Headers, boundaries, the other part: what a message has besides its files.
    private const int Overhead = 4096;

    /// <summary>The largest message on the wire.</summary>
    public static long MaxBytes(SystemParameters parameters) =>
        1024L * 1024 * (int.TryParse(parameters.Get(KnownParameter.MaxMessageMegabytes), NumberStyles.None, CultureInfo.InvariantCulture, out var megabytes) && megabytes is > 0 and <= 150 ? megabytes : DefaultMaxMegabytes);

    /// <param name="maxBytes">On the wire, without what may go as links.</param>
    /// <param name="maxFilesBytes">Of all files together.</param>
    /// <returns>Null when it may be put.</returns>
    public static Problem? Check(OutgoingMessage message, long maxBytes, long maxFilesBytes)
    {
        var recipients = message.To.Count + message.Cc.Count + message.Bcc.Count;
        if (recipients == 0) return OutgoingMailProblems.NoRecipients;
        if (recipients > MaxRecipients) return OutgoingMailProblems.TooManyRecipients(MaxRecipients);
        if (HasControl(message.Subject) || message.Subject.Length > MaxSubjectLength) return OutgoingMailProblems.ControlCharacters("Subject");
        foreach (var (field, list) in (ReadOnlySpan<(string, IReadOnlyList<NamedAddress>)>)[("From", [message.From]), ("To", message.To), ("Cc", message.Cc), ("Bcc", message.Bcc), ("Reply-To", message.ReplyTo is null ? [] : [message.ReplyTo])])
            if (list.Any(address => HasControl(address.Name))) return OutgoingMailProblems.ControlCharacters(field);
        if (message.Attachments.Any(file => HasControl(file.FileName) || HasControl(file.MediaType))) return OutgoingMailProblems.ControlCharacters("Attachment");
        if (message.IdempotencyKey is { } key && (key.Length is 0 or > 200 || key.Any(c => c is < ' ' or > '~'))) return OutgoingMailProblems.KeyInvalid;
        var files = Enumerable.Range(0, message.Attachments.Count).Sum(message.SizeOf);
        if (files > maxFilesBytes) return OutgoingMailProblems.FilesTooLarge(files, maxFilesBytes);
        var size = EstimateBytes(message, without: LinkedFiles.Candidates(message));
        return size > maxBytes ? OutgoingMailProblems.TooLarge(size, maxBytes, "this hub") : null;
    }

    /// <summary>Before anything is encoded: base64 makes four bytes and a share of a line end of three.</summary>
    /// <param name="without">Places of files that do not go with it.</param>
    public static long EstimateBytes(OutgoingMessage message, IReadOnlyList<int> without) =>
        Overhead + (message.Text?.Length ?? 0) + (message.Html?.Length ?? 0) + Enumerable.Range(0, message.Attachments.Count).Except(without).Sum(place => (message.SizeOf(place) + 2) / 3 * 4 * 78 / 76);

    /// <param name="mailId">Goes into a header, so that the copy in Sent Items can be found.</param>
    public static MessageDraft Draft(OutgoingMessage message, ServerDecision decision, string messageId, Guid mailId, DateTimeOffset now) => new()
    {
        From = decision.HeaderFrom,
        // Where the address was replaced, an answer still goes to the one who wrote, unless the author says otherwise or the hub waits for it.
        ReplyTo = message.ReplyTo is { } wanted ? [wanted] : message.AnswerAddress?.Invoke(mailId, decision.HeaderFrom.Address) is { } answers ? [answers] : decision.Rewritten(message.From) && !message.AnswersComeToTheHub ? [message.From] : [],
        To = message.To,
        Cc = message.Cc,
        Subject = message.Subject,
        Date = now,
        MessageId = messageId,
        InReplyTo = message.InReplyTo,
        // Its own Message-ID once more, where the answer is waited for: a server may give the mail another one, and an answer repeats these.
        References = message.AnswersComeToTheHub ? [.. message.References, messageId] : message.References,
        Text = message.Text,
        Html = message.Html,
        Attachments = message.Attachments,
        Report = message.Report,
        ExtraHeaders = [new("X-Postrider-Id", mailId.ToString("D")), .. AutoSubmitted(message) is { } word ? [new("Auto-Submitted", word)] : NoFields, .. message.AnswersByItself ? [new("X-Auto-Response-Suppress", "All")] : NoFields],
    };

    private static readonly KeyValuePair<string, string>[] NoFields = [];

    /// <summary>RFC 3834 section 5: no program answers what a program wrote. Null: a person did.</summary>
    private static string? AutoSubmitted(OutgoingMessage message) => message.Report is not null || message.AnswersByItself ? "auto-replied" : message.Automatic ? "auto-generated" : null;

    private static bool HasControl(string? text) => text?.Any(char.IsControl) == true;
}
