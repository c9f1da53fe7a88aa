using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;

namespace Postrider.Bench;

/// <summary>A Dovecot of our own on free loopback ports, with an INBOX of generated messages; its index is warm. Needs root, since Dovecot runs its parts as different users.</summary>
internal sealed class DovecotPeer : IDisposable
{
    public const int MessageBytes = 5049;
    private readonly string _folder;
    private readonly Process _process;
    private readonly X509Certificate2 _certificate;

    private DovecotPeer(string folder, Process process, X509Certificate2 certificate, int port, int tlsPort) => (_folder, _process, _certificate, Port, TlsPort) = (folder, process, certificate, port, tlsPort);

    public int Port { get; }
    public int TlsPort { get; }
    public string Folder => _folder;
    public static SaslCredential Credential { get; } = new SaslCredential.Plain("bench", "secret");

    public WireEndpoint Endpoint(bool tls) => new("localhost", tls ? TlsPort : Port, tls ? WireSecurity.Tls : WireSecurity.None) { ExtraTrust = [_certificate] };

    public static async Task<DovecotPeer> StartAsync(int messages)
    {
        var folder = Directory.CreateTempSubdirectory("postrider-bench-dovecot-").FullName;
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(7));
        File.WriteAllText(Path.Combine(folder, "cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, "key.pem"), key.ExportPkcs8PrivateKeyPem());
        foreach (var sub in (string[])["run", "mail"]) Directory.CreateDirectory(Path.Combine(folder, sub));
        await FillAsync(folder, "bench", messages, 0);
        var (port, tlsPort) = (FreePort(), FreePort());
        await File.WriteAllTextAsync(Path.Combine(folder, "dovecot.conf"), Configuration(folder, port, tlsPort));
        await RunAsync("chmod", "-R", "a+rX", folder);
        await RunAsync("chown", "-R", "mail:mail", Path.Combine(folder, "mail"));
        var start = new ProcessStartInfo("dovecot", ["-F", "-c", Path.Combine(folder, "dovecot.conf")]) { UseShellExecute = false };
        var peer = new DovecotPeer(folder, Process.Start(start)!, certificate, port, tlsPort);
        for (var tries = 0; ; tries++)
        {
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, tlsPort);
                break;
            }
            catch (SocketException) when (tries < 200)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            }
        }
        if (messages > 0) await peer.WarmAsync();
        return peer;
    }

    public async Task<ImapClient> ConnectAsync(bool tls, bool select = true, string user = "bench")
    {
        var connected = await ImapClient.ConnectAsync(Endpoint(tls), Credential with { UserName = user }, null, CancellationToken.None);
        var client = connected.Client ?? throw new InvalidOperationException(connected.Failure!.Detail);
        if (select && (await client.SelectAsync("INBOX", readOnly: true, CancellationToken.None)).Failure is { } failure) throw new InvalidOperationException(failure.Detail);
        return client;
    }

    /// <summary>A mailbox of another user, with messages numbered from <paramref name="first"/>.</summary>
    public async Task FillAsync(string user, int messages, int first)
    {
        await FillAsync(_folder, user, messages, first);
        await RunAsync("chown", "-R", "mail:mail", Path.Combine(_folder, "mail", user));
    }

    private static async Task FillAsync(string folder, string user, int messages, int first)
    {
        var inbox = Path.Combine(folder, "mail", user, "Maildir");
        foreach (var sub in (string[])["cur", "new", "tmp"]) Directory.CreateDirectory(Path.Combine(inbox, sub));
        for (var i = 0; i < messages; i++) await File.WriteAllBytesAsync(Path.Combine(inbox, "cur", $"{1_700_000_000 + i}.M{i:D6}P1.bench,S={MessageBytes}:2,S"), Message(first + i));
    }

    public void Dispose()
    {
        try
        {
            using (var stop = Process.Start("doveadm", ["-c", Path.Combine(_folder, "dovecot.conf"), "stop"])) stop.WaitForExit(10_000);
            _process.WaitForExit(10_000);
            Directory.Delete(_folder, recursive: true);
        }
        finally
        {
            _process.Dispose();
            _certificate.Dispose();
        }
    }

    public static byte[] Message(int number)
    {
        var text = new StringBuilder($"From: Ann <ann@example.org>\r\nTo: bench@example.com\r\nSubject: Message {number}\r\nMessage-ID: <{number}@example.org>\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n\r\n");
        while (text.Length < MessageBytes) text.Append("Forty loaves of rye and two of wheat, please, by eight in the morning.\r\n");
        text.Length = MessageBytes - 2;
        return Encoding.ASCII.GetBytes(text.Append("\r\n").Replace("\r\r\n", ".\r\n").ToString());
    }

    /// <returns>What it wrote to its output.</returns>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, UseShellExecute = false }) ?? throw new InvalidOperationException(program);
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} ended with {process.ExitCode}");
    }

    /// <summary>Makes the index and brings the files into memory.</summary>
    public async Task WarmAsync(string user = "bench")
    {
        await using var client = await ConnectAsync(tls: false, user: user);
        var uids = await client.UidSearchFromAsync(1, CancellationToken.None);
        await client.UidFetchAsync(uids.Value!, withBody: true, _ => ValueTask.CompletedTask, CancellationToken.None);
    }

    private static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }

    private static string Configuration(string folder, int port, int tlsPort) => $$"""
        base_dir = {{folder}}/run
        state_dir = {{folder}}/run
        instance_name = postrider-bench
        log_path = {{folder}}/log
        protocols = imap
        listen = 127.0.0.1
        ssl = yes
        ssl_cert = <{{folder}}/cert.pem
        ssl_key = <{{folder}}/key.pem
        disable_plaintext_auth = no
        first_valid_uid = 1
        mail_location = maildir:~/Maildir
        mail_max_userip_connections = 2000
        default_client_limit = 3000
        auth_mechanisms = plain
        passdb {
          driver = static
          args = password=secret
        }
        userdb {
          driver = static
          args = uid=mail gid=mail home={{folder}}/mail/%u
        }
        service imap-login {
          service_count = 0
          client_limit = 3000
          inet_listener imap {
            port = {{port}}
          }
          inet_listener imaps {
            port = {{tlsPort}}
            ssl = yes
          }
        }
        service imap {
          process_limit = 2000
          client_limit = 1
        }
        service anvil {
          client_limit = 6000
          unix_listener anvil-auth-penalty {
            mode = 0
          }
        }
        service auth {
          client_limit = 6000
        }

        """;
}
