using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using BenchmarkDotNet.Attributes;

namespace Postrider.Bench;

/// <summary>What put and claim cost while a thousand, a hundred thousand or a million other mails wait. Put: 3,000 urgent mails of 5 KB by 20 callers, durable, at a server that is held. PutAndSend: the same, claimed, offered to smtp-sink and settled before the others. Restart: until the API answers again.</summary>
[WarmupCount(1)]
[IterationCount(3)]
[InvocationCount(1)]
public class QueueBench
{
    private const int Messages = 3000;
    private const int Sessions = 20;

    private readonly byte[] _request = Encoding.UTF8.GetBytes($$"""{"from":"ann@example.com","to":["ben@example.org"],"priority":"high","subject":"bench","text":"{{string.Concat(Enumerable.Repeat(new string('x', 76) + "\\n", 5120 / 78))}}"}""");
    private PeerProcess? _sink;
    private HubPeer? _hub;

    [Params(1000, 100_000, 1_000_000)]
    public int Waiting { get; set; }

    [GlobalSetup]
    public void Setup() => SetupAsync().GetAwaiter().GetResult();

    [GlobalCleanup]
    public void Cleanup()
    {
        _sink?.Dispose();
        _hub?.Dispose();
    }

    [IterationSetup(Target = nameof(Put))]
    public void Held() => _hub!.HoldAsync(true).GetAwaiter().GetResult();

    [IterationSetup(Target = nameof(PutAndSend))]
    public void Sent()
    {
        _hub!.HoldAsync(false).GetAwaiter().GetResult();
        _hub.UrgentSentAsync().GetAwaiter().GetResult();
        _hub.HoldAsync(true).GetAwaiter().GetResult();
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task Put() => Task.WhenAll(Enumerable.Range(0, Sessions).Select(async n =>
    {
        for (var i = n; i < Messages; i += Sessions)
        {
            using var content = new ByteArrayContent(_request) { Headers = { { "Content-Type", "application/json" } } };
            using var answer = await _hub!.Api.PostAsync("/api/v1/mails", content);
            if (answer.StatusCode != HttpStatusCode.Accepted) throw new InvalidOperationException($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        }
    }));

    [Benchmark(OperationsPerInvoke = Messages)]
    public async Task PutAndSend()
    {
        await Put();
        await _hub!.HoldAsync(false);
        await _hub.UrgentSentAsync();
        await _hub.HoldAsync(true);
    }

    [Benchmark]
    public Task Restart() => _hub!.RestartAsync();

    private async Task SetupAsync()
    {
        var port = PeerProcess.FreePort();
        _sink = PeerProcess.Start("smtp-sink", "-u", "nobody", $"127.0.0.1:{port}", "256");
        await PeerProcess.AcceptsAsync(port);
        _hub = await HubPeer.StartAsync(port);
        await _hub.HoldAsync(true);
        using (var content = new ByteArrayContent(_request) { Headers = { { "Content-Type", "application/json" } } })
        using (var answer = await _hub.Api.PostAsync("/api/v1/mails", content)) answer.EnsureSuccessStatusCode();
        _hub.Stop();
        await PeerProcess.RunAsync("python3", Path.Combine(AppContext.BaseDirectory, "Peers", "fill_queue.py"), Path.Combine(_hub.Folder, "postrider.db"), Waiting.ToString(CultureInfo.InvariantCulture));
        var started = Stopwatch.GetTimestamp();
        await _hub.RestartAsync();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"// first start with {Waiting} waiting: {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s"));
    }
}
