using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using BenchmarkDotNet.Attributes;
using Microsoft.Playwright;
using Postrider.Journeys;
using Postrider.Mail.Imap;

namespace Postrider.Bench;

/// <summary>
/// The list of conversations is open in Chromium while 100 messages come into one mailbox, one after the other at irregular times. Printed: the time from just before the delivery until the row stands in the page,
/// that is delivery, IDLE, fetch, two commits, the event to the page, its new list, and the change of the document. Both ends read this machine's wall clock, the page in whole milliseconds.
/// Once with a mailbox of our own server, in this process, and once with Dovecot's over TLS, which itself waits half a second before it tells of new mail.
/// </summary>
public class LiveListBench
{
    private const int Deliveries = 100;
    // The first bring the code of all three processes.
    private const int Unmeasured = 10;
    private const int MostPause = 300;

    // The newest stand on top; when each was first seen is noted in the turn of the event loop that put it there.
    private const string Watch = """
        () => {
          window.firstSeen = {};
          const look = () => { const now = Date.now(); for (const row of [...document.querySelectorAll('.cv-subject')].slice(0, 5)) window.firstSeen[row.textContent.trim()] ??= now; };
          new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true, characterData: true });
          look();
        }
        """;

    private readonly ConcurrentDictionary<string, ImapServeBench.Folder> _folders = new(StringComparer.Ordinal);
    private ImapServer? _server;
    private DovecotPeer? _dovecot;
    private HubPeer? _hub;
    private Browser? _browser;
    private IPage? _page;
    private ImapClient? _mailbox;

    [GlobalSetup]
    public void Setup() => SetupAsync().GetAwaiter().GetResult();

    private async Task SetupAsync()
    {
        if (Browser.Missing is { } missing) throw new InvalidOperationException(missing);
        _dovecot = await DovecotPeer.StartAsync(0);
        await _dovecot.FillAsync("live", 0, 0);
        _hub = await HubPeer.StartAsync(null, Path.Combine(_dovecot.Folder, "cert.pem"));
        _server = ImapServer.Start(
            new ImapServerOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0), CapabilitiesBefore = ImapCapabilities.FullBefore, CapabilitiesAfter = ImapCapabilities.FullAfter }, new MailboxesBench.Accounts(_folders));
        foreach (var (name, port, security) in new[] { ("Dovecot", _dovecot.TlsPort, "tls"), ("Own", _server.LocalEndPoint.Port, "none") })
        {
            var made = await HubPeer.PostAsync(_hub.Api, "/api/v1/incoming-servers", new { name, kind = "imap", userName = "live", password = "secret", host = "localhost", port, security });
            await HubPeer.PostAsync(_hub.Api, $"/api/v1/incoming-servers/{made.GetProperty("id").GetGuid()}/confirm", new { });
        }
        _mailbox = await _dovecot.ConnectAsync(tls: true, user: "live");

        _browser = await Browser.StartAsync();
        _page = await _browser.NewPersonAsync();
        var hub = _hub.Api.BaseAddress!;
        var session = await _page.Context.APIRequest.PostAsync(new Uri(hub, "/api/v1/session").ToString(), new() { DataObject = new { email = "ann@example.com", password = "correct horse battery" }, Headers = new Dictionary<string, string> { ["Sec-Fetch-Site"] = "same-origin" } });
        if (!session.Ok) throw new InvalidOperationException($"Signing in: {session.Status} {await session.TextAsync()}");
        await _page.GotoAsync(new Uri(hub, "/conversations").ToString());
        await _page.EvaluateAsync(Watch);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _browser?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _mailbox?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _hub?.Dispose();
        _server?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _dovecot?.Dispose();
    }

    [Benchmark, WarmupCount(0), IterationCount(1), InvocationCount(1)]
    public Task OwnServer() => DeliverAsync("own server", mail =>
    {
        _folders["live"].Append(mail, [], TimeProvider.System.GetUtcNow());
        return Task.CompletedTask;
    });

    [Benchmark, WarmupCount(0), IterationCount(1), InvocationCount(1)]
    public Task Dovecot() => DeliverAsync("Dovecot", async mail =>
    {
        if ((await _mailbox!.AppendAsync("INBOX", [], mail, CancellationToken.None)).Failure is { } failure) throw new InvalidOperationException(failure.Detail);
    });

    private async Task DeliverAsync(string server, Func<byte[], Task> deliver)
    {
        var chance = new Random(1);
        var times = new List<double>();
        for (var n = 0; n < Unmeasured + Deliveries; n++)
        {
            // Not in step with anything.
            await Task.Delay(TimeSpan.FromMilliseconds(chance.Next(MostPause)), TimeProvider.System);
            // Whatever BenchmarkDotNet calls it for, no two bear one name.
            var subject = $"News {Guid.NewGuid():N}";
            var mail = Encoding.ASCII.GetBytes($"From: Ann <ann{n}@example.org>\r\nTo: live@example.com\r\nSubject: {subject}\r\nMessage-ID: <{Guid.NewGuid():N}@news.example.org>\r\n\r\nTwo loaves, please.\r\n");
            var delivered = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            await deliver(mail);
            var seen = await (await _page!.WaitForFunctionAsync("subject => window.firstSeen[subject]", subject)).JsonValueAsync<double>();
            if (n >= Unmeasured) times.Add(seen - delivered);
        }
        times.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"// {server}: delivered to the row in the page, {Deliveries} times: median {Rank(50):0} ms, 95 % {Rank(95):0} ms, 99 % {Rank(99):0} ms, longest {times[^1]:0} ms"));

        // So many of a hundred took no longer.
        double Rank(int percent) => times[((times.Count * percent) + 99) / 100 - 1];
    }
}
