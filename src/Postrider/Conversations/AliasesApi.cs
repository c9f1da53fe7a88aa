using Postrider.Web;

namespace Postrider.Conversations;

/// <param name="Domain">Empty: any domain that counts as the hub's own.</param>
/// <param name="Rule"><c>everyone</c>, <c>known-contacts</c> or <c>followers</c>.</param>
/// <param name="Refusal">What a refused sender is told; null: the usual words.</param>
/// <param name="Active">False: archived.</param>
public sealed record AliasAnswer(Guid Id, string Name, string Domain, string Address, Guid Inbox, string InboxName, string Rule, string? Refusal, bool Active);

public sealed record InboxRequest(string? Name);

/// <param name="Conversations">How many stand in it.</param>
/// <param name="Aliases">How many aliases lead to it.</param>
public sealed record InboxAnswer(Guid Id, string Name, DateTimeOffset CreatedAt, long Conversations, long Aliases);

internal static class AliasesApi
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var aliases = routes.MapGroup("/api/v1/aliases").RequireAuthorization(Policies.Settings).WithTags("Aliases");
        aliases.MapGet("", async (InboxRegister register, CancellationToken cancel) => Results.Ok((await register.AliasesAsync(cancel)).Select(Of)));
        aliases.MapGet("/{id:guid}", async (Guid id, InboxRegister register, CancellationToken cancel) =>
            await register.FindAliasAsync(new(id), cancel) is { } alias ? Results.Ok(Of(alias)) : Problems.ToResult(AliasesProblems.AliasNotFound()));
        aliases.MapPost("", async (AliasDraft draft, InboxRegister register, Viewer viewer, CancellationToken cancel) =>
        {
            var saved = await register.SaveAliasAsync(null, draft, viewer.UserId, cancel);
            return saved.Id is { } id ? Results.Created($"/api/v1/aliases/{id}", Of((await register.FindAliasAsync(id, cancel))!)) : Refused(saved.Problem!);
        });
        aliases.MapPut("/{id:guid}", async (Guid id, AliasDraft draft, InboxRegister register, Viewer viewer, CancellationToken cancel) =>
        {
            var saved = await register.SaveAliasAsync(new(id), draft, viewer.UserId, cancel);
            return saved.Id is { } known ? Results.Ok(Of((await register.FindAliasAsync(known, cancel))!)) : Refused(saved.Problem!);
        });
        aliases.MapDelete("/{id:guid}", async (Guid id, InboxRegister register, Viewer viewer, CancellationToken cancel) =>
            await register.DeleteAliasAsync(new(id), viewer.UserId, cancel) is { } problem ? Problems.ToResult(problem) : Results.NoContent());

        // Whoever reads conversations sees what they stand in; to change it takes the right Settings.
        var inboxes = routes.MapGroup("/api/v1/inboxes").RequireAuthorization(Policies.SignedIn).WithTags("Inboxes");
        inboxes.MapGet("", async (InboxRegister register, CancellationToken cancel) => Results.Ok((await register.InboxesAsync(cancel)).Select(Of)));
        inboxes.MapGet("/{id:guid}", async (Guid id, InboxRegister register, CancellationToken cancel) =>
            await register.FindInboxAsync(new(id), cancel) is { } inbox ? Results.Ok(Of(inbox)) : Problems.ToResult(AliasesProblems.InboxNotFound()));
        inboxes.MapPost("", async (InboxRequest request, InboxRegister register, Viewer viewer, CancellationToken cancel) =>
        {
            var (id, problem) = await register.CreateInboxAsync(request.Name, viewer.UserId, cancel);
            return id is { } made ? Results.Created($"/api/v1/inboxes/{made}", Of((await register.FindInboxAsync(made, cancel))!)) : Refused(problem!);
        }).RequireAuthorization(Policies.Settings);
        inboxes.MapPut("/{id:guid}", async (Guid id, InboxRequest request, InboxRegister register, Viewer viewer, CancellationToken cancel) =>
            await register.RenameInboxAsync(new(id), request.Name, viewer.UserId, cancel) is { } problem ? Refused(problem) : Results.Ok(Of((await register.FindInboxAsync(new(id), cancel))!)))
            .RequireAuthorization(Policies.Settings);
        inboxes.MapDelete("/{id:guid}", async (Guid id, InboxRegister register, Viewer viewer, CancellationToken cancel) =>
            await register.DeleteInboxAsync(new(id), viewer.UserId, cancel) is { } problem ? Problems.ToResult(problem) : Results.NoContent())
            .RequireAuthorization(Policies.Settings);
    }

    private static IResult Refused(Problem problem) => problem.Code is "alias-invalid" or "inbox-name-invalid" ? Problems.ToResult(problem, StatusCodes.Status422UnprocessableEntity) : Problems.ToResult(problem);

    private static AliasAnswer Of(Alias a) => new(a.Id.Value, a.Name, a.Domain, a.Address, a.Inbox.Value, a.InboxName, a.Rule.Word(), a.Refusal, a.Active);

    private static InboxAnswer Of(Inbox i) => new(i.Id.Value, i.Name, i.CreatedAt, i.Conversations, i.Aliases);
}
