using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
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
