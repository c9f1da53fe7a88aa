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
/// <param name="CertificateFile">PEM with the certificate, its chain and its key; null: none.</param>
internal sealed record SubmissionAddresses(IPEndPoint? Clear, IPEndPoint? ImplicitTls, string? CertificateFile);

/// <summary>The listening sockets, from the hub's start to its end.</summary>
internal sealed class SubmissionListener(SubmissionAddresses addresses, SubmissionBackend backend, Outbox outbox, TimeProvider clock, ILogger<SubmissionListener> log) : IHostedService, IAsyncDisposable
{
    private readonly List<SmtpServer> servers = [];
    private X509Certificate2? certificate;
    private X509Certificate2Collection? chain;

    /// <summary>As bound; null: not listening there.</summary>
    public IPEndPoint? Clear { get; private set; }

    public IPEndPoint? ImplicitTls { get; private set; }

    /// <summary>STARTTLS is offered, and asked for.</summary>
    public bool HasCertificate => certificate is not null;

    /// <exception cref="StartRefusedException">A port is taken, or TLS is missing where it is needed.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        (certificate, chain) = Load(addresses);
        try
        {
            if (addresses.Clear is { } clear) Clear = Listen(clear, "--submission", implicitTls: false);
            if (addresses.ImplicitTls is { } tls) ImplicitTls = Listen(tls, "--submission-tls", implicitTls: true);
        }
        catch
        {
            await StopAsync(cancellationToken);
            throw;
        }
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
        certificate?.Dispose();
    }

    private IPEndPoint Listen(IPEndPoint address, string option, bool implicitTls)
    {
        try
        {
            var server = SmtpServer.Start(
                new SmtpServerOptions
                {
                    Listen = address, HostName = backend.HostName, Certificate = certificate, CertificateChain = chain, ImplicitTls = implicitTls, RequireTls = certificate is not null, Trusts = backend.Trusts, MaxMessageBytesNow = () => outbox.MaxBytes,
                    MaxRecipients = OutgoingMessageRules.MaxRecipients, AuthMechanisms = ["PLAIN", "LOGIN"], Dsn = true, Clock = clock, OnFault = failure => SubmissionLog.Failed(log, failure), OnRefusal = backend.Refused,
                }, backend);
            servers.Add(server);
            SubmissionLog.Listening(log, server.LocalEndPoint.ToString(), implicitTls ? "TLS" : certificate is null ? "no TLS, this machine only" : "STARTTLS");
            return server.LocalEndPoint;
        }
        catch (SocketException failure)
        {
            throw new StartRefusedException("port-in-use", $"The address of {option}, {address}, is in use by another program, or may not be used.", "Stop that program, or give another port; 0 takes a free one.", failure);
        }
    }

    private static (X509Certificate2?, X509Certificate2Collection?) Load(SubmissionAddresses addresses)
    {
        if (addresses is { Clear: null, ImplicitTls: null }) return default;
        if (addresses.CertificateFile is not { } file)
        {
            if (addresses.ImplicitTls is null && IPAddress.IsLoopback(addresses.Clear!.Address)) return default;
            throw new StartRefusedException("submission-certificate-missing", "Programs on other machines would hand in keys and mail in clear, or TLS was asked for without a certificate.", "Give --submission-certificate a PEM file with the certificate and its key, or let --submission listen on 127.0.0.1.");
        }

        try
        {
            var all = new X509Certificate2Collection();
            all.ImportFromPemFile(file);
            return (X509Certificate2.CreateFromPemFile(file), [.. all.Skip(1)]);
        }
        catch (Exception failure) when (failure is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException("submission-certificate-unreadable", $"The file of --submission-certificate, {file}, cannot be read, or lacks the certificate or its key.", "Name one PEM file with the certificate and its private key, which must not be encrypted.", failure);
        }
    }
}
