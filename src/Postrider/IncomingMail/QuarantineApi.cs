using Postrider.Conversations;
using Postrider.Web;

namespace Postrider.IncomingMail;

/// <param name="Server">The incoming server it came through; it may be deleted by now.</param>
/// <param name="Code">Why it stands here, as a stable word.</param>
public sealed record QuarantinedMailAnswer(Guid Id, Guid Server, DateTimeOffset StoredAt, long Size, string Code, string Reason, int Tries);

/// <param name="Next">Value of <c>before</c> for the next page; null: this is the last.</param>
public sealed record QuarantineListAnswer(IReadOnlyList<QuarantinedMailAnswer> Messages, Guid? Next);

internal static class QuarantineApi
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/api/v1/quarantine").RequireAuthorization(Policies.Settings).WithTags("Quarantine");
        group.MapGet("", async (Guid? before, int? limit, Quarantine quarantine, CancellationToken cancel) =>
        {
            var size = Math.Clamp(limit ?? IntakeStore.ListLimit, 1, 500);
            var mails = await quarantine.ListAsync(before is { } id ? new(id) : null, size, cancel);
            return Results.Ok(new QuarantineListAnswer([.. mails.Select(Of)], mails.Count == size ? mails[^1].Id.Value : null));
        });
        group.MapGet("/{id:guid}", async (Guid id, Quarantine quarantine, CancellationToken cancel) =>
            await quarantine.FindAsync(new(id), cancel) is { } mail ? Results.Ok(Of(mail)) : NotFound());
        group.MapGet("/{id:guid}/original", async (Guid id, Quarantine quarantine, HttpContext http, CancellationToken cancel) =>
            await quarantine.OriginalAsync(new(id), cancel) is { } original ? MessageContent.Download(http, original) : NotFound());
        group.MapPost("/{id:guid}/process", async (Guid id, Intake intake, CancellationToken cancel) =>
            await intake.ProcessAgainAsync(new(id), cancel) is { } problem
                ? Problems.ToResult(problem, problem.Code == IncomingMailProblems.NotFoundCode ? StatusCodes.Status404NotFound : StatusCodes.Status409Conflict)
                : Results.NoContent());
    }

    private static IResult NotFound() => Problems.ToResult(IncomingMailProblems.NotFound(), StatusCodes.Status404NotFound);

    private static QuarantinedMailAnswer Of(QuarantinedMail m) => new(m.Id.Value, m.Server, m.StoredAt, m.Size, m.ProblemCode, m.Reason, m.Tries);
}
