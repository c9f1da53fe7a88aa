using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postrider.Mail.Smtp;
using Postrider.OutgoingMail;
using Postrider.Settings;
using Postrider.Telemetry;

namespace Postrider.Submission;

/// <summary>Where programs hand in mail.</summary>
/// <param name="Clear">STARTTLS, or no TLS at all on this machine; null: no such listener.</param>
/// <param name="ImplicitTls">TLS from the first byte; null: no such listener.</param>
/// <param name="Certificate">With its key; null: none.</param>
/// <param name="Chain">Shown with it.</param>
internal sealed record SubmissionAddresses(IPEndPoint? Clear, IPEndPoint? ImplicitTls, X509Certificate2? Certificate, X509Certificate2Collection? Chain)
{
    /// <param name="certificateFile">PEM with the certificate, its chain and its key; null: none.</param>
    /// <exception cref="StartRefusedException">A port is taken, or TLS is missing where it is needed.</exception>
    public static SubmissionAddresses Load(IPEndPoint? clear, IPEndPoint? implicitTls, string? certificateFile)
    {
        if (clear is not null) RefuseTaken(clear, "--submission");
        if (implicitTls is not null) RefuseTaken(implicitTls, "--submission-tls");
        if (certificateFile is null)
        {
            if (implicitTls is null && (clear is null || IPAddress.IsLoopback(clear.Address))) return new(clear, null, null, null);
            throw new StartRefusedException("submission-certificate-missing", "Programs on other machines would hand in keys and mail in clear, or TLS was asked for without a certificate.", "Give --submission-certificate a PEM file with the certificate and its key, or let --submission listen on 127.0.0.1.");
        }

        try
        {
            var all = new X509Certificate2Collection();
            all.ImportFromPemFile(certificateFile);
            return new(clear, implicitTls, X509Certificate2.CreateFromPemFile(certificateFile), [.. all.Skip(1)]);
        }
        catch (Exception failure) when (failure is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException("submission-certificate-unreadable", $"The file of --submission-certificate, {certificateFile}, cannot be read, or lacks the certificate or its key.", "Name one PEM file with the certificate and its private key, which must not be encrypted.", failure);
        }
    }

    // Asked before anything is opened, as with --port.
    private static void RefuseTaken(IPEndPoint address, string option)
    {
        using var probe = new TcpListener(address);
        try
        {
            probe.Start();
        }
        catch (SocketException failure)
        {
            throw new StartRefusedException("port-in-use", $"The address of {option}, {address}, is in use by another program, or may not be used.", "Stop that program, or give another port; 0 takes a free one.", failure);
        }
    }
}

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
