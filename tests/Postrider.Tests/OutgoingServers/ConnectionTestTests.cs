using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.OutgoingServers;
using Postrider.Storage;
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
    public async Task A_token_goes_to_no_host_but_Microsofts_whatever_the_row_holds()
    {
        var id = await both.ConnectAsync("ann@meadow.example");
        await both.Hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET host = '127.0.0.1' WHERE id = @id", new { id = new OutgoingServerId(id) }));
        var answer = await TestAsync(id);
        Assert.Equal("outgoing-server-not-microsoft", answer.GetProperty("problem").GetProperty("code").GetString());
        Assert.Equal(0, answer.GetProperty("transcript").GetArrayLength());
    }

    [Fact]
    public async Task The_largest_size_is_asked_for_on_page_and_API()
    {
        var id = await both.ConnectAsync("notifications@meadow.example");
        await both.Hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET size_limit = NULL WHERE id = @id", new { id = new OutgoingServerId(id) }));
        using var browser = await both.BrowserAsync();
        await browser.OpenAsync($"/outgoing-mail-servers/{id:D}");
        await browser.PressAsync("Detect Max Limit");
        var server = await both.ServerAsync(id);
        Assert.Contains($"Email maximum size updated ({server.Name}: 150 MB).", browser.Text, StringComparison.Ordinal);
        Assert.Equal(157286400, server.SizeLimit);

        var answer = await both.Hub.PostAsync<JsonElement>($"/api/v1/outgoing-servers/{id:D}/detect-max-limit", new { });
        Assert.Equal(157286400, answer.GetProperty("sizeLimit").GetInt64());
        Assert.Empty(await both.FolderAsync("notifications@meadow.example", "Sent Items"));
    }

    [Fact]
    public async Task Asking_a_server_that_is_not_there_for_its_size_says_why()
    {
        var id = await MakeAsync(new { name = "Away", kind = "smtp", host = "localhost", port = 1, fromFilter = "ann@meadow.example" });
        using var api = await both.Hub.Browser.PostAsJsonAsync($"/api/v1/outgoing-servers/{id:D}/detect-max-limit", new { });
        Assert.Equal(HttpStatusCode.Conflict, api.StatusCode);
        using var browser = await both.BrowserAsync();
        await browser.OpenAsync($"/outgoing-mail-servers/{id:D}");
        await browser.PressAsync("Detect Max Limit");
        Assert.NotNull(browser.Page.QuerySelector("[data-problem=server-unreachable]"));
    }

    [Fact]
    public async Task Connections_are_kept_on_page_and_API_and_what_a_PUT_leaves_out_stays()
    {
        var id = await MakeAsync(new { name = "Wide", kind = "smtp", host = "localhost", port = 25, security = "none", maxConnections = 20 });
        using var renamed = await both.Hub.Browser.PutAsJsonAsync($"/api/v1/outgoing-servers/{id:D}", new { name = "Wider" });
        Assert.Equal(20, (await renamed.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("maxConnections").GetInt32());
        using var browser = await both.BrowserAsync();
        await browser.OpenAsync($"/outgoing-mail-servers/{id:D}");
        browser.Fill("Maximum connections", "51");
        await browser.PressAsync("Save");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, browser.Status);
        Assert.Contains("Enter a number from 1 to 50.", browser.Text, StringComparison.Ordinal);
        browser.Fill("Maximum connections", "7");
        await browser.PressAsync("Save");
        Assert.Equal(7, (await both.ServerAsync(id)).MaxConnections);
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
