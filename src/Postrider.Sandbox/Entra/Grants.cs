using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Entra;

/// <summary>What an authorization code stands for.</summary>
/// <param name="Redeemed">A second use is told apart from an unknown code (AADSTS54005).</param>
internal sealed record AuthorizationCode(AuthorizeRequest Request, Guid UserId, DateTimeOffset IssuedAt, bool Redeemed);

/// <summary>What a refresh token stands for: a user and a client, no resource.</summary>
/// <param name="GrantedAt">When the person signed in; handed on from token to token.</param>
/// <param name="IssuedAt">Of this token: its 90 days begin here.</param>
/// <param name="Scope">Of the authorize request, for a refresh that names none.</param>
internal sealed record RefreshToken(Guid ClientId, Guid UserId, DateTimeOffset GrantedAt, DateTimeOffset IssuedAt, string Scope);

/// <summary>What an access token stands for.</summary>
public sealed record AccessToken(Guid ClientId, Guid UserId, string Resource, IReadOnlySet<string> Permissions, DateTimeOffset ExpiresAt);

/// <summary>Every code and token in force, by the hash of its value: the values themselves are not kept.</summary>
internal sealed class Grants
{
    public static readonly TimeSpan CodeLife = TimeSpan.FromMinutes(10);
    /// <summary>Microsoft: "Refresh tokens in the Microsoft identity platform", read 2026-11.</summary>
    public static readonly TimeSpan RefreshIdleLife = TimeSpan.FromDays(90);

    // What is dead is kept a while, so that its end can be explained; beyond these numbers the oldest goes.
    private const int MaxKept = 200_000;

    private readonly Lock gate = new();
    private readonly TimeProvider clock;
    private readonly Random chance;
    private readonly Dictionary<string, AuthorizationCode> codes = [];
    private readonly Dictionary<string, RefreshToken> refreshTokens = [];
    private readonly Dictionary<string, AccessToken> accessTokens = [];
    private readonly Queue<Action> oldest = new();

    private readonly RefreshTokenFile? file;

    /// <param name="chance">Used under the lock of this object only.</param>
    /// <param name="file">Keeps refresh tokens over a restart; codes and access tokens end with the process. Null: nothing is kept.</param>
    public Grants(TimeProvider clock, Random chance, RefreshTokenFile? file = null)
    {
        (this.clock, this.chance, this.file) = (clock, chance, file);
        foreach (var (key, token) in file?.Load() ?? []) Keep(refreshTokens, key, token);
    }

    public string IssueCode(AuthorizeRequest request, DirectoryUser user) =>
        Issue(codes, "0.AX8A" + Random(64), new(request, user.Id, clock.GetUtcNow(), Redeemed: false));

    /// <summary>The code as it was before; marks it redeemed, so that of two redemptions at once one wins.</summary>
    public AuthorizationCode? Redeem(string code)
    {
        var key = KeyOf(code);
        lock (gate)
        {
            if (!codes.TryGetValue(key, out var found)) return null;
            codes[key] = found with { Redeemed = true };
            return found;
        }
    }

    public string IssueRefreshToken(Guid clientId, Guid userId, DateTimeOffset grantedAt, string scope)
    {
        var value = "1.AX8A" + Random(96);
        var token = new RefreshToken(clientId, userId, grantedAt, clock.GetUtcNow(), scope);
        lock (gate)
        {
            // On disk before the client has it.
            file?.Add(KeyOf(value), token);
            Keep(refreshTokens, KeyOf(value), token);
        }
        return value;
    }

    public RefreshToken? FindRefreshToken(string token) { lock (gate) return refreshTokens.GetValueOrDefault(KeyOf(token)); }

    /// <summary>Between 60 and 90 minutes of life, as Entra chooses. Opaque: nothing can be read from it.</summary>
    public (string Token, int ExpiresInSeconds) IssueAccessToken(Guid clientId, DirectoryUser user, ApiResource resource, IEnumerable<string> permissions)
    {
        int seconds;
        lock (gate) seconds = chance.Next(3600, 5400);
        var what = new AccessToken(clientId, user.Id, resource.ToString(), new HashSet<string>(permissions, StringComparer.OrdinalIgnoreCase), clock.GetUtcNow().AddSeconds(seconds));
        return (Issue(accessTokens, "EwB" + Random(300), what), seconds);
    }

    /// <summary>What the token allows at this resource; null when it is unknown, expired or made for another one.</summary>
    public AccessToken? FindAccessToken(string token, ApiResource resource)
    {
        lock (gate)
            return accessTokens.TryGetValue(KeyOf(token), out var found) && found.Resource == resource.ToString() && clock.GetUtcNow() < found.ExpiresAt ? found : null;
    }

    private string Issue<T>(Dictionary<string, T> where, string value, T what)
    {
        lock (gate) Keep(where, KeyOf(value), what);
        return value;
    }

    private void Keep<T>(Dictionary<string, T> where, string key, T what)
    {
        where[key] = what;
        oldest.Enqueue(() => where.Remove(key));
        if (oldest.Count > MaxKept) oldest.Dequeue()();
    }

    private static string Random(int bytes) => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(bytes));

    private static string KeyOf(string value) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(value)));
}
