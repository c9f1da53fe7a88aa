using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>What is entered in a message's fields.</summary>
/// <param name="WithQuote">What is answered is quoted below the text.</param>
internal sealed record PostedFields(string? To, string? Cc, string? Bcc, string? Subject, string? Text, bool WithQuote)
{
    // Five hundred recipients with long names stay far below.
    private const int MaxAddressChars = 100_000;

    /// <summary>Nothing that would be worth keeping.</summary>
    public bool IsEmpty => string.IsNullOrWhiteSpace(Text) && string.IsNullOrWhiteSpace(To) && string.IsNullOrWhiteSpace(Subject);

    /// <returns>What is too long to be kept, by field; empty when nothing is.</returns>
    public Dictionary<string, string> TooLong()
    {
        Dictionary<string, string> errors = [];
        foreach (var (field, value) in new[] { ("to", To), ("cc", Cc), ("bcc", Bcc) })
            if (value?.Length > MaxAddressChars) errors[field] = ConversationsTexts.TooManyRecipients.With(OutgoingMessageRules.MaxRecipients);
        if (Subject?.Length > 10 * Composition.MaxSubjectChars) errors["subject"] = ConversationsTexts.SubjectTooLong.With(Composition.MaxSubjectChars);
        if (Text?.Length > Composition.MaxTextChars) errors["text"] = ConversationsTexts.TextTooLong.With(Composition.MaxTextChars);
        return errors;
    }
}

/// <summary>A file that is added to a draft, before it is stored.</summary>
internal sealed record NewDraftFile(string FileName, string MediaType, long Length, Func<Stream> Open)
{
    public static NewDraftFile Of(DraftAttachment file) => new(file.FileName, file.MediaType, file.Bytes.Length, () => new MemoryBody(file.Bytes));

    public static NewDraftFile Of(IFormFile file) => new(file.FileName, file.ContentType ?? "application/octet-stream", file.Length, file.OpenReadStream);
}

/// <summary>A message as a form posted it. Its files lie in a temporary file of ASP.NET Core, and go from there into the store chunk by chunk.</summary>
/// <param name="Kept">Files of the draft that stay in it.</param>
/// <param name="SaveOnly"><i>Save draft</i> was pressed.</param>
internal sealed record PostedComposition(PostedFields Fields, string? OnceKey, IReadOnlySet<Guid> Kept, bool SaveOnly, IReadOnlyList<NewDraftFile> Files)
{
    public static PostedComposition Of(IFormCollection form) => new(
        // Browsers send line ends as CR LF.
        new PostedFields(form["to"], form["cc"], form["bcc"], form["subject"], form["text"].ToString().ReplaceLineEndings("\n"), form["quote"].Count > 0),
        form["onceKey"].ToString() is { Length: > 0 and <= 100 } key ? key : null,
        form["keep"].Select(id => Guid.TryParse(id, out var file) ? file : Guid.Empty).ToHashSet(),
        form["act"] == "save",
        FilesOf(form, "attachments"));

    /// <param name="field">Null: of every field.</param>
    public static IReadOnlyList<NewDraftFile> FilesOf(IFormCollection form, string? field) =>
        [.. (field is null ? form.Files : form.Files.GetFiles(field)).Where(file => file.Length > 0 || file.FileName.Length > 0).Select(NewDraftFile.Of)];
}
