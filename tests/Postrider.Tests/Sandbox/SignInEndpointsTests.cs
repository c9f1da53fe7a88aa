using System.Net;
using Postrider.Sandbox;
using Postrider.Sandbox.Directories;
using static Postrider.Tests.Sandbox.EntraUnderTest;

namespace Postrider.Tests.Sandbox;

public sealed class SignInEndpointsTests(EntraUnderTest entra) : IClassFixture<EntraUnderTest>
{
    [Theory]
    [InlineData("ann@meadow.example", "Accept", "Cancel")]
    [InlineData("rosa@outlook.example", "Yes", "No")]
    public async Task Person_signs_in_consents_and_comes_back_with_a_code_and_the_state(string user, string yes, string no)
    {
        var client = entra.Register();
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(client));
        Assert.Equal("Sign in", browser.Title);
        await SignInAsync(browser, user);
        Assert.Contains("Send emails from your mailbox using SMTP AUTH", browser.Text, StringComparison.Ordinal);
        Assert.Equal([no, yes], browser.Page.QuerySelectorAll("button[name=consent]").Select(b => b.TextContent));
        await browser.PressAsync(yes);

        var answer = Answer(browser);
        Assert.Equal("state of the test", answer["state"]);
        Assert.NotEmpty(answer["code"]);
        Assert.Superset(new HashSet<string> { "SMTP.Send", "IMAP.AccessAsUser.All", "offline_access" }, entra.Directory.Consented(client.ClientId, entra.User(user)).ToHashSet());
    }

    [Fact]
    public async Task Consent_is_asked_once()
    {
        var client = entra.Register();
        await entra.CodeAsync(client);
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(client));
        await SignInAsync(browser, "ann@meadow.example");
        Assert.NotEmpty(Answer(browser)["code"]);
    }

    [Fact]
    public async Task Declined_consent_is_told_to_the_application_and_nothing_is_granted()
    {
        var client = entra.Register();
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(client));
        await SignInAsync(browser, "ann@meadow.example");
        await browser.PressAsync("Cancel");
        var answer = Answer(browser);
        Assert.Equal("access_denied", answer["error"]);
        Assert.StartsWith("AADSTS65004: ", answer["error_description"], StringComparison.Ordinal);
        Assert.Equal("state of the test", answer["state"]);
        Assert.Empty(entra.Directory.Consented(client.ClientId, entra.User("ann@meadow.example")));
    }

    [Fact]
    public async Task Administrator_consents_for_everybody()
    {
        var client = entra.Register();
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(client));
        await SignInAsync(browser, "admin@meadow.example");
        browser.Tick("Consent on behalf of your organization");
        await browser.PressAsync("Accept");
        Assert.Contains("SMTP.Send", entra.Directory.Consented(client.ClientId, entra.User("ben@meadow.example")));
        Assert.Empty(entra.Directory.Consented(client.ClientId, entra.User("rosa@outlook.example")));
    }

    [Theory]
    [InlineData("client_id", "11111111-2222-4333-8444-555555555555", 700016)]
    [InlineData("client_id", null, 900144)]
    [InlineData("redirect_uri", "https://hub.example/microsoft_outlook/CONFIRM", 50011)]
    [InlineData("redirect_uri", "https://hub.example/microsoft_outlook/confirm/", 50011)]
    [InlineData("redirect_uri", "https://evil.example/", 50011)]
    [InlineData("redirect_uri", null, 900144)]
    public async Task Request_that_cannot_be_trusted_ends_on_a_page_and_not_at_the_application(string parameter, string? value, int code)
    {
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(entra.Register(), changes: (parameter, value)));
        Assert.Null(browser.LeftFor);
        Assert.Equal(HttpStatusCode.BadRequest, browser.Status);
        Assert.Contains($"AADSTS{code}: ", browser.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("response_type", "token", "unsupported_response_type", 700054)]
    [InlineData("response_type", null, "invalid_request", 900144)]
    [InlineData("response_mode", "web_message", "invalid_request", 70007)]
    [InlineData("scope", null, "invalid_request", 900144)]
    [InlineData("scope", "openid https://graph.microsoft.com/.default https://graph.microsoft.com/Mail.Send", "invalid_scope", 70011)]
    [InlineData("scope", "https://outlook.office.com/SMTP.Sent", "invalid_client", 650053)]
    [InlineData("scope", "https://management.azure.com/user_impersonation", "invalid_resource", 500011)]
    [InlineData("code_challenge", "short", "invalid_request", 50147)]
    [InlineData("code_challenge_method", "S512", "invalid_request", 50147)]
    [InlineData("code_challenge", null, "invalid_request", 50147)]
    [InlineData("prompt", "maybe", "invalid_request", 90023)]
    [InlineData("prompt", "none", "login_required", 50058)]
    public async Task Request_that_cannot_be_served_is_told_to_the_application(string parameter, string? value, string error, int code)
    {
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(entra.Register(), changes: (parameter, value)));
        var answer = Answer(browser);
        Assert.Equal(error, answer["error"]);
        Assert.StartsWith($"AADSTS{code}: ", answer["error_description"], StringComparison.Ordinal);
        Assert.Equal("state of the test", answer["state"]);
    }

    [Theory]
    [InlineData("nowhere.example", SignInAudience.AzureADandPersonalMicrosoftAccount, 90002)]
    [InlineData("common", SignInAudience.AzureADMyOrg, 50194)]
    [InlineData("consumers", SignInAudience.AzureADMultipleOrgs, 9002332)]
    [InlineData("organizations", SignInAudience.PersonalMicrosoftAccount, 9002331)]
    public async Task Audience_and_authority_must_fit(string tenant, SignInAudience audience, int code)
    {
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(entra.Register(audience: audience), tenant));
        Assert.Contains($"AADSTS{code}: ", browser.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("common", SignInAudience.AzureADMultipleOrgs, "rosa@outlook.example", 500208)]
    [InlineData("organizations", SignInAudience.AzureADandPersonalMicrosoftAccount, "rosa@outlook.example", 500208)]
    [InlineData("consumers", SignInAudience.AzureADandPersonalMicrosoftAccount, "ann@meadow.example", 500208)]
    [InlineData("meadow.example", SignInAudience.AzureADandPersonalMicrosoftAccount, "rosa@outlook.example", 50020)]
    public async Task Account_must_fit_the_audience_and_the_authority(string tenant, SignInAudience audience, string user, int code)
    {
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(entra.Register(audience: audience), tenant));
        await SignInAsync(browser, user);
        Assert.Null(browser.LeftFor);
        Assert.Contains($"AADSTS{code}: ", browser.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unassigned_person_reads_50105_and_may_try_another_account()
    {
        var client = entra.Register("Assigned only");
        var principal = entra.Directory.FindServicePrincipal(client.ClientId, entra.Bakery.Id)!;
        entra.Directory.SetAssignmentRequired(principal.Id, true);
        entra.Directory.Assign(principal.Id, [entra.User("ann@meadow.example").Id], []);
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(client));
        await SignInAsync(browser, "ben@meadow.example");
        Assert.Null(browser.LeftFor);
        Assert.Contains($"AADSTS50105: Your administrator has configured the application Assigned only ('{client.ClientId}') to block users", browser.Text, StringComparison.Ordinal);
        Assert.Contains("'ben@meadow.example'", browser.Text, StringComparison.Ordinal);

        await browser.FollowAsync("Sign in with another account");
        await SignInAsync(browser, "ann@meadow.example");
        await browser.PressAsync("Accept");
        Assert.NotEmpty(Answer(browser)["code"]);
    }

    [Fact]
    public async Task Member_of_an_assigned_group_is_let_in()
    {
        var client = entra.Register();
        var principal = entra.Directory.FindServicePrincipal(client.ClientId, entra.Bakery.Id)!;
        entra.Directory.SetAssignmentRequired(principal.Id, true);
        entra.Directory.Assign(principal.Id, [], [entra.Directory.FindGroups(entra.Bakery.Id, "Shop").Single().Id]);
        Assert.NotEmpty(await entra.CodeAsync(client, "ann@meadow.example"));
    }

    [Theory]
    [InlineData("ann@meadow.example", "wrong", "AADSTS50126: ")]
    [InlineData("nobody@meadow.example", null, "AADSTS50034: ")]
    public async Task Wrong_name_or_password_is_said_on_the_page(string user, string? password, string code)
    {
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(entra.Register()));
        browser.Fill("Email address", user);
        await browser.PressAsync("Next");
        if (password is not null)
        {
            browser.Fill("Password", password);
            await browser.PressAsync("Sign in");
        }
        Assert.StartsWith(code, browser.ProblemOf(password is null ? "Email address" : "Password"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disabled_person_cannot_sign_in()
    {
        var user = entra.Directory.AddUser(entra.Bakery.Id, "gone@meadow.example", "Gone", TenantSeed.Password);
        entra.Directory.SetUserEnabled(user.Id, false);
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(entra.Register()));
        await SignInAsync(browser, "gone@meadow.example");
        Assert.StartsWith("AADSTS50057: ", browser.ProblemOf("Password"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Login_hint_goes_straight_to_the_password()
    {
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(entra.Register(), changes: ("login_hint", "sales@meadow.example")));
        Assert.Equal("Enter password", browser.Title);
        Assert.Contains("sales@meadow.example", browser.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_signed_in_accounts_are_offered_and_another_one_may_be_used()
    {
        var client = entra.Register();
        using var browser = entra.Browser();
        foreach (var user in new[] { "ann@meadow.example", "ben@meadow.example" })
        {
            await browser.OpenAsync(entra.AuthorizeUrl(client, changes: ("prompt", "login")));
            await SignInAsync(browser, user);
        }

        await browser.OpenAsync(entra.AuthorizeUrl(client, changes: ("prompt", "select_account")));
        Assert.Equal("Pick an account", browser.Title);
        await browser.PressAsync("ann@meadow.example");
        await browser.PressAsync("Accept");
        var token = (await entra.RedeemAsync(client, Answer(browser)["code"])).Good();
        Assert.Equal("ann@meadow.example", IdTokenTests.Read(token).GetProperty("preferred_username").GetString());

        await browser.OpenAsync(entra.AuthorizeUrl(client, changes: ("prompt", "select_account")));
        await browser.PressAsync("Use another account");
        await SignInAsync(browser, "rosa@outlook.example");
        await browser.PressAsync("Yes");
        Assert.NotEmpty(Answer(browser)["code"]);
    }

    [Fact]
    public async Task Signed_in_person_with_consent_comes_back_without_a_page_even_when_pages_are_forbidden()
    {
        var client = entra.Register();
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(client));
        await SignInAsync(browser, "ann@meadow.example");
        await browser.OpenAsync(entra.AuthorizeUrl(client, changes: ("prompt", "none")));
        Assert.Equal("consent_required", Answer(browser)["error"]);
        entra.Directory.Consent(entra.Directory.FindApplication(client.ClientId)!, entra.User("ann@meadow.example"), MailScope.Split(' ').Select(s => s[(s.LastIndexOf('/') + 1)..]));
        await browser.OpenAsync(entra.AuthorizeUrl(client, changes: ("prompt", "none")));
        Assert.NotEmpty(Answer(browser)["code"]);
    }

    [Fact]
    public async Task Page_of_another_browser_consents_to_nothing()
    {
        var client = entra.Register();
        using var ann = entra.Browser();
        await ann.OpenAsync(entra.AuthorizeUrl(client));
        await SignInAsync(ann, "ann@meadow.example");
        var flow = ann.Page.QuerySelector("input[name=flow]")!.GetAttribute("value")!;

        using var other = entra.Browser();
        await other.OpenAsync(entra.AuthorizeUrl(client));
        var token = other.Page.QuerySelector("input[name=__RequestVerificationToken]")!.GetAttribute("value")!;
        await other.PostAsync("/login/consent", ("flow", flow), ("consent", "accept"), ("__RequestVerificationToken", token));
        Assert.Null(other.LeftFor);
        Assert.Contains("AADSTS50089: ", other.Text, StringComparison.Ordinal);
        Assert.Empty(entra.Directory.Consented(client.ClientId, entra.User("ann@meadow.example")));
    }

    [Fact]
    public async Task Answer_travels_in_the_fragment_or_in_a_form_when_asked_to()
    {
        var client = entra.Register();
        await entra.CodeAsync(client);
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(client, changes: ("response_mode", "fragment")));
        await SignInAsync(browser, "ann@meadow.example");
        Assert.StartsWith(RedirectUri + "#code=", browser.LeftFor!.AbsoluteUri, StringComparison.Ordinal);

        await browser.OpenAsync(entra.AuthorizeUrl(client, changes: ("response_mode", "form_post")));
        var form = browser.Page.QuerySelector("form")!;
        Assert.Equal(RedirectUri, form.GetAttribute("action"));
        Assert.Equal("state of the test", form.QuerySelector("input[name=state]")!.GetAttribute("value"));
        Assert.Contains("form-action 'self' https://hub.example", browser.ContentSecurityPolicy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("//evil.example")]
    [InlineData("https://evil.example")]
    [InlineData("/\\evil.example")]
    public async Task Sign_in_of_the_portal_returns_to_this_site_only(string returnTo)
    {
        using var browser = entra.Browser();
        await browser.OpenAsync("/signin?return=" + Uri.EscapeDataString(returnTo));
        await SignInAsync(browser, "admin@meadow.example");
        Assert.Null(browser.LeftFor);
        Assert.Equal("/", browser.Address.AbsolutePath);
    }

    [Fact]
    public async Task Permission_for_administrators_cannot_be_consented_to_by_anybody_else()
    {
        using var browser = entra.Browser();
        await browser.OpenAsync(entra.AuthorizeUrl(entra.Register(), changes: ("scope", "openid Application.ReadWrite.All")));
        await SignInAsync(browser, "ann@meadow.example");
        Assert.Contains("AADSTS90094: ", browser.Text, StringComparison.Ordinal);
    }
}
