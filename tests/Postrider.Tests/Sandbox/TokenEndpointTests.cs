using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Entra;

namespace Postrider.Tests.Sandbox;

public sealed class TokenEndpointTests(EntraUnderTest entra) : IClassFixture<EntraUnderTest>
{
    private const string Outlook = "https://outlook.office.com/";

    [Fact]
    public async Task Code_becomes_tokens_that_live_an_hour_to_an_hour_and_a_half()
    {
        var client = entra.Register();
        var answer = (await entra.RedeemAsync(client, await entra.CodeAsync(client))).Good();
        Assert.Equal("Bearer", answer.Text("token_type"));
        Assert.InRange(answer.Body.GetProperty("expires_in").GetInt32(), 3600, 5400);
        Assert.NotEmpty(answer.RefreshToken);
        Assert.DoesNotContain('.', answer.AccessToken);
        Assert.Superset(new HashSet<string> { Outlook + "SMTP.Send", Outlook + "IMAP.AccessAsUser.All" }, answer.Text("scope")!.Split(' ').ToHashSet());
        Assert.Null(answer.Text("client_info"));
    }

    [Fact]
    public async Task Client_info_is_given_when_asked_for()
    {
        var client = entra.Register();
        var answer = (await entra.RedeemAsync(client, await entra.CodeAsync(client), changes: ("client_info", "1"))).Good();
        var info = JsonDocument.Parse(WebEncoders.Base64UrlDecode(answer.Text("client_info")!)).RootElement;
        Assert.Equal(entra.User("ann@meadow.example").Id, info.GetProperty("uid").GetGuid());
        Assert.Equal(entra.Bakery.Id, info.GetProperty("utid").GetGuid());
    }

    [Fact]
    public async Task Code_serves_once()
    {
        var client = entra.Register();
        var code = await entra.CodeAsync(client);
        (await entra.RedeemAsync(client, code)).Good();
        AssertRefused(await entra.RedeemAsync(client, code), 54005, "invalid_grant");
    }

    [Fact]
    public async Task Code_serves_ten_minutes()
    {
        var client = entra.Register();
        var code = await entra.CodeAsync(client);
        entra.Sandbox.Clock.Advance(TimeSpan.FromMinutes(10));
        AssertRefused(await entra.RedeemAsync(client, code), 70008, "invalid_grant");
    }

    [Theory]
    [InlineData("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong", 501481, "invalid_grant")]
    [InlineData("code_verifier", null, 501481, "invalid_grant")]
    [InlineData("code_verifier", "short", 501491, "invalid_request")]
    [InlineData("redirect_uri", "https://hub.example/other", 500112, "invalid_grant")]
    [InlineData("redirect_uri", null, 900144, "invalid_request")]
    [InlineData("code", "made up", 9002313, "invalid_grant")]
    [InlineData("code", null, 900144, "invalid_request")]
    [InlineData("grant_type", "password", 70003, "unsupported_grant_type")]
    [InlineData("grant_type", null, 900144, "invalid_request")]
    [InlineData("client_id", null, 900144, "invalid_request")]
    [InlineData("client_id", "11111111-2222-4333-8444-555555555555", 700016, "unauthorized_client")]
    [InlineData("scope", "https://outlook.office.com/SMTP.Send https://graph.microsoft.com/User.Read", 28000, "invalid_request")]
    [InlineData("scope", "https://outlook.office.com/Mail.ReadWrite", 65001, "invalid_grant")]
    public async Task Request_for_a_code_that_is_not_right_is_refused(string field, string? value, int code, string error)
    {
        var client = entra.Register();
        AssertRefused(await entra.RedeemAsync(client, await entra.CodeAsync(client), changes: (field, value)), code, error);
    }

    [Fact]
    public async Task Verifier_without_a_challenge_is_refused()
    {
        var client = entra.Register();
        var code = await entra.CodeAsync(client, changes: [("code_challenge", null), ("code_challenge_method", null)]);
        AssertRefused(await entra.RedeemAsync(client, code), 501481, "invalid_grant");
    }

    [Fact]
    public async Task Client_without_PKCE_is_served()
    {
        var client = entra.Register();
        var code = await entra.CodeAsync(client, changes: [("code_challenge", null), ("code_challenge_method", null)]);
        (await entra.RedeemAsync(client, code, changes: ("code_verifier", null))).Good();
    }

    [Fact]
    public async Task Wrong_secret_and_the_secrets_id_are_refused_alike()
    {
        var client = entra.Register();
        foreach (var wrong in new[] { "not the secret", client.SecretId.ToString() })
        {
            var answer = await entra.RefreshAsync(client with { Secret = wrong }, "whatever");
            AssertRefused(answer, 7000215, "invalid_client", HttpStatusCode.Unauthorized);
            Assert.Contains("not the client secret ID", answer.Description, StringComparison.Ordinal);
            Assert.Contains(client.ClientId.ToString(), answer.Description, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Missing_secret_is_refused() =>
        AssertRefused(await entra.RefreshAsync(entra.Register(), "whatever", changes: ("client_secret", null)), 7000218, "invalid_client", HttpStatusCode.Unauthorized);

    [Fact]
    public async Task Expired_secret_is_told_apart_from_a_wrong_one()
    {
        var client = entra.Register();
        entra.Sandbox.Clock.Advance(TimeSpan.FromDays(200));
        AssertRefused(await entra.RefreshAsync(client, "whatever"), 7000222, "invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Second_secret_serves_while_the_first_does()
    {
        var client = entra.Register();
        var second = entra.Directory.AddSecret(client.ClientId, "second", entra.Sandbox.Clock.GetUtcNow().AddYears(1)).Value!;
        var refresh = (await entra.RedeemAsync(client, await entra.CodeAsync(client))).Good().RefreshToken;
        (await entra.RefreshAsync(client, refresh)).Good();
        (await entra.RefreshAsync(client with { Secret = second.Value }, refresh)).Good();
        Assert.Equal("too-many-secrets", entra.Directory.AddSecret(client.ClientId, "third", entra.Sandbox.Clock.GetUtcNow().AddYears(1)).Refusal!.Code);
        entra.Directory.RemoveSecret(client.ClientId, client.SecretId);
        AssertRefused(await entra.RefreshAsync(client, refresh), 7000215, "invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Secret_may_travel_in_the_Authorization_header()
    {
        var client = entra.Register();
        var code = await entra.CodeAsync(client);
        var basic = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{client.ClientId}:{Uri.EscapeDataString(client.Secret)}"));
        var answer = await entra.TokenAsync("common", [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", EntraUnderTest.RedirectUri), ("code_verifier", client.Verifier), ("scope", EntraUnderTest.MailScope)], basic);
        answer.Good();
    }

    [Fact]
    public async Task Refresh_gives_a_new_token_and_leaves_the_old_one_alive()
    {
        var client = entra.Register();
        var first = (await entra.RedeemAsync(client, await entra.CodeAsync(client))).Good();
        var second = (await entra.RefreshAsync(client, first.RefreshToken)).Good();
        Assert.NotEqual(first.RefreshToken, second.RefreshToken);
        Assert.NotEqual(first.AccessToken, second.AccessToken);
        (await entra.RefreshAsync(client, first.RefreshToken)).Good();
        (await entra.RefreshAsync(client, second.RefreshToken)).Good();
    }

    [Fact]
    public async Task Refresh_without_a_scope_gives_what_was_granted()
    {
        var client = entra.Register();
        var first = (await entra.RedeemAsync(client, await entra.CodeAsync(client))).Good();
        Assert.Contains(Outlook + "SMTP.Send", (await entra.RefreshAsync(client, first.RefreshToken, changes: ("scope", null))).Good().Text("scope"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refresh_token_of_90_idle_days_is_dead_and_a_used_one_is_not()
    {
        var client = entra.Register();
        var first = (await entra.RedeemAsync(client, await entra.CodeAsync(client))).Good();
        entra.Sandbox.Clock.Advance(TimeSpan.FromDays(60));
        var second = (await entra.RefreshAsync(client, first.RefreshToken)).Good();
        entra.Sandbox.Clock.Advance(TimeSpan.FromDays(31));
        var dead = await entra.RefreshAsync(client, first.RefreshToken);
        AssertRefused(dead, 700082, "invalid_grant");
        Assert.Contains("was inactive for 90.00:00:00", dead.Description, StringComparison.Ordinal);
        (await entra.RefreshAsync(client, second.RefreshToken)).Good();
    }

    [Theory]
    [InlineData("https://outlook.office.com/SMTP.Send https://graph.microsoft.com/User.Read", 70011, "invalid_scope")]
    [InlineData("https://graph.microsoft.com/Mail.Send", 65001, "invalid_grant")]
    public async Task Refresh_for_what_cannot_be_had_is_refused(string scope, int code, string error)
    {
        var client = entra.Register();
        var token = (await entra.RedeemAsync(client, await entra.CodeAsync(client))).Good();
        AssertRefused(await entra.RefreshAsync(client, token.RefreshToken, changes: ("scope", scope)), code, error);
    }

    [Fact]
    public async Task Refresh_token_of_another_application_is_worth_nothing()
    {
        var (one, other) = (entra.Register("One"), entra.Register("Other"));
        var token = (await entra.RedeemAsync(one, await entra.CodeAsync(one))).Good();
        AssertRefused(await entra.RefreshAsync(other, token.RefreshToken), 70000, "invalid_grant");
        AssertRefused(await entra.RefreshAsync(one, "made up"), 9002313, "invalid_grant");
    }

    [Fact]
    public async Task Person_who_loses_the_right_loses_the_tokens()
    {
        var client = entra.Register();
        var user = entra.Directory.AddUser(entra.Bakery.Id, "temp@meadow.example", "Temp", Postrider.Sandbox.TenantSeed.Password);
        var token = (await entra.RedeemAsync(client, await entra.CodeAsync(client, "temp@meadow.example"))).Good();

        entra.Directory.SetUserEnabled(user.Id, false);
        AssertRefused(await entra.RefreshAsync(client, token.RefreshToken), 50057, "invalid_grant");
        entra.Directory.SetUserEnabled(user.Id, true);

        // A confidential client's tokens outlive a change of the password.
        entra.Directory.SetPassword(user.Id, "another one");
        (await entra.RefreshAsync(client, token.RefreshToken)).Good();

        var principal = entra.Directory.FindServicePrincipal(client.ClientId, entra.Bakery.Id)!;
        entra.Directory.SetAssignmentRequired(principal.Id, true);
        AssertRefused(await entra.RefreshAsync(client, token.RefreshToken), 50105, "invalid_grant");
        entra.Directory.SetAssignmentRequired(principal.Id, false);

        entra.Directory.RevokeConsent(client.ClientId, user.Id);
        var unconsented = await entra.RefreshAsync(client, token.RefreshToken);
        AssertRefused(unconsented, 65001, "invalid_grant");
        Assert.Equal("consent_required", unconsented.Text("suberror"));
        entra.Directory.Consent(entra.Directory.FindApplication(client.ClientId)!, user, ["SMTP.Send", "IMAP.AccessAsUser.All"]);

        entra.Directory.RevokeSessions(user.Id);
        AssertRefused(await entra.RefreshAsync(client, token.RefreshToken), 50173, "invalid_grant");
    }

    [Fact]
    public async Task Token_of_one_resource_is_worth_nothing_to_the_other()
    {
        var client = entra.Register();
        const string both = EntraUnderTest.MailScope + " https://graph.microsoft.com/User.Read";
        var outlook = (await entra.RedeemAsync(client, await entra.CodeAsync(client, changes: ("scope", both)))).Good();
        var graph = (await entra.RefreshAsync(client, outlook.RefreshToken, changes: ("scope", "openid https://graph.microsoft.com/User.Read"))).Good();

        var (refused, error) = await entra.GetAsync("v1.0/me", outlook.AccessToken);
        Assert.Equal(HttpStatusCode.Unauthorized, refused);
        Assert.Equal("InvalidAuthenticationToken", error.GetProperty("error").GetProperty("code").GetString());
        var (accepted, me) = await entra.GetAsync("v1.0/me", graph.AccessToken);
        Assert.Equal(HttpStatusCode.OK, accepted);
        Assert.Equal("ann@meadow.example", me.GetProperty("userPrincipalName").GetString());

        Assert.Null(entra.Sandbox.Grants.FindAccessToken(graph.AccessToken, ApiResource.Outlook));
        Assert.NotNull(entra.Sandbox.Grants.FindAccessToken(outlook.AccessToken, ApiResource.Outlook));
    }

    [Fact]
    public async Task Consented_scopes_come_back_under_the_prefix_of_the_named_resource()
    {
        var client = entra.Register();
        var code = await entra.CodeAsync(client, changes: ("scope", EntraUnderTest.MailScope + " User.Read"));
        var answer = (await entra.RedeemAsync(client, code)).Good();
        Assert.Contains(Outlook + "User.Read", answer.Text("scope")!.Split(' '));
    }

    [Fact]
    public async Task Refusal_has_Entras_shape()
    {
        var answer = await entra.RefreshAsync(entra.Register(), "made up");
        Assert.Matches(@"^AADSTS9002313: .* Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$", answer.Description);
        Assert.EndsWith("/error?code=9002313", answer.Text("error_uri"), StringComparison.Ordinal);
        foreach (var name in new[] { "timestamp", "trace_id", "correlation_id" }) Assert.Contains(answer.Text(name)!, answer.Description!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tenant_of_the_token_request_must_hold_the_person()
    {
        var client = entra.Register();
        var code = await entra.CodeAsync(client, "rosa@outlook.example");
        AssertRefused(await entra.RedeemAsync(client, code, "meadow.example"), 700005, "invalid_grant");
    }

    [Fact]
    public async Task One_secret_of_two_serves_only_its_own_application()
    {
        var (one, other) = (entra.Register("One"), entra.Register("Other"));
        Assert.NotNull(EntraDirectory.FindSecret(entra.Directory.FindApplication(one.ClientId)!, one.Secret));
        AssertRefused(await entra.RefreshAsync(one with { Secret = other.Secret }, "whatever"), 7000215, "invalid_client", HttpStatusCode.Unauthorized);
    }

    private static void AssertRefused(TokenAnswer answer, int code, string error, HttpStatusCode status = HttpStatusCode.BadRequest)
    {
        Assert.NotEqual(HttpStatusCode.OK, answer.Status);
        Assert.True(code == answer.ErrorCode, answer.Description);
        Assert.Equal(error, answer.Error);
        Assert.Equal(status, answer.Status);
    }
}
