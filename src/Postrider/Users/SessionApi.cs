using Postrider.Web;

namespace Postrider.Users;

/// <summary><c>/api/v1/setup</c> and <c>/api/v1/session</c>: the first administrator, and signing in with a cookie. Programs use API keys instead.</summary>
internal static class SessionApi
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup("/api/v1").WithTags("Session");
        api.MapPost("/setup", async (SetupRequest request, People people, Sessions sessions, HttpContext http) =>
        {
            var result = await people.SetUpAsync(request.Token ?? "", request.Name ?? "", request.Email ?? "", request.Password ?? "", http.RequestAborted);
            if (result.Problem is { } problem) return Problems.ToResult(problem);
            await sessions.StartAsync(http, result.Person!);
            return Results.Created($"/api/v1/users/{result.Person!.Id}", SessionAnswer.Of(result.Person));
        }).AllowAnonymous().WithSummary("Make the first administrator with the token of the set-up link").Produces<SessionAnswer>(StatusCodes.Status201Created);

        api.MapPost("/session", async (SignInRequest request, Sessions sessions, HttpContext http) =>
        {
            var result = await sessions.CheckAsync(request.Email ?? "", request.Password ?? "", Address(http), http.RequestAborted);
            if (result.Problem is { } problem) return Problems.ToResult(problem, StatusOf(problem));
            await sessions.StartAsync(http, result.Person!);
            return Results.Ok(SessionAnswer.Of(result.Person!));
        }).AllowAnonymous().WithSummary("Sign in; the answer sets the cookie postrider.session").Produces<SessionAnswer>();

        api.MapGet("/session", (Viewer viewer) => new SessionAnswer(viewer.UserId, viewer.Name, viewer.Email, viewer.IsSettings ? "settings" : "user"))
            .RequireAuthorization(Policies.SignedIn).WithSummary("Who is signed in");

        api.MapDelete("/session", async (Sessions sessions, HttpContext http) =>
        {
            await sessions.EndAsync(http);
            return Results.NoContent();
        }).RequireAuthorization(Policies.SignedIn).WithSummary("Sign out");
    }

    internal static string Address(HttpContext http) => http.Connection.RemoteIpAddress?.ToString() ?? "unknown";

    private static int StatusOf(Problem problem) => problem == UsersProblems.TooManySignIns ? StatusCodes.Status429TooManyRequests : StatusCodes.Status401Unauthorized;

    internal sealed record SetupRequest(string? Token, string? Name, string? Email, string? Password);

    internal sealed record SignInRequest(string? Email, string? Password);

    /// <param name="Right"><c>settings</c> or <c>user</c>.</param>
    internal sealed record SessionAnswer(Guid Id, string Name, string Email, string Right)
    {
        public static SessionAnswer Of(Person person) => new(person.Id, person.Name, person.Email, person.IsSettings ? "settings" : "user");
    }
}
