using System.Globalization;
using System.Net;
using System.Text;
using BenchmarkDotNet.Attributes;

namespace Postrider.Bench;

/// <summary>3,000 messages of 5 KB, each durable before it is acknowledged, relayed to smtp-sink: by the hub, which takes them over its API or by SMTP, and by Postfix on the same disk. Accepted: until the last acknowledgement; delivered: until the queue is empty.</summary>
// Until the code that runs is the compiler's last word.
[WarmupCount(6)]
[IterationCount(4)]
[InvocationCount(1)]
public class RelayBench
{
    private const int Messages = 3000;

    private readonly byte[] _request = Encoding.UTF8.GetBytes($$"""{"from":"ann@example.com","to":["ben@example.org"],"subject":"bench","text":"{{string.Concat(Enumerable.Repeat(new string('x', 76) + "\\n", 5120 / 78))}}"}""");
    private PeerProcess? _sink;
    private HubPeer? _hub;
    private PostfixPeer? _postfix;
    private PostgresPeer? _postgres;

    protected virtual bool OnPostgres => false;

    [Params(1, 20)]
    public int Sessions { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var port = PeerProcess.FreePort();
        _sink = PeerProcess.Start("smtp-sink", "-u", "nobody", $"127.0.0.1:{port}", "256");
        PeerProcess.AcceptsAsync(port).GetAwaiter().GetResult();
        _postgres = OnPostgres ? PostgresPeer.StartAsync().GetAwaiter().GetResult() : null;
        _hub = HubPeer.StartAsync(port, database: _postgres?.Address).GetAwaiter().GetResult();
        _postfix = PostfixPeer.StartAsync(port).GetAwaiter().GetResult();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _sink?.Dispose();
        _hub?.Dispose();
        _postgres?.Dispose();
        _postfix?.Dispose();
    }

    [IterationSetup]
    public void Empty()
    {
        _hub!.DrainedAsync().GetAwaiter().GetResult();
        _postfix!.DrainedAsync().GetAwaiter().GetResult();
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task HubAcceptsByApi() => PutAsync();

    [Benchmark(OperationsPerInvoke = Messages)]
    public async Task HubDeliversByApi()
    {
        await PutAsync();
        await _hub!.DrainedAsync();
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task HubAcceptsBySmtp() => SubmitAsync(_hub!.Submission);

    [Benchmark(OperationsPerInvoke = Messages)]
    public async Task HubDeliversBySmtp()
    {
        await SubmitAsync(_hub!.Submission);
        await _hub.DrainedAsync();
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task PostfixAccepts() => SubmitAsync(_postfix!.Port);

    [Benchmark(OperationsPerInvoke = Messages, Baseline = true)]
    public async Task PostfixDelivers()
    {
        await SubmitAsync(_postfix!.Port);
        await _postfix.DrainedAsync();
    }

    private Task PutAsync() => Task.WhenAll(Enumerable.Range(0, Sessions).Select(async n =>
    {
        for (var i = n; i < Messages; i += Sessions)
        {
            using var content = new ByteArrayContent(_request) { Headers = { { "Content-Type", "application/json" } } };
            using var answer = await _hub!.Api.PostAsync("/api/v1/mails", content);
            if (answer.StatusCode != HttpStatusCode.Accepted) throw new InvalidOperationException($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        }
    }));

    private Task SubmitAsync(int port) => PeerProcess.RunAsync(
        "smtp-source", "-4", "-d", "-s", Sessions.ToString(CultureInfo.InvariantCulture), "-m", Messages.ToString(CultureInfo.InvariantCulture), "-l", "5120", "-f", "ann@example.com", "-t", "ben@example.org", $"127.0.0.1:{port}");
}

/// <summary>The same with PostgreSQL as the hub's database, on the same machine, by its Unix socket.</summary>
public class RelayOnPostgresBench : RelayBench
{
    protected override bool OnPostgres => true;
}
