using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.Settings;
using Postrider.Tests.OutlookAccounts;

namespace Postrider.Tests.OutgoingServers;

/// <summary>A user without the right Settings, and Microsoft's pages in the sandbox.</summary>
public sealed class PersonalServerTests(HubWithMicrosoft both) : IClassFixture<HubWithMicrosoft>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_user_connects_the_own_mailbox_sends_through_it_and_switches_back()
    {
        using var api = await both.Hub.OpenBrowserOfUserAsync("Ben Baker", "ben@meadow.example");
        using var ben = await both.BrowserAsync("ben@meadow.example");
        await ben.OpenAsync("/preferences");
        await ben.PressAsync("Connect your Outlook account");
        await HubWithMicrosoft.SignInAsync(ben, "ben@meadow.example");
        Assert.Equal("/preferences", ben.Address.AbsolutePath);
        Assert.Contains("Outlook Token Valid", ben.Text, StringComparison.Ordinal);

        var mine = await api.GetFromJsonAsync<JsonElement>("/api/v1/preferences/mail-server", Cancel);
        Assert.Equal((true, "ben@meadow.example"), (mine.GetProperty("active").GetBoolean(), mine.GetProperty("mailbox").GetString()));
        var mail = await SendAsync(api);
        Assert.Equal(mine.GetProperty("server").GetGuid(), mail.ServerId.Value);
        var arrived = (await both.FolderAsync("rosa@outlook.example", "INBOX"))[^1].Uid;
        Assert.Equal("ben@meadow.example", MimeMessage.Read(await both.RawAsync("rosa@outlook.example", "INBOX", arrived)).From.Single().Address.ToString());

        // Nobody else's mail goes through it, not even under that address.
        var foreign = await both.Hub.GetAsync<JsonElement>("/api/v1/outgoing-servers/explain?from=ben@meadow.example&user=" + HubUnderTest.AdministratorEmail);
        Assert.NotEqual(JsonValueKind.String, foreign.GetProperty("server").ValueKind);
        var own = await both.Hub.GetAsync<JsonElement>("/api/v1/outgoing-servers/explain?from=ben@meadow.example&user=ben@meadow.example");
        Assert.Equal(mine.GetProperty("server").GetGuid(), own.GetProperty("server").GetGuid());

        await ben.PressAsync("Switch back to the default server");
        Assert.Contains("Switched back to the default server.", ben.Text, StringComparison.Ordinal);
        Assert.False((await api.GetFromJsonAsync<JsonElement>("/api/v1/preferences/mail-server", Cancel)).GetProperty("active").GetBoolean());
        using var gone = await api.DeleteAsync("/api/v1/preferences/mail-server", Cancel);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
    }

    [Fact]
    public async Task Somebody_elses_account_is_refused_and_nothing_is_stored()
    {
        using var api = await both.Hub.OpenBrowserOfUserAsync("Sally Sales", "sales@meadow.example");
        using var sally = await both.BrowserAsync("sales@meadow.example");
        var accounts = await both.CountAsync("outlook_account");
        await sally.OpenAsync("/preferences");
        await sally.PressAsync("Connect your Outlook account");
        // At Microsoft she chooses another account.
        if (sally.Title == "Enter password") await sally.FollowAsync("Use another account");
        await HubWithMicrosoft.SignInAsync(sally, "ann@meadow.example");
        Assert.Equal("/preferences", sally.Address.AbsolutePath);
        Assert.NotNull(sally.Page.QuerySelector("[data-problem=connect-not-your-mailbox]"));
        Assert.Equal(accounts, await both.CountAsync("outlook_account"));
        Assert.False((await api.GetFromJsonAsync<JsonElement>("/api/v1/preferences/mail-server", Cancel)).GetProperty("active").GetBoolean());
    }

    [Fact]
    public async Task Two_presses_at_once_make_one_server()
    {
        using var user = await both.Hub.OpenBrowserOfUserAsync("Tina Twice", "tina@meadow.example");
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => user.PostAsync("/api/v1/preferences/mail-server/connect", null, Cancel)));
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        foreach (var answer in answers) answer.Dispose();
        var servers = await both.Hub.GetAsync<JsonElement>("/api/v1/outgoing-servers");
        Assert.Single(servers.EnumerateArray(), server => server.GetProperty("userName").GetString() == "tina@meadow.example");
    }

    [Fact]
    public async Task An_address_of_the_hub_is_no_users_own_and_switched_off_means_off()
    {
        using var user = await both.Hub.OpenBrowserOfUserAsync("Nora Notes", "catch@meadow.example");
        await both.Hub.Service<SystemParameters>().SetAsync(KnownParameter.CatchallDomain, "meadow.example", null, Cancel);
        await both.Hub.Service<SystemParameters>().SetAsync(KnownParameter.CatchallAlias, "catch", null, Cancel);
        Assert.Equal("personal-server-address-in-use", await ConnectAsync(user));
        await both.Hub.Service<SystemParameters>().SetAsync(KnownParameter.CatchallAlias, "", null, Cancel);

        await both.Hub.Service<SystemParameters>().SetAsync(KnownParameter.DisablePersonalServers, "True", null, Cancel);
        Assert.Equal("personal-server-off", await ConnectAsync(user));
        Assert.Null((await both.Hub.PageAsync("/preferences", user)).QuerySelector("#personal-server"));
        await both.Hub.Service<SystemParameters>().SetAsync(KnownParameter.DisablePersonalServers, "False", null, Cancel);
        Assert.NotNull((await both.Hub.PageAsync("/preferences", user)).QuerySelector("#personal-server"));
    }

    private static async Task<string?> ConnectAsync(HttpClient user)
    {
        using var answer = await user.PostAsync("/api/v1/preferences/mail-server/connect", null, Cancel);
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("code").GetString();
    }

    private async Task<OutboxMail> SendAsync(HttpClient user)
    {
        using var put = await user.PostAsJsonAsync("/api/v1/mails", new { to = (string[])["rosa@outlook.example"], subject = "From my own mailbox", text = "x" }, Cancel);
        Assert.Equal(HttpStatusCode.Accepted, put.StatusCode);
        var mail = await both.SettledAsync(new((await put.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("id").GetGuid()));
        Assert.Equal(OutboxState.Sent, mail.State);
        return mail;
    }
}
