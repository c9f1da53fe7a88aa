using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Postrider.Journal;
using Postrider.OutgoingMail;
using Postrider.Storage;
using Postrider.Tests.OutgoingMail;

namespace Postrider.Tests.IncomingServers;

/// <summary>A mailbox that is dead: the administrators hear of it once, by a server that works, and nobody has to say that it is over.</summary>
public sealed class MailboxIncidentTests : IAsyncDisposable
{
    private ScriptedMailbox box = new();
    private readonly ScriptedSmtp smtp = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await box.DisposeAsync();
        await smtp.DisposeAsync();
    }

    [Fact]
    public async Task A_refused_token_is_told_once_by_a_server_of_another_account_and_is_over_with_the_next_consent()
    {
        await using var mail = await MailboxesUnderTest.StartAsync();
        var hub = mail.Hub;
        // The mailbox's own account sends too, and would come first: it is as dead as what it would tell of.
        await mail.SendThroughAsync();
        await WorksAsync(hub);
        var id = await mail.WatchAsync();
        mail.Sandbox.Directory.RevokeSessions(mail.Sandbox.Directory.FindUser(MailboxesUnderTest.Notifications)!.Id);
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("update outlook_account set access_token_expires_at = @at, refreshed_at = @at", new { at = tx.Now.AddMinutes(-1) }));
        // Its next session has to sign in anew.
        await UntilAsync(hub, async () =>
        {
            using var renamed = await hub.Browser.PutAsJsonAsync($"/api/v1/incoming-servers/{id}", new { name = "Another name", kind = "outlook", userName = MailboxesUnderTest.Notifications }, Cancel);
            Assert.True(renamed.IsSuccessStatusCode, await renamed.Content.ReadAsStringAsync(Cancel));
        }, async () => (await OpenAsync(hub)).Count == 1);

        var incident = Assert.Single(await OpenAsync(hub));
        Assert.EndsWith(":outlook-token-revoked", incident.Cause.ToString(), StringComparison.Ordinal);
        await AssertToldOnceAsync(hub);

        await UntilAsync(hub, () => mail.ConnectAsync($"/api/v1/incoming-servers/{id}", MailboxesUnderTest.Notifications), async () => (await OpenAsync(hub)).Count == 0);
    }

    [Fact]
    public async Task A_dead_host_is_told_once_and_is_over_by_itself()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await WorksAsync(hub);
        box.Mails[1] = ScriptedMailbox.Mail(1);
        var id = await WatchAsync(hub);
        await UntilAsync(hub, () => Task.CompletedTask, () => Task.FromResult(box.Commands.Contains("IDLE")));
        await box.DisposeAsync();
        await UntilAsync(hub, () => Task.CompletedTask, async () => (await OpenAsync(hub)).Count == 1);
        await AssertToldOnceAsync(hub);
        Assert.Contains("In trouble", (await hub.PageAsync("/incoming-servers")).QuerySelector("main")!.TextContent, StringComparison.Ordinal);

        var port = box.Port;
        box = new ScriptedMailbox(port);
        for (var uid = 1; uid <= 2; uid++) box.Mails[(uint)uid] = ScriptedMailbox.Mail(uid);
        await UntilAsync(hub, () => Task.CompletedTask, async () => (await hub.GetAsync<JsonElement>($"/api/v1/incoming-servers/{id}")).GetProperty("lastDay").GetInt64() == 2);
        Assert.Empty(await OpenAsync(hub));
        Assert.Equal(IncidentEnd.ByItself, Assert.Single(await hub.Service<HubDatabase>().ReadAsync(r => hub.Service<IncidentStore>().Past(r, null, 10))).EndedHow);
        Assert.Null((await hub.PageAsync("/users")).QuerySelector(".pr-banner"));

        // Over for good, and said so once.
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("update incident set first_seen_at = @began, ended_at = @at", new { began = tx.Now.AddHours(-1), at = tx.Now.AddMinutes(-11) }));
        for (var n = 0; n < 3; n++) await TellAsync(hub);
        Assert.Equal(2, await NoticesAsync(hub));
    }

    [Fact]
    public async Task A_mailbox_that_lets_in_and_fails_every_time_is_one_incident_and_one_mail()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await WorksAsync(hub);
        await WatchAsync(hub);
        await UntilAsync(hub, () => Task.CompletedTask, () => Task.FromResult(box.Commands.Contains("IDLE")));
        box.Instead = (command, _) => command == "UID" ? "NO [CONTACTADMIN] The mailbox is damaged." : null;
        var before = box.SignIns;
        box.Deliver(1, ScriptedMailbox.Mail(1));
        await UntilAsync(hub, () => Task.CompletedTask, async () => box.SignIns >= before + 2 && (await OpenAsync(hub)).Count == 1);
        await AgeAsync(hub);
        for (var tries = box.SignIns; tries < before + 3; tries = box.SignIns)
        {
            await TellAsync(hub);
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Cancel);
        }
        await UntilAsync(hub, () => TellAsync(hub), async () => await NoticesAsync(hub) > 0);
        Assert.Equal(1, await NoticesAsync(hub));
        Assert.Equal(1, await CountAsync(hub, "select count(*) from incident"));
    }

    private async Task<Guid> WatchAsync(HubUnderTest hub)
    {
        var id = (await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = "Sales", kind = "imap", userName = "sales", password = "secret", host = "localhost", port = box.Port, security = "none", starts = "everything" })).GetProperty("id").GetGuid();
        await hub.PostAsync<JsonElement>($"/api/v1/incoming-servers/{id}/confirm", new { });
        return id;
    }

    private async Task WorksAsync(HubUnderTest hub) => await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Works", kind = "smtp", host = "localhost", port = smtp.Port, security = "none", fromFilter = "post@works.example" });

    /// <summary>However often it is looked at: one mail to the administrator, and it has left.</summary>
    private async Task AssertToldOnceAsync(HubUnderTest hub)
    {
        await TellAsync(hub);
        Assert.Equal(0, await NoticesAsync(hub));
        await AgeAsync(hub);
        for (var n = 0; n < 3; n++) await TellAsync(hub);
        Assert.Equal(1, await NoticesAsync(hub));
        await UntilAsync(hub, () => Task.CompletedTask, () => Task.FromResult(smtp.Taken == 1));
        var notice = Assert.Single(await hub.Service<HubDatabase>().ReadAsync(reader => hub.Service<OutboxStore>().List(reader, null, null, null, 10)));
        Assert.Equal(("Works", HubUnderTest.AdministratorEmail), (notice.ServerName, notice.Recipients));
        Assert.Contains("/incidents", Encoding.UTF8.GetString(await hub.Service<Bodies>().ReadAsync(notice.BodyId, Cancel)), StringComparison.Ordinal);
        Assert.Equal(1, await CountAsync(hub, "select count(*) from incident"));
    }

    private static Task<IReadOnlyList<Incident>> OpenAsync(HubUnderTest hub) => hub.Service<HubDatabase>().ReadAsync(hub.Service<IncidentStore>().Open);

    private static Task<long> NoticesAsync(HubUnderTest hub) => CountAsync(hub, "select count(*) from outbox_mail");

    private static Task<long> CountAsync(HubUnderTest hub, string sql) => hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<long>(sql));

    /// <summary>As if it had lasted for six minutes.</summary>
    private static Task<int> AgeAsync(HubUnderTest hub) => hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("update incident set first_seen_at = first_seen_at - 360000000"));

    private static Task TellAsync(HubUnderTest hub) => hub.Services.GetServices<IHostedService>().OfType<IncidentNotices>().Single().TellAsync(Cancel);

    private static Task UntilAsync(HubUnderTest hub, Func<Task> act, Func<Task<bool>> holds) => hub.UntilAsync(act, holds, "incoming-server", IncidentStore.Topic, "outbox-mail");
}
