using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Entra;

/// <summary>A request to the token endpoint: its form, with the credentials of the Authorization header put in their places.</summary>
internal sealed record TokenRequest(string? GrantType, string? ClientId, string? ClientSecret, string? Code, string? RedirectUri, string? CodeVerifier, string? RefreshToken, string? Scope, bool WantsClientInfo)
{
    public static TokenRequest Read(IFormCollection form, string? authorization)
    {
        string? Get(string name) => form.TryGetValue(name, out var value) && value.ToString() is { Length: > 0 } text ? text : null;
        var (basicId, basicSecret) = ReadBasic(authorization);
        return new(Get("grant_type"), Get("client_id") ?? basicId, Get("client_secret") ?? basicSecret, Get("code"), Get("redirect_uri"), Get("code_verifier"), Get("refresh_token"), Get("scope"), Get("client_info") == "1");
    }

    public override string ToString() => $"{GrantType} of {ClientId}";

    // RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
    private static (string? Id, string? Secret) ReadBasic(string? authorization)
    {
        if (authorization is null || !authorization.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase)) return default;
        var bytes = new byte[authorization.Length];
        if (!Convert.TryFromBase64String(authorization[6..].Trim(), bytes, out var length)) return default;
        var text = Encoding.UTF8.GetString(bytes, 0, length);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? default : (System.Net.WebUtility.UrlDecode(text[..colon]), System.Net.WebUtility.UrlDecode(text[(colon + 1)..]));
    }
}

/// <summary>What the token endpoint has decided to issue.</summary>
/// <param name="Permissions">Of the access token.</param>
/// <param name="Prefix">Put before each permission in the answer's <c>scope</c>.</param>
/// <param name="OpenId">What the id_token may tell; holds <c>openid</c> when one is due.</param>
internal sealed record TokenGrant(AppRegistration App, DirectoryUser User, ApiResource Resource, string Prefix, IReadOnlyList<string> Permissions, IReadOnlySet<string> OpenId, string? Nonce, DateTimeOffset GrantedAt, string Scope)
{
    public bool WithRefreshToken => OpenId.Contains("offline_access");
}

/// <summary>The rules of the token endpoint, step by step. Microsoft: "Microsoft identity platform and OAuth 2.0 authorization code flow", read 2026-11.</summary>
internal sealed class TokenRules
{
    private readonly EntraDirectory directory;
    private readonly Grants grants;
    private readonly TimeProvider clock;

    public TokenRules(EntraDirectory directory, Grants grants, TimeProvider clock) => (this.directory, this.grants, this.clock) = (directory, grants, clock);

    /// <summary>Judges a request; on success the code is used up.</summary>
    public EntraError? Decide(string authoritySegment, TokenRequest request, out TokenGrant? grant)
    {
        grant = null;
        if (Authority.Find(authoritySegment, directory) is not { } authority) return EntraErrors.TenantNotFound(authoritySegment);
        if (request.GrantType is null) return EntraErrors.ParameterMissing("grant_type");
        if (request.GrantType is not ("authorization_code" or "refresh_token")) return EntraErrors.GrantTypeUnsupported(request.GrantType);
        if (JudgeClient(authority, request, out var app) is { } badClient) return badClient;
        return request.GrantType == "authorization_code" ? DecideCode(authority, request, app!, out grant) : DecideRefresh(authority, request, app!, out grant);
    }

    private EntraError? JudgeClient(Authority authority, TokenRequest request, out AppRegistration? app)
    {
        app = null;
        if (request.ClientId is null) return EntraErrors.ParameterMissing("client_id");
        if (!Guid.TryParse(request.ClientId, out var id) || directory.FindApplication(id) is not { } found)
            return EntraErrors.ApplicationNotFound(request.ClientId, authority.Tenant?.DisplayName ?? "Microsoft accounts");
        if (authority.Judge(found) is { } unusable) return unusable;
        if (request.ClientSecret is null) return EntraErrors.SecretMissing;
        if (EntraDirectory.FindSecret(found, request.ClientSecret) is not { } secret) return EntraErrors.SecretWrong(found.ClientId);
        if (secret.End <= clock.GetUtcNow()) return EntraErrors.SecretExpired(found.ClientId);
        app = found;
        return null;
    }

    private EntraError? DecideCode(Authority authority, TokenRequest request, AppRegistration app, out TokenGrant? grant)
    {
        grant = null;
        if (request.Code is null) return EntraErrors.ParameterMissing("code");
        if (request.RedirectUri is null) return EntraErrors.ParameterMissing("redirect_uri");
        if (request.CodeVerifier is { } verifier && !AuthorizeRequest.IsVerifier(verifier)) return EntraErrors.VerifierMalformed;
        if (grants.Redeem(request.Code) is not { } code) return EntraErrors.GrantMalformed;
        if (code.Request.App.ClientId != app.ClientId) return EntraErrors.GrantOfAnotherClient;
        if (code.Redeemed) return EntraErrors.CodeRedeemed;
        if (clock.GetUtcNow() - code.IssuedAt >= Grants.CodeLife) return EntraErrors.CodeExpired;
        if (code.Request.RedirectUri != request.RedirectUri) return EntraErrors.RedirectUriOfTokenDiffers;
        // A verifier without a challenge is refused too: the challenge was lost or stripped on the way (RFC 9700 section 2.1.1).
        if (!VerifierMatches(code.Request, request.CodeVerifier)) return EntraErrors.VerifierMismatch;
        if (JudgeUser(authority, app, code.UserId, code.IssuedAt, out var user) is { } badUser) return badUser;

        var scope = string.Join(' ', code.Request.Scopes.OpenId.Concat(code.Request.Scopes.Permissions.Select(p => p.Prefix + p.Name)));
        return DecideScope(app, user!, request.Scope, scope, code.Request.Nonce, code.IssuedAt, EntraErrors.SeveralResources, out grant);
    }

    private EntraError? DecideRefresh(Authority authority, TokenRequest request, AppRegistration app, out TokenGrant? grant)
    {
        grant = null;
        if (request.RefreshToken is null) return EntraErrors.ParameterMissing("refresh_token");
        if (grants.FindRefreshToken(request.RefreshToken) is not { } token) return EntraErrors.GrantMalformed;
        if (token.ClientId != app.ClientId) return EntraErrors.GrantOfAnotherClient;
        if (clock.GetUtcNow() - token.IssuedAt >= Grants.RefreshIdleLife) return EntraErrors.RefreshTokenIdle(token.IssuedAt);
        if (JudgeUser(authority, app, token.UserId, token.GrantedAt, out var user) is { } badUser) return badUser;
        return DecideScope(app, user!, request.Scope, token.Scope, nonce: null, token.GrantedAt, EntraErrors.ScopeInvalid, out grant);
    }

    private EntraError? JudgeUser(Authority authority, AppRegistration app, Guid userId, DateTimeOffset grantedAt, out DirectoryUser? user)
    {
        user = directory.FindUser(userId);
        if (user is null) return EntraErrors.UserNotFound(userId.ToString());
        if (!user.IsEnabled) return EntraErrors.UserDisabled;
        if (!authority.Admits(user)) return EntraErrors.GrantOfAnotherTenant;
        if (grantedAt < user.TokensValidFrom) return EntraErrors.GrantRevoked(grantedAt, user.TokensValidFrom);
        return SignInRules.JudgePrincipal(app, user, directory);
    }

    /// <param name="asked">Null: what the person consented to, and of several resources the first.</param>
    private EntraError? DecideScope(AppRegistration app, DirectoryUser user, string? asked, string granted, string? nonce, DateTimeOffset grantedAt, Func<string, EntraError> severalResources, out TokenGrant? grant)
    {
        grant = null;
        if (ScopeRequest.Parse(asked ?? granted, out var scopes) is { } bad) return bad;
        var first = scopes!.Permissions is [var named, ..] ? named : null;
        var permissions = scopes.Permissions;
        if (scopes.Permissions.Any(p => p.Resource != first!.Resource))
        {
            if (asked is not null) return severalResources(asked);
            permissions = [.. permissions.Where(p => p.Resource == first!.Resource)];
        }

        var consented = directory.Consented(app.ClientId, user);
        if (permissions.Any(p => p.IsDefault ? consented.Count == 0 : !consented.Contains(p.Name))) return EntraErrors.NotConsented(app);

        // What was consented on the application comes back under the prefix of the resource that this request names.
        var all = permissions.Where(p => !p.IsDefault).Select(p => p.Name).Concat(consented.Order(StringComparer.Ordinal)).Distinct(StringComparer.OrdinalIgnoreCase)
            .Where(n => n is not ("openid" or "profile" or "email" or "offline_access")).ToList();
        ScopeRequest.Parse(granted, out var before);
        var openId = new HashSet<string>(scopes.OpenId.Concat(before!.OpenId), StringComparer.Ordinal);
        grant = new(app, user, first?.Resource ?? ApiResource.Graph, first?.Prefix ?? ScopeRequest.GraphPrefix, all, openId, nonce, grantedAt, granted);
        return null;
    }

    private static bool VerifierMatches(AuthorizeRequest request, string? verifier)
    {
        if (request.Challenge is null || verifier is null) return request.Challenge is null && verifier is null;
        var proof = request.ChallengeIsHash ? Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))) : verifier;
        return CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(proof), Encoding.ASCII.GetBytes(request.Challenge));
    }
}
