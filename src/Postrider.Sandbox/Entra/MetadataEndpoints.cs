using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Entra;

/// <summary>Discovery and keys, and the one thing of Graph that a client asks after signing in. Microsoft: "OpenID Connect on the Microsoft identity platform", read 2026-11.</summary>
internal static class MetadataEndpoints
{
    // With common and organizations the issuer stands for every tenant: a validator puts the token's tid in its place.
    private const string AnyTenant = "{tenantid}";

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/{tenant}/v2.0/.well-known/openid-configuration", Discovery);
        routes.MapGet("/{tenant}/discovery/v2.0/keys", Keys);
        routes.MapGet("/oidc/userinfo", (HttpContext http, Grants grants, EntraDirectory directory, SigningKey key) => SignedInToGraph(http, grants, directory) is { } me
            ? Results.Json(new Dictionary<string, string>(StringComparer.Ordinal) { ["sub"] = key.PairwiseSubject(me.Token.ClientId, me.User.Id), ["name"] = me.User.DisplayName, ["email"] = me.User.UserPrincipalName })
            : InvalidToken(http));
        routes.MapGet("/v1.0/me", (HttpContext http, Grants grants, EntraDirectory directory) => SignedInToGraph(http, grants, directory) is not { } me ? InvalidToken(http)
            : !me.Token.Permissions.Contains("User.Read") ? Results.Json(GraphError("Authorization_RequestDenied", "Insufficient privileges to complete the operation."), statusCode: StatusCodes.Status403Forbidden)
            : Results.Json(new Dictionary<string, object?>(StringComparer.Ordinal) { ["id"] = me.User.Id, ["displayName"] = me.User.DisplayName, ["userPrincipalName"] = me.User.UserPrincipalName, ["mail"] = me.User.UserPrincipalName }));
    }

    private static IResult Discovery(string tenant, HttpContext http, EntraDirectory directory)
    {
        if (Authority.Find(tenant, directory) is not { } authority) return NotFound(tenant);
        var at = $"{TokenEndpoint.BaseOf(http)}/{authority.Segment}";
        return Results.Json(new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["token_endpoint"] = at + "/oauth2/v2.0/token",
            ["token_endpoint_auth_methods_supported"] = Words("client_secret_post", "client_secret_basic"),
            ["jwks_uri"] = at + "/discovery/v2.0/keys",
            ["response_modes_supported"] = Words("query", "fragment", "form_post"),
            ["subject_types_supported"] = Words("pairwise"),
            ["id_token_signing_alg_values_supported"] = Words("RS256"),
            ["response_types_supported"] = Words("code"),
            ["scopes_supported"] = Words("openid", "profile", "email", "offline_access"),
            ["code_challenge_methods_supported"] = Words("plain", "S256"),
            ["issuer"] = IssuerOf(http, authority),
            ["request_uri_parameter_supported"] = false,
            ["userinfo_endpoint"] = TokenEndpoint.BaseOf(http) + "/oidc/userinfo",
            ["authorization_endpoint"] = at + "/oauth2/v2.0/authorize",
            ["http_logout_supported"] = true,
            ["end_session_endpoint"] = at + "/oauth2/v2.0/logout",
            ["claims_supported"] = Words("sub", "iss", "aud", "exp", "iat", "nbf", "name", "nonce", "preferred_username", "oid", "tid", "ver", "email"),
        });
    }

    private static IResult Keys(string tenant, HttpContext http, EntraDirectory directory, SigningKey key)
    {
        if (Authority.Find(tenant, directory) is not { } authority) return NotFound(tenant);
        var one = new Dictionary<string, string>(StringComparer.Ordinal) { ["kty"] = "RSA", ["use"] = "sig", ["kid"] = key.KeyId, ["n"] = key.Modulus, ["e"] = key.Exponent, ["issuer"] = IssuerOf(http, authority) };
        return Results.Json(new Dictionary<string, object>(StringComparer.Ordinal) { ["keys"] = new List<object> { one } });
    }

    private static string[] Words(params string[] words) => words;

    private static string IssuerOf(HttpContext http, Authority authority) =>
        authority.Tenant is { } tenant ? IdToken.Issuer(TokenEndpoint.BaseOf(http), tenant.Id) : $"{TokenEndpoint.BaseOf(http)}/{AnyTenant}/v2.0";

    private static IResult NotFound(string tenant) =>
        Results.Json(new Dictionary<string, string>(StringComparer.Ordinal) { ["error"] = "invalid_tenant", ["error_description"] = "AADSTS90002: " + EntraErrors.TenantNotFound(tenant).Text }, statusCode: StatusCodes.Status400BadRequest);

    // A token for Outlook is nothing here.
    private static (AccessToken Token, DirectoryUser User)? SignedInToGraph(HttpContext http, Grants grants, EntraDirectory directory)
    {
        var header = http.Request.Headers.Authorization.ToString();
        return header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) && grants.FindAccessToken(header[7..].Trim(), ApiResource.Graph) is { } token && directory.FindUser(token.UserId) is { IsEnabled: true } user
            ? (token, user)
            : null;
    }

    private static IResult InvalidToken(HttpContext http)
    {
        http.Response.Headers.WWWAuthenticate = "Bearer";
        return Results.Json(GraphError("InvalidAuthenticationToken", "Access token is empty, expired or made for another resource."), statusCode: StatusCodes.Status401Unauthorized);
    }

    private static Dictionary<string, object> GraphError(string code, string message) =>
        new(StringComparer.Ordinal) { ["error"] = new Dictionary<string, string>(StringComparer.Ordinal) { ["code"] = code, ["message"] = message } };
}
