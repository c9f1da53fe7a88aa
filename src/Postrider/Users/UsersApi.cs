using Postrider.Web;

namespace Postrider.Users;

/// <summary><c>/api/v1/users</c></summary>
internal static class UsersApi
{
    private const int MaxPage = 100;

    public static void Map(IEndpointRouteBuilder routes)
    {
        var users = routes.MapGroup("/api/v1/users").WithTags("Users").RequireAuthorization(Policies.Settings);
        users.MapGet("", async (People people, string? search, string? afterName, Guid? afterId, int limit = 50, CancellationToken gone = default) =>
        {
            limit = Math.Clamp(limit, 1, MaxPage);
            var found = await people.ListAsync(search, afterName is null ? null : (afterName, afterId ?? Guid.Empty), limit, gone);
            return new UserList([.. found.Select(UserAnswer.Of)], found.Count == limit ? new UserCursor(found[^1].Name, found[^1].Id) : null);
        }).WithSummary("Users by name");
        users.MapGet("/{id:guid}", async (Guid id, People people, CancellationToken gone) =>
            await people.FindAsync(id, gone) is { } person ? Results.Ok(UserAnswer.Of(person)) : Problems.ToResult(UsersProblems.NotFound)).WithSummary("One user").Produces<UserAnswer>();
        users.MapPost("", async (UserRequest request, People people, Viewer viewer, CancellationToken gone) =>
        {
            if (request.Access() is not { } access) return Problems.ToResult(UsersProblems.AccessUnknown);
            var result = await people.InviteAsync(request.Name ?? "", request.Email ?? "", access, viewer.UserId, gone);
            return result.Problem is { } problem ? Problems.ToResult(problem) : Results.Created($"/api/v1/users/{result.Person!.Id}", UserAnswer.Of(result.Person));
        }).WithSummary("Invite a user; a password link lets the user sign in").Produces<UserAnswer>(StatusCodes.Status201Created);
        users.MapPut("/{id:guid}", async (Guid id, UserRequest request, People people, Viewer viewer, CancellationToken gone) =>
        {
            if (request.Access() is not { } access) return Problems.ToResult(UsersProblems.AccessUnknown);
            var result = await people.ChangeAsync(id, request.Name ?? "", request.Email ?? "", access, viewer.UserId, gone);
            return result.Problem is { } problem ? Problems.ToResult(problem) : Results.Ok(UserAnswer.Of(result.Person!));
        }).WithSummary("Change a user").Produces<UserAnswer>();
        users.MapDelete("/{id:guid}", async (Guid id, People people, Viewer viewer, CancellationToken gone) =>
            await people.DeleteAsync(id, viewer.UserId, gone) is { } problem ? Problems.ToResult(problem) : Results.NoContent()).WithSummary("Delete a user");
        users.MapPost("/{id:guid}/password-link", async (Guid id, People people, Viewer viewer, HttpRequest http, CancellationToken gone) =>
            await people.MakePasswordLinkAsync(id, viewer.UserId, gone) is { } token
                ? Results.Ok(new PasswordLinkAnswer(PasswordPage.Link(http, token)))
                : Problems.ToResult(UsersProblems.NotFound)).WithSummary("Make a one-time link with which the user sets a password").Produces<PasswordLinkAnswer>();
    }

    /// <param name="Right"><c>settings</c> or <c>user</c>.</param>
    internal sealed record UserRequest(string? Name, string? Email, string? Right)
    {
        public AccessRight? Access() => Right switch { "settings" => AccessRight.Settings, "user" => AccessRight.User, _ => null };
    }

    /// <param name="Next">Hand it on as afterName and afterId. Null: this was the last page.</param>
    internal sealed record UserList(IReadOnlyList<UserAnswer> Users, UserCursor? Next);

    internal sealed record UserCursor(string AfterName, Guid AfterId);

    /// <param name="Right"><c>settings</c> or <c>user</c>.</param>
    /// <param name="HasPassword">False: invited, and has not followed the password link.</param>
    internal sealed record UserAnswer(Guid Id, string Name, string Email, string Right, bool HasPassword, DateTimeOffset CreatedAt, DateTimeOffset? LastSignInAt)
    {
        public static UserAnswer Of(Person person) => new(person.Id, person.Name, person.Email, person.IsSettings ? "settings" : "user", person.PasswordHash is not null, person.CreatedAt, person.LastSignInAt);
    }

    /// <param name="Link">Shown once; works once and for three days.</param>
    internal sealed record PasswordLinkAnswer(string Link);
}
