using System.Net;
using Postrider.Mail.Smtp;
using Postrider.OutgoingMail;

namespace Postrider.Submission;

/// <summary>The listening sockets, from the hub's start to its end.</summary>
internal sealed class SubmissionListener(SubmissionAddresses addresses, SubmissionBackend backend, Outbox outbox, TimeProvider clock, ILogger<SubmissionListener> log) : IHostedService, IAsyncDisposable
{
    private readonly List<SmtpServer> servers = [];

    /// <summary>As bound; null: not listening there.</summary>
    public IPEndPoint? Clear { get; private set; }

    public IPEndPoint? ImplicitTls { get; private set; }

    /// <summary>STARTTLS is offered, and asked for.</summary>
    public bool HasCertificate => addresses.Certificate is not null;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (addresses.Clear is { } clear) Clear = Listen(clear, implicitTls: false);
        if (addresses.ImplicitTls is { } tls) ImplicitTls = Listen(tls, implicitTls: true);
        return Task.CompletedTask;
    }

    /// <summary>A message whose end has come is stored and answered first.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(servers.Select(server => server.DisposeAsync().AsTask()));
        servers.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        addresses.Certificate?.Dispose();
    }

    private IPEndPoint Listen(IPEndPoint address, bool implicitTls)
    {
        var server = SmtpServer.Start(
            new SmtpServerOptions
            {
                Listen = address, HostName = backend.HostName, Certificate = addresses.Certificate, CertificateChain = addresses.Chain, ImplicitTls = implicitTls, RequireTls = HasCertificate, Trusts = backend.Trusts, MaxMessageBytesNow = () => outbox.MaxBytes,
                MaxRecipients = OutgoingMessageRules.MaxRecipients, AuthMechanisms = ["PLAIN", "LOGIN"], Dsn = true, Clock = clock, OnFault = failure => SubmissionLog.Failed(log, failure), OnRefusal = backend.Refused,
            }, backend);
        servers.Add(server);
        SubmissionLog.Listening(log, server.LocalEndPoint.ToString(), implicitTls ? "TLS" : HasCertificate ? "STARTTLS" : "no TLS, this machine only");
        return server.LocalEndPoint;
    }
}
