using System.Globalization;
using System.Text;
using BenchmarkDotNet.Attributes;
using Postrider.Mail;
using Postrider.Mail.Smtp;

namespace Postrider.Bench;

/// <summary>5,000 messages of 5 KB to Postfix's smtp-sink over connections that are kept, by us and by smtp-source, which sends the same over as many.</summary>
public class SmtpSendBench
{
    private const int Messages = 5000;
    private const int Bytes = 5120;
    private static readonly EmailAddress Sender = EmailAddress.Parse("ann@example.com");
    private static readonly EmailAddress[] Recipients = [EmailAddress.Parse("ben@example.org")];

    private readonly byte[] _body = Encoding.ASCII.GetBytes("Subject: bench\r\n\r\n" + string.Concat(Enumerable.Repeat(new string('x', 78) + "\r\n", Bytes / 80)));
    private PeerProcess? _sink;
    private int _port;

    [Params(1, 3)]
    public int Connections { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _port = PeerProcess.FreePort();
        _sink = PeerProcess.Start("smtp-sink", "-u", "nobody", $"127.0.0.1:{_port}", "256");
        PeerProcess.AcceptsAsync(_port).GetAwaiter().GetResult();
    }

    [GlobalCleanup]
    public void Cleanup() => _sink?.Dispose();

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task Postrider() => Task.WhenAll(Enumerable.Range(0, Connections).Select(n => SendAsync(Messages / Connections + (n < Messages % Connections ? 1 : 0))));

    [Benchmark(OperationsPerInvoke = Messages, Baseline = true)]
    public async Task SmtpSource() =>
        await PeerProcess.RunAsync("smtp-source", "-4", "-d", "-s", Connections.ToString(CultureInfo.InvariantCulture), "-m", Messages.ToString(CultureInfo.InvariantCulture), "-l", Bytes.ToString(CultureInfo.InvariantCulture), "-f", "ann@example.com", "-t", "ben@example.org", $"127.0.0.1:{_port}");

    private async Task SendAsync(int count)
    {
        var connected = await SmtpClient.ConnectAsync(new WireEndpoint("127.0.0.1", _port, WireSecurity.None), null, null, CancellationToken.None);
        await using var client = connected.Client ?? throw new InvalidOperationException(connected.Failure!.Detail);
        var accepted = 0;
        await client.SendManyAsync(MessagesOf(count), (_, result) =>
        {
            if (result.Failure is null) accepted++;
            return ValueTask.CompletedTask;
        }, CancellationToken.None);
        if (accepted != count) throw new InvalidOperationException($"{accepted} of {count} were accepted.");
    }

    private async IAsyncEnumerable<SmtpMessage> MessagesOf(int count)
    {
        await Task.CompletedTask;
        for (var n = 0; n < count; n++) yield return new SmtpMessage(Sender, Recipients, new MemoryStream(_body, writable: false), _body.Length) { Kind = SmtpBodyKind.SevenBit };
    }
}
