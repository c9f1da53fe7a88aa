using System.Net;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Conversations;
using Postrider.IncomingMail;
using Postrider.IncomingServers;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.OutlookAccounts;
using Postrider.Storage;
using Postrider.Tests.IncomingMail;

namespace Postrider.Tests.IncomingServers;

/// <summary>What reads a mailbox into the store, without the rest of the hub.</summary>
internal sealed class ReaderUnderTest : IAsyncDisposable
{
    private readonly TemporaryFolder folder = new();

    private readonly string? address;

    private ReaderUnderTest(string? address, TimeProvider clock)
    {
        this.address = address;
        Live = new LiveEvents(clock);
        Database = HubDatabase.Open(folder.Path, address, clock, NullLogger<HubDatabase>.Instance);
        Store = new IntakeStore(clock);
        var journal = new JournalWriter(clock, Live);
        var incidents = new IncidentStore(journal, Live, [], clock);
        Servers = new IncomingServerStore(clock, new IncomingServerChanges(Live), Store, incidents, new OutlookAccountStore(Database, new EphemeralDataProtectionProvider(), journal, incidents));
        Conversations = new ConversationStore(clock);
        Intake = IntakeUnderTest.Of(Database, new Bodies(Database, clock), Store, Conversations, Live, clock: clock);
        Turns = new FetchTurns(clock);
        Reader = new MailboxReader(Database, Servers, Intake, Turns, journal, clock, NullLogger<MailboxReader>.Instance);
    }

    public HubDatabase Database { get; }
    public LiveEvents Live { get; }
    public IncomingServerStore Servers { get; }
    public IntakeStore Store { get; }
    public ConversationStore Conversations { get; }
    public Intake Intake { get; }
    public FetchTurns Turns { get; }
    public MailboxReader Reader { get; }
    public IncomingServer Server { get; private set; } = null!;

    /// <summary>With a server that takes everything in INBOX.</summary>
    public static async Task<ReaderUnderTest> StartAsync(TimeProvider? clock = null)
    {
        var under = new ReaderUnderTest(await TestDatabase.NewAsync(), clock ?? TimeProvider.System);
        var id = under.Servers.NewId();
        under.Server = await under.Database.WriteAsync(tx =>
        {
            under.Servers.Insert(tx, id, Settings, null);
            return under.Servers.Find(tx, id)!;
        });
        return under;
    }

    public static IncomingServerSettings Settings { get; } = new("Sales", IncomingServerKind.Imap, "sales", "localhost", 143, WireSecurity.None, null, "INBOX", StartChoice.Everything, MarkSeen: false);

    public async Task ChangeAsync(Func<IncomingServerSettings, IncomingServerSettings> change, bool otherMailbox = false) => Server = await Database.WriteAsync(tx =>
    {
        Servers.Update(tx, Server.Id, change(Settings), null, otherMailbox);
        return Servers.Find(tx, Server.Id)!;
    });

    /// <summary>One session with the mailbox, as the watcher has one after each failure.</summary>
    public async Task<Reading> ReadAsync(WireEndpoint endpoint, SaslCredential? credential = null, CancellationToken cancel = default)
    {
        await Intake.ResumeAsync(cancel);
        var connected = await ImapClient.ConnectAsync(endpoint, credential ?? new SaslCredential.Plain("sales", "secret"), null, cancel);
        await using var client = connected.Client ?? throw new InvalidOperationException(connected.Failure!.Detail);
        var selected = await client.SelectAsync(Server.Folder, readOnly: false, cancel);
        return await Reader.ReadNewAsync(Server, client, selected.Value ?? throw new InvalidOperationException(selected.Failure!.Detail), cancel);
    }

    public async Task<MailboxCursor> CursorAsync() => (await Database.ReadAsync(r => Servers.Cursor(r, Server.Id, Server.Folder)))!;

    public async Task<IReadOnlyList<string>> SubjectsAsync() =>
        [.. (await Database.ReadAsync(r => r.Query<string>("select subject from thread_message"))).Order(StringComparer.Ordinal)];

    public Task<IReadOnlyList<QuarantinedMail>> QuarantinedAsync() => Database.ReadAsync(r => Store.Quarantined(r, false, null, 10));

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await TestDatabase.DropAsync(address);
        Turns.Dispose();
        folder.Dispose();
    }
}
