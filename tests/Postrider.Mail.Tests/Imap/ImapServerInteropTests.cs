using System.Globalization;
using System.Text;
using Postrider.Mail.Imap;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Mail.Tests.Imap;

/// <summary>Our server driven by programs nobody here wrote.</summary>
public sealed class ImapServerInteropTests
{
    private static readonly byte[] Message = Encoding.UTF8.GetBytes(
        "From: Ann <ann@example.com>\r\nTo: ben@example.com\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nDate: Sun, 22 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
        + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nTwo loaves, please.\r\n--b\r\nContent-Type: application/pdf; name=list.pdf\r\n"
        + "Content-Disposition: attachment; filename=list.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--b--\r\n");

    [Fact]
    public async Task Pythons_imaplib_signs_in_with_a_token_and_does_what_mail_programs_do()
    {
        await using var server = ImapServerUnderTest.Start();
        server.Mailboxes.Inbox.Append(Message, [], new DateTimeOffset(2026, 11, 22, 9, 0, 0, TimeSpan.Zero));
        var output = await PythonAsync(server, """
            m.authenticate('XOAUTH2', lambda c: b'user=ann@example.com\x01auth=Bearer secret\x01\x01')
            assert 'MOVE' in m.capability()[1][0].decode(), m.capability()
            assert m.namespace() == ('OK', [b'(("" "/")) NIL NIL']), m.namespace()
            print(m.list())
            assert m.select('INBOX') == ('OK', [b'1'])
            assert m.response('UIDVALIDITY')[1] == [b'1000']
            assert m.uid('SEARCH', None, 'SUBJECT', '"gr"') == ('OK', [b'1'])
            for keys in ('ALL', 'UNSEEN', 'SINCE 22-Nov-2026', 'NOT BEFORE 22-Nov-2026', 'OR (FROM ben) FROM ann', 'HEADER Message-ID 1@example.com', 'BODY loaves', 'TEXT boundary=b', 'UID 1:* LARGER 10', 'SENTON 22-Nov-2026 1'):
                assert m.search(None, keys) == ('OK', [b'1']), keys
            for keys in ('SEEN', 'BEFORE 22-Nov-2026', 'NOT ALL', 'HEADER X-None ""', 'BODY nothing', 'UID 2:9', 'SMALLER 10', 'FROM ben'):
                assert m.search(None, keys) == ('OK', [b'']), keys
            print(m.fetch('1', '(ENVELOPE BODYSTRUCTURE)'))
            assert m.fetch('1', '(BODY.PEEK[1])')[1][0][1] == b'Two loaves, please.'
            assert m.fetch('1', '(BODY.PEEK[2.MIME])')[1][0][1].endswith(b'base64\r\n\r\n')
            assert m.fetch('1', '(BODY.PEEK[3])')[1] == [b'1 (BODY[3] NIL)']
            assert m.fetch('1', '(BODY.PEEK[HEADER.FIELDS (SUBJECT x-none)])')[1][0][1] == b'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\n'
            assert m.fetch('1', '(BODY.PEEK[TEXT]<2.3>)')[1][0] == (b'1 (BODY[TEXT]<2> {3}', b'b\r\n')
            assert b'Seen' not in m.fetch('1', '(FLAGS)')[1][0]
            body = m.fetch('1', '(RFC822)')[1][0][1]
            assert b'Seen' in m.fetch('1', '(FLAGS)')[1][0]
            big = body + b'x' * 300000 + b'\r\n'
            print(m.append('"Sent Items"', r'(\Seen $Done)', '"22-Nov-2026 10:00:00 +0100"', big))
            m.create('Entw&APw-rfe/2026'); print(m.list('""', 'Entw&APw-rfe*'))
            assert m.status('"Sent Items"', '(MESSAGES UIDNEXT UNSEEN)') == ('OK', [b'"Sent Items" (MESSAGES 1 UIDNEXT 2 UNSEEN 0)'])
            print(m.copy('1', '"Sent Items"'))
            print(m.uid('MOVE', '1', 'Entw&APw-rfe/2026'))
            assert m.search(None, 'ALL') == ('OK', [b''])
            m.select('"Sent Items"')
            assert [p[1] for p in m.fetch('1:2', '(BODY.PEEK[])')[1] if isinstance(p, tuple)] == [big, body]
            m.store('1', '+FLAGS', r'(\Deleted)'); assert m.expunge() == ('OK', [b'1'])
            m.close(); m.logout(); print('done')
            """);
        Assert.Contains("done", output, StringComparison.Ordinal);
        Assert.Contains("(\"Ann\" NIL \"ann\" \"example.com\")", output, StringComparison.Ordinal);
        Assert.Contains("(\"APPLICATION\" \"PDF\" (\"NAME\" \"list.pdf\") NIL NIL \"BASE64\" 8 NIL (\"ATTACHMENT\" (\"FILENAME\" \"list.pdf\")) NIL NIL) \"MIXED\"", output, StringComparison.Ordinal);
        Assert.Contains("(\\\\HasNoChildren) \"/\" \"Entw&APw-rfe/2026\"", output, StringComparison.Ordinal);
        Assert.Empty(server.Faults);
    }

    [Fact]
    public async Task Pythons_imaplib_is_refused_in_Exchanges_words()
    {
        await using var server = ImapServerUnderTest.Start(adjust: o => o with { CapabilitiesBefore = ["IMAP4rev1", "AUTH=XOAUTH2", "LOGINDISABLED"] });
        var output = await PythonAsync(server, """
            try: m.authenticate('XOAUTH2', lambda c: b'user=ann@example.com\x01auth=Bearer wrong\x01\x01')
            except imaplib.IMAP4.error as e: print(e)
            try: m.login('ann@example.com', 'secret')
            except imaplib.IMAP4.error as e: print(e)
            try: m.authenticate('PLAIN', lambda c: b'\0ann@example.com\0secret')
            except imaplib.IMAP4.error as e: print(e)
            """);
        // imaplib shows the bytes of LOGIN's answer and the text of AUTHENTICATE's.
        Assert.Equal(["AUTHENTICATE failed.", "b'Basic authentication is disabled.'", "Basic authentication is disabled."], output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task Pythons_imaplib_and_curl_start_TLS_on_the_way()
    {
        var curl = PeerProgram.FindOrSkip("curl");
        await using var server = ImapServerUnderTest.Start(adjust: o => o with { StartTls = true });
        server.Mailboxes.Inbox.Append(Message, [], new DateTimeOffset(2026, 11, 22, 9, 0, 0, TimeSpan.Zero));
        var output = await PythonAsync(server, """
            assert 'STARTTLS' in m.capabilities and 'LOGINDISABLED' in m.capabilities and 'AUTH=PLAIN' not in m.capabilities, m.capabilities
            m.starttls(trust)
            assert 'STARTTLS' not in m.capabilities and 'AUTH=PLAIN' in m.capabilities, m.capabilities
            m.authenticate('PLAIN', lambda c: b'\0ann@example.com\0secret')
            assert m.select('INBOX') == ('OK', [b'1'])
            print('done')
            """, "imaplib.IMAP4('localhost', PORT)");
        Assert.Contains("done", output, StringComparison.Ordinal);
        using var files = new TemporaryFolder();
        var (code, said) = await PeerProgram.RunAsync(curl, ["--silent", "--show-error", "--ssl-reqd", "--cacert", TestCertificates.AuthorityFile(files), "--user", "ann@example.com:secret", $"imap://localhost:{server.Port}/INBOX;UID=1"]);
        Assert.True(code == 0, said);
        Assert.Contains("Two loaves, please.", said, StringComparison.Ordinal);
        Assert.Empty(server.Faults);
    }

    [Fact]
    public async Task Curl_reads_a_message_with_a_bearer_token_and_puts_one_back()
    {
        var curl = PeerProgram.FindOrSkip("curl");
        await using var server = ImapServerUnderTest.Start();
        server.Mailboxes.Inbox.Append(Message, [], new DateTimeOffset(2026, 11, 22, 9, 0, 0, TimeSpan.Zero));
        using var files = new TemporaryFolder();
        var authority = TestCertificates.AuthorityFile(files);
        string[] common = ["--silent", "--show-error", "--cacert", authority, "--user", "ann@example.com", "--oauth2-bearer", "secret", "--login-options", "AUTH=XOAUTH2"];

        var target = Path.Combine(files.Path, "got");
        var (code, output) = await PeerProgram.RunAsync(curl, [.. common, "--output", target, $"imaps://localhost:{server.Port}/INBOX;UID=1"]);
        Assert.True(code == 0, output);
        Assert.Equal(Message, await File.ReadAllBytesAsync(target));

        (code, output) = await PeerProgram.RunAsync(curl, [.. common, "--upload-file", target, $"imaps://localhost:{server.Port}/Sent%20Items"]);
        Assert.True(code == 0, output);
        Assert.Equal(Message, server.Mailboxes.Open("Sent Items")!.Messages().Single().Bytes.ToArray());

        (code, output) = await PeerProgram.RunAsync(curl, [.. common, $"imaps://localhost:{server.Port}/INBOX?SUBJECT%20Gr"]);
        Assert.Equal((0, "* SEARCH 1"), (code, output.Trim()));

        await using var full = ImapServerUnderTest.Start(adjust: o => o with { CapabilitiesBefore = ImapCapabilities.FullBefore });
        (code, output) = await PeerProgram.RunAsync(curl, [.. common[..^1], "AUTH=OAUTHBEARER", $"imaps://localhost:{full.Port}/INBOX?ALL"]);
        Assert.Equal((0, "* SEARCH"), (code, output.Trim()));
    }

    [Fact]
    public async Task Mbsync_copies_a_mailbox_both_ways_byte_for_byte()
    {
        var mbsync = PeerProgram.FindOrSkip("mbsync");
        await using var server = ImapServerUnderTest.Start();
        using var files = new TemporaryFolder();
        var (configuration, maildir) = Configure(server, files);
        var bodies = Enumerable.Range(0, 60).Select(i => Encoding.UTF8.GetBytes($"Subject: {i}\r\nMessage-ID: <{i}@example.com>\r\n\r\n{new string('z', i * 50)}\r\nGrüße\r\n")).ToList();
        foreach (var body in bodies) server.Mailboxes.Inbox.Append(body, [], new DateTimeOffset(2026, 11, 22, 9, 0, 0, TimeSpan.Zero));

        await SyncAsync();
        // mbsync stores LF and adds a header of its own to what it uploads; both are its business.
        Assert.Equal(Sorted(bodies), Sorted(MaildirMessages(Path.Combine(maildir, "INBOX"))));

        var letter = "Subject: from here\nMessage-ID: <here@example.com>\n\nGrüße\n";
        File.WriteAllText(Path.Combine(maildir, "INBOX", "new", "1700000000.1.here"), letter);
        var draft = Directory.CreateDirectory(Path.Combine(maildir, "Entwürfe", "new")).FullName;
        File.WriteAllText(Path.Combine(draft, "1700000000.2.here"), letter);
        server.Mailboxes.Inbox.Remove(1);
        server.Mailboxes.Inbox.ChangeFlags(2, _ => ["\\Seen", "\\Flagged"]);
        await SyncAsync();
        Assert.Equal(60, server.Mailboxes.Inbox.Messages().Count);
        Assert.Equal(Crlf(letter), WithoutSyncHeader(server.Mailboxes.Inbox.Messages()[^1].Bytes.ToArray()));
        Assert.Equal(60, MaildirMessages(Path.Combine(maildir, "INBOX")).Count);
        Assert.Contains(Directory.GetFiles(Path.Combine(maildir, "INBOX", "cur")), f => f.EndsWith("FS", StringComparison.Ordinal));
        Assert.Empty(server.Faults);

        async Task SyncAsync()
        {
            var (code, output) = await PeerProgram.RunAsync(mbsync, ["-c", configuration, "all"]);
            Assert.True(code == 0, output);
        }
    }

    [Fact]
    public async Task Mbsync_and_the_server_agree_on_thousands_that_change_on_both_sides()
    {
        var mbsync = PeerProgram.FindOrSkip("mbsync");
        await using var server = ImapServerUnderTest.Start(new MailboxesInMemory { KeepsAll = true }, o => o with { CapabilitiesAfter = ImapCapabilities.FullAfter });
        using var files = new TemporaryFolder();
        var (configuration, maildir) = Configure(server, files);
        var inbox = server.Mailboxes.Inbox;
        for (var i = 0; i < 2000; i++) inbox.Append(string.Create(CultureInfo.InvariantCulture, $"Subject: {i}\r\nMessage-ID: <{i}@example.com>\r\n\r\n{new string('z', i % 500)}\r\n"));
        await SyncAsync();
        Assert.Equal(2000, Near().Count);

        // There: a quarter goes, a quarter is read. Here: others go, others are flagged, new ones come.
        var near = Near().ToDictionary(m => m.Subject, m => m.Path, StringComparer.Ordinal);
        for (uint uid = 1; uid <= 500; uid++) inbox.Remove(uid);
        for (uint uid = 501; uid <= 1000; uid++) inbox.ChangeFlags(uid, _ => ["\\Seen"]);
        for (var i = 1000; i < 1250; i++) File.Delete(near[i.ToString(CultureInfo.InvariantCulture)]);
        for (var i = 1250; i < 1750; i++)
        {
            var path = near[i.ToString(CultureInfo.InvariantCulture)];
            var name = Path.GetFileName(path).Split(":2,")[0];
            File.Move(path, Path.Combine(maildir, "INBOX", "cur", name + ":2,FS"));
        }
        for (var i = 2000; i < 2500; i++) File.WriteAllText(Path.Combine(maildir, "INBOX", "new", string.Create(CultureInfo.InvariantCulture, $"1700000000.{i}.here")), string.Create(CultureInfo.InvariantCulture, $"Subject: {i}\nMessage-ID: <{i}@example.com>\n\nnew\n"));
        await SyncAsync();

        var there = inbox.Messages().Select(m => (Subject: SubjectOf(Encoding.UTF8.GetString(m.Bytes.Span)), Flags: string.Concat(m.Flags.Select(f => f[1..2]).Where(f => f is "S" or "F").Order(StringComparer.Ordinal)))).OrderBy(m => m.Subject, StringComparer.Ordinal).ToList();
        Assert.Equal(1750, there.Count);
        Assert.Equal(there, Near().Select(m => (m.Subject, m.Flags)).OrderBy(m => m.Subject, StringComparer.Ordinal));
        Assert.Equal(500, there.Count(m => m.Flags == "FS"));
        Assert.Empty(server.Faults);

        List<(string Subject, string Flags, string Path)> Near() =>
            [.. new[] { "new", "cur" }.SelectMany(sub => Directory.GetFiles(Path.Combine(maildir, "INBOX", sub))).Select(f => (SubjectOf(File.ReadAllText(f)), f.Split(":2,") is [_, var flags] ? flags : "", f))];

        async Task SyncAsync()
        {
            var (code, output) = await PeerProgram.RunAsync(mbsync, ["-c", configuration, "all"]);
            Assert.True(code == 0, output);
        }
    }

    private static (string Configuration, string Maildir) Configure(ImapServerUnderTest server, TemporaryFolder files)
    {
        var authority = TestCertificates.AuthorityFile(files);
        var maildir = Directory.CreateDirectory(Path.Combine(files.Path, "mail")).FullName;
        // PLAIN: mbsync knows XOAUTH2 only by a SASL plug-in that Debian does not have.
        var configuration = files.Write("mbsyncrc", $"""
            IMAPAccount test
            Host localhost
            Port {server.Port.ToString(CultureInfo.InvariantCulture)}
            User ann@example.com
            Pass secret
            AuthMechs PLAIN
            SSLType IMAPS
            CertificateFile {authority}

            IMAPStore far
            Account test

            MaildirStore near
            Path {maildir}/
            Inbox {maildir}/INBOX
            SubFolders Verbatim

            Channel all
            Far :far:
            Near :near:
            Patterns *
            Create Both
            Remove Both
            Expunge Both
            SyncState *
            """);
        return (configuration, maildir);
    }

    private static string SubjectOf(string message) => message.Split('\n').First(l => l.StartsWith("Subject: ", StringComparison.Ordinal))[9..].TrimEnd('\r');

    private static List<string> MaildirMessages(string folder) =>
        [.. new[] { "new", "cur" }.SelectMany(sub => Directory.GetFiles(Path.Combine(folder, sub))).Select(f => Crlf(File.ReadAllText(f)))];

    private static string Crlf(string text) => text.ReplaceLineEndings("\r\n");

    private static List<string> Sorted(IEnumerable<byte[]> bodies) => Sorted(bodies.Select(Encoding.UTF8.GetString));

    private static List<string> Sorted(IEnumerable<string> bodies) => [.. bodies.Select(WithoutSyncHeader).Order(StringComparer.Ordinal)];

    private static string WithoutSyncHeader(byte[] message) => WithoutSyncHeader(Encoding.UTF8.GetString(message));

    private static string WithoutSyncHeader(string message) => string.Concat(message.Split("\r\n").Where(l => !l.StartsWith("X-TUID:", StringComparison.Ordinal)).Select(l => l + "\r\n"))[..^2];

    private static async Task<string> PythonAsync(ImapServerUnderTest server, string script, string connect = "imaplib.IMAP4_SSL('localhost', PORT, ssl_context=trust)")
    {
        var python = PeerProgram.FindOrSkip("python3");
        using var files = new TemporaryFolder();
        var authority = TestCertificates.AuthorityFile(files);
        var program = files.Write("drive.py", string.Create(CultureInfo.InvariantCulture, $"""
            import imaplib, ssl, sys
            trust = ssl.create_default_context(cafile={"'" + authority + "'"})
            m = {connect.Replace("PORT", server.Port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)}

            """) + script);
        var (code, output) = await PeerProgram.RunAsync(python, [program]);
        Assert.True(code == 0, output);
        return output;
    }
}
