using System.Text.Json;
using Postrider.Mail;
using Postrider.Mail.Smtp;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.Tests.OutgoingMail;

/// <summary>Whose turn it is, and what becomes of a mail that nobody finishes. The one server rests, so that only the test claims.</summary>
public class OutboxQueueTests : IAsyncLifetime
{
    private HubUnderTest hub = null!;

    private HubDatabase Database => hub.Service<HubDatabase>();
    private OutboxStore Store => hub.Service<OutboxStore>();
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Nobody", kind = "smtp", host = "localhost", port = 1, fromFilter = "meadow.example" });
        await Database.WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = tx.Now.AddDays(1) }));
    }

    public async ValueTask DisposeAsync()
    {
        await hub.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Urgent_mail_goes_first_and_bulk_mail_last()
    {
        foreach (var (subject, lane) in ((string, OutboxLane)[])[("bulk 1", OutboxLane.Bulk), ("usual 1", OutboxLane.Usual), ("bulk 2", OutboxLane.Bulk), ("usual 2", OutboxLane.Usual), ("reset", OutboxLane.Urgent)])
            await PutAsync(subject, message => message with { Lane = lane });
        Assert.Equal(["reset", "usual 1", "usual 2", "bulk 1"], await ClaimAsync(4));
        Assert.Equal(["bulk 2"], await ClaimAsync(4));
    }

    [Fact]
    public async Task Every_fifth_place_is_for_bulk_mail_so_that_it_never_stands_still()
    {
        for (var i = 0; i < 12; i++) await PutAsync($"usual {i}");
        for (var i = 0; i < 3; i++) await PutAsync($"bulk {i}", message => message with { Lane = OutboxLane.Bulk });
        var turns = new List<string>();
        for (var i = 0; i < 10; i++) turns.AddRange(await ClaimAsync(1, turn: i));
        Assert.Equal(["usual 0", "usual 1", "usual 2", "usual 3", "bulk 0", "usual 4", "usual 5", "usual 6", "usual 7", "bulk 1"], turns);
    }

    [Fact]
    public async Task Who_has_a_hundred_mails_waiting_lets_others_pass()
    {
        var (eager, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        for (var i = 0; i < OutboxStore.CrowdOfOne + 2; i++) await PutAsync($"mailing {i}", message => message with { Creator = eager });
        await PutAsync("reset", message => message with { Creator = other });
        // By their subjects: ids of one millisecond have no order.
        var lanes = await Database.ReadAsync(reader => Store.List(reader, null, null, null, 200).ToDictionary(mail => mail.Subject, mail => mail.Lane));
        for (var i = 0; i < OutboxStore.CrowdOfOne; i++) Assert.Equal(OutboxLane.Usual, lanes[$"mailing {i}"]);
        Assert.Equal((OutboxLane.Bulk, OutboxLane.Bulk), (lanes[$"mailing {OutboxStore.CrowdOfOne}"], lanes[$"mailing {OutboxStore.CrowdOfOne + 1}"]));
        Assert.Equal(OutboxLane.Usual, lanes["reset"]);
    }

    [Fact]
    public async Task A_mailing_goes_into_the_bulk_lane()
    {
        var id = await PutAsync("news", message => message with { Mailing = true });
        Assert.Equal(OutboxLane.Bulk, (await FindAsync(id)).Lane);
    }

    [Fact]
    public async Task Scheduled_mail_waits_for_its_time_and_can_be_sent_now_or_cancelled()
    {
        var at = TimeProvider.System.GetUtcNow().AddDays(3);
        var id = await PutAsync("later", message => message with { SendAt = at });
        var mail = await FindAsync(id);
        Assert.Equal(OutboxState.Scheduled, mail.State);
        Assert.Equal(at.ToUnixTimeMilliseconds(), mail.DueAt.ToUnixTimeMilliseconds());
        Assert.Empty(await ClaimAsync(5));
        Assert.Null(await Database.WriteAsync(tx => Store.SendNow(tx, id, null)));
        await Database.WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = tx.Now.AddDays(1) }));
        var second = await PutAsync("never", message => message with { SendAt = at });
        Assert.Null(await Database.WriteAsync(tx => Store.Cancel(tx, second, null)));
        Assert.Equal(OutboxState.Cancelled, (await FindAsync(second)).State);
        Assert.Equal(OutboxState.Waiting, (await PutAndFindAsync("past", message => message with { SendAt = at.AddDays(-4) })).State);
    }

    [Fact]
    public async Task What_ends_the_process_three_times_is_set_aside_and_nothing_else()
    {
        var killer = await PutAsync("killer");
        var innocent = await PutAsync("innocent");
        // Each time both were claimed when the process ended: who is to blame shows when they go alone.
        Assert.Equal(["killer", "innocent"], await ClaimAsync(2));
        await Database.WriteAsync(Store.Recover);
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(["killer"], await ClaimAsync(2));
            await Database.WriteAsync(Store.Recover);
        }

        var (one, two) = (await FindAsync(killer), await FindAsync(innocent));
        Assert.Equal((OutboxState.Failed, "mail-set-aside"), (one.State, one.Problem!.Code));
        Assert.Equal(OutboxState.Waiting, two.State);
        Assert.Equal(["innocent"], await ClaimAsync(2));
        Assert.Null(await Database.WriteAsync(tx => Store.Retry(tx, killer, null)));
        Assert.Equal(OutboxState.Waiting, (await FindAsync(killer)).State);
    }

    [Fact]
    public async Task What_is_given_back_is_as_if_it_had_not_been_claimed()
    {
        var id = await PutAsync("one");
        for (var i = 0; i < 5; i++)
            await Database.WriteAsync(tx => Store.GiveBack(tx, Server(tx), Claim(tx, 1, 0).Mails));
        var mail = await FindAsync(id);
        Assert.Equal((OutboxState.Waiting, 0), (mail.State, mail.Tries));
        Assert.Equal(["one"], await ClaimAsync(2));
    }

    [Fact]
    public async Task A_mail_is_cancelled_or_claimed_and_never_both()
    {
        const int Mails = 200;
        for (var i = 0; i < Mails; i++) await PutAsync($"{i}");
        var ids = await Database.ReadAsync(reader => Store.List(reader, null, null, null, Mails).Select(mail => mail.Id).ToList());
        var cancelled = ids.Select(id => Database.WriteAsync(tx => Store.Cancel(tx, id, null) is null)).ToList();
        var claimed = Enumerable.Range(0, Mails).Select(_ => ClaimAsync(1)).ToList();
        var count = (await Task.WhenAll(cancelled)).Count(done => done) + (await Task.WhenAll(claimed)).Sum(subjects => subjects.Count);
        Assert.Equal(Mails, count);
    }

    [Fact]
    public async Task After_a_clock_that_was_set_back_nothing_waits_longer_than_any_pause()
    {
        var id = await PutAsync("one");
        await Database.WriteAsync(tx => tx.Execute("UPDATE outbox_mail SET due_at = @far", new { far = tx.Now.AddDays(1) }));
        Assert.Equal(1, await Database.WriteAsync(Store.ForgetFarFuture));
        Assert.Equal(["one"], await ClaimAsync(1));
        Assert.Equal(OutboxState.Sending, (await FindAsync(id)).State);
    }

    [Fact]
    public async Task The_submitter_is_told_once_of_a_refusal_and_nobody_of_what_became_of_the_report()
    {
        var id = await PutAsync("Offer", message => message with { ReportTo = EmailAddress.Parse("ann@meadow.example") });
        await SettleAsync(new RecipientOutcome.Refused(new SmtpReply(550, "5.1.1", "No such user")));
        var reports = hub.Service<SubmitterReports>();
        await reports.TellAllAsync(Cancel);
        await reports.TellAllAsync(Cancel);
        var report = Assert.Single(await AllAsync(), mail => mail.Id != id);
        Assert.Equal(("Undelivered: Offer", "", null, "ann@meadow.example"), (report.Subject, report.EnvelopeFrom, report.ReportTo, report.Recipients));
        var text = System.Text.Encoding.ASCII.GetString(await hub.Service<Bodies>().ReadAsync(report.BodyId, Cancel));
        Assert.Contains("multipart/report", text, StringComparison.Ordinal);
        Assert.Contains("Status: 5.1.1", text, StringComparison.Ordinal);
        Assert.Contains("Action: failed", text, StringComparison.Ordinal);
        Assert.Contains("Auto-Submitted: auto-replied", text, StringComparison.Ordinal);

        await SettleAsync(new RecipientOutcome.Refused(new SmtpReply(550, "5.1.1", "No such user")));
        await reports.TellAllAsync(Cancel);
        Assert.Equal(2, (await AllAsync()).Count);
    }

    [Fact]
    public async Task The_submitter_is_told_once_that_a_mail_is_late()
    {
        var id = await PutAsync("Offer", message => message with { ReportTo = EmailAddress.Parse("ann@meadow.example") });
        var reports = hub.Service<SubmitterReports>();
        await reports.TellAllAsync(Cancel);
        Assert.Single(await AllAsync());
        await Database.WriteAsync(tx => tx.Execute("UPDATE outbox_mail SET life_from = @at WHERE id = @id", new { id, at = tx.Now.AddHours(-5) }));
        await reports.TellAllAsync(Cancel);
        await reports.TellAllAsync(Cancel);
        var report = Assert.Single(await AllAsync(), mail => mail.Id != id);
        Assert.Equal("Delayed: Offer", report.Subject);
        Assert.Contains("Action: delayed", System.Text.Encoding.ASCII.GetString(await hub.Service<Bodies>().ReadAsync(report.BodyId, Cancel)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mail_past_its_lifetime_fails_with_the_first_postponement_and_not_before_it_was_offered()
    {
        var id = await PutAsync("Offer", message => message with { ReportTo = EmailAddress.Parse("ann@meadow.example") });
        await Database.WriteAsync(tx => tx.Execute("UPDATE outbox_mail SET life_from = @at, delay_told_at = @at WHERE id = @id", new { id, at = tx.Now.AddDays(-400) }));
        Assert.Equal(OutboxState.Waiting, (await FindAsync(id)).State);
        await SettleAsync(new RecipientOutcome.Deferred(new SmtpReply(451, "4.7.500", "Server busy")));
        Assert.Equal((OutboxState.Failed, "mail-lifetime-passed"), ((await FindAsync(id)).State, (await FindAsync(id)).Problem!.Code));
        await hub.Service<SubmitterReports>().TellAllAsync(Cancel);
        var report = Assert.Single(await AllAsync(), mail => mail.Id != id);
        Assert.Contains("Status: 5.4.7", System.Text.Encoding.ASCII.GetString(await hub.Service<Bodies>().ReadAsync(report.BodyId, Cancel)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_that_is_suppressed_while_mail_waits_is_not_offered_and_says_why()
    {
        var both = await PutAsync("Both", message => message with { To = [new(null, EmailAddress.Parse("ben@example.org")), new(null, EmailAddress.Parse("gone@example.org"))] });
        var alone = await PutAsync("Alone", message => message with { To = [new(null, EmailAddress.Parse("Gone@example.org"))], ReportTo = EmailAddress.Parse("ann@meadow.example") });
        await PutAsync("Other");
        Assert.Null(await hub.Service<SuppressionStore>().AddByHandAsync("gone@example.org", "left the company", Guid.NewGuid(), Cancel));
        Assert.Equal(["Both", "Other"], await ClaimAsync(3));
        var recipients = await Database.ReadAsync(reader => Store.Recipients(reader, both));
        Assert.Equal([RecipientState.Pending, RecipientState.Suppressed], recipients.Select(recipient => recipient.State));
        Assert.Equal("Suppressed by hand: left the company", recipients[1].Reply);
        var refused = await FindAsync(alone);
        Assert.Equal((OutboxState.Refused, "mail-all-suppressed"), (refused.State, refused.Problem!.Code));
        Assert.Contains("left the company", refused.Problem.Detail, StringComparison.Ordinal);

        // Whoever handed it in is told.
        await hub.Service<SubmitterReports>().TellAllAsync(Cancel);
        Assert.Contains((await AllAsync()).Select(mail => mail.Subject), subject => subject == "Undelivered: Alone");

        // Once the address is removed, Retry offers it again; before that it does not.
        Assert.Null(await Database.WriteAsync(tx => Store.Retry(tx, alone, null)));
        Assert.DoesNotContain("Alone", await ClaimAsync(5));
        Assert.Null(await hub.Service<SuppressionStore>().RemoveByHandAsync("gone@example.org", Guid.NewGuid(), Cancel));
        Assert.Null(await Database.WriteAsync(tx => Store.Retry(tx, alone, null)));
        // The report about it may be claimed beside it.
        Assert.Contains("Alone", await ClaimAsync(5));
    }

    [Fact]
    public async Task A_whole_batch_that_is_settled_unoffered_does_not_end_the_turn()
    {
        for (var n = 0; n < 5; n++) await PutAsync($"Gone {n}", message => message with { To = [new(null, EmailAddress.Parse("gone@example.org"))] });
        await PutAsync("Good");
        Assert.Null(await hub.Service<SuppressionStore>().AddByHandAsync("gone@example.org", null, Guid.NewGuid(), Cancel));
        Assert.Equal(["Good"], await ClaimAsync(2));
    }

    [Fact]
    public async Task A_sender_that_is_refused_while_its_mail_waits_is_not_tried_on_the_mailbox_again()
    {
        var id = await PutAsync("As somebody else");
        await PutAsync("As itself", message => message with { From = new(null, EmailAddress.Parse("notifications@meadow.example")) });
        await Database.WriteAsync(tx =>
        {
            tx.Execute("UPDATE outgoing_server SET kind = 'outlook', user_name = 'notifications@meadow.example'");
            hub.Service<SendAsKnowledge>().Learn(tx, Server(tx).Id, EmailAddress.Parse("ann@meadow.example"), allowed: false, "554 5.2.252 SendAsDenied");
        });
        Assert.Equal(["As itself"], await ClaimAsync(2));
        var mail = await FindAsync(id);
        Assert.Equal((OutboxState.Refused, "mail-sender-refused", "554 5.2.252 SendAsDenied"), (mail.State, mail.Problem!.Code, mail.Problem.Detail));

        // Test Connection says that the rights have changed: then it is tried.
        await Database.WriteAsync(tx => hub.Service<SendAsKnowledge>().ForgetRefusals(tx, Server(tx).Id));
        Assert.Null(await Database.WriteAsync(tx => Store.Retry(tx, id, null)));
        Assert.Equal(["As somebody else"], await ClaimAsync(2));
    }

    private Task SettleAsync(RecipientOutcome outcome) => Database.WriteAsync(tx =>
    {
        var claimed = Claim(tx, 1, 0).Mails.Single();
        Store.Settle(tx, claimed, Server(tx), new AttemptVerdict(claimed.Addresses.ToDictionary(address => address, _ => outcome), null, null), tx.Now.AddDays(1), null, 0, []);
        tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = tx.Now.AddDays(1) });
    });

    private Task<IReadOnlyList<string>> ClaimAsync(int count, long turn = 0) => Database.WriteAsync(tx => (IReadOnlyList<string>)[.. Claim(tx, count, turn).Mails.Select(mail => Store.Find(tx, mail.Id)!.Subject)]);

    private Turn Claim(HubTransaction tx, int count, long turn)
    {
        tx.Execute("UPDATE outgoing_server SET paused_until = NULL");
        var claimed = Store.Claim(tx, Server(tx), Guid.CreateVersion7(), count, turn);
        tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = tx.Now.AddDays(1) });
        return claimed;
    }

    private OutgoingServer Server(HubTransaction tx) => hub.Service<OutgoingServerStore>().List(tx).Single();

    private Task<IReadOnlyList<OutboxMail>> AllAsync() => Database.ReadAsync(reader => Store.List(reader, null, null, null, 200));

    private async Task<OutboxMail> FindAsync(OutboxMailId id) => (await Database.ReadAsync(reader => Store.Find(reader, id)))!;

    private async Task<OutboxMail> PutAndFindAsync(string subject, Func<OutgoingMessage, OutgoingMessage> change) => await FindAsync(await PutAsync(subject, change));

    private async Task<OutboxMailId> PutAsync(string subject, Func<OutgoingMessage, OutgoingMessage>? change = null)
    {
        var message = new OutgoingMessage { From = new(null, EmailAddress.Parse("ann@meadow.example")), To = [new(null, EmailAddress.Parse("ben@example.org"))], Subject = subject, Text = "x" };
        var put = await hub.Service<Outbox>().PutAsync(change is null ? message : change(message), null, Cancel);
        Assert.Null(put.Problem);
        return put.Id!.Value;
    }
}
