using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.Mail.Tests;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Journeys;

/// <summary>
/// The hub as a process of its own takes 2,000 messages from Dovecot and is killed (SIGKILL) at random moments of it, always when so many bytes have come over the line, then started again on the same folder.
/// POSTRIDER_KILLS says how often, POSTRIDER_KILL_SEED when: <c>eng/faults.sh</c> runs a hundred, the tests ten.
/// </summary>
public sealed class IntakeKillJourney(ITestOutputHelper output) : IDisposable
{
    private const int Messages = 2000;
    private const int MessageBytes = 2500;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private const string User = "kill@example.test";
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-kill-intake-");
    private readonly TemporaryFolder certificates = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        folder.Delete(recursive: true);
        certificates.Dispose();
    }

    [Theory, Trait("Fault", "IMP-01")]
    [InlineData("imap")]
    [InlineData("pop3")]
    public async Task Each_message_comes_in_exactly_once_however_often_the_hub_is_killed(string kind)
    {
        var kills = int.Parse(Environment.GetEnvironmentVariable("POSTRIDER_KILLS") ?? "10", CultureInfo.InvariantCulture);
        // Both kinds share the kills.
        kills = Math.Clamp(kind == "imap" ? kills - kills / 3 : kills / 3, 1, Messages / 2);
        var seed = int.Parse(Environment.GetEnvironmentVariable("POSTRIDER_KILL_SEED") ?? "1", CultureInfo.InvariantCulture);
        var chance = new Random(seed);
        await using var dovecot = await DovecotUnderTest.StartAsync();
        var bytes = new Progress();
        await using var line = new CountingLine(kind == "imap" ? dovecot.ImapsPort : dovecot.Pop3sPort, bytes);
        var trust = TestCertificates.AuthorityFile(certificates);
        var port = KillableHub.FreePort();
        using var api = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri($"http://localhost:{port}") };

        // Half of the messages lie there; each start finds its share of the other half.
        var portion = Messages / 2 / kills;
        var delivered = await DeliverAsync(dovecot, 0, Messages - portion * kills);
        var (hub, token) = await KillableHub.StartAsync(folder, port, first: true, ["--trust-certificate", trust]);
        try
        {
            await KillableHub.SetUpAsync(api, token, async browser =>
            {
                var made = await KillableHub.PostAsync(browser, "/api/v1/incoming-servers", new { name = "Box", kind, userName = User, password = "secret", host = "localhost", port = line.Port, starts = "everything", afterwards = kind == "pop3" ? "delete" : "leave", markSeen = kind == "imap" });
                await KillableHub.PostAsync(browser, $"/api/v1/incoming-servers/{made.GetProperty("id").GetGuid()}/confirm", new { });
            });
            // Counted from before the hub starts: what is delivered then has to come over the line, and part of it may have come by the time that the hub says it serves.
            var from = 0L;
            for (var kill = 0; kill < kills; kill++)
            {
                await bytes.UntilAsync(from + chance.Next(1000, portion * MessageBytes), Cancel).WaitAsync(Patience, TimeProvider.System, Cancel);
                await KillableHub.KillAsync(hub);
                from = bytes.Count;
                delivered = await DeliverAsync(dovecot, delivered, portion);
                (hub, _) = await KillableHub.StartAsync(folder, port, first: false, ["--trust-certificate", trust]);
            }
            Assert.Equal(Messages, delivered);
            List<string> subjects;
            // Until all are there, or for so long none has come that the rest is lost.
            var (before, since) = (0, TimeProvider.System.GetTimestamp());
            while ((subjects = await SubjectsAsync(api)).Count < Messages && TimeProvider.System.GetElapsedTime(since) < Patience)
            {
                if (subjects.Count > before) (before, since) = (subjects.Count, TimeProvider.System.GetTimestamp());
                await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, Cancel);
            }
            var missing = Messages - subjects.Distinct(StringComparer.Ordinal).Count();
            var twice = subjects.Count - (Messages - missing);
            var quarantined = (await api.GetFromJsonAsync<JsonElement>("/api/v1/quarantine", Cancel)).GetProperty("messages").GetArrayLength();
            output.WriteLine($"intake by {kind}, seed {seed}: messages {delivered}, kills {kills}, missing {missing}, twice {twice}, quarantined {quarantined}; {bytes.Count / 1000} kB over the line");
            Assert.Equal((0, 0, 0), (missing, twice, quarantined));
        }
        finally
        {
            await KillableHub.KillAsync(hub);
        }
    }

    /// <summary>POSTRIDER_FIRST_CONNECT says how many messages: <c>eng/faults.sh</c> takes 200,000, the tests 3,000.</summary>
    [Fact, Trait("Fault", "IMP-11")]
    public async Task A_large_mailbox_on_first_connect_goes_on_where_a_kill_stopped_it_in_bounded_memory()
    {
        var messages = int.Parse(Environment.GetEnvironmentVariable("POSTRIDER_FIRST_CONNECT") ?? "3000", CultureInfo.InvariantCulture);
        await using var dovecot = await DovecotUnderTest.StartAsync();
        await FillAsync(dovecot, messages);
        var trust = TestCertificates.AuthorityFile(certificates);
        var port = KillableHub.FreePort();
        using var api = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri($"http://localhost:{port}") };
        var id = Guid.Empty;
        var (hub, token) = await KillableHub.StartAsync(folder, port, first: true, ["--trust-certificate", trust]);
        try
        {
            await KillableHub.SetUpAsync(api, token, async browser =>
            {
                id = (await KillableHub.PostAsync(browser, "/api/v1/incoming-servers", new { name = "Box", kind = "imap", userName = User, password = "secret", host = "localhost", port = dovecot.ImapsPort, starts = "everything" })).GetProperty("id").GetGuid();
                await KillableHub.PostAsync(browser, $"/api/v1/incoming-servers/{id}/confirm", new { });
            });
            async Task<(JsonElement CatchUp, long Taken)> ToldAsync()
            {
                var told = await api.GetFromJsonAsync<JsonElement>($"/api/v1/incoming-servers/{id}", Cancel);
                return (told.GetProperty("catchUp"), told.GetProperty("lastDay").GetInt64());
            }

            while ((await ToldAsync()).Taken < messages / 2) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancel);
            var first = PeakMegabytes(hub);
            await KillableHub.KillAsync(hub);
            (hub, _) = await KillableHub.StartAsync(folder, port, first: false, ["--trust-certificate", trust]);
            var (again, there) = await ToldAsync();
            var restarted = TimeProvider.System.GetTimestamp();
            while (await ToldAsync() is var (catchUp, taken) && (taken < messages || catchUp.ValueKind != JsonValueKind.Null)) await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Cancel);
            var rate = (messages - there) / TimeProvider.System.GetElapsedTime(restarted).TotalSeconds;
            var subjects = await SubjectsAsync(api);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{messages} messages, killed when {there} were in: {subjects.Count} came in, {subjects.Count - subjects.Distinct(StringComparer.Ordinal).Count()} twice; {rate:0} a second after the restart; at most {first} and {PeakMegabytes(hub)} MB resident"));
            Assert.InRange(there, messages / 2, messages);
            Assert.True(again.ValueKind == JsonValueKind.Null || again.GetProperty("total").GetInt64() == messages);
            Assert.Equal((messages, messages), (subjects.Count, subjects.Distinct(StringComparer.Ordinal).Count()));
            Assert.InRange(PeakMegabytes(hub), 1, 600);
        }
        finally
        {
            await KillableHub.KillAsync(hub);
        }
    }

    /// <summary>The most that was ever resident.</summary>
    private static long PeakMegabytes(System.Diagnostics.Process process)
    {
        process.Refresh();
        return process.PeakWorkingSet64 >> 20;
    }

    /// <summary>In a few commands (MULTIAPPEND), each of which costs Dovecot one commit.</summary>
    private static async Task FillAsync(DovecotUnderTest dovecot, int messages)
    {
        using var line = new TcpClient();
        await line.ConnectAsync(IPAddress.Loopback, dovecot.ImapPort, Cancel);
        await using var stream = line.GetStream();
        using var answers = new StreamReader(stream, Encoding.Latin1);
        async Task AskAsync(string tag, string command)
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes($"{tag} {command}\r\n"), Cancel);
            while (await answers.ReadLineAsync(Cancel) is { } answer)
            {
                if (!answer.StartsWith(tag + " ", StringComparison.Ordinal)) continue;
                Assert.StartsWith(tag + " OK", answer, StringComparison.Ordinal);
                return;
            }
            Assert.Fail("Dovecot hung up.");
        }

        await AskAsync("a", $"LOGIN {User} secret");
        foreach (var batch in Enumerable.Range(0, messages).Chunk(5000))
        {
            var append = new StringBuilder("APPEND INBOX");
            foreach (var n in batch)
            {
                var text = $"From: Ann <ann{n % 500}@example.org>\r\nSubject: Message {n:D6}\r\nMessage-ID: <{n}@first.example.org>\r\n\r\nx\r\n";
                append.Append(CultureInfo.InvariantCulture, $" {{{text.Length}+}}\r\n{text}");
            }
            await AskAsync($"b{batch[0]}", append.ToString());
        }
    }

    private static async Task<int> DeliverAsync(DovecotUnderTest dovecot, int from, int count)
    {
        var connected = await ImapClient.ConnectAsync(dovecot.Imap(WireSecurity.Tls), new SaslCredential.Plain(User, "secret"), null, Cancel);
        await using var client = connected.Client!;
        for (var n = from; n < from + count; n++)
        {
            var text = $"From: Ann <ann{n % 50}@example.org>\r\nTo: {User}\r\nSubject: Message {n:D4}\r\nMessage-ID: <{n}@kill.example.org>\r\n\r\n";
            Assert.Null((await client.AppendAsync("INBOX", [], Encoding.ASCII.GetBytes(text + new string('x', MessageBytes - text.Length - 2) + "\r\n"), Cancel)).Failure);
        }
        return from + count;
    }

    private static async Task<List<string>> SubjectsAsync(HttpClient api)
    {
        var found = new List<string>();
        for (string? before = null; ;)
        {
            var page = await api.GetFromJsonAsync<JsonElement>($"/api/v1/conversations?limit=200{(before is null ? "" : "&before=" + before)}", Cancel);
            found.AddRange(page.GetProperty("conversations").EnumerateArray().Select(one => one.GetProperty("subject").GetString()!));
            if (page.GetProperty("next").ValueKind == JsonValueKind.Null) return found;
            before = page.GetProperty("next").GetString();
        }
    }

    /// <summary>A line to a port of this machine that counts the bytes which come back over it.</summary>
    private sealed class CountingLine : IAsyncDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource stop = new();
        private readonly Task accepting;

        public CountingLine(int to, Progress bytes)
        {
            listener.Start();
            Port = ((IPEndPoint)listener.LocalEndpoint).Port;
            accepting = AcceptAsync(to, bytes);
        }

        public int Port { get; }

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            listener.Dispose();
            await accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            stop.Dispose();
        }

        private async Task AcceptAsync(int to, Progress bytes)
        {
            while (true) _ = CarryAsync(await listener.AcceptTcpClientAsync(stop.Token), to, bytes);
        }

        private async Task CarryAsync(TcpClient near, int to, Progress bytes)
        {
            using var owned = near;
            using var far = new TcpClient { NoDelay = true };
            near.NoDelay = true;
            await far.ConnectAsync(IPAddress.Loopback, to, stop.Token);
            using var over = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
            var there = PumpAsync(near.GetStream(), far.GetStream(), null, over.Token);
            var back = PumpAsync(far.GetStream(), near.GetStream(), bytes, over.Token);
            await Task.WhenAny(there, back);
            await over.CancelAsync();
            await Task.WhenAll(there, back).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        private static async Task PumpAsync(NetworkStream from, NetworkStream to, Progress? bytes, CancellationToken cancel)
        {
            var buffer = new byte[16 * 1024];
            while (await from.ReadAsync(buffer, cancel) is > 0 and var read)
            {
                await to.WriteAsync(buffer.AsMemory(0, read), cancel);
                bytes?.Add(read);
            }
        }
    }
}
