using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Mail.Tests.Smtp;

/// <summary>Our client against a real Dovecot submission server, which relays to our own server without TLS.</summary>
public sealed class DovecotSubmissionTests(DovecotSubmissionTests.Relayed shared) : IClassFixture<DovecotSubmissionTests.Relayed>
{
    private static readonly EmailAddress Alice = EmailAddress.Parse("alice@example.test");
    private static readonly EmailAddress Ben = EmailAddress.Parse("ben@example.org");

    [Theory]
    [InlineData(WireSecurity.StartTls, 0)]
    [InlineData(WireSecurity.Tls, 0)]
    // Of the length of Entra's tokens: two steps, since Dovecot refuses an AUTH line above 1,024 octets.
    [InlineData(WireSecurity.StartTls, 1800)]
    [InlineData(WireSecurity.Tls, 3000)]
    public async Task A_message_goes_through_with_a_token(WireSecurity security, int padding)
    {
        var dovecot = await shared.StartedAsync();
        var result = await SmtpClient.ConnectAsync(dovecot.Submission(security), new SaslCredential.XOAuth2(Alice.ToString(), dovecot.Mint(Alice.ToString(), padding)), null, CancellationToken.None);
        Assert.Null(result.Failure);
        shared.Mailbox.Messages.Clear();
        await using var client = result.Client!;
        var text = "From: alice@example.test\r\nTo: ben@example.org\r\nSubject: through Dovecot\r\nMessage-ID: <1@example.test>\r\n\r\n.\r\n..dots\r\n" + string.Concat(Enumerable.Repeat(new string('x', 76) + "\r\n", 3000));
        var sent = await client.SendAsync(Alice, [Ben], new MemoryStream(Encoding.ASCII.GetBytes(text)), text.Length, CancellationToken.None);
        Assert.Null(sent.Failure);
        Assert.EndsWith(text, Encoding.ASCII.GetString(Assert.Single(shared.Mailbox.Messages).Bytes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_token_is_told_with_the_servers_reason()
    {
        var dovecot = await shared.StartedAsync();
        foreach (var token in (string[])[dovecot.Mint(Alice.ToString(), goodSignature: false), dovecot.Mint(Alice.ToString(), 2000, TimeSpan.FromMinutes(-5)), dovecot.Mint("someone.else@example.test"), "garbage"])
        {
    var result = await SmtpClient.ConnectAsync(dovecot.Submission(WireSecurity.StartTls), new SaslCredential.XOAuth2(Alice.ToString(), token), null, CancellationToken.None);
            Assert.Null(result.Client);
            Assert.Equal((WireFailureKind.AuthenticationRefused, "AUTH", 535), (result.Failure!.Kind, result.Failure.Stage, result.Failure.Reply!.Code));
            Assert.Contains("status 401", result.Failure.Detail, StringComparison.Ordinal);
            Assert.DoesNotContain(token, result.Failure.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_password_signs_in_too()
    {
        var dovecot = await shared.StartedAsync();
        var result = await SmtpClient.ConnectAsync(dovecot.Submission(WireSecurity.Tls), new SaslCredential.Plain(Alice.ToString(), "secret"), null, CancellationToken.None);
        Assert.Null(result.Failure);
        await result.Client!.DisposeAsync();
    }

    [Fact]
    public async Task A_recipient_that_the_relay_refuses_is_refused_alone()
    {
        await using var strict = new MailboxUnderTest { OnRcpt = r => r.Equals(Ben) ? new(550, "5.1.1", "No such user") : null }.Listen(open: true, change: o => o with { Certificate = null });
        await using var other = await DovecotUnderTest.StartAsync(strict.LocalEndPoint);
        var result = await SmtpClient.ConnectAsync(other.Submission(WireSecurity.StartTls), new SaslCredential.XOAuth2(Alice.ToString(), other.Mint(Alice.ToString())), null, CancellationToken.None);
        await using var client = result.Client!;
        Assert.True(client.Capabilities.Pipelining);
        var sent = await client.SendAsync(Alice, [Ben, Alice], new MemoryStream("Subject: x\r\n\r\n"u8.ToArray()), null, CancellationToken.None);
        Assert.Equal([false, true], sent.Recipients.Select(r => r.Accepted));
        Assert.Equal("550 5.1.1 <ben@example.org> No such user", sent.Recipients[0].Reply!.ToString());
    }

    [Fact]
    public async Task A_probe_sends_nothing()
    {
        var mailbox = new MailboxUnderTest();
        await using var relay = mailbox.Listen(open: true, change: o => o with { Certificate = null });
        await using (var dovecot = await DovecotUnderTest.StartAsync(relay.LocalEndPoint))
        {
            var result = await SmtpClient.ConnectAsync(dovecot.Submission(WireSecurity.StartTls), new SaslCredential.XOAuth2(Alice.ToString(), dovecot.Mint(Alice.ToString())), null, CancellationToken.None);
            await using var client = result.Client!;
            Assert.Null(await client.ProbeAsync(Alice, Alice, CancellationToken.None));
        }
        // Dovecot is gone, and the relay waits for its last session: what has not come by now never will.
        await relay.DisposeAsync();
        Assert.Contains(mailbox.Lines, l => l.StartsWith("C: RCPT", StringComparison.Ordinal));
        Assert.Empty(mailbox.Messages);
    }

    [Fact]
    public async Task A_certificate_of_an_unknown_authority_ends_the_connection_before_any_credential()
    {
        var dovecot = await shared.StartedAsync();
        var result = await SmtpClient.ConnectAsync(dovecot.Submission(WireSecurity.StartTls) with { ExtraTrust = [] }, new SaslCredential.XOAuth2(Alice.ToString(), "t"), null, CancellationToken.None);
        Assert.Equal((WireFailureKind.CertificateNotTrusted, "STARTTLS"), (result.Failure!.Kind, result.Failure.Stage));
    }

    /// <summary>One Dovecot and its relay for all tests of the class; started by the first that needs it, which is also where a missing Dovecot skips.</summary>
    public sealed class Relayed : IAsyncDisposable
    {
        private readonly Lazy<Task<DovecotUnderTest>> dovecot;
        private readonly SmtpServer relay;

        public Relayed()
        {
            relay = Mailbox.Listen(open: true, change: o => o with { Certificate = null });
            dovecot = new(() => DovecotUnderTest.StartAsync(relay.LocalEndPoint));
        }

        internal MailboxUnderTest Mailbox { get; } = new();

        internal Task<DovecotUnderTest> StartedAsync() => dovecot.Value;

        public async ValueTask DisposeAsync()
        {
            if (dovecot.IsValueCreated && dovecot.Value.IsCompletedSuccessfully) await (await dovecot.Value).DisposeAsync();
            await relay.DisposeAsync();
        }
    }
}
