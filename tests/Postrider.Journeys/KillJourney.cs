using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Tests;

namespace Postrider.Journeys;

/// <summary>
/// The hub as a process of its own, killed (SIGKILL) at random moments under load and started again on the same folder.
/// POSTRIDER_KILLS says how often, POSTRIDER_KILL_SEED when: <c>eng/faults.sh</c> runs a hundred, the tests ten.
/// </summary>
public sealed class KillJourney(ITestOutputHelper output) : IDisposable
{
    private const int Callers = 8;
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-kill-");
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Delete(recursive: true);

    private static int Kills => int.Parse(Environment.GetEnvironmentVariable("POSTRIDER_KILLS") ?? "10", CultureInfo.InvariantCulture);

    [Fact]
    public Task What_was_acknowledged_survives_every_kill_and_nothing_arrives_twice() => KillAsync(Kills, null);

    /// <summary>Every second time the hub lives on, and its connections to the database are ended.</summary>
    [Fact]
    public async Task On_PostgreSQL_it_survives_them_too_and_the_end_of_its_connections()
    {
        await using var server = await PostgresUnderTest.StartAsync();
        await KillAsync(Math.Max(Kills / 2, 4), server);
    }

    /// <summary>SIGTERM: what is under way is ended, so nothing is unknown.</summary>
    [Fact]
    public Task What_is_told_to_stop_ends_what_is_under_way_and_nothing_arrives_twice() => KillAsync(Math.Max(Kills / 3, 3), null, gently: true);

    private async Task KillAsync(int kills, PostgresUnderTest? server, bool gently = false)
    {
        var database = server is null ? null : await server.NewDatabaseAsync();
        var seed = int.Parse(Environment.GetEnvironmentVariable("POSTRIDER_KILL_SEED") ?? "1", CultureInfo.InvariantCulture);
        var chance = new Random(seed);
        var progress = new Progress();
        var receiver = new Receiver(progress);
        await using var sink = SmtpServer.Start(new SmtpServerOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0), HostName = "sink.example", RequireTls = false, RequireAuthentication = false }, receiver);
        var port = KillableHub.FreePort();
        using var api = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { BaseAddress = new Uri($"http://localhost:{port}") };
        var acknowledged = new ConcurrentDictionary<string, byte>(StringComparer.Ordinal);

        var hub = await StartAsync(port, sink.LocalEndPoint.Port, api, database);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var callers = Enumerable.Range(0, Callers).Select(n => CallAsync(api, n, acknowledged, progress, enough.Token)).ToList();
        try
        {
            for (var kill = 0; kill < kills; kill++)
            {
                // A moment is a number of things that happened: acknowledged, named, received.
                await progress.UntilAsync(progress.Count + chance.Next(30, 600), Cancel);
                if (server is not null && kill % 2 == 1)
                {
                    Assert.NotEqual(0L, await server.ExecuteAsync("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'postrider'"));
                    continue;
                }

                if (gently) await KillableHub.StopAsync(hub);
                else await KillableHub.KillAsync(hub);
                hub = await StartAsync(port, null, api, database);
            }

            await enough.CancelAsync();
            await Task.WhenAll(callers);
            await DrainedAsync(api);
            var unknown = await AllAsync(api, "unknown");
            var (lost, twice) = (acknowledged.Keys.Where(id => receiver.Times(id) == 0 && !unknown.Contains(id)).ToList(), receiver.Received.Where(pair => pair.Value > 1).Select(pair => pair.Key).ToList());
            output.WriteLine($"{(server is null ? "SQLite" : "PostgreSQL")}, {kills} {(gently ? "stops" : "kills")}, seed {seed}: {acknowledged.Count} acknowledged, {receiver.Received.Count} received, {lost.Count} lost, {twice.Count} received twice; {unknown.Count} unknown, of which {unknown.Count(id => receiver.Times(id) > 0)} were received");
            Assert.Empty(lost);
            Assert.Empty(twice);
            Assert.True(acknowledged.Count > kills * 10);
            // Only what was under way at a kill can be unknown: one mail for each connection.
            Assert.InRange(unknown.Count, 0, gently ? 0 : kills * 5);
        }
        finally
        {
            await enough.CancelAsync();
            await KillableHub.KillAsync(hub);
        }
    }

    private Task<Process> StartAsync(int port, int? sinkPort, HttpClient api, string? database) =>
        KillableHub.StartSendingAsync(folder, port, sinkPort, api, database is null ? [] : ["--database", database]);

    /// <summary>Puts one mail after the other; a request that the kill cut is repeated with its key until it is answered.</summary>
    private static async Task CallAsync(HttpClient api, int caller, ConcurrentDictionary<string, byte> acknowledged, Progress progress, CancellationToken enough)
    {
        for (var n = 0; !enough.IsCancellationRequested; n++)
        {
            while (!Cancel.IsCancellationRequested)
            {
                try
                {
                    using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/mails") { Content = JsonContent.Create(new { from = "ann@example.com", to = (string[])[$"ben{caller}@example.org"], subject = $"{caller} {n}", text = new string('x', 2000) }) };
                    request.Headers.Add("Idempotency-Key", $"{caller}-{n}");
                    using var answer = await api.SendAsync(request, Cancel);
                    if (answer.StatusCode != HttpStatusCode.Accepted) throw new InvalidOperationException($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Cancel)}");
                    acknowledged[(await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("messageId").GetString()!] = 0;
                    progress.Add();
                    break;
                }
                catch (HttpRequestException)
                {
                    // The hub is not there; the first answer after its start comes by the next try. A tenth of a second keeps the machine free for it.
                    await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Cancel);
                }
            }
        }
    }

    private static async Task DrainedAsync(HttpClient api)
    {
        while ((await AllAsync(api, "waiting")).Count + (await AllAsync(api, "sending")).Count > 0) await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Cancel);
    }

    private static async Task<HashSet<string>> AllAsync(HttpClient api, string state)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        for (string? before = null; ;)
        {
            var page = await api.GetFromJsonAsync<JsonElement>($"/api/v1/mails?state={state}&limit=200{(before is null ? "" : "&before=" + before)}", Cancel);
            foreach (var mail in page.GetProperty("mails").EnumerateArray()) found.Add(mail.GetProperty("messageId").GetString()!);
            if (page.GetProperty("next").ValueKind == JsonValueKind.Null) return found;
            before = page.GetProperty("next").GetString();
        }
    }

    private sealed class Receiver(Progress progress) : ISmtpBackend
    {
        public ConcurrentDictionary<string, int> Received { get; } = new(StringComparer.Ordinal);

        public int Times(string id) => Received.GetValueOrDefault(id);

        public string? Greeting(SmtpSession session) => null;
        public string? HelloText(SmtpSession session) => null;
        public Task<SmtpAuthResult> AuthenticateAsync(SmtpSession session, SaslCredential credential, CancellationToken cancel) => throw new NotSupportedException();

        public Task<SmtpReply?> MailAsync(SmtpSession session, EmailAddress? sender, CancellationToken cancel)
        {
            progress.Add();
            return Task.FromResult<SmtpReply?>(null);
        }

        public Task<SmtpReply?> RcptAsync(SmtpSession session, EmailAddress recipient, CancellationToken cancel) => Task.FromResult<SmtpReply?>(null);

        public async Task<SmtpReply> MessageAsync(SmtpSession session, SmtpEnvelope envelope, PipeReader message, CancellationToken cancel)
        {
            using var whole = new MemoryStream();
            await message.CopyToAsync(whole, cancel);
            Received.AddOrUpdate(MimeMessage.Read(whole.ToArray()).MessageId!, 1, (_, times) => times + 1);
            progress.Add();
            return new SmtpReply(250, "2.0.0", "Taken");
        }
    }
}
