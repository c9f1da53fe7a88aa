using System.Net;
using System.Text.Json;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.OutgoingMail;
using Postrider.Storage;

namespace Postrider.Tests.OutgoingMail;

/// <summary>Faults by their number in docs/operations/faults.md, with a clock that is moved.</summary>
public sealed class OutboxFaultTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // OUT-07
    [Theory]
    [InlineData(40, OutboxState.Sent)]
    [InlineData(9 * 60, OutboxState.Sent)]
    [InlineData(11 * 60, OutboxState.Unknown)]
    public async Task The_answer_to_the_final_dot_is_waited_for_ten_minutes(int seconds, OutboxState expected)
    {
        var clock = new FakeClock();
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var smtp = new ScriptedSmtp { DotWaits = answer.Task };
        await using var hub = await HubWithServerAsync(smtp.Port, clock);
        var id = await PutAsync(hub);
        await smtp.DotSeen.Task.WaitAsync(TimeSpan.FromSeconds(60), Cancel);
        clock.Advance(TimeSpan.FromSeconds(seconds));
        if (expected == OutboxState.Unknown) await hub.MailUntilAsync(id, mail => mail.State == expected);
        answer.SetResult();
        await hub.MailUntilAsync(id, mail => mail.State == expected);

        // An hour later nothing was sent a second time.
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(expected, (await FindAsync(hub, id)).State);
        Assert.InRange(smtp.Taken, 0, 1);
        var attempts = await hub.Service<HubDatabase>().ReadAsync(reader => hub.Service<OutboxStore>().Attempts(reader, id));
        Assert.Single(attempts);
    }

    // NET-05
    [Fact]
    public async Task An_hour_without_a_line_delays_the_mail_sends_it_once_and_is_one_incident()
    {
        await using var both = await SentHubUnderTest.StartAsync();
        both.Line.Down = true;
        both.Line.Cut();
        var ids = new List<OutboxMailId>();
        for (var n = 0; n < 12; n++) ids.Add(await both.PutAsync(subject: $"Number {n}"));
        await both.UntilAsync(ids[0], mail => mail.Trouble is not null);
        for (var minute = 0; minute < 60; minute += 5)
        {
            both.Sandbox.Clock.Advance(TimeSpan.FromMinutes(5));
            await both.UntilAsync(ids[0], mail => mail.State == OutboxState.Waiting && mail.ServerPausedUntil > both.Sandbox.Clock.GetUtcNow());
        }

        both.Line.Down = false;
        // The longest pause, and the quarter more that chance may add.
        both.Sandbox.Clock.Advance(TimeSpan.FromMinutes(13));
        foreach (var id in ids) Assert.Equal(0, (await both.UntilAsync(id, OutboxState.Sent)).Tries - 1);
        Assert.Equal(12, both.Box(SentHubUnderTest.Receiver).Inbox.Messages().Count);
        Assert.Equal(12, SentHubUnderTest.Ids(both.Box(SentHubUnderTest.Sender).SentItems).Distinct().Count());
        var store = both.Hub.Service<IncidentStore>();
        var (open, past) = await both.Hub.Service<HubDatabase>().ReadAsync(reader => (store.Open(reader), store.Past(reader, null, 10)));
        Assert.Empty(open);
        Assert.Single(past);
    }

    // OUT-13
    [Fact]
    public async Task On_a_full_disk_the_page_keeps_what_was_written_and_sends_it_when_there_is_room()
    {
        long free = 100 << 20;
        await using var hub = await HubUnderTest.StartAsync(options => options with { FreeBytes = () => free });
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Dead end", kind = "smtp", host = "localhost", port = 1, fromFilter = "hub.example" });
        (string, string?)[] written = [("to", "ben@example.org"), ("subject", "Offer"), ("text", "What was written")];
        using var refused = await HubUnderTest.SubmitAsync(hub.Browser, "/conversations/new", "compose", written);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        var page = await HubUnderTest.ReadPageAsync(refused);
        Assert.NotNull(page.QuerySelector("[data-problem=storage-low]"));
        Assert.Equal("What was written", page.QuerySelector("textarea[name=text]")!.TextContent);
        Assert.Equal(0, await hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<long>("SELECT COUNT(*) FROM outbox_mail")));
        free = 10L << 30;
        using var sent = await HubUnderTest.SubmitAsync(hub.Browser, "/conversations/new", "compose", written);
        Assert.Equal(HttpStatusCode.Found, sent.StatusCode);
    }

    private static async Task<HubUnderTest> HubWithServerAsync(int port, TimeProvider clock)
    {
        var hub = await HubUnderTest.StartAsync(options => options with { Clock = clock });
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Slow", kind = "smtp", host = "localhost", port, security = "none", fromFilter = "hub.example" });
        return hub;
    }

    private static async Task<OutboxMailId> PutAsync(HubUnderTest hub)
    {
        var put = await hub.Service<Outbox>().PutAsync(new OutgoingMessage { From = new(null, EmailAddress.Parse(HubUnderTest.AdministratorEmail)), To = [new(null, EmailAddress.Parse("ben@example.org"))], Subject = "Offer", Text = "x" }, null, Cancel);
        Assert.Null(put.Problem);
        return put.Id!.Value;
    }

    private static async Task<OutboxMail> FindAsync(HubUnderTest hub, OutboxMailId id) => (await hub.Service<HubDatabase>().ReadAsync(reader => hub.Service<OutboxStore>().Find(reader, id)))!;
}
