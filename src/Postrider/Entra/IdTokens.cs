using System.Collections.Concurrent;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using Postrider.Doctor;
using Postrider.Web;

namespace Postrider.Entra;

/// <summary>Who signed in. (TenantId, ObjectId) is the identity; the name may change at any time and is for people.</summary>
/// <param name="UserName"><c>preferred_username</c>; null when the token has none.</param>
/// <param name="Email"><c>email</c>; null when the token has none.</param>
internal sealed record SignedInAccount(Guid TenantId, Guid ObjectId, string? UserName, string? Email, string? Name);

/// <summary>Validates id_tokens by the keys of the authority. The keys are kept for a day and fetched again when a token names an unknown one.</summary>
internal sealed class IdTokens(EntraClient entra, SigningKeys kept, TimeProvider clock)
{
    private static readonly TimeSpan KeptFor = TimeSpan.FromDays(1);

    // A token with an invented key id must not make us fetch without end.
    private static readonly TimeSpan ForcedFetchPause = TimeSpan.FromMinutes(1);

    public async Task<EntraResult<SignedInAccount>> ValidateAsync(EntraEndpoints endpoints, string idToken, string clientId, string nonce, CancellationToken cancel)
    {
        var (keys, problem) = await KeysAsync(endpoints, force: false, cancel);
        if (keys is null) return new(null, problem);
        var (account, refusal) = await IdTokenRules.CheckAsync(idToken, keys.Issuer, keys.Signing, clientId, nonce, clock.GetUtcNow());
        if (account is null && refusal == IdTokenRules.UnknownKey && clock.GetUtcNow() - keys.FetchedAt >= ForcedFetchPause)
        {
            (keys, problem) = await KeysAsync(endpoints, force: true, cancel);
            if (keys is null) return new(null, problem);
            (account, refusal) = await IdTokenRules.CheckAsync(idToken, keys.Issuer, keys.Signing, clientId, nonce, clock.GetUtcNow());
        }

        return account is not null
            ? new(account, null)
            : new(null, new Diagnosis(new Problem("outlook-id-token-refused", "Microsoft's answer does not prove who signed in.", refusal,
                "Press Connect your Outlook account once more. If it happens again, check this machine's clock and what stands between it and Microsoft.", "administrator", false), FaultScope.Account));
    }

    private async Task<(AuthorityKeys? Keys, Diagnosis? Problem)> KeysAsync(EntraEndpoints endpoints, bool force, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        if (!force && kept.ByDiscovery.TryGetValue(endpoints.Discovery.AbsoluteUri, out var known) && now - known.FetchedAt < KeptFor) return (known, null);

        var discovery = await entra.GetDocumentAsync(endpoints.Discovery, cancel);
        if (discovery.Value is null) return (null, discovery.Diagnosis);
        try
        {
            var configuration = OpenIdConnectConfiguration.Create(discovery.Value);
            if (!Uri.TryCreate(configuration.JwksUri, UriKind.Absolute, out var keysAddress) || !EntraEndpoints.IsSafe(keysAddress) || string.IsNullOrEmpty(configuration.Issuer))
                return (null, Unusable("The discovery document names no usable issuer or keys."));
            var document = await entra.GetDocumentAsync(keysAddress, cancel);
            if (document.Value is null) return (null, document.Diagnosis);
            var fresh = new AuthorityKeys(configuration.Issuer, [.. new JsonWebKeySet(document.Value).GetSigningKeys()], now);
            kept.ByDiscovery[endpoints.Discovery.AbsoluteUri] = fresh;
            return (fresh, null);
        }
        catch (Exception error) when (error is ArgumentException or System.Text.Json.JsonException or InvalidOperationException)
        {
            return (null, Unusable("The discovery document or the keys cannot be read."));
        }
    }

    private static Diagnosis Unusable(string detail) =>
        new(new Problem("microsoft-discovery-unusable", "Microsoft's sign-in does not tell its keys.", detail, "Check the system parameter microsoft_outlook.endpoint.", "administrator", true), FaultScope.Passing);
}

/// <summary>What one authority signs with.</summary>
internal sealed record AuthorityKeys(string Issuer, IReadOnlyList<SecurityKey> Signing, DateTimeOffset FetchedAt);

/// <summary>The keys of every authority asked so far. A singleton: the clients around it come and go.</summary>
internal sealed class SigningKeys
{
    public ConcurrentDictionary<string, AuthorityKeys> ByDiscovery { get; } = new();
}

/// <summary>The rules an id_token must keep. No socket, no clock.</summary>
internal static class IdTokenRules
{
    public const string UnknownKey = "It is signed with an unknown key.";

    // Both clocks are set by the network; Microsoft's own libraries allow five minutes.
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    /// <param name="issuer">As discovery gives it: with <c>{tenantid}</c> in it for <c>common</c> and <c>organizations</c>.</param>
    /// <returns>The account, or one sentence on what is wrong with the token.</returns>
    public static async Task<(SignedInAccount? Account, string? Refusal)> CheckAsync(string idToken, string issuer, IReadOnlyList<SecurityKey> keys, string clientId, string nonce, DateTimeOffset now)
    {
        var parameters = new TokenValidationParameters
        {
            // Only this one: "none" and the symmetric kinds would let anybody sign.
            ValidAlgorithms = [SecurityAlgorithms.RsaSha256],
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            ValidateIssuerSigningKey = true,
            IssuerSigningKeys = keys,
            TryAllIssuerSigningKeys = false,
            ValidAudience = clientId,
            IssuerValidator = (actual, token, _) => IsIssuer(actual, token as JsonWebToken, issuer) ? actual : throw new SecurityTokenInvalidIssuerException("It was issued by somebody else."),
            LifetimeValidator = (notBefore, expires, _, _) => expires is not null && now < Instant(expires.Value) + ClockSkew && (notBefore is null || Instant(notBefore.Value) - ClockSkew <= now),
        };
        var handler = new JsonWebTokenHandler { MapInboundClaims = false, MaximumTokenSizeInBytes = 64 * 1024 };
        if (!handler.CanReadToken(idToken)) return (null, "It cannot be read.");
        var result = await handler.ValidateTokenAsync(idToken, parameters);
        if (!result.IsValid) return (null, Sentence(result.Exception));

        var jwt = (JsonWebToken)result.SecurityToken;
        if (Claim(jwt, "nonce") is not { } got || !FixedEquals(got, nonce)) return (null, "It belongs to another attempt (nonce).");
        if (!Guid.TryParse(Claim(jwt, "tid"), out var tenant) || !Guid.TryParse(Claim(jwt, "oid"), out var person)) return (null, "It does not say whose it is (tid, oid).");
        return (new SignedInAccount(tenant, person, Claim(jwt, "preferred_username"), Claim(jwt, "email"), Claim(jwt, "name")), null);
    }

    /// <summary>The issuer of <c>common</c> is a template; the token's own tenant must fill it, and must be a GUID so that it cannot change the address.</summary>
    private static bool IsIssuer(string actual, JsonWebToken? token, string issuer)
    {
        if (!issuer.Contains("{tenantid}", StringComparison.Ordinal)) return actual == issuer;
        return token is not null && Guid.TryParseExact(Claim(token, "tid"), "D", out var tenant) && actual == issuer.Replace("{tenantid}", tenant.ToString("D"), StringComparison.Ordinal);
    }

    private static DateTimeOffset Instant(DateTime utc) => new(DateTime.SpecifyKind(utc, DateTimeKind.Utc));

    private static string? Claim(JsonWebToken token, string name) => token.TryGetPayloadValue<string>(name, out var value) && !string.IsNullOrEmpty(value) ? value : null;

    private static bool FixedEquals(string a, string b) =>
        System.Security.Cryptography.CryptographicOperations.FixedTimeEquals(System.Text.Encoding.UTF8.GetBytes(a), System.Text.Encoding.UTF8.GetBytes(b));

    // The library's own messages quote the token's claims: a person gets ours.
    private static string Sentence(Exception? error) => error switch
    {
        SecurityTokenSignatureKeyNotFoundException => UnknownKey,
        SecurityTokenInvalidAlgorithmException => "It is signed in a way that is not allowed.",
        SecurityTokenInvalidSignatureException => "Its signature is wrong.",
        SecurityTokenInvalidAudienceException => "It was made for another application (aud).",
        SecurityTokenInvalidIssuerException => "It was issued by somebody else (iss).",
        SecurityTokenInvalidLifetimeException or SecurityTokenExpiredException or SecurityTokenNotYetValidException or SecurityTokenNoExpirationException => "It is not valid at this time (exp).",
        _ => "It cannot be read.",
    };
}
