using Postrider.Conversations;
using Postrider.Web;

namespace Postrider.IncomingMail;

/// <param name="Server">The incoming server it came through; it may be deleted by now.</param>
/// <param name="Sender">As it names itself; null when it names nobody that can be read.</param>
/// <param name="Code">Why it stands here, as a stable word.</param>
/// <param name="DiscardedAt">Null: it waits.</param>
/// <param name="KeptUntil">Until then what was discarded can be taken back; null: it waits.</param>
public sealed record QuarantinedMailAnswer(Guid Id, Guid Server, DateTimeOffset StoredAt, long Size, string? Sender, string? Subject, string Code, string Reason, int Tries, DateTimeOffset? DiscardedAt, Guid? DiscardedBy, DateTimeOffset? KeptUntil);

/// <param name="Next">Value of <c>before</c> for the next page; null: this is the last.</param>
public sealed record QuarantineListAnswer(IReadOnlyList<QuarantinedMailAnswer> Messages, Guid? Next);

/// <param name="Conversation">Joins this one; null: begins one.</param>
/// <param name="Inbox">Where a new one stands; null: in none.</param>
public sealed record SendToRequest(Guid? Conversation, Guid? Inbox);

/// <param name="Do"><c>process</c>, <c>send</c>, <c>discard</c> or <c>restore</c>.</param>
/// <param name="Ids">At most 500.</param>
public sealed record QuarantineBulkRequest(string? Do, IReadOnlyList<Guid>? Ids, Guid? Conversation, Guid? Inbox);

/// <param name="NotDone">Those it did not work for; they stay as they were.</param>
/// <param name="Problem">Why not, of the first of them; null: it worked for all.</param>
public sealed record QuarantineBulkAnswer(int Done, int NotDone, Problem? Problem);

internal static class QuarantineApi
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/api/v1/quarantine").RequireAuthorization(Policies.Settings).WithTags("Quarantine");
        group.MapGet("", async (string? state, Guid? before, int? limit, Quarantine quarantine, CancellationToken cancel) =>
        {
            if (state is not (null or "" or "waiting" or "discarded")) return Problems.ToResult(WebProblems.NotUnderstood, StatusCodes.Status400BadRequest);
            var size = Math.Clamp(limit ?? IntakeStore.ListLimit, 1, 500);
            var mails = await quarantine.ListAsync(state == "discarded", before is { } id ? new(id) : null, size, cancel);
            return Results.Ok(new QuarantineListAnswer([.. mails.Select(Of)], mails.Count == size ? mails[^1].Id.Value : null));
        });
        group.MapPost("", async (QuarantineBulkRequest request, Quarantine quarantine, Viewer viewer, CancellationToken cancel) =>
        {
            var ids = request.Ids ?? [];
            if (ids.Count is 0 or > Quarantine.MaxAtOnce) return Problems.ToResult(IncomingMailProblems.NothingChosen());
            var deed = request.Do switch
            {
                "process" => await quarantine.ProcessAsync(ids, cancel),
                "send" => await quarantine.SendAsync(ids, request.Conversation, request.Inbox, viewer, cancel),
                "discard" => await quarantine.DiscardAsync(ids, viewer, cancel),
                "restore" => await quarantine.RestoreAsync(ids, viewer, cancel),
                _ => null,
            };
            return deed is null ? Problems.ToResult(WebProblems.NotUnderstood, StatusCodes.Status400BadRequest) : Results.Ok(new QuarantineBulkAnswer(deed.Done, deed.NotDone, deed.Problem));
        });
        group.MapGet("/{id:guid}", async (Guid id, Quarantine quarantine, CancellationToken cancel) =>
            await quarantine.FindAsync(new(id), cancel) is { } mail ? Results.Ok(Of(mail)) : Refused(IncomingMailProblems.NotFound()));
        group.MapGet("/{id:guid}/original", async (Guid id, Quarantine quarantine, HttpContext http, CancellationToken cancel) =>
            await quarantine.OriginalAsync(new(id), cancel) is { } original ? MessageContent.Download(http, original) : Refused(IncomingMailProblems.NotFound()));
        group.MapPost("/{id:guid}/process", async (Guid id, Intake intake, CancellationToken cancel) =>
            await intake.ProcessAgainAsync(new(id), cancel) is { } problem ? Refused(problem) : Results.NoContent());
        group.MapPost("/{id:guid}/send", async (Guid id, SendToRequest request, Intake intake, Viewer viewer, CancellationToken cancel) =>
            await intake.SendToAsync(new(id), request.Conversation is { } conversation ? new ConversationId(conversation) : null, request.Inbox is { } inbox ? new InboxId(inbox) : null, viewer, cancel) is { } problem ? Refused(problem) : Results.NoContent());
        group.MapPost("/{id:guid}/discard", async (Guid id, Intake intake, Viewer viewer, CancellationToken cancel) =>
            await intake.DiscardAsync(new(id), viewer, cancel) is { } problem ? Refused(problem) : Results.NoContent());
        group.MapPost("/{id:guid}/restore", async (Guid id, Intake intake, Viewer viewer, CancellationToken cancel) =>
            await intake.RestoreAsync(new(id), viewer, cancel) is { } problem ? Refused(problem) : Results.NoContent());
    }

    private static IResult Refused(Problem problem) =>
        Problems.ToResult(problem, problem.Code.EndsWith("-not-found", StringComparison.Ordinal) ? StatusCodes.Status404NotFound : StatusCodes.Status409Conflict);

    private static QuarantinedMailAnswer Of(QuarantinedMail m) => new(m.Id.Value, m.Server, m.StoredAt, m.Size, m.Sender, m.Subject, m.ProblemCode, m.Reason, m.Tries, m.DiscardedAt, m.DiscardedBy, m.KeptUntil);
}
