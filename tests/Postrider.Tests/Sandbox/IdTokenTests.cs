using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Postrider.Sandbox.Directories;

namespace Postrider.Tests.Sandbox;

public sealed class IdTokenTests(EntraUnderTest entra) : IClassFixture<EntraUnderTest>
{
    internal static JsonElement Read(TokenAnswer answer) => JsonDocument.Parse(Base64Url.DecodeFromChars(answer.Text("id_token")!.Split('.')[1])).RootElement;

    [Theory]
    [InlineData("ann@meadow.example")]
    [InlineData("rosa@outlook.example")]
    public async Task Id_token_tells_who_signed_in_and_is_signed_with_a_published_key(string name)
    {
        var client = entra.Register();
        var token = (await entra.RedeemAsync(client, await entra.CodeAsync(client, name))).Good();
        var user = entra.User(name);
        var claims = Read(token);
        Assert.Equal(client.ClientId.ToString(), claims.GetProperty("aud").GetString());
        Assert.Equal(user.TenantId.ToString(), claims.GetProperty("tid").GetString());
        Assert.Equal(user.Id.ToString(), claims.GetProperty("oid").GetString());
        Assert.Equal(name, claims.GetProperty("preferred_username").GetString());
        Assert.Equal("nonce of the test", claims.GetProperty("nonce").GetString());
        Assert.Equal("2.0", claims.GetProperty("ver").GetString());

        var (_, metadata) = await entra.GetAsync("common/v2.0/.well-known/openid-configuration");
        Assert.Equal(metadata.GetProperty("issuer").GetString()!.Replace("{tenantid}", user.TenantId.ToString(), StringComparison.Ordinal), claims.GetProperty("iss").GetString());
        var (_, keys) = await entra.GetAsync(new Uri(metadata.GetProperty("jwks_uri").GetString()!).PathAndQuery);
        var key = keys.GetProperty("keys")[0];
        using var rsa = RSA.Create(new RSAParameters { Modulus = Base64Url.DecodeFromChars(key.GetProperty("n").GetString()), Exponent = Base64Url.DecodeFromChars(key.GetProperty("e").GetString()) });
        var parts = token.Text("id_token")!.Split('.');
        Assert.True(rsa.VerifyData(Encoding.ASCII.GetBytes(parts[0] + "." + parts[1]), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
        Assert.Equal(key.GetProperty("kid").GetString(), JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0])).RootElement.GetProperty("kid").GetString());
    }

    [Fact]
    public async Task Subject_differs_from_application_to_application()
    {
        var (one, other) = (entra.Register("One"), entra.Register("Other"));
        var subjects = new List<string?>();
        foreach (var client in new[] { one, other, one }) subjects.Add(Read((await entra.RedeemAsync(client, await entra.CodeAsync(client))).Good()).GetProperty("sub").GetString());
        Assert.Equal(subjects[0], subjects[2]);
        Assert.NotEqual(subjects[0], subjects[1]);
    }

    [Fact]
    public async Task Claims_that_were_not_asked_for_are_absent()
    {
        var client = entra.Register();
        const string scope = "openid https://outlook.office.com/SMTP.Send";
        var token = (await entra.RedeemAsync(client, await entra.CodeAsync(client, changes: ("scope", scope)), changes: ("scope", scope))).Good();
        var claims = Read(token);
        Assert.False(claims.TryGetProperty("oid", out _));
        Assert.False(claims.TryGetProperty("email", out _));
        Assert.Null(token.Text("refresh_token"));
    }

    [Theory]
    [InlineData("organizations", "{tenantid}")]
    [InlineData("consumers", "9188040d-6c67-4c5b-b112-36a304b66dad")]
    public async Task Issuer_is_templated_where_any_tenant_may_sign_in(string authority, string tenant)
    {
        var (_, metadata) = await entra.GetAsync(authority + "/v2.0/.well-known/openid-configuration");
        Assert.Equal($"{entra.Sandbox.Http}{tenant}/v2.0", metadata.GetProperty("issuer").GetString());
        Assert.Equal($"{entra.Sandbox.Http}{authority}/oauth2/v2.0/token", metadata.GetProperty("token_endpoint").GetString());
    }

    [Fact]
    public async Task Domain_of_a_tenant_names_its_issuer()
    {
        var (_, metadata) = await entra.GetAsync("meadow.example/v2.0/.well-known/openid-configuration");
        Assert.Equal($"{entra.Sandbox.Http}{entra.Bakery.Id}/v2.0", metadata.GetProperty("issuer").GetString());
        Assert.NotEqual(EntraTenant.ConsumersId, entra.Bakery.Id);
    }
}
