using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Journal;
using Postrider.Storage;

namespace Postrider.Tests.Web;

public sealed class RequestTests
{
    [Theory]
    [InlineData("cross-site", null)]
    [InlineData("same-site", null)]
    [InlineData(null, "https://evil.example")]
    [InlineData(null, null)]
    public async Task The_api_refuses_what_another_site_sends_with_a_persons_cookie(string? fetchSite, string? origin)
    {
        await using var hub = await HubUnderTest.StartAsync();
        hub.Browser.DefaultRequestHeaders.Remove("Sec-Fetch-Site");
        using var request = new HttpRequestMessage(HttpMethod.Put, "/api/v1/apps/microsoft_outlook/installed");
        if (fetchSite is not null) request.Headers.Add("Sec-Fetch-Site", fetchSite);
        if (origin is not null) request.Headers.Add("Origin", origin);
        using var answer = await hub.Browser.SendAsync(request);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal("cross-site-request", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
    }

    [Fact]
    public async Task The_hubs_own_origin_is_taken()
    {
        await using var hub = await HubUnderTest.StartAsync();
        hub.Browser.DefaultRequestHeaders.Remove("Sec-Fetch-Site");
        using var request = new HttpRequestMessage(HttpMethod.Put, "/api/v1/apps/microsoft_outlook/installed") { Headers = { { "Origin", hub.Address.GetLeftPart(UriPartial.Authority) } } };
        using var answer = await hub.Browser.SendAsync(request);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    [Fact]
    public async Task Behind_a_proxy_with_TLS_the_session_cookie_is_secure_and_no_header_names_the_host()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var browser = hub.OpenBrowser();
        browser.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        browser.DefaultRequestHeaders.Add("X-Forwarded-Host", "evil.example");
        using var answer = await browser.PostAsJsonAsync("/api/v1/session", new { email = HubUnderTest.AdministratorEmail, password = HubUnderTest.Password });
        var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"), line => line.StartsWith("postrider.session=", StringComparison.Ordinal));
        Assert.Contains("; secure", cookie, StringComparison.OrdinalIgnoreCase);

        using var page = await browser.GetAsync("/settings");
        Assert.DoesNotContain("evil.example", page.Headers.Location?.ToString() + await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_form_without_its_token_changes_nothing()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var content = new FormUrlEncodedContent([KeyValuePair.Create("_handler", "general-settings"), KeyValuePair.Create("custom_email_servers", "1")]);
        using var answer = await hub.Browser.PostAsync("/settings", content);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.False((await hub.GetAsync<JsonElement>("/api/v1/settings/general")).GetProperty("customEmailServers").GetBoolean());
    }

    [Fact]
    public async Task Failures_of_the_api_are_problems_with_code_and_remedy()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var nowhere = await hub.Browser.GetAsync("/api/v1/nowhere");
        using var broken = await hub.Browser.PostAsync("/api/v1/users", new StringContent("{", System.Text.Encoding.UTF8, "application/json"));
        using var stranger = hub.OpenBrowser();
        using var unknown = await stranger.GetAsync("/api/v1/users");
        foreach (var (answer, status, code) in ((HttpResponseMessage, int, string)[])[(nowhere, 404, "not-found"), (broken, 400, "request-not-understood"), (unknown, 401, "not-signed-in")])
        {
            Assert.Equal(status, (int)answer.StatusCode);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal(code, problem.GetProperty("code").GetString());
            Assert.NotEmpty(problem.GetProperty("title").GetString()!);
            Assert.NotEmpty(problem.GetProperty("remedy").GetString()!);
            Assert.False(problem.GetProperty("retry").GetProperty("byItself").GetBoolean());
        }
    }

    [Fact]
    public async Task The_api_describes_itself()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var paths = (await hub.GetAsync<JsonElement>("/openapi/v1.json")).GetProperty("paths").EnumerateObject().Select(path => path.Name).ToList();

        Assert.Contains("/api/v1/users/{id}", paths);
        Assert.Contains("/api/v1/system-parameters/{key}", paths);
        Assert.DoesNotContain(paths, path => !path.StartsWith("/api/v1/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_live_page_hears_of_a_change_and_its_line_ends_when_the_hub_stops()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var answer = await hub.Browser.GetAsync("/live?topic=outbox-mail", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("event: open", await lines.ReadLineAsync());

        var journal = hub.Service<JournalWriter>();
        await hub.Service<HubDatabase>().WriteAsync(tx => journal.Write(tx, "test", "outbox-mail", null, "changed", null));
        var heard = await ReadUntilAsync(lines, line => line == "event: changed");
        Assert.Equal("data: outbox-mail", heard);

        await hub.RestartAsync();
        Assert.Null(await ReadUntilAsync(lines, _ => false));
    }

    [Fact]
    public async Task A_page_hears_of_what_changed_after_it_was_made_and_before_it_listened()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var journal = hub.Service<JournalWriter>();
        await hub.Service<HubDatabase>().WriteAsync(tx => journal.Write(tx, "test", "outbox-mail", null, "changed", null));

        using var answer = await hub.Browser.GetAsync("/live?topic=outbox-mail", HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("data: outbox-mail", await ReadUntilAsync(lines, line => line == "event: changed").WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System));
    }

    /// <returns>The line after the wanted one; null when the line ended before.</returns>
    private static async Task<string?> ReadUntilAsync(StreamReader lines, Predicate<string> wanted)
    {
        while (await lines.ReadLineAsync() is { } line)
            if (wanted(line)) return await lines.ReadLineAsync();
        return null;
    }
}
