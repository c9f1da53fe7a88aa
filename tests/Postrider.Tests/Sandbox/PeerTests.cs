using Postrider.Mail.Tests.Peers;
using static Postrider.Tests.Sandbox.ExchangeUnderTest;

namespace Postrider.Tests.Sandbox;

/// <summary>The sandbox's Exchange, driven by programs nobody here wrote, with tokens as Entra gives them.</summary>
public sealed class PeerTests(EntraUnderTest entra) : IClassFixture<EntraUnderTest>
{
    [Fact]
    public async Task Python_signs_in_with_a_token_got_over_http_sends_and_reads()
    {
        await using var exchange = await StartAsync();
        var script = $$"""
            import smtplib, imaplib, sys
            user = "{{Ann}}"
            token = "{{exchange.Token(Ann)}}"
            smtp = smtplib.SMTP("localhost", {{exchange.Sandbox.Smtp.Port}})
            assert smtp.starttls(context=context)[0] == 220
            smtp.ehlo()
            assert smtp.has_extn("auth") and "XOAUTH2" in smtp.esmtp_features["auth"]
            print(smtp.auth("XOAUTH2", lambda challenge=None: xoauth2(user, token)))
            message = "From: " + user + "\r\nTo: " + user + "\r\nSubject: from Python\r\n\r\n.a dot\r\n"
            assert smtp.sendmail(user, [user], message) == {}
            smtp.quit()
            imap = imaplib.IMAP4_SSL("localhost", {{exchange.Sandbox.Imap.Port}}, ssl_context=context)
            print(imap.authenticate("XOAUTH2", lambda challenge: xoauth2(user, token).encode()))
            print(imap.select("INBOX"))
            typ, found = imap.uid("SEARCH", None, "SUBJECT", '"from Python"')
            typ, data = imap.uid("FETCH", found[0], "(BODY.PEEK[])")
            assert data[0][1] == message.encode(), data
            print(imap.append('"Archive"', "(\\Seen)", None, message.encode()))
            print(imap.select('"Sent Items"', readonly=True))
            imap.logout()
            print("all well")
            """;
        Assert.Contains("all well", await PeerPrograms.PythonAsync(script, exchange), StringComparison.Ordinal);
        Assert.Single(exchange.Box(Ann).Folder("Archive")!.Messages());
    }

    [Fact]
    public async Task Curl_sends_and_reads_with_a_bearer_token()
    {
        var curl = PeerProgram.FindOrSkip("curl");
        await using var exchange = await StartAsync();
        using var folder = new TemporaryFolder();
        var message = Message();
        await File.WriteAllBytesAsync(folder.File("message.eml"), message, exchange.Cancel);
        // curl chooses among the mechanisms by itself; Exchange offers XOAUTH2 alone.
        var (sent, sendLog) = await PeerProgram.RunAsync(curl,
            ["-sS", "--cacert", exchange.Sandbox.CertificateAuthorityFile, "--ssl-reqd", $"smtp://localhost:{exchange.Sandbox.Smtp.Port}", "--mail-from", Ann, "--mail-rcpt", Ben, "--upload-file", folder.File("message.eml"), "--user", Ann, "--oauth2-bearer", exchange.Token(Ann)]);
        Assert.True(sent == 0, sendLog);
        var (read, received) = await PeerProgram.RunAsync(curl,
            ["-sS", "--cacert", exchange.Sandbox.CertificateAuthorityFile, $"imaps://localhost:{exchange.Sandbox.Imap.Port}/INBOX;UID=1", "--user", Ben, "--oauth2-bearer", exchange.Token(Ben)]);
        Assert.True(read == 0, received);
        Assert.Equal(System.Text.Encoding.UTF8.GetString(message), received);
    }

    [Fact]
    public async Task Mbsync_keeps_a_mailbox_and_a_folder_on_disk_alike()
    {
        var mbsync = PeerProgram.FindOrSkip("mbsync");
        Assert.SkipUnless(Directory.Exists("/usr/lib") && Directory.EnumerateDirectories("/usr/lib").Any(d => File.Exists(Path.Combine(d, "sasl2", "libkdexoauth2.so"))), "The SASL module for XOAUTH2 is not installed (Debian: libsasl2-modules-kdexoauth2).");
        await using var exchange = await StartAsync();
        using var folder = new TemporaryFolder();
        var (first, second) = (Message(subject: "First"), Message(subject: "Second"));
        await exchange.SendAsync(first, to: [Ben]);
        await exchange.SendAsync(second, to: [Ben]);
        await File.WriteAllTextAsync(folder.File("token"), exchange.Token(Ben), exchange.Cancel);
        await File.WriteAllTextAsync(folder.File("mbsyncrc"), $"""
            IMAPAccount sandbox
            Host localhost
            Port {exchange.Sandbox.Imap.Port}
            SSLType IMAPS
            SystemCertificates no
            CertificateFile {exchange.Sandbox.CertificateAuthorityFile}
            AuthMechs XOAUTH2
            User {Ben}
            PassCmd "cat {folder.File("token")}"

            IMAPStore far
            Account sandbox

            MaildirStore near
            Path {folder.Path}/mail/
            Inbox {folder.Path}/mail/INBOX
            SubFolders Verbatim

            Channel all
            Far :far:
            Near :near:
            Patterns *
            Create Both
            Expunge Both
            SyncState *

            """, exchange.Cancel);
        Directory.CreateDirectory(folder.File("mail"));
        async Task SyncAsync()
        {
            var (code, output) = await PeerProgram.RunAsync(mbsync, ["-c", folder.File("mbsyncrc"), "-a"]);
            Assert.True(code == 0, output);
        }

        await SyncAsync();
        var received = Directory.EnumerateFiles(folder.File("mail/INBOX/new")).Select(File.ReadAllText).ToList();
        Assert.Equal(2, received.Count);
        Assert.Contains(received, text => text.Contains("Subject: First", StringComparison.Ordinal) && text.EndsWith("..two\n", StringComparison.Ordinal));

        // What is put into the folder goes up, what is deleted there goes away.
        await File.WriteAllBytesAsync(folder.File("mail/Archive/new/1.test.host"), Message(subject: "Kept"), exchange.Cancel);
        var deleted = Directory.EnumerateFiles(folder.File("mail/INBOX/new")).Single(f => File.ReadAllText(f).Contains("Subject: Second", StringComparison.Ordinal));
        File.Move(deleted, Path.Combine(folder.File("mail/INBOX/cur"), Path.GetFileName(deleted).Split(":2,")[0] + ":2,ST"));
        await SyncAsync();
        Assert.Equal(first, Assert.Single(exchange.Box(Ben).Inbox.Messages()).Bytes.ToArray());
        Assert.Contains("Subject: Kept", System.Text.Encoding.UTF8.GetString(Assert.Single(exchange.Box(Ben).Folder("Archive")!.Messages()).Bytes.Span), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_of_the_whole_way_through_the_browser_opens_both_doors()
    {
        var client = entra.Register();
        foreach (var name in new[] { "sales@meadow.example", "rosa@outlook.example" })
        {
            var token = (await entra.RedeemAsync(client, await entra.CodeAsync(client, name))).Good().AccessToken;
            using var authority = System.Security.Cryptography.X509Certificates.X509CertificateLoader.LoadCertificateFromFile(entra.Sandbox.CertificateAuthorityFile);
            var credential = new Mail.Sasl.SaslCredential.XOAuth2(name, token);
            var smtp = await Mail.Smtp.SmtpClient.ConnectAsync(new("127.0.0.1", entra.Sandbox.Smtp.Port, Mail.WireSecurity.StartTls) { ExtraTrust = [authority] }, credential, null, TestContext.Current.CancellationToken);
            Assert.True(smtp.Failure is null, smtp.Failure?.ToString());
            await smtp.Client!.DisposeAsync();
            var imap = await Mail.Imap.ImapClient.ConnectAsync(new("127.0.0.1", entra.Sandbox.Imap.Port, Mail.WireSecurity.Tls) { ExtraTrust = [authority] }, credential, null, TestContext.Current.CancellationToken);
            Assert.True(imap.Failure is null, imap.Failure?.ToString());
            Assert.True((await imap.Client!.SelectAsync("INBOX", readOnly: true, TestContext.Current.CancellationToken)).Succeeded);
            await imap.Client.DisposeAsync();
        }
    }
}
