using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Conversations;
using Postrider.IncomingMail;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Storage;

namespace Postrider.Tests.IncomingMail;

public class IntakeTests : IAsyncLifetime
{
    private static readonly Guid Server = Guid.Parse("01900000-0000-7000-8000-000000000001");
    private static readonly Guid Reader = Guid.Parse("01900000-0000-7000-8000-000000000002");
    private readonly TemporaryFolder folder = new();
    private readonly LiveEvents live = new(TimeProvider.System);
    private HubDatabase database = null!;
    private string? address;
    private Bodies bodies = null!;
    private ConversationStore conversations = null!;
    private IntakeStore store = null!;
    private Intake intake = null!;
    private uint cursor;

    public async ValueTask InitializeAsync()
    {
        address = await TestDatabase.NewAsync();
        Open();
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await TestDatabase.DropAsync(address);
        folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private void Open()
    {
        database = HubDatabase.Open(folder.Path, address, TimeProvider.System, NullLogger<HubDatabase>.Instance);
        bodies = new Bodies(database, TimeProvider.System);
        conversations = new ConversationStore(TimeProvider.System);
        store = new IntakeStore(TimeProvider.System);
        intake = IntakeUnderTest.Of(database, bodies, store, conversations, live);
    }

    [Fact]
    public async Task A_message_begins_a_conversation_with_its_bytes_and_files()
    {
        await TakeAsync(Mail(1, "ann@example.org", "Order 7", "m1@example.org", body: "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGuten Tag, schöne Grüße\r\n--b\r\nContent-Type: application/pdf; name=\"../a.pdf\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"../a.pdf\"\r\n\r\nAQID\r\n--b--\r\n"));

        var line = Assert.Single(await LinesAsync());
        Assert.Equal("Order 7", line.Conversation.Subject);
        Assert.Equal(1, line.Unread);
        Assert.True(line.WaitsForUs);
        var message = Assert.Single(await MessagesAsync(line.Conversation.Id));
        Assert.Equal("Guten Tag, schöne Grüße", message.Text!.Trim());
        Assert.Equal("a.pdf", Assert.Single(message.Attachments).FileName);
        Assert.Equal(3, message.Attachments[0].Size);
    }

    [Fact]
    public async Task What_Outlook_put_into_winmail_dat_is_shown_and_handed_out()
    {
        // [MS-OXTNEF]: the title and the data of one attachment, and the text.
        byte[] tnef = [0x78, 0x9F, 0x3E, 0x22, 1, 0, .. Attribute(1, 0x2800C, "Guten Tag"u8), .. Attribute(2, 0x69002, new byte[14]), .. Attribute(2, 0x18010, "../offer.pdf"u8), .. Attribute(2, 0x6800F, [1, 2, 3, 4])];
        await TakeAsync(Mail(1, "ann@example.org", "Offer", "m1@example.org", body: "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf; name=first.pdf\r\n\r\nfirst\r\n--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" + Convert.ToBase64String(tnef) + "\r\n--b--\r\n"));

        var conversation = Assert.Single(await LinesAsync()).Conversation.Id;
        var message = Assert.Single(await MessagesAsync(conversation));
        Assert.Equal("Guten Tag", message.Text);
        Assert.Equal([("first.pdf", 5L), ("offer.pdf", 4L)], message.Attachments.Select(a => (a.FileName, a.Size)));
        // Nothing was sent, so the outbox is not asked.
        var file = await new ConversationReading(database, bodies, conversations, new InboxStore(TimeProvider.System), own: null!, mails: null!).FileAsync(conversation, message.Attachments[1].Id, TestContext.Current.CancellationToken);
        Assert.Equal([1, 2, 3, 4], file!.Bytes);

        static byte[] Attribute(byte level, int id, ReadOnlySpan<byte> value)
        {
            var sum = 0;
            foreach (var b in value) sum += b;
            return [level, .. BitConverter.GetBytes(id), .. BitConverter.GetBytes(value.Length), .. value, .. BitConverter.GetBytes((ushort)sum)];
        }
    }

    [Fact]
    public async Task The_same_uid_twice_is_one_message()
    {
        var mail = Mail(1, "ann@example.org", "Order 7", "m1@example.org");
        await TakeAsync(mail);
        await TakeAsync(mail);

        Assert.Single(await MessagesAsync(Assert.Single(await LinesAsync()).Conversation.Id));
    }

    [Fact]
    public async Task A_crash_between_storing_and_routing_loses_nothing_and_doubles_nothing()
    {
        var mails = new[] { Mail(1, "ann@example.org", "A", "m1@example.org"), Mail(2, "ben@example.org", "B", "m2@example.org") };
        await Assert.ThrowsAsync<IOException>(() => intake.TakeAsync(mails, _ => throw new IOException("the power went"), TestContext.Current.CancellationToken));
        Assert.Equal(0u, cursor);

        await database.DisposeAsync();
        Open();
        await intake.ResumeAsync(TestContext.Current.CancellationToken);
        await TakeAsync(mails);

        Assert.Equal(["A", "B"], (await LinesAsync()).Select(l => l.Conversation.Subject).Order(StringComparer.Ordinal));
        Assert.All(await LinesAsync(), l => Assert.Equal(1, l.Conversation.MessageCount));
        Assert.Equal(2u, cursor);
    }

    [Fact]
    public async Task The_cursor_and_the_message_come_together_or_not_at_all()
    {
        // Killed after the bytes were stored and before anything was decided.
        var mail = Mail(1, "ann@example.org", "A", "m1@example.org");
        await database.WriteAsync(tx => store.Put(tx, mail, bodies.Put(tx, mail.Bytes), System.Security.Cryptography.SHA256.HashData(mail.Bytes.Span)));
        Assert.Empty(await LinesAsync());

        Assert.Equal(1, await intake.ResumeAsync(TestContext.Current.CancellationToken));
        Assert.Equal(0, await intake.ResumeAsync(TestContext.Current.CancellationToken));
        Assert.Single(await LinesAsync());
    }

    [Fact]
    public async Task Bytes_damaged_on_the_disk_are_set_aside_and_hold_up_no_mailbox()
    {
        var mails = new[] { Mail(1, "ann@example.org", "A", "m1@example.org"), Mail(2, "ben@example.org", "B", "m2@example.org") };
        foreach (var mail in mails) await database.WriteAsync(tx => store.Put(tx, mail, bodies.Put(tx, mail.Bytes), System.Security.Cryptography.SHA256.HashData(mail.Bytes.Span)));
        await database.WriteAsync(tx => tx.Execute("update body_chunk set bytes = @zero where body_id = (select raw_body_id from incoming_mail where uid = 1)", new { zero = new byte[1] }));

        await intake.ResumeAsync(TestContext.Current.CancellationToken);

        Assert.Equal("B", Assert.Single(await LinesAsync()).Conversation.Subject);
        var held = Assert.Single(await database.ReadAsync(r => store.Quarantined(r, false, null, 10)));
        Assert.Equal(IncomingMailProblems.Unreadable, held.ProblemCode);
        Assert.Equal("incoming-mail-still-quarantined", (await intake.ProcessAgainAsync(held.Id, TestContext.Current.CancellationToken))?.Code);
    }

    [Fact]
    public async Task A_new_uidvalidity_brings_no_duplicates()
    {
        await TakeAsync(Mail(1, "ann@example.org", "A", "m1@example.org"), Mail(2, "ben@example.org", "No id", null));
        await TakeAsync(Mail(11, "ann@example.org", "A", "m1@example.org") with { UidValidity = 8 }, Mail(12, "ben@example.org", "No id", null) with { UidValidity = 8 }, Mail(13, "cy@example.org", "C", "m3@example.org") with { UidValidity = 8 });

        Assert.Equal(["A", "C", "No id"], (await LinesAsync()).Select(l => l.Conversation.Subject).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_same_message_through_two_mailboxes_is_shown_once_and_another_with_its_id_is_kept()
    {
        await TakeAsync(Mail(1, "ann@example.org", "A", "m1@example.org"));
        await TakeAsync(Mail(1, "ann@example.org", "A", "m1@example.org", extra: "Received: from elsewhere\r\n") with { Server = Reader });
        Assert.Single(await LinesAsync());

        await TakeAsync(Mail(2, "mallory@example.org", "Overwrite", "m1@example.org", body: "\r\nother words\r\n"));
        Assert.Equal(2, (await LinesAsync()).Count);
    }

    [Fact]
    public async Task An_answer_of_the_recipient_joins_and_a_strangers_does_not()
    {
        var conversation = await SentAsync("Offer", "our1@hub.example", "ann@example.org");
        await TakeAsync(Mail(1, "Ann@Example.org", "Re: Offer", "m1@example.org", extra: "In-Reply-To: <our1@hub.example>\r\n"));
        await TakeAsync(Mail(2, "mallory@example.net", "Re: Offer", "m2@example.net", extra: "References: <x@y> <our1@hub.example>\r\n"));

        Assert.Equal(["Offer", "Re: Offer"], (await MessagesAsync(conversation)).Select(m => m.Subject));
        Assert.Equal(2, (await LinesAsync()).Count);
    }

    [Fact]
    public async Task Our_own_mail_that_comes_back_is_no_answer()
    {
        var conversation = await SentAsync("Offer", "our1@hub.example", "ann@example.org");
        await TakeAsync(Mail(1, "sales@hub.example", "Offer", "rewritten@exchange", extra: "X-Microsoft-Original-Message-ID: <our1@hub.example>\r\n"));

        Assert.Single(await MessagesAsync(conversation));
        Assert.Single(await LinesAsync());
    }

    [Fact]
    public async Task A_bounce_stands_in_the_conversation_as_a_report()
    {
        var conversation = await SentAsync("Offer", "our1@hub.example", "ann@example.org");
        await TakeAsync(Mail(1, "postmaster@example.org", "Undeliverable: Offer", "b1@example.org", body: Bounce("ann@example.org", "our1@hub.example")));

        var report = (await MessagesAsync(conversation))[1];
        Assert.Equal(MessageDirection.Report, report.Direction);
        Assert.Contains("Not delivered to ann@example.org (5.1.1).", report.Text, StringComparison.Ordinal);
        Assert.Contains("550 5.1.1 user unknown", report.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_routed_waits_in_quarantine_and_is_processed_again()
    {
        var wake = live.Subscribe(new HashSet<string> { Intake.QuarantineTopic })!;
        await TakeAsync(Mail(1, "postmaster@example.org", "Undeliverable", "b1@example.org", body: Bounce("ann@example.org", "our1@hub.example")), Mail(2, "ben@example.org", "B", "m2@example.org"));
        Assert.True(wake.Changes.TryRead(out _));
        Assert.Single(await LinesAsync());
        var held = Assert.Single(await database.ReadAsync(r => store.Quarantined(r, false, null, 10)));
        Assert.Equal(IncomingMailProblems.ReportOnUnknownMail, held.ProblemCode);
        Assert.Equal("incoming-mail-still-quarantined", (await intake.ProcessAgainAsync(held.Id, TestContext.Current.CancellationToken))?.Code);

        var conversation = await SentAsync("Offer", "our1@hub.example", "ann@example.org");
        Assert.Null(await intake.ProcessAgainAsync(held.Id, TestContext.Current.CancellationToken));
        Assert.Equal(2, (await MessagesAsync(conversation)).Count);
        Assert.Empty(await database.ReadAsync(r => store.Quarantined(r, false, null, 10)));
        Assert.Null(await intake.ProcessAgainAsync(held.Id, TestContext.Current.CancellationToken));
        Assert.Equal(2, (await MessagesAsync(conversation)).Count);
    }

    [Fact]
    public async Task A_message_without_a_sender_goes_to_quarantine_with_its_bytes()
    {
        var mail = Mail(1, "ann@example.org", "A", "m1@example.org") with { Bytes = "Subject: nobody\r\n\r\nhello\r\n"u8.ToArray() };
        await TakeAsync(mail);

        var held = Assert.Single(await database.ReadAsync(r => store.Quarantined(r, false, null, 10)));
        Assert.Equal(IncomingMailProblems.NoSender, held.ProblemCode);
        var original = await new Quarantine(database, bodies, store, intake).OriginalAsync(held.Id, TestContext.Current.CancellationToken);
        Assert.Equal(mail.Bytes.ToArray(), original!.Bytes);
    }

    [Fact]
    public async Task A_message_whose_body_the_store_refuses_does_not_hold_back_the_next()
    {
        // A sender's address the thread cannot show later must not stop the mailbox: here the same UID in one batch twice, the worst a server can do.
        await TakeAsync(Mail(1, "ann@example.org", "A", "m1@example.org"), Mail(1, "ann@example.org", "A", "m1@example.org"), Mail(2, "ben@example.org", "B", "m2@example.org"));

        Assert.Equal(2, (await LinesAsync()).Count);
        Assert.Equal(2u, cursor);
    }

    [Fact]
    public async Task A_large_message_keeps_every_byte()
    {
        var mail = Mail(1, "ann@example.org", "Large", "m1@example.org", body: "\r\n" + new string('x', 76) + string.Concat(Enumerable.Repeat("\r\n" + new string('y', 76), 12_000)));
        await TakeAsync(mail);

        var message = Assert.Single(await MessagesAsync(Assert.Single(await LinesAsync()).Conversation.Id));
        Assert.True(message.TextCut);
        var (_, raw) = (await database.ReadAsync(r => conversations.BodiesOf(r, message.Conversation, message.Id)))!.Value;
        Assert.Equal(mail.Bytes.ToArray(), await bodies.ReadAsync(raw!.Value));
    }

    // THR-06
    [Fact]
    public async Task One_subject_of_two_customers_is_two_conversations()
    {
        await TakeAsync(Mail(1, "ann@example.org", "Invoice", "m1@example.org"), Mail(2, "ben@example.net", "Invoice", "m2@example.net"), Mail(3, "ben@example.net", "Re: Invoice", "m3@example.net"), Mail(4, "ann@example.org", "Re: Invoice", "m4@example.org", extra: "In-Reply-To: <m1@example.org>\r\n"));
        // An answer joins by what it names, and by nothing else.
        Assert.Equal([1, 1, 2], (await LinesAsync()).Select(line => line.Conversation.MessageCount).Order());
    }

    // THR-04
    [Fact]
    public async Task A_parent_that_comes_after_its_child_joins_it_and_a_strangers_does_not()
    {
        await TakeAsync(Mail(1, "ann@example.org", "Re: Plan", "child@example.org", extra: "In-Reply-To: <parent@example.org>\r\n"));
        await TakeAsync(Mail(2, "mallory@example.net", "Plan", "other@example.net"), Mail(3, "ann@example.org", "Plan", "parent@example.org"));
        var conversation = (await LinesAsync()).Single(l => l.Conversation.MessageCount == 2).Conversation.Id;
        Assert.Equal(["Re: Plan", "Plan"], (await MessagesAsync(conversation)).Select(m => m.Subject));

        // Somebody else's words under the id that is waited for.
        await TakeAsync(Mail(4, "ben@example.org", "Re: Two", "child2@example.org", extra: "References: <parent2@example.org>\r\n"), Mail(5, "mallory@example.net", "Two", "parent2@example.org"));
        Assert.Equal(4, (await LinesAsync()).Count);
    }

    [Fact]
    public async Task An_alias_leads_to_its_inbox_and_two_lead_to_two()
    {
        var (sales, support) = (await InboxAsync("Sales", "sales", "hub.example"), await InboxAsync("Support", "support", ""));
        await TakeAsync(Mail(1, "ann@example.org", "Order", "m1@example.org"), Mail(2, "ben@example.org", "Both", "m2@example.org", extra: "Cc: support@third.example\r\n"));
        var lines = await LinesAsync();
        Assert.Equal([("Both", sales), ("Both", support), ("Order", sales)], lines.Select(l => (l.Conversation.Subject, l.Conversation.Inbox!.Value)).OrderBy(l => l.Subject, StringComparer.Ordinal).ThenBy(l => l.Value != sales));
        // An answer to both goes on where its recipient says.
        await TakeAsync(Mail(3, "ben@example.org", "Re: Both", "m3@example.org", extra: "In-Reply-To: <m2@example.org>\r\n"));
        Assert.Equal(2, (await LinesAsync()).Single(l => l.Conversation.Subject == "Both" && l.Conversation.Inbox == sales).Conversation.MessageCount);
        Assert.Contains("sales@hub.example leads to Sales", (await MessagesAsync(lines.First(l => l.Conversation.Subject == "Order").Conversation.Id))[0].Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_many_of_one_sender_wait_in_quarantine_and_old_mail_does_not_count()
    {
        await InboxAsync("Sales", "sales", "hub.example");
        // A first reading of a mailbox: years at once.
        await TakeAsync([.. Enumerable.Range(1, 30).Select(n => Mail((uint)n, "ann@example.org", $"Old {n}", $"old{n}@example.org") with { InternalDate = TimeProvider.System.GetUtcNow().AddDays(-n) })]);
        Assert.Equal(0, await database.ReadAsync(store.CountQuarantined));

        await TakeAsync([.. Enumerable.Range(101, 25).Select(n => Mail((uint)n, "robot@example.org", $"Alarm {n}", $"m{n}@example.org", extra: Passed("example.org")))]);
        var held = await database.ReadAsync(r => store.Quarantined(r, false, null, 50));
        Assert.Equal(5, held.Count);
        Assert.All(held, mail => Assert.Equal((IncomingMailProblems.Loop, "robot@example.org"), (mail.ProblemCode, mail.Sender)));
        // One answer, whatever comes.
        Assert.Equal("robot@example.org", (await database.ReadAsync(RefusalStore.Due)).Single().Recipient);
    }

    [Fact]
    public async Task A_refused_sender_is_told_once_a_day_and_only_when_the_address_is_proved()
    {
        await InboxAsync("Board", "sales", "hub.example", ContactRule.KnownContacts);
        await TakeAsync(
            Mail(1, "ann@example.org", "One", "m1@example.org", extra: Passed("example.org")), Mail(2, "ann@example.org", "Two", "m2@example.org", extra: Passed("example.org")),
            Mail(3, "ben@example.net", "Unproved", "m3@example.net"), Mail(4, "cy@example.net", "Forged", "m4@example.net", extra: "Authentication-Results: dmarc=fail header.from=example.net\r\n"),
            Mail(5, "list@example.com", "List", "m5@example.com", extra: Passed("example.com") + "List-Id: <l.example.com>\r\n"), Mail(6, "away@example.com", "Away", "m6@example.com", extra: Passed("example.com") + "Auto-Submitted: auto-generated\r\n"));
        Assert.Empty(await LinesAsync());
        var held = await database.ReadAsync(r => store.Quarantined(r, false, null, 50));
        Assert.All(held, mail => Assert.Equal(IncomingMailProblems.Refused, mail.ProblemCode));
        Assert.Equal(6, held.Count);
        var due = Assert.Single(await database.ReadAsync(RefusalStore.Due));
        Assert.Equal(("ann@example.org", "sales@hub.example", "m1@example.org"), (due.Recipient, due.RefusedBy, due.HeaderId));
        Assert.Contains("The sender is told.", held.Single(h => h.Subject == "One").Reason, StringComparison.Ordinal);

        // Once it is known who they are, Process again lets them in.
        await database.WriteAsync(tx => tx.Execute("update alias set contact_rule = 'everyone'"));
        foreach (var mail in held) Assert.Null(await intake.ProcessAgainAsync(mail.Id, TestContext.Current.CancellationToken));
        Assert.Equal(6, (await LinesAsync()).Count);
        Assert.Single(await database.ReadAsync(RefusalStore.Due));
    }

    [Fact]
    public async Task What_a_person_discards_can_be_taken_back_and_what_is_sent_on_stands_there()
    {
        var by = new Postrider.Web.Viewer(Reader, "Rita", "rita@hub.example", true, false);
        var cancel = TestContext.Current.CancellationToken;
        await TakeAsync(Mail(1, "x@example.org", "A", "a@example.org") with { Bytes = "Subject: nobody\r\n\r\nhello\r\n"u8.ToArray() });
        var id = Assert.Single(await database.ReadAsync(r => store.Quarantined(r, false, null, 10))).Id;

        Assert.Null(await intake.DiscardAsync(id, by, cancel));
        Assert.Empty(await database.ReadAsync(r => store.Quarantined(r, false, null, 10)));
        Assert.Equal(Reader, Assert.Single(await database.ReadAsync(r => store.Quarantined(r, true, null, 10))).DiscardedBy);
        Assert.Equal("incoming-mail-not-waiting", (await intake.DiscardAsync(id, by, cancel))?.Code);
        Assert.Equal("incoming-mail-not-waiting", (await intake.SendToAsync(id, null, null, by, cancel))?.Code);
        Assert.Equal("incoming-mail-not-waiting", (await intake.ProcessAgainAsync(id, cancel))?.Code);
        Assert.Null(await intake.RestoreAsync(id, by, cancel));
        Assert.Equal("incoming-mail-not-waiting", (await intake.RestoreAsync(id, by, cancel))?.Code);

        Assert.Equal("inbox-not-found", (await intake.SendToAsync(id, null, new InboxId(Guid.NewGuid()), by, cancel))?.Code);
        Assert.Equal("conversation-not-found", (await intake.SendToAsync(id, new ConversationId(Guid.NewGuid()), null, by, cancel))?.Code);
        var sales = await InboxAsync("Sales", "sales", "hub.example");
        Assert.Null(await intake.SendToAsync(id, null, sales, by, cancel));
        var line = Assert.Single(await LinesAsync());
        Assert.Equal((sales, "nobody"), (line.Conversation.Inbox!.Value, line.Conversation.Subject));
        Assert.StartsWith("Rita sent it here from quarantine.", (await MessagesAsync(line.Conversation.Id))[0].Explanation, StringComparison.Ordinal);
        Assert.Equal("incoming-mail-not-waiting", (await intake.SendToAsync(id, null, null, by, cancel))?.Code);
        Assert.Equal(["incoming-mail-discarded", "incoming-mail-restored", "incoming-mail-sent-on"], await database.ReadAsync(r => r.Query<string>("select kind from journal_event where subject = 'quarantine' order by at, id")));
    }

    [Fact]
    public async Task A_failed_sender_is_marked_on_the_message()
    {
        await TakeAsync(Mail(1, "ann@example.org", "A", "m1@example.org", extra: "Authentication-Results: spf=fail; dmarc=fail action=none header.from=example.org\r\n"));
        var message = Assert.Single(await MessagesAsync(Assert.Single(await LinesAsync()).Conversation.Id));
        Assert.Equal(SenderCheck.Failed, message.SenderCheck);
    }

    private Task<InboxId> InboxAsync(string inbox, string alias, string domain, ContactRule rule = ContactRule.Everyone) => database.WriteAsync(tx =>
    {
        var inboxes = new InboxStore(TimeProvider.System);
        var id = inboxes.Insert(tx, inbox)!.Value;
        inboxes.Insert(tx, new AliasSettings(alias, domain, id, rule, null, true));
        return id;
    });

    private static string Passed(string domain) => $"Authentication-Results: spf=pass smtp.mailfrom={domain}; dmarc=pass action=none header.from={domain}\r\n";

    [Fact]
    public async Task Every_corpus_message_is_settled_and_none_blocks_the_others()
    {
        var corpora = Environment.GetEnvironmentVariable("POSTRIDER_CORPORA");
        Assert.SkipWhen(corpora is null, "POSTRIDER_CORPORA is not set: the corpora are not part of the repository.");
        var files = new[] { "bounces-sisimai", "mime-mimekit", "mime-rubymail", "mime-stalwart" }.SelectMany(c => Directory.EnumerateFiles(Path.Combine(corpora, c, "files"), "*", SearchOption.AllDirectories)).Order(StringComparer.Ordinal).ToList();
        uint uid = 0;
        foreach (var batch in files.Chunk(50))
        {
            await TakeAsync([.. batch.Select(f => new ArrivedMail(Server, "INBOX", 7, ++uid, null, File.ReadAllBytes(f)))]);
        }

        var (all, undecided, notProcessed) = await database.ReadAsync(r => (r.Scalar<long>("select count(*) from incoming_mail"), r.Scalar<long>("select count(*) from incoming_mail where state = 'stored'"),
            r.Query<string>("select problem_text from incoming_mail where problem_code in ('incoming-mail-unreadable', 'incoming-mail-not-processed')")));
        Assert.Equal(files.Count, all);
        Assert.Equal(0, undecided);
        Assert.Empty(notProcessed);
        // Each to the byte.
        var raw = await database.ReadAsync(r => r.Query<Guid>("select raw_body_id from incoming_mail order by uid"));
        foreach (var (file, body) in files.Zip(raw))
        {
            var kept = await bodies.ReadAsync(body);
            Assert.True(kept.AsSpan().SequenceEqual(File.ReadAllBytes(file)), file);
        }
        // And each can be shown.
        foreach (var line in await database.ReadAsync(r => conversations.List(r, Reader, ConversationFilter.All, null, 200))) Assert.NotEmpty(await MessagesAsync(line.Conversation.Id));
    }

    private Task TakeAsync(params ArrivedMail[] mails) => intake.TakeAsync(mails, tx => tx.AfterCommit(() => cursor = mails.Max(m => m.Uid)), TestContext.Current.CancellationToken);

    private Task<IReadOnlyList<ConversationLine>> LinesAsync() => database.ReadAsync(r => conversations.List(r, Reader, ConversationFilter.All, null, 50));

    private Task<IReadOnlyList<ThreadMessage>> MessagesAsync(ConversationId id) => database.ReadAsync(r => conversations.Messages(r, id));

    private Task<ConversationId> SentAsync(string subject, string messageId, string to) => database.WriteAsync(tx =>
    {
        var id = conversations.Start(tx, subject);
        conversations.Add(tx, id, new NewThreadMessage
        {
            Id = new(Ids.New(TimeProvider.System)),
            Direction = MessageDirection.Outgoing,
            Author = new NamedAddress("Sales", EmailAddress.Parse("sales@hub.example")),
            To = [new NamedAddress(null, EmailAddress.Parse(to))],
            Cc = [],
            Subject = subject,
            HeaderId = messageId,
        });
        return id;
    });

    private static ArrivedMail Mail(uint uid, string from, string subject, string? messageId, string extra = "", string body = "Content-Type: text/plain\r\n\r\nhello\r\n") =>
        new(Server, "INBOX", 7, uid, null, Encoding.UTF8.GetBytes($"From: {from}\r\nTo: sales@hub.example\r\nSubject: {subject}\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n{(messageId is null ? "" : $"Message-ID: <{messageId}>\r\n")}{extra}MIME-Version: 1.0\r\n{body}"));

    private static string Bounce(string recipient, string original) =>
        $"Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n--r\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 user unknown\r\n\r\n--r\r\nContent-Type: message/rfc822\r\n\r\nFrom: sales@hub.example\r\nMessage-ID: <{original}>\r\nSubject: Offer\r\n\r\nhi\r\n--r--\r\n";
}
