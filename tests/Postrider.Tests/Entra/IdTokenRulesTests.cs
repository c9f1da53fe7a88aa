using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;
using Postrider.Entra;

namespace Postrider.Tests.Entra;

public sealed class IdTokenRulesTests : IDisposable
{
    private const string ClientId = "11112222-3333-4444-5555-666677778888";
    private const string Nonce = "nonce-of-this-attempt";
    private const string Template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    private static readonly Guid TenantId = Guid.Parse("aaaabbbb-0000-cccc-1111-dddd2222eeee");
    private static readonly DateTimeOffset Now = new(2026, 11, 22, 9, 0, 0, TimeSpan.Zero);

    private readonly RSA rsa = RSA.Create(2048);

    public void Dispose() => rsa.Dispose();

    [Fact]
    public async Task A_good_token_says_who_signed_in()
    {
        var (account, refusal) = await CheckAsync(Sign(Claims()));
        Assert.Null(refusal);
        Assert.Equal((TenantId, "ann@meadow.example"), (account!.TenantId, account.UserName));
    }

    [Theory]
    [InlineData("aud", "99999999-3333-4444-5555-666677778888", "aud")]
    [InlineData("iss", "https://login.microsoftonline.com/ffffbbbb-0000-cccc-1111-dddd2222eeee/v2.0", "iss")]
    [InlineData("iss", "https://evil.example/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0", "iss")]
    [InlineData("nonce", "nonce-of-another-attempt", "nonce")]
    [InlineData("oid", "not-a-guid", "oid")]
    public async Task A_claim_that_is_not_ours_is_refused(string claim, string value, string named)
    {
        var claims = Claims();
        claims[claim] = value;
        var (account, refusal) = await CheckAsync(Sign(claims));
        Assert.Null(account);
        Assert.Contains(named, refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonce")]
    [InlineData("tid")]
    [InlineData("exp")]
    public async Task A_claim_that_is_missing_is_refused(string claim)
    {
        var claims = Claims();
        claims.Remove(claim);
        Assert.Null((await CheckAsync(Sign(claims))).Account);
    }

    [Fact]
    public async Task An_expired_token_is_refused()
    {
        var claims = Claims();
        claims["exp"] = Now.AddMinutes(-6).ToUnixTimeSeconds();
        Assert.Contains("exp", (await CheckAsync(Sign(claims))).Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_without_a_signature_is_refused()
    {
        var unsigned = Encode(new Dictionary<string, object> { ["alg"] = "none", ["typ"] = "JWT" }) + "." + Encode(Claims()) + ".";
        Assert.Null((await CheckAsync(unsigned)).Account);
    }

    [Fact]
    public async Task A_token_signed_with_the_public_key_as_a_secret_is_refused()
    {
        var body = Encode(new Dictionary<string, object> { ["alg"] = "HS256", ["typ"] = "JWT", ["kid"] = "k1" }) + "." + Encode(Claims());
        var token = body + "." + Base64Url.EncodeToString(HMACSHA256.HashData(rsa.ExportSubjectPublicKeyInfo(), Encoding.ASCII.GetBytes(body)));
        Assert.Null((await CheckAsync(token)).Account);
    }

    [Fact]
    public async Task A_changed_token_is_refused()
    {
        var parts = Sign(Claims()).Split('.');
        var claims = Claims();
        claims["oid"] = Guid.NewGuid().ToString("D");
        Assert.Null((await CheckAsync($"{parts[0]}.{Encode(claims)}.{parts[2]}")).Account);
    }

    [Fact]
    public async Task An_unknown_key_is_told_apart_so_that_the_keys_are_fetched_again() =>
        Assert.Equal(IdTokenRules.UnknownKey, (await CheckAsync(Sign(Claims(), kid: "k2"))).Refusal);

    [Theory]
    [InlineData("")]
    [InlineData("a.b.c")]
    [InlineData("not a token")]
    public async Task Anything_else_is_refused(string text) => Assert.Null((await CheckAsync(text)).Account);

    private Task<(SignedInAccount? Account, string? Refusal)> CheckAsync(string token) =>
        IdTokenRules.CheckAsync(token, Template, [new RsaSecurityKey(rsa.ExportParameters(false)) { KeyId = "k1" }], ClientId, Nonce, Now);

    private static Dictionary<string, object> Claims() => new(StringComparer.Ordinal)
    {
        ["aud"] = ClientId, ["iss"] = Template.Replace("{tenantid}", TenantId.ToString("D"), StringComparison.Ordinal), ["tid"] = TenantId.ToString("D"), ["oid"] = Guid.Parse("00000000-1111-2222-3333-444455556666").ToString("D"),
        ["nonce"] = Nonce, ["preferred_username"] = "ann@meadow.example", ["iat"] = Now.ToUnixTimeSeconds(), ["nbf"] = Now.ToUnixTimeSeconds(), ["exp"] = Now.AddHours(1).ToUnixTimeSeconds(),
    };

    private string Sign(Dictionary<string, object> claims, string kid = "k1")
    {
        var body = Encode(new Dictionary<string, object> { ["alg"] = "RS256", ["typ"] = "JWT", ["kid"] = kid }) + "." + Encode(claims);
        return body + "." + Base64Url.EncodeToString(rsa.SignData(Encoding.ASCII.GetBytes(body), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
    }

    private static string Encode(Dictionary<string, object> part) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(part));
}
