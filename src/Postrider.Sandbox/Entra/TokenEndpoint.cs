using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Postrider.Sandbox.Entra;

/// <summary>The token endpoint: reads the form, asks <see cref="TokenRules"/>, issues.</summary>
internal static class TokenEndpoint
{
    private const long MaxFormBytes = 64 * 1024;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/{tenant}/oauth2/v2.0/token", AnswerAsync).DisableAntiforgery().WithMetadata(new Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute(MaxFormBytes));
        routes.MapGet("/{tenant}/oauth2/v2.0/token", (HttpContext http, TimeProvider clock) => Refuse(http, EntraErrors.OnlyPost, clock));
    }

    private static async Task<IResult> AnswerAsync(string tenant, HttpContext http, TokenRules rules, Grants grants, SigningKey key, TimeProvider clock)
    {
        if (!http.Request.HasFormContentType) return Refuse(http, EntraErrors.ParameterMissing("grant_type"), clock);
        var request = TokenRequest.Read(await http.Request.ReadFormAsync(http.RequestAborted), http.Request.Headers.Authorization);
        if (rules.Decide(tenant, request, out var grant) is { } refusal) return Refuse(http, refusal, clock);

        var (token, seconds) = grants.IssueAccessToken(grant!.App.ClientId, grant.User, grant.Resource, grant.Permissions);
        // OpenID scopes are told for Graph, whose they are; Outlook's answer names its own only.
        var told = grant.Resource == ApiResource.Graph ? grant.OpenId.Where(s => s != "offline_access") : [];
        NoStore(http);
        return Results.Json(new TokenAnswer(
            "Bearer",
            string.Join(' ', told.Concat(grant.Permissions.Select(p => grant.Prefix + p))),
            seconds,
            seconds,
            token,
            grant.WithRefreshToken ? grants.IssueRefreshToken(grant.App.ClientId, grant.User.Id, grant.GrantedAt, grant.Scope) : null,
            grant.OpenId.Contains("openid") ? key.Sign(IdToken.Claims(BaseOf(http), grant.App.ClientId, grant.User, key.PairwiseSubject(grant.App.ClientId, grant.User.Id), grant.OpenId, grant.Nonce, clock.GetUtcNow())) : null,
            request.WantsClientInfo ? ClientInfo(grant) : null));
    }

    /// <summary>Scheme and host as the client reached them: the sandbox is known by several.</summary>
    public static string BaseOf(HttpContext http) => $"{http.Request.Scheme}://{http.Request.Host}";

    private static string ClientInfo(TokenGrant grant) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new Dictionary<string, Guid>(StringComparer.Ordinal) { ["uid"] = grant.User.Id, ["utid"] = grant.User.TenantId })));

    private static IResult Refuse(HttpContext http, EntraError error, TimeProvider clock)
    {
        var ids = ErrorIds.For(http, clock);
        NoStore(http);
        http.Response.Headers["x-ms-request-id"] = ids.Trace.ToString();
        return Results.Json(new TokenRefusal(error.Error, error.Describe(ids), [error.Code], ids.Timestamp, ids.Trace, ids.Correlation, $"{BaseOf(http)}/error?code={error.Code}", error.SubError), statusCode: error.Status);
    }

    private static void NoStore(HttpContext http)
    {
        http.Response.Headers.CacheControl = "no-store, no-cache";
        http.Response.Headers.Pragma = "no-cache";
    }

    private sealed record TokenAnswer(
        [property: JsonPropertyName("token_type")] string TokenType,
        [property: JsonPropertyName("scope")] string Scope,
        [property: JsonPropertyName("expires_in")] int ExpiresIn,
        [property: JsonPropertyName("ext_expires_in")] int ExtExpiresIn,
        [property: JsonPropertyName("access_token")] string AccessToken,
        [property: JsonPropertyName("refresh_token"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? RefreshToken,
        [property: JsonPropertyName("id_token"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? IdToken,
        [property: JsonPropertyName("client_info"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ClientInfo);

    private sealed record TokenRefusal(
        [property: JsonPropertyName("error")] string Error,
        [property: JsonPropertyName("error_description")] string ErrorDescription,
        [property: JsonPropertyName("error_codes")] IReadOnlyList<int> ErrorCodes,
        [property: JsonPropertyName("timestamp")] string Timestamp,
        [property: JsonPropertyName("trace_id")] Guid TraceId,
        [property: JsonPropertyName("correlation_id")] Guid CorrelationId,
        [property: JsonPropertyName("error_uri")] string ErrorUri,
        [property: JsonPropertyName("suberror"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? SubError);
}
