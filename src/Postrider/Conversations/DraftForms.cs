using Microsoft.AspNetCore.Http.HttpResults;
using Postrider.OutgoingMail;
using Postrider.Settings;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>Where a form with script saves itself while it is written, and stores a chosen file. Answers are parts of the page. Without script the form's own button <i>Save draft</i> does the same.</summary>
internal static class DraftForms
{
    public const string NewPath = "/conversations/new/draft";

    public static string PathOf(Guid conversation) => $"/conversations/{conversation:D}/draft";

    public static void Map(IEndpointRouteBuilder routes)
    {
        // IFormCollection as a parameter has the form's antiforgery token checked.
        routes.MapPost("/conversations/{id:guid}/draft", (Guid id, IFormCollection form, Drafts drafts, DownloadLinks links, SystemParameters parameters, Viewer viewer, CancellationToken cancel) => SaveAsync(new ConversationId(id), PathOf(id), form, drafts, links, parameters, viewer, cancel))
            .RequireAuthorization(Policies.SignedIn).WithMetadata(new TakesFilesAttribute()).ExcludeFromDescription();
        routes.MapPost(NewPath, (IFormCollection form, Drafts drafts, DownloadLinks links, SystemParameters parameters, Viewer viewer, CancellationToken cancel) => SaveAsync(null, NewPath, form, drafts, links, parameters, viewer, cancel))
            .RequireAuthorization(Policies.SignedIn).WithMetadata(new TakesFilesAttribute()).ExcludeFromDescription();
    }

    private static async Task<IResult> SaveAsync(ConversationId? conversation, string path, IFormCollection form, Drafts drafts, DownloadLinks links, SystemParameters parameters, Viewer viewer, CancellationToken cancel)
    {
        var posted = PostedComposition.Of(form);
        if (posted.OnceKey is not { } onceKey) return Problems.ToResult(WebProblems.NotUnderstood, StatusCodes.Status400BadRequest);
        if (posted.Files.Count == 0)
        {
            // Files are unchosen by the form's own buttons: what saves itself takes none away.
            var saved = await drafts.SaveAsync(viewer, conversation, onceKey, posted.Fields, null, [], cancel);
            return new RazorComponentResult<DraftState>(new { At = saved.Draft?.SavedAt, Error = saved.Problem?.Detail });
        }
        var result = await drafts.SaveAsync(viewer, conversation, onceKey, posted.Fields, null, posted.Files, cancel);
        var draft = result.Draft ?? await drafts.FindWithAsync(viewer, conversation, onceKey, cancel);
        return new RazorComponentResult<DraftFiles>(new { Files = draft?.Files ?? [], Error = result.Problem is null ? null : string.Join(' ', result.Errors.Values), SaveAt = path, Saved = draft?.SavedAt, LinksOver = await links.LimitForAsync(viewer, cancel), LinkDays = (int)parameters.DownloadLinkLife.TotalDays });
    }
}
