using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Tests.OutlookAccounts;

namespace Postrider.Tests.OutgoingServers;

public sealed class OutgoingServerPageTests(HubWithMicrosoft both) : IClassFixture<HubWithMicrosoft>
{
    [Fact]
    public async Task A_new_servers_form_shows_what_the_choice_Outlook_fills()
    {
        using var browser = await both.BrowserAsync();
        await browser.OpenAsync("/outgoing-mail-servers/new");
        Assert.Equal(("localhost", both.Microsoft.Smtp.Port.ToString(CultureInfo.InvariantCulture), "starttls"), (browser.ValueOf("SMTP Server"), browser.ValueOf("SMTP Port"), browser.ValueOf("Connection Security")));
        Assert.True(browser.IsTicked("Outlook"));
    }

    [Fact]
    public async Task Another_SMTP_server_keeps_the_host_that_stands_in_the_form()
    {
        using var browser = await both.BrowserAsync();
        await browser.OpenAsync("/outgoing-mail-servers/new");
        browser.Fill("Name", "By password");
        browser.Tick("Another SMTP server");
        browser.Fill("Username", "ann@meadow.example");
        browser.Fill("Password", "a password");
        await browser.PressAsync("Save");
        Assert.Equal(HttpStatusCode.OK, browser.Status);
        var server = await both.ServerAsync(HubWithMicrosoft.ServerOf(browser));
        Assert.Equal((Postrider.OutgoingServers.ServerKind.Smtp, "localhost", both.Microsoft.Smtp.Port), (server.Kind, server.Host, server.Port));
    }

    [Fact]
    public async Task Without_the_app_nothing_is_filled_in()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var page = await hub.PageAsync("/outgoing-mail-servers/new");
        Assert.Equal("", page.QuerySelector("[name=host]")!.GetAttribute("value") ?? "");
        Assert.Null(page.QuerySelector("[name=kind][value=outlook]"));
    }

    [Theory]
    [InlineData("userName", "ann@meadow.example\r\nRCPT TO:<eve@example.org>", "UserName")]
    [InlineData("fromFilter", "meadow.example\r\nX: y", "FromFilter")]
    [InlineData("fromFilter", "ann@meadow.example\r\nBcc: eve@example.org", "FromFilter")]
    public async Task A_line_end_in_a_field_is_refused_on_page_and_API_and_nothing_is_stored(string field, string value, string named)
    {
        var before = await both.CountAsync("outgoing_server");
        var entered = new Dictionary<string, string> { ["name"] = "Smuggler", ["kind"] = "outlook", ["userName"] = "ann@meadow.example", ["fromFilter"] = "" };
        entered[field] = value;
        using var api = await both.Hub.Browser.PostAsJsonAsync("/api/v1/outgoing-servers", entered);
        using var page = await HubUnderTest.SubmitAsync(both.Hub.Browser, "/outgoing-mail-servers/new", "server", [.. entered.Select(pair => (pair.Key, (string?)pair.Value))]);

        Assert.Equal((HttpStatusCode.UnprocessableEntity, HttpStatusCode.UnprocessableEntity), (api.StatusCode, page.StatusCode));
        var problem = await api.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("outgoing-server-invalid", problem.GetProperty("code").GetString());
        Assert.Contains(named + ":", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        var shown = await HubUnderTest.ReadPageAsync(page);
        Assert.Contains("is-invalid", shown.QuerySelector($"[name={field}]")!.ClassName, StringComparison.Ordinal);
        Assert.Equal("Smuggler", shown.QuerySelector("[name=name]")!.GetAttribute("value"));
        Assert.Equal(before, await both.CountAsync("outgoing_server"));
    }
}
