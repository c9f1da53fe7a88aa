using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Smtp;

/// <summary>Sessions from the client's side, right and nearly right: how their bytes arrive changes nothing, and wherever they break off no message is taken that was not ended.</summary>
public sealed class SmtpServerGeneratedTests(ITestOutputHelper output)
{
    private static readonly Gen<string> Command = Gen.Frequency<string>(
        (4, Gen.Elements("MAIL FROM:<ann@example.com>", "MAIL FROM:<> BODY=8BITMIME", "mail from: <ann@example.com> SIZE=100", "MAIL FROM:<ann@example.com> BODY=BINARYMIME", "MAIL FROM:<jörg@example.com> SMTPUTF8", "MAIL FROM:<ann@example.com> RET=HDRS ENVID=a+2Bb")),
        (6, Gen.Elements("RCPT TO:<ben@example.org>", "RCPT TO:<nobody@example.org>", "rcpt to:<@relay.example:cat@example.org>", "RCPT TO:<postmaster>", "RCPT TO:<ben@example.org> NOTIFY=NEVER ORCPT=rfc822;b@example.org")),
        (2, Gen.Elements("EHLO client.example", "HELO client.example", "RSET", "NOOP x", "VRFY ann", "HELP", "AUTH PLAIN AGFubgBzZWNyZXQ=", "AUTH PLAIN AGFubgB3cm9uZw==")),
        (1, Gen.Elements("", " ", "EHLO", "MAIL", "MAIL FROM:", "MAIL FROM:<ann", "MAIL FROM:<ann@example.com> SIZE=99999999", "MAIL FROM:<ann@example.com> X=1", "RCPT TO:<>", "RCPT TO:<a@b@c>", "RCPT TO:<ben@example.org> NOTIFY=NEVER,DELAY", "DATA now", "BDAT 0", "RSET now", "AUTH", "AUTH NONE", "STARTTLS now", "EXPN x", "\0", "\u00fc", new string('x', 3000))));

    private static readonly Gen<string> Line = Gen.Elements("Subject: x", "", ".", "..", ".x", "text", "QUIT", "BDAT 5", "a\nb", "a\rb", "a\0b", "é", new string('l', 1200));

    private static readonly Gen<string> Text = Line.ListOf().Select(lines => string.Concat(lines.Take(6).Select(l => l + "\r\n")));

    // What goes out before the client waits. DATA is the last of a turn: a client has to wait for 354.
    private static readonly Gen<string[]> Turn = Gen.OneOf(
        Commands().Select(commands => new[] { commands }),
        Commands().SelectMany(commands => Text.Select(text => new[] { commands + "DATA\r\n", Stuffed(text) + ".\r\n" })),
        Commands().SelectMany(commands => Text.SelectMany(first => Text.SelectMany(second => Gen.Elements(" LAST", "").Select(last => new[] { $"{commands}BDAT {Size(first)}\r\n{first}BDAT {Size(second)}{last}\r\n{second}" })))),
        Text.SelectMany(text => Text.Select(second => new[] { $"MAIL FROM:<ann@example.com>\r\nRCPT TO:<ben@example.org>\r\nDATA\r\n", Stuffed(text) + ".\r\nMAIL FROM:<ann@example.com>\r\nRCPT TO:<ben@example.org>\r\nDATA\r\n", Stuffed(second) + ".\r\n" })));

    private static readonly Gen<string[]> Session = Turn.ListOf().Select(turns => (string[])["EHLO client.example\r\n", .. turns.Take(6).SelectMany(t => t)]);

    [Fact]
    public void The_replies_do_not_depend_on_how_the_bytes_arrive()
    {
        var taken = 0;
        Prop.ForAll(Session.ToArbitrary(), ArbMap.Default.GeneratorFor<int>().ToArbitrary(), (turns, seed) =>
        {
            var whole = Play(turns, int.MaxValue, int.MaxValue, seed);
            taken += whole.Messages.Count;
            foreach (var most in (int[])[1, 2, 7, 100])
            {
                var split = Play(turns, int.MaxValue, most, seed);
                Assert.Equal(whole.Replies, split.Replies);
                Assert.Equal(whole.Messages, split.Messages);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(150));
        output.WriteLine($"{taken} messages were taken");
        Assert.True(taken > 50, "Hardly a message is taken: the sessions test nothing.");
    }

    [Fact]
    public void Wherever_a_session_breaks_off_only_messages_that_were_ended_are_taken() => Prop.ForAll(Session.ToArbitrary(), ArbMap.Default.GeneratorFor<int>().ToArbitrary(), (turns, seed) =>
    {
        var whole = Play(turns, int.MaxValue, int.MaxValue, seed);
        var random = new Random(seed);
        var length = turns.Sum(t => Encoding.UTF8.GetByteCount(t));
        for (var n = 0; n < 12; n++)
        {
            var cut = Play(turns, random.Next(length + 1), random.Next(2) == 0 ? int.MaxValue : 5, seed);
            Assert.Equal(whole.Messages.Take(cut.Messages.Count), cut.Messages);
            Assert.StartsWith(cut.Replies, whole.Replies, StringComparison.Ordinal);
            // A message has its 250, or the client cannot know.
            Assert.True(cut.Messages.Count <= cut.Replies.Split("\r\n").Count(l => l.StartsWith("250 2.0.0 OK <", StringComparison.Ordinal)) + 1);
        }
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(150));

    /// <param name="upTo">Bytes after which the client is gone.</param>
    /// <param name="most">Bytes of one write at most.</param>
    private static (string Replies, List<string> Messages) Play(string[] turns, int upTo, int most, int seed) => PlayAsync(turns, upTo, most, new Random(seed)).WaitAsync(TimeSpan.FromSeconds(30)).GetAwaiter().GetResult();

    private static async Task<(string Replies, List<string> Messages)> PlayAsync(string[] turns, int upTo, int most, Random random)
    {
        var mailbox = new MailboxUnderTest { OnRcpt = r => r.LocalPart == "nobody" ? new(550, "5.1.1", "No such user") : null };
        var (theirs, ours) = PairedStream.Create();
        var options = mailbox.Options(open: true, o => o with { Clock = new FakeClock(), MaxMessageBytes = 3000, MaxRecipients = 4, Dsn = true, Transcript = null, MaxErrors = 8 });
        var serving = Task.Run(async () =>
        {
            await using var connection = WireConnection.Over(theirs, Dialogue.Loopback);
            try
            {
                await new SmtpServerSession(connection, options, mailbox, null).RunAsync(CancellationToken.None);
            }
            catch (IOException)
            {
                // The client left.
            }
        });
        try
        {
            foreach (var turn in turns)
            {
                var bytes = Encoding.UTF8.GetBytes(turn);
                bytes = bytes[..Math.Min(bytes.Length, upTo)];
                upTo -= bytes.Length;
                for (var at = 0; at < bytes.Length;)
                {
                    var count = most == int.MaxValue ? bytes.Length : Math.Min(random.Next(1, most + 1), bytes.Length - at);
                    await ours.WriteAsync(bytes.AsMemory(at, count));
                    at += count;
                    if (most != int.MaxValue && random.Next(4) == 0) await ours.TakenInAsync();
                }
                await ours.TakenInAsync();
                if (upTo == 0) break;
            }
        }
        catch (IOException)
        {
            // The server has ended the session.
        }
        var replies = new StringBuilder();
        await ours.DisposeAsync();
        await serving;
        var buffer = new byte[4096];
        for (int read; (read = await ours.ReadAsync(buffer)) > 0;) replies.Append(Encoding.UTF8.GetString(buffer, 0, read));
        Assert.Empty(mailbox.Faults);
        return (replies.ToString(), [.. mailbox.Messages.Select(m => Encoding.UTF8.GetString(m.Bytes))]);
    }

    private static Gen<string> Commands() => Command.ListOf().Select(list => string.Concat(list.Take(6).Select(c => c + "\r\n")));

    private static int Size(string text) => Encoding.UTF8.GetByteCount(text);

    private static string Stuffed(string text) => string.Concat(text.Split("\r\n").SkipLast(1).Select(l => (l.StartsWith('.') ? "." : "") + l + "\r\n"));
}
