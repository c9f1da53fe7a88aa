using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Postrider.Mail.Tests.Imap;

/// <summary>Several sessions change one mailbox; each client's own picture, made only of what it was told, is held against the truth.</summary>
public sealed class ImapServerViewsTests
{
    private static readonly string[] Folders = ["INBOX", "Other"];
    private static readonly string[] Flags = ["\\Seen", "\\Flagged", "\\Deleted", "$Word"];
    private static readonly DateTimeOffset Arrival = new(2026, 11, 22, 9, 0, 0, TimeSpan.Zero);

    /// <summary>One command of one session.</summary>
    /// <param name="A">And B: which messages.</param>
    /// <param name="C">Which flags, and how.</param>
    private sealed record Step(int Session, int Kind, int A, int B, int C);

    [Fact]
    public void Sequence_numbers_never_lie() =>
        Prop.ForAll(Steps(60).ToArbitrary(), steps => PlayAsync(steps).GetAwaiter().GetResult()).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    [Fact]
    public async Task Sessions_that_run_at_once_all_see_the_same_mailbox_in_the_end()
    {
        using var mailboxes = new MailboxesInMemory("Other") { KeepsAll = true };
        for (var i = 0; i < 200; i++) mailboxes.Inbox.Append(string.Create(CultureInfo.InvariantCulture, $"Subject: {i}\r\n\r\n"));
        var clients = new List<Client>();
        for (var i = 0; i < 6; i++) clients.Add(await Client.StartAsync(mailboxes, Folders[i % 2], condstore: i == 3));
        await Task.WhenAll(clients.Select((client, n) => Task.Run(async () =>
        {
            var chance = new Random(n);
            for (var i = 0; i < 150; i++)
            {
                // Moved to and fro, never deleted: in the end there must be as many as in the beginning.
                var from = chance.Next();
                switch (chance.Next(5))
                {
                    case 0: await client.AskAsync("NOOP", numbersMayChange: true); break;
                    case 1 when client.Count > 0: await client.AskAsync($"UID MOVE {client.UidOf(from)} {Folders[(n + 1) % 2]}", numbersMayChange: true); break;
                    case 2 when client.Count > 0: await client.AskAsync($"MOVE {client.NumberOf(from)} {Folders[(n + 1) % 2]}", numbersMayChange: true); break;
                    case 3 when client.Count > 0: await client.AskAsync($"STORE {client.NumberOf(from)} +FLAGS (\\Seen)", numbersMayChange: false); break;
                    case 4 when client.Count > 0: await client.AskAsync($"FETCH {client.NumberOf(from)} (UID FLAGS)", numbersMayChange: false); break;
                }
            }
        })));
        foreach (var client in clients) await client.AskAsync("NOOP", numbersMayChange: true);
        var there = Folders.SelectMany(f => mailboxes.Open(f)!.Messages()).Select(m => Encoding.ASCII.GetString(m.Bytes.Span)).ToList();
        Assert.Equal(200, there.Count);
        Assert.Equal(200, there.Distinct(StringComparer.Ordinal).Count());
        for (var i = 0; i < clients.Count; i++)
        {
            Assert.Equal(mailboxes.Open(Folders[i % 2])!.Messages().Select(m => (m.Uid, Shown(m.Flags))), clients[i].Picture);
            await clients[i].DisposeAsync();
        }
    }

    private static Gen<List<Step>> Steps(int most) =>
        from steps in Gen.ListOf(from session in Gen.Choose(0, 2)
                                 from kind in Gen.Choose(0, 13)
                                 from a in Gen.Choose(0, 1000)
                                 from b in Gen.Choose(0, 1000)
                                 from c in Gen.Choose(0, 1000)
                                 select new Step(session, kind, a, b, c))
        select steps.Take(most).ToList();

    private static async Task PlayAsync(IReadOnlyList<Step> steps)
    {
        using var mailboxes = new MailboxesInMemory("Other") { KeepsAll = true };
        var truth = Folders.ToDictionary(f => f, f => new Model(), StringComparer.Ordinal);
        var made = 0;
        for (; made < 5; made++)
        {
            var text = Text(made);
            truth["INBOX"].Append(text, []);
            mailboxes.Inbox.Append(text);
        }
        var clients = new List<Client>();
        for (var i = 0; i < 3; i++) clients.Add(await Client.StartAsync(mailboxes, i == 2 ? "Other" : "INBOX", condstore: i == 1));
        foreach (var step in steps)
        {
            var client = clients[step.Session];
            await PlayAsync(step, client, truth, () => Text(made++));
            foreach (var folder in Folders)
                Assert.Equal(truth[folder].Messages.Select(m => (m.Uid, Shown(m.Flags), m.Text)), mailboxes.Open(folder)!.Messages().Select(m => (m.Uid, Shown(m.Flags), Encoding.ASCII.GetString(m.Bytes.Span))));
        }
        foreach (var client in clients)
        {
            await client.AskAsync("NOOP", numbersMayChange: true);
            Assert.Equal(truth[client.Folder].Messages.Select(m => (m.Uid, Shown(m.Flags))), client.Picture);
        }
        // RFC 3501 section 2.3.2: \Recent is told to one session.
        Assert.All(clients.SelectMany(c => c.Recent.Select(uid => (c.Folder, uid))).GroupBy(r => r), told => Assert.Single(told));
        foreach (var client in clients) await client.DisposeAsync();
    }

    private static string Text(int number) => string.Create(CultureInfo.InvariantCulture, $"Subject: message {number}\r\n\r\n");

    private static async Task PlayAsync(Step step, Client client, Dictionary<string, Model> truth, Func<string> next)
    {
        var here = truth[client.Folder];
        var other = truth[Folders[step.B % 2]];
        var byUid = step.C % 2 == 0;
        var flag = Flags[step.C % Flags.Length];
        var chosen = client.Choose(step.A, step.B);
        var set = byUid ? string.Join(',', chosen.Select(i => client.Uid(i))) : string.Join(',', chosen.Select(i => i + 1));
        var uid = byUid ? "UID " : "";
        var uids = chosen.Select(client.Uid).ToList();
        var gone = uids.Exists(u => here.Find(u) is null);
        switch (step.Kind)
        {
            case 0:
                await client.AskAsync("NOOP", numbersMayChange: true);
                break;
            case 1:
                var text = next();
                other.Append(text, [flag]);
                await client.AskAsync($"APPEND {Folders[step.B % 2]} ({flag}) {{{text.Length}+}}\r\n{text}", numbersMayChange: true);
                break;
            case 2:
                await client.AskAsync("EXPUNGE", numbersMayChange: true);
                here.Messages.RemoveAll(m => m.Flags.Contains("\\Deleted"));
                break;
            case 3 when chosen.Count > 0:
                await client.AskAsync("UID EXPUNGE " + string.Join(',', uids), numbersMayChange: true);
                here.Messages.RemoveAll(m => uids.Contains(m.Uid) && m.Flags.Contains("\\Deleted"));
                break;
            case 4 or 5 or 6 when chosen.Count > 0:
                var (sign, change) = (step.Kind, Change(step.Kind, flag));
                foreach (var u in uids) if (here.Find(u) is { } message) message.Flags = change(message.Flags);
                var silent = step.A % 2 == 0;
                if (silent) client.Expect(chosen, change);
                await client.AskAsync($"{uid}STORE {set} {(sign == 4 ? "+" : sign == 5 ? "-" : "")}FLAGS{(silent ? ".SILENT" : "")} ({flag})", byUid, refused: gone && !silent && !byUid);
                break;
            case 7 when chosen.Count > 0:
                if (byUid || !gone) foreach (var u in uids) if (here.Find(u) is { } message) other.Append(message.Text, message.Flags);
                await client.AskAsync($"{uid}COPY {set} {Folders[step.B % 2]}", numbersMayChange: true, refused: gone && !byUid);
                break;
            case 8 when chosen.Count > 0:
                if (byUid || !gone)
                {
                    foreach (var u in uids)
                    {
                        if (here.Find(u) is not { } message) continue;
                        here.Messages.Remove(message);
                        other.Append(message.Text, message.Flags);
                    }
                }
                await client.AskAsync($"{uid}MOVE {set} {Folders[step.B % 2]}", numbersMayChange: true, refused: gone && !byUid);
                break;
            case 9 when chosen.Count > 0:
                await client.AskAsync($"{uid}FETCH {set} (FLAGS UID)", byUid);
                break;
            case 10:
                await client.SearchAsync(flag, here, byUid);
                break;
            case 11:
                here.Messages.RemoveAll(m => m.Flags.Contains("\\Deleted"));
                await client.AskAsync("CLOSE", numbersMayChange: false);
                await client.SelectAsync();
                break;
            case 12 when chosen.Count > 0:
                foreach (var u in uids) if (here.Find(u) is { } message) message.Flags = Change(4, "\\Seen")(message.Flags);
                await client.AskAsync($"{uid}FETCH {set} (BODY[])", byUid);
                break;
            case 13:
                await client.AskAsync("CHECK", numbersMayChange: true);
                break;
        }
    }

    private static Func<HashSet<string>, HashSet<string>> Change(int kind, string flag) => flags => kind switch
    {
        4 => [.. flags, flag],
        5 => [.. flags.Where(f => f != flag)],
        _ => [flag],
    };

    private static string Shown(IEnumerable<string> flags) => string.Join(' ', flags.Where(f => f != "\\Recent").Order(StringComparer.Ordinal));

    /// <summary>A folder as it should be.</summary>
    private sealed class Model
    {
        private uint _next = 1;

        public List<Message> Messages { get; } = [];

        public void Append(string text, IEnumerable<string> flags) => Messages.Add(new Message(_next++, text) { Flags = [.. flags] });

        public Message? Find(uint uid) => Messages.Find(m => m.Uid == uid);

        public sealed record Message(uint Uid, string Text)
        {
            public HashSet<string> Flags { get; set; } = [];
        }
    }

    /// <summary>A client that knows its mailbox only by what the server said.</summary>
    private sealed class Client : IAsyncDisposable
    {
        private readonly ImapTestPeer _peer;
        private readonly List<(uint Uid, HashSet<string> Flags)> _messages = [];

        private Client(ImapTestPeer peer, string folder) => (_peer, Folder) = (peer, folder);

        public string Folder { get; }
        public HashSet<uint> Recent { get; } = [];
        public int Count => _messages.Count;
        public IEnumerable<(uint, string)> Picture => _messages.Select(m => (m.Uid, Shown(m.Flags)));

        public static async Task<Client> StartAsync(MailboxesInMemory mailboxes, string folder, bool condstore)
        {
            var client = new Client(await ImapTestPeer.StartAsync(mailboxes, ImapTestPeer.Full), folder);
            if (condstore) await client._peer.AskAsync("ENABLE CONDSTORE");
            await client.SelectAsync();
            return client;
        }

        public async Task SelectAsync()
        {
            _messages.Clear();
            await AskAsync("SELECT " + Folder, numbersMayChange: true);
        }

        public uint Uid(int index) => _messages[index].Uid;
        public uint UidOf(int any) => _messages[any % _messages.Count].Uid;
        public int NumberOf(int any) => any % _messages.Count + 1;

        public IReadOnlyList<int> Choose(int a, int b)
        {
            if (_messages.Count == 0) return [];
            var (first, last) = (Math.Min(a % _messages.Count, b % _messages.Count), Math.Max(a % _messages.Count, b % _messages.Count));
            return [.. Enumerable.Range(first, last - first + 1)];
        }

        /// <summary>What a client that said .SILENT takes for done.</summary>
        public void Expect(IReadOnlyList<int> indexes, Func<HashSet<string>, HashSet<string>> change)
        {
            foreach (var i in indexes) _messages[i] = (_messages[i].Uid, change(_messages[i].Flags));
        }

        public async Task AskAsync(string command, bool numbersMayChange, bool refused = false)
        {
            var responses = await _peer.AskAsync(command);
            Assert.True(responses[^1].StartsWith(refused ? "NO" : "OK", StringComparison.Ordinal) || (!refused && responses[^1].StartsWith("NO [EXPUNGEISSUED]", StringComparison.Ordinal) && command.StartsWith("MOVE", StringComparison.Ordinal)) || (responses[^1].StartsWith("NO [EXPUNGEISSUED]", StringComparison.Ordinal) && command.StartsWith("STORE", StringComparison.Ordinal)), $"{command}: {responses[^1]}");
            foreach (var response in responses.SkipLast(1)) Hear(response, numbersMayChange, command);
            // Others may go on adding while the new ones are asked for.
            while (_messages.FindIndex(m => m.Uid == 0) is >= 0 and var first)
                foreach (var response in (await _peer.AskAsync($"FETCH {first + 1}:* (UID FLAGS)")).SkipLast(1)) Hear(response, false, "FETCH after " + command);
            Assert.Equal(_messages.Select(m => m.Uid).Order(), _messages.Select(m => m.Uid));
        }

        public async Task SearchAsync(string flag, Model truth, bool byUid)
        {
            var key = flag switch { "\\Seen" => "SEEN", "\\Flagged" => "FLAGGED", "\\Deleted" => "DELETED", _ => "KEYWORD " + flag };
            var responses = await _peer.AskAsync((byUid ? "UID " : "") + "SEARCH " + key);
            List<uint>? found = null;
            foreach (var response in responses.SkipLast(1))
            {
                if (!response.StartsWith("* SEARCH", StringComparison.Ordinal)) Hear(response, byUid, "SEARCH");
                else found = [.. response.Split(' ').Skip(2).Select(w => uint.Parse(w, CultureInfo.InvariantCulture))];
            }
            await AskAsync("FETCH 1:* (UID FLAGS)", numbersMayChange: false);
            if (!byUid) found = [.. found!.Select(n => _messages[(int)n - 1].Uid)];
            // Of a message that is gone and not yet told of, either answer is right.
            Assert.Equal(truth.Messages.Where(m => m.Flags.Contains(flag) && _messages.Exists(k => k.Uid == m.Uid)).Select(m => m.Uid), found!.Where(u => truth.Find(u) is not null));
        }

        public ValueTask DisposeAsync() => _peer.DisposeAsync();

        private void Hear(string response, bool numbersMayChange, string command)
        {
            var values = ImapTestValue.ReadAll(response[2..]);
            if (values.Count < 2 || !int.TryParse(values[0].Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return;
            switch (values[1].Text)
            {
                case "EXISTS":
                    Assert.True(number >= _messages.Count, $"{command}: {response} though {_messages.Count} are known");
                    while (_messages.Count < number) _messages.Add((0, []));
                    break;
                case "EXPUNGE":
                    Assert.True(numbersMayChange, $"{command} was answered with {response}");
                    Assert.InRange(number, 1, _messages.Count);
                    _messages.RemoveAt(number - 1);
                    break;
                case "FETCH":
                    Assert.InRange(number, 1, _messages.Count);
                    var items = values[2].Items;
                    for (var i = 0; i < items.Count; i += 2)
                    {
                        if (items[i].Text == "UID")
                        {
                            var uid = uint.Parse(items[i + 1].Text!, CultureInfo.InvariantCulture);
                            Assert.True(_messages[number - 1].Uid == 0 || _messages[number - 1].Uid == uid, $"{command}: {response} though {number} is {_messages[number - 1].Uid}");
                            _messages[number - 1] = (uid, _messages[number - 1].Flags);
                        }
                        if (items[i].Text == "FLAGS") _messages[number - 1] = (_messages[number - 1].Uid, [.. items[i + 1].Items.Select(f => f.Text!)]);
                    }
                    if (_messages[number - 1].Flags.Contains("\\Recent")) Recent.Add(_messages[number - 1].Uid);
                    break;
            }
        }
    }
}
