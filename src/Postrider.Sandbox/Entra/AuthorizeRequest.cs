using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Entra;

/// <summary>A request to the authorize endpoint that passed every check which needs no person.</summary>
/// <param name="RedirectUri">As sent.</param>
/// <param name="State">As sent; null when absent.</param>
/// <param name="Challenge">PKCE (RFC 7636); null when absent.</param>
/// <param name="ChallengeIsHash">S256; else plain.</param>
/// <param name="Prompt">Null, <c>login</c>, <c>none</c>, <c>consent</c> or <c>select_account</c>.</param>
internal sealed record AuthorizeRequest(Authority Authority, AppRegistration App, string RedirectUri, string ResponseMode, ScopeRequest Scopes, string? State,
    string? Nonce, string? Challenge, bool ChallengeIsHash, string? Prompt, string? LoginHint)
{
    // RFC 7636 section 4.1.
    private static readonly System.Buffers.SearchValues<char> VerifierCharacters = System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");

    /// <summary>A verifier, or a challenge made from one.</summary>
    public static bool IsVerifier(string text) => text.Length is >= 43 and <= 128 && !text.AsSpan().ContainsAnyExcept(VerifierCharacters);

    /// <summary>Reads a request.</summary>
    /// <param name="parameter">Gives a parameter's value; null or empty when absent.</param>
    public static AuthorizeRead Read(string authoritySegment, Func<string, string?> parameter, EntraDirectory directory)
    {
        string? Get(string name) => parameter(name) is { Length: > 0 } value ? value : null;

        // Until application and redirect URI are known to be good, nothing is sent back anywhere.
        if (Authority.Find(authoritySegment, directory) is not { } authority) return new AuthorizeRead.Page(EntraErrors.TenantNotFound(authoritySegment));
        if (Get("client_id") is not { } clientId) return new AuthorizeRead.Page(EntraErrors.ParameterMissing("client_id"));
        if (!Guid.TryParse(clientId, out var id) || directory.FindApplication(id) is not { } app)
            return new AuthorizeRead.Page(EntraErrors.ApplicationNotFound(clientId, authority.Tenant?.DisplayName ?? "Microsoft accounts"));
        if (authority.Judge(app) is { } unusable) return new AuthorizeRead.Page(unusable);
        if (app.RedirectUris.Count == 0) return new AuthorizeRead.Page(EntraErrors.NoRedirectUri);
        if (Get("redirect_uri") is not { } redirectUri) return new AuthorizeRead.Page(EntraErrors.ParameterMissing("redirect_uri"));
        if (!app.RedirectUris.Any(r => RegistrationRules.Matches(r, redirectUri))) return new AuthorizeRead.Page(EntraErrors.RedirectUriMismatch(redirectUri, app.ClientId));

        var state = Get("state");
        var mode = Get("response_mode") ?? "query";
        AuthorizeRead Refuse(EntraError error) => new AuthorizeRead.Redirect(error, redirectUri, mode is "fragment" or "form_post" ? mode : "query", state);

        if (Get("response_type") is not { } type) return Refuse(EntraErrors.ParameterMissing("response_type"));
        if (type != "code") return Refuse(EntraErrors.ResponseTypeNotEnabled(type));
        if (mode is not ("query" or "fragment" or "form_post")) return Refuse(EntraErrors.ResponseModeNotSupported(mode));
        if (Get("scope") is not { } scope) return Refuse(EntraErrors.ParameterMissing("scope"));
        if (ScopeRequest.Parse(scope, out var scopes) is { } badScope) return Refuse(badScope);
        var challenge = Get("code_challenge");
        var method = Get("code_challenge_method");
        if ((challenge is null && method is not null) || (challenge is not null && (!IsVerifier(challenge) || method is not (null or "plain" or "S256")))) return Refuse(EntraErrors.ChallengeMalformed);
        var prompt = Get("prompt");
        if (prompt is not (null or "login" or "none" or "consent" or "select_account")) return Refuse(EntraErrors.Malformed($"Unsupported prompt value '{prompt}'."));

        return new AuthorizeRead.Good(new(authority, app, redirectUri, mode, scopes!, state, Get("nonce"), challenge, method == "S256", prompt, Get("login_hint")));
    }
}

/// <summary>What reading an authorize request came to.</summary>
internal abstract record AuthorizeRead
{
    public sealed record Good(AuthorizeRequest Request) : AuthorizeRead;

    /// <summary>Shown on Entra's own page: the browser does not go back to the application.</summary>
    public sealed record Page(EntraError Error) : AuthorizeRead;

    /// <summary>Told to the application.</summary>
    public sealed record Redirect(EntraError Error, string RedirectUri, string ResponseMode, string? State) : AuthorizeRead;
}
