using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Postrider.Mail.Tests.Peers;

/// <summary>A real Postfix with its own configuration and queue: its smtpd, with STARTTLS, on a free loopback port takes everything and hands it on to a relay.</summary>
internal sealed class PostfixUnderTest : IAsyncDisposable
{
    private readonly string folder;
    private readonly RunningPeer process;

    private PostfixUnderTest(string folder, RunningPeer process, int port) => (this.folder, this.process, Port) = (folder, process, port);

    public int Port { get; }

    /// <summary>What Postfix logged.</summary>
    public string Log => process.Output;

    public WireEndpoint Endpoint(WireSecurity security) => new("localhost", Port, security) { ExtraTrust = [TestCertificates.Authority] };

    /// <summary>Skips the test when Postfix is not installed or may not run here.</summary>
    /// <param name="relay">Where everything goes, over STARTTLS with the certificate checked against the tests' authority.</param>
    public static async Task<PostfixUnderTest> StartAsync(int relay)
    {
        var program = PeerProgram.FindOrSkip("postfix");
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Postfix runs its parts as different users, which needs root.");
        var home = Directory.CreateTempSubdirectory("postrider-postfix-").FullName;
        try
        {
            foreach (var sub in (string[])["conf", "queue", "data"]) Directory.CreateDirectory(Path.Combine(home, sub));
            await PeerProgram.RunAsync(PeerProgram.FindOrSkip("chmod"), ["a+rx", home]);
            await PeerProgram.RunAsync(PeerProgram.FindOrSkip("chown"), ["postfix", Path.Combine(home, "data")]);
            File.WriteAllText(Path.Combine(home, "server.pem"), TestCertificates.Server.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem() + "\n" + TestCertificates.Server.ExportCertificatePem() + "\n");
            File.WriteAllText(Path.Combine(home, "ca.pem"), TestCertificates.Authority.ExportCertificatePem());
            var port = PeerProgram.FreePorts(1)[0];
            File.WriteAllText(Path.Combine(home, "conf", "main.cf"), Configuration(home, relay));
            File.WriteAllText(Path.Combine(home, "conf", "master.cf"), Services(port));
            return new PostfixUnderTest(home, await RunningPeer.StartAsync(program, ["-c", Path.Combine(home, "conf"), "start-fg"], "daemon started"), port);
        }
        catch
        {
            Directory.Delete(home, recursive: true);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await process.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static string Configuration(string home, int relay) => $"""
        compatibility_level = 3.6
        queue_directory = {home}/queue
        data_directory = {home}/data
        command_directory = /usr/sbin
        daemon_directory = /usr/lib/postfix/sbin
        mail_owner = postfix
        setgid_group = postdrop
        maillog_file = /dev/stdout
        inet_interfaces = {IPAddress.Loopback}
        inet_protocols = ipv4
        mynetworks = 127.0.0.0/8
        myhostname = postfix.test.example
        mydestination =
        alias_maps =
        alias_database =
        message_size_limit = 52428800
        smtputf8_enable = yes
        smtpd_tls_security_level = may
        smtpd_tls_chain_files = {home}/server.pem
        relayhost = [localhost]:{relay}
        smtp_dns_support_level = disabled
        smtp_host_lookup = native
        smtp_tls_security_level = verify
        smtp_tls_CAfile = {home}/ca.pem
        smtp_tls_verify_cert_match = hostname
        smtp_tls_loglevel = 1
        minimal_backoff_time = 1s
        maximal_backoff_time = 2s
        queue_run_delay = 1s

        """;

    private static string Services(int port) => $"""
        127.0.0.1:{port} inet n - n - - smtpd
        pickup unix n - n 60 1 pickup
        cleanup unix n - n - 0 cleanup
        qmgr unix n - n 1 1 qmgr
        tlsmgr unix - - n 1000 1 tlsmgr
        rewrite unix - - n - - trivial-rewrite
        bounce unix - - n - 0 bounce
        defer unix - - n - 0 bounce
        trace unix - - n - 0 bounce
        verify unix - - n - 1 verify
        flush unix n - n 1000 0 flush
        proxymap unix - - n - - proxymap
        smtp unix - - n - - smtp
        relay unix - - n - - smtp
        showq unix n - n - - showq
        error unix - - n - - error
        retry unix - - n - - error
        discard unix - - n - - discard
        anvil unix - - n - 1 anvil
        scache unix - - n - 1 scache
        postlog unix-dgram n - n - 1 postlogd

        """;
}
