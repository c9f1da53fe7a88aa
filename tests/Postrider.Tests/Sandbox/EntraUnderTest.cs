using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using Postrider.Sandbox;
using Postrider.Sandbox.Directories;

namespace Postrider.Tests.Sandbox;

/// <summary>A sandbox and a client application in it, which signs people in as a hub does.</summary>
public sealed class EntraUnderTest : IAsyncLifetime
{
    public const string RedirectUri = "https://hub.example/microsoft_outlook/confirm";
    public const string MailScope = "openid profile email offline_access https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All";

    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false });

    public RunningTenant Sandbox { get; private set; } = null!;

    internal EntraDirectory Directory => Sandbox.Directory;

    internal EntraTenant Bakery => Directory.FindTenant("meadow.example")!;

    /// <summary>Null: in memory.</summary>
    internal string? Folder { get; init; }

    public async ValueTask InitializeAsync() => Sandbox = await Tenant.StartAsync(new TenantOptions { Folder = Folder }, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await Sandbox.DisposeAsync();
    }

    internal DirectoryUser User(string name) => Directory.FindUser(name)!;

    internal ClientUnderTest Register(string name = "Postrider", SignInAudience audience = SignInAudience.AzureADandPersonalMicrosoftAccount)
    {
        var app = Directory.Register(Bakery.Id, name, audience, RedirectUri).Value!;
        Directory.AddPermissions(app.ClientId, "SMTP.Send", "IMAP.AccessAsUser.All");
        var secret = Directory.AddSecret(app.ClientId, "test", Sandbox.Clock.GetUtcNow().AddMonths(6)).Value!;
        return new(app.ClientId, secret.Value, secret.Secret.KeyId);
    }

    internal PlainBrowser Browser() => new(Sandbox.Http);

    internal string AuthorizeUrl(ClientUnderTest client, string tenant = "common", params (string Name, string? Value)[] changes)
    {
        var query = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["client_id"] = client.ClientId.ToString(),
            ["response_type"] = "code",
            ["redirect_uri"] = RedirectUri,
            ["scope"] = MailScope,
            ["state"] = "state of the test",
            ["nonce"] = "nonce of the test",
            ["code_challenge"] = client.Challenge,
            ["code_challenge_method"] = "S256",
        };
        foreach (var (name, value) in changes) query[name] = value;
        return QueryHelpers.AddQueryString($"{Sandbox.Http}{tenant}/oauth2/v2.0/authorize", query.Where(p => p.Value is not null));
    }

    /// <summary>Signs in with the demonstration password on the page that asks for a name, or for the password at once.</summary>
    internal static async Task SignInAsync(PlainBrowser browser, string user)
    {
        if (browser.Title == "Sign in")
        {
            browser.Fill("Email address", user);
            await browser.PressAsync("Next");
        }
        browser.Fill("Password", TenantSeed.Password);
        await browser.PressAsync("Sign in");
    }

    /// <summary>Walks the whole way in a fresh browser and gives the code.</summary>
    internal async Task<string> CodeAsync(ClientUnderTest client, string user = "ann@meadow.example", string tenant = "common", params (string Name, string? Value)[] changes)
    {
        using var browser = Browser();
        await browser.OpenAsync(AuthorizeUrl(client, tenant, changes));
        await SignInAsync(browser, user);
        if (browser.LeftFor is null) await browser.PressAsync(User(user).IsPersonal ? "Yes" : "Accept");
        return Answer(browser)["code"];
    }

    /// <summary>What the application is told in the address to which the browser was sent.</summary>
    internal static Dictionary<string, string> Answer(PlainBrowser browser)
    {
        Assert.NotNull(browser.LeftFor);
        Assert.StartsWith(RedirectUri + "?", browser.LeftFor.AbsoluteUri, StringComparison.Ordinal);
        return QueryHelpers.ParseQuery(browser.LeftFor.Query).ToDictionary(p => p.Key, p => p.Value.ToString(), StringComparer.Ordinal);
    }

    internal Task<TokenAnswer> RedeemAsync(ClientUnderTest client, string code, string tenant = "common", params (string Name, string? Value)[] changes) =>
        TokenAsync(tenant, [("grant_type", "authorization_code"), ("client_id", client.ClientId.ToString()), ("client_secret", client.Secret), ("code", code), ("redirect_uri", RedirectUri), ("code_verifier", client.Verifier), ("scope", MailScope), .. changes]);

    internal Task<TokenAnswer> RefreshAsync(ClientUnderTest client, string refreshToken, string tenant = "common", params (string Name, string? Value)[] changes) =>
        TokenAsync(tenant, [("grant_type", "refresh_token"), ("client_id", client.ClientId.ToString()), ("client_secret", client.Secret), ("refresh_token", refreshToken), ("scope", MailScope), .. changes]);

    /// <summary>Later fields replace earlier ones of the same name; null takes one away.</summary>
    internal async Task<TokenAnswer> TokenAsync(string tenant, (string Name, string? Value)[] fields, string? authorization = null)
    {
        var form = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var (name, value) in fields) form[name] = value;
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Sandbox.Http}{tenant}/oauth2/v2.0/token") { Content = new FormUrlEncodedContent(form.Where(f => f.Value is not null).Select(f => KeyValuePair.Create(f.Key, f.Value!))) };
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return new(response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement);
    }

    internal async Task<(HttpStatusCode Status, JsonElement Body)> GetAsync(string path, string? bearer = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Sandbox.Http, path));
        if (bearer is not null) request.Headers.Authorization = new("Bearer", bearer);
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return (response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement);
    }
}

/// <summary>An application that knows its secret, and makes one PKCE pair.</summary>
internal sealed record ClientUnderTest(Guid ClientId, string Secret, Guid SecretId)
{
    public string Verifier { get; } = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public string Challenge => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));
}

internal sealed record TokenAnswer(HttpStatusCode Status, JsonElement Body)
{
    public string AccessToken => Text("access_token")!;
    public string RefreshToken => Text("refresh_token")!;
    public string? Error => Text("error");
    public string? Description => Text("error_description");
    public int ErrorCode => Body.GetProperty("error_codes")[0].GetInt32();

    public string? Text(string name) => Body.TryGetProperty(name, out var value) ? value.GetString() : null;

    /// <summary>Fails with what the endpoint said.</summary>
    public TokenAnswer Good()
    {
        Assert.True(Status == HttpStatusCode.OK, Description);
        return this;
    }
}
