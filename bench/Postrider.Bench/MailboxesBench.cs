using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;

namespace Postrider.Bench;

/// <summary>
/// 2,000 mailboxes watched over TLS by one hub, a process of its own; the mailboxes are in this process. Printed: what each adds to the hub's resident memory, and the time from the delivery into one of them, while all idle, until the hub's API shows its conversation.
/// </summary>
public class MailboxesBench
{
    private const int Mailboxes = 2000;
    private const int Deliveries = 300;

    private readonly ConcurrentDictionary<string, ImapServeBench.Folder> _folders = new(StringComparer.Ordinal);
    private ImapServer? _server;
    private HubPeer? _hub;
    private string _trust = "";
    private bool _watched;

    [GlobalSetup]
    public void Setup()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        using var made = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(7));
        _trust = Path.GetTempFileName();
        File.WriteAllText(_trust, made.ExportCertificatePem());
        _server = ImapServer.Start(
            new ImapServerOptions
            {
                Listen = new IPEndPoint(IPAddress.Loopback, 0), MaxConnections = 2 * Mailboxes, Certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null),
                CapabilitiesBefore = ImapCapabilities.FullBefore, CapabilitiesAfter = ImapCapabilities.FullAfter,
            }, new Accounts(_folders));
        _hub = HubPeer.StartAsync(null, _trust).GetAwaiter().GetResult();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _hub?.Dispose();
        _server?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        File.Delete(_trust);
    }

    [Benchmark, WarmupCount(0), IterationCount(1), InvocationCount(1)]
    public async Task Watch()
    {
        // Once for each hub, however often it is called: the mailboxes stay.
        if (_watched) return;
        _watched = true;
        // The first ones bring the code and OpenSSL's tables, which the others share.
        await WatchAsync(0, 100);
        var before = await RestingAsync();
        await WatchAsync(100, Mailboxes);
        var after = await RestingAsync();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"// {Mailboxes} mailboxes: {(after - before) / 1024.0 / (Mailboxes - 100):0.0} KB resident each, {after / 1048576.0:0} MB together"));

        var times = new List<double>();
        var chance = new Random(1);
        for (var n = 0; n < Deliveries; n++)
        {
            var user = $"box{chance.Next(Mailboxes)}";
            var began = Stopwatch.GetTimestamp();
            _folders[user].Append(Encoding.ASCII.GetBytes($"From: Ann <ann@example.org>\r\nTo: {user}@example.com\r\nSubject: News {n}\r\nMessage-ID: <{n}@news.example.org>\r\n\r\nTwo loaves, please.\r\n"), [], TimeProvider.System.GetUtcNow());
            while (!await ShowsAsync($"News {n}")) await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
            times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
        times.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"// delivered to shown, {Deliveries} times: median {times[times.Count / 2]:0} ms, 99 % {times[times.Count * 99 / 100]:0} ms, longest {times[^1]:0} ms"));
    }

    private async Task WatchAsync(int from, int to)
    {
        await Parallel.ForAsync(from, to, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (n, _) =>
        {
            var made = await HubPeer.PostAsync(_hub!.Api, "/api/v1/incoming-servers", new { name = $"Box {n:D4}", kind = "imap", userName = $"box{n}", password = "secret", host = "localhost", port = _server!.LocalEndPoint.Port });
            await HubPeer.PostAsync(_hub.Api, $"/api/v1/incoming-servers/{made.GetProperty("id").GetGuid()}/confirm", new { });
        });
        while (_folders.Values.Count(folder => folder.Watchers > 0) < to) await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
    }

    /// <returns>Resident bytes of the hub, the least of twenty seconds: its collector gives back what it does not need when nothing happens.</returns>
    private async Task<long> RestingAsync()
    {
        var least = long.MaxValue;
        for (var n = 0; n < 20; n++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
            using var hub = Process.GetProcessById(_hub!.ProcessId);
            least = Math.Min(least, hub.WorkingSet64);
        }
        return least;
    }

    private async Task<bool> ShowsAsync(string subject) =>
        (await _hub!.Api.GetFromJsonAsync<JsonElement>("/api/v1/conversations?limit=1")).GetProperty("conversations").EnumerateArray().Any(one => one.GetProperty("subject").GetString() == subject);

    internal sealed class Accounts(ConcurrentDictionary<string, ImapServeBench.Folder> folders) : IImapBackend
    {
        public Task<ImapAuthResult> AuthenticateAsync(IPEndPoint remote, SaslCredential credential, CancellationToken cancel) =>
            Task.FromResult(new ImapAuthResult(new ImapServeBench.Backend(folders.GetOrAdd(credential.UserName, _ => new ImapServeBench.Folder())), null));
    }
}
