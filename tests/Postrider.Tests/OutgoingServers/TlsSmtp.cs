using System.Collections.Concurrent;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Postrider.Tests.OutgoingServers;

/// <summary>An SMTP server of a few lines with STARTTLS, which may ask for a client's certificate.</summary>
internal sealed class TlsSmtp : ScriptedPeer
{
    /// <summary>Null: STARTTLS is not offered.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>Written in the place of a handshake; null: there is one.</summary>
    public byte[]? InsteadOfHandshake { get; init; }

    /// <summary>The client must show a certificate of this authority; null: none is asked for.</summary>
    public X509Certificate2? ClientsOf { get; init; }

    /// <summary>Under TLS; null: AUTH is not offered.</summary>
    public string? Auth { get; init; }

    /// <summary>Whom the clients showed to be.</summary>
    public ConcurrentQueue<string> Clients { get; } = [];

    /// <summary>Every line that came.</summary>
    public ConcurrentQueue<string> Lines { get; } = [];

    protected override async Task TalkAsync(TcpClient client)
    {
        await using var plain = client.GetStream();
        await SayAsync(plain, "220 tls.test");
        if (await ConverseAsync(plain, secured: false) != "STARTTLS") return;
        await SayAsync(plain, "220 2.0.0 go ahead");
        if (InsteadOfHandshake is { } bytes)
        {
            if (await plain.ReadAsync(new byte[4096], Stop) == 0) return;
            await plain.WriteAsync(bytes, Stop);
            return;
        }

        await using var tls = new SslStream(plain);
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
        {
            ServerCertificate = Certificate,
            ClientCertificateRequired = ClientsOf is not null,
            RemoteCertificateValidationCallback = (_, shown, _, _) => ClientsOf is null || shown is X509Certificate2 own && IsOf(own, ClientsOf),
        }, Stop);
        Clients.Enqueue(tls.RemoteCertificate?.Subject ?? "");
        await ConverseAsync(tls, secured: true);
    }

    private async Task<string?> ConverseAsync(Stream stream, bool secured)
    {
        while (await ReadLineAsync(stream) is { } line)
        {
            Lines.Enqueue(line);
            var verb = line.Split(' ', ':')[0].ToUpperInvariant();
            if (verb == "STARTTLS") return verb;
            await SayAsync(stream, verb switch
            {
                "EHLO" when !secured && Certificate is not null => "250-tls.test\r\n250 STARTTLS",
                "EHLO" when secured && Auth is not null => $"250-tls.test\r\n250 AUTH {Auth}",
                "EHLO" => "250 tls.test",
                "AUTH" => line == "AUTH EXTERNAL =" ? "235 2.7.0 welcome" : "535 5.7.8 no",
                "DATA" => "354 go on",
                "QUIT" => "221 2.0.0 bye",
                _ => "250 2.0.0 yes",
            });
            if (verb == "QUIT") return null;
        }

        return null;
    }

    private async Task SayAsync(Stream stream, string line) => await stream.WriteAsync(Encoding.ASCII.GetBytes(line + "\r\n"), Stop);

    // Byte by byte: nothing of a handshake is taken from the stream ahead of it.
    private async Task<string?> ReadLineAsync(Stream stream)
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (await stream.ReadAsync(one, Stop) > 0)
        {
            if (one[0] == '\n') return line.ToString().TrimEnd('\r');
            line.Append((char)one[0]);
        }

        return null;
    }

    private static bool IsOf(X509Certificate2 certificate, X509Certificate2 authority)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }
}
