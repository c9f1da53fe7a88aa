using System.Net;
using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Smtp;

/// <summary>What a client may not do for ever.</summary>
public sealed class SmtpServerLimitsTests
{
    private static readonly string[] Envelope = ["S: 220 …", "C: HELO client.example", "S: 250 …", "C: MAIL FROM:<ann@example.com>", "S: 250 …", "C: RCPT TO:<ben@example.org>", "S: 250 …"];

    [Fact]
    public async Task A_message_without_end_is_given_up_with_its_line()
    {
        var mailbox = new MailboxUnderTest();
        var line = new string('x', 98) + "\\r\\n";
        // 17 MB: a message may have 100,000 bytes, and what a client overlooked is read to its end up to 16 MB.
        var body = Enumerable.Repeat("C| " + string.Concat(Enumerable.Repeat(line, 10_000)), 17);
        await PlayAsync(Dialogue.Of([.. Envelope, "C: DATA", "S: 354 …", .. body, "S: 552 5.3.4 Message size exceeds fixed maximum message size, closing transmission channel"]), mailbox);
        Assert.Empty(mailbox.Messages);
        Assert.Empty(mailbox.Faults);
    }

    [Fact]
    public async Task A_message_that_is_only_too_long_has_its_answer_and_the_session_goes_on()
    {
        var mailbox = new MailboxUnderTest();
        var body = string.Concat(Enumerable.Repeat(new string('x', 98) + "\\r\\n", 1100));
        await PlayAsync(Dialogue.Of([.. Envelope, "C: DATA", "S: 354 …", "C| " + body, "C: .", "S: 552 5.3.4 Message size exceeds fixed maximum message size", "C: NOOP", "S: 250 2.0.0 OK", "C: QUIT", "S: 221 …"]), mailbox);
        Assert.Empty(mailbox.Messages);
    }

    [Fact]
    public async Task Empty_chunks_come_to_an_end()
    {
        // HELO is one of the thousand.
        var chunks = Enumerable.Range(0, 999).SelectMany(_ => (string[])["C: BDAT 0", "S: 250 2.0.0 0 octets received"]);
        var mailbox = new MailboxUnderTest();
        await PlayAsync(Dialogue.Of([.. Envelope, .. chunks, "C: BDAT 0", "S: 250 …", "S: 421 4.7.0 Too many commands without a message, closing transmission channel"]), mailbox);
        Assert.Empty(mailbox.Messages);
    }

    [Fact]
    public async Task Recipients_above_the_limit_wait_for_another_transaction_and_come_to_an_end()
    {
        var more = Enumerable.Range(0, 999).SelectMany(_ => (string[])["C: RCPT TO:<cat@example.org>", "S: 452 4.5.3 Too many recipients"]);
        await PlayAsync(Dialogue.Of([.. Envelope, .. more, "C: RCPT TO:<cat@example.org>", "S: 452 …", "S: 421 4.7.0 …"]), new MailboxUnderTest(), o => o with { MaxRecipients = 1 });
    }

    [Theory]
    [InlineData(50, true)]
    [InlineData(51, false)]
    public async Task A_message_that_goes_in_circles_is_refused(int hops, bool taken)
    {
        // What only resembles a Received field, or stands in the body, is none.
        var text = "Received-SPF: pass\r\nX-Received: x\r\n" + string.Concat(Enumerable.Repeat("RECEIVED: from a\r\n by b\r\n", hops)) + "Subject: x\r\n\r\nReceived: in the body\r\n";
        var answer = taken ? "S: 250 …" : "S: 554 5.4.6 …";
        foreach (var pace in (Pace[])[Pace.Whole, Pace.Bytes])
        {
            var mailbox = new MailboxUnderTest();
            var bytes = text.Replace("\r\n", "\\r\\n", StringComparison.Ordinal);
            await PlayAsync(Dialogue.Of([.. Envelope, "C: DATA", "S: 354 …", "C| " + bytes, "C: .", answer, "C: NOOP", "S: 250 …", "C: QUIT", "S: 221 …"]), mailbox, pace: pace);
            await PlayAsync(Dialogue.Of([.. Envelope, $"C: BDAT {text.Length} LAST", "C| " + bytes, answer, "C: NOOP", "S: 250 …", "C: QUIT", "S: 221 …"]), mailbox, pace: pace);
            Assert.Equal(taken ? 2 : 0, mailbox.Messages.Count);
            Assert.Empty(mailbox.Faults);
        }
    }

    [Theory, MemberData(nameof(Dialogue.Paces), MemberType = typeof(Dialogue))]
    public async Task Messages_of_one_connection_are_announced_and_counted(Pace pace)
    {
        var mailbox = new MailboxUnderTest();
        await PlayAsync(Dialogue.Load("smtp/server_messages_limit"), mailbox, o => o with { MaxMessages = 2, Chunking = false }, pace);
        Assert.Single(mailbox.Messages);
    }

    [Fact]
    public async Task A_session_ends_when_its_time_is_over_however_busy_it_is()
    {
        static SmtpServerOptions Short(SmtpServerOptions o) => o with { SessionLimit = TimeSpan.FromMinutes(10) };
        await PlayAsync(
            Dialogue.Of("S: 220 …", "C: NOOP", "S: 250 …", "--- pass 00:04:00", "C: NOOP", "S: 250 …", "--- pass 00:04:00", "C: NOOP", "S: 250 …", "--- settle", "--- pass 00:02:00", "S: 421 4.4.2 The session has lasted too long, closing transmission channel"),
            new MailboxUnderTest(),
            Short);
        // A message on its way is finished.
        var mailbox = new MailboxUnderTest();
        await PlayAsync(Dialogue.Of([.. Envelope, "C: DATA", "S: 354 …", "C: Subject: x", "--- settle", "--- pass 00:04:00", "C: X: y", "--- settle", "--- pass 00:00:30", "C: .", "S: 250 …", "S: 421 4.4.2 The session has lasted too long, closing transmission channel"]), mailbox, o => o with { SessionLimit = TimeSpan.FromMinutes(4) });
        Assert.Single(mailbox.Messages);
    }

    [Fact]
    public async Task A_wrong_sign_in_is_answered_after_a_while()
    {
        var clock = new FakeClock();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var mailbox = new MailboxUnderTest { OnAuth = _ => { asked.TrySetResult(); return new(535, "5.7.3", "Authentication unsuccessful"); } };
        var (theirs, ours) = PairedStream.Create();
        await using var connection = WireConnection.Over(theirs, Dialogue.Loopback);
        var session = new SmtpServerSession(connection, mailbox.Options(open: true, o => o with { Clock = clock, WrongSignInDelay = TimeSpan.FromSeconds(3) }), mailbox, null).RunAsync(CancellationToken.None);
        await ours.WriteAsync("EHLO client.example\r\nAUTH PLAIN AGFubgB3cm9uZw==\r\nQUIT\r\n"u8.ToArray());
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(30));
        var began = clock.GetUtcNow();
        using var reader = new StreamReader(ours, Encoding.ASCII);
        for (var line = await reader.ReadLineAsync(); !line!.StartsWith("250 ", StringComparison.Ordinal);) line = await reader.ReadLineAsync();
        var answer = reader.ReadLineAsync();
        for (; !answer.IsCompleted; await Task.Yield()) clock.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Equal("535 5.7.3 Authentication unsuccessful", await answer);
        Assert.True(clock.GetUtcNow() - began >= TimeSpan.FromSeconds(3));
        Assert.StartsWith("221 ", await reader.ReadLineAsync(), StringComparison.Ordinal);
        await session.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_thousand_wrong_passwords_end_in_a_wait_that_does_not_tell_a_right_one()
    {
        var mailbox = new MailboxUnderTest { OnAuth = c => c is SaslCredential.Plain { Password: "secret" } ? null : new(535, "5.7.3", "Authentication unsuccessful") };
        var clock = new FakeClock();
        var limits = new SmtpClientLimits(mailbox.Options(change: o => o with { Clock = clock }));
        var answers = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var n = 0; n < 1000; n++) Count(await SignInAsync($"user{n % 7}", "wrong"));
        Assert.Equal(20, answers["535"]);
        Assert.Equal(980, answers["454"]);
        Assert.Equal("454", await SignInAsync("user1", "secret"));
        clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal("235", await SignInAsync("user1", "secret"));
        Assert.Empty(mailbox.Faults);

        void Count(string code) => answers[code] = answers.GetValueOrDefault(code) + 1;

        async Task<string> SignInAsync(string user, string password)
        {
            var (theirs, ours) = PairedStream.Create();
            await using var connection = WireConnection.Over(theirs, Dialogue.Loopback);
            await ours.WriteAsync(Encoding.ASCII.GetBytes($"EHLO x\r\nAUTH PLAIN {Convert.ToBase64String(Encoding.ASCII.GetBytes($"\0{user}\0{password}"))}\r\nQUIT\r\n"));
            await new SmtpServerSession(connection, mailbox.Options(open: true, o => o with { Clock = clock, Transcript = null }), mailbox, null, limits).RunAsync(CancellationToken.None);
            await theirs.DisposeAsync();
            using var reader = new StreamReader(ours, Encoding.ASCII);
            return (await reader.ReadToEndAsync()).Split("\r\n")[^3][..3];
        }
    }

    [Fact]
    public void An_IPv6_network_of_64_bits_is_one_client()
    {
        var limits = new SmtpClientLimits(new SmtpServerOptions { Listen = Dialogue.Loopback, Clock = new FakeClock(), MaxConnectionsPerAddress = 1, MaxSignInFailures = 1 });
        Assert.True(limits.Enter(IPAddress.Parse("2001:db8:0:1::1")));
        Assert.False(limits.Enter(IPAddress.Parse("2001:db8:0:1:ffff::2")));
        Assert.True(limits.Enter(IPAddress.Parse("2001:db8:0:2::1")));
        limits.Leave(IPAddress.Parse("2001:db8:0:1::9"));
        Assert.True(limits.Enter(IPAddress.Parse("2001:db8:0:1::3")));
        Assert.True(limits.Enter(IPAddress.Parse("192.0.2.1")));
        Assert.False(limits.Enter(IPAddress.Parse("::ffff:192.0.2.1")));
        Assert.True(limits.Enter(IPAddress.Parse("192.0.2.2")));
        limits.Failed(IPAddress.Parse("2001:db8:0:1::1"), "ann");
        Assert.NotNull(limits.Wait(IPAddress.Parse("2001:db8:0:1::2"), "ben"));
    }

    [Theory]
    [InlineData("AUTH=<>", "250")]
    [InlineData("AUTH=ann@example.com", "250")]
    [InlineData("AUTH=a+2Bb@example.com", "250")]
    [InlineData("AUTH=a+2bb@example.com", "501")]
    [InlineData("AUTH=", "501")]
    [InlineData("AUTH", "501")]
    [InlineData("AUTH=a=b", "501")]
    public Task AUTH_on_MAIL_is_xtext(string parameter, string code) =>
        PlayAsync(Dialogue.Of(["S: 220 …", "C: EHLO x", .. Enumerable.Repeat("S: 250-…", 8), "S: 250 …", "C: MAIL FROM:<ann@example.com> " + parameter, $"S: {code} …", "C: QUIT", "S: 221 …"]), new MailboxUnderTest(), o => o with { Chunking = false, Certificate = null, AuthMechanisms = ["PLAIN"], Dsn = true, MaxMessages = 9 });

    private static async Task PlayAsync(Dialogue script, MailboxUnderTest mailbox, Func<SmtpServerOptions, SmtpServerOptions>? change = null, Pace pace = Pace.Whole)
    {
        var options = mailbox.Options(open: true, o => o with { Clock = script.Clock, MaxMessageBytes = 100_000 });
        options = change?.Invoke(options) ?? options;
        await script.PlayClientAsync(pace, async stream =>
        {
            await using var connection = WireConnection.Over(stream, Dialogue.Loopback);
            try
            {
                await new SmtpServerSession(connection, options, mailbox, null).RunAsync(CancellationToken.None);
            }
            catch (IOException)
            {
                // The script closed: the ordinary end of a session.
            }
        });
    }
}
