using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.OutlookAccounts;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Tests.OutlookAccounts;

namespace Postrider.Tests.OutgoingMail;

/// <summary>Trouble of servers, mailboxes and credentials as the whole hub meets it: mail waits, one incident says why, and nothing is lost.</summary>
public sealed class IncidentFlowTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_expired_secret_is_one_incident_of_all_mailboxes_and_a_new_secret_sends_what_waited()
    {
        await using var both = new HubWithMicrosoft();
        await both.InitializeAsync();
        var hub = both.Hub;
        string[] mailboxes = ["ann@meadow.example", "ben@meadow.example", "sales@meadow.example"];
        foreach (var mailbox in mailboxes) await both.ConnectAsync(mailbox);
        var soon = both.Microsoft.Directory.AddSecret(both.Application.ClientId, "short", both.Microsoft.Clock.GetUtcNow().AddHours(1)).Value!.Value;
        await both.SaveCredentialsAsync(soon);
        both.Microsoft.Clock.Advance(TimeSpan.FromHours(2));
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outlook_account SET access_token_expires_at = @at, refreshed_at = @at", new { at = tx.Now.AddMinutes(-1) }));

        var mails = new List<OutboxMailId>();
        foreach (var mailbox in mailboxes)
            for (var n = 0; n < 2; n++) mails.Add(await PutAsync(hub, mailbox, "rosa@outlook.example"));
        foreach (var (mailbox, n) in mailboxes.Select((name, n) => (name, n)))
        {
            var waiting = await both.SettledAsync(mails[n * 2]);
            Assert.Equal((mailbox, OutboxState.Waiting, 0, "outlook-secret-expired"), (mailbox, waiting.State, waiting.Tries, waiting.Problem!.Code));
        }

        var incident = Assert.Single(await IncidentsAsync(hub));
        Assert.Equal($"application:{both.Application.ClientId:D}:outlook-secret-expired", incident.Cause);
        Assert.Equal((3, 6L, true), (incident.Mailboxes.Count, incident.MailsWaiting, incident.NeedsPerson));
        var rests = (await hub.Service<OutgoingServerStore>().ListAsync(Cancel))[0];
        // The schedule's longest pause, and it is said.
        Assert.InRange(rests.PausedUntil!.Value - rests.ProblemAt!.Value, TimeSpan.FromMinutes(9.9), TimeSpan.FromMinutes(13));
        Assert.Equal(rests.PausedUntil.Value, rests.Problem!.NextTry!.Value, TimeSpan.FromMilliseconds(1));

        // On every page a banner, on the start page a card, and the way to the place where it is mended.
        Assert.NotNull((await hub.PageAsync("/users")).QuerySelector(".pr-banner[data-problem=outlook-secret-expired] a[href='/incidents']"));
        Assert.Contains("3 mailboxes, 6 mails wait", (await hub.PageAsync("/")).QuerySelector("#card-incidents")!.TextContent, StringComparison.Ordinal);
        var card = (await hub.PageAsync("/incidents")).QuerySelector($"[data-incident='{incident.Cause}']")!;
        Assert.Contains("3 mailboxes, 6 mails wait", card.TextContent, StringComparison.Ordinal);
        Assert.NotNull(card.QuerySelector("a[href='/settings#outlook-credentials']"));

        // No server works that could bring the news; nothing is put for a dead one.
        await AgeAsync(hub);
        await TellAsync(hub);
        Assert.Equal(6, await CountAsync(hub, "SELECT COUNT(*) FROM outbox_mail"));

        await both.SaveCredentialsAsync(both.Secret);
        foreach (var id in mails) Assert.Equal(OutboxState.Sent, (await both.SettledAsync(id, mail => mail.State.IsFinal())).State);
        Assert.Empty(await IncidentsAsync(hub));
        Assert.Equal("change", Assert.Single(await IncidentsAsync(hub, "past")).EndedHow);
        Assert.Null((await hub.PageAsync("/users")).QuerySelector(".pr-banner"));

        // It is over for good: the one mail about it.
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE incident SET first_seen_at = @began, ended_at = @at", new { began = tx.Now.AddHours(-1), at = tx.Now.AddMinutes(-11) }));
        for (var n = 0; n < 3; n++) await TellAsync(hub);
        Assert.Equal(7, await CountAsync(hub, "SELECT COUNT(*) FROM outbox_mail"));
    }

    [Fact]
    public async Task A_mailbox_with_SMTP_AUTH_off_is_asked_with_one_fresh_token_and_goes_on_after_Test_Connection()
    {
        await using var both = new HubWithMicrosoft();
        await both.InitializeAsync();
        var hub = both.Hub;
        var server = await both.ConnectAsync("ann@meadow.example");
        both.Microsoft.Mailboxes.Find("ann@meadow.example")!.Change(settings => settings with { SmtpClientAuthenticationDisabled = true });
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outlook_account SET refreshed_at = @at", new { at = tx.Now.AddHours(-1) }));
        var before = (await hub.Service<OutlookAccountStore>().FindAsync((await both.ServerAsync(server)).AccountId, Cancel))!.RefreshedAt;
        var mail = await both.SettledAsync(await PutAsync(hub, "ann@meadow.example", "ben@meadow.example"));
        Assert.Equal((OutboxState.Waiting, 0), (mail.State, mail.Tries));
        Assert.True((await hub.Service<OutlookAccountStore>().FindAsync((await both.ServerAsync(server)).AccountId, Cancel))!.RefreshedAt > before);
        var incident = Assert.Single(await IncidentsAsync(hub));
        Assert.Equal(("mailbox:outgoing:ann@meadow.example:smtp-auth-disabled-for-mailbox", 1L), (incident.Cause, incident.MailsWaiting));
        Assert.Contains("Authenticated SMTP", incident.Problem.GetProperty("remedy").GetString(), StringComparison.Ordinal);

        // A test that fails neither ends the pause nor makes another incident.
        await hub.PostAsync<JsonElement>($"/api/v1/outgoing-servers/{server:D}/test", new { });
        Assert.NotNull((await both.ServerAsync(server)).PausedUntil);
        Assert.Equal(incident.Id, Assert.Single(await IncidentsAsync(hub)).Id);

        both.Microsoft.Mailboxes.Find("ann@meadow.example")!.Change(settings => settings with { SmtpClientAuthenticationDisabled = null });
        await hub.PostAsync<JsonElement>($"/api/v1/outgoing-servers/{server:D}/test", new { });
        Assert.Equal(OutboxState.Sent, (await both.SettledAsync(mail.Id, now => now.State.IsFinal())).State);
        var over = Assert.Single(await IncidentsAsync(hub, "past"));
        Assert.Equal((incident.Id, "test-connection"), (over.Id, over.EndedHow));
        Assert.NotNull(over.EndedBy);
    }

    [Fact]
    public async Task A_withdrawn_consent_is_one_incident_for_all_servers_of_the_account_and_ends_with_a_new_consent()
    {
        await using var both = new HubWithMicrosoft();
        await both.InitializeAsync();
        var hub = both.Hub;
        var server = await both.ConnectAsync("ann@meadow.example");
        var second = await MakeServerAsync(hub, new { name = "Ann again", kind = "outlook", userName = "ann@meadow.example", fromFilter = "other@meadow.example" });
        var account = (await both.ServerAsync(server)).AccountId!.Value;
        Assert.Equal(account, (await both.ServerAsync(second)).AccountId);
        both.Microsoft.Directory.RevokeSessions(both.Microsoft.Directory.FindUser("ann@meadow.example")!.Id);
        await hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outlook_account SET access_token_expires_at = @at, refreshed_at = @at", new { at = tx.Now.AddMinutes(-1) }));
        var (one, other) = (await PutAsync(hub, "ann@meadow.example", "ben@meadow.example"), await PutAsync(hub, "other@meadow.example", "ben@meadow.example"));
        await both.SettledAsync(one);
        await both.SettledAsync(other);
        var incident = Assert.Single(await IncidentsAsync(hub));
        Assert.Equal(($"account:{account.Value:D}:outlook-token-revoked", 2, 2L), (incident.Cause, incident.Servers, incident.MailsWaiting));

        await both.ConnectAsync("ann@meadow.example", "third@meadow.example");
        Assert.Equal(OutboxState.Sent, (await both.SettledAsync(one, mail => mail.State.IsFinal())).State);
        Assert.True((await both.SettledAsync(other, mail => mail.State.IsFinal())).State.IsFinal());
        Assert.Empty(await IncidentsAsync(hub));
    }

    [Theory]
    [InlineData("CONNECT")]
    [InlineData("EHLO")]
    [InlineData("MAIL")]
    [InlineData("RCPT")]
    [InlineData("DATA")]
    [InlineData(".")]
    public async Task A_421_at_any_command_costs_no_try_and_the_mail_goes_out_afterwards(string at)
    {
        await using var hub = await HubUnderTest.StartAsync();
        await using var smtp = new ScriptedSmtp { At = at };
        var server = await MakeServerAsync(hub, new { name = "Scripted", kind = "smtp", host = "localhost", port = smtp.Port, security = "none", fromFilter = "meadow.example" });
        var id = await PutAsync(hub, "ann@meadow.example", "ben@example.org");
        var mail = await hub.MailUntilAsync(id, now => now is { State: OutboxState.Waiting, Problem: not null });
        Assert.Equal((0, "smtp-server-closing"), (mail.Tries, mail.Problem!.Code));
        Assert.NotNull(mail.NextTry);
        var incident = Assert.Single(await IncidentsAsync(hub));
        Assert.False(incident.NeedsPerson);

        smtp.At = null;
        await hub.PostAsync<JsonElement>($"/api/v1/outgoing-servers/{server:D}/test", new { });
        Assert.Equal(OutboxState.Sent, (await hub.MailUntilAsync(id, now => now.State.IsFinal())).State);
        Assert.Equal(1, smtp.Taken);
        Assert.Empty(await IncidentsAsync(hub));
    }

    [Fact]
    public async Task A_thousand_mails_behind_a_dead_host_delay_nobody_else_and_are_told_by_the_server_that_works()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await using var smtp = new ScriptedSmtp();
        await MakeServerAsync(hub, new { name = "Dead", kind = "smtp", host = "localhost", port = 1, security = "none", fromFilter = "dead.example" });
        await MakeServerAsync(hub, new { name = "Dead too", kind = "smtp", host = "localhost", port = 1, security = "none", fromFilter = "dead-too.example" });
        await MakeServerAsync(hub, new { name = "Works", kind = "smtp", host = "localhost", port = smtp.Port, security = "none", fromFilter = "post@works.example" });
        await Task.WhenAll(Enumerable.Range(0, 1000).Select(n => PutAsync(hub, n % 2 == 0 ? "a@dead.example" : "a@dead-too.example", "ben@example.org")));
        var healthy = await PutAsync(hub, "post@works.example", "ben@example.org");
        Assert.Equal(OutboxState.Sent, (await hub.MailUntilAsync(healthy, mail => mail.State.IsFinal())).State);

        var incident = Assert.Single(await WaitAsync(hub, all => all is [{ MailsWaiting: 1000 }]));
        Assert.Equal(("host:localhost:1:server-unreachable", 2), (incident.Cause, incident.Servers));
        Assert.Equal(0, await CountAsync(hub, "SELECT SUM(tries) FROM outbox_mail WHERE state = 1"));

        // Once, however often it is looked at, and by the server that works.
        await AgeAsync(hub);
        for (var n = 0; n < 3; n++) await TellAsync(hub);
        var notice = Assert.Single(await hub.Service<HubDatabase>().ReadAsync(reader => hub.Service<OutboxStore>().List(reader, null, null, null, 1)));
        Assert.Equal(("Works", HubUnderTest.AdministratorEmail), (notice.ServerName, notice.Recipients));
        Assert.Contains("cannot be reached", notice.Subject, StringComparison.Ordinal);
        await hub.MailUntilAsync(notice.Id, mail => mail.State.IsFinal());
        Assert.Equal(1002, await CountAsync(hub, "SELECT COUNT(*) FROM outbox_mail"));
        Assert.Equal(1, await CountAsync(hub, "SELECT COUNT(*) FROM incident"));
    }

    [Fact]
    public async Task Whom_to_tell_is_a_system_parameter_and_may_be_nobody()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await using var smtp = new ScriptedSmtp();
        await MakeServerAsync(hub, new { name = "Works", kind = "smtp", host = "localhost", port = smtp.Port, security = "none", fromFilter = "post@works.example" });
        var parameters = hub.Service<SystemParameters>();
        Assert.NotNull(await parameters.SetAsync(KnownParameter.AlertRecipients, "nobody in particular", null, Cancel));
        Assert.Null(await parameters.SetAsync(KnownParameter.AlertRecipients, "night@works.example, day@works.example", null, Cancel));
        Assert.Null(await parameters.SetAsync(KnownParameter.AlertDisabled, "True", null, Cancel));
        await hub.Service<HubDatabase>().WriteAsync(tx => hub.Service<IncidentStore>().Open(tx, new(IncidentAbout.Host, "elsewhere:25", "x"), new("x", "It stands still.", null, "Mend it.", "administrator", false)));
        await AgeAsync(hub);
        await TellAsync(hub);
        Assert.Equal(0, await CountAsync(hub, "SELECT COUNT(*) FROM outbox_mail"));
        Assert.Null(await parameters.SetAsync(KnownParameter.AlertDisabled, "False", null, Cancel));
        await TellAsync(hub);
        var notice = Assert.Single(await hub.Service<HubDatabase>().ReadAsync(reader => hub.Service<OutboxStore>().List(reader, null, null, null, 10)));
        Assert.Equal("night@works.example, day@works.example", notice.Recipients);
        Assert.Contains("Auto-Submitted: auto-generated", System.Text.Encoding.ASCII.GetString(await hub.Service<Bodies>().ReadAsync(notice.BodyId, Cancel)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_held_server_sends_nothing_until_it_is_released_and_its_mail_says_why()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await using var smtp = new ScriptedSmtp();
        var server = await MakeServerAsync(hub, new { name = "Post", kind = "smtp", host = "localhost", port = smtp.Port, security = "none", fromFilter = "meadow.example" });
        using (var refused = await hub.Browser.PostAsJsonAsync($"/api/v1/outgoing-servers/{server:D}/hold", new { reason = "two\nlines" }))
            Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        using (var gone = await hub.Browser.PostAsJsonAsync($"/api/v1/outgoing-servers/{Guid.NewGuid():D}/hold", new { reason = "" }))
            Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        using (var held = await HubUnderTest.SubmitAsync(hub.Browser, $"/outgoing-mail-servers/{server:D}", "hold", ("reason", "The price list was wrong")))
            Assert.Equal(HttpStatusCode.Found, held.StatusCode);
        var id = await PutAsync(hub, "ann@meadow.example", "ben@example.org");
        // Whatever wakes the pump: it finds nothing to send here.
        await hub.Service<HubDatabase>().WriteAsync(tx => Assert.Empty(hub.Service<OutboxStore>().Claim(tx, hub.Service<OutgoingServerStore>().Find(tx, new(server))!, Guid.NewGuid(), 1, 0).Mails));
        Assert.Empty(await hub.Service<HubDatabase>().ReadAsync(hub.Service<OutboxStore>().DueServers));
        var mail = (await hub.Service<HubDatabase>().ReadAsync(reader => hub.Service<OutboxStore>().Find(reader, id)))!;
        Assert.Equal((OutboxState.Waiting, null, "outgoing-server-held", "The price list was wrong"), (mail.State, mail.NextTry, mail.Trouble!.Code, mail.Trouble.Detail));
        var page = await hub.PageAsync($"/outgoing-mail-servers/{server:D}");
        Assert.Contains("The price list was wrong", page.QuerySelector("[data-problem=outgoing-server-held]")!.TextContent, StringComparison.Ordinal);
        Assert.Equal(0, smtp.Taken);
        Assert.Equal("The price list was wrong", (await hub.GetAsync<JsonElement>($"/api/v1/outgoing-servers/{server:D}")).GetProperty("held").GetProperty("reason").GetString());

        using (var released = await HubUnderTest.SubmitAsync(hub.Browser, $"/outgoing-mail-servers/{server:D}", "release"))
            Assert.Equal(HttpStatusCode.Found, released.StatusCode);
        Assert.Equal(OutboxState.Sent, (await hub.MailUntilAsync(id, now => now.State.IsFinal())).State);
        using var heldByProgram = await hub.Browser.PostAsync($"/api/v1/outgoing-servers/{server:D}/hold", null);
        using var releasedByProgram = await hub.Browser.PostAsync($"/api/v1/outgoing-servers/{server:D}/release", null);
        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NoContent), (heldByProgram.StatusCode, releasedByProgram.StatusCode));
    }

    [Fact]
    public async Task A_user_sees_what_keeps_mail_of_their_own_and_nothing_else()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await MakeServerAsync(hub, new { name = "Dead", kind = "smtp", host = "localhost", port = 1, security = "none", fromFilter = "hub.example" });
        using var user = await hub.OpenBrowserOfUserAsync();
        await PutAsync(hub, "admin@hub.example", "ben@example.org");
        await WaitAsync(hub, all => all.Count == 1);
        Assert.Empty((await user.GetFromJsonAsync<List>("/api/v1/incidents", Cancel))!.Incidents);

        using var put = await user.PostAsJsonAsync("/api/v1/mails", new { to = new[] { "ben@example.org" }, text = "x" }, Cancel);
        Assert.Equal(HttpStatusCode.Accepted, put.StatusCode);
        var own = Assert.Single((await user.GetFromJsonAsync<List>("/api/v1/incidents", Cancel))!.Incidents);
        Assert.Equal((1L, 0, JsonValueKind.Null), (own.MailsWaiting, own.Mailboxes.Count, own.Problem.GetProperty("detail").ValueKind));
        Assert.Contains("1 mail waits", (await hub.PageAsync("/incidents", user)).QuerySelector(".incident-effect")!.TextContent, StringComparison.Ordinal);
        Assert.Null((await hub.PageAsync("/preferences", user)).QuerySelector(".pr-banner"));
        using var past = await user.GetAsync("/api/v1/incidents?state=past", Cancel);
        using var nonsense = await user.GetAsync("/api/v1/incidents?state=shut", Cancel);
        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.BadRequest), (past.StatusCode, nonsense.StatusCode));
    }

    [Fact]
    public async Task A_server_that_is_changed_or_archived_leaves_its_incident()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var server = await MakeServerAsync(hub, new { name = "Dead", kind = "smtp", host = "localhost", port = 1, security = "none", fromFilter = "hub.example" });
        await PutAsync(hub, "admin@hub.example", "ben@example.org");
        await WaitAsync(hub, all => all.Count == 1);
        using var answer = await hub.Browser.PutAsJsonAsync($"/api/v1/outgoing-servers/{server:D}", new { active = false });
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Empty(await IncidentsAsync(hub));
        Assert.Equal("change", Assert.Single(await IncidentsAsync(hub, "past")).EndedHow);
    }

    private static async Task<OutboxMailId> PutAsync(HubUnderTest hub, string from, string to) =>
        (await hub.Service<Outbox>().PutAsync(new OutgoingMessage { From = new(null, EmailAddress.Parse(from)), To = [new(null, EmailAddress.Parse(to))], Subject = "Hello", Text = "x" }, null, Cancel)).Id!.Value;

    private static async Task<Guid> MakeServerAsync(HubUnderTest hub, object server) => (await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", server)).GetProperty("id").GetGuid();

    private static async Task<IReadOnlyList<Shown>> IncidentsAsync(HubUnderTest hub, string state = "open") => (await hub.GetAsync<List>($"/api/v1/incidents?state={state}")).Incidents;

    /// <summary>Waits until the open incidents are so, hearing of each change as the pages do.</summary>
    private static async Task<IReadOnlyList<Shown>> WaitAsync(HubUnderTest hub, Func<IReadOnlyList<Shown>, bool> until)
    {
        using var changes = hub.Service<LiveEvents>().Subscribe(new HashSet<string> { IncidentStore.Topic, "outbox-mail" })!;
        while (true)
        {
            var now = await IncidentsAsync(hub);
            if (until(now)) return now;
            await changes.Changes.ReadAsync(Cancel);
        }
    }

    /// <summary>As if they had begun six minutes earlier.</summary>
    private static Task<int> AgeAsync(HubUnderTest hub) => hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE incident SET first_seen_at = first_seen_at - 360000000"));

    private static Task TellAsync(HubUnderTest hub) => hub.Services.GetServices<IHostedService>().OfType<IncidentNotices>().Single().TellAsync(Cancel);

    private static Task<long> CountAsync(HubUnderTest hub, string sql) => hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<long>(sql));

    private sealed record List(IReadOnlyList<Shown> Incidents);

    private sealed record Shown(Guid Id, string Cause, JsonElement Problem, bool NeedsPerson, int Servers, IReadOnlyList<string> Mailboxes, long MailsWaiting, string? EndedHow, Guid? EndedBy);
}
