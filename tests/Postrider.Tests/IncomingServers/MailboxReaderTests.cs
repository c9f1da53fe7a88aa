using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Conversations;
using Postrider.IncomingMail;
using Postrider.IncomingServers;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.OutlookAccounts;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.Storage;
using Postrider.Tests.IncomingMail;

namespace Postrider.Tests.IncomingServers;

public sealed class MailboxReaderTests : IAsyncLifetime
{
    private readonly TemporaryFolder folder = new();
    private readonly LiveEvents live = new(TimeProvider.System);
    private readonly Dictionary<uint, string> mails = [];
    private HubDatabase database = null!;
    private string? address;
    private IncomingServerStore servers = null!;
    private IntakeStore store = null!;
    private ConversationStore conversations = null!;
    private MailboxReader reader = null!;
    private IncomingServer server = null!;

    /// <summary>What the mailbox says to a request for content that names this UID, instead of the content; a line starting with <c>NO</c> refuses the whole command.</summary>
    private Dictionary<uint, string> Spoilt { get; } = [];
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        address = await TestDatabase.NewAsync();
        database = HubDatabase.Open(folder.Path, address, TimeProvider.System, NullLogger<HubDatabase>.Instance);
        store = new IntakeStore(TimeProvider.System);
        var journal = new JournalWriter(TimeProvider.System, live);
        var incidents = new IncidentStore(journal, live, [], TimeProvider.System);
        servers = new IncomingServerStore(TimeProvider.System, new IncomingServerChanges(live), store, incidents, new OutlookAccountStore(database, new EphemeralDataProtectionProvider(), journal, incidents));
        conversations = new ConversationStore(TimeProvider.System);
        var intake = IntakeUnderTest.Of(database, new Bodies(database, TimeProvider.System), store, conversations, live);
        reader = new MailboxReader(database, servers, intake, TimeProvider.System, NullLogger<MailboxReader>.Instance);
        var id = servers.NewId();
        server = await database.WriteAsync(tx =>
        {
            servers.Insert(tx, id, new IncomingServerSettings("Sales", IncomingServerKind.Imap, "sales", "localhost", 143, WireSecurity.None, null, "INBOX", StartChoice.Everything, MarkSeen: false), null);
            return servers.Find(tx, id)!;
        });
        foreach (var uid in (ReadOnlySpan<uint>)[1, 2, 3]) mails[uid] = $"From: ann{uid}@example.org\r\nSubject: Mail {uid}\r\nMessage-ID: <m{uid}@example.org>\r\n\r\nhello\r\n";
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await TestDatabase.DropAsync(address);
        folder.Dispose();
    }

    [Theory]
    [InlineData("(UID 2 FLAGS () INTERNALDATE \"22-Nov-2026 12:00:00 +0000\" RFC822.SIZE 90 BODY[] NIL)")]
    [InlineData("(UID 2 FLAGS () INTERNALDATE \"22-Nov-2026 12:00:00 +0000\" RFC822.SIZE 90)")]
    [InlineData("NO The message could not be converted.")]
    public async Task A_message_that_is_not_handed_over_is_tried_again_and_then_set_aside_where_it_is_seen(string answer)
    {
        Spoilt[2] = answer;
        for (var tries = 1; tries < MailboxReader.TriesOfAMessage; tries++)
        {
            Assert.NotNull((await ReadAsync()).Failure);
            Assert.Equal(2u, (await CursorAsync()).NextUid);
        }

        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(4u, (await CursorAsync()).NextUid);
        Assert.Equal(["Mail 1", "Mail 3"], await SubjectsAsync());
        var held = Assert.Single(await database.ReadAsync(r => store.Quarantined(r, false, null, 10)));
        Assert.Equal(IncomingMailProblems.NotHandedOver, held.ProblemCode);
        Assert.Contains("UID 2 of INBOX", held.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_that_is_handed_over_at_last_comes_in()
    {
        Spoilt[2] = "NO The message could not be converted.";
        Assert.NotNull((await ReadAsync()).Failure);
        Spoilt.Clear();
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(["Mail 1", "Mail 2", "Mail 3"], await SubjectsAsync());
    }

    [Fact]
    public async Task A_message_that_was_expunged_meanwhile_is_passed_over()
    {
        // Listed by the search, gone when its content is asked for, and from then on.
        Spoilt[2] = "";
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(4u, (await CursorAsync()).NextUid);
        Assert.Equal(["Mail 1", "Mail 3"], await SubjectsAsync());
        Assert.Empty(await database.ReadAsync(r => store.Quarantined(r, false, null, 10)));
    }

    [Fact]
    public async Task Another_mailbox_with_the_same_uids_comes_in_whole()
    {
        Assert.Null((await ReadAsync()).Failure);
        foreach (var uid in mails.Keys) mails[uid] = mails[uid].Replace("Mail", "Other mail", StringComparison.Ordinal).Replace("<m", "<other", StringComparison.Ordinal);
        server = await database.WriteAsync(tx =>
        {
            servers.Update(tx, server.Id, new IncomingServerSettings("Sales", IncomingServerKind.Imap, "orders", "localhost", 143, WireSecurity.None, null, "INBOX", StartChoice.Everything, MarkSeen: false), null, otherMailbox: true);
            return servers.Find(tx, server.Id)!;
        });

        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(["Mail 1", "Mail 2", "Mail 3", "Other mail 1", "Other mail 2", "Other mail 3"], await SubjectsAsync());
    }

    [Fact]
    public async Task Throttling_is_no_message_s_fault()
    {
        Spoilt[2] = "NO Request is throttled. Suggested Backoff Time: 1000 milliseconds";
        for (var tries = 0; tries < 2 * MailboxReader.TriesOfAMessage; tries++) Assert.NotNull((await ReadAsync()).Failure);
        Assert.Empty(await database.ReadAsync(r => store.Quarantined(r, false, null, 10)));
        Spoilt.Clear();
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(["Mail 1", "Mail 2", "Mail 3"], await SubjectsAsync());
    }

    [Fact]
    public async Task A_message_longer_than_can_be_taken_is_set_aside_at_once()
    {
        Spoilt[2] = "SIZE 999999999";
        Assert.Null((await ReadAsync()).Failure);
        Assert.Equal(["Mail 1", "Mail 3"], await SubjectsAsync());
        Assert.Equal(IncomingMailProblems.NotHandedOver, Assert.Single(await database.ReadAsync(r => store.Quarantined(r, false, null, 10))).ProblemCode);
    }

    private async Task<MailboxCursor> CursorAsync() => (await database.ReadAsync(r => servers.Cursor(r, server.Id, "INBOX")))!;

    private async Task<IEnumerable<string>> SubjectsAsync() =>
        (await database.ReadAsync(r => conversations.List(r, Guid.Empty, ConversationFilter.All, null, 50))).Select(l => l.Conversation.Subject).Order(StringComparer.Ordinal);

    /// <summary>One session with the mailbox, as the watcher has one after each failure.</summary>
    private async Task<Reading> ReadAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = ServeAsync(listener);
        var connected = await ImapClient.ConnectAsync(new WireEndpoint("localhost", ((IPEndPoint)listener.LocalEndpoint).Port, WireSecurity.None), new SaslCredential.Plain("sales", "secret"), null, Cancel);
        Reading reading;
        await using (var client = connected.Client ?? throw new InvalidOperationException(connected.Failure!.Detail))
        {
            var selected = await client.SelectAsync("INBOX", readOnly: false, Cancel);
            reading = await reader.ReadNewAsync(server, client, selected.Value!, Cancel);
        }
        await serving;
        return reading;
    }

    /// <summary>A mailbox as ill as <see cref="Spoilt"/> says: the sandbox's is too healthy for this.</summary>
    private async Task ServeAsync(TcpListener listener)
    {
        using var line = await listener.AcceptTcpClientAsync(Cancel);
        await using var stream = line.GetStream();
        using var commands = new StreamReader(stream, Encoding.Latin1);
        Task SayAsync(string text) => stream.WriteAsync(Encoding.Latin1.GetBytes(text + "\r\n"), Cancel).AsTask();
        HashSet<uint> gone = [];
        await SayAsync("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready");
        while (await commands.ReadLineAsync(Cancel) is { } command)
        {
            var words = command.Split(' ');
            var end = $"{words[0]} OK done";
            switch (words[1])
            {
                case "CAPABILITY": await SayAsync("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR"); break;
                case "SELECT": await SayAsync($"* {mails.Count} EXISTS\r\n* OK [UIDVALIDITY 7] \r\n* OK [UIDNEXT 4] "); break;
                case "UID" when words[2] == "SEARCH": await SayAsync("* SEARCH " + string.Join(' ', mails.Keys.Except(gone))); break;
                case "UID":
                    var withBody = command.Contains("BODY.PEEK", StringComparison.Ordinal);
                    foreach (var uid in mails.Keys.Where(uid => Names(words[3], uid) && !gone.Contains(uid)))
                    {
                        var spoilt = Spoilt.GetValueOrDefault(uid);
                        if (withBody && spoilt?.StartsWith("NO", StringComparison.Ordinal) == true) end = $"{words[0]} {spoilt}";
                        else if (withBody && spoilt?.Length == 0) gone.Add(uid);
                        else if (withBody && spoilt?.StartsWith('(') == true) await SayAsync($"* {uid} FETCH {spoilt}");
                        else
                        {
                            var size = spoilt?.StartsWith("SIZE", StringComparison.Ordinal) == true ? spoilt[5..] : mails[uid].Length.ToString(CultureInfo.InvariantCulture);
                            await SayAsync($"* {uid} FETCH (UID {uid} FLAGS () INTERNALDATE \"22-Nov-2026 12:00:00 +0000\" RFC822.SIZE {size}{(withBody ? $" BODY[] {{{mails[uid].Length}}}\r\n{mails[uid]}" : "")})");
                        }
                    }
                    break;
                case "LOGOUT": await SayAsync("* BYE"); break;
            }
            await SayAsync(end);
            if (words[1] == "LOGOUT") return;
        }
    }

    private static bool Names(string set, uint uid) => set.Split(',').Select(range => range.Split(':')).Any(range => uint.Parse(range[0], CultureInfo.InvariantCulture) <= uid && uid <= uint.Parse(range[^1], CultureInfo.InvariantCulture));
}
