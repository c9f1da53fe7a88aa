using System.Globalization;
using Postrider.Conversations;
using Postrider.IncomingMail;
using Postrider.IncomingServers;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.Storage;

namespace Postrider.Tests.IncomingServers;

/// <summary>Reading a mailbox that is ill, or that others read too. The faults' numbers are those of the intake's list.</summary>
public class MailboxReaderTests : IAsyncLifetime
{
    private readonly ScriptedMailbox box = new();
    private ReaderUnderTest hub = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        hub = await ReaderUnderTest.StartAsync();
        for (var uid = 1; uid <= 3; uid++) box.Mails[(uint)uid] = ScriptedMailbox.Mail(uid);
    }

    public async ValueTask DisposeAsync()
    {
        await hub.DisposeAsync();
        await box.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Theory, Trait("Fault", "IMP-04")]
    [InlineData("(UID 2 FLAGS () INTERNALDATE \"22-Nov-2026 12:00:00 +0000\" RFC822.SIZE 90 BODY[] NIL)")]
    [InlineData("(UID 2 FLAGS () INTERNALDATE \"22-Nov-2026 12:00:00 +0000\" RFC822.SIZE 90)")]
    [InlineData("NO The message could not be converted.")]
    public async Task A_message_that_is_not_handed_over_is_tried_again_and_then_set_aside_where_it_is_seen(string answer)
    {
        box.Spoilt[2] = answer;
        for (var tries = 1; tries < MailboxReader.TriesOfAMessage; tries++)
        {
            Assert.NotNull((await ReadAsync()).Failure);
            Assert.Equal(2u, (await hub.CursorAsync()).NextUid);
        }

        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(4u, (await hub.CursorAsync()).NextUid);
        Assert.Equal(["Mail 1", "Mail 3"], await hub.SubjectsAsync());
        var held = Assert.Single(await hub.QuarantinedAsync());
        Assert.Equal(IncomingMailProblems.NotHandedOver, held.ProblemCode);
        Assert.Contains("UID 2 of INBOX", held.Reason, StringComparison.Ordinal);
    }

    [Fact, Trait("Fault", "IMP-04")]
    public async Task A_message_that_is_handed_over_at_last_comes_in()
    {
        box.Spoilt[2] = "NO The message could not be converted.";
        Assert.NotNull((await ReadAsync()).Failure);
        box.Spoilt.Clear();
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(["Mail 1", "Mail 2", "Mail 3"], await hub.SubjectsAsync());
    }

    [Fact, Trait("Fault", "IMP-03")]
    public async Task A_message_that_was_expunged_meanwhile_is_passed_over()
    {
        // Listed by the search, gone when its content is asked for, and from then on.
        box.Spoilt[2] = "";
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(4u, (await hub.CursorAsync()).NextUid);
        Assert.Equal(["Mail 1", "Mail 3"], await hub.SubjectsAsync());
        Assert.Empty(await hub.QuarantinedAsync());
    }

    [Fact]
    public async Task Another_mailbox_with_the_same_uids_comes_in_whole()
    {
        Assert.Null((await ReadAsync()).Failure);
        foreach (var uid in box.Mails.Keys) box.Mails[uid] = box.Mails[uid].Replace("Mail", "Other mail", StringComparison.Ordinal).Replace("<m", "<other", StringComparison.Ordinal);
        await hub.ChangeAsync(settings => settings with { UserName = "orders" }, otherMailbox: true);

        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(["Mail 1", "Mail 2", "Mail 3", "Other mail 1", "Other mail 2", "Other mail 3"], await hub.SubjectsAsync());
    }

    [Fact, Trait("Fault", "IMP-02")]
    public async Task A_new_UIDVALIDITY_brings_nothing_twice_loses_nothing_and_is_told()
    {
        Assert.Null((await ReadAsync()).Failure);
        box.UidValidity = 8;
        // The same messages under other numbers, one that is gone, one that is new under a number that was another's.
        var (one, two) = (box.Mails[1], box.Mails[2]);
        box.Mails.Clear();
        (box.Mails[5], box.Mails[2], box.Mails[1]) = (one, two, ScriptedMailbox.Mail(4));
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(["Mail 1", "Mail 2", "Mail 3", "Mail 4"], await hub.SubjectsAsync());
        Assert.Equal((8u, 6u), ((await hub.CursorAsync()).UidValidity, (await hub.CursorAsync()).NextUid));
        Assert.Contains("UIDVALIDITY 7 became 8", Assert.Single(await hub.Database.ReadAsync(r => r.Query<string>("select text from journal_event where kind = 'incoming-mailbox-renumbered'"))), StringComparison.Ordinal);

        // With a mailbox that has nothing in common with what it was.
        box.UidValidity = 9;
        box.Mails.Clear();
        for (var uid = 1; uid <= 3; uid++) box.Mails[(uint)uid] = ScriptedMailbox.Mail(uid + 10);
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(["Mail 1", "Mail 11", "Mail 12", "Mail 13", "Mail 2", "Mail 3", "Mail 4"], await hub.SubjectsAsync());
    }

    [Fact, Trait("Fault", "IMP-09")]
    public async Task Throttling_is_no_message_s_fault()
    {
        box.Spoilt[2] = "NO Request is throttled. Suggested Backoff Time: 1000 milliseconds";
        for (var tries = 0; tries < 2 * MailboxReader.TriesOfAMessage; tries++) Assert.NotNull((await ReadAsync()).Failure);
        Assert.Empty(await hub.QuarantinedAsync());
        box.Spoilt.Clear();
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(["Mail 1", "Mail 2", "Mail 3"], await hub.SubjectsAsync());
    }

    [Fact]
    public async Task A_message_longer_than_can_be_taken_is_set_aside_at_once()
    {
        box.Spoilt[2] = "SIZE 999999999";
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(["Mail 1", "Mail 3"], await hub.SubjectsAsync());
        Assert.Equal(IncomingMailProblems.NotHandedOver, Assert.Single(await hub.QuarantinedAsync()).ProblemCode);
    }

    [Fact, Trait("Fault", "IMP-12")]
    public async Task One_Message_ID_on_two_messages_and_none_at_all_are_each_a_message_of_its_own()
    {
        box.Mails[2] = box.Mails[1].Replace("Mail 1", "Overwritten?", StringComparison.Ordinal).Replace("hello", "other text", StringComparison.Ordinal);
        box.Mails[3] = "From: a@example.org\r\nSubject: No id\r\n\r\nx\r\n";
        box.Mails[4] = "From: a@example.org\r\nSubject: No id\r\n\r\ny\r\n";
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(["Mail 1", "No id", "No id", "Overwritten?"], await hub.SubjectsAsync());
        Assert.Equal(["hello 1", "other text 1", "x", "y"], (await hub.Database.ReadAsync(r => r.Query<string>("select text_body from thread_message"))).Select(t => t.Trim()).Order(StringComparer.Ordinal));
    }

    /// <summary>SQLite may not grow by a page; PostgreSQL says what it says on a full disk.</summary>
    private Task FillDiskAsync() => hub.Database.WriteAsync(tx =>
    {
        if (!TestDatabase.IsPostgres)
        {
            var pages = tx.Scalar<long>("PRAGMA page_count");
            Assert.True(tx.Scalar<long>(string.Create(CultureInfo.InvariantCulture, $"PRAGMA max_page_count = {pages}")) > 0);
            return;
        }

        tx.Execute("CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$");
        tx.Execute("CREATE TRIGGER disk_full BEFORE INSERT ON body FOR EACH ROW EXECUTE FUNCTION disk_full()");
    });

    [Fact, Trait("Fault", "IMP-13")]
    public async Task A_database_that_cannot_be_written_moves_no_cursor_and_marks_nothing()
    {
        await hub.ChangeAsync(settings => settings with { MarkSeen = true });
        Assert.Null((await ReadAsync()).Failure);
        Assert.Contains(box.Commands, c => c.StartsWith("UID STORE", StringComparison.Ordinal));
        box.Commands.Clear();
        for (var uid = 4; uid <= 60; uid++) box.Mails[(uint)uid] = ScriptedMailbox.Mail(uid, headers: $"X-Long: {new string('x', 900)}\r\n");

        await FillDiskAsync();
        await Assert.ThrowsAnyAsync<Exception>(ReadAsync);
        Assert.Equal(4u, (await hub.CursorAsync()).NextUid);
        Assert.DoesNotContain(box.Commands, c => c.StartsWith("UID STORE", StringComparison.Ordinal));

        await hub.Database.WriteAsync(tx => tx.Execute(TestDatabase.IsPostgres ? "DROP TRIGGER disk_full ON body" : "PRAGMA max_page_count = 1000000"));
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(60, (await hub.SubjectsAsync()).Distinct().Count());
        Assert.Equal(60, (await hub.SubjectsAsync()).Count);
        Assert.Contains(box.Commands, c => c.StartsWith("UID STORE", StringComparison.Ordinal));
    }

    [Fact, Trait("Fault", "IMP-14")]
    public async Task Four_fetchers_on_one_mailbox_let_each_message_in_once()
    {
        for (var uid = 1; uid <= 700; uid++) box.Mails[(uint)uid] = ScriptedMailbox.Mail(uid);
        var readings = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => ReadAsync()));
        Assert.All(readings, reading => Assert.Null(reading.Failure));
        Assert.Equal(700, (await hub.SubjectsAsync()).Count);
        Assert.Equal(700, (await hub.SubjectsAsync()).Distinct().Count());
        Assert.Equal(701u, (await hub.CursorAsync()).NextUid);
    }

    [Theory, Trait("Fault", "IMP-16")]
    [InlineData("Thu, 01 Jan 1970 00:00:00 +0000", "01-Jan-1970 00:00:00 +0000")]
    [InlineData("Fri, 31 Dec 9999 23:59:59 -1200", "31-Dec-2099 23:59:59 +0000")]
    [InlineData("yesterday, I think", "22-Nov-2026 12:00:00 +0000")]
    [InlineData("", "31-Dec-9999 23:59:59 -1200")]
    public async Task Dates_that_cannot_be_change_neither_the_intake_nor_the_order(string date, string internalDate)
    {
        box.InternalDate = internalDate;
        box.Mails.Clear();
        for (var uid = 1; uid <= 3; uid++)
        {
            box.Mails[(uint)uid] = ScriptedMailbox.Mail(uid, headers: uid == 2 ? $"Date: {date}\r\n" : "");
            Assert.Null((await ReadAsync()).Failure);
        }
        Assert.Equal(["Mail 1", "Mail 2", "Mail 3"], await hub.SubjectsAsync());
        // By when they came here: the newest on top.
        var listed = (await hub.Database.ReadAsync(r => hub.Conversations.List(r, Guid.Empty, ConversationFilter.All, null, 50))).Select(l => l.Conversation.Subject);
        Assert.Equal(["Mail 3", "Mail 2", "Mail 1"], listed);
        Assert.Equal(4u, (await hub.CursorAsync()).NextUid);
    }

    [Theory, Trait("Fault", "IMP-17")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_unread_stays_unread_unless_it_is_to_be_marked(bool markSeen)
    {
        await hub.ChangeAsync(settings => settings with { MarkSeen = markSeen });
        Assert.Null((await ReadAsync()).Failure);
        Assert.DoesNotContain(box.Commands, c => c.Contains("BODY[", StringComparison.Ordinal) || c.Contains("RFC822 ", StringComparison.Ordinal));
        Assert.Equal(markSeen ? ["UID STORE 1:3 +FLAGS.SILENT (\\Seen)"] : [], box.Commands.Where(c => c.Contains("STORE", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Messages_are_moved_after_the_commit_and_what_a_failure_left_is_moved_by_the_next_session()
    {
        await hub.ChangeAsync(settings => settings with { Afterwards = AfterIntake.Move, MoveTo = "Done" });
        box.Instead = (command, _) => command == "UID" && box.Commands.Last().StartsWith("UID MOVE", StringComparison.Ordinal) ? "NO [TRYCREATE] no such folder" : null;
        Assert.Equal(ImapResponseCode.TryCreate, (await ReadAsync()).Failure!.Code);
        Assert.Equal(["Mail 1", "Mail 2", "Mail 3"], await hub.SubjectsAsync());
        Assert.Equal(3, box.Mails.Count);

        box.Instead = (_, _) => null;
        box.Mails[4] = ScriptedMailbox.Mail(4);
        Assert.Null((await ReadAsync()).Failure);
        Assert.Empty(box.Mails);
        Assert.Equal(["Mail 1", "Mail 2", "Mail 3", "Mail 4"], await hub.SubjectsAsync());
        Assert.Equal(0, await hub.Database.ReadAsync(r => r.Scalar<long>("select count(*) from incoming_mail where tidy_due = 1")));
    }

    [Fact]
    public async Task Without_the_original_the_message_and_its_files_stay_and_its_bytes_go()
    {
        await hub.ChangeAsync(settings => settings with { KeepOriginal = false });
        box.Mails.Clear();
        box.Mails[1] = "From: ann@example.org\r\nSubject: With a file\r\nMessage-ID: <f@example.org>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=a.csv\r\n\r\none;two\r\n--b--\r\n";
        box.Mails[2] = "Subject: Nobody sent this\r\n\r\nx\r\n";
        box.Mails[3] = box.Mails[1];
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(["With a file"], await hub.SubjectsAsync());
        var bodies = new Bodies(hub.Database, TimeProvider.System);
        var (file, raw) = await hub.Database.ReadAsync(r => (r.Scalar<byte[]>("select body_id from thread_attachment"), r.Query<Guid>("select raw_body_id from incoming_mail order by uid")));
        Assert.Equal("one;two"u8.ToArray(), await bodies.ReadAsync(new Guid(file!, bigEndian: true), Cancel));
        Assert.Equal([0, box.Mails[2].Length, 0], await Task.WhenAll(raw.Select(async id => (await bodies.ReadAsync(id, Cancel)).Length)));
        Assert.Equal(0, await hub.Database.ReadAsync(r => r.Scalar<long>("select count(*) from thread_message where raw_body_id is not null")));
        // The file, the original in quarantine, and the file of the second copy, which nobody owns and the sweep takes.
        Assert.Equal(3, await hub.Database.ReadAsync(r => r.Scalar<long>("select count(*) from body_chunk")));
    }

    [Fact]
    public async Task Of_the_last_days_the_older_ones_stay_out_until_somebody_moves_one_in()
    {
        var now = TimeProvider.System.GetUtcNow();
        await hub.ChangeAsync(settings => settings with { Starts = StartChoice.Days, StartDays = 7 });
        box.InternalDate = now.AddDays(-8).ToString("dd-MMM-yyyy HH:mm:ss +0000", CultureInfo.InvariantCulture);
        Assert.Equal(0, (await ReadAsync()).Taken);
        Assert.Contains(box.Commands, c => c.Contains(" SINCE ", StringComparison.Ordinal));
        Assert.Null((await hub.CursorAsync()).NotBefore);
        box.Mails[4] = ScriptedMailbox.Mail(4);
        Assert.Equal(1, (await ReadAsync()).Taken);
        Assert.Equal(["Mail 4"], await hub.SubjectsAsync());
    }

    [Fact]
    public async Task Catching_up_is_counted_goes_on_after_a_stop_and_ends()
    {
        for (var uid = 1; uid <= 1000; uid++) box.Mails[(uint)uid] = ScriptedMailbox.Mail(uid);
        box.Spoilt[650] = "NO Request is throttled. Suggested Backoff Time: 1000 milliseconds";
        Assert.NotNull((await ReadAsync()).Failure);
        var halfway = (await FlowAsync()).CatchUp!;
        Assert.Equal((1000, 649), (halfway.Total, halfway.Done));
        Assert.True(halfway.Rate is null or > 0);
        Assert.NotNull((await ReadAsync()).Failure);
        Assert.Equal((1000, 649), ((await FlowAsync()).CatchUp!.Total, (await FlowAsync()).CatchUp!.Done));
        box.Spoilt.Clear();
        Assert.Equal(351, (await ReadAsync()).Taken);
        var after = await FlowAsync();
        Assert.Null(after.CatchUp);
        Assert.Equal(1000, after.LastDay);
        Assert.Equal(1000, (await hub.SubjectsAsync()).Distinct().Count());
    }

    private Task<MailboxFlow> FlowAsync() => hub.Database.ReadAsync(r => hub.Servers.Flow(r, hub.Server));

    private Task<Reading> ReadAsync() => hub.ReadAsync(box.Endpoint, new SaslCredential.Plain("sales", "secret"), Cancel);
}
