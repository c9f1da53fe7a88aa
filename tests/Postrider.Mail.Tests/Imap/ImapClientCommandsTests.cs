using System.Text;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Imap;

/// <summary>What is asked beyond watching an inbox, each against a scripted server.</summary>
public sealed class ImapClientCommandsTests
{
    private static readonly SaslCredential Ann = new SaslCredential.XOAuth2("ann@example.com", "token");
    private static readonly SaslCredential Password = new SaslCredential.Plain("ann@example.com", "pass\"word");
    private static readonly ImapFetchRequest Whole = new() { InternalDate = true, Size = true, Sections = [new ImapSectionRange("")] };

    public static TheoryData<Pace> Paces => Dialogue.Paces;

    [Theory, MemberData(nameof(Paces))]
    public Task Messages_are_moved_and_their_new_UIDs_told(Pace pace) => SelectedAsync("move", pace, async client =>
    {
        var moved = await client.UidMoveAsync([5, 3], "Erledigt & gut", CancellationToken.None);
        Assert.Equal(ImapMoveManner.Moved, moved.Value!.Manner);
        Assert.Equal(21u, moved.Value.Copied.UidValidity);
        Assert.Equal([(3u, 101u), (5u, 102u)], moved.Value.Copied.Uids);
        Assert.Equal(1, client.Selected!.Exists);
    });

    [Theory, MemberData(nameof(Paces))]
    public Task The_bare_line_of_Exchange_tells_the_new_UIDs(Pace pace) => SelectedAsync("move_exchange", pace, async client =>
        Assert.Equal([(31u, 6u)], (await client.UidMoveAsync([31], "Archive", CancellationToken.None)).Value!.Copied.Uids));

    [Theory, MemberData(nameof(Paces))]
    public Task Without_MOVE_just_these_are_copied_and_expunged(Pace pace) => SelectedAsync("move_by_copy", pace, async client =>
    {
        var moved = await client.UidMoveAsync([3, 4], "Archive", CancellationToken.None);
        Assert.Equal((ImapMoveManner.Moved, 21u), (moved.Value!.Manner, moved.Value.Copied.UidValidity));
        Assert.Equal(1, client.Selected!.Exists);
    });

    [Fact]
    public Task Without_UIDPLUS_the_old_ones_stay_and_that_is_told() => SelectedAsync("move_marked", Pace.Whole, async client =>
    {
        var moved = await client.UidMoveAsync([3], "Archive", CancellationToken.None);
        Assert.Equal(ImapMoveManner.CopiedAndMarked, moved.Value!.Manner);
        Assert.Equal((0u, 0), (moved.Value.Copied.UidValidity, moved.Value.Copied.Uids.Count));
        Assert.Equal(WireFailureKind.CommandRefused, (await client.UidExpungeAsync([3], CancellationToken.None)).Failure!.Kind);
    });

    [Fact]
    public Task The_code_of_a_refusal_is_a_value() => SelectedAsync("move_refused", Pace.Whole, async client =>
    {
        var failure = (await client.UidMoveAsync([3], "Archive", CancellationToken.None)).Failure!;
        Assert.Equal((ImapResponseCode.TryCreate, true), (failure.Code, failure.ConnectionSurvives));
    });

    [Theory, MemberData(nameof(Paces))]
    public Task A_search_comes_as_ranges_and_as_counts(Pace pace) => SelectedAsync("esearch", pace, async client =>
    {
        var query = ImapQuery.And(ImapQuery.Unseen, ImapQuery.Since(new DateOnly(2026, 11, 3)), ImapQuery.Not(ImapQuery.From("ann \"x\"")), ImapQuery.Or(ImapQuery.Keyword("$Done"), ImapQuery.Larger(10)));
        Assert.Equal([2u, 4, 5, 6, 17], (await client.UidSearchAsync(query, CancellationToken.None)).Value!);
        Assert.Equal(new ImapFound(5, 2, 17, null), (await client.UidCountAsync(ImapQuery.Unseen, CancellationToken.None)).Value);
        Assert.Equal(4, client.Selected!.Exists);
        Assert.Empty((await client.UidSearchAsync(ImapQuery.Flagged, CancellationToken.None)).Value!);
    });

    [Fact]
    public Task A_query_that_would_break_out_is_not_sent() => SelectedAsync("move_marked", Pace.Whole, async client =>
    {
        foreach (var query in (ImapQuery[])[ImapQuery.Keyword("x) ALL"), ImapQuery.Keyword("\\Seen"), ImapQuery.Header("Subject\r\nA1 LOGOUT", "x"), ImapQuery.Subject("\0")])
            Assert.Equal((WireFailureKind.CommandRefused, true), (await client.UidSearchAsync(query, CancellationToken.None)).Failure is { } f ? (f.Kind, f.ConnectionSurvives) : default);
        var section = await client.UidFetchAsync([3], new ImapFetchRequest { Sections = [new ImapSectionRange("] BODY[")] }, null, _ => ValueTask.CompletedTask, CancellationToken.None);
        Assert.Equal(WireFailureKind.CommandRefused, section.Failure!.Kind);
        // What the script waits for.
        await client.UidMoveAsync([3], "Archive", CancellationToken.None);
    });

    [Theory, MemberData(nameof(Paces))]
    public Task Folders_come_with_role_and_status_in_one_answer(Pace pace) => SignedInAsync("list_extended", pace, async client =>
    {
        var folders = (await client.ListAsync(new ImapListRequest("*") { WithStatus = true }, CancellationToken.None)).Value!;
        Assert.Equal(["INBOX", "Entwürfe/Postausgang", "Entwürfe"], folders.Select(f => f.Name));
        Assert.Equal([ImapFolderRole.Inbox, ImapFolderRole.Sent, ImapFolderRole.None], folders.Select(f => f.Role));
        Assert.Equal(new ImapMailboxStatus("INBOX") { Messages = 17, Unseen = 2, UidNext = 99, UidValidity = 14, HighestModSeq = 4294967296000 }, folders[0].Status);
        Assert.Equal(1u, folders[1].Status!.Messages);
        Assert.False(folders[2].IsSelectable);
    });

    [Theory, MemberData(nameof(Paces))]
    public Task Statuses_are_asked_for_in_flight_and_each_comes_to_its_folder(Pace pace) => SignedInAsync("list_status_in_flight", pace, async client =>
    {
        var folders = (await client.ListAsync(new ImapListRequest("*") { WithStatus = true }, CancellationToken.None)).Value!;
        Assert.Equal([3u, 4u, null, null], folders.Select(f => f.Status?.Messages));
        Assert.Equal("Sent Items", ImapFolderRoles.Find(folders, ImapFolderRole.Sent)!.Name);
    });

    [Theory, MemberData(nameof(Paces))]
    public Task Namespaces_have_prefix_and_delimiter(Pace pace) => SignedInAsync("namespace", pace, async client =>
    {
        var found = (await client.NamespaceAsync(CancellationToken.None)).Value!;
        Assert.Equal([new ImapNamespace("", '/'), new ImapNamespace("#mh/", '/')], found.Personal);
        Assert.Empty(found.Others);
        Assert.Equal([new ImapNamespace("ämter/", '/')], found.Shared);
    });

    [Theory, MemberData(nameof(Paces))]
    public Task What_changed_is_fetched_and_what_others_changed_is_left(Pace pace) => SelectedAsync("condstore", pace, async client =>
    {
        Assert.Equal(715194045007ul, client.Selected!.HighestModSeq);
        Assert.Equal(["\\Seen", "\\*"], client.Selected.PermanentFlags!);
        var fetched = new List<ImapFetched>();
        Assert.Equal(1, (await client.UidFetchAsync([1, 2, 3, 4, 5, 6, 7, 8, 9], new ImapFetchRequest { ModSeq = true, ChangedSince = 715194045000 }, null, Into(fetched), CancellationToken.None)).Value);
        Assert.Equal((4u, 715194045007ul), (fetched[0].Uid, fetched[0].ModSeq));
        Assert.Equal([4u], (await client.UidStoreAsync([4, 5], true, ["$Done"], 715194045000, CancellationToken.None)).Value!);
    });

    [Theory, MemberData(nameof(Paces))]
    public Task Envelope_structure_and_a_piece_of_a_part_are_values(Pace pace) => SelectedAsync("fetch_structure", pace, async client =>
    {
        var fetched = new List<ImapFetched>();
        await client.UidFetchAsync([3], new ImapFetchRequest { Flags = false, Envelope = true, BodyStructure = true, Sections = [new ImapSectionRange("1.2") { Offset = 0, Count = 10 }] }, null, Into(fetched), CancellationToken.None);
        var message = Assert.Single(fetched);
        Assert.Equal(("Grüße", "<m@example.com>", null), (message.Envelope!.Subject, message.Envelope.MessageId, message.Envelope.InReplyTo));
        Assert.Equal([new ImapAddress("Ann", "ann", "example.com")], message.Envelope.From);
        Assert.Equal(["team", "bob@example.org", ""], message.Envelope.To.Select(a => a.ToString()));
        Assert.Equal(("1.2", 0u, "<p>Gr\"x"), (message.Sections[0].Name, message.Sections[0].Offset, Encoding.ASCII.GetString(message.Sections[0].Bytes!)));
        Assert.Null(message.Body);
        Assert.Equal("[multipart/mixed](1[multipart/alternative](1.1[text/plain](), 1.2[text/html]()), 2[message/rfc822](2.1[text/plain]()), 3[application/pdf]())", Show(message.Structure!));
        var pdf = message.Structure!.Parts[2];
        Assert.Equal(("attachment", "a.pdf", 9000L, "here"), (pdf.Disposition, pdf.FileName, pdf.Size, pdf.Location));
        Assert.Equal(["de", "en"], pdf.Languages);
        Assert.Equal(("inner", 12L), (message.Structure.Parts[1].Envelope!.Subject, message.Structure.Parts[1].Lines));
    });

    [Theory, MemberData(nameof(Paces))]
    public Task Content_goes_to_its_stream_and_not_into_memory(Pace pace) => SelectedAsync("fetch_streamed", pace, async client =>
    {
        var streams = new Dictionary<uint, MemoryStream>();
        var heads = new List<ImapFetchedHead>();
        var fetched = new List<ImapFetched>();
        var result = await client.UidFetchAsync([3, 4, 5], Whole, head =>
        {
            heads.Add(head);
            return streams[head.Number] = new MemoryStream();
        }, Into(fetched), CancellationToken.None);
        Assert.Equal(3, result.Value);
        Assert.Equal([new ImapFetchedHead(1, 3, "", 5), new ImapFetchedHead(2, null, "", 6), new ImapFetchedHead(3, 5, "", 0)], heads);
        Assert.Equal(["three", "four\r\n", ""], fetched.Select(m => Encoding.ASCII.GetString(streams[m.Number].ToArray())));
        Assert.All(fetched, m => Assert.True(m.Body is null && m.Sections[0].Length == m.Size));
    });

    [Fact]
    public Task A_null_stream_keeps_the_content_in_memory() => SelectedAsync("fetch_streamed", Pace.Lines, async client =>
    {
        var fetched = new List<ImapFetched>();
        await client.UidFetchAsync([3, 4, 5], Whole, head => head.Uid == 3 ? Stream.Null : null, Into(fetched), CancellationToken.None);
        Assert.Equal([null, 6, 0], fetched.Select(m => m.Body?.Length));
    });

    [Fact]
    public async Task A_stream_that_fails_is_the_callers_failure_and_not_the_wires()
    {
        var thrown = await Assert.ThrowsAsync<IOException>(() => SelectedAsync("fetch_stream_fails", Pace.Whole, async client =>
            await client.UidFetchAsync([3, 4, 5], Whole, _ => throw new IOException("disk full"), _ => ValueTask.CompletedTask, CancellationToken.None)));
        Assert.Equal("disk full", thrown.Message);
    }

    [Theory, MemberData(nameof(Paces))]
    public Task Portions_of_a_long_list_are_in_flight_together(Pace pace) => SelectedAsync("fetch_in_flight", pace, async client =>
    {
        var fetched = new List<ImapFetched>();
        var result = await client.UidFetchAsync([.. Enumerable.Range(1, 1002).Select(i => (uint)i)], false, Into(fetched), CancellationToken.None);
        Assert.Equal((2, null), (result.Value, result.Failure));
        Assert.Equal([1001u, 1000u], fetched.Select(m => m.Uid));
        Assert.Equal(2, client.Selected!.Exists);
    });

    [Fact]
    public Task LOGIN_is_used_where_there_is_nothing_else() => SignedInAsync("login", Pace.Whole, client =>
    {
        Assert.Contains("IDLE", client.Capabilities);
        return Task.CompletedTask;
    }, Password);

    [Theory]
    [InlineData("login_refused", WireFailureKind.AuthenticationRefused)]
    [InlineData("login_disabled", WireFailureKind.MechanismNotOffered)]
    public async Task A_password_that_is_not_wanted_is_told(string dialogue, WireFailureKind kind) => Assert.Equal(kind, (await OpenAsync(dialogue, Pace.Whole, _ => throw new InvalidOperationException("It signed in."), Password))!.Kind);

    [Fact]
    public Task Both_sides_introduce_themselves_and_names_go_as_UTF8_once_enabled() => SignedInAsync("id_enable", Pace.Whole, async client =>
    {
        var server = (await client.IdAsync(new Dictionary<string, string?> { ["name"] = "Postrider", ["os"] = null }, CancellationToken.None)).Value!;
        Assert.Equal(("Dovecot", null), (server["name"], server["version"]));
        Assert.Equal(["IMAP4rev2"], (await client.EnableAsync(["IMAP4rev2"], CancellationToken.None)).Value!);
        Assert.True((await client.CreateAsync("Entwürfe", ImapFolderRole.None, CancellationToken.None)).Value);
    });

    [Fact]
    public Task Folders_are_made_renamed_subscribed_to_and_removed() => SelectedAsync("folders", Pace.Whole, async client =>
    {
        Assert.True((await client.CreateAsync("A & B", ImapFolderRole.Archive, CancellationToken.None)).Value);
        Assert.True((await client.RenameAsync("A & B", "C", CancellationToken.None)).Value);
        Assert.True((await client.SubscribeAsync("C", true, CancellationToken.None)).Value);
        Assert.Equal(ImapResponseCode.InUse, (await client.DeleteAsync("C", CancellationToken.None)).Failure!.Code);
        Assert.True((await client.UnselectAsync(CancellationToken.None)).Value);
        Assert.Null(client.Selected);
    });

    [Theory]
    [InlineData("Fetch", "Fetch", true)]
    [InlineData("Store", "Store", true)]
    [InlineData("Status", "Status", true)]
    [InlineData("TaggedSearch", "TaggedSearch", true)]
    [InlineData("Fetch", "Store", false)]
    [InlineData("Store", "Fetch", false)]
    [InlineData("Search", "Search", false)]
    [InlineData("TaggedSearch", "Search", false)]
    [InlineData("TaggedSearch", "Store", false)]
    [InlineData("Alone", "Status", false)]
    [InlineData("Status", "Alone", false)]
    public void Commands_go_together_only_where_order_cannot_matter(string next, string open, bool together) =>
        Assert.Equal(together, ImapExchange.MayFollow(Enum.Parse<ImapCommandKind>(next), [Enum.Parse<ImapCommandKind>(open)]));

    [Theory]
    [InlineData("OVERQUOTA", ImapResponseCode.OverQuota)]
    [InlineData("UNKNOWN-CTE", ImapResponseCode.UnknownCte)]
    [InlineData("TRYCREATE", ImapResponseCode.TryCreate)]
    [InlineData("X-OWN", ImapResponseCode.None)]
    [InlineData("3", ImapResponseCode.None)]
    [InlineData(null, ImapResponseCode.None)]
    public void Codes_are_known_by_their_names(string? code, ImapResponseCode expected) => Assert.Equal(expected, ImapFailure.CodeOf(code));

    [Fact]
    public async Task A_hundred_megabytes_are_streamed_in_less_than_one_of_memory()
    {
        const int Length = 100_000_000;
        var opened = await ImapClient.OpenAsync(WireConnection.Over(new LargeMessageStream(Length), Dialogue.Loopback), new WireEndpoint("localhost", 143, WireSecurity.None), Ann, new ImapClientOptions(), CancellationToken.None);
        await using var client = opened.Client!;
        await client.SelectAsync("INBOX", true, CancellationToken.None);
        var (thread, before) = (Environment.CurrentManagedThreadId, GC.GetAllocatedBytesForCurrentThread());
        long bytes = 0;
        var fetched = await client.UidFetchAsync([1], new ImapFetchRequest { Sections = [new ImapSectionRange("")] }, _ => Stream.Null, m =>
        {
            bytes = m.Sections[0].Length;
            return ValueTask.CompletedTask;
        }, CancellationToken.None);
        // The stream never waits, so nothing of the fetch ran on another thread.
        Assert.Equal(thread, Environment.CurrentManagedThreadId);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
        Assert.Equal((1, (long)Length), (fetched.Value, bytes));
    }

    /// <summary>A server that answers each command at once, and FETCH with one message of so many bytes.</summary>
    private sealed class LargeMessageStream(int length) : Stream
    {
        private readonly Queue<byte[]> _lines = new([Encoding.ASCII.GetBytes("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n")]);
        private int _left;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.Length == 0) return ValueTask.FromResult(0);
            var count = 0;
            if (_left > 0 && _lines.Count == 1)
            {
                count = Math.Min(buffer.Length, _left);
                buffer.Span[..count].Fill((byte)'x');
                _left -= count;
            }
            else if (_lines.TryDequeue(out var line))
            {
                line.CopyTo(buffer);
                count = line.Length;
            }
            return ValueTask.FromResult(count);
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var words = Encoding.ASCII.GetString(buffer.Span).Split(' ', '\r');
            if (words[1] == "CAPABILITY") _lines.Enqueue("* CAPABILITY IMAP4rev1\r\n"u8.ToArray());
            if (words[1] == "EXAMINE") _lines.Enqueue("* 1 EXISTS\r\n"u8.ToArray());
            if (words[1] == "LOGOUT") _lines.Enqueue("* BYE\r\n"u8.ToArray());
            if (words[1] == "UID")
            {
                _lines.Enqueue(Encoding.ASCII.GetBytes($"* 1 FETCH (UID 1 FLAGS () BODY[] {{{length}}}\r\n"));
                _lines.Enqueue(Encoding.ASCII.GetBytes($")\r\n{words[0]} OK\r\n"));
                _left = length;
            }
            else _lines.Enqueue(Encoding.ASCII.GetBytes(words[0] + " OK\r\n"));
            return ValueTask.CompletedTask;
        }

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() { }
        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
    }

    private static Func<ImapFetched, ValueTask> Into(List<ImapFetched> list) => message =>
    {
        list.Add(message);
        return ValueTask.CompletedTask;
    };

    private static string Show(ImapBodyPart part) => $"{part.Section}[{part.MediaType}]({string.Join(", ", part.Parts.Select(Show))})";

    private static Task SelectedAsync(string dialogue, Pace pace, Func<ImapClient, Task> act) => SignedInAsync(dialogue, pace, async client =>
    {
        Assert.Null((await client.SelectAsync("INBOX", false, CancellationToken.None)).Failure);
        await act(client);
    });

    private static async Task SignedInAsync(string dialogue, Pace pace, Func<ImapClient, Task> act, SaslCredential? credential = null) => Assert.Null(await OpenAsync(dialogue, pace, act, credential));

    private static Task<ImapFailure?> OpenAsync(string dialogue, Pace pace, Func<ImapClient, Task> act, SaslCredential? credential = null)
    {
        var script = Dialogue.Load("imap/" + dialogue);
        return script.PlayServerAsync(pace, async stream =>
        {
            var result = await ImapClient.OpenAsync(WireConnection.Over(stream, Dialogue.Loopback), new WireEndpoint("localhost", 143, WireSecurity.None), credential ?? Ann, new ImapClientOptions { Clock = script.Clock }, CancellationToken.None);
            if (result.Client is null) return result.Failure;
            await using var client = result.Client;
            await act(client);
            return null;
        });
    }
}
