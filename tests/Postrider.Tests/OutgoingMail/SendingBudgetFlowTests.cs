using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Journal;
using Postrider.OutgoingMail;
using Postrider.Storage;

namespace Postrider.Tests.OutgoingMail;

/// <summary>Exchange's limits are used and not exceeded: hub and sandbox share a clock that is moved.</summary>
public class SendingBudgetFlowTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Three_hundred_waiting_mails_are_sent_in_ten_minutes_and_none_is_throttled_or_delayed()
    {
        const int Mails = 300, PerMinute = 30;
        await using var under = await SentHubUnderTest.StartAsync();
        var ids = new List<OutboxMailId>();
        for (var i = 0; i < Mails; i++) ids.Add(await under.PutAsync("ben@meadow.example", $"Number {i}"));
        var begun = under.Sandbox.Clock.GetUtcNow();
        for (var sent = PerMinute; sent <= Mails; sent += PerMinute)
        {
            await SentAsync(under, sent);
            Assert.Equal(sent, under.Box(SentHubUnderTest.Sender).Submission.Counts.Messages);
            if (sent < Mails) under.Sandbox.Clock.Advance(TimeSpan.FromMinutes(1));
        }

        var counts = under.Box(SentHubUnderTest.Sender).Submission.Counts;
        Assert.Equal((Mails, 0, 0, 0), (counts.Messages, counts.Throttled, counts.Delayed, counts.Latches));
        Assert.InRange(counts.MostConnections, 1, 3);
        Assert.InRange(under.Sandbox.Clock.GetUtcNow() - begun, TimeSpan.FromMinutes(9), TimeSpan.FromMinutes(10));
        Assert.Equal(Mails, under.Box("ben@meadow.example").Inbox.Messages().Count);
    }

    [Fact]
    public async Task The_queue_says_when_each_mail_will_go_and_the_page_what_is_left()
    {
        await using var under = await SentHubUnderTest.StartAsync();
        var ids = new List<OutboxMailId>();
        for (var i = 0; i < 95; i++) ids.Add(await under.PutAsync("ben@meadow.example", $"Number {i}"));
        await SentAsync(under, 30);
        var last = await under.AnswerAsync(ids[^1]);
        Assert.Equal("waiting", last.GetProperty("state").GetString());
        Assert.InRange(last.GetProperty("expectedAt").GetDateTimeOffset() - under.Sandbox.Clock.GetUtcNow(), TimeSpan.FromMinutes(2.5), TimeSpan.FromMinutes(4));

        var page = await under.Hub.PageAsync("/sending-budgets");
        var card = page.QuerySelector($"[data-meter='mailbox:{SentHubUnderTest.Sender}']")!;
        Assert.Contains("30 of 30, 0 left", card.TextContent, StringComparison.Ordinal);
        Assert.Contains("30 of 10000, 9970 left", card.TextContent, StringComparison.Ordinal);
        Assert.Equal("30", card.QuerySelector("progress")!.GetAttribute("value"));
    }

    [Fact]
    public async Task A_budget_is_changed_on_the_page_and_by_the_API_and_nonsense_is_refused()
    {
        await using var under = await SentHubUnderTest.StartAsync();
        var meter = "mailbox:" + SentHubUnderTest.Sender;
        using (var saved = await HubUnderTest.SubmitAsync(under.Hub.Browser, "/sending-budgets", meter, ("minute", "5"), ("day", "")))
            Assert.Equal(HttpStatusCode.Found, saved.StatusCode);
        Assert.Equal(5, (await BudgetAsync(under, meter)).GetProperty("limits").GetProperty("messagesPerMinute").GetInt32());
        using (var wrong = await HubUnderTest.SubmitAsync(under.Hub.Browser, "/sending-budgets", meter, ("minute", "many")))
            Assert.Contains("sending-budget-invalid", await wrong.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using (var put = await under.Hub.Browser.PutAsJsonAsync($"/api/v1/sending-budgets/{Uri.EscapeDataString(meter)}", new { messagesPerMinute = 0 }))
            Assert.Equal(HttpStatusCode.NoContent, put.StatusCode);
        Assert.Equal(JsonValueKind.Null, (await BudgetAsync(under, meter)).GetProperty("limits").GetProperty("messagesPerMinute").ValueKind);
        using (var negative = await under.Hub.Browser.PutAsJsonAsync($"/api/v1/sending-budgets/{Uri.EscapeDataString(meter)}", new { messagesPerMinute = -1 }))
            Assert.Equal(HttpStatusCode.UnprocessableEntity, negative.StatusCode);
        using var unknown = await under.Hub.Browser.PutAsJsonAsync("/api/v1/sending-budgets/mailbox%3Anobody", new { messagesPerMinute = 1 });
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
    }

    [Fact]
    public async Task What_was_used_is_remembered_over_a_restart()
    {
        await using var under = await SentHubUnderTest.StartAsync();
        for (var i = 0; i < 4; i++) await under.PutAsync("ben@meadow.example", $"Number {i}");
        await SentAsync(under, 4);
        await under.Hub.RestartAsync();
        Assert.Equal((4, 4), (await UsedAsync(under, "ofTheMinute"), await UsedAsync(under, "ofTheDay")));
    }

    [Fact]
    public async Task A_tenant_that_has_written_to_all_the_strangers_it_may_still_writes_within()
    {
        await using var under = await SentHubUnderTest.StartAsync();
        var tenant = (await under.Hub.GetAsync<JsonElement>("/api/v1/sending-budgets")).EnumerateArray().Select(budget => budget.GetProperty("meter").GetString()!).Single(meter => meter.StartsWith("tenant:", StringComparison.Ordinal));
        using (var put = await under.Hub.Browser.PutAsJsonAsync($"/api/v1/sending-budgets/{Uri.EscapeDataString(tenant)}", new { externalPerDay = 2 }))
            Assert.Equal(HttpStatusCode.NoContent, put.StatusCode);
        for (var i = 0; i < 2; i++) await under.UntilAsync(await under.PutAsync(), OutboxState.Sent);
        var third = await under.PutAsync();
        var within = await under.PutAsync("ben@meadow.example");
        await under.UntilAsync(within, OutboxState.Sent);
        var waiting = await under.UntilAsync(third, mail => mail.Problem is not null);
        Assert.Equal((OutboxState.Waiting, "mail-tenant-limit"), (waiting.State, waiting.Problem!.Code));
        Assert.InRange(waiting.NextTry!.Value - under.Sandbox.Clock.GetUtcNow(), TimeSpan.FromHours(23.9), TimeSpan.FromHours(24.1));
        under.Sandbox.Clock.Advance(TimeSpan.FromHours(24.1));
        await under.UntilAsync(third, OutboxState.Sent);
    }

    [Fact]
    public async Task Too_many_connections_slow_the_mailbox_and_fail_nothing()
    {
        await using var under = await SentHubUnderTest.StartAsync();
        under.Sandbox.SmtpScript.Answer(Postrider.Sandbox.Exchange.SmtpStage.EndOfData, "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information.", times: 2);
        var ids = new List<OutboxMailId>();
        for (var i = 0; i < 12; i++) ids.Add(await under.PutAsync("ben@meadow.example", $"Number {i}"));
        var advanced = under.Sandbox.Clock;
        foreach (var id in ids)
        {
            var mail = await under.UntilAsync(id, mail => mail.State == OutboxState.Sent || mail is { State: OutboxState.Waiting, ServerPausedUntil: not null });
            if (mail.State == OutboxState.Sent) continue;
            // Where the only connection was the one too many, the server rests a little.
            advanced.Advance(TimeSpan.FromMinutes(1));
            await under.UntilAsync(id, OutboxState.Sent);
        }

        Assert.Equal(12, under.Box("ben@meadow.example").Inbox.Messages().Count);
        // Being one connection too many is no fault of the mail: each was tried once, when it was taken.
        var store = under.Hub.Service<OutboxStore>();
        Assert.All(await under.Hub.Service<HubDatabase>().ReadAsync(reader => ids.ConvertAll(id => store.Find(reader, id)!)), mail => Assert.Equal(1, mail.Tries));
        Assert.Equal(2, await under.Hub.Service<HubDatabase>().ReadAsync(reader => ids.Sum(id => store.Attempts(reader, id).Count(attempt => attempt.Problem?.Code == "smtp-too-many-connections"))));
    }

    private static async Task<JsonElement> BudgetAsync(SentHubUnderTest under, string meter) =>
        (await under.Hub.GetAsync<JsonElement>("/api/v1/sending-budgets")).EnumerateArray().Single(budget => budget.GetProperty("meter").GetString() == meter);

    private static async Task<int> UsedAsync(SentHubUnderTest under, string what) => (await BudgetAsync(under, "mailbox:" + SentHubUnderTest.Sender)).GetProperty(what).GetInt32();

    private static async Task SentAsync(SentHubUnderTest under, int count)
    {
        using var changes = under.Hub.Service<LiveEvents>().Subscribe(new HashSet<string> { "outbox-mail" })!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while ((await under.Hub.Service<HubDatabase>().ReadAsync(under.Hub.Service<OutboxStore>().Counts)).GetValueOrDefault(OutboxState.Sent) < count) await changes.Changes.ReadAsync(limit.Token);
    }
}
