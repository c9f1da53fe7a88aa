using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Entra;
using Postrider.IncomingServers;
using Postrider.Journal;
using Postrider.Web;

namespace Postrider.Tests.IncomingServers;

/// <summary>Mailboxes that hang, hang up, throttle or die, and what the others notice of it. The faults' numbers are those of the intake's list.</summary>
public sealed class MailboxFaultsTests : IAsyncDisposable
{
    private readonly ScriptedMailbox box = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync() => await box.DisposeAsync();

    [Fact, Trait("Fault", "IMP-15")]
    public async Task Of_fifty_mailboxes_one_that_hangs_is_waited_for_by_no_other()
    {
        await using var hub = await HubUnderTest.StartAsync();
        for (var uid = 1; uid <= 3; uid++) box.Mails[(uint)uid] = ScriptedMailbox.Mail(uid);
        // Twelve, more than there are turns, stop answering when they are asked for their news.
        box.Instead = (command, user) => command == "UID" && user.StartsWith("sick", StringComparison.Ordinal) ? "HANG" : null;
        var ids = new List<Guid>();
        for (var i = 0; i < 50; i++)
        {
            var made = await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = $"Box {i}", kind = "imap", userName = i < 12 ? $"sick{i}" : $"well{i}", password = "secret", host = "localhost", port = box.Port, security = "none", starts = "everything" });
            ids.Add(made.GetProperty("id").GetGuid());
        }
        await UntilAsync(hub, async () =>
        {
            foreach (var id in ids) await hub.PostAsync<JsonElement>($"/api/v1/incoming-servers/{id}/confirm", new { });
        }, async () => (await ServersAsync(hub)).Count(server => server.GetProperty("lastDay").GetInt64() == 3) == 38);
        Assert.All(await ServersAsync(hub), server => Assert.Equal(server.GetProperty("userName").GetString()!.StartsWith("well", StringComparison.Ordinal) ? 3 : 0, server.GetProperty("lastDay").GetInt64()));
    }

    [Fact, Trait("Fault", "IMP-15")]
    public async Task A_turn_that_lasts_too_long_is_given_to_another_and_its_mailbox_waits_among_the_slow()
    {
        var clock = new FakeClock();
        using var turns = new FetchTurns(clock);
        var (sick, well) = (new IncomingServerId(Guid.NewGuid()), new IncomingServerId(Guid.NewGuid()));
        List<IDisposable> held = [];
        for (var i = 0; i < 8; i++) held.Add(await turns.TakeAsync(sick, Cancel));
        var waiting = turns.TakeAsync(well, Cancel);
        Assert.False(waiting.IsCompleted);
        clock.Advance(FetchTurns.Quick);
        (await waiting).Dispose();

        // The slow ones have turns of their own: however many there are, a quick one finds a place.
        List<Task<IDisposable>> slow = [.. Enumerable.Range(0, 9).Select(_ => turns.TakeAsync(sick, Cancel))];
        Assert.Equal(4, slow.Count(turn => turn.IsCompleted));
        for (var i = 0; i < 8; i++) held.Add(await turns.TakeAsync(well, Cancel));
        Assert.False(turns.TakeAsync(well, Cancel).IsCompleted);
    }

    [Fact, Trait("Fault", "IMP-07")]
    public async Task A_BYE_during_IDLE_is_followed_by_another_session_that_misses_nothing()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var hangUps = 1;
        box.Instead = (command, _) => command == "IDLE" && Interlocked.Decrement(ref hangUps) == 0 ? "BYE Server shutting down" : null;
        await WatchAsync(hub, "ann");
        await UntilAsync(hub, () => Task.CompletedTask, () => Task.FromResult(box.SignIns >= 3));
        await UntilAsync(hub, () =>
        {
            box.Deliver(1, ScriptedMailbox.Mail(1));
            return Task.CompletedTask;
        }, async () => (await ServersAsync(hub))[0].GetProperty("lastDay").GetInt64() == 1);
        // One for the confirmation, one that was hung up on, one more: no crowd of sessions.
        Assert.Equal(3, box.SignIns);
    }

    [Fact, Trait("Fault", "IMP-07")]
    public async Task A_line_that_is_dead_under_IDLE_is_found_out_within_minutes_and_mail_comes_in()
    {
        var clock = new FakeClock();
        await using var watched = await WatchedAsync(clock);
        // The line is up and nothing ever comes over it again.
        await IdlingAsync(1);
        var dead = 1;
        box.Instead = (command, _) => command is "NOOP" or "UID" && Interlocked.Exchange(ref dead, 0) == 1 ? "HANG" : null;
        box.Mails[1] = ScriptedMailbox.Mail(1);
        // The look that is taken anyway meets silence, the command's time passes, another session begins.
        await AdvanceUntilAsync(clock, TimeSpan.FromSeconds(30), () => Task.FromResult(box.SignIns >= 2));
        await AdvanceUntilAsync(clock, TimeSpan.FromSeconds(1), async () => (await watched.Hub.SubjectsAsync()).Count == 1);
        Assert.InRange(clock.GetUtcNow() - watched.Began, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(9));
    }

    [Fact, Trait("Fault", "IMP-07")]
    public async Task Mail_is_seen_within_a_minute_of_a_server_s_return()
    {
        var clock = new FakeClock();
        await using var watched = await WatchedAsync(clock);
        await IdlingAsync(1);
        box.Instead = (command, _) => command is "NOOP" or "UID" or "AUTHENTICATE" ? "BYE Server is shutting down" : null;
        await AdvanceUntilAsync(clock, TimeSpan.FromSeconds(15), () => Task.FromResult(clock.GetUtcNow() - watched.Began > TimeSpan.FromMinutes(30)));
        // No busy loop either: twice a minute is not much.
        Assert.InRange(box.SignIns, 20, 60);
        box.Mails[1] = ScriptedMailbox.Mail(1);
        box.Instead = (_, _) => null;
        var back = clock.GetUtcNow();
        await AdvanceUntilAsync(clock, TimeSpan.FromSeconds(1), async () => (await watched.Hub.SubjectsAsync()).Count == 1);
        Assert.InRange(clock.GetUtcNow() - back, TimeSpan.Zero, TimeSpan.FromMinutes(1));
    }

    [Fact, Trait("Fault", "IMP-09")]
    public async Task A_mailbox_that_asks_for_a_pause_is_left_alone_for_as_long_and_no_other_is()
    {
        await using var hub = await HubUnderTest.StartAsync();
        box.Mails[1] = ScriptedMailbox.Mail(1);
        box.Instead = (command, user) => command == "UID" && user == "busy" ? "BAD Request is throttled. Suggested Backoff Time: 1800000 milliseconds" : null;
        var busy = await WatchAsync(hub, "busy");
        await WatchAsync(hub, "ann");
        await UntilAsync(hub, () => Task.CompletedTask, async () =>
        {
            var servers = await ServersAsync(hub);
            return servers.Any(server => server.GetProperty("userName").GetString() == "ann" && server.GetProperty("lastDay").GetInt64() == 1)
                && servers.Any(server => server.GetProperty("id").GetGuid() == busy && server.GetProperty("nextTryAt").ValueKind == JsonValueKind.String);
        });
        var told = await hub.GetAsync<JsonElement>($"/api/v1/incoming-servers/{busy}");
        Assert.Equal("imap-throttled", told.GetProperty("problem").GetProperty("code").GetString());
        Assert.InRange(told.GetProperty("nextTryAt").GetDateTimeOffset() - TimeProvider.System.GetUtcNow(), TimeSpan.FromMinutes(29), TimeSpan.FromMinutes(31));
    }

    [Fact]
    public async Task What_does_not_pass_by_itself_is_an_incident_at_once_and_what_may_be_is_one_the_second_time()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var id = await WatchAsync(hub, "ann");
        await UntilAsync(hub, () => Task.CompletedTask, () => Task.FromResult(box.Commands.Contains("IDLE")));
        // The password is changed at the server: signing in again is refused for good.
        box.Instead = (command, _) => command switch { "AUTHENTICATE" => "NO [AUTHENTICATIONFAILED] Basic authentication is disabled.", "UID" => "BYE over", _ => null };
        await UntilAsync(hub, () =>
        {
            box.Deliver(1, ScriptedMailbox.Mail(1));
            return Task.CompletedTask;
        }, async () => (await hub.GetAsync<JsonElement>($"/api/v1/incoming-servers/{id}")).GetProperty("problem") is { ValueKind: JsonValueKind.Object } problem && problem.GetProperty("code").GetString() == "imap-password-not-allowed");
        var banner = await hub.PageAsync("/incidents");
        Assert.Contains("The server does not accept passwords.", banner.Body!.TextContent, StringComparison.Ordinal);
        var list = await hub.PageAsync("/incoming-servers");
        Assert.Contains("In trouble", list.QuerySelector("main")!.TextContent, StringComparison.Ordinal);
    }

    private async Task<Guid> WatchAsync(HubUnderTest hub, string user)
    {
        var made = await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = user, kind = "imap", userName = user, password = "secret", host = "localhost", port = box.Port, security = "none", starts = "everything" });
        var id = made.GetProperty("id").GetGuid();
        await hub.PostAsync<JsonElement>($"/api/v1/incoming-servers/{id}/confirm", new { });
        return id;
    }

    private static async Task<List<JsonElement>> ServersAsync(HubUnderTest hub) => [.. (await hub.GetAsync<JsonElement>("/api/v1/incoming-servers")).EnumerateArray()];

    private static Task UntilAsync(HubUnderTest hub, Func<Task> act, Func<Task<bool>> holds) => hub.UntilAsync(act, holds, "incoming-server", "conversation", "incident");

    private async Task IdlingAsync(int sessions)
    {
        while (box.Commands.Count(command => command == "IDLE") < sessions) await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Cancel);
    }

    /// <summary>The clock is moved a step whenever the watcher has had a moment of real time to come to rest.</summary>
    private static async Task AdvanceUntilAsync(FakeClock clock, TimeSpan step, Func<Task<bool>> holds)
    {
        for (var steps = 0; !await holds(); steps++)
        {
            Assert.True(steps < 200, "It did not come about.");
            clock.Advance(step);
            await Task.Delay(TimeSpan.FromMilliseconds(25), TimeProvider.System, Cancel);
        }
    }

    private async Task<Watched> WatchedAsync(FakeClock clock)
    {
        var hub = await ReaderUnderTest.StartAsync(clock);
        var sessions = new MailboxSessions(tokens: null!, new EphemeralDataProtectionProvider(), new TrustedRoots([]), new MicrosoftCloud("None", new Uri("https://localhost"), "localhost", 1, "localhost", 1), clock);
        var server = await hub.Database.WriteAsync(tx =>
        {
            hub.Servers.Update(tx, hub.Server.Id, ReaderUnderTest.Settings with { Port = box.Port }, sessions.Seal(hub.Server.Id, "secret"), otherMailbox: false);
            return hub.Servers.Find(tx, hub.Server.Id)!;
        }, Cancel);
        var watcher = new MailboxWatcher(server, hub.Database, hub.Servers, sessions, hub.Reader, maildrops: null!, hub.Intake, hub.Turns, clock, new Random(1), NullLogger<MailboxWatcher>.Instance);
        var stop = new CancellationTokenSource();
        return new Watched(hub, clock.GetUtcNow(), stop, Task.Run(() => watcher.RunAsync(stop.Token), CancellationToken.None));
    }

    private sealed record Watched(ReaderUnderTest Hub, DateTimeOffset Began, CancellationTokenSource Stop, Task Running) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Stop.CancelAsync();
            await Running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Stop.Dispose();
            await Hub.DisposeAsync();
        }
    }
}
