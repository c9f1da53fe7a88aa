using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Mail.Tests.Smtp;

/// <summary>Our client and our server on a loopback socket with real TLS.</summary>
public sealed class SmtpRoundTripTests
{
    private static readonly EmailAddress Ann = EmailAddress.Parse("ann@example.com");
    private static readonly EmailAddress Ben = EmailAddress.Parse("ben@example.org");
    private static readonly EmailAddress Cat = EmailAddress.Parse("cat@example.org");
    private static readonly SaslCredential Token = new SaslCredential.XOAuth2("ann@example.com", "token");

    [Theory]
    [InlineData("Subject: hi\r\n\r\nbody\r\n", null)]
    [InlineData("Subject: hi\r\n\r\n.\r\n..\r\n.x\r\n\r\n.", "Subject: hi\r\n\r\n.\r\n..\r\n.x\r\n\r\n.\r\n")]
    [InlineData("", "")]
    [InlineData("no line end", "no line end\r\n")]
    [InlineData("bare\nline\rends\n.\nend\r", "bare\r\nline\r\nends\r\n.\r\nend\r\n")]
    public async Task A_message_arrives_as_it_was_sent(string sent, string? arrives)
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        var result = await client.SendAsync(Ann, [Ben], Bytes(sent), sent.Length, CancellationToken.None);
        Assert.Null(result.Failure);
        Assert.True(result.Recipients[0].Accepted);
        Assert.Equal("250 2.0.0 OK <1@localhost> [Hostname=localhost]", result.FinalReply!.ToString());
        Assert.Equal(arrives ?? sent, Encoding.UTF8.GetString(Assert.Single(mailbox.Messages).Bytes));
        Assert.Equal(sent.Length, mailbox.Messages.Single().Envelope.DeclaredSize);
    }

    [Fact]
    public async Task Messages_follow_each_other_on_one_connection()
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        for (var i = 0; i < 3; i++) Assert.Null((await client.SendAsync(Ann, [Ben], Bytes($"n: {i}\r\n"), null, CancellationToken.None)).Failure);
        Assert.Equal(["n: 0\r\n", "n: 1\r\n", "n: 2\r\n"], mailbox.Messages.Select(m => Encoding.UTF8.GetString(m.Bytes)));
    }

    [Fact]
    public async Task Each_recipient_has_its_own_outcome()
    {
        var mailbox = new MailboxUnderTest { OnRcpt = r => r.Equals(Ben) ? new(550, "5.1.1", "No such user") : null };
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        var result = await client.SendAsync(Ann, [Ben, Cat], Bytes("x"), null, CancellationToken.None);
        Assert.Null(result.Failure);
        Assert.Equal([false, true], result.Recipients.Select(r => r.Accepted));
        Assert.Equal(550, result.Recipients[0].Reply!.Code);
        Assert.Equal([Cat], mailbox.Messages.Single().Envelope.Recipients);
    }

    [Fact]
    public async Task A_message_without_accepted_recipient_is_refused_and_the_next_one_sent()
    {
        var mailbox = new MailboxUnderTest { OnRcpt = r => r.Equals(Ben) ? new(550, "5.1.1", "No such user") : null };
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        var refused = await client.SendAsync(Ann, [Ben], Bytes("x"), null, CancellationToken.None);
        Assert.Equal(("RCPT", 550, true), (refused.Failure!.Stage, refused.Failure.Reply!.Code, refused.Failure.ConnectionSurvives));
        Assert.Null((await client.SendAsync(Ann, [Cat], Bytes("y"), null, CancellationToken.None)).Failure);
        Assert.Single(mailbox.Messages);
    }

    [Fact]
    public async Task A_message_above_the_servers_SIZE_is_not_offered()
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen(change: o => o with { MaxMessageBytes = 1000 });
        await using var client = await ConnectAsync(server);
        var result = await client.SendAsync(Ann, [Ben], Bytes(new string('x', 1001)), 1001, CancellationToken.None);
        Assert.Equal((552, "5.3.4"), (result.Failure!.Reply!.Code, result.Failure.Reply.EnhancedCode));
        Assert.True(client.IsUsable);
        Assert.DoesNotContain(mailbox.Lines, l => l.StartsWith("C: MAIL", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_message_that_turns_out_too_big_is_refused_at_its_end()
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen(change: o => o with { MaxMessageBytes = 1000 });
        await using var client = await ConnectAsync(server);
        var result = await client.SendAsync(Ann, [Ben], Bytes(new string('x', 5000)), null, CancellationToken.None);
        Assert.Equal(("END OF DATA", 552), (result.Failure!.Stage, result.Failure.Reply!.Code));
        Assert.Empty(mailbox.Messages);
        Assert.Null((await client.SendAsync(Ann, [Ben], Bytes("small"), null, CancellationToken.None)).Failure);
    }

    [Fact]
    public async Task A_probe_goes_to_354_and_sends_nothing()
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        Assert.Null(await client.ProbeAsync(Ann, Ann, CancellationToken.None));
        Assert.False(client.IsUsable);
        await server.DisposeAsync();
        Assert.Empty(mailbox.Messages);
        Assert.Empty(mailbox.Faults);
        Assert.Contains(mailbox.Lines, l => l.StartsWith("S: 354", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_probe_that_is_refused_names_the_step()
    {
        var mailbox = new MailboxUnderTest { OnMail = _ => new(550, "5.7.60", "SMTP; Client does not have permissions to send as this sender") };
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        var failure = await client.ProbeAsync(Ann, Ann, CancellationToken.None);
        Assert.Equal(("MAIL", "5.7.60"), (failure!.Stage, failure.Reply!.EnhancedCode));
    }

    [Fact]
    public async Task A_backend_that_throws_gives_451_and_the_exception_to_the_hook()
    {
        var mailbox = new MailboxUnderTest { OnMessage = _ => throw new InvalidOperationException("full disk") };
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        var result = await client.SendAsync(Ann, [Ben], Bytes("x"), null, CancellationToken.None);
        Assert.Equal(("END OF DATA", 451), (result.Failure!.Stage, result.Failure.Reply!.Code));
        Assert.Equal("full disk", Assert.Single(mailbox.Faults).Message);
    }

    [Theory]
    [InlineData("XOAUTH2")]
    [InlineData("PLAIN")]
    [InlineData("LOGIN")]
    public async Task Every_mechanism_signs_in(string mechanism)
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen(change: o => o with { AuthMechanisms = [mechanism] });
        SaslCredential credential = mechanism == "XOAUTH2" ? Token : new SaslCredential.Plain("ann@example.com", "pass wörd");
        await using var client = await ConnectAsync(server, credential);
        Assert.Equal(credential, Assert.Single(mailbox.Credentials));
    }

    [Fact]
    public async Task Neither_transcript_shows_a_secret()
    {
        foreach (var token in (string[])["short-token", new string('t', 1200)])
        {
            var mailbox = new MailboxUnderTest { OnAuth = c => new(535, "5.7.3", "No entry for " + ((SaslCredential.XOAuth2)c).AccessToken) };
            await using var server = mailbox.Listen();
            var lines = new List<string>();
            var result = await SmtpClient.ConnectAsync(Endpoint(server), new SaslCredential.XOAuth2("ann@example.com", token), new SmtpClientOptions { Transcript = (s, l) => lines.Add(l) }, CancellationToken.None);
            Assert.Equal(WireFailureKind.AuthenticationRefused, result.Failure!.Kind);
            var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes($"user=ann@example.com\u0001auth=Bearer {token}\u0001\u0001"));
            foreach (var secret in (string[])[token, encoded])
            {
                Assert.DoesNotContain(lines, l => l.Contains(secret, StringComparison.Ordinal));
                Assert.DoesNotContain(mailbox.Lines.Where(l => l.StartsWith("C:", StringComparison.Ordinal)), l => l.Contains(secret, StringComparison.Ordinal));
                Assert.DoesNotContain(secret, result.Failure.ToString(), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task A_message_larger_than_every_buffer_streams_through_with_little_memory()
    {
        const int size = 100_000_000;
        long most = 0;
        var mailbox = new MailboxUnderTest
        {
            OnStream = async (message, cancel) =>
            {
                long total = 0;
                while (true)
                {
                    var read = await message.ReadAsync(cancel);
                    most = Math.Max(most, read.Buffer.Length);
                    total += read.Buffer.Length;
                    message.AdvanceTo(read.Buffer.End);
                    if (read.IsCompleted) return new(250, "2.0.0", total.ToString(System.Globalization.CultureInfo.InvariantCulture));
                }
            },
        };
        await using var server = mailbox.Listen(open: true);
        await using var client = await ConnectAsync(server, null, WireSecurity.None);
        var result = await client.SendAsync(Ann, [Ben], new Lines(size), size, CancellationToken.None);
        Assert.Equal(size.ToString(System.Globalization.CultureInfo.InvariantCulture), result.FinalReply!.Text);
        Assert.InRange(most, 1, 1_000_000);
    }

    [Fact]
    public async Task A_backend_that_reads_nothing_yet_holds_the_client_back()
    {
        var go = new TaskCompletionSource();
        var mailbox = new MailboxUnderTest
        {
            OnStream = async (message, cancel) =>
            {
                await go.Task;
                long total = 0;
                while (true)
                {
                    var read = await message.ReadAsync(cancel);
                    total += read.Buffer.Length;
                    message.AdvanceTo(read.Buffer.End);
                    if (read.IsCompleted) return new(250, null, total.ToString(System.Globalization.CultureInfo.InvariantCulture));
                }
            },
        };
        await using var server = mailbox.Listen(open: true);
        await using var client = await ConnectAsync(server, null, WireSecurity.None);
        var source = new Lines(50_000_000);
        var sending = client.SendAsync(Ann, [Ben], source, null, CancellationToken.None);
        // What stands in the buffers of both sides and the sockets is far below the whole.
        await source.StoppedAsync();
        Assert.InRange(source.Position, 1, 40_000_000);
        go.SetResult();
        Assert.Equal("50000000", (await sending).FinalReply!.Text);
    }

    [Fact]
    public async Task A_stopping_server_says_421_and_the_client_takes_it_for_temporary()
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        await server.DisposeAsync();
        var result = await client.SendAsync(Ann, [Ben], Bytes("x"), null, CancellationToken.None);
        Assert.Equal(421, result.Failure!.Reply!.Code);
        Assert.False(client.IsUsable);
    }

    [Fact]
    public async Task A_message_whose_dot_has_come_is_answered_while_the_server_stops()
    {
        var (dotCame, stop) = (new TaskCompletionSource(), new TaskCompletionSource());
        var mailbox = new MailboxUnderTest
        {
            OnStream = async (message, cancel) =>
            {
                while (await message.ReadAsync(cancel) is { IsCompleted: false } read) message.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                dotCame.SetResult();
                await stop.Task;
                cancel.ThrowIfCancellationRequested();
                return new(250, "2.0.0", "taken");
            },
        };
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        var sending = client.SendAsync(Ann, [Ben], Bytes("x"), null, CancellationToken.None);
        await dotCame.Task;
        var stopping = server.DisposeAsync();
        stop.SetResult();
        var result = await sending;
        Assert.Null(result.Failure);
        Assert.Equal("250 2.0.0 taken", result.FinalReply!.ToString());
        await stopping;
    }

    [Fact]
    public async Task A_caller_that_cancels_gets_its_exception_and_an_unusable_client()
    {
        var asked = new TaskCompletionSource();
        using var cancel = new CancellationTokenSource();
        var mailbox = new MailboxUnderTest
        {
            OnStream = async (message, _) =>
            {
                asked.SetResult();
                while (await message.ReadAsync(CancellationToken.None) is { IsCompleted: false } read) message.AdvanceTo(read.Buffer.End);
                return new(250, null, "never");
            },
        };
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        var sending = client.SendAsync(Ann, [Ben], new Lines(long.MaxValue), null, cancel.Token);
        await asked.Task;
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        Assert.False(client.IsUsable);
    }

    [Fact]
    public async Task Many_clients_send_at_once()
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async n =>
        {
            await using var client = await ConnectAsync(server);
            for (var i = 0; i < 10; i++) Assert.Null((await client.SendAsync(Ann, [Ben], Bytes($"{n}.{i}\r\n"), null, CancellationToken.None)).Failure);
        }));
        Assert.Equal(200, mailbox.Messages.Select(m => Encoding.ASCII.GetString(m.Bytes)).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task A_hundred_and_more_recipients_go_in_groups()
    {
        var mailbox = new MailboxUnderTest { OnRcpt = r => r.LocalPart.EndsWith('7') ? new(550, "5.1.1", "No such user") : null };
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        var all = Enumerable.Range(0, 350).Select(i => EmailAddress.Parse($"r{i}@example.org")).ToArray();
        var result = await client.SendAsync(Ann, all, Bytes("x"), null, CancellationToken.None);
        Assert.Null(result.Failure);
        Assert.All(result.Recipients, r => Assert.Equal(!r.Recipient.LocalPart.EndsWith('7'), r.Accepted));
        Assert.Equal(315, mailbox.Messages.Single().Envelope.Recipients.Count);
    }

    [Fact]
    public async Task Connections_above_the_limit_are_refused_with_421()
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen(change: o => o with { MaxConnections = 1 });
        await using (await ConnectAsync(server))
        {
            var second = await SmtpClient.ConnectAsync(Endpoint(server), Token, null, CancellationToken.None);
            Assert.Equal(("CONNECT", 421), (second.Failure!.Stage, second.Failure.Reply!.Code));
        }
    }

    [Fact]
    public async Task An_address_outside_ASCII_goes_with_SMTPUTF8()
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        var jorg = EmailAddress.Parse("jörg@bücher.example");
        Assert.Null((await client.SendAsync(jorg, [jorg], Bytes("x"), null, CancellationToken.None)).Failure);
        var envelope = mailbox.Messages.Single().Envelope;
        Assert.True(envelope.SmtpUtf8);
        Assert.Equal([jorg], envelope.Recipients);
    }

    [Fact]
    public async Task A_null_sender_stays_null()
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        Assert.Null((await client.SendAsync(null, [Ben], Bytes("x"), null, CancellationToken.None)).Failure);
        Assert.Null(mailbox.Messages.Single().Envelope.Sender);
    }

    [Fact]
    public async Task A_message_that_cannot_be_read_is_not_sent_in_part()
    {
        var mailbox = new MailboxUnderTest();
        await using var server = mailbox.Listen();
        await using var client = await ConnectAsync(server);
        var thrown = await Assert.ThrowsAsync<IOException>(() => client.SendAsync(Ann, [Ben], new Lines(500_000) { FailAt = 300_000 }, null, CancellationToken.None));
        Assert.Equal("bad sector", thrown.Message);
        Assert.False(client.IsUsable);
        await server.DisposeAsync();
        Assert.Empty(mailbox.Messages);
    }

    internal static WireEndpoint Endpoint(SmtpServer server, WireSecurity security = WireSecurity.StartTls) => new("localhost", server.LocalEndPoint.Port, security) { ExtraTrust = [TestCertificates.Authority] };

    private static async Task<SmtpClient> ConnectAsync(SmtpServer server, SaslCredential? credential = null, WireSecurity security = WireSecurity.StartTls)
    {
        var result = await SmtpClient.ConnectAsync(Endpoint(server, security), security == WireSecurity.None ? null : credential ?? Token, null, CancellationToken.None);
        Assert.Null(result.Failure);
        return result.Client!;
    }

    private static MemoryStream Bytes(string text) => new(Encoding.UTF8.GetBytes(text));

    /// <summary>Lines of 80 bytes, made while they are read; some begin with a dot.</summary>
    private sealed class Lines(long length) : Stream
    {
        private static readonly byte[] Block = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 100).Select(i => (i % 7 == 0 ? "." : "x") + new string('y', 77) + "\r\n")));
        private readonly TaskCompletionSource<bool> stopped = new();
        private long position;
        private int lastSeen;

        public long? FailAt { get; init; }
        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => length;
        public override long Position { get => Volatile.Read(ref position); set => throw new NotSupportedException(); }

        /// <summary>Completes when nobody has read for half a second.</summary>
        public async Task StoppedAsync()
        {
            using var timer = new Timer(_ =>
            {
                var now = (int)(Position >> 4);
                if (now > 0 && now == Interlocked.Exchange(ref lastSeen, now)) stopped.TrySetResult(true);
            });
            timer.Change(500, 500);
            await stopped.Task;
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Position >= FailAt) throw new IOException("bad sector");
            var offset = (int)(position % Block.Length);
            var count = (int)Math.Min(Math.Min(buffer.Length, Block.Length - offset), length - position);
            Block.AsSpan(offset, count).CopyTo(buffer.Span);
            Volatile.Write(ref position, position + count);
            return ValueTask.FromResult(count);
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
