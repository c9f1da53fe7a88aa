using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.Tests.OutgoingServers;

public class DedicatedServerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ticked_in_General_Settings_it_takes_mailings_and_no_other_mail()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await hub.Service<SystemParameters>().SetAsync(KnownParameter.CatchallDomain, "meadow.example", null, Cancel);
        await hub.Service<SystemParameters>().SetAsync(KnownParameter.DefaultFrom, "notifications", null, Cancel);
        var (mailings, other) = (await MakeAsync(hub, "Mailings", ""), await MakeAsync(hub, "Notifications", "notifications@meadow.example"));
        using (var saved = await SaveAsync(hub, "1", mailings)) Assert.Equal(HttpStatusCode.Found, saved.StatusCode);

        var page = await hub.PageAsync("/settings");
        Assert.NotNull(page.QuerySelector($"[name='{KnownParameter.DedicatedServer}']:checked"));
        Assert.Equal(mailings.ToString("D"), page.QuerySelector($"[name='{KnownParameter.DedicatedServerId}'] option[selected]")!.GetAttribute("value"));
        Assert.Equal(mailings, (await hub.GetAsync<JsonElement>("/api/v1/settings/dedicated-server")).GetProperty("server").GetGuid());

        var mail = await PutAsync(hub, mailing: true);
        Assert.Equal((mailings, "\"Ann\" <ann@elsewhere.example>"), (mail.GetProperty("serverId").GetGuid(), mail.GetProperty("from").GetString()));
        Assert.Contains("Dedicated Server", mail.GetProperty("whySteps")[0].GetString(), StringComparison.Ordinal);
        mail = await PutAsync(hub, mailing: false);
        Assert.Equal((other, "\"Ann\" <notifications@meadow.example>"), (mail.GetProperty("serverId").GetGuid(), mail.GetProperty("from").GetString()));

        // Clearing the tick clears the server: mailings go as other mail does.
        using (var cleared = await SaveAsync(hub, null, mailings)) Assert.Equal(HttpStatusCode.Found, cleared.StatusCode);
        Assert.Null(hub.Service<SystemParameters>().Get(KnownParameter.DedicatedServerId));
        Assert.Equal(other, (await PutAsync(hub, mailing: true)).GetProperty("serverId").GetGuid());
    }

    [Fact]
    public async Task Without_a_server_or_with_an_archived_one_the_page_keeps_what_was_entered_and_says_why()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var archived = await MakeAsync(hub, "Old one", "old@meadow.example", active: false);
        using var none = await SaveAsync(hub, "1", null);
        var page = await HubUnderTest.ReadPageAsync(none);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, none.StatusCode);
        Assert.NotNull(page.QuerySelector("[data-problem=dedicated-server-missing]"));
        Assert.NotNull(page.QuerySelector($"[name='{KnownParameter.DedicatedServer}']:checked"));

        using var answer = await hub.Browser.PutAsJsonAsync("/api/v1/settings/dedicated-server", new { ticked = true, server = archived }, Cancel);
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "outgoing-server-archived"), (answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("code").GetString()));
        Assert.Null(hub.Service<SystemParameters>().DedicatedServer);
    }

    [Fact]
    public async Task A_server_in_use_is_not_archived_and_the_reason_is_told_on_page_and_API()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var mailings = await MakeAsync(hub, "Mailings", "");
        await hub.Browser.PutAsJsonAsync("/api/v1/settings/dedicated-server", new { ticked = true, server = mailings }, Cancel);
        using var api = await hub.Browser.PutAsJsonAsync($"/api/v1/outgoing-servers/{mailings:D}", new { active = false }, Cancel);
        var problem = await api.Content.ReadFromJsonAsync<JsonElement>(Cancel);
        Assert.Equal((HttpStatusCode.Conflict, "outgoing-server-in-use"), (api.StatusCode, problem.GetProperty("code").GetString()));
        Assert.Contains("Email Marketing uses it as its default mail server", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);

        using var page = await HubUnderTest.SubmitAsync(hub.Browser, $"/outgoing-mail-servers/{mailings:D}", "server", ("active", null), ("name", "Renamed"));
        Assert.Equal(HttpStatusCode.Conflict, page.StatusCode);
        var shown = await HubUnderTest.ReadPageAsync(page);
        Assert.NotNull(shown.QuerySelector("[data-problem=outgoing-server-in-use]"));
        Assert.Equal("Renamed", shown.QuerySelector("[name=name]")!.GetAttribute("value"));
        Assert.True((await hub.GetAsync<JsonElement>($"/api/v1/outgoing-servers/{mailings:D}")).GetProperty("active").GetBoolean());

        await hub.Browser.PutAsJsonAsync("/api/v1/settings/dedicated-server", new { ticked = false }, Cancel);
        using var archived = await hub.Browser.PutAsJsonAsync($"/api/v1/outgoing-servers/{mailings:D}", new { active = false }, Cancel);
        Assert.Equal(HttpStatusCode.OK, archived.StatusCode);
    }

    [Fact]
    public async Task One_that_was_archived_past_the_page_is_explained_and_mailings_are_refused_before_queueing()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var archived = await MakeAsync(hub, "Mailings", "", active: false);
        await hub.Service<SystemParameters>().SetAsync(KnownParameter.DedicatedServer, "True", null, Cancel);
        await hub.Service<SystemParameters>().SetAsync(KnownParameter.DedicatedServerId, archived.ToString("D"), null, Cancel);
        Assert.Contains("is archived, so every mailing is refused", (await hub.PageAsync("/settings")).Body!.TextContent, StringComparison.Ordinal);
        Assert.NotNull((await hub.PageAsync("/outgoing-mail-servers")).QuerySelector("[data-warning=dedicated-server-gone]"));
        using var answer = await hub.Browser.PostAsJsonAsync("/api/v1/mails", new { to = (string[])["ben@example.org"], subject = "x", text = "x", mailing = true }, Cancel);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel);
        Assert.Equal((HttpStatusCode.Conflict, "outgoing-server-archived"), (answer.StatusCode, problem.GetProperty("code").GetString()));
        Assert.Contains("Email Marketing", problem.GetProperty("remedy").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_without_the_right_Settings_marks_mailings_but_chooses_no_server()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var mailings = await MakeAsync(hub, "Mailings", "");
        using var user = await hub.OpenBrowserOfUserAsync();
        foreach (var body in (object[])[new { to = (string[])["ben@example.org"], text = "x", server = mailings }, new { to = (string[])["ben@example.org"], text = "x", envelopeFrom = "returns@hub.example" }])
        {
            using var refused = await user.PostAsJsonAsync("/api/v1/mails", body, Cancel);
            Assert.Equal((HttpStatusCode.Forbidden, "outgoing-server-needs-settings"), (refused.StatusCode, (await refused.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("code").GetString()));
        }

        using var taken = await user.PostAsJsonAsync("/api/v1/mails", new { to = (string[])["ben@example.org"], text = "x", mailing = true }, Cancel);
        Assert.Equal(HttpStatusCode.Accepted, taken.StatusCode);
    }

    /// <summary>A server that nobody can reach, resting for a day: its mail is taken and waits.</summary>
    private static async Task<Guid> MakeAsync(HubUnderTest hub, string name, string filter, bool active = true)
    {
        var id = (await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name, kind = "smtp", host = "localhost", port = 1, fromFilter = filter, active })).GetProperty("id").GetGuid();
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = tx.Now.AddDays(1) }));
        return id;
    }

    private static Task<HttpResponseMessage> SaveAsync(HubUnderTest hub, string? tick, Guid? server) =>
        HubUnderTest.SubmitAsync(hub.Browser, "/settings", "general-settings", (KnownParameter.DedicatedServer, tick), (KnownParameter.DedicatedServerId, server?.ToString("D") ?? ""));

    private static async Task<JsonElement> PutAsync(HubUnderTest hub, bool mailing)
    {
        var put = await hub.PostAsync<JsonElement>("/api/v1/mails", new { from = "Ann <ann@elsewhere.example>", to = (string[])["ben@example.org"], subject = "Hello", text = "x", mailing });
        return await hub.GetAsync<JsonElement>($"/api/v1/mails/{put.GetProperty("id").GetGuid():D}");
    }
}
