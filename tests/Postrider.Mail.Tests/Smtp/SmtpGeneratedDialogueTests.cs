using System.Net;
using System.Net.Sockets;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Smtp;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Smtp;

/// <summary>Dialogues that are made up: any order of commands against what RFC 5321 and RFC 3030 say of it, and any answers of a server against what may be said of a message.</summary>
public sealed class SmtpGeneratedDialogueTests
{
    private static readonly EmailAddress Ann = EmailAddress.Parse("ann@example.com");

    /// <param name="Body">Of DATA and BDAT.</param>
    private sealed record Step(string Line, string Body = "", bool Last = false);

    private static readonly Gen<string> Body = Gen.Elements("Subject: x\r\n\r\ntext\r\n", ".\r\n..\r\n", "", "\r\n.\r\n\r\n", "MAIL FROM:<eve@example.net>\r\nQUIT\r\n").ListOf().Select(parts => string.Concat(parts.Take(4)));

    private static readonly Gen<Step> OneStep = Gen.Frequency(
        (1, Gen.Elements("EHLO x", "RSET", "NOOP", "VRFY ben", "XYZZY", "RCPT TO:<", "MAIL FROM:ann").Select(l => new Step(l))),
        (3, Gen.Constant(new Step("MAIL FROM:<ann@example.com>"))),
        (3, Gen.Elements("RCPT TO:<ben@example.org>", "RCPT TO:<cat@example.org>", "RCPT TO:<nobody@example.org>").Select(l => new Step(l))),
        (3, Body.Select(b => new Step("DATA", b))),
        (2, Body.Select(b => new Step($"BDAT {b.Length}", b))),
        (2, Body.Select(b => new Step($"BDAT {b.Length} LAST", b, Last: true))));

    /// <summary>What the RFCs make of each command: the answer's code, and the messages that are taken.</summary>
    private sealed class Expected
    {
        private bool _greeted, _mail;
        private int _recipients;
        private StringBuilder? _chunks;

        public List<(int Recipients, string Bytes)> Messages { get; } = [];

        public int Answer(Step step)
        {
            var verb = step.Line.Split(' ')[0];
            if (_chunks is not null && verb is "MAIL" or "RCPT" or "DATA") return 503;
            switch (step.Line)
            {
                case "EHLO x":
                    _greeted = true;
                    Reset();
                    return 250;
                case "RSET":
                    Reset();
                    return 250;
                case "NOOP":
                    return 250;
                case "VRFY ben":
                    return 252;
                case "XYZZY":
                    return 500;
                case "MAIL FROM:ann":
                    return _greeted && !_mail ? 501 : 503;
                case "RCPT TO:<":
                    return _mail ? 501 : 503;
                case "MAIL FROM:<ann@example.com>":
                    if (!_greeted || _mail) return 503;
                    _mail = true;
                    return 250;
                case "RCPT TO:<nobody@example.org>":
                    return _mail ? 550 : 503;
                case "DATA":
                    if (_recipients == 0) return 503;
                    Messages.Add((_recipients, Text(step.Body)));
                    Reset();
                    return 354;
            }
            if (verb == "RCPT")
            {
                if (!_mail) return 503;
                _recipients++;
                return 250;
            }
            if (_recipients == 0) return 503;
            (_chunks ??= new()).Append(step.Body);
            if (!step.Last) return 250;
            Messages.Add((_recipients, _chunks.ToString()));
            Reset();
            return 250;
        }

        // The end of data is at the start of a line.
        private static string Text(string body) => body.Length == 0 || body.EndsWith("\r\n", StringComparison.Ordinal) ? body : body + "\r\n";

        private void Reset() => (_mail, _recipients, _chunks) = (false, 0, null);
    }

    [Fact]
    public async Task The_server_answers_any_order_of_commands_as_the_RFCs_say()
    {
        var mailbox = new MailboxUnderTest { OnRcpt = r => r.ToString().StartsWith("nobody", StringComparison.Ordinal) ? new(550, "5.1.1", "No such user") : null };
        await using var server = mailbox.Listen(open: true, o => o with { MaxErrors = 1000, Transcript = null });
        var taken = 0;
        foreach (var steps in OneStep.ArrayOf().Sample(400, 40).Select(s => (Step[])[new("EHLO x"), .. s]).Concat(OneStep.ArrayOf().Sample(50, 15)))
        {
            mailbox.Messages.Clear();
            var expected = new Expected();
            using var socket = new TcpClient();
            await socket.ConnectAsync(server.LocalEndPoint, TestContext.Current.CancellationToken);
            await using var stream = socket.GetStream();
            using var reader = new StreamReader(stream, Encoding.ASCII, false, 4096, leaveOpen: true);
            Assert.Equal(220, await CodeAsync(reader));
            foreach (var step in steps)
            {
                var code = expected.Answer(step);
                var chunk = step.Line.StartsWith("BDAT", StringComparison.Ordinal) ? step.Body : "";
                await stream.WriteAsync(Encoding.ASCII.GetBytes(step.Line + "\r\n" + chunk), TestContext.Current.CancellationToken);
                Assert.Equal((step.Line, code), (step.Line, await CodeAsync(reader)));
                if (code != 354) continue;
                var stuffed = string.Concat(step.Body.Split("\r\n").Select((line, i) => (i > 0 ? "\r\n" : "") + (line.StartsWith('.') ? "." + line : line)));
                await stream.WriteAsync(Encoding.ASCII.GetBytes(stuffed + (stuffed.Length == 0 || stuffed.EndsWith("\r\n", StringComparison.Ordinal) ? ".\r\n" : "\r\n.\r\n")), TestContext.Current.CancellationToken);
                Assert.Equal(250, await CodeAsync(reader));
            }
            Assert.Equal(expected.Messages, mailbox.Messages.Select(m => (m.Envelope.Recipients.Count, Encoding.ASCII.GetString(m.Bytes))));
            taken += expected.Messages.Count;
        }
        Assert.Empty(mailbox.Faults);
        Assert.True(taken > 100, $"Only {taken} messages: the dialogues go nowhere.");
    }

    private static async Task<int> CodeAsync(StreamReader reader)
    {
        while (true)
        {
            var line = await reader.ReadLineAsync(TestContext.Current.CancellationToken) ?? "000 closed";
            if (line.Length < 4 || line[3] != '-') return int.Parse(line[..3], System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    /// <summary>What a server says to each part of one message. Of <see cref="Final"/> 0: it hangs up instead.</summary>
    private sealed record Answers(int Mail, int[] Recipients, int Data, int Final);

    private static readonly Gen<Answers> OneMessage =
        from mail in Gen.Frequency((6, Gen.Constant(250)), (1, Gen.Elements(451, 550, 552)))
        from recipients in Gen.Frequency((3, Gen.Constant(250)), (1, Gen.Elements(450, 550, 452))).NonEmptyListOf()
        from data in Gen.Frequency((6, Gen.Constant(354)), (1, Gen.Elements(451, 554)))
        from final in Gen.Frequency((5, Gen.Constant(250)), (2, Gen.Elements(432, 451, 552, 554)), (1, Gen.Constant(0)))
        select new Answers(mail, [.. recipients.Take(4)], data, final);

    [Fact]
    public async Task The_client_says_of_a_message_what_the_server_said()
    {
        foreach (var (messages, extensions) in OneMessage.NonEmptyListOf().Zip(Gen.SubListOf("PIPELINING", "CHUNKING", "8BITMIME")).Sample(400, 6))
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var serving = ServeAsync(listener, [.. messages], [.. extensions]);
            var connected = await SmtpClient.ConnectAsync(new WireEndpoint("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port, WireSecurity.None), null, new SmtpClientOptions(), TestContext.Current.CancellationToken);
            await using (var client = connected.Client!)
            {
                foreach (var answers in messages)
                {
                    EmailAddress[] recipients = [.. answers.Recipients.Select((_, i) => EmailAddress.Parse($"r{i}@example.org"))];
                    var sent = await client.SendAsync(Ann, recipients, new MemoryStream("Subject: x\r\n\r\n.text\r\n"u8.ToArray()), null, TestContext.Current.CancellationToken);
                    var envelope = answers.Mail == 250 && answers.Recipients.Contains(250);
                    var offered = envelope && (extensions.Contains("CHUNKING") || answers.Data == 354);
                    var taken = offered && answers.Final == 250;
                    var what = $"{answers} {string.Join(',', answers.Recipients)} with {string.Join(' ', extensions)}: {sent.Failure}";
                    Assert.True(taken == sent.Failure is null, what);
                    Assert.True(answers.Recipients.Select(r => taken && r == 250).SequenceEqual(sent.Recipients.Select(r => r.Accepted)), what);
                    Assert.True((offered && answers.Final == 0) == (sent.Failure?.MessageMayBeTaken ?? false), what);
                    Assert.True((sent.Failure?.ConnectionSurvives ?? true) == client.IsUsable, what);
                    Assert.True(client.IsUsable == !(offered && answers.Final == 0), what);
                    if (sent.Failure is { } failure) Assert.True(failure.Stage == (answers.Mail != 250 ? "MAIL" : !envelope ? "RCPT" : !offered ? "DATA" : "END OF DATA"), what);
                    if (!client.IsUsable) break;
                }
            }
            listener.Stop();
            await serving;
        }
    }

    /// <summary>Does as the answers say; a command out of its order ends the test.</summary>
    private static async Task ServeAsync(TcpListener listener, Answers[] messages, string[] extensions)
    {
        using var socket = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        socket.NoDelay = true; // several answers in a row
        await using var stream = socket.GetStream();
        using var reader = new StreamReader(stream, Encoding.ASCII, false, 1024, leaveOpen: true);
        await SayAsync("220 x");
        var (at, recipient) = (-1, 0);
        while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            switch (line.Split(' ')[0])
            {
                case "EHLO":
                    await SayAsync(string.Join("\r\n", extensions.Select(e => "250-" + e).Prepend("250-mail.example").Append("250 HELP")));
                    break;
                case "MAIL":
                    (at, recipient) = (at + 1, 0);
                    await SayAsync($"{messages[at].Mail} x");
                    break;
                case "RCPT":
                    // Commands behind a refused MAIL that were in flight with it.
                    await SayAsync(messages[at].Mail == 250 ? $"{messages[at].Recipients[recipient++]} x" : "503 x");
                    break;
                case "DATA" when messages[at].Mail == 250 && messages[at].Recipients.Contains(250):
                    await SayAsync($"{messages[at].Data} x");
                    if (messages[at].Data != 354) break;
                    while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } text && text != ".") Assert.True(text is "Subject: x" or "" or "..text", text);
                    if (messages[at].Final == 0) return;
                    await SayAsync($"{messages[at].Final} x");
                    break;
                case "DATA":
                    await SayAsync("503 x");
                    break;
                case "BDAT":
                    Assert.Equal("BDAT 21 LAST", line);
                    var chunk = new char[21];
                    Assert.Equal(21, await reader.ReadBlockAsync(chunk, TestContext.Current.CancellationToken));
                    if (messages[at].Final == 0) return;
                    await SayAsync($"{messages[at].Final} x");
                    break;
                case "RSET":
                    await SayAsync("250 x");
                    break;
                case "QUIT":
                    await SayAsync("221 x");
                    return;
                default:
                    Assert.Fail(line);
                    break;
            }
        }

        async Task SayAsync(string text) => await stream.WriteAsync(Encoding.ASCII.GetBytes(text + "\r\n"), TestContext.Current.CancellationToken);
    }
}
