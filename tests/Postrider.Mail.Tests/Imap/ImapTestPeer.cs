using System.Globalization;
using System.Text;
using Postrider.Mail.Imap;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Imap;

/// <summary>A value of a response as a test reads it: apart from our own client's parser, so that both are not wrong together. Bytes are Latin-1 characters.</summary>
internal abstract record ImapTestValue
{
    public sealed record Word(string Value, bool IsAtom) : ImapTestValue
    {
        public override string ToString() => IsAtom ? Value : "\"" + Value + "\"";
    }

    public sealed record List(IReadOnlyList<ImapTestValue> Values) : ImapTestValue
    {
        public override string ToString() => "(" + string.Join(' ', Values) + ")";
    }

    /// <summary>Null for a list.</summary>
    public string? Text => (this as Word)?.Value;
    public IReadOnlyList<ImapTestValue> Items => (this as List)?.Values ?? [];

    /// <param name="line">Without the line end; literals inside.</param>
    public static IReadOnlyList<ImapTestValue> ReadAll(string line)
    {
        var at = 0;
        var values = Read(line, ref at);
        Assert.True(at == line.Length, "A parenthesis too many: " + line);
        return values;
    }

    private static List<ImapTestValue> Read(string line, ref int at)
    {
        var values = new List<ImapTestValue>();
        while (at < line.Length && line[at] != ')')
        {
            var start = at;
            switch (line[at])
            {
                case ' ':
                    at++;
                    break;
                case '(':
                    at++;
                    values.Add(new List(Read(line, ref at)));
                    Assert.True(at < line.Length, "A list without end: " + line);
                    at++;
                    break;
                case '"':
                    var text = new StringBuilder();
                    for (at++; line[at] != '"'; at++) text.Append(line[at] == '\\' ? line[++at] : line[at]);
                    at++;
                    values.Add(new Word(text.ToString(), false));
                    break;
                case '{' or '~' when LiteralAt(line, at, out var length, out var from):
                    values.Add(new Word(line.Substring(from, length), false));
                    at = from + length;
                    break;
                default:
                    // BODY[HEADER.FIELDS (FROM)] is one word.
                    var inBrackets = false;
                    for (; at < line.Length && (inBrackets || line[at] is not (' ' or '(' or ')')); at++)
                    {
                        if (line[at] == '[' && at > start) inBrackets = true;
                        else if (line[at] == ']') inBrackets = false;
                    }
                    values.Add(new Word(line[start..at], true));
                    break;
            }
        }
        return values;
    }

    private static bool LiteralAt(string line, int at, out int length, out int from)
    {
        (length, from) = (0, 0);
        if (line[at] == '~') at++;
        var close = line.IndexOf("}\r\n", at, StringComparison.Ordinal);
        from = close + 3;
        return close > at && line[at] == '{' && int.TryParse(line.AsSpan(at + 1, close - at - 1), NumberStyles.None, CultureInfo.InvariantCulture, out length);
    }
}

/// <summary>A session with our server over a line in memory, or with another's over its own, word by word.</summary>
internal sealed class ImapTestPeer : IAsyncDisposable
{
    private readonly Stream _line;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly Task _session;
    private int _from, _to, _tag;

    private ImapTestPeer(Stream line, Task session) => (_line, _session) = (line, session);

    public string LastTag => string.Create(CultureInfo.InvariantCulture, $"t{_tag}");

    public static ImapServerOptions Full => new() { Listen = Dialogue.Loopback, CapabilitiesBefore = ImapCapabilities.FullBefore, CapabilitiesAfter = ImapCapabilities.FullAfter };

    /// <summary>Reads the greeting too; what the session throws comes out when this is disposed.</summary>
    public static async Task<ImapTestPeer> StartAsync(MailboxesInMemory mailboxes, ImapServerOptions options, bool signIn = true)
    {
        var (theirs, ours) = PairedStream.Create();
        var peer = new ImapTestPeer(ours, Task.Run(async () =>
        {
            await using var connection = WireConnection.Over(theirs, Dialogue.Loopback);
            using var session = new ImapSession(connection, options, mailboxes);
            await session.RunAsync(CancellationToken.None);
        }));
        await peer.ReadResponseAsync();
        if (signIn) await peer.AskAsync("AUTHENTICATE XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgc2VjcmV0AQE=");
        return peer;
    }

    /// <summary>To a server that listens elsewhere. Reads the greeting too.</summary>
    public static async Task<ImapTestPeer> OverAsync(Stream line)
    {
        var peer = new ImapTestPeer(line, Task.CompletedTask);
        await peer.ReadResponseAsync();
        return peer;
    }

    /// <summary>One command with literals that do not wait; all responses as lines, the tagged one last and without its tag.</summary>
    public async Task<IReadOnlyList<string>> AskAsync(string command)
    {
        var tag = string.Create(CultureInfo.InvariantCulture, $"t{++_tag}");
        await _line.WriteAsync(Encoding.Latin1.GetBytes($"{tag} {command}\r\n"));
        var responses = new List<string>();
        while (true)
        {
            var response = await ReadResponseAsync();
            if (response.StartsWith(tag + " ", StringComparison.Ordinal))
            {
                responses.Add(response[(tag.Length + 1)..]);
                return responses;
            }
            responses.Add(response);
        }
    }

    public async Task<string> ReadResponseAsync()
    {
        var response = new StringBuilder();
        while (true)
        {
            var line = await ReadLineAsync();
            response.Append(line);
            if (!line.EndsWith('}') || line.LastIndexOf('{') is not (>= 0 and var open) || !int.TryParse(line.AsSpan(open + 1, line.Length - open - 2), NumberStyles.None, CultureInfo.InvariantCulture, out var length)) return response.ToString();
            response.Append("\r\n");
            while (length > 0)
            {
                await FillAsync();
                var some = Math.Min(length, _to - _from);
                response.Append(Encoding.Latin1.GetString(_buffer, _from, some));
                _from += some;
                length -= some;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _line.DisposeAsync();
        await _session.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private async Task<string> ReadLineAsync()
    {
        var line = new StringBuilder();
        while (true)
        {
            await FillAsync();
            var end = Array.IndexOf(_buffer, (byte)'\n', _from, _to - _from);
            var past = end < 0 ? _to : end + 1;
            line.Append(Encoding.Latin1.GetString(_buffer, _from, past - _from));
            _from = past;
            if (end < 0) continue;
            Assert.EndsWith("\r\n", line.ToString(), StringComparison.Ordinal);
            return line.ToString(0, line.Length - 2);
        }
    }

    private async ValueTask FillAsync()
    {
        if (_from < _to) return;
        (_from, _to) = (0, await _line.ReadAsync(_buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.True(_to > 0, "The server closed.");
    }
}
