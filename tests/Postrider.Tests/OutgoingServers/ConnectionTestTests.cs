using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Tests.OutlookAccounts;

namespace Postrider.Tests.OutgoingServers;

public sealed class ConnectionTestTests(HubWithMicrosoft both) : IClassFixture<HubWithMicrosoft>
{
    [Fact]
    public async Task A_connected_mailbox_passes_and_nothing_is_sent()
    {
        var id = await both.ConnectAsync("sales@meadow.example");
        using var browser = await both.BrowserAsync();
        await browser.OpenAsync($"/outgoing-mail-servers/{id:D}");
        await browser.PressAsync("Test Connection");
        Assert.Contains("Connection Test Successful!", browser.Text, StringComparison.Ordinal);
        Assert.Contains("shows only when mail is sent", browser.Text, StringComparison.Ordinal);
        Assert.Contains("C: RCPT TO:<sales@meadow.example>", browser.Text, StringComparison.Ordinal);
        Assert.Contains("S: 354", browser.Text, StringComparison.Ordinal);
        var token = (await both.Hub.Service<Postrider.OutlookAccounts.OutlookAccountStore>().OpenTokensAsync((await both.ServerAsync(id)).AccountId!.Value, default))!.Value.Access;
        Assert.DoesNotContain(token[..20], browser.Text, StringComparison.Ordinal);
        Assert.Empty(await both.FolderAsync("sales@meadow.example", "INBOX"));
        Assert.Empty(await both.FolderAsync("sales@meadow.example", "Sent Items"));
    }

    [Fact]
    public async Task A_switched_off_mailbox_is_told_in_Microsofts_words_on_page_and_API()
    {
        var id = await both.ConnectAsync("ben@meadow.example");
        both.Microsoft.Mailboxes.Find("ben@meadow.example")!.Change(settings => settings with { SmtpClientAuthenticationDisabled = true });
        var answer = await TestAsync(id);
        Assert.False(answer.GetProperty("succeeded").GetBoolean());
        Assert.Equal("smtp-auth-disabled-for-mailbox", answer.GetProperty("problem").GetProperty("code").GetString());
        Assert.Contains("disabled for the Mailbox", answer.GetProperty("problem").GetProperty("detail").GetString(), StringComparison.Ordinal);

        using var browser = await both.BrowserAsync();
        await browser.OpenAsync($"/outgoing-mail-servers/{id:D}");
        Assert.NotNull(browser.Page.QuerySelector("[data-problem=smtp-auth-disabled-for-mailbox]"));
        Assert.DoesNotContain("Outlook Token Valid", browser.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_is_refused_by_Exchange_and_explained()
    {
        var id = await MakeAsync(new { name = "By password", kind = "smtp", host = "localhost", port = both.Microsoft.Smtp.Port, userName = "ann@meadow.example", password = "Postrider-2026" });
        var answer = await TestAsync(id);
        Assert.StartsWith("S: 220", answer.GetProperty("transcript")[0].GetString(), StringComparison.Ordinal);
        Assert.Contains(answer.GetProperty("problem").GetProperty("code").GetString(), (string[])["smtp-password-not-allowed", "server-no-mechanism"]);
        Assert.DoesNotContain("Postrider-2026", answer.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named()
    {
        var id = await MakeAsync(new { name = "Nobody", kind = "smtp", host = "localhost", port = 1, fromFilter = "ann@meadow.example" });
        Assert.Equal("server-unreachable", (await TestAsync(id)).GetProperty("problem").GetProperty("code").GetString());
        Assert.NotNull((await both.Hub.PageAsync($"/outgoing-mail-servers/{id:D}")).QuerySelector("[data-problem=server-unreachable]"));
    }

    [Fact]
    public async Task A_certificate_of_a_stranger_is_not_trusted()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var made = await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Stranger", kind = "smtp", host = "localhost", port = both.Microsoft.Smtp.Port, fromFilter = "ann@meadow.example" });
        var answer = await hub.PostAsync<JsonElement>($"/api/v1/outgoing-servers/{made.GetProperty("id").GetGuid():D}/test", new { });
        Assert.Equal("server-certificate-not-trusted", answer.GetProperty("problem").GetProperty("code").GetString());
        Assert.NotNull((await hub.PageAsync($"/outgoing-mail-servers/{made.GetProperty("id").GetGuid():D}")).QuerySelector("[data-problem=server-certificate-not-trusted]"));
    }

    [Fact]
    public async Task Each_field_is_answered_on_page_and_API()
    {
        using var refused = await both.Hub.Browser.PostAsJsonAsync("/api/v1/outgoing-servers", new { name = "", kind = "smtp", host = "", fromFilter = "@x" });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        using var browser = await both.BrowserAsync();
        await browser.OpenAsync("/outgoing-mail-servers/new");
        browser.Fill("Name", "Half");
        browser.Fill("Username", "not an address");
        await browser.PressAsync("Save");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, browser.Status);
        Assert.Contains("Enter the address of the mailbox.", browser.Text, StringComparison.Ordinal);
        Assert.Equal("Half", browser.ValueOf("Name"));
    }

    [Fact]
    public async Task A_user_without_the_right_sees_no_servers()
    {
        using var user = await both.Hub.OpenBrowserOfUserAsync();
        using var page = await user.GetAsync("/outgoing-mail-servers");
        using var api = await user.GetAsync("/api/v1/outgoing-servers");
        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Forbidden), (page.StatusCode, api.StatusCode));
    }

    private async Task<Guid> MakeAsync(object server) => (await both.Hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", server)).GetProperty("id").GetGuid();

    private Task<JsonElement> TestAsync(Guid id) => both.Hub.PostAsync<JsonElement>($"/api/v1/outgoing-servers/{id:D}/test", new { });
}
