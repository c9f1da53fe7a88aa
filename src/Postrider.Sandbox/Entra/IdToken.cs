using System.Buffers.Text;
using System.Security.Cryptography;
using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Entra;

/// <summary>What an id_token says. Microsoft: "ID token claims reference", read 2026-11.</summary>
internal static class IdToken
{
    /// <param name="issuerBase">Scheme and host of the sandbox as the client reaches it, without a trailing slash.</param>
    /// <param name="openId">Which of <c>profile</c> and <c>email</c> were asked for.</param>
    /// <param name="nonce">Null when the client sent none.</param>
    public static IReadOnlyDictionary<string, object> Claims(string issuerBase, Guid clientId, DirectoryUser user, string subject, IReadOnlySet<string> openId, string? nonce, DateTimeOffset now)
    {
        var claims = new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["ver"] = "2.0",
            ["iss"] = Issuer(issuerBase, user.TenantId),
            ["sub"] = subject,
            ["aud"] = clientId.ToString(),
            ["exp"] = now.AddHours(1).ToUnixTimeSeconds(),
            ["iat"] = now.ToUnixTimeSeconds(),
            ["nbf"] = now.ToUnixTimeSeconds(),
            ["tid"] = user.TenantId.ToString(),
            ["uti"] = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16)),
        };
        if (nonce is not null) claims["nonce"] = nonce;
        if (openId.Contains("profile"))
        {
            claims["oid"] = user.Id.ToString();
            claims["name"] = user.DisplayName;
            claims["preferred_username"] = user.UserPrincipalName;
        }
        if (openId.Contains("email")) claims["email"] = user.UserPrincipalName;
        return claims;
    }

    public static string Issuer(string issuerBase, Guid tenantId) => $"{issuerBase}/{tenantId}/v2.0";
}
