using System.Net;
using System.Net.Http.Json;
using Postrider.OutgoingMail;
using Postrider.Storage;

namespace Postrider.Tests.OutgoingMail;

public sealed class UnknownMailsTests
{
    private const string Sender = SentHubUnderTest.Sender;
    private const string Receiver = SentHubUnderTest.Receiver;

    [Fact]
    public async Task What_is_found_in_Sent_Items_was_sent_and_is_not_sent_again()
    {
        await using var both = await SentHubUnderTest.StartAsync();
        both.CutAfterNext();
        var id = await both.PutAsync();
        var unknown = await both.UntilAsync(id, OutboxState.Unknown);
        Assert.Equal(("mail-unknown", true), (unknown.Problem!.Code, unknown.Problem.RetriesByItself));
        Assert.Equal((await both.UnknownAsync(id))!.NextLookAt, unknown.Problem.NextTry);

        both.Sandbox.Clock.Advance(TimeSpan.FromSeconds(15));
        var sent = await both.UntilAsync(id, OutboxState.Sent);
        Assert.Null(sent.Problem);
        var look = Assert.Single(await both.LooksAsync(id));
        Assert.Equal(("found", Sender, "Sent Items", sent.MessageId), (look.Outcome, look.Mailbox, look.Folder, look.MessageId));
        Assert.Equal([sent.MessageId], SentHubUnderTest.Ids(both.Box(Receiver).Inbox));
        // The look left no trace in the mailbox.
        Assert.Equal(["\\Seen"], Assert.Single(both.Box(Sender).SentItems.Messages()).Flags);

        var answer = await both.AnswerAsync(id);
        Assert.Equal("found", answer.GetProperty("sentItems").GetProperty("looks")[0].GetProperty("outcome").GetString());
        Assert.Contains("Found in Sent Items of " + Sender, answer.GetProperty("recipients")[0].GetProperty("reply").GetString(), StringComparison.Ordinal);
        var page = await both.Hub.PageAsync($"/email-queue/{id.Value:D}");
        Assert.Contains($"found in Sent Items of {Sender}", page.QuerySelector("[data-look=found]")!.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_absent_is_sent_again_once_and_the_receiver_has_one()
    {
        await using var both = await SentHubUnderTest.StartAsync();
        both.CutAfterNext(lost: true);
        var id = await both.PutAsync();
        var unknown = await both.UntilAsync(id, OutboxState.Unknown);

        both.Sandbox.Clock.Advance(TimeSpan.FromSeconds(15));
        // Too early to be sure.
        await both.UntilAsync(id, mail => mail.Problem?.NextTry > unknown.Problem!.NextTry);
        Assert.Equal("absent", Assert.Single(await both.LooksAsync(id)).Outcome);
        Assert.Empty(both.Box(Receiver).Inbox.Messages());

        both.Sandbox.Clock.Advance(TimeSpan.FromMinutes(10));
        var sent = await both.UntilAsync(id, OutboxState.Sent);
        Assert.Equal([sent.MessageId], SentHubUnderTest.Ids(both.Box(Receiver).Inbox));
        Assert.Equal([sent.MessageId], SentHubUnderTest.Ids(both.Box(Sender).SentItems));
    }

    [Fact]
    public async Task The_second_time_a_person_is_asked()
    {
        await using var both = await SentHubUnderTest.StartAsync();
        both.CutAfterNext(lost: true);
        var id = await both.PutAsync();
        await both.UntilAsync(id, OutboxState.Unknown);
        both.CutAfterNext(lost: true);
        both.Sandbox.Clock.Advance(TimeSpan.FromMinutes(10));
        await AgainUnknownAsync(both, id);

        both.Sandbox.Clock.Advance(TimeSpan.FromMinutes(10));
        var asked = await both.UntilAsync(id, mail => mail is { State: OutboxState.Unknown, Problem.RetriesByItself: false });
        Assert.Contains("press It was sent", asked.Problem!.Remedy, StringComparison.Ordinal);
        Assert.Equal((2, null), ((await both.UnknownAsync(id))!.Times, (await both.UnknownAsync(id))!.NextLookAt));
        Assert.Empty(both.Box(Receiver).Inbox.Messages());

        using var again = await HubUnderTest.SubmitAsync(both.Hub.Browser, $"/email-queue/{id.Value:D}", "mail", ("do", "send-again"));
        Assert.Equal(HttpStatusCode.Found, again.StatusCode);
        both.Sandbox.Clock.Advance(TimeSpan.FromMinutes(10));
        await both.UntilAsync(id, OutboxState.Sent);
        Assert.Single(both.Box(Receiver).Inbox.Messages());
    }

    [Fact]
    public async Task What_cannot_be_searched_stays_unknown_says_why_and_is_found_when_it_can()
    {
        await using var both = await SentHubUnderTest.StartAsync();
        both.Box(Sender).Change(settings => settings with { ImapEnabled = false });
        both.CutAfterNext();
        var id = await both.PutAsync();
        await both.UntilAsync(id, OutboxState.Unknown);
        both.Sandbox.Clock.Advance(TimeSpan.FromMinutes(10));
        var closed = await both.UntilAsync(id, mail => mail.Problem?.Remedy.Contains("cannot be searched", StringComparison.Ordinal) == true);
        Assert.Equal((OutboxState.Unknown, true), (closed.State, closed.Problem!.RetriesByItself));
        Assert.True(closed.Problem.NextTry > both.Sandbox.Clock.GetUtcNow());
        var look = (await both.LooksAsync(id))[0];
        Assert.Equal(("cannot-search", "imap-mailbox-not-connected"), (look.Outcome, look.Problem!.Code));
        var page = await both.Hub.PageAsync($"/email-queue/{id.Value:D}");
        Assert.Contains("could not be searched", page.QuerySelector("[data-looks]")!.TextContent, StringComparison.Ordinal);

        both.Box(Sender).Change(settings => settings with { ImapEnabled = true });
        using var pressed = await HubUnderTest.SubmitAsync(both.Hub.Browser, $"/email-queue/{id.Value:D}", "mail", ("do", "look"));
        Assert.Equal(HttpStatusCode.Found, pressed.StatusCode);
        await both.UntilAsync(id, OutboxState.Sent);
        Assert.NotNull((await both.LooksAsync(id))[0].ByUser);
        Assert.Single(both.Box(Receiver).Inbox.Messages());
    }

    [Fact]
    public async Task It_is_decided_once()
    {
        await using var both = await SentHubUnderTest.StartAsync();
        both.CutAfterNext();
        var id = await both.PutAsync();
        await both.UntilAsync(id, OutboxState.Unknown);
        using var decided = await both.Hub.Browser.PostAsJsonAsync($"/api/v1/mails/{id.Value}/decide", new { wasSent = true });
        Assert.Equal(HttpStatusCode.NoContent, decided.StatusCode);

        using var late = await both.Hub.Browser.PostAsJsonAsync($"/api/v1/mails/{id.Value}/look", new { });
        Assert.Equal(HttpStatusCode.Conflict, late.StatusCode);
        var taken = await both.Hub.Service<HubDatabase>().WriteAsync(tx =>
        {
            tx.Execute("UPDATE unknown_mail SET next_look_at = @now", new { now = tx.Now });
            return both.Hub.Service<UnknownMailStore>().TakeDue(tx, 10, TimeSpan.FromMinutes(2));
        });
        Assert.Empty(taken);
        Assert.Empty(await both.LooksAsync(id));
        Assert.Single(both.Box(Receiver).Inbox.Messages());
    }

    [Fact]
    public async Task A_hub_that_ends_between_the_break_and_the_look_looks_when_it_is_back()
    {
        await using var both = await SentHubUnderTest.StartAsync();
        both.CutAfterNext();
        var id = await both.PutAsync();
        await both.UntilAsync(id, OutboxState.Unknown);
        // Taken for a look by a process that then ended.
        both.Sandbox.Clock.Advance(TimeSpan.FromSeconds(14));
        await both.Hub.Service<HubDatabase>().WriteAsync(tx =>
        {
            tx.Execute("UPDATE unknown_mail SET next_look_at = @now", new { now = tx.Now });
            return both.Hub.Service<UnknownMailStore>().TakeDue(tx, 10, TimeSpan.FromMinutes(2));
        });
        await both.Hub.RestartAsync();
        Assert.Empty(await both.LooksAsync(id));

        both.Sandbox.Clock.Advance(TimeSpan.FromMinutes(2));
        await both.UntilAsync(id, OutboxState.Sent);
        Assert.Single(both.Box(Receiver).Inbox.Messages());
    }

    [Fact]
    public async Task A_server_without_Sent_Items_leaves_it_to_a_person()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<System.Text.Json.JsonElement>("/api/v1/outgoing-servers", new { name = "Relay", kind = "smtp", host = "localhost", port = 1, fromFilter = "meadow.example" });
        var database = hub.Service<HubDatabase>();
        await database.WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = tx.Now.AddDays(1) }));
        var put = await hub.Service<Outbox>().PutAsync(new OutgoingMessage { From = new(null, Postrider.Mail.EmailAddress.Parse("ann@meadow.example")), To = [new(null, Postrider.Mail.EmailAddress.Parse("ben@example.org"))], Text = "x" }, null, TestContext.Current.CancellationToken);
        var id = put.Id!.Value;
        await database.WriteAsync(tx =>
        {
            tx.Execute("UPDATE outbox_mail SET state = 8 WHERE id = @id", new { id });
            hub.Service<UnknownMailStore>().Changed(tx, id, OutboxState.Unknown);
        });
        Assert.Null((await database.ReadAsync(reader => hub.Service<UnknownMailStore>().Find(reader, id)))!.NextLookAt);
        var page = await hub.PageAsync($"/email-queue/{id.Value:D}");
        Assert.Null(page.QuerySelector("button[value=look]"));
        Assert.NotNull(page.QuerySelector("button[value=was-sent]"));
    }

    private static async Task AgainUnknownAsync(SentHubUnderTest both, OutboxMailId id)
    {
        using var changes = both.Hub.Service<Postrider.Journal.LiveEvents>().Subscribe(new HashSet<string> { "outbox-mail" })!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(90));
        while ((await both.UnknownAsync(id))!.Times < 2) await changes.Changes.ReadAsync(limit.Token);
    }
}
