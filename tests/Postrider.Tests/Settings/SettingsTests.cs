using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using Postrider.Settings;

namespace Postrider.Tests.Settings;

public sealed class SettingsTests
{
    [Fact]
    public async Task Custom_email_servers_is_saved_by_the_page_and_told_by_the_api()
    {
        await using var hub = await HubUnderTest.StartAsync();
        Assert.False((await hub.GetAsync<JsonElement>("/api/v1/settings/general")).GetProperty("customEmailServers").GetBoolean());
        using var saved = await HubUnderTest.SubmitAsync(hub.Browser, "/settings", "general-settings", ("custom_email_servers", "1"));
        Assert.Equal(HttpStatusCode.Found, saved.StatusCode);

        Assert.True((await hub.GetAsync<JsonElement>("/api/v1/settings/general")).GetProperty("customEmailServers").GetBoolean());
        var page = await hub.PageAsync("/settings");
        Assert.True(((IHtmlInputElement)page.QuerySelector("input[name=custom_email_servers]")!).IsChecked);
        Assert.NotNull(page.QuerySelector(".pr-flash"));
        Assert.Null((await hub.PageAsync("/settings")).QuerySelector(".pr-flash"));
    }

    [Fact]
    public async Task Developer_mode_reveals_technical_until_it_is_left()
    {
        await using var hub = await HubUnderTest.StartAsync();
        Assert.Null((await hub.PageAsync("/settings")).QuerySelector("nav a[href='/settings/system-parameters']"));
        Assert.NotNull((await hub.PageAsync("/settings?debug=1")).QuerySelector("nav a[href='/settings/system-parameters']"));
        Assert.NotNull((await hub.PageAsync("/users")).QuerySelector(".pr-debug"));
        Assert.Null((await hub.PageAsync("/users?debug=0")).QuerySelector(".pr-debug"));
        Assert.Null((await hub.PageAsync("/users")).QuerySelector(".pr-debug"));
    }

    [Fact]
    public async Task The_base_url_begins_as_the_hubs_address()
    {
        await using var hub = await HubUnderTest.StartAsync();
        Assert.Equal(hub.Address.GetLeftPart(UriPartial.Authority), await ValueOf(hub, "web.base.url"));
        Assert.Equal(hub.Address, hub.Service<SystemParameters>().BaseUrl);
    }

    [Fact]
    public async Task A_wrong_value_is_refused_on_the_page_and_nothing_changes()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var answer = await HubUnderTest.SubmitAsync(hub.Browser, "/settings/system-parameters/web.base.url", "parameter", ("value", "https://hub.example.com/"));
        var page = await HubUnderTest.ReadPageAsync(answer);

        Assert.NotNull(page.QuerySelector("[data-problem=parameter-value-not-allowed]"));
        Assert.Equal("https://hub.example.com/", page.QuerySelector("#field-value")!.GetAttribute("value"));
        Assert.Equal(hub.Address.GetLeftPart(UriPartial.Authority), await ValueOf(hub, "web.base.url"));
    }

    [Fact]
    public async Task A_parameter_is_made_changed_and_deleted_on_the_page()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var made = await HubUnderTest.SubmitAsync(hub.Browser, "/settings/system-parameters/new", "parameter", ("key", "mail.catchall.domain"), ("value", "meadow.example"));
        Assert.Equal(HttpStatusCode.Found, made.StatusCode);
        Assert.Equal("meadow.example", hub.Service<SystemParameters>().CatchallDomain);
        using var again = await HubUnderTest.SubmitAsync(hub.Browser, "/settings/system-parameters/new", "parameter", ("key", "mail.catchall.domain"), ("value", "field.example"));
        Assert.NotNull((await HubUnderTest.ReadPageAsync(again)).QuerySelector("[data-problem=parameter-key-taken]"));
        using var changed = await HubUnderTest.SubmitAsync(hub.Browser, "/settings/system-parameters/mail.catchall.domain", "parameter", ("value", "field.example"));
        Assert.Equal("field.example", await ValueOf(hub, "mail.catchall.domain"));
        using var deleted = await HubUnderTest.SubmitAsync(hub.Browser, "/settings/system-parameters/mail.catchall.domain", "delete-parameter");
        Assert.Null(hub.Service<SystemParameters>().CatchallDomain);
    }

    [Fact]
    public async Task The_base_url_follows_another_address_only_after_a_confirmation()
    {
        await using var hub = await HubUnderTest.StartAsync();
        Assert.Null((await hub.PageAsync("/settings")).QuerySelector(".pr-banner"));
        var there = new UriBuilder(hub.Address) { Host = "127.0.0.1" }.Uri;
        using var browser = hub.OpenBrowser();
        browser.BaseAddress = there;
        await HubUnderTest.SignInAsync(browser, HubUnderTest.AdministratorEmail, HubUnderTest.Password);

        var page = await hub.PageAsync("/settings", browser);
        Assert.Contains("127.0.0.1", page.QuerySelector(".pr-banner")!.TextContent, StringComparison.Ordinal);
        Assert.Equal(hub.Address.GetLeftPart(UriPartial.Authority), await ValueOf(hub, "web.base.url"));
        using var used = await PressAsync(browser, page, "use");
        Assert.Equal(there.GetLeftPart(UriPartial.Authority), await ValueOf(hub, "web.base.url"));
        Assert.Null((await hub.PageAsync("/settings", browser)).QuerySelector(".pr-banner"));
    }

    [Fact]
    public async Task A_frozen_base_url_is_not_asked_about()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var browser = hub.OpenBrowser();
        browser.BaseAddress = new UriBuilder(hub.Address) { Host = "127.0.0.1" }.Uri;
        await HubUnderTest.SignInAsync(browser, HubUnderTest.AdministratorEmail, HubUnderTest.Password);
        using var kept = await PressAsync(browser, await hub.PageAsync("/settings", browser), "keep");

        Assert.Equal("True", await ValueOf(hub, "web.base.url.freeze"));
        Assert.Null((await hub.PageAsync("/settings", browser)).QuerySelector(".pr-banner"));
        Assert.Equal(hub.Address.GetLeftPart(UriPartial.Authority), await ValueOf(hub, "web.base.url"));
    }

    private static Task<HttpResponseMessage> PressAsync(HttpClient browser, IHtmlDocument page, string choice)
    {
        var form = page.QuerySelector(".pr-banner form")!;
        var fields = form.QuerySelectorAll("input").Select(input => KeyValuePair.Create(input.GetAttribute("name")!, input.GetAttribute("value")!)).Append(KeyValuePair.Create("choice", choice));
        return browser.PostAsync(form.GetAttribute("action"), new FormUrlEncodedContent(fields));
    }

    private static async Task<string?> ValueOf(HubUnderTest hub, string key) =>
        (await hub.GetAsync<JsonElement>($"/api/v1/system-parameters/{key}")).GetProperty("value").GetString();
}
