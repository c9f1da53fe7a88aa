using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Conversations;
using Postrider.IncomingMail;
using Postrider.Journal;
using Postrider.Mail.Tests;
using Postrider.OutgoingMail;
using Postrider.Storage;
using Postrider.Tests.OutgoingMail;
using Postrider.Tests.Submission;

namespace Postrider.Tests.IncomingMail;

/// <summary>Who is answered by the hub itself, and who never is.</summary>
public sealed class LoopTests : IAsyncLifetime
{
    private const string Proved = "Authentication-Results: spf=pass smtp.mailfrom=peer.example; dmarc=pass action=none header.from=peer.example\r\n";
    private readonly TemporaryFolder folder = new();
    private readonly FakeClock clock = new();
    private HubDatabase database = null!;
    private string? address;
    private IntakeStore store = null!;
    private ConversationStore conversations = null!;
    private Intake intake = null!;
    private uint uid;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        address = await TestDatabase.NewAsync();
        database = HubDatabase.Open(folder.Path, address, clock, NullLogger<HubDatabase>.Instance);
        (store, conversations) = (new IntakeStore(clock), new ConversationStore(clock));
        intake = IntakeUnderTest.Of(database, new Bodies(database, clock), store, conversations, new LiveEvents(clock), clock: clock);
        await database.WriteAsync(tx =>
        {
            var inboxes = new InboxStore(clock);
            inboxes.Insert(tx, new AliasSettings("board", "hub.example", inboxes.Insert(tx, "Board")!.Value, ContactRule.KnownContacts, null, true));
        });
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await TestDatabase.DropAsync(address);
        folder.Dispose();
    }

    /// <summary>LOP-01, RFC 3834 section 2. To an alias that refuses it, from an address that is proved: only the header keeps the hub from telling its sender.</summary>
    [Theory]
    [InlineData("Auto-Submitted: auto-replied")]
    [InlineData("Auto-Submitted: auto-generated")]
    [InlineData("Auto-Submitted: auto-notified; owner-email=\"a@b\"")]
    [InlineData("Return-Path: <>")]
    [InlineData("List-Id: <l.peer.example>")]
    [InlineData("List-Unsubscribe: <mailto:x@peer.example>")]
    [InlineData("Precedence: bulk")]
    [InlineData("Precedence: junk")]
    [InlineData("Precedence: list")]
    [InlineData("X-Auto-Response-Suppress: All")]
    [InlineData("X-Auto-Response-Suppress: OOF")]
    [InlineData("X-Auto-Response-Suppress: DR, AutoReply")]
    [InlineData("X-Autoreply: yes")]
    [InlineData("X-Autorespond: yes")]
    [InlineData("X-Loop: sales@peer.example")]
    [InlineData("X-Nothing: x", "mailer-daemon@peer.example")]
    [InlineData("X-Nothing: x", "no-reply@peer.example")]
    [InlineData("Content-Type: multipart/report; report-type=delivery-status; boundary=b")]
    public async Task What_a_program_a_list_or_nobody_wrote_is_never_answered(string header, string from = "ann@peer.example")
    {
        await TakeAsync(from, $"{Proved}{header}\r\n");
        Assert.Empty(await database.ReadAsync(RefusalStore.Due));
        Assert.Equal(1, await database.ReadAsync(store.CountQuarantined));
        // The same mail without it: its sender is told.
        await TakeAsync("ann@peer.example", Proved);
        Assert.Equal("ann@peer.example", Assert.Single(await database.ReadAsync(RefusalStore.Due)).Recipient);
    }

    /// <summary>LOP-02.</summary>
    [Theory]
    [InlineData("All")]
    [InlineData("OOF")]
    [InlineData("AutoReply")]
    public async Task A_person_whose_mail_asks_for_no_automatic_answer_has_a_conversation(string word)
    {
        await TakeAsync("ann@peer.example", $"X-Auto-Response-Suppress: {word}\r\n", to: "sales@hub.example");
        var line = Assert.Single(await database.ReadAsync(r => conversations.List(r, Guid.Empty, ConversationFilter.All, null, 10)));
        Assert.False(Assert.Single(await database.ReadAsync(r => conversations.Messages(r, line.Conversation.Id))).Automatic);
        Assert.Equal(0, await database.ReadAsync(store.CountQuarantined));
    }

    /// <summary>LOP-03, LOP-04: a peer that answers each of our answers with a mail of its own, and takes every mark off.</summary>
    [Fact]
    public async Task A_peer_that_answers_without_any_mark_gets_one_answer_a_day()
    {
        await TakeAsync("desk@peer.example", Proved);
        var answered = new HashSet<Guid>();
        for (var hour = 1; hour <= 48; hour++)
        {
            // Whatever was to be sent is sent, and comes back as if somebody had written it.
            foreach (var due in await database.ReadAsync(RefusalStore.Due))
            {
                Assert.True(answered.Add(due.Mail.Value));
                await database.WriteAsync(tx => RefusalStore.Settle(tx, due.Mail, told: true));
            }
            for (var n = 0; n < 5; n++) await TakeAsync("desk@peer.example", Proved);
            clock.Advance(TimeSpan.FromHours(1));
        }

        Assert.Equal(2, answered.Count);
        Assert.Equal(241, await database.ReadAsync(store.CountQuarantined));
    }

    /// <summary>LOP-10.</summary>
    [Fact]
    public async Task A_mail_that_cannot_be_delivered_is_told_to_who_handed_it_in_and_not_to_its_From()
    {
        await using var smtp = new ScriptedSmtp { At = "RCPT", Answer = "550 5.1.1 No such user" };
        await using var submission = await SubmissionUnderTest.StartAsync();
        await submission.Hub.Service<HubDatabase>().WriteAsync(tx =>
        {
            tx.Execute("UPDATE outgoing_server SET port = @Port, security = 'none', paused_until = NULL, from_filter = ''", new { smtp.Port });
            submission.Hub.Service<Postrider.OutgoingServers.ServerRoster>().Forget(tx);
        }, Cancel);
        await using var line = await submission.SignInAsync();
        Assert.StartsWith("250", await line.SendAsync("From: Stranger <stranger@elsewhere.example>\r\nReply-To: other@elsewhere.example\r\nSubject: Offer\r\n\r\nx", from: SubmissionUnderTest.Own, to: ["<ben@example.org>"]), StringComparison.Ordinal);
        Assert.Equal(OutboxState.Refused, (await submission.SettledAsync()).State);
        for (var n = 0; n < 2; n++) await submission.Hub.Service<SubmitterReports>().TellAllAsync(Cancel);
        var mails = await submission.Hub.Service<HubDatabase>().ReadAsync(reader => submission.Hub.Service<OutboxStore>().List(reader, null, null, null, 10), Cancel);
        Assert.Equal(["Offer: ben@example.org", $"Undelivered: Offer: {SubmissionUnderTest.Own}"], mails.Select(mail => $"{mail.Subject}: {mail.Recipients}").Order(StringComparer.Ordinal));
    }

    private Task TakeAsync(string from, string headers, string to = "board@hub.example") =>
        intake.TakeAsync([new ArrivedMail(Guid.Parse("01900000-0000-7000-8000-000000000001"), "INBOX", 7, ++uid, null, Encoding.ASCII.GetBytes($"From: {from}\r\nTo: {to}\r\nSubject: About it\r\nMessage-ID: <{uid}@peer.example>\r\n{headers}\r\nhello\r\n"))], _ => { }, Cancel);
}
