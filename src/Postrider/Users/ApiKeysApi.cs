using Postrider.Web;

namespace Postrider.Users;

/// <summary><c>/api/v1/api-keys</c>: one's own.</summary>
internal static class ApiKeysApi
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var keys = routes.MapGroup("/api/v1/api-keys").WithTags("API keys").RequireAuthorization(Policies.SignedIn);
        keys.MapGet("", async (ApiKeys store, Viewer viewer, CancellationToken gone) => new ApiKeyList([.. (await store.ListAsync(viewer.UserId, gone)).Select(ApiKeyAnswer.Of)])).WithSummary("Your API keys");
        keys.MapPost("", async (ApiKeyRequest request, ApiKeys store, Viewer viewer, CancellationToken gone) =>
        {
            var (stored, key, problem) = await store.MakeAsync(viewer.UserId, request.Name ?? "", gone);
            return problem is not null ? Problems.ToResult(problem) : Results.Created($"/api/v1/api-keys/{stored!.Id}", new NewApiKeyAnswer(stored.Id, stored.Name, key!));
        }).WithSummary("Make an API key; it is told once").Produces<NewApiKeyAnswer>(StatusCodes.Status201Created);
        keys.MapDelete("/{id:guid}", async (Guid id, ApiKeys store, Viewer viewer, CancellationToken gone) =>
            await store.DeleteAsync(viewer.UserId, id, gone) is { } problem ? Problems.ToResult(problem) : Results.NoContent()).WithSummary("Delete an API key");
    }

    internal sealed record ApiKeyRequest(string? Name);

    internal sealed record ApiKeyList(IReadOnlyList<ApiKeyAnswer> ApiKeys);

    /// <param name="LastUsedAt">To the hour. Null: never.</param>
    internal sealed record ApiKeyAnswer(Guid Id, string Name, string Beginning, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt)
    {
        public static ApiKeyAnswer Of(ApiKey key) => new(key.Id, key.Name, key.Beginning, key.CreatedAt, key.LastUsedAt);
    }

    /// <param name="Key">Nobody can learn it again.</param>
    internal sealed record NewApiKeyAnswer(Guid Id, string Name, string Key);
}
