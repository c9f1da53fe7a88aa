using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Settings;

namespace Postrider.Tests.OutgoingServers;

/// <summary>The simulator, on its page and in the API.</summary>
public sealed class ExplainerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_page_shows_the_decision_the_senders_and_the_reason_of_each_rule()
    {
        await using var hub = await HubWithTwoServersAsync();
        var page = await hub.PageAsync($"/outgoing-mail-servers?from={Uri.EscapeDataString("Ann Baker <ann@elsewhere.example>")}");
        Assert.Equal("default-from-address", page.QuerySelector("[data-decision]")!.GetAttribute("data-decision"));
        Assert.Equal(("Notifications", "\"Ann Baker\" <notifications@meadow.example>"), (page.QuerySelector("[data-server]")!.TextContent, page.QuerySelector("[data-from]")!.TextContent));
        Assert.Equal("Ann Baker <ann@elsewhere.example>", page.QuerySelector("#simulator [name=from]")!.GetAttribute("value"));
        var rows = page.QuerySelectorAll("#simulator tbody tr").Select(row => row.TextContent).ToList();
        Assert.Contains(rows, row => row.Contains("No From Filter names ann@elsewhere.example.", StringComparison.Ordinal));
        Assert.Contains(rows, row => row.Contains("is kept, the address ann@elsewhere.example is replaced", StringComparison.Ordinal));
        Assert.Equal(3, rows.Count(row => row.Contains("Not asked", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_API_tells_the_same_for_a_user_a_mailing_and_a_forced_server()
    {
        await using var hub = await HubWithTwoServersAsync();
        var sales = (await hub.GetAsync<JsonElement>("/api/v1/outgoing-servers")).EnumerateArray().Single(server => server.GetProperty("name").GetString() == "Sales").GetProperty("id").GetGuid();
        var answer = await ExplainAsync(hub, "from=sales@meadow.example&user=" + HubUnderTest.AdministratorEmail);
        Assert.Equal(("address", "Sales", false), (answer.GetProperty("rule").GetString(), answer.GetProperty("serverName").GetString(), answer.GetProperty("rewritten").GetBoolean()));
        answer = await ExplainAsync(hub, $"from=ann@elsewhere.example&server={sales:D}");
        Assert.Equal(("forced", "ann@elsewhere.example"), (answer.GetProperty("rule").GetString(), answer.GetProperty("headerFrom").GetString()));
        await hub.Browser.PutAsJsonAsync("/api/v1/settings/dedicated-server", new { ticked = true, server = sales }, Cancel);
        answer = await ExplainAsync(hub, "from=ann@elsewhere.example&mailing=true");
        Assert.Equal(("forced", sales), (answer.GetProperty("rule").GetString(), answer.GetProperty("server").GetGuid()));
        Assert.True(answer.GetProperty("steps")[0].GetProperty("decides").GetBoolean());
    }

    [Theory]
    [InlineData("from=nonsense", "from")]
    [InlineData("", "from")]
    [InlineData("from=ann@example.com&user=nobody@nowhere.example", "user")]
    [InlineData("from=ann@example.com&server=x", "server")]
    [InlineData("from=ann@example.com&envelopeFrom=a b", "envelopeFrom")]
    public async Task What_cannot_be_read_is_refused_with_the_fields_name(string query, string field)
    {
        await using var hub = await HubWithTwoServersAsync();
        using var answer = await hub.Browser.GetAsync("/api/v1/outgoing-servers/explain?" + query, Cancel);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel);
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "explain-unreadable"), (answer.StatusCode, problem.GetProperty("code").GetString()));
        Assert.EndsWith($": {field}.", problem.GetProperty("title").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Warnings_stand_on_the_list_on_the_servers_page_and_in_the_API()
    {
        await using var hub = await HubWithTwoServersAsync();
        var open = (await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Open", kind = "smtp", host = "localhost", port = 1 })).GetProperty("id").GetGuid();
        Assert.Single((await hub.PageAsync("/outgoing-mail-servers")).QuerySelectorAll("[data-warning=filter-empty]"));
        Assert.Single((await hub.PageAsync($"/outgoing-mail-servers/{open:D}")).QuerySelectorAll("[data-warning=filter-empty]"));
        var server = await hub.GetAsync<JsonElement>($"/api/v1/outgoing-servers/{open:D}");
        Assert.Equal("filter-empty", server.GetProperty("warnings")[0].GetProperty("code").GetString());
        Assert.Equal(["filter-empty"], (await hub.GetAsync<JsonElement>("/api/v1/outgoing-servers/warnings")).EnumerateArray().Select(warning => warning.GetProperty("code").GetString()!));
        await hub.Service<SystemParameters>().SetAsync(KnownParameter.DefaultFrom, "", null, Cancel);
        Assert.NotNull((await hub.PageAsync("/outgoing-mail-servers")).QuerySelector("[data-warning=default-from-not-set]"));
    }

    private static Task<JsonElement> ExplainAsync(HubUnderTest hub, string query) => hub.GetAsync<JsonElement>("/api/v1/outgoing-servers/explain?" + query);

    private static async Task<HubUnderTest> HubWithTwoServersAsync()
    {
        var hub = await HubUnderTest.StartAsync();
        await hub.Service<SystemParameters>().SetAsync(KnownParameter.CatchallDomain, "meadow.example", null, Cancel);
        await hub.Service<SystemParameters>().SetAsync(KnownParameter.DefaultFrom, "notifications", null, Cancel);
        foreach (var name in (string[])["Notifications", "Sales"])
            await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name, kind = "smtp", host = "localhost", port = 1, fromFilter = $"{name.ToLowerInvariant()}@meadow.example" });
        return hub;
    }
}
