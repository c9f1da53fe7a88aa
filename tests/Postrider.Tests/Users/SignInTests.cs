using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Postrider.Tests.Users;

public sealed class SignInTests
{
    [Fact]
    public async Task The_setup_link_makes_the_first_administrator_and_then_no_other()
    {
        await using var hub = await HubUnderTest.StartAsync(setUp: false);
        var link = hub.SetupLink!.AbsolutePath;
        using var made = await HubUnderTest.SubmitAsync(hub.Browser, link, "setup", ("name", "Ada"), ("email", "ada@hub.example"), ("password", HubUnderTest.Password));
        Assert.Equal(HttpStatusCode.Found, made.StatusCode);
        await hub.PageAsync("/users");

        using var stranger = hub.OpenBrowser();
        using var again = await stranger.PostAsJsonAsync("/api/v1/setup", new { token = hub.SetupLink.Segments[^1], name = "Eve", email = "eve@hub.example", password = HubUnderTest.Password });
        Assert.Equal("setup-link-not-valid", await CodeOf(again));
        Assert.NotNull((await hub.PageAsync(link, stranger)).QuerySelector("[data-problem=setup-link-not-valid]"));
    }

    [Fact]
    public async Task A_wrong_setup_link_makes_nobody()
    {
        await using var hub = await HubUnderTest.StartAsync(setUp: false);
        using var answer = await hub.Browser.PostAsJsonAsync("/api/v1/setup", new { token = "guessed", name = "Eve", email = "eve@hub.example", password = HubUnderTest.Password });

        Assert.Equal("setup-link-not-valid", await CodeOf(answer));
    }

    [Fact]
    public async Task Of_two_who_follow_the_setup_link_at_once_one_is_made()
    {
        await using var hub = await HubUnderTest.StartAsync(setUp: false);
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(async n =>
        {
            using var answer = await hub.OpenBrowser().PostAsJsonAsync("/api/v1/setup", new { token = hub.SetupLink!.Segments[^1], name = $"Racer {n}", email = $"racer{n}@hub.example", password = HubUnderTest.Password });
            return answer.StatusCode;
        }));

        Assert.Single(answers, HttpStatusCode.Created);
    }

    [Fact]
    public async Task There_is_no_setup_link_once_there_is_an_administrator()
    {
        await using var hub = await HubUnderTest.StartAsync();
        Assert.NotNull(hub.SetupLink);
        await hub.RestartAsync();
        Assert.Null(hub.SetupLink);
    }

    [Fact]
    public async Task A_stranger_is_sent_to_the_sign_in_page_and_from_there_to_where_they_wanted()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var browser = hub.OpenBrowser();
        using var sent = await browser.GetAsync("/users?search=a");
        Assert.Equal(HttpStatusCode.Found, sent.StatusCode);
        var signIn = sent.Headers.Location!.PathAndQuery;

        using var answer = await HubUnderTest.SubmitAsync(browser, signIn, "sign-in", ("email", "ADMIN@hub.example"), ("password", HubUnderTest.Password));
        Assert.Equal("/users?search=a", answer.Headers.Location!.OriginalString.Replace(hub.Address.GetLeftPart(UriPartial.Authority), "", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("https://evil.example/")]
    [InlineData("//evil.example/")]
    [InlineData("/\\evil.example/")]
    public async Task Signing_in_never_leads_to_another_site(string next)
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var browser = hub.OpenBrowser();
        using var answer = await HubUnderTest.SubmitAsync(browser, "/sign-in?next=" + Uri.EscapeDataString(next), "sign-in", ("email", HubUnderTest.AdministratorEmail), ("password", HubUnderTest.Password));

        Assert.Equal("/", new Uri(hub.Address, answer.Headers.Location!).AbsolutePath);
        Assert.Equal(hub.Address.Authority, new Uri(hub.Address, answer.Headers.Location!).Authority);
    }

    [Fact]
    public async Task Guessing_is_limited_for_an_account_and_passes_with_time()
    {
        var clock = new FakeClock();
        await using var hub = await HubUnderTest.StartAsync(options => options with { Clock = clock });
        using var browser = hub.OpenBrowser();
        for (var n = 0; n < 10; n++)
        {
            using var wrong = await browser.PostAsJsonAsync("/api/v1/session", new { email = HubUnderTest.AdministratorEmail, password = "wrong" });
            Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        }

        using var limited = await browser.PostAsJsonAsync("/api/v1/session", new { email = HubUnderTest.AdministratorEmail, password = HubUnderTest.Password });
        Assert.Equal(HttpStatusCode.TooManyRequests, limited.StatusCode);
        clock.Advance(TimeSpan.FromMinutes(6));
        await HubUnderTest.SignInAsync(browser, HubUnderTest.AdministratorEmail, HubUnderTest.Password);
    }

    [Fact]
    public async Task Signing_out_ends_the_session_even_for_a_copied_cookie()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var signedIn = await hub.Browser.PostAsJsonAsync("/api/v1/session", new { email = HubUnderTest.AdministratorEmail, password = HubUnderTest.Password });
        var cookie = signedIn.Headers.GetValues("Set-Cookie").Single(c => c.StartsWith("postrider.session=", StringComparison.Ordinal)).Split(';');
        Assert.Contains(" httponly", cookie, StringComparer.OrdinalIgnoreCase);
        Assert.Contains(" samesite=lax", cookie, StringComparer.OrdinalIgnoreCase);
        using var thief = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = hub.Address, DefaultRequestHeaders = { { "Cookie", cookie[0] } } };
        using var before = await thief.GetAsync("/api/v1/session");
        Assert.Equal(HttpStatusCode.OK, before.StatusCode);

        using var signedOut = await HubUnderTest.SubmitSignOutAsync(hub.Browser);
        Assert.Equal(HttpStatusCode.Found, signedOut.StatusCode);
        using var after = await thief.GetAsync("/api/v1/session");
        Assert.Equal(HttpStatusCode.Unauthorized, after.StatusCode);
    }

    [Fact]
    public async Task A_changed_password_signs_the_other_browsers_out()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var other = hub.OpenBrowser();
        await HubUnderTest.SignInAsync(other, HubUnderTest.AdministratorEmail, HubUnderTest.Password);
        using var changed = await HubUnderTest.SubmitAsync(hub.Browser, "/preferences", "change-password", ("current", HubUnderTest.Password), ("password", "another long password"));
        Assert.Equal(HttpStatusCode.Found, changed.StatusCode);

        using var outside = await other.GetAsync("/api/v1/session");
        Assert.Equal(HttpStatusCode.Unauthorized, outside.StatusCode);
        await hub.PageAsync("/preferences");
    }

    [Theory]
    [InlineData("short")]
    [InlineData("aaaaaaaaaaaaaaaa")]
    [InlineData("ada@hub.example")]
    public async Task A_password_that_is_easy_to_guess_is_refused_with_the_rule(string password)
    {
        await using var hub = await HubUnderTest.StartAsync(setUp: false);
        using var answer = await hub.Browser.PostAsJsonAsync("/api/v1/setup", new { token = hub.SetupLink!.Segments[^1], name = "Ada", email = "ada@hub.example", password });
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();

        Assert.Equal("password-too-weak", problem.GetProperty("code").GetString());
        Assert.Contains("12", problem.GetProperty("remedy").GetString(), StringComparison.Ordinal);
    }

    private static async Task<string?> CodeOf(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString();
}
