using System.Text;
using System.Text.RegularExpressions;
using Postrider.Mail.Content;
using Postrider.Mail.Imap;
using Postrider.Mail.Mime;
using Postrider.Mail.Pop3;
using Postrider.Mail.Reports;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Tests.Imap;
using Postrider.Mail.Tests.Mime;
using Postrider.Mail.Tests.Smtp;
using Postrider.Mail.Tnef;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Fuzz;

/// <summary>Everything of Postrider.Mail that reads what others wrote, with real input to begin from: the corpora, and our own dialogues.</summary>
internal static partial class FuzzTargets
{
    private static readonly Dictionary<string, Func<FuzzTarget>> Makers = new(StringComparer.Ordinal)
    {
        ["message"] = Message,
        ["conversion"] = Conversion,
        ["addresses"] = Addresses,
        ["report"] = Report,
        ["reply"] = Reply,
        ["html"] = Html,
        ["tnef"] = Tnef,
        ["rich text"] = RichText,
        ["smtp server"] = SmtpServerSide,
        ["smtp client"] = SmtpClientSide,
        ["imap server"] = ImapServerSide,
        ["imap client"] = ImapClientSide,
        ["pop3 client"] = Pop3ClientSide,
    };

    private static readonly TimeSpan PerCommand = TimeSpan.FromMicroseconds(50);

    public static IReadOnlyCollection<string> Names => Makers.Keys;

    public static FuzzTarget Make(string name) => Makers[name]();

    private static FuzzTarget Message() => new("message", Messages(), [], input =>
    {
        var message = MimeMessage.Read(input.Bytes);
        Corpora.ReadEverything(message);
        input.Measure();
        GC.KeepAlive(message);
        return Task.CompletedTask;
    });

    private static FuzzTarget Conversion() => new("conversion", Messages(), Words("Content-Transfer-Encoding: 8bit\r\n", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", "Content-Transfer-Encoding: base64\r\n\r\n", "ABCDEFGHIJKLMNOPQRSTUVWXYZ ", "\u00e4", "\0", "\r", "\n"), async input =>
    {
        using var into = new MemoryStream();
        var outcome = await MessageConversion.ConvertAsync(new MemoryStream(input.Bytes), into, SmtpBodyKind.SevenBit, CancellationToken.None);
        input.Measure();
        if (outcome is ConversionOutcome.Refused)
        {
            if (into.Length > 0) throw new InvalidOperationException("Refused, and written all the same.");
            return;
        }
        var needs = new MessageNeeds();
        needs.Add(into.GetBuffer().AsSpan(0, (int)into.Length));
        if (needs.Kind > SmtpBodyKind.SevenBit) throw new InvalidOperationException($"What was made for a 7-bit peer is {needs.Kind}.");
    });

    private static FuzzTarget Tnef() => new("tnef", [.. Corpora.Tnef().Select(File.ReadAllBytes)], [], input =>
    {
        if (TnefMessage.Read(input.Bytes) is not { } message) return Task.CompletedTask;
        var read = (message.MessageClass, message.Subject, message.Text, message.Html, message.Rtf);
        input.Measure();
        GC.KeepAlive((message, read));
        foreach (var enclosed in message.Attachments.Where(a => a.IsMessage)) _ = TnefMessage.Read(enclosed.Bytes)?.Text;
        return Task.CompletedTask;
    });

    private static FuzzTarget RichText() => new(
        "rich text",
        [.. Corpora.Tnef().Select(file => TnefMessage.Read(File.ReadAllBytes(file))!.Rtf).Where(rtf => rtf.Length > 0)],
        Words("{\\*\\htmltag64 <p>}", "\\fromhtml1 ", "\\htmlrtf ", "\\htmlrtf0 ", "\\u-10179?", "\\'e4", "\\bin9 ", "\\ansicpg932 ", "{\\fonttbl{\\f1\\fcharset204 A;}}", "{", "}"),
        input =>
        {
            var read = RtfText.Read(input.Bytes);
            input.Measure();
            GC.KeepAlive(read);
            return Task.CompletedTask;
        });

    private static FuzzTarget Addresses() => new(
        "addresses",
        [.. Messages().Select(AddressFields).Where(f => f.Length > 0)],
        Words("<", ">", "\"", "\\", "(", ")", ",", ";", ":", "@", "=?utf-8?q?a?=", "mailto:", "\u00e4@b.example", "[IPv6:::1]", "\r\n "),
        input =>
        {
            var list = AddressList.Parse(Encoding.UTF8.GetString(input.Bytes));
            foreach (var one in list.Addresses)
            {
                if (!EmailAddress.TryParse(one.Address.ToString(), out var again) || !again.Equals(one.Address)) throw new InvalidOperationException($"{one.Address} does not read back.");
                if (one.Address.Wire.AsSpan().ContainsAny('\r', '\n', '\0')) throw new InvalidOperationException("An address holds a line end.");
            }
            input.Measure();
            GC.KeepAlive(list);
            return Task.CompletedTask;
        });

    private static FuzzTarget Report() => new(
        "report",
        [.. Directory.EnumerateFiles(Path.Combine(Corpora.Root!, "bounces-sisimai", "files"), "*.eml", SearchOption.AllDirectories).Select(File.ReadAllBytes)],
        Words("Final-Recipient: rfc822; a@b.example\n", "550 5.1.1 ", "<a@b.example>:\n", "\n\n", "------ This is a copy of the message\n", "utf-8; \\x{", "{\"notificationType\":\"Bounce\"", "Received: from x\n"),
        input =>
        {
            var message = MimeMessage.Read(input.Bytes);
            var report = MailReport.Read(message);
            var automatic = AutomaticMail.Of(message);
            input.Measure();
            GC.KeepAlive((message, report, automatic));
            return Task.CompletedTask;
        });

    private static FuzzTarget Reply() => new(
        "reply",
        [.. ((string[])["reply-trimmer", "reply-crisp", "reply-zapier"]).SelectMany(c => Directory.EnumerateFiles(Path.Combine(Corpora.Root!, c, "files"), "*.txt", SearchOption.AllDirectories)).Select(File.ReadAllBytes)],
        Words("On 1 May 2026 Ann <a@b.example> wrote:\n", "> ", "-----Original Message-----\n", "From: a\n", "-- \n", "Sent from my iPhone\n", "____________\n"),
        input =>
        {
            var read = ReplyText.Read(Encoding.UTF8.GetString(input.Bytes));
            if (read.New.Length + read.Signature.Length > input.Bytes.Length + 2) throw new InvalidOperationException("More came out than went in.");
            input.Measure();
            GC.KeepAlive(read);
            return Task.CompletedTask;
        });

    private static FuzzTarget Html() => new(
        "html",
        [.. Messages().Select(m => MimeMessage.Read(m).HtmlBody).OfType<string>().Select(Encoding.UTF8.GetBytes), .. Directory.EnumerateFiles(Path.Combine(Corpora.Root!, "reply-talon", "files"), "*.html", SearchOption.AllDirectories).Select(File.ReadAllBytes)],
        Words("<", ">", "<!--", "-->", "<script>", "</script>", "<div class=gmail_quote>", "&#x10FFFF;", "&amp", "<a href=\"", "'", "<blockquote>", "</blockquote>", "<pre>", "\0"),
        input =>
        {
            var read = ReplyText.ReadHtml(Encoding.UTF8.GetString(input.Bytes));
            input.Measure();
            GC.KeepAlive(read);
            return Task.CompletedTask;
        });

    private static FuzzTarget SmtpServerSide()
    {
        var random = new Random(1);
        return new(
            "smtp server",
            [.. Said("smtp", "server_", 'C'), .. ChasquidSessions()],
            Words("EHLO x\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<b@b.example>\r\n", "DATA\r\n", "\r\n.\r\n", "BDAT 5 LAST\r\n", "BDAT 99999999999\r\n", "RSET\r\n", "AUTH PLAIN ", "STARTTLS\r\n", "SIZE=1 ", "\0", "\n.\n"),
            async input =>
            {
                var mailbox = new MailboxUnderTest();
                var options = mailbox.Options(open: true) with { Clock = new FakeClock(), MaxMessageBytes = 1_000_000, Transcript = null };
                await using var connection = WireConnection.Over(new ScriptedStream(input.Bytes, random, input.Measure), Dialogue.Loopback);
                await IgnoreHangUp(new SmtpServerSession(connection, options, mailbox, SmtpServer.TlsOf(options.Certificate!)).RunAsync(CancellationToken.None));
                if (!mailbox.Faults.IsEmpty) throw new InvalidOperationException("The session failed inside.", mailbox.Faults.First());
                // What was taken has had its end: this peer hangs up, so a message cannot be longer than what was said.
                if (mailbox.Messages.Any(m => m.Bytes.Length > input.Bytes.Length)) throw new InvalidOperationException("A message is longer than what was said.");
            })
        {
            PerLine = PerCommand,
        };
    }

    private static FuzzTarget SmtpClientSide()
    {
        var random = new Random(2);
        return new(
            "smtp client",
            [.. Said("smtp", "", 'S'), .. Directory.EnumerateFiles(Path.Combine(Corpora.Root!, "smtp-mailkit-transcripts", "files")).Select(File.ReadAllBytes)],
            Words("220 x\r\n", "250-x\r\n", "250 x\r\n", "250-PIPELINING\r\n", "250-CHUNKING\r\n", "250-AUTH XOAUTH2\r\n", "250-STARTTLS\r\n", "235 ok\r\n", "334 \r\n", "354 go\r\n", "421 bye\r\n", "550 5.1.1 no\r\n", "25", "\0"),
            async input =>
            {
                var options = new SmtpClientOptions { Clock = new FakeClock() };
                using var deadline = new Deadline(options.Clock, options.ConnectTimeout, CancellationToken.None);
                SaslCredential? credential = random.Next(2) == 0 ? null : new SaslCredential.XOAuth2("ann@example.com", "token");
                var endpoint = new WireEndpoint("localhost", 587, random.Next(8) == 0 ? WireSecurity.StartTls : WireSecurity.None);
                var connected = await SmtpClient.OpenAsync(WireConnection.Over(new ScriptedStream(input.Bytes, random, input.Measure), Dialogue.Loopback), endpoint, credential, options, deadline, CancellationToken.None);
                if (connected.Client is null == connected.Failure is null) throw new InvalidOperationException("Neither a client nor a failure, or both.");
                if (connected.Client is not { } client) return;
                await using (client)
                {
                    for (var n = 0; n < 2; n++)
                    {
                        var sent = await client.SendAsync(EmailAddress.Parse("ann@example.com"), [EmailAddress.Parse("ben@example.org"), EmailAddress.Parse("cat@example.org")], new MemoryStream("Subject: x\r\n\r\n.text\r\n"u8.ToArray()), null, CancellationToken.None);
                        var taken = sent.Recipients.Any(r => r.Accepted);
                        if (taken && sent.FinalReply is not { IsPositive: true }) throw new InvalidOperationException("Taken without a word of the server.");
                        if (taken && sent.Failure is { MessageMayBeTaken: true }) throw new InvalidOperationException("Taken and not known.");
                    }
                }
            });
    }

    private static FuzzTarget ImapServerSide()
    {
        var random = new Random(3);
        return new(
            "imap server",
            [.. Said("imap", "server_", 'C'), .. ImapTestCommands()],
            Words("a LOGIN u p\r\n", "a SELECT INBOX\r\n", "a UID FETCH 1:* (FLAGS BODY[])\r\n", "a SEARCH OR NOT SEEN TEXT x\r\n", "a APPEND INBOX {5+}\r\nabcde\r\n", "a STORE 1:* +FLAGS (\\Seen)\r\n", "a IDLE\r\nDONE\r\n", "{99999999999}\r\n", "(", ")", "\"", "*", "\0", "a LOGOUT\r\n"),
            async input =>
            {
                var faults = new List<Exception>();
                using var mailboxes = new MailboxesInMemory("Sent") { KeepsAll = true };
                mailboxes.Inbox.Append("Subject: one\r\n\r\ntext\r\n");
                mailboxes.Inbox.Append("Subject: two\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b--\r\n", "\\Seen");
                var options = ImapTestPeer.Full with { Clock = new FakeClock(), OnFault = faults.Add };
                // Signed in already, so that what follows gets somewhere.
                byte[] said = [.. "a0 AUTHENTICATE XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgc2VjcmV0AQE=\r\na1 SELECT INBOX\r\n"u8, .. input.Bytes];
                using var session = new ImapSession(WireConnection.Over(new ScriptedStream(said, random, input.Measure), Dialogue.Loopback), options, mailboxes);
                await IgnoreHangUp(session.RunAsync(CancellationToken.None));
                if (faults.Count > 0) throw new InvalidOperationException("The session failed inside.", faults[0]);
            })
        {
            PerLine = PerCommand,
        };
    }

    private static FuzzTarget ImapClientSide()
    {
        var random = new Random(4);
        return new(
            "imap client",
            [.. Said("imap", "", 'S').Concat(Directory.EnumerateFiles(Path.Combine(Corpora.Root!, "imap-mailkit-transcripts", "files"), "*.txt", SearchOption.AllDirectories).Select(File.ReadAllBytes)).Select((seed, n) => Tagged(seed, n))],
            Words("* OK ready\r\n", "* BYE gone\r\n", "* 5 EXISTS\r\n", "* 1 EXPUNGE\r\n", "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n", "* SEARCH 1 2 3\r\n", "+ idling\r\n", "{4294967295}\r\n", "{-1}\r\n", "(", ")", "NIL", "\"", "\0"),
            async input =>
            {
                var options = new ImapClientOptions { Clock = new FakeClock() };
                // The answers to sign-in and SELECT are given so that the damage comes later, too.
                byte[] said = random.Next(4) == 0 ? input.Bytes : [.. ImapBeginning, .. input.Bytes];
                var endpoint = new WireEndpoint("localhost", 993, WireSecurity.None);
                var connected = await ImapClient.OpenAsync(WireConnection.Over(new ScriptedStream(said, random, input.Measure), Dialogue.Loopback), endpoint, new SaslCredential.XOAuth2("ann@example.com", "token"), options, CancellationToken.None);
                if (connected.Client is null == connected.Failure is null) throw new InvalidOperationException("Neither a client nor a failure, or both.");
                if (connected.Client is not { } client) return;
                await using (client)
                {
                    await client.SelectAsync("INBOX", false, CancellationToken.None);
                    await client.ListAsync("", "*", CancellationToken.None);
                    await client.UidSearchFromAsync(1, CancellationToken.None);
                    await client.UidFetchAsync([1, 2, 3], true, _ => ValueTask.CompletedTask, CancellationToken.None);
                    if (client.IsUsable) await client.IdleAsync(TimeSpan.FromMinutes(1), CancellationToken.None);
                }
            });
    }

    private static FuzzTarget Pop3ClientSide()
    {
        var random = new Random(5);
        return new(
            "pop3 client",
            [.. Said("pop3", "", 'S')],
            Words("+OK ready\r\n", "+OK\r\n.\r\n", "-ERR [IN-USE] no\r\n", "+ \r\n", "1 one\r\n2 two\r\n.\r\n", "SASL XOAUTH2\r\n", "PIPELINING\r\n", "\r\n..\r\n", "\r\n.\r", ".", "\0"),
            async input =>
            {
                var options = new Pop3ClientOptions { Clock = new FakeClock() };
                using var deadline = new Deadline(options.Clock, options.ConnectTimeout, CancellationToken.None);
                byte[] said = random.Next(4) == 0 ? input.Bytes : [.. "+OK\r\n+OK\r\nSASL XOAUTH2\r\n.\r\n+OK\r\n+OK\r\nPIPELINING\r\n.\r\n"u8, .. input.Bytes];
                var connected = await Pop3Client.OpenAsync(WireConnection.Over(new ScriptedStream(said, random, input.Measure), Dialogue.Loopback), new WireEndpoint("localhost", 110, WireSecurity.None), new SaslCredential.XOAuth2("ann@example.com", "token"), options, deadline, CancellationToken.None);
                if (connected.Client is null == connected.Failure is null) throw new InvalidOperationException("Neither a client nor a failure, or both.");
                if (connected.Client is not { } client) return;
                await using (client)
                {
                    var listed = await client.ListAsync(CancellationToken.None);
                    await client.RetrieveAsync(listed.Value is { Count: > 0 } messages ? messages : [new Pop3Message(1, "one", 1), new Pop3Message(2, "two", 1)], _ => Stream.Null, (_, _) => ValueTask.CompletedTask, CancellationToken.None);
                    await client.DeleteAsync([new Pop3Message(1, "one", 1)], CancellationToken.None);
                    await client.QuitAsync(CancellationToken.None);
                }
            });
    }

    /// <summary>Tags are counted from the first command: each seed answers some of the commands to come.</summary>
    private static byte[] Tagged(byte[] seed, int number) => Encoding.Latin1.GetBytes(TagPattern().Replace(Encoding.Latin1.GetString(seed), match => $"A{3 + (number + match.Index) % 5}"));

    private static readonly byte[] ImapBeginning = "* OK [CAPABILITY IMAP4rev1 SASL-IR IDLE AUTH=XOAUTH2] ready\r\nA1 OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS MOVE] in\r\nA2 OK done\r\n"u8.ToArray();

    /// <summary>The peer hangs up in the end, or was shown out before it had said everything.</summary>
    private static async Task IgnoreHangUp(Task session)
    {
        try
        {
            await session;
        }
        catch (IOException)
        {
            // The ordinary end of a session.
        }
    }

    private static byte[][] Messages() => [.. Corpora.Files().Where(f => new FileInfo(f).Length is > 0 and < 40_000).Select(File.ReadAllBytes)];

    private static byte[] AddressFields(byte[] message) =>
        Encoding.UTF8.GetBytes(string.Join(", ", MimeMessage.Read(message).Headers.Where(f => f.Name.ToUpperInvariant() is "FROM" or "TO" or "CC" or "REPLY-TO" or "SENDER").Select(f => f.Text)));

    /// <summary>What one side says in our own dialogues.</summary>
    private static IEnumerable<byte[]> Said(string folder, string prefix, char side) =>
        Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Dialogues", folder), prefix + "*.txt").Order(StringComparer.Ordinal)
            .Select(file => File.ReadLines(file).Where(l => l.Length > 1 && l[0] == side && l[1] is ':' or '|').Select(l => l.Length > 3 ? l[3..] + (l[1] == ':' ? "\r\n" : "") : "\r\n"))
            .Select(lines => Encoding.UTF8.GetBytes(string.Concat(lines)));

    private static IEnumerable<byte[]> ChasquidSessions() =>
        Directory.EnumerateFiles(Path.Combine(Corpora.Root!, "smtp-chasquid-fuzz/files/smtpsrv/testdata"), "*", SearchOption.AllDirectories)
            .Select(file => Encoding.UTF8.GetBytes(Regex.Unescape(GoBytes().Match(File.ReadAllText(file)).Groups["text"].Value).ReplaceLineEndings("\r\n")));

    /// <summary>The commands of ImapTest's scripts, with tags.</summary>
    private static IEnumerable<byte[]> ImapTestCommands() =>
        Directory.EnumerateFiles(Path.Combine(Corpora.Root!, "imap-imaptest/files")).Where(f => !f.EndsWith(".mbox", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .Select(file => ScriptCommands().Matches(File.ReadAllText(file)).Select((m, i) => $"t{i} {m.Groups["command"].Value.Replace("$$", "$", StringComparison.Ordinal)}\r\n"))
            .Select(commands => Encoding.UTF8.GetBytes(string.Concat(commands)));

    private static byte[][] Words(params string[] words) => [.. words.Select(Encoding.UTF8.GetBytes)];

    [GeneratedRegex("\"(?<text>.*)\"", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex GoBytes();

    [GeneratedRegex("^([0-9]+ )?(ok|no|bad|\"\") (?<command>.+)$", RegexOptions.ExplicitCapture | RegexOptions.Multiline, 5000)]
    private static partial Regex ScriptCommands();

    [GeneratedRegex("A########|\\{[a-z0-9]+\\}", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex TagPattern();
}
