using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using BenchmarkDotNet.Attributes;

namespace Postrider.Bench;

/// <summary>
/// 5,000 messages of 5 KB from Dovecot over TLS: by the hub, a process of its own, each message stored, routed into a conversation and on disk before it counts; and by mbsync with fsync into a Maildir, in the same run and on the same disk.
/// Every round has a mailbox of its own with new Message-IDs, so that nothing is a second copy.
/// </summary>
[WarmupCount(1)]
[IterationCount(3)]
[InvocationCount(1)]
public class IntakeBench
{
    private const int Messages = 5000;

    private DovecotPeer? _dovecot;
    private HubPeer? _hub;
    private PostgresPeer? _postgres;
    private int _round;
    private string _user = "";
    private Guid _server;

    protected virtual bool OnPostgres => false;

    [GlobalSetup]
    public void Setup()
    {
        _dovecot = DovecotPeer.StartAsync(0).GetAwaiter().GetResult();
        _postgres = OnPostgres ? PostgresPeer.StartAsync().GetAwaiter().GetResult() : null;
        _hub = HubPeer.StartAsync(null, Path.Combine(_dovecot.Folder, "cert.pem"), _postgres?.Address).GetAwaiter().GetResult();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _hub?.Dispose();
        _postgres?.Dispose();
        _dovecot?.Dispose();
    }

    [IterationSetup]
    public void NewMailbox() => NewMailboxAsync().GetAwaiter().GetResult();

    private async Task NewMailboxAsync()
    {
        _user = $"round{++_round}";
        await _dovecot!.FillAsync(_user, Messages, _round * Messages);
        await _dovecot.WarmAsync(_user);
        var made = await HubPeer.PostAsync(_hub!.Api, "/api/v1/incoming-servers", new { name = _user, kind = "imap", userName = _user, password = "secret", host = "localhost", port = _dovecot.TlsPort, starts = "everything" });
        _server = made.GetProperty("id").GetGuid();
        Directory.CreateDirectory(Path.Combine(_dovecot.Folder, "near", _user));
        await File.WriteAllTextAsync(Path.Combine(_dovecot.Folder, "mbsyncrc"), string.Create(CultureInfo.InvariantCulture, $"""
            FSync yes

            IMAPAccount a
            Host localhost
            Port {_dovecot.TlsPort}
            User {_user}
            Pass secret
            SSLType IMAPS
            CertificateFile {_dovecot.Folder}/cert.pem
            AuthMechs PLAIN

            IMAPStore far
            Account a

            MaildirStore near
            Path {_dovecot.Folder}/near/{_user}/
            Inbox {_dovecot.Folder}/near/{_user}/INBOX
            SubFolders Verbatim

            Channel c
            Far :far:
            Near :near:
            Patterns INBOX
            Sync Pull
            Create Near
            SyncState {_dovecot.Folder}/near/{_user}/state-

            """));
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public async Task Hub()
    {
        await HubPeer.PostAsync(_hub!.Api, $"/api/v1/incoming-servers/{_server}/confirm", new { });
        while (await TakenAsync() < Messages) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
    }

    [Benchmark(OperationsPerInvoke = Messages, Baseline = true)]
    public async Task Mbsync()
    {
        await DovecotPeer.RunAsync("mbsync", "-q", "-c", Path.Combine(_dovecot!.Folder, "mbsyncrc"), "c");
        if (Directory.GetFiles(Path.Combine(_dovecot.Folder, "near", _user, "INBOX"), "*", SearchOption.AllDirectories).Length < Messages) throw new InvalidOperationException("mbsync did not take every message.");
    }

    /// <summary>Messages that stand in conversations: the progress is written in the transaction that settles them.</summary>
    private async Task<long> TakenAsync()
    {
        var told = await _hub!.Api.GetFromJsonAsync<JsonElement>($"/api/v1/incoming-servers/{_server}");
        // Before the first look nothing is told; at the end the row is gone and the count speaks.
        return told.GetProperty("catchUp") is { ValueKind: JsonValueKind.Object } catchUp ? catchUp.GetProperty("done").GetInt64() : told.GetProperty("lastDay").GetInt64();
    }
}

/// <summary>The same with PostgreSQL as the hub's database, on the same machine, by its Unix socket.</summary>
public class IntakeOnPostgresBench : IntakeBench
{
    protected override bool OnPostgres => true;
}
