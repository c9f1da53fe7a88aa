using System.Net.Sockets;
using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Mail.Tests.Smtp;

/// <summary>Our server, driven by programs nobody here wrote.</summary>
public sealed class SmtpServerPeersTests
{
    private static readonly string LongToken = string.Concat(Enumerable.Repeat("eyJ0eXAiOiJKV1QifQ.", 100));

    [Theory]
    [InlineData("initial", "token")]
    [InlineData("two steps", "token")]
    [InlineData("two steps", null)]
    public async Task Python_smtplib_sends_with_a_token(string form, string? token)
    {
        token ??= LongToken;
        var python = PeerProgram.FindOrSkip("python3");
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        using var files = new TemporaryFolder();
        const string script = """
            import base64, smtplib, ssl, sys
            port, ca, token, form = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
            s = smtplib.SMTP('localhost', port, timeout=20)
            s.ehlo()
            assert not s.has_extn('auth'), s.esmtp_features
            s.starttls(context=ssl.create_default_context(cafile=ca))
            s.ehlo()
            assert 'XOAUTH2' in s.esmtp_features['auth'], s.esmtp_features
            assert s.has_extn('pipelining') and s.has_extn('8bitmime') and s.has_extn('smtputf8') and s.has_extn('enhancedstatuscodes')
            assert int(s.esmtp_features['size']) > 1000000
            blob = base64.b64encode(b'user=ann@example.com\x01auth=Bearer ' + token.encode() + b'\x01\x01').decode()
            if form == 'initial': r = s.docmd('AUTH', 'XOAUTH2 ' + blob)
            else:
                r = s.docmd('AUTH', 'XOAUTH2'); assert r[0] == 334, r
                r = s.docmd(blob)
            assert r[0] == 235, r
            refused = s.sendmail('ann@example.com', ['ben@example.org', 'cat@example.org'], b'Subject: hi\r\n\r\n.leading dot\r\n..\r\nend\r\n', mail_options=['body=8bitmime'])
            assert refused == {}, refused
            s.send_message(__import__('email').message_from_string('From: ann@example.com\nTo: ben@example.org\nSubject: second\n\ntext\n'))
            s.quit()
            """;
        var (code, output) = await PeerProgram.RunAsync(python, ["-c", script, Port(server), TestCertificates.AuthorityFile(files), token, form]);
        Assert.True(code == 0, output);
        Assert.Equal(new SaslCredential.XOAuth2("ann@example.com", token), Assert.Single(mailbox.Credentials));
        Assert.Equal(2, mailbox.Messages.Count);
        var first = mailbox.Messages.First();
        Assert.Equal("Subject: hi\r\n\r\n.leading dot\r\n..\r\nend\r\n", Encoding.ASCII.GetString(first.Bytes));
        Assert.Equal(["ben@example.org", "cat@example.org"], first.Envelope.Recipients.Select(r => r.ToString()));
        Assert.Empty(mailbox.Faults);
    }

    [Theory]
    [InlineData("login('ann@example.com', 'secret')", "235")]
    [InlineData("login('ann@example.com', 'wrong')", "535")]
    [InlineData("docmd('AUTH', 'XOAUTH2 dXNlcj1hbm4=')", "501")]
    [InlineData("docmd('AUTH', 'CRAM-MD5')", "504")]
    [InlineData("docmd('MAIL', 'FROM:<ann@example.com>')", "530")]
    [InlineData("docmd('DATA')", "503")]
    public async Task Python_smtplib_gets_the_reply_of_each_case(string call, string expected)
    {
        var python = PeerProgram.FindOrSkip("python3");
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        using var files = new TemporaryFolder();
        var script = $"""
            import smtplib, ssl, sys
            s = smtplib.SMTP('localhost', int(sys.argv[1]), timeout=20)
            s.starttls(context=ssl.create_default_context(cafile=sys.argv[2]))
            s.ehlo()
            try: print(s.{call}[0])
            except smtplib.SMTPAuthenticationError as e: print(e.smtp_code)
            """;
        var (_, output) = await PeerProgram.RunAsync(python, ["-c", script, Port(server), TestCertificates.AuthorityFile(files)]);
        Assert.Equal(expected, output.Trim());
    }

    [Fact]
    public async Task Curl_sends_with_a_bearer_token()
    {
        var curl = PeerProgram.FindOrSkip("curl");
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        var (code, output) = await CurlAsync(curl, server, LongToken, "Subject: from curl\r\n\r\n.dot\r\n", "client.example");
        Assert.True(code == 0, output);
        Assert.Equal(new SaslCredential.XOAuth2("ann@example.com", LongToken), Assert.Single(mailbox.Credentials));
        Assert.Equal("Subject: from curl\r\n\r\n.dot\r\n", Encoding.ASCII.GetString(Assert.Single(mailbox.Messages).Bytes));
    }

    [Fact]
    public async Task Curl_is_refused_with_a_wrong_token()
    {
        var curl = PeerProgram.FindOrSkip("curl");
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        var (code, output) = await CurlAsync(curl, server, "wrong", "x\r\n");
        // curl's own code for a refused login.
        Assert.True(code == 67, output);
        Assert.Empty(mailbox.Messages);
    }

    // Without TLS: Debian's swaks has it only with a further package.
    [Theory]
    [InlineData("LOGIN")]
    [InlineData("PLAIN")]
    public async Task Swaks_sends_pipelined_with_a_password(string mechanism)
    {
        var swaks = PeerProgram.FindOrSkip("swaks");
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen(change: o => o with { RequireTls = false });
        var (code, output) = await PeerProgram.RunAsync(
            swaks,
            ["--server", "127.0.0.1:" + Port(server), "--auth", mechanism, "--auth-user", "ann@example.com", "--auth-password", "secret", "--from", "ann@example.com", "--to", "ben@example.org,cat@example.org", "--pipeline"]);
        Assert.True(code == 0, output);
        Assert.Equal(2, Assert.Single(mailbox.Messages).Envelope.Recipients.Count);
        Assert.Equal(new SaslCredential.Plain("ann@example.com", "secret"), Assert.Single(mailbox.Credentials));
    }

    [Fact]
    public async Task Smtp_source_of_Postfix_delivers_over_several_sessions()
    {
        var source = PeerProgram.FindOrSkip("smtp-source");
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen(open: true);
        var (code, output) = await PeerProgram.RunAsync(source, ["-4", "-s", "3", "-m", "60", "-r", "2", "-l", "5000", "-d", "-f", "ann@example.com", "-t", "ben@example.org", "127.0.0.1:" + Port(server)]);
        Assert.True(code == 0, output);
        Assert.Equal(60, mailbox.Messages.Count);
        Assert.All(mailbox.Messages, m => Assert.Equal((2, true), (m.Envelope.Recipients.Count, m.Bytes.Length >= 5000)));
        Assert.Empty(mailbox.Faults);
    }

    [Theory]
    [InlineData("-tls1_1", false)]
    [InlineData("-tls1_2", true)]
    [InlineData("-tls1_3", true)]
    public async Task Openssl_gets_TLS_from_1_2_on(string version, bool works)
    {
        var openssl = PeerProgram.FindOrSkip("openssl");
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        using var files = new TemporaryFolder();
        var (_, output) = await PeerProgram.RunAsync(
            openssl,
            ["s_client", "-connect", "127.0.0.1:" + Port(server), "-starttls", "smtp", version, "-CAfile", TestCertificates.AuthorityFile(files), "-verify_return_error", "-verify_hostname", "localhost", "-ign_eof", "-quiet", "-crlf"],
            "EHLO client.example\nQUIT\n");
        Assert.True(works == output.Contains("250-AUTH XOAUTH2 PLAIN LOGIN", StringComparison.Ordinal), output);
    }

    [Fact]
    public async Task A_socket_that_adds_commands_behind_STARTTLS_is_shown_out()
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        using var client = new TcpClient();
        await client.ConnectAsync(server.LocalEndPoint);
        await using var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.ASCII);
        Assert.StartsWith("220 ", await reader.ReadLineAsync(), StringComparison.Ordinal);
        // All in one write, as somebody on the line would add it to the client's own command.
        await stream.WriteAsync("EHLO client.example\r\nSTARTTLS\r\nEHLO eve.example\r\nAUTH PLAIN AGV2ZQBzZWNyZXQ=\r\n"u8.ToArray());
        var rest = await reader.ReadToEndAsync();
        Assert.Contains("\r\n503 5.5.1 Nothing may follow STARTTLS", rest, StringComparison.Ordinal);
        Assert.DoesNotContain("\r\n220 ", rest, StringComparison.Ordinal);
        Assert.Empty(mailbox.Credentials);
    }

    private static string Port(SmtpServer server) => server.LocalEndPoint.Port.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Over TLS, signed in by XOAUTH2; <paramref name="name"/> is what it says in EHLO.</summary>
    private static async Task<(int Code, string Output)> CurlAsync(string curl, SmtpServer server, string token, string message, string name = "")
    {
        using var files = new TemporaryFolder();
        return await PeerProgram.RunAsync(
            curl,
            ["-sS", "--url", $"smtp://localhost:{Port(server)}/{name}", "--ssl-reqd", "--cacert", TestCertificates.AuthorityFile(files), "--user", "ann@example.com:", "--oauth2-bearer", token,
             "--login-options", "AUTH=XOAUTH2", "--mail-from", "ann@example.com", "--mail-rcpt", "ben@example.org", "--upload-file", "-"],
            message);
    }
}
