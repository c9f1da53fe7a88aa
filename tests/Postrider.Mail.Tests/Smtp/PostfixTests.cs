using System.Text;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Mail.Tests.Smtp;

/// <summary>Our client's mail through a real Postfix into our server: what leaves the one arrives at the other to the byte.</summary>
public sealed class PostfixTests(ITestOutputHelper output)
{
    private static readonly EmailAddress Ann = EmailAddress.Parse("ann@example.com");
    private static readonly EmailAddress Ben = EmailAddress.Parse("ben@example.org");

    [Fact]
    public async Task What_leaves_our_client_arrives_at_our_server_to_the_byte()
    {
        var arrived = new SemaphoreSlim(0);
        var mailbox = new MailboxUnderTest { OnMessage = _ => { arrived.Release(); return new(250, "2.0.0", "OK"); } };
        await using var server = mailbox.Listen(open: true);
        await using var postfix = await PostfixUnderTest.StartAsync(server.LocalEndPoint.Port);
        var random = new Random(20261125);
        var messages = new Dictionary<string, (string Body, SmtpBodyKind Kind, EmailAddress Recipient)>
        {
            ["plain"] = ("text\r\n", SmtpBodyKind.SevenBit, Ben),
            ["dots"] = (".\r\n..\r\n...\r\n.end\r\n\r\n.\r\n", SmtpBodyKind.SevenBit, Ben),
            ["8-bit"] = ("Grüße aus Köln\r\n", SmtpBodyKind.EightBit, Ben),
            ["unknown"] = ("Grüße\r\n", SmtpBodyKind.Unknown, Ben),
            ["lines of 998"] = (new string('x', 998) + "\r\n", SmtpBodyKind.SevenBit, Ben),
            ["empty lines"] = ("\r\n\r\n\r\n", SmtpBodyKind.SevenBit, Ben),
            ["utf-8 address"] = ("text\r\n", SmtpBodyKind.SevenBit, EmailAddress.Parse("jörg@bücher.example")),
            ["10 MB"] = (string.Concat(Enumerable.Range(0, 130_000).Select(_ => new string((char)('a' + random.Next(26)), 78) + "\r\n")), SmtpBodyKind.SevenBit, Ben),
        };

        var log = new List<string>();
        var connected = await SmtpClient.ConnectAsync(postfix.Endpoint(WireSecurity.StartTls), null, new SmtpClientOptions { Transcript = (_, line) => log.Add(line) }, CancellationToken.None);
        Assert.Null(connected.Failure);
        await using (var client = connected.Client!)
        {
            Assert.True(client.Capabilities is { Chunking: true, Dsn: true, Pipelining: true, EightBitMime: true, SmtpUtf8: true });
            foreach (var (name, (body, kind, recipient)) in messages) Assert.Null((await client.SendAsync(Message(name, body, kind, recipient), CancellationToken.None)).Failure);
            Assert.Contains(log, l => l.StartsWith("BDAT ", StringComparison.Ordinal) && l.EndsWith(" LAST", StringComparison.Ordinal));
            Assert.DoesNotContain("DATA", log);
            // The same by DATA, each end with the next envelope.
            var outcomes = new List<SmtpSendResult>();
            await client.SendManyAsync(messages.Select(m => Message("again " + m.Key, m.Value.Body, m.Value.Kind, m.Value.Recipient)).ToAsyncEnumerable(), (_, result) => { outcomes.Add(result); return ValueTask.CompletedTask; }, CancellationToken.None);
            Assert.Equal(messages.Count, outcomes.Count(o => o.Failure is null && o.DsnAsked));
            Assert.Contains("DATA", log);
        }

        for (var n = 0; n < 2 * messages.Count; n++) Assert.True(await arrived.WaitAsync(TimeSpan.FromSeconds(60)), $"{n} arrived\n{postfix.Log}");
        Assert.Empty(mailbox.Faults);
        foreach (var (name, (body, _, recipient)) in messages)
        {
            foreach (var subject in (string[])[name, "again " + name])
            {
                var message = Assert.Single(mailbox.Messages, m => Encoding.UTF8.GetString(m.Bytes).Contains($"Subject: {subject}\r\n", StringComparison.Ordinal));
                // Postfix adds its trace, and fields that a submission lacks, above ours.
                Assert.True(Encoding.UTF8.GetString(message.Bytes).EndsWith("\r\n\r\n" + body, StringComparison.Ordinal), $"{subject} came as something else");
                Assert.Equal((Ann, recipient), (message.Envelope.Sender, Assert.Single(message.Envelope.Recipients)));
            }
        }
        Assert.Contains("Verified TLS connection established to localhost", postfix.Log, StringComparison.Ordinal);
        output.WriteLine($"{2 * messages.Count} messages through Postfix, to the byte");
    }

    [Fact]
    public async Task Each_recipient_that_Postfix_refuses_has_its_own_answer()
    {
        await using var server = new MailboxUnderTest().Listen(open: true);
        await using var postfix = await PostfixUnderTest.StartAsync(server.LocalEndPoint.Port);
        var connected = await SmtpClient.ConnectAsync(postfix.Endpoint(WireSecurity.StartTls), null, null, CancellationToken.None);
        await using var client = connected.Client!;
        // A domain without a dot at its end is no address for Postfix: RFC 5321's address literal of another host.
        var sent = await client.SendAsync(new SmtpMessage(Ann, [Ben, EmailAddress.Parse("eve@[127.0.0.1]")], new MemoryStream("Subject: x\r\n\r\n"u8.ToArray()), null), CancellationToken.None);
        Assert.Null(sent.Failure);
        Assert.True(sent.Recipients[0].Accepted);
        Assert.Equal((false, 5), (sent.Recipients[1].Accepted, sent.Recipients[1].Reply!.Code / 100));

        var large = await client.SendAsync(new SmtpMessage(Ann, [Ben], Stream.Null, 60_000_000), CancellationToken.None);
        Assert.Equal((552, true), (large.Failure!.Reply!.Code, large.Failure.ConnectionSurvives));
        var again = await client.SendAsync(new SmtpMessage(Ann, [Ben], new MemoryStream("Subject: x\r\n\r\n"u8.ToArray()), null), CancellationToken.None);
        Assert.Null(again.Failure);
    }

    private static SmtpMessage Message(string subject, string body, SmtpBodyKind kind, EmailAddress recipient)
    {
        var bytes = Encoding.UTF8.GetBytes($"From: ann@example.com\r\nSubject: {subject}\r\n\r\n{body}");
        return new(Ann, [recipient], new MemoryStream(bytes), bytes.Length) { Kind = kind, Dsn = new SmtpDsn { Notify = SmtpNotify.Never, EnvelopeId = "id+" + subject.Length } };
    }
}
