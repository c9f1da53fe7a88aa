using Postrider.Web;

namespace Postrider.OutlookAccounts;

/// <summary>Somebody else than the Username signed in at Microsoft, and nothing is stored before the answer.</summary>
/// <param name="Mailbox">What the Username could become; null when the account has no mailbox address.</param>
/// <param name="ExpiresAt">The question can be answered until then.</param>
internal sealed record AnotherAccountQuestion(string Server, string UserName, string? SignedInAs, string? Mailbox, DateTimeOffset ExpiresAt);

/// <param name="Answer"><c>keep</c> the Username for a shared mailbox, sign in <c>again</c>, or <c>change</c> the Username.</param>
internal sealed record AnotherAccountRequest(string? Answer);

/// <param name="Address">Microsoft's sign-in, where a browser with the same session goes on; null: nobody has to.</param>
/// <param name="Path">The server's page, which shows what came of it; null while Microsoft is asked again.</param>
internal sealed record AnotherAccountResult(Uri? Address, string? Path);

/// <summary><c>/api/v1/outlook/another-account</c></summary>
internal static class OutlookAccountsApi
{
    public static void MapOutlookAccounts(this WebApplication app)
    {
        var group = app.MapGroup("/api/v1/outlook/another-account").RequireAuthorization(Policies.Settings).WithTags("Outlook accounts");
        group.MapGet("{id:guid}", async (Guid id, OutlookConnect connect, Viewer viewer, CancellationToken cancel) =>
            await connect.QuestionAsync(id, viewer, cancel) is var (request, target, person)
                ? Results.Ok(new AnotherAccountQuestion(target.Name, target.UserName.ToString(), person.UserName ?? person.Email ?? person.Name, OutlookConnect.MailboxOf(person)?.ToString(), request.ExpiresAt))
                : Problems.ToResult(OutlookAccountsProblems.StateExpired, StatusCodes.Status404NotFound));
        group.MapPost("{id:guid}", async (Guid id, AnotherAccountRequest request, OutlookConnect connect, Viewer viewer, CancellationToken cancel) =>
        {
            if (OtherAccountAnswers.Of(request.Answer) is not { } answer) return Problems.ToResult(OutlookAccountsProblems.AnswerUnknown, StatusCodes.Status422UnprocessableEntity);
            var (address, end) = await connect.AnswerAsync(id, answer, viewer, cancel);
            return end?.Problem is { } problem ? Problems.ToResult(problem, StatusCodes.Status409Conflict) : Results.Ok(new AnotherAccountResult(address, end?.Path));
        });
    }
}
