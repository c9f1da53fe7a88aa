using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Pop3;
using Postrider.Mail.Sasl;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Tests.IncomingServers;

/// <summary>The hub and a server nobody here wrote: POP3, folders with any name, and others at work in the mailbox.</summary>
public sealed class DovecotMailboxTests(DovecotMailboxTests.Server server) : IClassFixture<DovecotMailboxTests.Server>, IDisposable
{
    private readonly TemporaryFolder folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public sealed class Server : IAsyncLifetime
    {
        internal DovecotUnderTest Dovecot { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Dovecot = await DovecotUnderTest.StartAsync();

        public async ValueTask DisposeAsync()
        {
            if (Dovecot is not null) await Dovecot.DisposeAsync();
        }
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("tls")]
    [InlineData("starttls")]
    public async Task A_maildrop_comes_in_once_while_it_stays_and_is_emptied_only_of_what_is_safe(string security)
    {
        var user = $"drop-{security}@example.test";
        await FillAsync(user, "INBOX", Enumerable.Range(0, 230));
        await using var hub = await StartHubAsync();
        var port = security == "tls" ? server.Dovecot.Pop3sPort : server.Dovecot.Pop3Port;
        var id = (await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = "Drop", kind = "pop3", userName = user, password = "secret", host = "localhost", port, security, starts = "everything" })).GetProperty("id").GetGuid();
        var path = $"/api/v1/incoming-servers/{id}";
        Assert.Equal("pop3", (await hub.PostAsync<JsonElement>(path + "/confirm", new { })).GetProperty("kind").GetString());
        await hub.PostAsync<JsonElement>(path + "/fetch", new { });
        Assert.Equal(230, await CountAsync(hub));
        Assert.Equal(0, (await hub.PostAsync<JsonElement>(path + "/fetch", new { })).GetProperty("taken").GetInt32());
        Assert.Equal(230, (await ListAsync(user)).Count);

        await hub.RestartAsync();
        await FillAsync(user, "INBOX", Enumerable.Range(230, 3));
        await hub.PostAsync<JsonElement>(path + "/fetch", new { });
        Assert.Equal(233, await CountAsync(hub));

        // From now on it is emptied: of what came in before, too.
        using (var changed = await hub.Browser.PutAsJsonAsync(path, new { name = "Drop", kind = "pop3", userName = user, host = "localhost", port, security, starts = "everything", afterwards = "delete" }))
            Assert.True(changed.IsSuccessStatusCode, await changed.Content.ReadAsStringAsync());
        await hub.PostAsync<JsonElement>(path + "/fetch", new { });
        Assert.Empty(await ListAsync(user));
        Assert.Equal(233, await CountAsync(hub));
        var told = await hub.GetAsync<JsonElement>(path);
        Assert.Equal((233, "delete", JsonValueKind.Null), (told.GetProperty("lastDay").GetInt64(), told.GetProperty("afterwards").GetString(), told.GetProperty("catchUp").ValueKind));
    }

    [Fact]
    public async Task What_lay_in_a_maildrop_before_stays_out_and_is_never_deleted()
    {
        const string User = "drop-now@example.test";
        await FillAsync(User, "INBOX", [1, 2, 1]);
        await using var hub = await StartHubAsync();
        var id = (await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = "Drop", kind = "pop3", userName = User, password = "secret", host = "localhost", port = server.Dovecot.Pop3sPort, afterwards = "delete" })).GetProperty("id").GetGuid();
        await hub.PostAsync<JsonElement>($"/api/v1/incoming-servers/{id}/confirm", new { });
        await FillAsync(User, "INBOX", [3]);
        await hub.PostAsync<JsonElement>($"/api/v1/incoming-servers/{id}/fetch", new { });
        Assert.Equal(1, await CountAsync(hub));
        Assert.Equal(3, (await ListAsync(User)).Count);
    }

    [Fact]
    public async Task A_wrong_password_and_a_maildrop_in_use_say_what_they_are()
    {
        const string User = "drop-wrong@example.test";
        await using var hub = await StartHubAsync();
        var id = (await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = "Drop", kind = "pop3", userName = User, password = "wrong", host = "localhost", port = server.Dovecot.Pop3sPort })).GetProperty("id").GetGuid();
        using var refused = await hub.Browser.PostAsJsonAsync($"/api/v1/incoming-servers/{id}/confirm", new { });
        Assert.Equal((HttpStatusCode.BadGateway, "pop3-sign-in-refused"), (refused.StatusCode, (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));
        using var folders = await hub.Browser.GetAsync($"/api/v1/incoming-servers/{id}/folders");
        Assert.Equal((HttpStatusCode.Conflict, "incoming-server-no-folders"), (folders.StatusCode, (await folders.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));
        using var days = await hub.Browser.PostAsJsonAsync("/api/v1/incoming-servers", new { name = "Drop", kind = "pop3", userName = User, host = "localhost", starts = "days", startDays = 3, afterwards = "move", moveTo = "x" });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, days.StatusCode);
    }

    [Fact, Trait("Fault", "IMP-10")]
    public async Task A_folder_of_any_name_is_chosen_on_the_page_and_its_messages_are_moved_to_another()
    {
        const string User = "folders@example.test";
        const string Read = "Büro & Co.Ablage \"neu\"";
        const string Done = "Erledigt – 日本";
        await using (var client = await ConnectAsync(User))
        {
            foreach (var name in (string[])[Read, Done]) Assert.Null((await client.CreateAsync(name, ImapFolderRole.None, Cancel)).Failure);
        }
        await FillAsync(User, Read, [1, 2]);
        await FillAsync(User, "INBOX", [3]);
        await using var hub = await StartHubAsync();
        var id = (await hub.PostAsync<JsonElement>("/api/v1/incoming-servers", new { name = "Office", kind = "imap", userName = User, password = "secret", host = "localhost", port = server.Dovecot.ImapsPort, starts = "everything" })).GetProperty("id").GetGuid();
        var listed = (await hub.GetAsync<JsonElement>($"/api/v1/incoming-servers/{id}/folders")).GetProperty("folders").EnumerateArray().Select(f => f.GetProperty("name").GetString()!).ToList();
        Assert.Equal("INBOX", listed[0]);
        Assert.Contains(Read, listed);

        using (var chosen = await HubUnderTest.SubmitAsync(hub.Browser, $"/incoming-servers/{id}", "server", ("do", "folders")))
        {
            var page = await HubUnderTest.ReadPageAsync(chosen);
            Assert.Contains(page.QuerySelectorAll("#field-folder option"), option => option.GetAttribute("value") == Read);
            Assert.Contains(page.QuerySelectorAll("#field-moveTo option"), option => option.GetAttribute("value") == Done);
        }
        using (var same = await HubUnderTest.SubmitAsync(hub.Browser, $"/incoming-servers/{id}", "server", ("do", "save"), ("folder", Read), ("afterwards", "move"), ("moveTo", Read)))
            Assert.Equal(HttpStatusCode.UnprocessableEntity, same.StatusCode);
        using (var missing = await HubUnderTest.SubmitAsync(hub.Browser, $"/incoming-servers/{id}", "server", ("do", "confirm"), ("folder", Read), ("afterwards", "move"), ("moveTo", "Nowhere"), ("keepOriginal", null)))
            Assert.NotNull((await HubUnderTest.ReadPageAsync(missing)).QuerySelector("[data-problem=incoming-folder-to-move-to]"));
        await UntilAsync(hub, async () =>
        {
            using var confirmed = await HubUnderTest.SubmitAsync(hub.Browser, $"/incoming-servers/{id}", "server", ("do", "confirm"), ("folder", Read), ("afterwards", "move"), ("moveTo", Done));
            Assert.Equal(HttpStatusCode.Found, confirmed.StatusCode);
        }, async () => (await ConversationsAsync(hub)).Count == 2 && await ExistsAsync(User, Done) == 2);
        Assert.Equal(0, await ExistsAsync(User, Read));
        Assert.Equal(1, await ExistsAsync(User, "INBOX"));
        var told = await hub.GetAsync<JsonElement>($"/api/v1/incoming-servers/{id}");
        Assert.Equal((Read, Done, false), (told.GetProperty("folder").GetString(), told.GetProperty("moveTo").GetString(), told.GetProperty("keepOriginal").GetBoolean()));
    }

    [Fact, Trait("Fault", "IMP-05")]
    public async Task Five_thousand_messages_come_in_once_each_while_imaplib_changes_flags_moves_and_expunges()
    {
        const string User = "many@example.test";
        const int Messages = 5000;
        var python = PeerProgram.FindOrSkip("python3");
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
            s.sendall(b'c CREATE Elsewhere\r\n')
            until(b'c ')
            s.sendall(b'b APPEND INBOX')
            for i in range(5000):
                m = b'From: a%d@example.org\r\nSubject: %d\r\nMessage-ID: <%d@many>\r\n\r\n' % (i % 50, i, i) + b'x' * (i % 500) + b'\r\n'
                s.sendall(b' {%d+}\r\n' % len(m) + m)
            s.sendall(b'\r\n')
            until(b'b ')
            """;
        // What it takes away it has read first itself, and appended anew under the same Message-ID: whatever the hub has seen of it, it is to come in once.
        const string Meddle = """
            import imaplib, sys
            m = imaplib.IMAP4('127.0.0.1', int(sys.argv[1]))
            m.login('many@example.test', 'secret')
            m.select('INBOX')
            for i in range(4901, 5001):
                m.uid('STORE', str(i - 2000), '+FLAGS', '(\\Seen \\Flagged)')
                m.uid('STORE', str(i - 2000), '-FLAGS', '(\\Seen)')
                body = m.uid('FETCH', str(i), '(BODY.PEEK[])')[1][0][1]
                if i % 2: m.uid('STORE', str(i), '+FLAGS', '(\\Deleted)')
                else: m.uid('MOVE', str(i), 'Elsewhere')
                m.append('INBOX', None, None, body)
                if i % 20 == 0: m.expunge()
            m.expunge()
            m.append('INBOX', None, None, b'From: a@example.org\r\nSubject: last\r\nMessage-ID: <last@many>\r\n\r\nx\r\n')
            m.logout()
            """;
        var port = server.Dovecot.ImapPort.ToString(CultureInfo.InvariantCulture);
        var fill = await PeerProgram.RunAsync(python, ["-c", Fill, port]);
        Assert.True(fill.Code == 0, fill.Output);

        await using var hub = await ReaderUnderTest.StartAsync();
        var connected = await ImapClient.ConnectAsync(server.Dovecot.Imap(WireSecurity.Tls), new SaslCredential.XOAuth2(User, server.Dovecot.Mint(User)), null, Cancel);
        await using var client = connected.Client!;
        var box = (await client.SelectAsync("INBOX", readOnly: false, Cancel)).Value!;
        var meddling = PeerProgram.RunAsync(python, ["-c", Meddle, port]);
        // As the watcher does it: read, idle, read again.
        while (await hub.Database.ReadAsync(r => r.Scalar<long>("select count(*) from known_header_id where header_id = 'last@many'")) == 0)
        {
            Assert.Null((await hub.Reader.ReadNewAsync(hub.Server, client, box, Cancel)).Failure);
            Assert.True((await client.IdleAsync(TimeSpan.FromSeconds(1), Cancel)).Succeeded);
        }
        Assert.Equal((0, ""), await meddling);
        Assert.Null((await hub.Reader.ReadNewAsync(hub.Server, client, box, Cancel)).Failure);
        var subjects = await hub.SubjectsAsync();
        Assert.Equal(Messages + 1, subjects.Count);
        Assert.Equal(Messages + 1, subjects.Distinct(StringComparer.Ordinal).Count());
        Assert.Empty(await hub.QuarantinedAsync());
        // Its flags are still its own.
        List<string> flags = [];
        await client.UidFetchAsync([2950], withBody: false, found =>
        {
            flags.AddRange(found.Flags);
            return ValueTask.CompletedTask;
        }, Cancel);
        Assert.Contains("\\Flagged", flags);
        Assert.DoesNotContain("\\Seen", flags);
    }

    private Task<HubUnderTest> StartHubAsync() => HubUnderTest.StartAsync(options => options with { TrustCertificateFile = TestCertificates.AuthorityFile(folder) });

    private static async Task<int> CountAsync(HubUnderTest hub) => (int)await hub.Service<Postrider.Storage.HubDatabase>().ReadAsync(r => r.Scalar<long>("select count(*) from thread_message"));

    private static async Task<List<JsonElement>> ConversationsAsync(HubUnderTest hub) => [.. (await hub.GetAsync<JsonElement>("/api/v1/conversations")).GetProperty("conversations").EnumerateArray()];

    private static Task UntilAsync(HubUnderTest hub, Func<Task> act, Func<Task<bool>> holds) => hub.UntilAsync(act, holds, "conversation", "incoming-server");

    private async Task<ImapClient> ConnectAsync(string user)
    {
        var connected = await ImapClient.ConnectAsync(server.Dovecot.Imap(WireSecurity.Tls), new SaslCredential.Plain(user, "secret"), null, Cancel);
        Assert.True(connected.Client is not null, $"{connected.Failure}\n{server.Dovecot.Log}");
        return connected.Client!;
    }

    private async Task FillAsync(string user, string into, IEnumerable<int> numbers)
    {
        await using var client = await ConnectAsync(user);
        foreach (var number in numbers)
            Assert.Null((await client.AppendAsync(into, [], Encoding.ASCII.GetBytes($"From: ann@example.org\r\nSubject: Mail {number}\r\nMessage-ID: <{number}@{user}>\r\n\r\n.hello\r\n"), Cancel)).Failure);
    }

    private async Task<long> ExistsAsync(string user, string name)
    {
        await using var client = await ConnectAsync(user);
        return (await client.StatusAsync([name], Cancel)).Value![0].Messages!.Value;
    }

    private async Task<IReadOnlyList<Pop3Message>> ListAsync(string user)
    {
        var connected = await Pop3Client.ConnectAsync(server.Dovecot.Pop3(WireSecurity.Tls), new SaslCredential.Plain(user, "secret"), null, Cancel);
        await using var client = connected.Client!;
        return (await client.ListAsync(Cancel)).Value!;
    }
}
