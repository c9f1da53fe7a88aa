using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Tests.OutlookAccounts;

namespace Postrider.Tests.OutgoingMail;

public sealed class OutboxPumpTests(HubWithMicrosoft both) : IClassFixture<HubWithMicrosoft>
{
    private Outbox Outbox => both.Hub.Service<Outbox>();
    private OutboxStore Store => both.Hub.Service<OutboxStore>();
    private HubDatabase Database => both.Hub.Service<HubDatabase>();
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_message_arrives_byte_for_byte_and_a_copy_lies_in_Sent_Items()
    {
        await both.ConnectAsync("notifications@meadow.example");
        var put = await PutAsync("notifications@meadow.example", "ben@meadow.example", message => message with
        {
            Subject = "Grüße aus Łódź – 你好", Html = "<p>Hello <b>Ben</b></p>", Attachments = [new DraftAttachment("Rechnung für März.bin", "application/octet-stream", Pattern(1024 * 1024))],
        });
        var mail = await both.SettledAsync(put.Id!.Value);
        Assert.Equal(OutboxState.Sent, mail.State);

        var sent = await both.Hub.Service<Bodies>().ReadAsync(mail.BodyId, Cancel);
        var arrived = await both.RawAsync("ben@meadow.example", "INBOX", (await both.FolderAsync("ben@meadow.example", "INBOX"))[^1].Uid);
        // Exchange puts its own trace fields on top; below them every byte is ours.
        Assert.Equal(sent, arrived[^sent.Length..]);
        Assert.NotEmpty(await both.FolderAsync("notifications@meadow.example", "Sent Items"));
        var attempt = Assert.Single(await Database.ReadAsync(reader => Store.Attempts(reader, mail.Id)));
        Assert.Equal("sent", attempt.Outcome);
        Assert.Contains(attempt.Transcript, line => line.StartsWith("C: MAIL FROM:<notifications@meadow.example>", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_From_that_the_account_may_not_use_is_refused_after_DATA_and_not_tried_again()
    {
        await both.ConnectAsync("sales@meadow.example", "sales@meadow.example, boss@elsewhere.example");
        var mail = await both.SettledAsync((await PutAsync("boss@elsewhere.example", "ben@meadow.example")).Id!.Value);
        Assert.Equal((OutboxState.Refused, "smtp-send-as-denied"), (mail.State, mail.Problem!.Code));
        Assert.Contains("SendAsDenied", mail.Problem.Detail, StringComparison.Ordinal);
        Assert.Null(mail.NextTry);
    }

    [Fact]
    public async Task Trouble_of_the_server_costs_the_mail_no_try_and_ends_with_Test_Connection()
    {
        var server = await both.ConnectAsync("ann@meadow.example");
        both.Microsoft.Mailboxes.Find("ann@meadow.example")!.Change(settings => settings with { SmtpClientAuthenticationDisabled = true });
        var put = await PutAsync("ann@meadow.example", "ben@meadow.example");
        var second = await PutAsync("ann@meadow.example", "ben@meadow.example");
        var waiting = await both.SettledAsync(put.Id!.Value);
        Assert.Equal((OutboxState.Waiting, 0, "smtp-auth-disabled-for-mailbox"), (waiting.State, waiting.Tries, waiting.Problem!.Code));
        Assert.NotNull(waiting.NextTry);
        Assert.NotNull((await both.ServerAsync(server)).PausedUntil);
        Assert.NotNull((await both.Hub.Service<HubDatabase>().ReadAsync(reader => Store.Find(reader, second.Id!.Value)))!.NextTry);

        both.Microsoft.Mailboxes.Find("ann@meadow.example")!.Change(settings => settings with { SmtpClientAuthenticationDisabled = null });
        await both.Hub.Service<ConnectionTest>().RunAsync(new(server), null, Cancel);
        foreach (var id in (OutboxMailId[])[put.Id.Value, second.Id!.Value])
            Assert.Equal(OutboxState.Sent, (await both.SettledAsync(id, mail => mail.State == OutboxState.Sent)).State);
    }

    [Fact]
    public async Task Many_mails_share_few_connections()
    {
        await both.ConnectAsync("rosa@outlook.example");
        var puts = await Task.WhenAll(Enumerable.Range(0, 30).Select(n => PutAsync("rosa@outlook.example", "ben@meadow.example", message => message with { Subject = "Number " + n })));
        foreach (var put in puts) Assert.Equal(OutboxState.Sent, (await both.SettledAsync(put.Id!.Value, mail => mail.State.IsFinal())).State);
        var attempts = await Database.ReadAsync(reader => puts.SelectMany(put => Store.Attempts(reader, put.Id!.Value)).ToList());
        // Only the first message of a connection has its greeting in the transcript.
        Assert.InRange(attempts.Count(attempt => attempt.Transcript.Any(line => line.StartsWith("S: 220", StringComparison.Ordinal))), 1, 10);
        Assert.Equal(30, attempts.Count);
    }

    [Fact]
    public async Task A_mail_found_between_claim_and_offer_waits_and_one_past_the_dot_is_unknown()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var (before, after) = await StrandAsync(hub);
        await hub.RestartAsync();
        var (first, second) = await hub.Service<HubDatabase>().ReadAsync(reader => (hub.Service<OutboxStore>().Find(reader, before)!, hub.Service<OutboxStore>().Find(reader, after)!));
        Assert.Equal((OutboxState.Waiting, OutboxState.Unknown), (first.State, second.State));
        Assert.Equal("mail-unknown", second.Problem!.Code);

        // It is never sent again by itself; a person decides.
        var desk = hub.Service<HubDatabase>();
        Assert.Equal("mail-not-in-that-state", (await desk.WriteAsync(tx => hub.Service<OutboxStore>().Retry(tx, after, null)))!.Code);
        Assert.Null(await desk.WriteAsync(tx => hub.Service<OutboxStore>().Decide(tx, after, wasSent: true, null)));
        Assert.Equal(OutboxState.Sent, (await desk.ReadAsync(reader => hub.Service<OutboxStore>().Find(reader, after)))!.State);
    }

    [Fact]
    public async Task A_mail_over_which_the_server_hangs_up_goes_behind_the_others()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var (first, second) = await WaitingAsync(hub);
        var (database, store) = (hub.Service<HubDatabase>(), hub.Service<OutboxStore>());
        var due = await database.WriteAsync(tx =>
        {
            var mail = store.Find(tx, first)!;
            var recipients = store.Recipients(tx, first).Select(recipient => EmailAddress.Parse(recipient.Address)).ToList();
            var hungUp = new Postrider.Mail.Smtp.SmtpFailure(WireFailureKind.Disconnected, "DATA", null, "The server ended the connection.", false, false);
            var verdict = AttemptVerdict.Of(recipients, new([.. recipients.Select(recipient => new Postrider.Mail.Smtp.SmtpRecipientResult(recipient, false, null))], null, hungUp), "localhost", 1);
            var claimed = Claim(hub, tx);
            Assert.Equal(first, claimed.Id);
            store.Settle(tx, claimed, hub.Service<OutgoingServerStore>().Find(tx, mail.ServerId)!, verdict, tx.Now.AddDays(1), null, 0, []);
            return (First: store.Find(tx, first)!, Second: store.Find(tx, second)!);
        });
        Assert.Equal((OutboxState.Waiting, 0), (due.First.State, due.First.Tries));
        Assert.True(due.First.DueAt > due.Second.DueAt);
    }

    [Fact]
    public async Task An_old_mail_that_was_refused_and_is_tried_again_may_be_postponed_again()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var (id, _) = await WaitingAsync(hub);
        var (database, store) = (hub.Service<HubDatabase>(), hub.Service<OutboxStore>());
        var mail = await database.WriteAsync(tx =>
        {
            var recipients = store.Recipients(tx, id).Select(recipient => EmailAddress.Parse(recipient.Address)).ToList();
            void Answer(RecipientOutcome outcome)
            {
                var now = store.Find(tx, id)!;
                store.Settle(tx, Claim(hub, tx), hub.Service<OutgoingServerStore>().Find(tx, now.ServerId)!, new AttemptVerdict(recipients.ToDictionary(recipient => recipient, _ => outcome), null, null), null, null, 0, []);
            }

            Answer(new RecipientOutcome.Refused(new(550, "5.7.1", "No.")));
            tx.Execute("UPDATE outbox_mail SET life_from = @at, due_at = @at WHERE id = @id", new { id, at = tx.Now.AddDays(-6) });
            Assert.Null(store.Retry(tx, id, null));
            Answer(new RecipientOutcome.Deferred(new(451, "4.7.500", "Server busy")));
            return store.Find(tx, id)!;
        });
        Assert.Equal(OutboxState.Waiting, mail.State);
    }

    [Fact]
    public async Task A_mail_that_a_person_found_unsent_is_sent_again()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var (_, after) = await StrandAsync(hub);
        await hub.RestartAsync();
        using var answer = await HubUnderTest.SubmitAsync(hub.Browser, $"/email-queue/{after.Value:D}", "mail", ("do", "send-again"));
        Assert.Equal(System.Net.HttpStatusCode.Found, answer.StatusCode);
        Assert.Equal(OutboxState.Waiting, (await hub.Service<HubDatabase>().ReadAsync(reader => hub.Service<OutboxStore>().Find(reader, after)))!.State);
    }

    /// <summary>As a kill leaves them: two claimed mails, of one the final dot was about to leave.</summary>
    private static async Task<(OutboxMailId Before, OutboxMailId After)> StrandAsync(HubUnderTest hub)
    {
        var ids = await WaitingAsync(hub);
        await hub.Service<HubDatabase>().WriteAsync(tx =>
        {
            Claim(hub, tx, 2);
            OutboxStore.MarkDot(tx, ids.Second);
        });
        return ids;
    }

    /// <summary>Lets the server that rests be used for this one claim.</summary>
    private static ClaimedMail Claim(HubUnderTest hub, HubTransaction tx, int count = 1)
    {
        tx.Execute("UPDATE outgoing_server SET paused_until = NULL");
        var mails = hub.Service<OutboxStore>().Claim(tx, hub.Service<OutgoingServerStore>().List(tx).Single(), Guid.CreateVersion7(), count, 0).Mails;
        tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = tx.Now.AddDays(1) });
        Assert.Equal(count, mails.Count);
        return mails[0];
    }

    /// <summary>Two mails whose server rests, so that nobody claims them.</summary>
    private static async Task<(OutboxMailId First, OutboxMailId Second)> WaitingAsync(HubUnderTest hub)
    {
        await hub.PostAsync<System.Text.Json.JsonElement>("/api/v1/outgoing-servers", new { name = "Nobody", kind = "smtp", host = "localhost", port = 1, fromFilter = "meadow.example" });
        var database = hub.Service<HubDatabase>();
        await database.WriteAsync(tx => tx.Execute("UPDATE outgoing_server SET paused_until = @until", new { until = tx.Now.AddDays(1) }));
        var ids = new List<OutboxMailId>();
        for (var n = 0; n < 2; n++)
            ids.Add((await hub.Service<Outbox>().PutAsync(new OutgoingMessage { From = new(null, EmailAddress.Parse("ann@meadow.example")), To = [new(null, EmailAddress.Parse("ben@example.org"))], Text = "x" }, null, Cancel)).Id!.Value);
        return (ids[0], ids[1]);
    }

    private Task<PutResult> PutAsync(string from, string to, Func<OutgoingMessage, OutgoingMessage>? change = null)
    {
        var message = new OutgoingMessage { From = new("Sender", EmailAddress.Parse(from)), To = [new("Receiver", EmailAddress.Parse(to))], Subject = "Hello", Text = "Text" };
        return Outbox.PutAsync(change is null ? message : change(message), null, Cancel);
    }

    private static byte[] Pattern(int length)
    {
        var bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
