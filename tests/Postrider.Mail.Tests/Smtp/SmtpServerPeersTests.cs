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

    [Theory]
    [InlineData("")]
    [InlineData("-d")]
    public async Task Smtp_source_delivers_all_that_it_has(string reuse)
    {
        var source = PeerProgram.FindOrSkip("smtp-source");
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen(open: true, o => o with { Transcript = null });
        string[] arguments = ["-4", .. reuse.Length == 0 ? Array.Empty<string>() : [reuse], "-s", "10", "-m", "500", "-r", "3", "-l", "5120", "-f", "ann@example.com", "-t", "ben@example.org", "127.0.0.1:" + Port(server)];
        var (code, output) = await PeerProgram.RunAsync(source, arguments);
        Assert.True(code == 0, output);
        Assert.Equal(500, mailbox.Messages.Count);
        Assert.All(mailbox.Messages, m => Assert.Equal(3, m.Envelope.Recipients.Count));
        Assert.Empty(mailbox.Faults);
    }

    [Fact]
    public async Task Curl_sends_a_large_file_over_implicit_TLS_by_OAUTHBEARER()
    {
        var curl = PeerProgram.FindOrSkip("curl");
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen(change: o => o with { ImplicitTls = true, AuthMechanisms = ["OAUTHBEARER"] });
        using var files = new TemporaryFolder();
        // 10 MB of lines, each third of them with a dot to be stuffed.
        var message = "Subject: large\r\n\r\n" + string.Concat(Enumerable.Range(0, 130_000).Select(n => (n % 3 == 0 ? "." : "x") + new string((char)('a' + n % 26), 75) + "\r\n"));
        var file = files.Write("message.eml", message);
        string[] arguments =
        [
            "-sS", "--url", $"smtps://localhost:{Port(server)}/client.example", "--cacert", TestCertificates.AuthorityFile(files), "--user", "ann@example.com:", "--oauth2-bearer", LongToken,
            "--mail-from", "ann@example.com", "--mail-rcpt", "ben@example.org", "--mail-rcpt", "cat@example.org", "--upload-file", file,
        ];
        var (code, output) = await PeerProgram.RunAsync(curl, arguments);
        Assert.True(code == 0, output);
        Assert.Equal(new SaslCredential.XOAuth2("ann@example.com", LongToken), Assert.Single(mailbox.Credentials));
        Assert.Contains(mailbox.Lines, l => l.StartsWith("C: AUTH OAUTHBEARER", StringComparison.Ordinal));
        var received = Assert.Single(mailbox.Messages);
        Assert.Equal(2, received.Envelope.Recipients.Count);
        Assert.True(Encoding.ASCII.GetString(received.Bytes) == message, "The message came as something else.");
        Assert.DoesNotContain(mailbox.Lines, l => l.Contains("STARTTLS", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Python_pipelines_by_hand_in_DATA_and_in_chunks_and_uses_SMTPUTF8()
    {
        var python = PeerProgram.FindOrSkip("python3");
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen(open: true, o => o with { Dsn = true });
        const string script = """
            import smtplib, sys
            from email.message import EmailMessage
            from email import policy
            s = smtplib.SMTP('127.0.0.1', int(sys.argv[1]), timeout=20)
            s.ehlo('client.example')
            assert s.has_extn('chunking') and s.has_extn('binarymime') and s.has_extn('dsn')
            m = EmailMessage(policy=policy.SMTPUTF8)
            m['From'], m['To'], m['Subject'] = 'jörg@example.com', 'ünal@bücher.example', 'Grüße'
            m.set_content('Grüße\n', cte='8bit')
            assert s.send_message(m) == {}
            def replies(n): return [s.getreply()[0] for _ in range(n)]
            s.send(b'MAIL FROM:<ann@example.com> RET=HDRS ENVID=a+2B1\r\nRCPT TO:<ben@example.org> NOTIFY=SUCCESS,FAILURE\r\nRCPT TO:<>\r\nDATA\r\n')
            assert replies(4) == [250, 250, 501, 354]
            s.send(b'Subject: by hand\r\n\r\n..\r\n.\r\nMAIL FROM:<ann@example.com> BODY=BINARYMIME\r\nRCPT TO:<ben@example.org>\r\nBDAT 4\r\n\x00\r.\nBDAT 3 LAST\r\n\n\n\nNOOP\r\n')
            assert replies(6) == [250, 250, 250, 250, 250, 250]
            s.quit()
            """;
        var (code, output) = await PeerProgram.RunAsync(python, ["-c", script, Port(server)]);
        Assert.True(code == 0, output);
        var messages = mailbox.Messages.ToArray();
        Assert.Equal(3, messages.Length);
        Assert.Equal((true, true, "ünal@bücher.example"), (messages[0].Envelope.SmtpUtf8, messages[0].Envelope.EightBitMime, messages[0].Envelope.Recipients[0].ToString()));
        Assert.Contains("Subject: Grüße\r\n", Encoding.UTF8.GetString(messages[0].Bytes), StringComparison.Ordinal);
        Assert.Equal("Subject: by hand\r\n\r\n.\r\n", Encoding.ASCII.GetString(messages[1].Bytes));
        Assert.Equal((false, "a+1", SmtpNotify.Success | SmtpNotify.Failure), (messages[1].Envelope.Dsn!.ReturnWhole, messages[1].Envelope.Dsn!.EnvelopeId, messages[1].Envelope.Dsn!.Recipients[0].Notify));
        Assert.Equal("\0\r.\n\n\n\n", Encoding.ASCII.GetString(messages[2].Bytes));
        Assert.Empty(mailbox.Faults);
    }

    [Fact]
    public async Task Openssl_finds_that_nothing_said_in_clear_survives_STARTTLS()
    {
        var openssl = PeerProgram.FindOrSkip("openssl");
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        using var files = new TemporaryFolder();
        // s_client says EHLO in clear; over TLS the server wants to hear it again before anything else, and the mechanisms stand only there.
        var (_, output) = await PeerProgram.RunAsync(
            openssl,
            ["s_client", "-connect", "127.0.0.1:" + Port(server), "-starttls", "smtp", "-name", "client.example", "-CAfile", TestCertificates.AuthorityFile(files), "-verify_return_error", "-ign_eof", "-quiet", "-crlf"],
            "AUTH PLAIN AGFubgBzZWNyZXQ=\nMAIL FROM:<ann@example.com>\nEHLO client.example\nSTARTTLS\nAUTH PLAIN AGFubgBzZWNyZXQ=\nQUIT\n");
        Assert.Contains("503 5.5.2 Send hello first\r\n503 5.5.2 Send hello first\r\n250-", output.ReplaceLineEndings("\r\n"), StringComparison.Ordinal);
        Assert.Contains("503 5.5.1 Already secured", output, StringComparison.Ordinal);
        Assert.Contains("235 2.7.0", output, StringComparison.Ordinal);
        Assert.DoesNotContain("250-STARTTLS", output, StringComparison.Ordinal);
        Assert.Single(mailbox.Credentials);
    }

    [Fact]
    public async Task A_password_in_clear_is_not_taken_and_not_written_down()
    {
        var curl = PeerProgram.FindOrSkip("curl");
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        // telnet:// sends its input as it is.
        var (_, output) = await PeerProgram.RunAsync(curl, ["-sS", "--max-time", "20", $"telnet://127.0.0.1:{Port(server)}"], "EHLO client.example\r\nAUTH PLAIN AGFubgBzZWNyZXQ=\r\nMAIL FROM:<ann@example.com>\r\nQUIT\r\n");
        Assert.Equal(2, output.Split("530 5.7.0 Must issue a STARTTLS command first").Length - 1);
        Assert.DoesNotContain("250-AUTH", output, StringComparison.Ordinal);
        Assert.Empty(mailbox.Credentials);
        Assert.DoesNotContain(mailbox.Lines, l => l.Contains("AGFubgBzZWNyZXQ", StringComparison.Ordinal));
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
