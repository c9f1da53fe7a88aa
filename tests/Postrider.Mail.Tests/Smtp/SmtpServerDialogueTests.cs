using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Tests.Mime;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Smtp;

/// <summary>Our server against scripted clients, each played whole, by line and by byte.</summary>
public sealed partial class SmtpServerDialogueTests
{
    public static TheoryData<Pace> Paces => Dialogue.Paces;

    [Theory, MemberData(nameof(Paces))]
    public async Task A_pipelined_group_is_answered_command_by_command(Pace pace)
    {
        var mailbox = new MailboxUnderTest { OnRcpt = r => r.LocalPart == "nobody" ? new(550, "5.1.1", "No such user") : null };
        await PlayAsync("pipelined_group", pace, mailbox);
        var message = Assert.Single(mailbox.Messages);
        Assert.Equal("Subject: one\r\n\r\n.dot\r\n", Encoding.ASCII.GetString(message.Bytes));
        Assert.Equal((20, true, "ben@example.org"), (message.Envelope.DeclaredSize, message.Envelope.EightBitMime, Assert.Single(message.Envelope.Recipients).ToString()));
    }

    [Theory]
    [InlineData("out_of_order")]
    [InlineData("syntax")]
    [InlineData("line_too_long")]
    [InlineData("idle")]
    [InlineData("idle_in_body")]
    [InlineData("too_many_errors")]
    [InlineData("too_many_recipients")]
    [InlineData("client_gone_within_body")]
    public async Task Each_wrong_step_has_its_reply_and_nothing_is_taken(string dialogue)
    {
        foreach (var pace in (Pace[])[Pace.Whole, Pace.Lines, Pace.Bytes])
        {
            var mailbox = new MailboxUnderTest();
            await PlayAsync(dialogue, pace, mailbox);
            Assert.Empty(mailbox.Messages);
            Assert.Empty(mailbox.Faults);
        }
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task AUTH_takes_every_form_and_hides_it_in_the_transcript(Pace pace)
    {
        var mailbox = new MailboxUnderTest();
        await PlayAsync("auth", pace, mailbox);
        Assert.Equal([new SaslCredential.XOAuth2("ann@example.com", "wrong"), new SaslCredential.Plain("ann@example.com", "secret")], mailbox.Credentials);
        Assert.DoesNotContain(mailbox.Lines, l => l.Contains("c2VjcmV0", StringComparison.Ordinal) || l.Contains("dXNlcj1hbm5A", StringComparison.Ordinal));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Before_TLS_there_is_no_AUTH_and_before_AUTH_no_mail(Pace pace) => await PlayAsync("strict_before_tls", pace, new MailboxUnderTest(), o => o with { RequireTls = true, RequireAuthentication = true });

    [Fact]
    public async Task Commands_behind_STARTTLS_or_DATA_in_one_segment_end_the_session()
    {
        var mailbox = new MailboxUnderTest();
        await PlayAsync("commands_behind_starttls", Pace.Whole, mailbox);
        await PlayAsync("body_behind_data", Pace.Whole, mailbox);
        Assert.Empty(mailbox.Messages);
    }

    [Fact]
    public async Task A_client_that_only_passes_the_time_is_shown_out()
    {
        var noops = Enumerable.Range(0, 1000).SelectMany(_ => (string[])["C: NOOP", "S: 250 2.0.0 OK"]);
        await PlayAsync(Dialogue.Of(["S: 220 …", .. noops, "C: NOOP", "S: 250 2.0.0 OK", "S: 421 4.7.0 Too many commands without a message, closing transmission channel"]), Pace.Whole, new MailboxUnderTest());
    }

    [Fact]
    public async Task Only_CRLF_dot_CRLF_ends_a_message()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        using var cases = JsonDocument.Parse(File.ReadAllText(Path.Combine(Corpora.Root!, "smtp-smuggling", "end-of-data-sequences.json")));
        foreach (var one in cases.RootElement.EnumerateArray())
        {
            var name = one.GetProperty("name").GetString()!;
            var bytes = Convert.FromHexString(one.GetProperty("bytes_hex").GetString()!);
            var ends = one.GetProperty("is_end_of_data").GetBoolean();
            // What would be a second message if the sequence ended the first.
            byte[] body = [.. "Subject: outer\r\n\r\ntext"u8, .. bytes, .. "MAIL FROM:<eve@example.com>\r\nRCPT TO:<ben@example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\n"u8];
            foreach (var pace in (Pace[])[Pace.Whole, Pace.Lines, Pace.Bytes])
            {
                var mailbox = new MailboxUnderTest();
                await PlayAsync(
                    Dialogue.Of(
                        "S: 220 …", "C: HELO client.example", "S: 250 …", "C: MAIL FROM:<ann@example.com>", "S: 250 …", "C: RCPT TO:<ben@example.org>", "S: 250 …", "C: DATA", "S: 354 …",
                        "C| " + string.Concat(body.Select(b => $"\\x{b:X2}")), "C| \\r\\n.\\r\\n", "--- settle", "C: QUIT", "--- ignore"),
                    pace,
                    mailbox);
                if (ends) Assert.Contains(mailbox.Messages, m => Encoding.ASCII.GetString(m.Bytes) == "Subject: outer\r\n\r\ntext\r\n");
                else Assert.True(mailbox.Messages.IsEmpty, $"{name} at {pace}: taken");
                Assert.True(ends || mailbox.Lines.Any(l => l.StartsWith("S: 550 5.6.", StringComparison.Ordinal)), $"{name} at {pace}: {string.Join('\n', mailbox.Lines)}");
            }
        }
    }

    [Fact]
    public async Task Hostile_sessions_end_without_an_exception()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var folder = Path.Combine(Corpora.Root!, "smtp-chasquid-fuzz/files/smtpsrv/testdata/fuzz/FuzzConnection");
        var files = Directory.GetFiles(folder);
        Assert.NotEmpty(files);
        foreach (var file in files)
        {
            // Go's quoted form of the bytes a client sent.
            var session = Regex.Unescape(QuotedPattern().Match(File.ReadAllText(file)).Groups["text"].Value);
            foreach (var lineEnd in (string[])["\n", "\r\n"])
            foreach (var pace in (Pace[])[Pace.Whole, Pace.Bytes])
            {
                var mailbox = new MailboxUnderTest();
                var bytes = Encoding.UTF8.GetBytes(session.ReplaceLineEndings(lineEnd));
                await PlayAsync(Dialogue.Of("C| " + string.Concat(bytes.Select(b => $"\\x{b:X2}")), "--- settle", "--- ignore"), pace, mailbox);
                Assert.Empty(mailbox.Faults);
                Assert.Empty(mailbox.Messages);
            }
        }
    }

    [Fact]
    public async Task Random_bytes_never_bring_a_session_down()
    {
        var random = new Random(20261122);
        string[] words = ["EHLO x", "HELO", "MAIL FROM:", "<a@b.example>", "RCPT TO:", "DATA", ".", "RSET", "AUTH PLAIN", "AUTH XOAUTH2 ", "STARTTLS", "\r\n", "\n", "\r", "\0", "=", "*", "SIZE=", "\u00e9", " ", "\"", "<", ">", "QUIT"];
        for (var i = 0; i < 300; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 60)).Select(_ => words[random.Next(words.Length)] + (random.Next(3) == 0 ? "\r\n" : "")));
            var mailbox = new MailboxUnderTest();
            await PlayAsync(Dialogue.Of("C| " + string.Concat(Encoding.UTF8.GetBytes(text).Select(b => $"\\x{b:X2}")), "--- settle", "--- ignore"), random.Next(2) == 0 ? Pace.Whole : Pace.Bytes, mailbox);
            Assert.True(mailbox.Faults.IsEmpty, text + "\n" + string.Join('\n', mailbox.Faults));
        }
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_backend_that_hangs_up_leaves_what_was_answered_before_and_nothing_behind_it(Pace pace)
    {
        var mailbox = new MailboxUnderTest { OnMessage = _ => throw new SmtpHangUpException() };
        await PlayAsync("hangs_up_after_the_dot", pace, mailbox);
        Assert.Contains("S: 354 Start mail input; end with <CRLF>.<CRLF>", mailbox.Lines);
        await PlayAsync("hangs_up_after_the_last_chunk", pace, mailbox);
        await PlayAsync("hangs_up_at_rcpt", pace, new MailboxUnderTest { OnRcpt = _ => throw new SmtpHangUpException() });
        Assert.Empty(mailbox.Faults);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_backend_answers_instead_of_a_command_which_is_then_not_done(Pace pace)
    {
        await PlayAsync("answered_instead", pace, new MailboxUnderTest { OnBefore = verb => verb switch { "NOOP" => new(450, "4.3.2", "Not now"), "BDAT" => new(451, "4.3.0", "No chunks today"), _ => null } });
        await PlayAsync(Dialogue.Of("S: 554 5.7.1 No SMTP service here"), pace, new MailboxUnderTest { OnBefore = _ => new(554, "5.7.1", "No SMTP service here") });
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_session_that_the_backend_ends_is_closed_behind_the_reply(Pace pace)
    {
        var mailbox = new MailboxUnderTest { ClosesAfter = "NOOP" };
        await PlayAsync(Dialogue.Of("S: 220 …", "C: NOOP", "S: 250 2.0.0 OK", "--- settle"), pace, mailbox);
        Assert.Equal("S: 250 2.0.0 OK", mailbox.Lines.Last());
    }

    private static Task PlayAsync(string dialogue, Pace pace, MailboxUnderTest mailbox, Func<SmtpServerOptions, SmtpServerOptions>? change = null) => PlayAsync(Dialogue.Load("smtp/server_" + dialogue), pace, mailbox, change);

    private static async Task PlayAsync(Dialogue script, Pace pace, MailboxUnderTest mailbox, Func<SmtpServerOptions, SmtpServerOptions>? change = null)
    {
        var options = mailbox.Options(open: true, o => o with { Clock = script.Clock, MaxMessageBytes = 100_000, MaxRecipients = 5 });
        options = change?.Invoke(options) ?? options;
        await script.PlayClientAsync(pace, async stream =>
        {
            await using var connection = WireConnection.Over(stream, Dialogue.Loopback);
            try
            {
                await new SmtpServerSession(connection, options, mailbox, SmtpServer.TlsOf(options.Certificate!)).RunAsync(CancellationToken.None);
            }
            catch (IOException)
            {
                // The script closed: the ordinary end of a session.
            }
        });
    }

    [GeneratedRegex("\"(?<text>.*)\"", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex QuotedPattern();
}
