using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Postrider.Sandbox.Certificates;

namespace Postrider.Tests.OutgoingServers;

/// <summary>The sandbox's IMAP, but SEARCH is refused, as Exchange does at times: <c>BAD Command Argument Error. 12</c>.</summary>
internal sealed class ImapWithoutSearch : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource end = new();
    private readonly CertificateAuthority authority = CertificateAuthority.Create(TimeProvider.System);
    private readonly X509Certificate2 certificate;
    private readonly X509Certificate2Collection trusted = [];
    private readonly int target;
    private readonly Task accepting;

    /// <param name="target">The sandbox's port of IMAP over TLS.</param>
    /// <param name="trust">The file with the sandbox's authority.</param>
    public ImapWithoutSearch(int target, string trust)
    {
        this.target = target;
        certificate = authority.Issue(["localhost"], [IPAddress.Loopback], TimeProvider.System);
        trusted.ImportFromPemFile(trust);
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>The authority that a client has to trust.</summary>
    public string Pem => authority.Pem;

    public int Refused { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await end.CancelAsync();
        listener.Stop();
        await accepting;
        listener.Dispose();
        authority.Dispose();
        certificate.Dispose();
        end.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = ServeAsync(await listener.AcceptTcpClientAsync(end.Token));
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var near = client;
        using var far = new TcpClient();
        try
        {
            await far.ConnectAsync(IPAddress.Loopback, target, end.Token);
            await using var here = new SslStream(near.GetStream());
            await using var there = new SslStream(far.GetStream());
            await here.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, end.Token);
            await there.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, CustomTrustStore = { trusted[0] } } }, end.Token);
            var answers = there.CopyToAsync(here, end.Token);
            using var lines = new StreamReader(here, Encoding.Latin1);
            while (await lines.ReadLineAsync(end.Token) is { } line)
            {
                var search = line.Contains(" UID SEARCH ", StringComparison.Ordinal);
                if (search) Refused++;
                await (search ? here : there).WriteAsync(Encoding.Latin1.GetBytes(search ? $"{line.Split(' ')[0]} BAD Command Argument Error. 12\r\n" : line + "\r\n"), end.Token);
            }
            far.Close();
            await answers;
        }
        catch (Exception ended) when (ended is IOException or OperationCanceledException or ObjectDisposedException or SocketException)
        {
        }
    }
}
