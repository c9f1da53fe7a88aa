using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Postrider.Tests.Users;

public class UsersTests
{
    [Fact]
    public async Task An_invited_user_sets_a_password_by_a_link_that_works_once()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var invited = await HubUnderTest.SubmitAsync(hub.Browser, "/users/new", "user", ("name", "Uma"), ("email", "uma@hub.example"), ("right", "user"));
        var link = new Uri((await HubUnderTest.ReadPageAsync(invited)).QuerySelector("#password-link")!.GetAttribute("value")!).AbsolutePath;

        using var uma = hub.OpenBrowser();
        using var set = await HubUnderTest.SubmitAsync(uma, link, "password", ("password", "a password of Uma's"));
        Assert.Equal(HttpStatusCode.Found, set.StatusCode);
        await hub.PageAsync("/preferences", uma);
        Assert.NotNull((await hub.PageAsync(link, hub.OpenBrowser())).QuerySelector("[data-problem=password-link-not-valid]"));
    }

    [Fact]
    public async Task A_user_gets_403_on_settings_pages_and_their_api()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var user = await hub.OpenBrowserOfUserAsync();
        foreach (var path in (string[])["/users", "/users/new", "/settings", "/settings/system-parameters", "/apps", "/api/v1/users", "/api/v1/settings/general", "/api/v1/system-parameters", "/api/v1/apps"])
        {
            using var answer = await user.GetAsync(path);
            Assert.True(answer.StatusCode == HttpStatusCode.Forbidden, $"{path}: {answer.StatusCode}");
        }

        using var page = await user.GetAsync("/users");
        Assert.NotNull((await HubUnderTest.ReadPageAsync(page)).QuerySelector("[data-problem=forbidden]"));
        Assert.Empty((await hub.PageAsync("/preferences?debug=1", user)).QuerySelectorAll("a[href='/users'], a[href^='/settings'], .pr-debug"));
    }

    [Fact]
    public async Task The_last_administrator_is_neither_deleted_nor_degraded()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var me = await hub.GetAsync<JsonElement>("/api/v1/session");
        var id = me.GetProperty("id").GetGuid();
        // Invited and never came: that one cannot help.
        await hub.PostAsync<JsonElement>("/api/v1/users", new { name = "Ghost", email = "ghost@hub.example", right = "settings" });

        using var deleted = await hub.Browser.DeleteAsync($"/api/v1/users/{id}");
        Assert.Equal(HttpStatusCode.Conflict, deleted.StatusCode);
        using var degraded = await HubUnderTest.SubmitAsync(hub.Browser, $"/users/{id}", "user", ("right", "user"));
        Assert.NotNull((await HubUnderTest.ReadPageAsync(degraded)).QuerySelector("[data-problem=last-administrator-in-use]"));
    }

    [Fact]
    public async Task A_right_that_was_taken_away_is_gone_at_the_next_request()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var user = await hub.OpenBrowserOfUserAsync();
        var id = (await user.GetFromJsonAsync<JsonElement>("/api/v1/session")).GetProperty("id").GetGuid();
        var as_ = (string right) => hub.Browser.PutAsJsonAsync($"/api/v1/users/{id}", new { name = "Uma User", email = "uma@hub.example", right });
        (await as_("settings")).Dispose();
        await hub.PageAsync("/users", user);
        (await as_("user")).Dispose();

        using var answer = await user.GetAsync("/users");
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task An_address_belongs_to_one_user_whatever_its_case()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var answer = await hub.Browser.PostAsJsonAsync("/api/v1/users", new { name = "Twin", email = "ADMIN@HUB.example", right = "user" });

        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
    }

    [Theory]
    [InlineData("a@b@c")]
    [InlineData("ann@example.com\r\nBcc: all@example.com")]
    [InlineData("")]
    public async Task What_is_no_address_is_refused(string email)
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var answer = await hub.Browser.PostAsJsonAsync("/api/v1/users", new { name = "Ann", email, right = "user" });

        Assert.Equal("user-email-not-valid", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("Ann\r\nBcc: all@example.com", "ann@hub.example", "user-name-missing")]
    [InlineData("Ann", "ann@hub.example\r\nBcc: all@example.com", "user-email-not-valid")]
    public async Task A_line_end_in_a_name_or_an_address_is_refused_on_page_and_API_and_nobody_is_made(string name, string email, string code)
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var api = await hub.Browser.PostAsJsonAsync("/api/v1/users", new { name, email, right = "user" });
        Assert.Equal(code, (await api.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
        using var page = await HubUnderTest.SubmitAsync(hub.Browser, "/users/new", "user", ("name", name), ("email", email), ("right", "user"));
        Assert.NotNull((await HubUnderTest.ReadPageAsync(page)).QuerySelector($"[data-problem={code}]"));
        Assert.Single((await hub.GetAsync<JsonElement>("/api/v1/users")).GetProperty("users").EnumerateArray());
    }

    [Fact]
    public async Task An_api_key_acts_as_its_person_and_is_shown_once()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var made = await HubUnderTest.SubmitAsync(hub.Browser, "/preferences", "new-api-key", ("keyName", "Billing"));
        var key = (await HubUnderTest.ReadPageAsync(made)).QuerySelector("#new-api-key")!.GetAttribute("value")!;
        using var program = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = hub.Address, DefaultRequestHeaders = { { "Authorization", "Bearer " + key } } };

        Assert.Equal(HubUnderTest.AdministratorEmail, (await program.GetFromJsonAsync<JsonElement>("/api/v1/session")).GetProperty("email").GetString());
        Assert.DoesNotContain(key, (await hub.PageAsync("/preferences")).Source.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(key, await hub.StoredTextAsync(), StringComparison.Ordinal);

        var id = (await hub.GetAsync<JsonElement>("/api/v1/api-keys")).GetProperty("apiKeys")[0].GetProperty("id").GetGuid();
        using var deleted = await HubUnderTest.SubmitAsync(hub.Browser, "/preferences", $"delete-api-key-{id}");
        using var answer = await program.GetAsync("/api/v1/session");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task Another_persons_api_key_is_not_found()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var made = await hub.PostAsync<JsonElement>("/api/v1/api-keys", new { name = "Mine" });
        using var user = await hub.OpenBrowserOfUserAsync();
        using var answer = await user.DeleteAsync($"/api/v1/api-keys/{made.GetProperty("id").GetGuid()}");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Theory]
    [InlineData("\"")]
    [InlineData("*")]
    [InlineData("%")]
    [InlineData("'; DROP TABLE person; --")]
    public async Task Any_search_text_is_only_text(string search)
    {
        await using var hub = await HubUnderTest.StartAsync();
        Assert.Empty((await hub.PageAsync("/users?search=" + Uri.EscapeDataString(search))).QuerySelectorAll("tbody tr"));
        Assert.Single((await hub.PageAsync("/users?search=ada")).QuerySelectorAll("tbody tr"));
    }

    [Fact]
    public async Task Names_are_shown_as_text()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<JsonElement>("/api/v1/users", new { name = "<script>alert(1)</script>", email = "x@hub.example", right = "user" });
        var page = await hub.PageAsync("/users");

        Assert.Empty(page.QuerySelectorAll("script:not([src])"));
        Assert.Contains(page.QuerySelectorAll("td"), cell => cell.TextContent == "<script>alert(1)</script>");
    }
}
