using System.Text;
using Postrider.Mail.Imap;
using Postrider.Mail.Pop3;
using Postrider.Mail.Sasl;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Mail.Tests.Pop3;

/// <summary>Our client against a server nobody here wrote.</summary>
public sealed class Pop3ClientDovecotTests(Pop3ClientDovecotTests.Server server) : IClassFixture<Pop3ClientDovecotTests.Server>
{
    public sealed class Server : IAsyncLifetime
    {
        internal DovecotUnderTest Dovecot { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Dovecot = await DovecotUnderTest.StartAsync();

        public async ValueTask DisposeAsync()
        {
            if (Dovecot is not null) await Dovecot.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(WireSecurity.Tls, 0)]
    [InlineData(WireSecurity.StartTls, 3000)]
    public async Task Messages_of_every_kind_come_back_byte_for_byte_and_stay_until_they_are_deleted(WireSecurity security, int padding)
    {
        var user = $"pop-{security}@example.test".ToLowerInvariant();
        byte[][] messages =
        [
            Encoding.UTF8.GetBytes("Subject: Grüße\r\n\r\n.\r\n..\r\n.x\r\nTwo loaves, please.\r\n"),
            Encoding.ASCII.GetBytes("Subject: no body\r\n\r\n"),
            [.. Encoding.ASCII.GetBytes("Subject: big\r\n\r\n"), .. Enumerable.Range(0, 78 * 38_462).Select(i => i % 78 == 76 ? (byte)'\r' : i % 78 == 77 ? (byte)'\n' : (byte)(i % 78 == 0 ? '.' : 128 + i % 100))],
            .. Enumerable.Range(0, 100).Select(i => Encoding.ASCII.GetBytes($"Subject: {i}\r\n\r\n.{new string('x', i)}\r\n")),
        ];
        await FillAsync(user, messages);

        Pop3Message[] before;
        await using (var client = await ConnectAsync(user, security, padding))
        {
            Assert.True(client.Capabilities.Pipelining);
            before = [.. (await client.ListAsync(CancellationToken.None)).Value!];
            Assert.Equal(messages.Select(m => (long)m.Length), before.Select(m => m.Size));
            Assert.Equal(messages, await RetrieveAsync(client, before));
            Assert.Null(await client.DeleteAsync(before[..2], CancellationToken.None));
        }
        await using (var client = await ConnectAsync(user, security))
        {
            // The session ended without QUIT.
            Assert.Equal(before.Select(m => m.Id), (await client.ListAsync(CancellationToken.None)).Value!.Select(m => m.Id));
            Assert.Null(await client.DeleteAsync(before[..100], CancellationToken.None));
            Assert.Null(await client.ResetAsync(CancellationToken.None));
            Assert.Null(await client.DeleteAsync(before[..2], CancellationToken.None));
            Assert.Null(await client.QuitAsync(CancellationToken.None));
        }
        await using (var client = await ConnectAsync(user, security))
        {
            var after = (await client.ListAsync(CancellationToken.None)).Value!;
            Assert.Equal(before.Skip(2).Select(m => m.Id), after.Select(m => m.Id));
            var refused = new List<string?>();
            Assert.Null(await client.RetrieveAsync([new Pop3Message(999, "none", 1), after[0]], _ => new MemoryStream(), (_, failure) =>
            {
                refused.Add(failure?.Command);
                return ValueTask.CompletedTask;
            }, CancellationToken.None));
            Assert.Equal(["RETR", null], refused);
        }
    }

    [Fact]
    public async Task A_refused_token_tells_Dovecots_reason_and_a_password_signs_in()
    {
        var token = server.Dovecot.Mint("pop-expired@example.test", lifetime: TimeSpan.FromMinutes(-1));
        var result = await Pop3Client.ConnectAsync(server.Dovecot.Pop3(WireSecurity.Tls), new SaslCredential.XOAuth2("pop-expired@example.test", token), null, CancellationToken.None);
        Assert.Equal((WireFailureKind.AuthenticationRefused, "AUTH"), (result.Failure!.Kind, result.Failure.Code));
        Assert.Contains("status 401", result.Failure.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(token, result.Failure.ToString(), StringComparison.Ordinal);

        foreach (var (password, kind) in new[] { ("secret", (WireFailureKind?)null), ("wrong", WireFailureKind.AuthenticationRefused) })
        {
            var signedIn = await Pop3Client.ConnectAsync(server.Dovecot.Pop3(WireSecurity.Tls), new SaslCredential.Plain("pop-plain@example.test", password), null, CancellationToken.None);
            Assert.Equal(kind, signedIn.Failure?.Kind);
            if (signedIn.Client is { } client) await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_certificate_that_nobody_vouches_for_is_not_accepted()
    {
        foreach (var security in (WireSecurity[])[WireSecurity.Tls, WireSecurity.StartTls])
        {
            var result = await Pop3Client.ConnectAsync(server.Dovecot.Pop3(security) with { ExtraTrust = [] }, new SaslCredential.XOAuth2("ann@example.test", "t"), null, CancellationToken.None);
            Assert.Equal(WireFailureKind.CertificateNotTrusted, result.Failure!.Kind);
        }
    }

    private async Task FillAsync(string user, IEnumerable<byte[]> messages)
    {
        var result = await ImapClient.ConnectAsync(server.Dovecot.Imap(WireSecurity.Tls), new SaslCredential.Plain(user, "secret"), null, CancellationToken.None);
        await using var client = result.Client!;
        foreach (var message in messages) Assert.Null((await client.AppendAsync("INBOX", [], message, CancellationToken.None)).Failure);
    }

    private async Task<Pop3Client> ConnectAsync(string user, WireSecurity security, int padding = 0)
    {
        var result = await Pop3Client.ConnectAsync(server.Dovecot.Pop3(security), new SaslCredential.XOAuth2(user, server.Dovecot.Mint(user, padding)), null, CancellationToken.None);
        Assert.True(result.Client is not null, $"{result.Failure}\n{server.Dovecot.Log}");
        return result.Client!;
    }

    private static async Task<List<byte[]>> RetrieveAsync(Pop3Client client, IReadOnlyList<Pop3Message> messages)
    {
        var bodies = new Dictionary<int, MemoryStream>();
        var whole = new List<byte[]>();
        Assert.Null(await client.RetrieveAsync(messages, m => bodies[m.Number] = new MemoryStream(), (m, refused) =>
        {
            Assert.Null(refused);
            whole.Add(bodies[m.Number].ToArray());
            return ValueTask.CompletedTask;
        }, CancellationToken.None));
        return whole;
    }
}
