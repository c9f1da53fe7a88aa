using System.Diagnostics;
using System.Globalization;
using BenchmarkDotNet.Attributes;
using Postrider.Mail.Imap;

namespace Postrider.Bench;

/// <summary>1,000 TLS connections in IDLE at a Dovecot in other processes. What each adds to this process is printed: resident bytes, and the managed ones among them. Takes about 3 GB for Dovecot's 1,000 processes.</summary>
public class ImapIdleBench
{
    private const int Connections = 1000;
    private DovecotPeer? _dovecot;

    [GlobalSetup]
    // In process, BenchmarkDotNet 0.14 does not wait for a set-up that is a task.
    public void Setup() => _dovecot = DovecotPeer.StartAsync(1).GetAwaiter().GetResult();

    [GlobalCleanup]
    public void Cleanup() => _dovecot?.Dispose();

    [Benchmark(OperationsPerInvoke = Connections), WarmupCount(0), IterationCount(1), InvocationCount(1)]
    public async Task Idle()
    {
        using var stop = new CancellationTokenSource();
        // The first ones bring the code and OpenSSL's tables, which the others share.
        var clients = new List<ImapClient>();
        var idling = new List<Task>();
        await OpenAsync(clients, idling, 20, stop.Token);
        var before = Measure();
        await OpenAsync(clients, idling, Connections, stop.Token);
        var after = Measure();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"// {Connections} idle TLS connections: {(after.Resident - before.Resident) / 1024.0 / Connections:0.0} KB resident each, {(after.Managed - before.Managed) / 1024.0 / Connections:0.0} KB of it managed"));
        await stop.CancelAsync();
        await Task.WhenAll(idling).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var client in clients) await client.DisposeAsync();
    }

    private async Task OpenAsync(List<ImapClient> clients, List<Task> idling, int count, CancellationToken stop)
    {
        for (var i = 0; i < count; i++)
        {
            var client = await _dovecot!.ConnectAsync(tls: true);
            clients.Add(client);
            idling.Add(client.IdleAsync(TimeSpan.FromHours(1), stop));
        }
        // Until each has been told that it idles, which is what its last reading waits for.
        await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System, CancellationToken.None);
    }

    private static (long Resident, long Managed) Measure()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using var self = Process.GetCurrentProcess();
        return (self.WorkingSet64, GC.GetTotalMemory(forceFullCollection: true));
    }
}
