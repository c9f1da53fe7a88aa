using System.Text;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Mail.Tests.Imap;

/// <summary>Our client against a server nobody here wrote, signing in with XOAUTH2 and a token that Dovecot validates.</summary>
public sealed class ImapClientDovecotTests(ImapClientDovecotTests.Server server) : IClassFixture<ImapClientDovecotTests.Server>
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
    [InlineData(WireSecurity.Tls)]
    [InlineData(WireSecurity.StartTls)]
    public async Task Messages_of_every_kind_come_back_byte_for_byte(WireSecurity security)
    {
        var user = $"bytes-{security}@example.test".ToLowerInvariant();
        await using var client = await ConnectAsync(user, security);
        var messages = new[]
        {
            Encoding.UTF8.GetBytes("Subject: Grüße\r\n\r\nTwo loaves, please.\r\n"),
            Encoding.ASCII.GetBytes("Subject: no body\r\n\r\n"),
            Encoding.ASCII.GetBytes("Subject: looks like IMAP\r\n\r\n)\r\nA5 OK FETCH completed.\r\n* BYE\r\n{100}\r\n"),
            [.. Encoding.ASCII.GetBytes("Subject: big\r\n\r\n"), .. Enumerable.Range(0, 3_000_000).Select(i => i % 78 == 76 ? (byte)'\r' : i % 78 == 77 ? (byte)'\n' : (byte)(128 + i % 100))],
        };
        foreach (var message in messages)
        {
            var appended = await client.AppendAsync("INBOX", ["\\Flagged"], message, CancellationToken.None);
            Assert.NotNull(appended.Value);
        }
        var selected = await client.SelectAsync("INBOX", false, CancellationToken.None);
        Assert.Equal(4, selected.Value!.Exists);
        var uids = (await client.UidSearchFromAsync(1, CancellationToken.None)).Value!;
        var fetched = await FetchAsync(client, uids);
        Assert.Equal(messages, fetched.Select(m => m.Body!));
        Assert.All(fetched, m => Assert.Contains("\\Flagged", m.Flags));
        // BODY.PEEK: what was read here is not marked as read.
        Assert.All(await FetchAsync(client, uids), m => Assert.DoesNotContain("\\Seen", m.Flags));
    }

    [Fact]
    public async Task A_refused_token_tells_Dovecots_reason()
    {
        var token = server.Dovecot.Mint("expired@example.test", lifetime: TimeSpan.FromMinutes(-1));
        var result = await ImapClient.ConnectAsync(server.Dovecot.Imap(WireSecurity.Tls), new SaslCredential.XOAuth2("expired@example.test", token), null, CancellationToken.None);
        Assert.Equal(WireFailureKind.AuthenticationRefused, result.Failure!.Kind);
        Assert.StartsWith("NO [AUTHENTICATIONFAILED]", result.Failure.ServerText, StringComparison.Ordinal);
        Assert.Contains("status 401", result.Failure.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(token, result.Failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_too_long_for_one_line_signs_in_in_two_steps()
    {
        var token = server.Dovecot.Mint("long@example.test", padding: 3000);
        var result = await ImapClient.ConnectAsync(server.Dovecot.Imap(WireSecurity.Tls), new SaslCredential.XOAuth2("long@example.test", token), null, CancellationToken.None);
        Assert.Null(result.Failure);
        await result.Client!.DisposeAsync();
    }

    [Fact]
    public async Task A_password_signs_in_with_PLAIN()
    {
        var result = await ImapClient.ConnectAsync(server.Dovecot.Imap(WireSecurity.Tls), new SaslCredential.Plain("plain@example.test", "secret"), null, CancellationToken.None);
        Assert.Null(result.Failure);
        await result.Client!.DisposeAsync();
        var refused = await ImapClient.ConnectAsync(server.Dovecot.Imap(WireSecurity.Tls), new SaslCredential.Plain("plain@example.test", "wrong"), null, CancellationToken.None);
        Assert.Equal(WireFailureKind.AuthenticationRefused, refused.Failure!.Kind);
    }

    [Fact]
    public async Task Idle_wakes_when_another_session_appends_and_the_search_finds_it()
    {
        var idling = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var client = await ConnectAsync("idle@example.test", transcript: (fromServer, line) =>
        {
            if (fromServer && line.StartsWith('+')) idling.TrySetResult();
        });
        await using var writer = await ConnectAsync("idle@example.test");
        var selected = (await client.SelectAsync("INBOX", false, CancellationToken.None)).Value!;
        var idle = client.IdleAsync(TimeSpan.FromMinutes(1), CancellationToken.None);
        await idling.Task;
        await writer.AppendAsync("INBOX", [], Encoding.ASCII.GetBytes("Subject: news\r\nMessage-ID: <n@example.test>\r\n\r\nx\r\n"), CancellationToken.None);
        Assert.True((await idle).Value);
        Assert.Equal(1, client.Selected!.Exists);
        Assert.Equal([selected.UidNext!.Value], (await client.UidSearchFromAsync(selected.UidNext.Value, CancellationToken.None)).Value!);
        Assert.Equal([selected.UidNext.Value], (await client.UidSearchHeaderAsync("Message-ID", "<n@example.test>", CancellationToken.None)).Value!);
        Assert.Equal([], (await client.UidSearchHeaderAsync("Message-ID", "<ü\"\\\r\n@example.test>", CancellationToken.None)).Value!);
    }

    [Fact]
    public async Task Flags_and_folders_are_Dovecots_own()
    {
        await using var client = await ConnectAsync("flags@example.test");
        for (var i = 0; i < 3; i++) await client.AppendAsync("INBOX", [], Encoding.ASCII.GetBytes($"Subject: {i}\r\n\r\nx\r\n"), CancellationToken.None);
        await client.SelectAsync("INBOX", false, CancellationToken.None);
        Assert.True((await client.UidStoreAsync([1, 3, 99], true, ["\\Seen", "$Done"], CancellationToken.None)).Value);
        Assert.True((await client.UidStoreAsync([3], false, ["\\Seen"], CancellationToken.None)).Value);
        var flags = await FetchAsync(client, [1, 2, 3, 99], withBody: false);
        Assert.Equal(["$Done,\\Seen", "", "$Done"], flags.Select(m => string.Join(',', m.Flags.Where(f => f != "\\Recent").Order(StringComparer.Ordinal))));
        Assert.Contains((await client.ListAsync("", "*", CancellationToken.None)).Value!, f => f.Name == "Sent" && f.Attributes.Contains("\\Sent"));
        var missing = await client.SelectAsync("Entwürfe & mehr", true, CancellationToken.None);
        // Dovecot understood the name: it says it back in UTF-8.
        Assert.Contains("Entwürfe & mehr", missing.Failure!.ServerText, StringComparison.Ordinal);
        Assert.True(client.IsUsable);
    }

    [Fact]
    public async Task A_certificate_that_nobody_vouches_for_is_not_accepted()
    {
        var endpoint = server.Dovecot.Imap(WireSecurity.Tls) with { ExtraTrust = [] };
        var result = await ImapClient.ConnectAsync(endpoint, new SaslCredential.XOAuth2("ann@example.test", "t"), null, CancellationToken.None);
        Assert.Equal(WireFailureKind.CertificateNotTrusted, result.Failure!.Kind);
    }

    private async Task<ImapClient> ConnectAsync(string user, WireSecurity security = WireSecurity.Tls, WireTranscript? transcript = null)
    {
        var result = await ImapClient.ConnectAsync(server.Dovecot.Imap(security), new SaslCredential.XOAuth2(user, server.Dovecot.Mint(user)), new ImapClientOptions { Transcript = transcript }, CancellationToken.None);
        Assert.True(result.Client is not null, $"{result.Failure}\n{server.Dovecot.Log}");
        return result.Client!;
    }

    private static async Task<List<ImapFetched>> FetchAsync(ImapClient client, IReadOnlyList<uint> uids, bool withBody = true)
    {
        var fetched = new List<ImapFetched>();
        var result = await client.UidFetchAsync(uids, withBody, m =>
        {
            fetched.Add(m);
            return ValueTask.CompletedTask;
        }, CancellationToken.None);
        Assert.Null(result.Failure);
        return fetched;
    }
}
