using Postrider.Mail.Mime;

namespace Postrider.Conversations;

/// <summary>A message as a form posted it. Files are read only when they are within the limit: a larger one never enters memory.</summary>
internal sealed record PostedComposition(string? To, string? Cc, string? Subject, string? Text, string? OnceKey, IReadOnlyList<IFormFile> Files)
{
    public static PostedComposition Of(IFormCollection form) =>
        new(form["to"], form["cc"], form["subject"], form["text"], form["onceKey"].ToString() is { Length: > 0 and <= 100 } key ? key : null, [.. form.Files.GetFiles("attachments").Where(f => f.Length > 0 || f.FileName.Length > 0)]);

    public bool IsTooLarge => Files.Sum(f => f.Length) > Composition.MaxAttachmentBytes;

    public async Task<CompositionDraft> ReadAsync(CancellationToken cancel)
    {
        List<DraftAttachment> files = [];
        foreach (var file in Files)
        {
            using var bytes = new MemoryStream((int)file.Length);
            await file.CopyToAsync(bytes, cancel);
            files.Add(new DraftAttachment(file.FileName, file.ContentType ?? "application/octet-stream", bytes.ToArray()));
        }
        // Browsers send line ends as CR LF.
        return new CompositionDraft(To, Cc, Subject, Text?.ReplaceLineEndings("\n"), null, files);
    }

    /// <summary>Sends it, unless its files are beyond the limit.</summary>
    public async Task<SendResult> SendAsync(Func<CompositionDraft, Task<SendResult>> send, CancellationToken cancel)
    {
        if (!IsTooLarge) return await send(await ReadAsync(cancel));
        var errors = new Dictionary<string, string> { ["attachments"] = Composition.TooLarge };
        return new SendResult(null, ConversationsProblems.NotSent(errors), errors);
    }
}
