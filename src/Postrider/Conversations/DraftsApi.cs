using System.Text.Json;
using Postrider.Mail.Mime;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>What is written in a draft's fields; addresses as they would be typed.</summary>
public sealed record DraftRequest(string? To, string? Cc, string? Bcc, string? Subject, string? Text, bool Quote);

/// <param name="Conversation">That it answers; null: it would begin one.</param>
public sealed record DraftAnswer(Guid Id, Guid? Conversation, string? To, string? Cc, string? Bcc, string? Subject, string? Text, bool Quote, DateTimeOffset SavedAt, IReadOnlyList<DraftFileAnswer> Attachments);

public sealed record DraftFileAnswer(Guid Id, string FileName, string MediaType, long Size);

public sealed record DraftListAnswer(IReadOnlyList<DraftAnswer> Drafts);

internal static class DraftsApi
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var drafts = routes.MapGroup("/api/v1/drafts").RequireAuthorization(Policies.SignedIn).WithTags("Drafts");
        drafts.MapGet("", async (Drafts kept, Viewer viewer, CancellationToken cancel) => Results.Ok(new DraftListAnswer([.. (await kept.ListAsync(viewer, cancel)).Select(Of)])));
        drafts.MapPost("", async (DraftRequest request, Drafts kept, Viewer viewer, TimeProvider clock, CancellationToken cancel) =>
            Fields(request).IsEmpty ? Saved(SaveResult.Refused(new Dictionary<string, string> { ["text"] = ConversationsTexts.TextMissing }), StatusCodes.Status422UnprocessableEntity)
                : Saved(await kept.SaveAsync(viewer, null, Ids.New(clock).ToString("N"), Fields(request), null, [], cancel), StatusCodes.Status201Created));
        drafts.MapGet("/{id:guid}", async (Guid id, Drafts kept, Viewer viewer, CancellationToken cancel) => await kept.FindAsync(viewer, id, cancel) is { } draft ? Results.Ok(Of(draft)) : NotFound());
        drafts.MapPut("/{id:guid}", async (Guid id, DraftRequest request, Drafts kept, Viewer viewer, CancellationToken cancel) =>
            await kept.FindAsync(viewer, id, cancel) is { } draft ? Saved(await kept.SaveAsync(viewer, draft.Conversation, draft.OnceKey, Fields(request), null, [], cancel), StatusCodes.Status200OK) : NotFound());
        drafts.MapDelete("/{id:guid}", async (Guid id, Drafts kept, Viewer viewer, CancellationToken cancel) => await kept.DiscardAsync(viewer, id, cancel) ? Results.NoContent() : NotFound());
        drafts.MapPost("/{id:guid}/attachments", AttachAsync).Accepts<AttachmentRequest>("application/json", "multipart/form-data").WithMetadata(new TakesFilesAttribute());
        drafts.MapDelete("/{id:guid}/attachments/{file:guid}", async (Guid id, Guid file, Drafts kept, Viewer viewer, CancellationToken cancel) => await kept.RemoveFileAsync(viewer, id, file, cancel) ? Results.NoContent() : NotFound());
        drafts.MapPost("/{id:guid}/send", async (Guid id, Drafts kept, Viewer viewer, CancellationToken cancel) => await kept.SendAsync(viewer, id, cancel) is { } sent ? ConversationsApi.Sent(sent) : NotFound());

        var answers = routes.MapGroup("/api/v1/conversations/{id:guid}/draft").RequireAuthorization(Policies.SignedIn).WithTags("Drafts");
        answers.MapGet("", async (Guid id, Drafts kept, Viewer viewer, CancellationToken cancel) => await kept.FindOfAsync(viewer, new(id), cancel) is { } draft ? Results.Ok(Of(draft)) : NotFound());
        answers.MapPut("", async (Guid id, DraftRequest request, Drafts kept, Viewer viewer, TimeProvider clock, CancellationToken cancel) =>
            Saved(await kept.SaveAsync(viewer, new(id), Ids.New(clock).ToString("N"), Fields(request), null, [], cancel), StatusCodes.Status200OK));
        answers.MapDelete("", async (Guid id, Drafts kept, Viewer viewer, CancellationToken cancel) =>
            await kept.FindOfAsync(viewer, new(id), cancel) is { } draft && await kept.DiscardAsync(viewer, draft.Id, cancel) ? Results.NoContent() : NotFound());
    }

    /// <summary>A file as JSON in base64, or any number of them as parts of multipart/form-data.</summary>
    private static async Task<IResult> AttachAsync(Guid id, HttpContext http, Drafts kept, Viewer viewer, CancellationToken cancel)
    {
        if (await kept.FindAsync(viewer, id, cancel) is not { } draft) return NotFound();
        var fields = new PostedFields(draft.To, draft.Cc, draft.Bcc, draft.Subject, draft.Text, draft.WithQuote);
        IReadOnlyList<NewDraftFile>? files = null;
        try
        {
            if (http.Request.HasFormContentType) files = PostedComposition.FilesOf(await http.Request.ReadFormAsync(cancel), null);
            else if (http.Request.HasJsonContentType() && await http.Request.ReadFromJsonAsync<AttachmentRequest>(cancel) is { } request)
                files = [NewDraftFile.Of(new DraftAttachment(request.FileName ?? "", request.MediaType ?? "application/octet-stream", request.Content ?? []))];
        }
        catch (JsonException)
        {
            // Answered below, as every body that is neither of the two.
        }

        return files is null ? Problems.ToResult(WebProblems.NotUnderstood, StatusCodes.Status400BadRequest) : Saved(await kept.SaveAsync(viewer, draft.Conversation, draft.OnceKey, fields, null, files, cancel), StatusCodes.Status200OK);
    }

    private static PostedFields Fields(DraftRequest request) => new(request.To, request.Cc, request.Bcc, request.Subject, request.Text?.ReplaceLineEndings("\n"), request.Quote);

    private static IResult Saved(SaveResult result, int status) => result switch
    {
        { Draft: { } draft } => Results.Json(Of(draft), statusCode: status),
        { Problem: { } problem } => Problems.ToResult(problem, problem.Code == "message-attachments-too-large" ? StatusCodes.Status413PayloadTooLarge : StatusCodes.Status422UnprocessableEntity),
        // Nothing was written in it, or its conversation is gone.
        _ => NotFound(),
    };

    private static IResult NotFound() => Problems.ToResult(ConversationsProblems.DraftNotFound());

    private static DraftAnswer Of(KeptDraft draft) => new(
        draft.Id, draft.Conversation?.Value, draft.To, draft.Cc, draft.Bcc, draft.Subject, draft.Text, draft.WithQuote, draft.SavedAt, [.. draft.Files.Select(file => new DraftFileAnswer(file.Id, file.FileName, file.MediaType, file.Body.Length))]);
}
