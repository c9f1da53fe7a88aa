using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

namespace Postrider.Mail.Tests.Peers;

/// <summary>A real Dovecot on free loopback ports: IMAP, POP3 and submission, all taking XOAUTH2 tokens that <see cref="Mint"/> makes. PLAIN and LOGIN take the password <c>secret</c>. Any user name has a mailbox.</summary>
internal sealed class DovecotUnderTest : IAsyncDisposable
{
    private const string Issuer = "https://login.example.test/tenant/v2.0";
    private readonly string folder;
    private readonly RunningPeer process;
    private readonly byte[] secret;

    private DovecotUnderTest(string folder, RunningPeer process, byte[] secret, int[] ports)
    {
        (this.folder, this.process, this.secret) = (folder, process, secret);
        (ImapPort, ImapsPort, SubmissionPort, SubmissionsPort, Pop3Port, Pop3sPort) = (ports[0], ports[1], ports[2], ports[3], ports[4], ports[5]);
    }

    /// <summary>Plain, with STARTTLS.</summary>
    public int ImapPort { get; }
    public int ImapsPort { get; }
    /// <summary>Plain, with STARTTLS.</summary>
    public int SubmissionPort { get; }
    public int SubmissionsPort { get; }
    /// <summary>Plain, with STLS.</summary>
    public int Pop3Port { get; }
    public int Pop3sPort { get; }
    /// <summary>What Dovecot logged.</summary>
    public string Log => process.Output;

    public WireEndpoint Imap(WireSecurity security) => new("localhost", security == WireSecurity.Tls ? ImapsPort : ImapPort, security) { ExtraTrust = [TestCertificates.Authority] };
    public WireEndpoint Pop3(WireSecurity security) => new("localhost", security == WireSecurity.Tls ? Pop3sPort : Pop3Port, security) { ExtraTrust = [TestCertificates.Authority] };
    public WireEndpoint Submission(WireSecurity security) => new("localhost", security == WireSecurity.Tls ? SubmissionsPort : SubmissionPort, security) { ExtraTrust = [TestCertificates.Authority] };

    /// <summary>Skips the test when Dovecot is not installed or may not run here.</summary>
    /// <param name="relay">Where submission hands its mail on; null: to nobody.</param>
    public static async Task<DovecotUnderTest> StartAsync(IPEndPoint? relay = null)
    {
        var program = PeerProgram.FindOrSkip("dovecot");
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Dovecot runs its parts as different users, which needs root.");
        Assert.SkipUnless(File.Exists("/usr/lib/dovecot/submission"), "Dovecot's submission server (package dovecot-submissiond) is not installed.");
        Assert.SkipUnless(File.Exists("/usr/lib/dovecot/pop3"), "Dovecot's POP3 server (package dovecot-pop3d) is not installed.");
        Assert.SkipUnless(File.Exists("/usr/lib/dovecot/imap"), "Dovecot's IMAP server (package dovecot-imapd) is not installed.");

        var home = Directory.CreateTempSubdirectory("postrider-dovecot-").FullName;
        try
        {
            foreach (var sub in (string[])["keys/default/HS256", "run", "mail", "tls"]) Directory.CreateDirectory(Path.Combine(home, sub));
            var key = RandomNumberGenerator.GetBytes(32);
            File.WriteAllText(Path.Combine(home, "keys/default/HS256/default"), Convert.ToBase64String(key));
            File.WriteAllText(Path.Combine(home, "tls/cert.pem"), TestCertificates.Server.ExportCertificatePem());
            File.WriteAllText(Path.Combine(home, "tls/key.pem"), TestCertificates.Server.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
            // Everybody may look in: Dovecot reads the keys and the mail as other users than root.
            await PeerProgram.RunAsync(PeerProgram.FindOrSkip("chmod"), ["-R", "a+rX", home]);
            await PeerProgram.RunAsync(PeerProgram.FindOrSkip("chown"), ["-R", "mail:mail", Path.Combine(home, "mail")]);

            var ports = PeerProgram.FreePorts(6);
            File.WriteAllText(Path.Combine(home, "oauth2.conf"), OAuth2Configuration(home));
            File.WriteAllText(Path.Combine(home, "dovecot.conf"), Configuration(home, ports, relay ?? new IPEndPoint(IPAddress.Loopback, 9)));
            var running = await RunningPeer.StartAsync(program, ["-c", Path.Combine(home, "dovecot.conf"), "-F"], "starting up");
            return new DovecotUnderTest(home, running, key, ports);
        }
        catch
        {
            Directory.Delete(home, recursive: true);
            throw;
        }
    }

    /// <summary>An access token as Entra would give it, signed so that this Dovecot takes it.</summary>
    /// <param name="padding">Characters of an extra claim, for long tokens.</param>
    /// <param name="lifetime">Negative: expired.</param>
    /// <param name="goodSignature">False: signed with another key.</param>
    public string Mint(string user, int padding = 0, TimeSpan? lifetime = null, bool goodSignature = true)
    {
        var now = TimeProvider.System.GetUtcNow();
        var claims = new Dictionary<string, object>
        {
            ["iss"] = Issuer,
            ["sub"] = "0001",
            ["preferred_username"] = user,
            ["iat"] = now.AddHours(-2).ToUnixTimeSeconds(),
            ["nbf"] = now.AddHours(-2).ToUnixTimeSeconds(),
            ["exp"] = (now + (lifetime ?? TimeSpan.FromHours(1))).ToUnixTimeSeconds(),
            ["aud"] = "https://outlook.office.com",
            ["scp"] = "IMAP.AccessAsUser.All SMTP.Send",
            ["pad"] = new string('x', padding),
        };
        var text = Part(new Dictionary<string, object> { ["alg"] = "HS256", ["typ"] = "JWT" }) + "." + Part(claims);
        var key = goodSignature ? secret : [.. secret.Reverse()];
        return text + "." + Url(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(text)));

        static string Part(Dictionary<string, object> json) => Url(JsonSerializer.SerializeToUtf8Bytes(json));
        static string Url(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
    }

    public async ValueTask DisposeAsync()
    {
        await process.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static string OAuth2Configuration(string folder) => $"""
        introspection_mode = local
        local_validation_key_dict = fs:posix:prefix={folder}/keys/
        issuers = {Issuer}
        username_attribute = preferred_username
        username_format = %Lu
        openid_configuration_url = {Issuer}/.well-known/openid-configuration

        """;

    // first_valid_uid 8 is Debian's user mail; mode 0 of the penalty socket keeps a refused login from slowing the next ones.
    private static string Configuration(string folder, int[] ports, IPEndPoint relay) => $$"""
        base_dir = {{folder}}/run
        state_dir = {{folder}}/run
        instance_name = postrider-test
        log_path = /dev/stderr
        protocols = imap pop3 submission
        listen = 127.0.0.1
        ssl = yes
        ssl_cert = <{{folder}}/tls/cert.pem
        ssl_key = <{{folder}}/tls/key.pem
        disable_plaintext_auth = no
        first_valid_uid = 8
        mail_location = maildir:~/Maildir
        namespace inbox {
          inbox = yes
          mailbox Sent {
            auto = subscribe
            special_use = \Sent
          }
        }
        auth_mechanisms = xoauth2 oauthbearer plain login
        auth_failure_delay = 0
        auth_cache_size = 0
        passdb {
          driver = oauth2
          mechanisms = xoauth2 oauthbearer
          args = {{folder}}/oauth2.conf
        }
        passdb {
          driver = static
          mechanisms = plain login
          args = password=secret
        }
        userdb {
          driver = static
          args = uid=mail gid=mail home={{folder}}/mail/%u
        }
        service imap-login {
          inet_listener imap {
            port = {{ports[0]}}
          }
          inet_listener imaps {
            port = {{ports[1]}}
            ssl = yes
          }
        }
        service submission-login {
          inet_listener submission {
            port = {{ports[2]}}
          }
          inet_listener submissions {
            port = {{ports[3]}}
            ssl = yes
          }
        }
        service pop3-login {
          inet_listener pop3 {
            port = {{ports[4]}}
          }
          inet_listener pop3s {
            port = {{ports[5]}}
            ssl = yes
          }
        }
        service anvil {
          unix_listener anvil-auth-penalty {
            mode = 0
          }
        }
        mail_max_userip_connections = 100
        submission_host = 127.0.0.1
        hostname = localhost
        submission_relay_host = {{relay.Address}}
        submission_relay_port = {{relay.Port}}
        submission_relay_ssl = no
        submission_relay_trusted = no

        """;
}
