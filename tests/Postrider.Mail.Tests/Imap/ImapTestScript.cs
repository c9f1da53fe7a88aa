using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Postrider.Mail.Imap;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Imap;

/// <summary>Plays the scripts of Dovecot's ImapTest, as far as their language is needed here, against our server.</summary>
internal sealed partial class ImapTestScript
{
    private const string Folder = "test";

    private readonly Dictionary<string, string> _variables = new(StringComparer.Ordinal) { ["mailbox"] = Folder };
    private readonly List<ImapDialogue> _connections = [];
    private readonly string[] _lines;
    private readonly List<byte[]> _messages;
    private readonly bool _several;
    private readonly string _state;
    private int _at;
    private int _tag;

    private ImapTestScript(string[] lines, List<byte[]> messages, Dictionary<string, string> head, int at)
    {
        (_lines, _messages, _at) = (lines, messages, at);
        _several = head.ContainsKey("connections");
        _state = head.GetValueOrDefault("state", "selected");
        Connections = int.Parse(head.GetValueOrDefault("connections", "1"), CultureInfo.InvariantCulture);
    }

    private int Connections { get; }

    public static ImapTestScript Load(string path)
    {
        var lines = File.ReadAllLines(path);
        var at = Array.IndexOf(lines, "");
        var head = lines[..at].Where(l => !l.StartsWith('#')).Select(l => l.Split(": ", 2)).ToDictionary(p => p[0], p => p[1], StringComparer.Ordinal);
        var messages = File.Exists(path + ".mbox") ? ReadMbox(path + ".mbox") : [.. Enumerable.Range(1, 10).Select(i => Encoding.ASCII.GetBytes($"Subject: {i}\r\n\r\nbody {i}\r\n"))];
        var kept = head.GetValueOrDefault("messages", head.ContainsKey("state") ? "0" : "all");
        return new ImapTestScript(lines, kept == "all" ? messages : messages[..int.Parse(kept, CultureInfo.InvariantCulture)], head, at);
    }

    public async Task PlayAsync()
    {
        using var mailboxes = new MailboxesInMemory();
        if (_state is "selected" or "created") mailboxes.Create(Folder);
        var folder = (FolderInMemory?)mailboxes.Open(Folder);
        foreach (var message in _messages) folder!.Append(message, [], new DateTimeOffset(2026, 11, 22, 9, 0, 0, TimeSpan.Zero));
        var sessions = new List<Task>();
        for (var i = 0; i < Connections; i++)
        {
            var (theirs, ours) = PairedStream.Create();
            sessions.Add(ServeAsync(theirs, mailboxes));
            var client = new ImapDialogue(WireConnection.Over(ours, Dialogue.Loopback), new ImapResponseLimits(), TimeProvider.System, TimeSpan.FromSeconds(30), null);
            client.Arm(TimeSpan.FromSeconds(30), CancellationToken.None);
            _connections.Add(client);
            await client.NextAsync();
            if (_state != "nonauth") await AskAsync(client, "AUTHENTICATE XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgc2VjcmV0AQE=");
            if (_state == "selected") await AskAsync(client, "SELECT " + Folder);
        }
        while (NextStep() is { } step) await PlayAsync(step);
        foreach (var client in _connections) await client.DisposeAsync();
        await Task.WhenAll(sessions);
    }

    private static async Task ServeAsync(PairedStream stream, MailboxesInMemory mailboxes)
    {
        await using var connection = WireConnection.Over(stream, Dialogue.Loopback);
        using var session = new ImapSession(connection, new ImapServerOptions { Listen = Dialogue.Loopback }, mailboxes);
        await session.RunAsync(CancellationToken.None);
    }

    private async Task PlayAsync(string step)
    {
        var words = step.Split(' ');
        var client = _connections[_several ? int.Parse(words[0], CultureInfo.InvariantCulture) - 1 : 0];
        if (_several) words = words[1..];
        var command = string.Join(' ', words[1..]);
        if (command == "append") command = "append " + Folder + " {8+}\r\nx: y\r\n\r\n";
        var (final, responses) = await AskAsync(client, command);
        var where = $"{step}\nwas answered with\n{string.Join('\n', responses.Select(Show))}\n{final.Line}";
        if (words[0] != "\"\"") Assert.True(words[0].Equals(final.Status.ToString(), StringComparison.OrdinalIgnoreCase), where);
        while (_at < _lines.Length && _lines[_at] is ['*' or '!' or '#', ' ', ..])
        {
            if (_lines[_at][0] == '#')
            {
                _at++;
                continue;
            }
            var wanted = _lines[_at][0] == '*';
            if (Expectation() is not { } expected) continue;
            var met = responses.Any(r => Matches(expected, r, wanted));
            Assert.True(met == wanted, $"{(wanted ? "expected" : "did not expect")} {Show(expected)}\nbut {where}");
        }
    }

    private async Task<(ImapResponse.State Final, List<ImapResponse> Responses)> AskAsync(ImapDialogue client, string command)
    {
        var tag = string.Create(CultureInfo.InvariantCulture, $"t{++_tag}");
        await client.SendLineAsync(tag + " " + command);
        var responses = new List<ImapResponse>();
        while (true)
        {
            var response = await client.NextAsync();
            if (response is ImapResponse.State { Tag: not null } final) return (final, responses);
            responses.Add(response);
        }
    }

    private string? NextStep()
    {
        while (_at < _lines.Length && (_lines[_at].Length == 0 || _lines[_at].StartsWith('#'))) _at++;
        return _at < _lines.Length ? Substitute(_lines[_at++]) : null;
    }

    /// <summary>The next expected response; null for those that are left out: the line ends of stores that keep LF, and \Recent.</summary>
    private ImapResponse? Expectation()
    {
        var text = new StringBuilder("* " + Substitute(_lines[_at++])[2..]);
        var loose = false;
        while (text.ToString().EndsWith("{{{", StringComparison.Ordinal))
        {
            loose |= text.ToString().EndsWith("~{{{", StringComparison.Ordinal);
            text.Length -= 3;
            var content = new List<string>();
            while (!_lines[_at].StartsWith("}}}", StringComparison.Ordinal)) content.Add(_lines[_at++]);
            var literal = string.Join("\r\n", content);
            text.Append(CultureInfo.InvariantCulture, $"{{{Encoding.UTF8.GetByteCount(literal)}}}\r\n{literal}{Substitute(_lines[_at++][3..])}");
        }
        if (loose || text.ToString().EndsWith(" recent", StringComparison.Ordinal)) return null;
        var parser = new ImapResponseParser(new ImapResponseLimits());
        Assert.Equal(ImapParseStep.Complete, parser.Read(new(Encoding.UTF8.GetBytes(text + "\r\n")), out _));
        return parser.Response;
    }

    private string Substitute(string line) => VariablePattern().Replace(line, m =>
        // "$$word" is the keyword $word; it gets another first letter, so that it is not taken for a variable later on.
        m.Groups["keyword"].Success ? "kw-" + m.Groups["keyword"].Value
        // What cannot stand in a line stays a name, and is looked up when it is compared.
        : _variables.TryGetValue(m.Groups["name"].Value, out var value) && value.Length > 0 && !value.AsSpan().ContainsAny(" \r\n\"") ? value : "$" + m.Groups["name"].Value);

    private bool Matches(ImapResponse expected, ImapResponse actual, bool bind)
    {
        var bound = new Dictionary<string, string>(StringComparer.Ordinal);
        var matches = (expected, actual) switch
        {
            (ImapResponse.Search e, ImapResponse.Search a) => e.Numbers.SequenceEqual(a.Numbers),
            (ImapResponse.Data e, ImapResponse.Data a) => e.Word == a.Word && e.Number == a.Number && (e.Word == "FETCH" ? FetchMatches(e.Values[0].Items, a.Values[0].Items, bound) : ListMatches(e.Values, a.Values, bound, subset: e.Word is "LIST" or "LSUB")),
            _ => false,
        };
        if (matches && bind) foreach (var (name, value) in bound) _variables[name] = value;
        return matches;
    }

    private bool FetchMatches(IReadOnlyList<ImapValue> expected, IReadOnlyList<ImapValue> actual, Dictionary<string, string> bound)
    {
        for (var i = 0; i < expected.Count; i += 2)
        {
            var at = Enumerable.Range(0, actual.Count / 2).Select(j => j * 2).FirstOrDefault(j => actual[j].AsString()!.Equals(expected[i].AsString(), StringComparison.OrdinalIgnoreCase), -1);
            if (at < 0 || !ValueMatches(expected[i + 1], actual[at + 1], bound, subset: false)) return false;
        }
        return true;
    }

    private bool ListMatches(IReadOnlyList<ImapValue> expected, IReadOnlyList<ImapValue> actual, Dictionary<string, string> bound, bool subset)
    {
        var flags = expected.Where(v => !v.IsAtom("\\recent")).Select(v => v.AsString()).ToList();
        if (expected.All(v => v.Kind == ImapValueKind.Atom && v.AsString() is ['\\', ..] or ['k', 'w', '-', ..]))
        {
            var others = actual.Select(v => v.AsString()).ToList();
            return flags.All(f => others.Contains(f, StringComparer.OrdinalIgnoreCase)) && (subset || others.Count == flags.Count);
        }
        return expected.Count == actual.Count && expected.Zip(actual).All(p => ValueMatches(p.First, p.Second, bound, subset));
    }

    private bool ValueMatches(ImapValue expected, ImapValue actual, Dictionary<string, string> bound, bool subset)
    {
        if (expected.Kind == ImapValueKind.List) return actual.Kind == ImapValueKind.List && ListMatches(expected.Items, actual.Items, bound, subset);
        var wanted = expected.AsString();
        if (expected.Kind == ImapValueKind.Atom && wanted is ['$', ..])
        {
            if (actual.AsString() is not { } value) return false;
            if (_variables.TryGetValue(wanted[1..], out var known)) return known == value;
            bound[wanted[1..]] = value;
            return true;
        }
        return string.Equals(wanted, actual.AsString(), StringComparison.OrdinalIgnoreCase);
    }

    private static string Show(ImapResponse response) => response switch
    {
        ImapResponse.Data d => $"* {d.Number} {d.Word} {string.Join(' ', d.Values)}",
        ImapResponse.Search s => "* SEARCH " + string.Join(' ', s.Numbers),
        _ => response.ToString(),
    };

    // The empty line before the next "From " belongs to the message, as ImapTest has it.
    private static List<byte[]> ReadMbox(string path) =>
        [.. Regex.Split(File.ReadAllText(path, Encoding.Latin1), "^From .*\n", RegexOptions.Multiline | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(5)).Skip(1).Select(m => Encoding.Latin1.GetBytes(m.ReplaceLineEndings("\r\n")))];

    [GeneratedRegex(@"\$\$(?<keyword>[a-z0-9]+)|\$\{(?<name>[a-z0-9]+)\}|\$(?<name>[a-z0-9]+)", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex VariablePattern();
}
