using System.Buffers;
using System.Net;
using System.Text;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Smtp;

/// <summary>BDAT, notifications asked for, OAUTHBEARER, and what one address may do.</summary>
public sealed class SmtpServerChunkingTests
{
    public static TheoryData<Pace> Paces => Dialogue.Paces;

    [Theory, MemberData(nameof(Paces))]
    public async Task Chunks_make_a_message_and_lines_are_held_to_their_rules(Pace pace)
    {
        var mailbox = new MailboxUnderTest();
        await PlayAsync("chunks", pace, mailbox);
        Assert.Equal("Subject: two\r\n\r\n.\r\n", Encoding.ASCII.GetString(Assert.Single(mailbox.Messages).Bytes));
        Assert.Empty(mailbox.Faults);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_chunk_out_of_place_is_read_away(Pace pace)
    {
        var mailbox = new MailboxUnderTest();
        await PlayAsync("chunks_out_of_order", pace, mailbox);
        await PlayAsync("chunks_invalid", pace, mailbox);
        Assert.Empty(mailbox.Messages);
        Assert.Empty(mailbox.Faults);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task What_is_asked_of_notifications_reaches_the_backend(Pace pace)
    {
        var mailbox = new MailboxUnderTest();
        await PlayAsync("dsn", pace, mailbox, o => o with { Dsn = true });
        var dsn = Assert.Single(mailbox.Messages).Envelope.Dsn!;
        Assert.Equal((false, "order+7"), (dsn.ReturnWhole, dsn.EnvelopeId));
        Assert.Equal([new(SmtpNotify.Success | SmtpNotify.Delay, "rfc822;ben+tag@example.org"), new(SmtpNotify.Never, null)], dsn.Recipients);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task OAUTHBEARER_explains_before_it_refuses(Pace pace) => await PlayAsync("oauthbearer", pace, new MailboxUnderTest(), o => o with { AuthMechanisms = ["OAUTHBEARER"] });

    [Fact]
    public async Task A_binary_message_is_taken_as_it_is()
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen(open: true);
        var connected = await SmtpClient.ConnectAsync(new WireEndpoint("127.0.0.1", server.LocalEndPoint.Port, WireSecurity.None), null, null, CancellationToken.None);
        await using var client = connected.Client!;
        var bytes = new byte[200_000];
        new Random(7).NextBytes(bytes);
        var sent = await client.SendAsync(new SmtpMessage(EmailAddress.Parse("ann@example.com"), [EmailAddress.Parse("ben@example.org")], new MemoryStream(bytes), bytes.Length) { Kind = SmtpBodyKind.Binary }, CancellationToken.None);
        Assert.Null(sent.Failure);
        var message = Assert.Single(mailbox.Messages);
        Assert.True(message.Envelope.Binary);
        Assert.Equal(bytes, message.Bytes);
    }

    [Theory]
    [InlineData("a\\rb", "5.6.11")]
    [InlineData("a\\nb", "5.6.11")]
    [InlineData("a\\0b", "5.6.0")]
    [InlineData("ab\\r", "5.6.11")]
    [InlineData("\\nab", "5.6.11")]
    [InlineData("\\r\\r\\n", "5.6.11")]
    public async Task Lines_in_chunks_may_hold_no_more_than_lines_behind_DATA(string three, string code)
    {
        // In one chunk, and with the boundary before and behind each byte.
        var bytes = three.Replace("\\r", "\r", StringComparison.Ordinal).Replace("\\n", "\n", StringComparison.Ordinal).Replace("\\0", "\0", StringComparison.Ordinal);
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            var mailbox = new MailboxUnderTest();
            var (first, second) = (Escaped(bytes[..cut]), Escaped(bytes[cut..]));
            await PlayAsync(
                Dialogue.Of("S: 220 …", "C: HELO client.example", "S: 250 …", "C: MAIL FROM:<ann@example.com>", "C: RCPT TO:<ben@example.org>", $"C: BDAT {cut}", "C| " + first, $"C: BDAT {bytes.Length - cut} LAST", "C| " + second, "C: QUIT", "--- ignore"),
                Pace.Lines,
                mailbox);
            Assert.Empty(mailbox.Messages);
            Assert.Single(mailbox.Lines, l => l.StartsWith("S: 550 " + code, StringComparison.Ordinal));
            Assert.Contains(mailbox.Lines, l => l.StartsWith("S: 221 ", StringComparison.Ordinal));
        }

        static string Escaped(string text) => string.Concat(text.Select(c => $"\\x{(int)c:X2}"));
    }

    [Fact]
    public async Task Whoever_waits_for_replies_before_the_chunk_gets_them()
    {
        var mailbox = new MailboxUnderTest();
        await PlayAsync(
            Dialogue.Of("S: 220 …", "C: HELO client.example", "S: 250 …", "C: MAIL FROM:<ann@example.com>", "C: RCPT TO:<ben@example.org>", "C: BDAT 3 LAST", "S: 250 2.1.0 …", "S: 250 2.1.5 …", "C| a\\r\\n", "S: 250 …", "C: QUIT", "S: 221 …"),
            Pace.Whole,
            mailbox);
        Assert.Single(mailbox.Messages);
    }

    [Fact]
    public async Task A_client_gone_within_a_chunk_leaves_nothing()
    {
        var mailbox = new MailboxUnderTest();
        var script = Dialogue.Of("S: 220 …", "C: HELO client.example", "S: 250 …", "C: MAIL FROM:<ann@example.com>", "S: 250 …", "C: RCPT TO:<ben@example.org>", "S: 250 …", "C: BDAT 100 LAST", "C| Subject: x\\r\\n", "--- close", "--- ignore");
        await PlayAsync(script, Pace.Whole, mailbox);
        Assert.Empty(mailbox.Messages);
        Assert.Empty(mailbox.Faults);
    }

    [Fact]
    public void Wrong_sign_ins_make_an_address_and_a_user_wait()
    {
        var clock = new FakeClock();
        var limits = new SmtpClientLimits(new SmtpServerOptions { Listen = Dialogue.Loopback, Clock = clock, MaxSignInFailures = 3, MaxConnectionsPerAddress = 2, SignInPause = TimeSpan.FromMinutes(5) });
        var (here, there) = (IPAddress.Parse("192.0.2.1"), IPAddress.Parse("192.0.2.2"));
        for (var n = 0; n < 3; n++)
        {
            Assert.Null(limits.Wait(here, "ann"));
            limits.Failed(here, "ann");
        }
        Assert.NotNull(limits.Wait(here, "ben"));
        Assert.NotNull(limits.Wait(there, "ANN"));
        Assert.Null(limits.Wait(there, "ben"));
        clock.Advance(TimeSpan.FromMinutes(6));
        Assert.Null(limits.Wait(here, "ann"));
        Assert.True(limits.Enter(here) && limits.Enter(here) && !limits.Enter(here) && limits.Enter(there));
        limits.Leave(here);
        Assert.True(limits.Enter(here));
    }

    private static Task PlayAsync(string dialogue, Pace pace, MailboxUnderTest mailbox, Func<SmtpServerOptions, SmtpServerOptions>? change = null) => PlayAsync(Dialogue.Load("smtp/server_" + dialogue), pace, mailbox, change);

    private static async Task PlayAsync(Dialogue script, Pace pace, MailboxUnderTest mailbox, Func<SmtpServerOptions, SmtpServerOptions>? change = null)
    {
        var options = mailbox.Options(open: true, o => o with { Clock = script.Clock, MaxMessageBytes = 100_000 });
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
}
