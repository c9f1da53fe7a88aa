using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Postrider.Entra;
using Postrider.OutgoingServers;
using Postrider.OutlookAccounts;
using Postrider.Sandbox;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Tests.Sandbox;

namespace Postrider.Tests.OutlookAccounts;

public sealed class OutlookConnectTests(HubWithMicrosoft both) : IClassFixture<HubWithMicrosoft>
{
    [Theory]
    [InlineData("notifications@meadow.example")]
    [InlineData("rosa@outlook.example")]
    public async Task A_mailbox_is_connected_and_proved(string mailbox)
    {
        using var browser = await both.BrowserAsync();
        await both.BeginAsync(browser, mailbox);
        Assert.Equal(both.Microsoft.Http.Authority, browser.Address.Authority);
        await HubWithMicrosoft.SignInAsync(browser, mailbox);

        Assert.Contains("Outlook Token Valid", browser.Text, StringComparison.Ordinal);
        Assert.Equal(mailbox, browser.ValueOf("From Filter"));
        var server = await both.ServerAsync(HubWithMicrosoft.ServerOf(browser));
        var account = (await both.Hub.Service<OutlookAccountStore>().FindAsync(server.AccountId))!;
        Assert.Equal((mailbox, "SMTP", mailbox), (account.UserName, account.ProvedBy, account.ProvedFor));
        Assert.DoesNotContain("code=", browser.Address.Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_server_of_the_mailbox_shows_the_tag_at_once()
    {
        await both.ConnectAsync("sales@meadow.example");
        using var browser = await both.BrowserAsync();
        await browser.OpenAsync("/outgoing-mail-servers/new");
        browser.Fill("Name", "The second");
        browser.Fill("Username", "Sales@meadow.example");
        await browser.PressAsync("Save");
        Assert.Contains("Outlook Token Valid", browser.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tokens_and_the_secret_are_sealed_in_the_database()
    {
        var id = await both.ConnectAsync("ben@meadow.example");
        var server = await both.ServerAsync(id);
        var tokens = (await both.Hub.Service<OutlookAccountStore>().OpenTokensAsync(server.AccountId!.Value, TestContext.Current.CancellationToken))!.Value;
        var stored = await both.Hub.StoredTextAsync();
        foreach (var secret in (string[])[tokens.Access, tokens.Refresh, both.Secret]) Assert.DoesNotContain(secret, stored, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_secret_is_named()
    {
        // Somebody no other test connects: an account that is known already is a new server's at once.
        await both.SaveCredentialsAsync("wrong~" + both.Secret[6..]);
        try
        {
            await AssertRefusedAsync(NewPerson("secretive"), "outlook-secret-wrong");
        }
        finally
        {
            await both.SaveCredentialsAsync(both.Secret);
        }
    }

    [Fact]
    public async Task The_secrets_id_is_not_even_stored()
    {
        var id = both.Microsoft.Directory.FindApplication(both.Application.ClientId)!.Secrets[0].KeyId;
        using var content = JsonContent.Create(new { clientId = both.Application.ClientId, clientSecret = id.ToString("D") });
        using var answer = await both.Hub.Browser.PutAsync("/api/v1/outlook/credentials", content);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal("outlook-secret-id-pasted", await CodeOf(answer));

        using var page = await HubUnderTest.SubmitAsync(both.Hub.Browser, "/settings", "general-settings", ("outlook.client_secret", id.ToString("D")));
        var shown = await HubUnderTest.ReadPageAsync(page);
        Assert.Equal((HttpStatusCode.UnprocessableEntity, both.Application.ClientId.ToString("D")), (page.StatusCode, shown.QuerySelector("[name='outlook.client_id']")!.GetAttribute("value")));
        Assert.NotNull(shown.QuerySelector("[data-problem=outlook-secret-id-pasted]"));
        Assert.DoesNotContain(id.ToString("D"), shown.Source.Text, StringComparison.Ordinal);
        Assert.True((await both.Hub.Service<Postrider.OutlookCredentials.OutlookCredentialStore>().OpenAsync(TestContext.Current.CancellationToken)).Credential!.ClientSecret == both.Secret, "The secret that works stays.");
    }

    [Fact]
    public async Task Consent_declined_leads_back_with_the_reason()
    {
        using var browser = await both.BrowserAsync();
        var before = await both.CountAsync("outlook_account");
        await both.BeginAsync(browser, NewPerson("doubtful"), "Declined");
        await HubWithMicrosoft.SignInAsync(browser, "doubtful@meadow.example", accept: false);
        Assert.NotNull(browser.Page.QuerySelector("[data-problem=outlook-consent-declined]"));
        Assert.Equal(before, await both.CountAsync("outlook_account"));
        await AssertToldByApiAsync(HubWithMicrosoft.ServerOf(browser), "outlook-consent-declined");
    }

    [Fact]
    public async Task An_incoming_servers_page_and_API_say_what_came_of_connecting()
    {
        var made = await both.Hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = "Declined inbox", kind = "outlook", userName = NewPerson("reluctant") });
        var path = $"/incoming-servers/{made.GetProperty("id").GetGuid():D}";
        using var browser = await both.BrowserAsync();
        await browser.OpenAsync(path);
        await browser.PressAsync("Connect your Outlook account");
        await HubWithMicrosoft.SignInAsync(browser, "reluctant@meadow.example", accept: false);
        Assert.Equal(path, browser.Address.AbsolutePath);
        Assert.NotNull(browser.Page.QuerySelector("[data-problem=outlook-consent-declined]"));
        Assert.Equal("outlook-consent-declined", (await both.Hub.GetAsync<JsonElement>("/api/v1" + path)).GetProperty("connectProblem").GetProperty("code").GetString());

        // A later consent ends the news.
        await browser.PressAsync("Connect your Outlook account");
        await HubWithMicrosoft.SignInAsync(browser, "reluctant@meadow.example");
        Assert.Contains("Outlook Token Valid", browser.Text, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, (await both.Hub.GetAsync<JsonElement>("/api/v1" + path)).GetProperty("connectProblem").ValueKind);
    }

    [Fact]
    public async Task A_redirect_that_is_not_registered_never_comes_back_and_the_servers_page_says_so()
    {
        var other = both.Microsoft.Directory.Register(both.Bakery.Id, "Elsewhere", Postrider.Sandbox.Directories.SignInAudience.AzureADandPersonalMicrosoftAccount, "https://elsewhere.example/microsoft_outlook/confirm").Value!;
        var secret = both.Microsoft.Directory.AddSecret(other.ClientId, "test", both.Microsoft.Clock.GetUtcNow().AddDays(1)).Value!.Value;
        await both.SaveCredentialsAsync(secret, other.ClientId);
        try
        {
            await AssertNeverCameBackAsync("ann@meadow.example", "AADSTS50011");
        }
        finally
        {
            await both.SaveCredentialsAsync(both.Secret);
        }
    }

    [Fact]
    public async Task An_unassigned_user_never_comes_back_and_the_servers_page_says_so()
    {
        var principal = both.Microsoft.Directory.FindServicePrincipal(both.Application.ClientId, both.Bakery.Id)!;
        both.Microsoft.Directory.SetAssignmentRequired(principal.Id, true);
        try
        {
            await AssertNeverCameBackAsync("ann@meadow.example", "AADSTS50105");
        }
        finally
        {
            both.Microsoft.Directory.SetAssignmentRequired(principal.Id, false);
        }
    }

    [Theory]
    [InlineData("", "connect-state-missing")]
    [InlineData("?code=abc", "connect-state-missing")]
    [InlineData("?code=abc&state=invented", "connect-state-unknown")]
    [InlineData("?error=access_denied&error_description=%3Cscript%3Ealert(1)%3C%2Fscript%3E", "connect-state-missing")]
    public async Task A_callback_without_a_state_of_ours_is_refused(string query, string problem)
    {
        using var browser = await both.BrowserAsync();
        await browser.OpenAsync("/microsoft_outlook/confirm" + query);
        Assert.Equal(HttpStatusCode.BadRequest, browser.Status);
        Assert.NotNull(browser.Page.QuerySelector($"[data-problem={problem}]"));
        Assert.Null(browser.Page.QuerySelector("main script"));
    }

    [Fact]
    public async Task A_state_works_once_and_in_its_own_browser_only()
    {
        using var browser = await both.BrowserAsync();
        await both.BeginAsync(browser, "ann@meadow.example", "Once");
        var state = System.Web.HttpUtility.ParseQueryString(browser.Address.Query)["state"] ?? await StateOfLastAsync(browser);

        using var stranger = await both.BrowserAsync();
        await stranger.OpenAsync($"/microsoft_outlook/confirm?code=stolen&state={Uri.EscapeDataString(state)}");
        Assert.NotNull(stranger.Page.QuerySelector("[data-problem=connect-state-foreign]"));

        using var nobody = new PlainBrowser(both.Hub.Address);
        await nobody.OpenAsync($"/microsoft_outlook/confirm?code=stolen&state={Uri.EscapeDataString(state)}");
        Assert.NotNull(nobody.Page.QuerySelector("[data-problem=connect-state-foreign]"));

        await browser.OpenAsync(new Uri(both.Hub.Address, $"/microsoft_outlook/confirm?error=access_denied&state={Uri.EscapeDataString(state)}").AbsoluteUri);
        Assert.NotNull(browser.Page.QuerySelector("[data-problem=outlook-consent-declined]"));
        await browser.OpenAsync($"/microsoft_outlook/confirm?code=again&state={Uri.EscapeDataString(state)}");
        Assert.NotNull(browser.Page.QuerySelector("[data-problem=connect-state-used]"));
    }

    [Fact]
    public async Task A_state_past_its_time_is_refused_and_its_code_is_not_redeemed()
    {
        using var browser = await both.BrowserAsync();
        await both.BeginAsync(browser, "late@meadow.example", "Too late");
        var state = System.Web.HttpUtility.ParseQueryString(browser.Address.Query)["state"] ?? await StateOfLastAsync(browser);
        await both.Hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE connect_request SET expires_at = @now WHERE state_hash = @hash", new { now = tx.Now, hash = ConnectSecrets.Hash(state) }));
        await browser.OpenAsync(new Uri(both.Hub.Address, $"/microsoft_outlook/confirm?code=late&state={Uri.EscapeDataString(state)}").AbsoluteUri);
        Assert.Equal(HttpStatusCode.BadRequest, browser.Status);
        Assert.NotNull(browser.Page.QuerySelector("[data-problem=connect-state-expired]"));
        var server = (await both.Hub.Service<OutgoingServerStore>().ListAsync()).First(found => found.Name == "Too late");
        Assert.Null(server.AccountId);
    }

    [Fact]
    public async Task A_code_that_Microsoft_never_gave_is_explained()
    {
        using var browser = await both.BrowserAsync();
        await both.BeginAsync(browser, NewPerson("inventive"), "Invented code");
        var state = System.Web.HttpUtility.ParseQueryString(browser.Address.Query)["state"] ?? await StateOfLastAsync(browser);
        await browser.OpenAsync(new Uri(both.Hub.Address, $"/microsoft_outlook/confirm?code=invented&state={Uri.EscapeDataString(state)}").AbsoluteUri);
        Assert.StartsWith("/outgoing-mail-servers/", browser.Address.AbsolutePath, StringComparison.Ordinal);
        Assert.NotNull(browser.Page.QuerySelector("[data-problem^=outlook-]"));
        Assert.Null((await both.ServerAsync(HubWithMicrosoft.ServerOf(browser))).AccountId);
    }

    [Fact]
    public async Task Another_account_is_asked_about_and_nothing_is_stored_before_the_answer()
    {
        using var browser = await both.BrowserAsync();
        await both.BeginAsync(browser, "support@meadow.example", "Shared mailbox");
        var before = await both.CountAsync("outlook_account");
        await SignInAsAnotherAsync(browser, "ann@meadow.example");

        Assert.Contains("Another account signed in", browser.Text, StringComparison.Ordinal);
        Assert.Equal(before, await both.CountAsync("outlook_account"));
        var question = browser.Address;

        await browser.PressAsync("Use this account for support@meadow.example");
        Assert.Contains("Outlook Token Valid", browser.Text, StringComparison.Ordinal);
        var server = await both.ServerAsync(HubWithMicrosoft.ServerOf(browser));
        Assert.Equal("support@meadow.example", server.UserName);
        Assert.Equal("ann@meadow.example", (await both.Hub.Service<OutlookAccountStore>().FindAsync(server.AccountId))!.UserName);

        await browser.OpenAsync(question.AbsoluteUri);
        Assert.Equal(HttpStatusCode.NotFound, browser.Status);
    }

    [Fact]
    public async Task Another_account_may_become_the_username()
    {
        using var browser = await both.BrowserAsync();
        await both.BeginAsync(browser, "typing.error@meadow.example", "Typing error");
        await SignInAsAnotherAsync(browser, "sales@meadow.example");
        await browser.PressAsync("Change the Username to sales@meadow.example");
        var server = await both.ServerAsync(HubWithMicrosoft.ServerOf(browser));
        Assert.Equal(("sales@meadow.example", "sales@meadow.example"), (server.UserName, server.FromFilter));
        Assert.Contains("Outlook Token Valid", browser.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("keep", "till@meadow.example", "ben@meadow.example")]
    [InlineData("change", "ben@meadow.example", "ben@meadow.example")]
    public async Task A_program_asks_and_answers_the_question_too(string answer, string userName, string account)
    {
        using var browser = await both.BrowserAsync();
        await both.BeginAsync(browser, "till@meadow.example", "Asked by API: " + answer);
        await SignInAsAnotherAsync(browser, "ben@meadow.example");
        var path = "/api/v1/outlook/another-account/" + browser.Address.Segments[^1];

        var question = await both.Hub.GetAsync<JsonElement>(path);
        Assert.Equal(("till@meadow.example", "ben@meadow.example"), (question.GetProperty("userName").GetString(), question.GetProperty("signedInAs").GetString()));
        using var puzzled = await both.Hub.Browser.PostAsync(path, JsonContent.Create(new { answer = "perhaps" }));
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "connect-answer-unknown"), (puzzled.StatusCode, await CodeOf(puzzled)));
        using var user = await both.Hub.OpenBrowserOfUserAsync("Uma", answer + "@hub.example");
        using var forbidden = await user.PostAsync(path, JsonContent.Create(new { answer }));
        Assert.Equal(HttpStatusCode.Forbidden, forbidden.StatusCode);

        var result = await both.Hub.PostAsync<JsonElement>(path, new { answer });
        var server = await both.ServerAsync(Guid.Parse(result.GetProperty("path").GetString()!.Split('/')[^1]));
        Assert.Equal(userName, server.UserName);
        Assert.Equal(account, (await both.Hub.Service<OutlookAccountStore>().FindAsync(server.AccountId))!.UserName);
        using var gone = await both.Hub.Browser.GetAsync(path);
        Assert.Equal((HttpStatusCode.NotFound, "connect-state-expired"), (gone.StatusCode, await CodeOf(gone)));
    }

    [Fact]
    public async Task A_program_that_signs_in_again_is_given_Microsofts_address()
    {
        using var browser = await both.BrowserAsync();
        await both.BeginAsync(browser, "till@meadow.example", "Again by API");
        await SignInAsAnotherAsync(browser, "ben@meadow.example");
        var before = await both.CountAsync("outlook_account");
        var result = await both.Hub.PostAsync<JsonElement>("/api/v1/outlook/another-account/" + browser.Address.Segments[^1], new { answer = "again" });
        Assert.StartsWith(both.Microsoft.Http.AbsoluteUri, result.GetProperty("address").GetString(), StringComparison.Ordinal);
        Assert.Equal(before, await both.CountAsync("outlook_account"));
    }

    [Fact]
    public async Task A_right_taken_away_on_the_way_ends_the_connecting()
    {
        using var user = await both.Hub.OpenBrowserOfUserAsync("Ute", "ute@hub.example");
        var id = (await (await user.GetAsync("/api/v1/session")).Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid();
        async Task GiveAsync(string right)
        {
            using var given = await both.Hub.Browser.PutAsJsonAsync($"/api/v1/users/{id:D}", new { name = "Ute", email = "ute@hub.example", right });
            Assert.Equal(HttpStatusCode.OK, given.StatusCode);
        }

        await GiveAsync("settings");
        var server = await both.Hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Half way", kind = "outlook", userName = "ann@meadow.example" });
        using var started = await user.PostAsync($"/api/v1/outgoing-servers/{server.GetProperty("id").GetGuid():D}/connect", null);
        var address = new Uri((await started.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("address").GetString()!);
        await GiveAsync("user");
        using var back = await user.GetAsync("/microsoft_outlook/confirm?code=some&state=" + Uri.EscapeDataString(System.Web.HttpUtility.ParseQueryString(address.Query)["state"]!));
        Assert.Equal(HttpStatusCode.BadRequest, back.StatusCode);
        Assert.Contains("connect-state-foreign", await back.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Signing_in_again_lets_one_choose_the_account()
    {
        using var browser = await both.BrowserAsync();
        await both.BeginAsync(browser, "ben@meadow.example", "Chosen again");
        await SignInAsAnotherAsync(browser, "sales@meadow.example");
        await browser.PressAsync("Sign in with another account");
        Assert.Equal(both.Microsoft.Http.Authority, browser.Address.Authority);
        await HubWithMicrosoft.SignInAsync(browser, "ben@meadow.example");
        Assert.Contains("Outlook Token Valid", browser.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SMTP_AUTH_switched_off_is_shown_with_Microsofts_own_sentence()
    {
        both.Microsoft.Mailboxes.ChangeTenant(both.Bakery.Id, t => t with { SmtpClientAuthenticationDisabled = true });
        try
        {
            using var browser = await both.BrowserAsync();
            await both.BeginAsync(browser, "admin@meadow.example", "Switched off");
            await HubWithMicrosoft.SignInAsync(browser, "admin@meadow.example");
            Assert.NotNull(browser.Page.QuerySelector("[data-problem=smtp-auth-disabled-for-tenant]"));
            Assert.Contains("SmtpClientAuthentication is disabled for the Tenant", browser.Text, StringComparison.Ordinal);
            var told = (await both.Hub.GetAsync<JsonElement>($"/api/v1/outgoing-servers/{HubWithMicrosoft.ServerOf(browser):D}")).GetProperty("problem");
            Assert.Equal("smtp-auth-disabled-for-tenant", told.GetProperty("code").GetString());
            Assert.Contains("SmtpClientAuthentication is disabled for the Tenant", told.GetProperty("detail").GetString(), StringComparison.Ordinal);
            Assert.DoesNotContain("Outlook Token Valid", browser.Text, StringComparison.Ordinal);
        }
        finally
        {
            both.Microsoft.Mailboxes.ChangeTenant(both.Bakery.Id, t => t with { SmtpClientAuthenticationDisabled = false });
        }
    }

    [Fact]
    public async Task Microsoft_that_cannot_be_reached_is_named_and_nothing_is_stored()
    {
        using var browser = await both.BrowserAsync();
        await both.BeginAsync(browser, NewPerson("unreachable"), "Unreachable");
        var state = System.Web.HttpUtility.ParseQueryString(browser.Address.Query)["state"] ?? await StateOfLastAsync(browser);
        // Port 1 of this machine: nothing listens there.
        Assert.Null(await both.Hub.Service<SystemParameters>().SetAsync(KnownParameter.OutlookEndpoint, "http://127.0.0.1:1/common/oauth2/v2.0/", null));
        try
        {
            await browser.OpenAsync(new Uri(both.Hub.Address, $"/microsoft_outlook/confirm?code=some&state={Uri.EscapeDataString(state)}").AbsoluteUri);
            Assert.NotNull(browser.Page.QuerySelector("[data-problem=microsoft-unreachable]"));
            Assert.Null((await both.ServerAsync(HubWithMicrosoft.ServerOf(browser))).AccountId);
            await AssertToldByApiAsync(HubWithMicrosoft.ServerOf(browser), "microsoft-unreachable");
        }
        finally
        {
            await both.Hub.Service<SystemParameters>().SetAsync(KnownParameter.OutlookEndpoint, "", null);
        }
    }

    [Fact]
    public async Task Over_TLS_the_authority_that_was_named_is_trusted_and_no_other()
    {
        var endpoints = EntraEndpoints.Of(MicrosoftCloud.Worldwide, new Uri(both.Microsoft.Https, "/common/oauth2/v2.0/").AbsoluteUri);
        var application = new ApplicationCredential(both.Application.ClientId.ToString("D"), both.Secret);
        async Task<string> AskAsync(HubUnderTest hub)
        {
            using var scope = hub.Services.CreateScope();
            return (await scope.ServiceProvider.GetRequiredService<EntraClient>().RefreshAsync(endpoints, application, "invented", TestContext.Current.CancellationToken)).Diagnosis!.Problem.Code;
        }

        Assert.StartsWith("outlook-", await AskAsync(both.Hub), StringComparison.Ordinal);
        await using var trusting = await HubUnderTest.StartAsync(setUp: false);
        Assert.Equal("microsoft-certificate-not-trusted", await AskAsync(trusting));
    }

    // Nobody else's test has connected this one yet.
    private string NewPerson(string name)
    {
        both.Microsoft.Mailboxes.AddFor(both.Microsoft.Directory.AddUser(both.Bakery.Id, name + "@meadow.example", name, TenantSeed.Password));
        return name + "@meadow.example";
    }

    private async Task AssertRefusedAsync(string mailbox, string problem)
    {
        using var browser = await both.BrowserAsync();
        await both.BeginAsync(browser, mailbox, problem);
        await HubWithMicrosoft.SignInAsync(browser, mailbox);
        Assert.NotNull(browser.Page.QuerySelector($"[data-problem={problem}]"));
        Assert.Null((await both.ServerAsync(HubWithMicrosoft.ServerOf(browser))).AccountId);
        await AssertToldByApiAsync(HubWithMicrosoft.ServerOf(browser), problem);
    }

    /// <summary>The server's record in the API names the problem, with what to do.</summary>
    private async Task AssertToldByApiAsync(Guid server, string problem)
    {
        var told = (await both.Hub.GetAsync<JsonElement>($"/api/v1/outgoing-servers/{server:D}")).GetProperty("connectProblem");
        Assert.Equal(problem, told.GetProperty("code").GetString());
        Assert.NotEmpty(told.GetProperty("remedy").GetString()!);
    }

    private async Task AssertNeverCameBackAsync(string mailbox, string code)
    {
        using var browser = await both.BrowserAsync();
        await both.BeginAsync(browser, mailbox, code);
        await HubWithMicrosoft.SignInAsync(browser, mailbox);
        Assert.Contains(code, browser.Text, StringComparison.Ordinal);
        Assert.Equal(both.Microsoft.Http.Authority, browser.Address.Authority);

        var server = (await both.Hub.Service<OutgoingServerStore>().ListAsync()).First(found => found.Name == code);
        await browser.OpenAsync(new Uri(both.Hub.Address, OutgoingServersFeature.PagePath(server.Id)).AbsoluteUri);
        Assert.NotNull(browser.Page.QuerySelector("[data-problem=connect-never-came-back]"));
        Assert.Contains(code[^5..], browser.Text, StringComparison.Ordinal);
        await AssertToldByApiAsync(server.Id.Value, "connect-never-came-back");
    }

    // The hint names the mailbox; a person who is somebody else goes back and says so.
    private static async Task SignInAsAnotherAsync(PlainBrowser browser, string address)
    {
        if (browser.Title == "Enter password") await browser.FollowAsync("Use another account");
        await HubWithMicrosoft.SignInAsync(browser, address);
    }

    // Where Microsoft's first page does not carry the state in its address, its form does.
    private static Task<string> StateOfLastAsync(PlainBrowser browser) =>
        Task.FromResult(browser.Page.QuerySelector("input[name=state]")?.GetAttribute("value") ?? throw new InvalidOperationException($"No state on {browser.Address}"));

    private static async Task<string?> CodeOf(HttpResponseMessage answer)
    {
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return json.RootElement.GetProperty("code").GetString();
    }
}
