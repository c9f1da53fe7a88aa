using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Postrider.Mail.Tests.Imap;

/// <summary>Plays the scripts of Dovecot's ImapTest against our server with all it offers.</summary>
/// <remarks>
/// A script is a head (<c>capabilities</c>, <c>connections</c>, <c>messages</c>, <c>state</c>) and commands, each with the answer it must get before or below it, and below that the untagged responses it must (<c>* </c>) or must not (<c>! </c>) bring.
/// <c>$name</c> in a command is what an earlier response held in that place; <c>$1</c> is the message that had this number before the command; <c>$$word</c> is the keyword <c>$word</c>; <c>{{{</c> begins a literal of lines, <c>~{{{</c> one whose line ends stand as they are in the script.
/// An APPEND without a message takes the next of the script's mailbox. The pairs of FETCH and STATUS, and flags, come in any order.
/// </remarks>
internal sealed partial class ImapTestScript
{
    private const string Folder = "test";

    private readonly Dictionary<string, string> _variables = new(StringComparer.Ordinal) { ["mailbox"] = Folder };
    private readonly List<Player> _players = [];
    private readonly string[] _lines;
    private readonly IReadOnlyList<(byte[] Bytes, DateTimeOffset Date)> _source;
    private readonly int _messages;
    private readonly int _connections;
    private readonly string _state;
    private int _at;
    private int _appended;

    private ImapTestScript(string[] lines, IReadOnlyList<(byte[], DateTimeOffset)> source, Dictionary<string, string> head, int at)
    {
        (_lines, _source, _at) = (lines, source, at);
        _state = head.GetValueOrDefault("state", "selected").ToLowerInvariant();
        _connections = int.Parse(head.GetValueOrDefault("connections", "1"), CultureInfo.InvariantCulture);
        var messages = head.GetValueOrDefault("messages", "0");
        _messages = messages == "all" ? source.Count : int.Parse(messages, CultureInfo.InvariantCulture);
        Capabilities = head.TryGetValue("capabilities", out var needed) ? needed.Split(' ', StringSplitOptions.RemoveEmptyEntries) : [];
    }

    /// <summary>What the script needs a server to offer.</summary>
    public IReadOnlyList<string> Capabilities { get; }

    public static ImapTestScript Load(string path)
    {
        var lines = File.ReadAllText(path, Encoding.Latin1).Split('\n');
        var at = Array.IndexOf(lines, "");
        var head = lines[..at].Where(l => !l.StartsWith('#')).Select(l => l.Split(": ", 2)).ToDictionary(p => p[0], p => p[1], StringComparer.Ordinal);
        var source = File.Exists(path + ".mbox") ? ReadMbox(path + ".mbox") : [.. Enumerable.Range(1, 10).Select(i => (Encoding.ASCII.GetBytes($"Subject: s{i}\r\n\r\nbody {i}\r\n"), new DateTimeOffset(2026, 11, 22, 9, i, 0, TimeSpan.Zero)))];
        return new ImapTestScript(lines, source, head, at);
    }

    public async Task PlayAsync()
    {
        using var mailboxes = new MailboxesInMemory { KeepsAll = true };
        if (_state is "selected" or "created" or "appended") mailboxes.Create(Folder);
        var folder = (FolderInMemory?)mailboxes.Open(Folder);
        for (var i = 0; i < _messages; i++)
        {
            var (bytes, date) = NextMessage();
            folder!.Append(bytes, [], date);
        }
        var faults = new List<Exception>();
        for (var i = 0; i < _connections; i++)
        {
            var player = new Player(await ImapTestPeer.StartAsync(mailboxes, ImapTestPeer.Full with { OnFault = faults.Add }, signIn: _state != "nonauth"));
            _players.Add(player);
            if (_state == "selected") player.Take(await player.Peer.AskAsync("SELECT " + Folder));
        }
        while (NextStep() is { } step) await PlayAsync(step);
        foreach (var player in _players) await player.Peer.DisposeAsync();
        Assert.Empty(faults);
    }

    private async Task PlayAsync(string step)
    {
        var rest = step;
        var player = _players[_connections > 1 ? int.Parse(Word(ref rest), CultureInfo.InvariantCulture) - 1 : 0];
        var command = rest;
        // The answer stands before the command, or below it.
        string? answer = Word(ref rest).ToLowerInvariant();
        if (answer is "ok" or "no" or "bad" or "\"\"") command = rest;
        else answer = null;
        command = Expanded(command);
        if (command.StartsWith("append", StringComparison.OrdinalIgnoreCase) && !command.Contains('{', StringComparison.Ordinal))
        {
            var (bytes, date) = NextMessage();
            if (command.Length == 6) command += " " + Folder;
            command += string.Create(CultureInfo.InvariantCulture, $" \"{date:dd-MMM-yyyy HH:mm:ss +0000}\" {{{bytes.Length}+}}\r\n{Encoding.Latin1.GetString(bytes)}");
        }
        var before = player.Numbers;
        var responses = await player.Peer.AskAsync(command);
        _variables["tag"] = player.Peer.LastTag;
        var where = $"line {_at}: {step}\nwas answered with\n{string.Join('\n', responses)}";
        if (answer is null)
        {
            var expected = ImapTestValue.ReadAll(NextLine());
            Assert.True(Matches(expected, ImapTestValue.ReadAll(responses[^1]), prefix: true, bind: true), $"expected {string.Join(' ', expected)}\nbut {where}");
        }
        else if (answer != "\"\"") Assert.True(responses[^1].StartsWith(answer, StringComparison.OrdinalIgnoreCase), where);
        // What "$1" means changes with every EXPUNGE.
        var heard = new List<(IReadOnlyList<ImapTestValue> Values, Dictionary<string, string> Numbers)>();
        foreach (var response in responses.SkipLast(1))
        {
            heard.Add((ImapTestValue.ReadAll(response[2..]), player.Meanings(before)));
            player.Take([response]);
        }
        while (_at < _lines.Length && _lines[_at] is ['*' or '!' or '#', ' ', ..])
        {
            if (_lines[_at][0] == '#')
            {
                _at++;
                continue;
            }
            var wanted = _lines[_at][0] == '*';
            var expected = ImapTestValue.ReadAll(NextLine()[2..]);
            var status = expected[0].Text is { } word && word.Equals("ok", StringComparison.OrdinalIgnoreCase);
            var met = heard.Exists(h => Matches(expected, h.Values, status, bind: wanted, h.Numbers));
            Assert.True(met == wanted, $"{(wanted ? "expected" : "did not expect")} * {string.Join(' ', expected)}\nbut {where}");
        }
    }

    private (byte[] Bytes, DateTimeOffset Date) NextMessage() => _source[_appended++ % _source.Count];

    private string? NextStep()
    {
        while (_at < _lines.Length && (_lines[_at].Length == 0 || _lines[_at].StartsWith('#'))) _at++;
        return _at < _lines.Length ? NextLine() : null;
    }

    /// <summary>The next line, with its literals in the wire's form.</summary>
    private string NextLine()
    {
        var text = _lines[_at++];
        while (text.EndsWith("{{{", StringComparison.Ordinal))
        {
            var binary = text.EndsWith("~{{{", StringComparison.Ordinal);
            var content = new StringBuilder();
            // The line end before the closing braces is not part of it.
            var kept = 0;
            for (; !_lines[_at].StartsWith("}}}", StringComparison.Ordinal); _at++)
            {
                content.Append(_lines[_at]);
                kept = content.Length;
                content.Append(binary ? "\n" : "\r\n");
            }
            text = string.Create(CultureInfo.InvariantCulture, $"{text[..^3]}{{{kept}}}\r\n{content.ToString(0, kept)}{_lines[_at++][3..]}");
        }
        return text;
    }

    private static string Word(ref string rest)
    {
        var space = rest.IndexOf(' ', StringComparison.Ordinal);
        var word = space < 0 ? rest : rest[..space];
        rest = space < 0 ? "" : rest[(space + 1)..];
        return word;
    }

    /// <summary>A command for the wire. The literals of a script wait for nothing.</summary>
    private string Expanded(string command)
    {
        var expanded = VariablePattern().Replace(command, m => m.Groups["keyword"].Success ? "$" + m.Groups["keyword"].Value : _variables[m.Groups["name"].Value]);
        return LiteralPattern().Replace(expanded, "{${length}+}\r\n");
    }

    private bool Matches(IReadOnlyList<ImapTestValue> expected, IReadOnlyList<ImapTestValue> actual, bool prefix, bool bind, Dictionary<string, string>? numbers = null)
    {
        var bound = new Dictionary<string, string>(numbers ?? [], StringComparer.Ordinal);
        // <number> FETCH (pairs) and STATUS name (pairs).
        var pairs = expected.Count == 3 && ((expected[1].Text ?? "").Equals("fetch", StringComparison.OrdinalIgnoreCase) || (expected[0].Text ?? "").Equals("status", StringComparison.OrdinalIgnoreCase));
        var folders = (expected[0].Text ?? "").ToLowerInvariant() is "list" or "lsub";
        if (expected.Count > actual.Count || (!prefix && expected.Count != actual.Count)) return false;
        for (var i = 0; i < expected.Count; i++)
        {
            var ok = pairs && i == 2 ? PairsMatch(expected[i].Items, actual[i].Items, bound)
                : folders && i == 1 ? expected[i].Items.All(e => actual[i].Items.Any(a => ValueMatches(e, a, bound)))
                : ValueMatches(expected[i], actual[i], bound);
            if (!ok) return false;
        }
        if (bind) foreach (var (name, value) in bound.Where(b => !char.IsAsciiDigit(b.Key[0]))) _variables[name] = value;
        return true;
    }

    private bool PairsMatch(IReadOnlyList<ImapTestValue> expected, IReadOnlyList<ImapTestValue> actual, Dictionary<string, string> bound)
    {
        for (var i = 0; i < expected.Count; i += 2)
        {
            var at = Enumerable.Range(0, actual.Count / 2).Select(j => j * 2).FirstOrDefault(j => string.Equals(actual[j].Text, expected[i].Text, StringComparison.OrdinalIgnoreCase), -1);
            if (at < 0) return false;
            if ((expected[i].Text ?? "").Equals("flags", StringComparison.OrdinalIgnoreCase) ? !FlagsMatch(expected[i + 1].Items, actual[at + 1].Items) : !ValueMatches(expected[i + 1], actual[at + 1], bound)) return false;
        }
        return true;
    }

    private static bool FlagsMatch(IReadOnlyList<ImapTestValue> expected, IReadOnlyList<ImapTestValue> actual)
    {
        return Flags(expected).SetEquals(Flags(actual));

        static HashSet<string> Flags(IReadOnlyList<ImapTestValue> values) =>
            values.Select(v => v.Text!.Replace("$$", "$", StringComparison.Ordinal)).Where(f => !f.Equals("\\recent", StringComparison.OrdinalIgnoreCase)).ToHashSet(StringComparer.OrdinalIgnoreCase);
    }

    private bool ValueMatches(ImapTestValue expected, ImapTestValue actual, Dictionary<string, string> bound)
    {
        if (expected is ImapTestValue.List)
            return actual is ImapTestValue.List && expected.Items.Count == actual.Items.Count && expected.Items.Zip(actual.Items).All(p => ValueMatches(p.First, p.Second, bound));
        return actual.Text is { } text && TextMatches(expected.Text!, text, bound);
    }

    private bool TextMatches(string expected, string actual, Dictionary<string, string> bound)
    {
        var at = 0;
        for (var i = 0; i < expected.Length;)
        {
            // ImapTest's strings end there.
            if (expected[i] == '\0') return at < actual.Length && actual[at] == '\0';
            var m = VariablePattern().Match(expected, i);
            if (!m.Success || m.Index != i)
            {
                if (at >= actual.Length || char.ToUpperInvariant(expected[i]) != char.ToUpperInvariant(actual[at])) return false;
                i++;
                at++;
                continue;
            }
            i += m.Length;
            var name = m.Groups["name"].Value;
            var value = m.Groups["keyword"].Success ? "$" + m.Groups["keyword"].Value : _variables.GetValueOrDefault(name) ?? bound.GetValueOrDefault(name);
            if (value is null)
            {
                // As far as to the character that comes after it.
                var end = i < expected.Length ? actual.IndexOf(expected[i], at) : actual.Length;
                bound[name] = value = actual[at..(end < 0 ? actual.Length : end)];
            }
            if (!actual.AsSpan(at).StartsWith(value, StringComparison.OrdinalIgnoreCase)) return false;
            at += value.Length;
        }
        return at == actual.Length;
    }

    private static List<(byte[], DateTimeOffset)> ReadMbox(string path)
    {
        var messages = new List<(byte[], DateTimeOffset)>();
        var text = File.ReadAllText(path, Encoding.Latin1);
        var heads = FromPattern().Matches(text);
        for (var i = 0; i < heads.Count; i++)
        {
            // The empty line before the next "From " belongs to the message, as ImapTest has it.
            var body = text[(heads[i].Index + heads[i].Length)..(i + 1 < heads.Count ? heads[i + 1].Index : text.Length)];
            var date = DateTimeOffset.ParseExact(heads[i].Groups["date"].Value.Trim(), ["ddd MMM d HH:mm:ss yyyy", "ddd MMM d HH:mm:ss yyyy zzz"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
            messages.Add((Encoding.Latin1.GetBytes(body.ReplaceLineEndings("\r\n")), date));
        }
        return messages;
    }

    [GeneratedRegex(@"\$\$(?<keyword>\w+)|\$\{(?<name>\w+)\}|\$(?<name>\w+)", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex VariablePattern();

    [GeneratedRegex(@"\{(?<length>\d+)\}\r\n", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex LiteralPattern();

    [GeneratedRegex(@"^From \S+ (?<date>.*)\n", RegexOptions.ExplicitCapture | RegexOptions.Multiline, 5000)]
    private static partial Regex FromPattern();

    /// <summary>One connection, and the numbers its client holds for those the messages had.</summary>
    private sealed class Player(ImapTestPeer peer)
    {
        private readonly List<int> _present = [];
        private int _next;

        public ImapTestPeer Peer => peer;

        public IReadOnlyList<int> Numbers => [.. _present];

        public void Take(IReadOnlyList<string> responses)
        {
            foreach (var response in responses)
            {
                if (NumberPattern().Match(response) is not { Success: true } m) continue;
                var number = int.Parse(m.Groups["number"].Value, CultureInfo.InvariantCulture);
                if (m.Groups["word"].Value == "EXPUNGE") _present.RemoveAt(number - 1);
                else while (_present.Count < number) _present.Add(_next++);
            }
        }

        /// <summary>What "$1" and so on stand for now, of the messages as they were numbered in <paramref name="before"/>.</summary>
        public Dictionary<string, string> Meanings(IReadOnlyList<int> before) =>
            before.Select((id, i) => (Name: i + 1, Number: _present.IndexOf(id) + 1)).ToDictionary(p => p.Name.ToString(CultureInfo.InvariantCulture), p => p.Number.ToString(CultureInfo.InvariantCulture), StringComparer.Ordinal);
    }

    [GeneratedRegex(@"^\* (?<number>\d+) (?<word>EXISTS|EXPUNGE)$", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex NumberPattern();
}
