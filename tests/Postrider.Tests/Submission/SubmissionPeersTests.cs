using System.Net;
using System.Security.Cryptography.X509Certificates;
using Postrider.Mail.Tests.Peers;
using Postrider.Submission;
using Postrider.Tests.Sandbox;

namespace Postrider.Tests.Submission;

/// <summary>Programs nobody here wrote hand in mail.</summary>
public sealed class SubmissionPeersTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Curl_hands_in_a_message(bool overTls)
    {
        var curl = PeerProgram.FindOrSkip("curl");
        using var folder = new TemporaryFolder();
        await using var hub = await SubmissionUnderTest.StartAsync(options => options with { SubmissionCertificateFile = overTls ? CertificateFile(folder) : null });
        var (code, output) = await PeerProgram.RunAsync(curl,
            [
                "--silent", "--show-error", .. overTls ? (string[])["--ssl-reqd", "--cacert", TestCertificates.AuthorityFile(folder)] : [], "--url", $"smtp://localhost:{hub.Port}", "--user", $"{SubmissionUnderTest.Own}:{hub.Key}",
                "--mail-from", SubmissionUnderTest.Own, "--mail-rcpt", "ben@example.org", "--upload-file", "-",
            ], "From: admin@hub.example\r\nTo: ben@example.org\r\nSubject: from curl\r\n\r\n.a line with a dot\r\n");
        Assert.True(code == 0, output);
        var (_, _, text) = await hub.LastAsync();
        Assert.Contains(overTls ? "with ESMTPSA id" : "with ESMTPA id", text, StringComparison.Ordinal);
        Assert.EndsWith("Subject: from curl\r\n\r\n.a line with a dot\r\n", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PLAIN")]
    [InlineData("LOGIN")]
    public async Task Swaks_hands_in_a_message(string mechanism)
    {
        var swaks = PeerProgram.FindOrSkip("swaks");
        await using var hub = await SubmissionUnderTest.StartAsync();
        var (code, output) = await PeerProgram.RunAsync(swaks,
            ["--server", "127.0.0.1", "--port", $"{hub.Port}", "--auth", mechanism, "--auth-user", SubmissionUnderTest.Own, "--auth-password", hub.Key, "--from", SubmissionUnderTest.Own, "--to", "ben@example.org", "--header", "Subject: from swaks"]);
        Assert.True(code == 0, output);
        var (mail, _, text) = await hub.LastAsync();
        Assert.Contains($"Queued as {mail.Id.Value:D}", output, StringComparison.Ordinal);
        Assert.Contains("Subject: from swaks\r\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Before_TLS_nobody_signs_in_and_only_a_trusted_network_sends()
    {
        using var folder = new TemporaryFolder();
        await using var hub = await SubmissionUnderTest.StartAsync(options => options with { SubmissionCertificateFile = CertificateFile(folder) });
        await using var line = await hub.ConnectAsync();
        Assert.StartsWith("530", await line.SayAsync("AUTH PLAIN AGEAYg=="), StringComparison.Ordinal);
        Assert.StartsWith("530", await line.SendAsync("From: admin@hub.example\r\n\r\nx"), StringComparison.Ordinal);
        await hub.TrustThisMachineAsync();
        Assert.StartsWith("250 2.6.0", await line.SendAsync("From: admin@hub.example\r\n\r\nx"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pythons_smtplib_hands_in_messages_with_files_over_TLS_from_the_first_byte()
    {
        var python = PeerProgram.FindOrSkip("python3");
        using var folder = new TemporaryFolder();
        await using var hub = await SubmissionUnderTest.StartAsync(options => options with { SubmissionTls = new IPEndPoint(IPAddress.Loopback, 0), SubmissionCertificateFile = CertificateFile(folder) });
        var (code, output) = await PeerProgram.RunAsync(python, ["-"],
            $"""
            import smtplib, ssl
            from email.message import EmailMessage
            context = ssl.create_default_context(cafile={PeerPrograms.Quoted(TestCertificates.AuthorityFile(folder))})
            with smtplib.SMTP_SSL("localhost", {hub.Hub.Service<SubmissionListener>().ImplicitTls!.Port}, context=context) as server:
                server.login("{SubmissionUnderTest.Own}", "{hub.Key}")
                for size in (10, 3000000):
                    message = EmailMessage()
                    message["From"] = "Ada Grün <admin@hub.example>"
                    message["To"] = "ben@example.org"
                    message["Bcc"] = "hidden@example.org"
                    message["Subject"] = "Größe"
                    message.set_content("Grüße\n")
                    message.add_attachment(bytes(range(256)) * (size // 256 + 1), maintype="application", subtype="octet-stream", filename="a.bin")
                    server.send_message(message)
                try:
                    server.sendmail("{SubmissionUnderTest.Own}", ["ben@example.org"], "Subject: none\r\n\r\nx")
                except smtplib.SMTPDataError as e:
                    print(e.smtp_code, e.smtp_error.decode())
            """);
        Assert.True(code == 0, output);
        Assert.Contains("550 5.6.0 The message has no From address.", output, StringComparison.Ordinal);
        Assert.Equal((2, 2), await hub.StoredAsync());
        var (mail, recipients, text) = await hub.LastAsync();
        Assert.Equal(("Größe", "ben@example.org, hidden@example.org"), (mail.Subject, string.Join(", ", recipients.Select(recipient => recipient.Address))));
        Assert.DoesNotContain("hidden", text, StringComparison.Ordinal);
        Assert.True(text.Length > 4_000_000);
    }

    [Fact]
    public async Task Many_messages_of_smtp_source_over_many_sessions_are_all_there()
    {
        var source = PeerProgram.FindOrSkip("smtp-source");
        await using var hub = await SubmissionUnderTest.StartAsync();
        await hub.TrustThisMachineAsync();
        var (code, output) = await PeerProgram.RunAsync(source, ["-d", "-s", "10", "-m", "300", "-l", "5000", "-f", SubmissionUnderTest.Own, "-t", "ben@example.org", $"inet:127.0.0.1:{hub.Port}"]);
        Assert.True(code == 0, output);
        Assert.Equal((300, 300), await hub.StoredAsync());
        Assert.Equal(300, hub.Hub.Service<SubmissionHistory>().Read().Taken);
    }

    private static string CertificateFile(TemporaryFolder folder) =>
        folder.Write("server.pem", TestCertificates.Server.ExportCertificatePem() + "\n" + TestCertificates.Server.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem() + "\n" + TestCertificates.Authority.ExportCertificatePem());
}
