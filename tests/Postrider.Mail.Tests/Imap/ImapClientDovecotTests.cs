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

    [Theory]
    [InlineData(WireSecurity.None)]
    [InlineData(WireSecurity.Tls)]
    public async Task Messages_are_moved_copied_and_expunged_as_Dovecot_counts_them(WireSecurity security)
    {
        var user = $"move-{security}@example.test".ToLowerInvariant();
        await using var client = await ConnectAsync(user, security);
        for (var i = 0; i < 5; i++) await client.AppendAsync("INBOX", [], Encoding.ASCII.GetBytes($"Subject: {i}\r\n\r\nx\r\n"), CancellationToken.None);
        Assert.True((await client.CreateAsync("Erledigt & gut", ImapFolderRole.None, CancellationToken.None)).Value);
        await client.SelectAsync("INBOX", false, CancellationToken.None);
        var copied = (await client.UidCopyAsync([1, 2], "Erledigt & gut", CancellationToken.None)).Value!;
        Assert.Equal([(1u, 1u), (2u, 2u)], copied.Uids);
        var moved = (await client.UidMoveAsync([5, 3], "Erledigt & gut", CancellationToken.None)).Value!;
        Assert.Equal(ImapMoveManner.Moved, moved.Manner);
        Assert.Equal([(3u, 3u), (5u, 4u)], moved.Copied.Uids);
        Assert.Equal(3, client.Selected!.Exists);
        await client.UidStoreAsync([1, 2], true, ["\\Deleted"], CancellationToken.None);
        Assert.True((await client.UidExpungeAsync([2], CancellationToken.None)).Value);
        Assert.Equal([1u, 4u], (await client.UidSearchAsync(ImapQuery.All, CancellationToken.None)).Value!);
        Assert.Equal(ImapResponseCode.TryCreate, (await client.UidMoveAsync([1], "nowhere", CancellationToken.None)).Failure!.Code);
        Assert.Equal((4u, copied.UidValidity), (await client.StatusAsync(["Erledigt & gut", "INBOX"], CancellationToken.None)).Value is [var there, _] ? (there.Messages!.Value, there.UidValidity!.Value) : default);
        Assert.True((await client.CloseAsync(CancellationToken.None)).Value);
        Assert.Equal(1u, (await client.StatusAsync(["INBOX"], CancellationToken.None)).Value![0].Messages);
    }

    [Fact]
    public async Task Searches_structures_and_pieces_are_what_Dovecot_reads_out_of_a_message()
    {
        await using var client = await ConnectAsync("read@example.test");
        var text = "From: Ann <ann@example.org>\r\nTo: team: bob@example.com, =?utf-8?q?J=C3=B6rg?= <j@example.com>;\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\nMessage-ID: <s@example.org>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nfirst\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n";
        await client.AppendAsync("INBOX", ["\\Flagged"], Encoding.ASCII.GetBytes(text), CancellationToken.None);
        for (var i = 0; i < 4; i++) await client.AppendAsync("INBOX", i == 0 ? ["\\Seen", "$Done"] : [], Encoding.ASCII.GetBytes($"Subject: other {i}\r\n\r\nx\r\n"), CancellationToken.None);
        await client.SelectAsync("INBOX", true, CancellationToken.None);
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        foreach (var (query, uids) in new (ImapQuery, uint[])[]
        {
            (ImapQuery.Unseen, [1, 3, 4, 5]), (ImapQuery.Keyword("$Done"), [2]), (ImapQuery.Subject("Grüße"), [1]), (ImapQuery.From("ann@"), [1]), (ImapQuery.Header("Message-ID", "<s@example.org>"), [1]), (ImapQuery.Uids(2, 4), [2, 3, 4]),
            (ImapQuery.And(ImapQuery.Since(today.AddDays(-2)), ImapQuery.Not(ImapQuery.Or(ImapQuery.Flagged, ImapQuery.Seen))), [3, 4, 5]), (ImapQuery.Before(today.AddDays(-2)), []), (ImapQuery.And(), [1, 2, 3, 4, 5]), (ImapQuery.Larger(300), [1]),
        })
            Assert.Equal(uids, (await client.UidSearchAsync(query, CancellationToken.None)).Value!);
        Assert.Equal(new ImapFound(4, 1, 5, null), (await client.UidCountAsync(ImapQuery.Unseen, CancellationToken.None)).Value);
        ImapFetched? read = null;
        await client.UidFetchAsync([1], new ImapFetchRequest { Envelope = true, BodyStructure = true, ModSeq = true, Sections = [new ImapSectionRange("1"), new ImapSectionRange("HEADER.FIELDS (SUBJECT)"), new ImapSectionRange("") { Offset = 6, Count = 3 }] }, null, m =>
        {
            read = m;
            return ValueTask.CompletedTask;
        }, CancellationToken.None);
        Assert.Equal(("Grüße", "Ann", "<s@example.org>"), (read!.Envelope!.Subject, read.Envelope.From[0].Name, read.Envelope.MessageId));
        Assert.Contains(new ImapAddress("Jörg", "j", "example.com"), read.Envelope.To);
        Assert.Equal(["1 text/plain", "2 application/pdf a.pdf"], read.Structure!.Parts.Select(p => $"{p.Section} {p.MediaType} {p.FileName}".TrimEnd()));
        Assert.Equal(["first", "Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n\r\n", "Ann"], read.Sections.Select(s => Encoding.ASCII.GetString(s.Bytes!)));
        Assert.Equal(6u, read.Sections[2].Offset);
        Assert.True(read.ModSeq > 0);
    }

    [Fact]
    public async Task What_another_session_changed_is_told_by_MODSEQ_and_not_overwritten()
    {
        await using var client = await ConnectAsync("modseq@example.test");
        await using var other = await ConnectAsync("modseq@example.test");
        for (var i = 0; i < 3; i++) await client.AppendAsync("INBOX", [], Encoding.ASCII.GetBytes($"Subject: {i}\r\n\r\nx\r\n"), CancellationToken.None);
        var before = (await client.SelectAsync("INBOX", false, CancellationToken.None)).Value!.HighestModSeq!.Value;
        await other.SelectAsync("INBOX", false, CancellationToken.None);
        await other.UidStoreAsync([2], true, ["$Theirs"], CancellationToken.None);
        await client.NoopAsync(CancellationToken.None);
        Assert.Equal([2u], (await client.UidStoreAsync([1, 2, 3], true, ["$Ours"], before, CancellationToken.None)).Value!);
        var changed = new List<string>();
        await client.UidFetchAsync([1, 2, 3], new ImapFetchRequest { ModSeq = true, ChangedSince = before }, null, m =>
        {
            changed.Add($"{m.Uid} {string.Join(' ', m.Flags.Where(f => f.StartsWith('$')))}");
            return ValueTask.CompletedTask;
        }, CancellationToken.None);
        Assert.Equal(["1 $Ours", "2 $Theirs", "3 $Ours"], changed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Folders_have_namespace_role_and_status()
    {
        await using var client = await ConnectAsync("folders@example.test");
        Assert.Equal("", (await client.NamespaceAsync(CancellationToken.None)).Value!.Personal[0].Prefix);
        Assert.Equal("Dovecot", (await client.IdAsync(new Dictionary<string, string?> { ["name"] = "Postrider" }, CancellationToken.None)).Value!["name"]);
        Assert.Equal(["CONDSTORE"], (await client.EnableAsync(["CONDSTORE"], CancellationToken.None)).Value!, StringComparer.OrdinalIgnoreCase);
        Assert.True((await client.CreateAsync("Entwürfe", ImapFolderRole.None, CancellationToken.None)).Value);
        Assert.True((await client.SubscribeAsync("Entwürfe", true, CancellationToken.None)).Value);
        await client.AppendAsync("Entwürfe", [], Encoding.ASCII.GetBytes("Subject: x\r\n\r\n"), CancellationToken.None);
        var folders = (await client.ListAsync(new ImapListRequest("*") { WithStatus = true }, CancellationToken.None)).Value!;
        Assert.Equal(ImapFolderRole.Sent, folders.Single(f => f.Name == "Sent").Role);
        Assert.Equal((1u, 1u), folders.Single(f => f.Name == "Entwürfe").Status is { } status ? (status.Messages!.Value, status.Unseen!.Value) : default);
        Assert.Equal("Entwürfe", (await client.FindFolderAsync(ImapFolderRole.Drafts, CancellationToken.None)).Value!.Name);
        Assert.Equal("Sent", (await client.FindFolderAsync(ImapFolderRole.Sent, CancellationToken.None)).Value!.Name);
        Assert.Contains((await client.ListAsync(new ImapListRequest("*") { Subscribed = true }, CancellationToken.None)).Value!, f => f.Name == "Entwürfe");
        Assert.True((await client.RenameAsync("Entwürfe", "Alt", CancellationToken.None)).Value);
        Assert.True((await client.DeleteAsync("Alt", CancellationToken.None)).Value);
        Assert.Equal(ImapResponseCode.NonExistent, (await client.DeleteAsync("Alt", CancellationToken.None)).Failure!.Code);
    }

    [Theory]
    [InlineData(WireSecurity.None)]
    [InlineData(WireSecurity.Tls)]
    public async Task A_large_message_streams_to_its_place(WireSecurity security)
    {
        var user = $"large-{security}@example.test".ToLowerInvariant();
        await using var client = await ConnectAsync(user, security);
        var message = new byte[40_000_000];
        "Subject: large\r\n\r\n"u8.CopyTo(message);
        for (var i = 18; i < message.Length; i++) message[i] = i % 80 == 78 ? (byte)'\r' : i % 80 == 79 ? (byte)'\n' : (byte)('a' + i % 26);
        Assert.NotNull((await client.AppendAsync("INBOX", [], message, CancellationToken.None)).Value);
        await client.SelectAsync("INBOX", true, CancellationToken.None);
        using var hash = System.Security.Cryptography.SHA256.Create();
        await using var sink = new System.Security.Cryptography.CryptoStream(Stream.Null, hash, System.Security.Cryptography.CryptoStreamMode.Write);
        var fetched = await client.UidFetchAsync([1], new ImapFetchRequest { Sections = [new ImapSectionRange("")] }, _ => sink, m =>
        {
            Assert.Equal(message.Length, m.Sections[0].Length);
            return ValueTask.CompletedTask;
        }, CancellationToken.None);
        await sink.FlushFinalBlockAsync();
        Assert.Equal(1, fetched.Value);
        Assert.Equal(System.Security.Cryptography.SHA256.HashData(message), hash.Hash!);
    }

    [Fact]
    public async Task Five_thousand_messages_are_fetched_while_imaplib_meddles()
    {
        var python = PeerProgram.FindOrSkip("python3");
        await using var client = await ConnectAsync("many@example.test");
        // In one command (MULTIAPPEND), which costs Dovecot one commit.
        const string Fill = """
            import socket, sys
            s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
            f = s.makefile('rb')
            def until(tag):
                while True:
                    line = f.readline()
                    if line.startswith(tag): break
                assert b'OK' in line, line
            s.sendall(b'a LOGIN many@example.test secret\r\n')
            until(b'a ')
            s.sendall(b'b APPEND INBOX')
            for i in range(5000):
                m = b'Subject: %d\r\n\r\n' % i + b'x' * (i % 500) + b'\r\n'
                s.sendall(b' {%d+}\r\n' % len(m) + m)
            s.sendall(b'\r\n')
            until(b'b ')
            """;
        const string Meddle = """
            import imaplib, sys
            m = imaplib.IMAP4('127.0.0.1', int(sys.argv[1]))
            m.login('many@example.test', 'secret')
            m.select('INBOX')
            for i in range(4901, 5001):
                m.uid('STORE', str(i), '+FLAGS', '(\\Deleted)')
                m.append('INBOX', None, None, b'Subject: new\r\n\r\n')
                if i % 20 == 0: m.expunge()
            m.logout()
            """;
        var port = server.Dovecot.ImapPort.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var fill = await PeerProgram.RunAsync(python, ["-c", Fill, port]);
        Assert.True(fill.Code == 0, fill.Output);
        await client.SelectAsync("INBOX", false, CancellationToken.None);
        var uids = (await client.UidSearchAsync(ImapQuery.All, CancellationToken.None)).Value!;
        Assert.Equal(5000, uids.Count);
        var meddling = PeerProgram.RunAsync(python, ["-c", Meddle, port]);
        var seen = new HashSet<uint>();
        var fetched = await client.UidFetchAsync(uids, new ImapFetchRequest { Size = true, Sections = [new ImapSectionRange("")] }, _ => Stream.Null, m =>
        {
            Assert.True(seen.Add(m.Uid));
            Assert.Equal(m.Size, m.Sections[0].Length);
            return ValueTask.CompletedTask;
        }, CancellationToken.None);
        Assert.True(fetched.Failure is null or { ConnectionSurvives: true }, fetched.Failure?.Detail);
        Assert.InRange(fetched.Value, 4900, 5000);
        Assert.Equal((0, ""), await meddling);
        await client.NoopAsync(CancellationToken.None);
        Assert.Equal(5000, client.Selected!.Exists);
        Assert.Equal((uint)client.Selected.Exists, (await client.StatusAsync(["INBOX"], CancellationToken.None)).Value![0].Messages);
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
