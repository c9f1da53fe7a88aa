using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using BenchmarkDotNet.Attributes;
using Postrider.Mail;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;

namespace Postrider.Bench;

/// <summary>5,000 messages of 5 KB from Postfix's smtp-source, taken by us and by smtp-sink, which does nothing with them.</summary>
public class SmtpReceiveBench
{
    private const int Messages = 5000;
    private PeerProcess? _sink;
    private int _sinkPort;
    private SmtpServer? _server;
    private readonly Backend _backend = new();

    [Params(1, 3, 20)]
    public int Sessions { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _sinkPort = PeerProcess.FreePort();
        _sink = PeerProcess.Start("smtp-sink", "-u", "nobody", $"127.0.0.1:{_sinkPort}", "256");
        PeerProcess.AcceptsAsync(_sinkPort).GetAwaiter().GetResult();
        _server = SmtpServer.Start(new SmtpServerOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0), RequireTls = false, RequireAuthentication = false }, _backend);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _sink?.Dispose();
        _server?.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public async Task Postrider()
    {
        var before = _backend.Taken;
        await SourceAsync(_server!.LocalEndPoint.Port);
        if (_backend.Taken - before != Messages) throw new InvalidOperationException($"{_backend.Taken - before} were taken.");
    }

    [Benchmark(OperationsPerInvoke = Messages, Baseline = true)]
    public Task SmtpSink() => SourceAsync(_sinkPort);

    private Task SourceAsync(int port) => PeerProcess.RunAsync(
        "smtp-source", "-4", "-d", "-s", Sessions.ToString(CultureInfo.InvariantCulture), "-m", Messages.ToString(CultureInfo.InvariantCulture), "-l", "5120", "-f", "ann@example.com", "-t", "ben@example.org", $"127.0.0.1:{port}");

    private sealed class Backend : ISmtpBackend
    {
        private long _taken;

        public long Taken => Volatile.Read(ref _taken);
        public string? Greeting(SmtpSession session) => null;
        public string? HelloText(SmtpSession session) => null;
        public Task<SmtpAuthResult> AuthenticateAsync(SmtpSession session, SaslCredential credential, CancellationToken cancel) => Task.FromResult(new SmtpAuthResult(credential.UserName, null));
        public Task<SmtpReply?> MailAsync(SmtpSession session, EmailAddress? sender, CancellationToken cancel) => Task.FromResult<SmtpReply?>(null);
        public Task<SmtpReply?> RcptAsync(SmtpSession session, EmailAddress recipient, CancellationToken cancel) => Task.FromResult<SmtpReply?>(null);

        public async Task<SmtpReply> MessageAsync(SmtpSession session, SmtpEnvelope envelope, PipeReader message, CancellationToken cancel)
        {
            while (true)
            {
                var read = await message.ReadAsync(cancel);
                message.AdvanceTo(read.Buffer.End);
                if (!read.IsCompleted) continue;
                Interlocked.Increment(ref _taken);
                return new(250, "2.0.0", "OK");
            }
        }
    }
}
