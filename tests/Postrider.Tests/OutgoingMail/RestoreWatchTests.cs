using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Mail;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.Tests.OutgoingMail;

// OUT-30
public class RestoreWatchTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_an_older_backup_is_put_back_nothing_is_sent_before_a_person_has_said_so()
    {
        await using var smtp = new ScriptedSmtp();
        await using var hub = await HubUnderTest.StartAsync();
        var server = (await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Relay", kind = "smtp", host = "localhost", port = smtp.Port, security = "none", fromFilter = "hub.example" })).GetProperty("id").GetGuid();
        await PauseAsync(hub);
        var id = await PutAsync(hub);
        var backup = await TestDatabase.BackUpAsync(hub.Options);
        await SendNowAsync(hub, id);
        await hub.MailUntilAsync(id, mail => mail.State == OutboxState.Sent);
        Assert.Equal(1, smtp.Taken);

        await hub.RestartAsync(() => TestDatabase.PutBackAsync(hub.Options, backup));
        var page = await hub.PageAsync($"/outgoing-mail-servers/{server:D}");
        Assert.Contains("older backup", page.QuerySelector("[data-problem=outgoing-server-held]")!.TextContent, StringComparison.Ordinal);
        var mail = await hub.GetAsync<JsonElement>($"/api/v1/mails/{id.Value}");
        Assert.Equal(("waiting", "outgoing-server-held"), (mail.GetProperty("state").GetString(), mail.GetProperty("problem").GetProperty("code").GetString()));
        await SendNowAsync(hub, id);
        Assert.Equal(1, smtp.Taken);

        // Said once: the next start finds nothing to say, and what the person decides is done.
        using var released = await hub.Browser.PostAsync($"/api/v1/outgoing-servers/{server:D}/release", null, Cancel);
        Assert.True(released.IsSuccessStatusCode);
        await hub.MailUntilAsync(id, mail => mail.State == OutboxState.Sent);
        Assert.Equal(2, smtp.Taken);
        await hub.RestartAsync();
        Assert.Equal(JsonValueKind.Null, (await hub.GetAsync<JsonElement>($"/api/v1/outgoing-servers/{server}")).GetProperty("held").ValueKind);
    }

    [Fact]
    public async Task A_restart_and_a_backup_since_which_nothing_was_sent_hold_nothing()
    {
        await using var smtp = new ScriptedSmtp();
        await using var hub = await HubUnderTest.StartAsync();
        var server = (await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Relay", kind = "smtp", host = "localhost", port = smtp.Port, security = "none", fromFilter = "hub.example" })).GetProperty("id").GetGuid();
        await hub.MailUntilAsync(await PutAsync(hub), mail => mail.State == OutboxState.Sent);
        await hub.RestartAsync();
        Assert.Equal("1", (await File.ReadAllTextAsync(Path.Combine(hub.Options.DataFolder, RestoreWatch.FileName), Cancel)).Trim());
        Assert.Equal(JsonValueKind.Null, (await hub.GetAsync<JsonElement>($"/api/v1/outgoing-servers/{server}")).GetProperty("held").ValueKind);
        var backup = await TestDatabase.BackUpAsync(hub.Options);
        await hub.RestartAsync(() => TestDatabase.PutBackAsync(hub.Options, backup));
        Assert.Equal(JsonValueKind.Null, (await hub.GetAsync<JsonElement>($"/api/v1/outgoing-servers/{server}")).GetProperty("held").ValueKind);
    }

    [Fact]
    public async Task What_was_sent_since_the_backup_is_found_in_Sent_Items_and_not_sent_again()
    {
        await using var both = await SentHubUnderTest.StartAsync();
        await PauseAsync(both.Hub);
        var sent = await both.PutAsync(subject: "Sent since");
        var lost = await both.PutAsync(subject: "Not sent yet");
        var backup = await TestDatabase.BackUpAsync(both.Hub.Options);
        await both.Hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outbox_mail SET due_at = @far WHERE id = @lost", new { lost, far = tx.Now.AddDays(1) }));
        await SendNowAsync(both.Hub, sent);
        await both.UntilAsync(sent, OutboxState.Sent);
        Assert.Single(both.Box(SentHubUnderTest.Receiver).Inbox.Messages());

        await both.Hub.RestartAsync(() => TestDatabase.PutBackAsync(both.Hub.Options, backup));
        Assert.Equal(OutboxState.Unknown, (await both.UntilAsync(sent, _ => true)).State);
        both.Sandbox.Clock.Advance(TimeSpan.FromMinutes(11));
        await both.UntilAsync(sent, OutboxState.Sent);
        // A look that is under way would be too slow for a clock that jumps.
        using (var changes = both.Hub.Service<Postrider.Journal.LiveEvents>().Subscribe(new HashSet<string> { $"outbox-mail/{lost.Value:D}" })!)
            while ((await both.LooksAsync(lost)).Count == 0) await changes.Changes.ReadAsync(Cancel);
        both.Sandbox.Clock.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal("outgoing-server-held", (await both.UntilAsync(lost, OutboxState.Waiting)).Trouble!.Code);
        Assert.Single(both.Box(SentHubUnderTest.Receiver).Inbox.Messages());

        await PauseAsync(both.Hub, off: true);
        using var released = await both.Hub.Browser.PostAsync($"/api/v1/outgoing-servers/{both.Server.Value:D}/release", null, Cancel);
        await both.UntilAsync(lost, OutboxState.Sent);
        Assert.Equal(2, both.Box(SentHubUnderTest.Receiver).Inbox.Messages().Count);
    }

    private static async Task<OutboxMailId> PutAsync(HubUnderTest hub)
    {
        var put = await hub.Service<Outbox>().PutAsync(new OutgoingMessage { From = new(null, EmailAddress.Parse(HubUnderTest.AdministratorEmail)), To = [new(null, EmailAddress.Parse("ben@example.org"))], Subject = "Offer", Text = "x" }, null, Cancel);
        Assert.Null(put.Problem);
        return put.Id!.Value;
    }

    private static Task PauseAsync(HubUnderTest hub, bool off = false) => hub.Service<HubDatabase>().WriteAsync(tx =>
    {
        tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = off ? (DateTimeOffset?)null : tx.Now.AddDays(1) });
        hub.Service<ServerRoster>().Forget(tx);
    });

    private static async Task SendNowAsync(HubUnderTest hub, OutboxMailId id)
    {
        using var answer = await hub.Browser.PostAsync($"/api/v1/mails/{id.Value}/send-now", null, Cancel);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancel));
    }
}
