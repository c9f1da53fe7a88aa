using System.Text;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;

namespace Postrider.Mail.Tests.Imap;

/// <summary>Our server as our own client meets it over TLS.</summary>
public sealed class ImapServerTests
{
    private const string Message = "From: ann@example.com\r\nTo: ben@example.com\r\nSubject: Bread\r\nMessage-ID: <1@example.com>\r\n\r\nTwo loaves, please.\r\n";

    [Fact]
    public async Task A_message_appended_by_one_session_is_fetched_byte_for_byte_by_another()
    {
        await using var server = ImapServerUnderTest.Start();
        await using var writer = await server.ConnectAsync();
        await using var reader = await server.ConnectAsync();
        // Every byte value but NUL, and more than any buffer holds.
        var big = Enumerable.Range(0, 1_000_000).Select(i => (byte)(1 + i % 255)).ToArray();
        byte[][] messages = [Encoding.UTF8.GetBytes(Message), [], big];
        foreach (var message in messages) Assert.NotNull((await writer.AppendAsync("INBOX", ["\\Seen", "$Label"], message, CancellationToken.None)).Value);

        var selected = await reader.SelectAsync("INBOX", readOnly: true, CancellationToken.None);
        var uids = await reader.UidSearchFromAsync(1, CancellationToken.None);
        var fetched = new List<ImapFetched>();
        var count = await reader.UidFetchAsync(uids.Value!, true, m => Keep(fetched, m), CancellationToken.None);

        Assert.Equal(3, selected.Value!.Exists);
        Assert.Equal([1u, 2u, 3u], uids.Value!);
        Assert.Equal(3, count.Value);
        Assert.Equal(messages, fetched.Select(m => m.Body));
        Assert.All(fetched, m => Assert.Equal(["\\Seen", "$Label"], m.Flags));
        Assert.Equal(messages.Select(m => (long?)m.Length), fetched.Select(m => m.Size));
    }

    [Fact]
    public async Task Idle_wakes_when_a_message_is_delivered()
    {
        await using var server = ImapServerUnderTest.Start();
        var idling = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var client = await server.ConnectAsync(Telling(idling));
        await client.SelectAsync("INBOX", false, CancellationToken.None);
        var idle = client.IdleAsync(TimeSpan.FromMinutes(1), CancellationToken.None);
        await idling.Task;
        server.Mailboxes.Inbox.Append(Message);
        var woken = await idle;
        Assert.True(woken.Value, woken.Failure?.Detail);
        Assert.Equal(1, client.Selected!.Exists);
        Assert.True((await client.NoopAsync(CancellationToken.None)).Succeeded);
    }

    [Fact]
    public async Task Idle_does_not_sleep_over_a_change_that_came_with_another_commands_answer()
    {
        await using var server = ImapServerUnderTest.Start();
        await using var client = await server.ConnectAsync();
        await client.SelectAsync("INBOX", false, CancellationToken.None);
        server.Mailboxes.Inbox.Append(Message);
        await client.NoopAsync(CancellationToken.None);
        Assert.True((await client.IdleAsync(TimeSpan.FromMinutes(1), CancellationToken.None)).Value);
    }

    [Fact]
    public async Task A_refused_token_is_a_failure_with_the_servers_text()
    {
        await using var server = ImapServerUnderTest.Start();
        var result = await ImapClient.ConnectAsync(server.Endpoint, new SaslCredential.XOAuth2("ann@example.com", "wrong"), null, CancellationToken.None);
        Assert.Null(result.Client);
        Assert.Equal(WireFailureKind.AuthenticationRefused, result.Failure!.Kind);
        Assert.Equal("NO AUTHENTICATE failed.", result.Failure.ServerText);
    }

    [Fact]
    public async Task The_session_ends_with_the_reason_when_the_token_runs_out()
    {
        await using var server = ImapServerUnderTest.Start();
        await using var client = await server.ConnectAsync();
        await client.SelectAsync("INBOX", false, CancellationToken.None);
        var idle = client.IdleAsync(TimeSpan.FromMinutes(1), CancellationToken.None);
        server.Mailboxes.ExpireTokens();
        var ended = await idle;
        Assert.Equal("BYE Session invalidated - AccessTokenExpired", ended.Failure!.ServerText);
        Assert.False(client.IsUsable);
    }

    [Fact]
    public async Task An_account_without_mailbox_signs_in_and_is_refused_at_select()
    {
        await using var server = ImapServerUnderTest.Start(new MailboxesInMemory { NotConnected = "BAD User is authenticated but not connected." });
        await using var client = await server.ConnectAsync();
        var selected = await client.SelectAsync("INBOX", false, CancellationToken.None);
        Assert.Equal("BAD User is authenticated but not connected.", selected.Failure!.ServerText);
        Assert.False(selected.Failure.ConnectionSurvives);
    }

    [Fact]
    public async Task A_backend_that_throws_is_a_NO_for_the_client_and_told_to_the_host()
    {
        await using var server = ImapServerUnderTest.Start(new MailboxesInMemory { Fault = new InvalidOperationException("disk on fire") });
        var result = await ImapClient.ConnectAsync(server.Endpoint, new SaslCredential.XOAuth2("ann@example.com", "secret"), null, CancellationToken.None);
        // Not the token's fault: nobody is to be asked to sign in again.
        Assert.Equal((WireFailureKind.CommandRefused, "NO Server Unavailable. 15"), (result.Failure!.Kind, result.Failure.ServerText));
        Assert.Equal("disk on fire", Assert.Single(server.Faults).Message);
    }

    [Fact]
    public async Task Flags_are_added_taken_away_and_searched_for()
    {
        await using var server = ImapServerUnderTest.Start();
        for (var i = 0; i < 5; i++) server.Mailboxes.Inbox.Append(Message.Replace("<1@", $"<{i}@", StringComparison.Ordinal));
        await using var client = await server.ConnectAsync();
        await client.SelectAsync("INBOX", false, CancellationToken.None);
        Assert.True((await client.UidStoreAsync([1, 2, 5], true, ["\\Seen", "\\Flagged"], CancellationToken.None)).Value);
        Assert.True((await client.UidStoreAsync([2], false, ["\\Seen"], CancellationToken.None)).Value);
        Assert.Equal(["\\Flagged"], server.Mailboxes.Inbox.Messages()[1].Flags);
        Assert.Equal([4u], (await client.UidSearchHeaderAsync("Message-ID", "<3@example.com>", CancellationToken.None)).Value!);
        Assert.Equal([], (await client.UidSearchFromAsync(6, CancellationToken.None)).Value!);
    }

    [Fact]
    public async Task Of_many_sessions_that_set_flags_at_once_none_undoes_anothers()
    {
        await using var server = ImapServerUnderTest.Start();
        server.Mailboxes.Inbox.Append(Message);
        var clients = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => server.ConnectAsync()));
        await Task.WhenAll(clients.Select(async (client, n) =>
        {
            await client.SelectAsync("INBOX", false, CancellationToken.None);
            for (var i = 0; i < 20; i++) Assert.True((await client.UidStoreAsync([1], true, [$"k{n}-{i}"], CancellationToken.None)).Value);
        }));
        Assert.Equal(80, server.Mailboxes.Inbox.Messages()[0].Flags.Count);
        foreach (var client in clients) await client.DisposeAsync();
    }

    [Fact]
    public async Task A_session_takes_one_caller_at_a_time_and_a_cancelled_command_ends_it()
    {
        await using var server = ImapServerUnderTest.Start();
        var idling = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var client = await server.ConnectAsync(Telling(idling));
        await client.SelectAsync("INBOX", false, CancellationToken.None);
        using var cancel = new CancellationTokenSource();
        var idle = client.IdleAsync(TimeSpan.FromMinutes(1), cancel.Token);
        await idling.Task;
        await Assert.ThrowsAsync<InvalidOperationException>(() => client.NoopAsync(CancellationToken.None));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => idle);
        Assert.False(client.IsUsable);
        Assert.Equal(WireFailureKind.Disconnected, (await client.NoopAsync(CancellationToken.None)).Failure!.Kind);
    }

    [Fact]
    public async Task A_connection_too_many_is_told_so()
    {
        await using var server = ImapServerUnderTest.Start(adjust: o => o with { MaxConnections = 1 });
        await using var first = await server.ConnectAsync();
        var second = await ImapClient.ConnectAsync(server.Endpoint, new SaslCredential.XOAuth2("ann@example.com", "secret"), null, CancellationToken.None);
        Assert.Equal("BYE Too many connections. Try again later.", second.Failure!.ServerText);
    }

    [Fact]
    public async Task Stopping_says_goodbye_to_those_who_idle()
    {
        var server = ImapServerUnderTest.Start();
        await using var client = await server.ConnectAsync();
        await client.SelectAsync("INBOX", false, CancellationToken.None);
        var idle = client.IdleAsync(TimeSpan.FromMinutes(1), CancellationToken.None);
        await server.DisposeAsync();
        Assert.Equal("BYE Server is shutting down.", (await idle).Failure!.ServerText);
    }

    [Fact]
    public async Task A_message_on_its_way_arrives_whole_while_the_server_stops()
    {
        var server = ImapServerUnderTest.Start();
        server.Mailboxes.Inbox.Append(Message);
        // More than the sockets' buffers hold: the server is held up in the middle of it for as long as the client does not read.
        var big = new byte[40_000_000];
        new Random(1).NextBytes(big);
        server.Mailboxes.Inbox.Append(big, [], new DateTimeOffset(2026, 11, 22, 9, 0, 0, TimeSpan.Zero));
        await using var reader = await server.ConnectAsync();
        await using var witness = await server.ConnectAsync();
        await reader.SelectAsync("INBOX", true, CancellationToken.None);
        await witness.SelectAsync("INBOX", true, CancellationToken.None);
        var idle = witness.IdleAsync(TimeSpan.FromMinutes(1), CancellationToken.None);

        var stopping = Task.CompletedTask;
        var fetched = new List<ImapFetched>();
        var count = await reader.UidFetchAsync([1, 2], true, async message =>
        {
            fetched.Add(message);
            if (fetched.Count > 1) return;
            stopping = server.DisposeAsync().AsTask();
            await idle;
        }, CancellationToken.None);

        Assert.True(count.Succeeded, count.Failure?.Detail);
        Assert.True(big.AsSpan().SequenceEqual(fetched[1].Body));
        Assert.Equal("BYE Server is shutting down.", (await reader.NoopAsync(CancellationToken.None)).Failure!.ServerText);
        await stopping;
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Our_client_keeps_house_whatever_the_server_offers(bool full, bool rev2)
    {
        await using var server = ImapServerUnderTest.Start(
            new MailboxesInMemory { KeepsAll = full },
            o => full ? o with { CapabilitiesBefore = ImapCapabilities.FullBefore, CapabilitiesAfter = ImapCapabilities.FullAfter } : o);
        await using var client = await server.ConnectAsync();
        if (rev2) Assert.Contains("IMAP4rev2", (await client.EnableAsync(["IMAP4rev2"], CancellationToken.None)).Value!, StringComparer.OrdinalIgnoreCase);
        Assert.True((await client.CreateAsync("Entwürfe/2026", ImapFolderRole.None, CancellationToken.None)).Succeeded);
        for (var i = 0; i < 10; i++) await client.AppendAsync("INBOX", i % 2 == 0 ? ["\\Seen"] : [], Encoding.UTF8.GetBytes(Message), CancellationToken.None);
        await client.SelectAsync("INBOX", false, CancellationToken.None);
        Assert.Equal([1u, 2, 3, 4, 5, 6, 7, 8, 9, 10], (await client.UidSearchHeaderAsync("Message-ID", "1@example.com", CancellationToken.None)).Value!);
        Assert.True((await client.UidCopyAsync([1, 2, 3], "Entwürfe/2026", CancellationToken.None)).Succeeded);
        Assert.True((await client.UidMoveAsync([4, 6, 7], "Entwürfe/2026", CancellationToken.None)).Succeeded);
        Assert.True((await client.UidStoreAsync([1, 2], true, ["\\Deleted"], CancellationToken.None)).Succeeded);
        Assert.True((await client.UidExpungeAsync([2], CancellationToken.None)).Succeeded);
        Assert.Equal([1u, 3, 5, 8, 9, 10], server.Mailboxes.Inbox.Messages().Select(m => m.Uid));
        var status = Assert.Single((await client.StatusAsync(["Entwürfe/2026"], CancellationToken.None)).Value!);
        Assert.Equal(6u, status.Messages);
        Assert.Equal(["Entwürfe/2026"], (await client.ListAsync(new ImapListRequest("*") { WithStatus = true }, CancellationToken.None)).Value!.Select(f => f.Name).Where(n => n != "INBOX"));
        Assert.True((await client.RenameAsync("Entwürfe/2026", "Ablage", CancellationToken.None)).Succeeded);
        Assert.Equal(6, server.Mailboxes.Open("Ablage")!.Messages().Count);
        Assert.Empty(server.Faults);
    }

    [Fact]
    public async Task Names_of_folders_travel_in_Unicode()
    {
        await using var server = ImapServerUnderTest.Start(new MailboxesInMemory("Entwürfe", "受信/R&D \"x\"", "a\\b"));
        await using var client = await server.ConnectAsync();
        var folders = await client.ListAsync("", "*", CancellationToken.None);
        Assert.Equal(["Entwürfe", "INBOX", "a\\b", "受信/R&D \"x\""], folders.Value!.Select(f => f.Name));
        foreach (var folder in folders.Value!)
        {
            var selected = await client.SelectAsync(folder.Name, true, CancellationToken.None);
            Assert.Equal(folder.Name, selected.Value?.Name);
        }
    }

    /// <summary>Options of a client that tells when the server has taken its IDLE.</summary>
    private static ImapClientOptions Telling(TaskCompletionSource idling) => new()
    {
        Transcript = (fromServer, line) =>
        {
            if (fromServer && line.StartsWith('+')) idling.TrySetResult();
        },
    };

    private static ValueTask Keep(List<ImapFetched> kept, ImapFetched message)
    {
        kept.Add(message);
        return ValueTask.CompletedTask;
    }
}
