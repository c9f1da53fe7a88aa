using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Text;
using System.Text.RegularExpressions;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Mail.Tests.Dialogues;

/// <summary>How the scripted side's bytes reach the side under test.</summary>
public enum Pace
{
    /// <summary>All that is said before the other side's turn, in one read.</summary>
    Whole,
    /// <summary>One line a read.</summary>
    Lines,
    /// <summary>One byte a read.</summary>
    Bytes,
}

/// <summary>A conversation from a file under <c>Dialogues</c>, played against a client or a server of ours.</summary>
/// <remarks>
/// <c>S: text</c> a line of the server, <c>C: text</c> one of the client, each with CR LF. <c>S| text</c> and <c>C| text</c>: the bytes as they are, without a line end.
/// In what the script sends, <c>\r \n \t \0 \\ \xNN</c> are escapes. In what it expects, <c>…</c> stands for anything, and <c>{name}</c> for a word that is kept and put in wherever the script sends <c>{name}</c>.
/// <c>--- TLS</c>: the handshake. <c>--- close</c>: the scripted side closes. <c>--- silence</c>: it says nothing more and leaves the line open. <c>--- pass 00:05:00</c>: the clock moves. <c># </c> a comment.
/// <c>--- ignore</c>: whatever the other side sends from here on is of no interest. <c>--- settle</c>: goes on when the other side has read what was sent and waits for more.
/// Where the script ends, the scripted side closes; a line the other side sends beyond it is a failure.
/// </remarks>
internal sealed partial class Dialogue
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly string name;
    private readonly string[] script;

    private Dialogue(string name, string[] script) => (this.name, this.script) = (name, script);

    public static IPEndPoint Loopback => new(IPAddress.Loopback, 0);
    public static TheoryData<Pace> Paces => new(Pace.Whole, Pace.Lines, Pace.Bytes);

    /// <summary>Moved by <c>--- pass</c>; hand it to the side under test.</summary>
    public FakeClock Clock { get; } = new();

    /// <param name="name">Such as <c>smtp/reply_malformed</c>.</param>
    public static Dialogue Load(string name) => new(name, File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Dialogues", name + ".txt")));

    /// <summary>From lines in the test's own text, for generated cases.</summary>
    public static Dialogue Of(params string[] script) => new("(inline)", script);

    /// <summary>The script is the server; <paramref name="client"/> gets the client's end of the line.</summary>
    public Task<T> PlayServerAsync<T>(Pace pace, Func<Stream, Task<T>> client) => PlayAsync('S', pace, client);

    /// <summary>The script is the client; <paramref name="server"/> gets the server's end of the line.</summary>
    public Task PlayClientAsync(Pace pace, Func<Stream, Task> server) => PlayAsync('C', pace, async stream =>
    {
        await server(stream);
        return true;
    });

    private async Task<T> PlayAsync<T>(char self, Pace pace, Func<Stream, Task<T>> other)
    {
        var (theirs, ours) = PairedStream.Create(pace == Pace.Bytes ? 1 : int.MaxValue);
        var playing = PerformAsync(self, pace, ours);
        var running = Task.Run(async () =>
        {
            try
            {
                return await other(theirs);
            }
            finally
            {
                await theirs.DisposeAsync();
            }
        });
        // A script that fails leaves the other side waiting for it: report the script first.
        if (await Task.WhenAny(playing, running).WaitAsync(Patience) == playing) await playing;
        var result = await running.WaitAsync(Patience);
        await playing.WaitAsync(Patience);
        return result;
    }

    private async Task PerformAsync(char self, Pace pace, PairedStream line)
    {
        Stream stream = line;
        var kept = new Dictionary<string, string>(StringComparer.Ordinal);
        var pending = new MemoryStream();
        var said = new List<string>();
        var silent = false;
        var ignoring = false;
        for (var number = 1; number <= script.Length; number++)
        {
            var step = script[number - 1];
            if (step.Length == 0 || step.StartsWith('#')) continue;
            if (step.StartsWith("--- ", StringComparison.Ordinal))
            {
                await SendAsync();
                if (step == "--- TLS") stream = await SecureAsync(self, stream);
                else if (step == "--- close") await line.DisposeAsync();
                else if (step == "--- silence") silent = true;
                else if (step == "--- ignore") ignoring = true;
                else if (step == "--- settle") await line.TakenInAsync();
                else if (step.StartsWith("--- pass ", StringComparison.Ordinal)) Clock.Advance(TimeSpan.Parse(step[9..], CultureInfo.InvariantCulture));
                else throw new FormatException($"{name} line {number}: {step}");
                continue;
            }
            if (step.Length < 2 || step[0] is not ('S' or 'C') || step[1] is not (':' or '|')) throw new FormatException($"{name} line {number}: {step}");
            var text = step.Length > 3 ? step[3..] : "";
            if (step[0] == self)
            {
                pending.Write(Unescape(NamePattern().Replace(text, m => kept.GetValueOrDefault(m.Groups["word"].Value, m.Value))));
                if (step[1] == ':') pending.Write("\r\n"u8);
                if (pace == Pace.Lines) await SendAsync();
                continue;
            }
            await SendAsync();
            var heard = await ReadLineAsync(stream);
            said.Add(heard ?? "(closed)");
            if (heard is null || !Matches(text, heard, kept))
                Assert.Fail($"{name} line {number}: expected {text}\nbut got {heard ?? "the end of the line"}\nafter\n  {string.Join("\n  ", said)}");
        }
        await SendAsync();
        if (!silent) await line.DisposeAsync();
        var more = await ReadLineAsync(stream);
        while (ignoring && more is not null) more = await ReadLineAsync(stream);
        Assert.True(more is null, $"{name}: the other side went on with: {more}");

        async Task SendAsync()
        {
            if (pending.Length == 0) return;
            await stream.WriteAsync(pending.ToArray());
            pending.SetLength(0);
        }
    }

    private static async Task<Stream> SecureAsync(char self, Stream stream)
    {
        var secured = new SslStream(stream, leaveInnerStreamOpen: true);
        if (self == 'S')
        {
            await secured.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = TestCertificates.Server });
        }
        else
        {
            var trust = new System.Security.Cryptography.X509Certificates.X509ChainPolicy
            {
                TrustMode = System.Security.Cryptography.X509Certificates.X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { TestCertificates.Authority },
                RevocationMode = System.Security.Cryptography.X509Certificates.X509RevocationMode.NoCheck,
            };
            await secured.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", CertificateChainPolicy = trust });
        }
        return secured;
    }

    private static bool Matches(string expected, string heard, Dictionary<string, string> kept)
    {
        var pattern = new StringBuilder("^");
        var names = new List<string>();
        foreach (var part in PartPattern().Split(expected))
        {
            if (part == "…") pattern.Append(".*");
            else if (NamePattern().Match(part) is { Success: true } m && m.Length == part.Length)
            {
                if (kept.TryGetValue(m.Groups["word"].Value, out var value)) pattern.Append(Regex.Escape(value));
                else
                {
                    pattern.Append(CultureInfo.InvariantCulture, $"(?<{m.Groups["word"].Value}>\\S+)");
                    names.Add(m.Groups["word"].Value);
                }
            }
            else pattern.Append(Regex.Escape(part));
        }
        var match = Regex.Match(heard, pattern.Append('$').ToString(), RegexOptions.Singleline | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(5));
        foreach (var captured in names) kept[captured] = match.Groups[captured].Value;
        return match.Success;
    }

    /// <summary>Without CR LF; other control characters stay, so that an expected line must name them. Null at the end.</summary>
    private static async Task<string?> ReadLineAsync(Stream stream)
    {
        var line = new List<byte>();
        var one = new byte[1];
        while (true)
        {
            int read;
            try
            {
                read = await stream.ReadAsync(one);
            }
            catch (IOException)
            {
                read = 0;
            }
            if (read == 0) return line.Count == 0 ? null : Encoding.UTF8.GetString([.. line]);
            if (one[0] == '\n' && line.Count > 0 && line[^1] == '\r') return Encoding.UTF8.GetString([.. line[..^1]]);
            line.Add(one[0]);
        }
    }

    private static byte[] Unescape(string text)
    {
        var bytes = new List<byte>();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\')
            {
                var length = char.IsHighSurrogate(text[i]) ? 2 : 1;
                bytes.AddRange(Encoding.UTF8.GetBytes(text.Substring(i, length)));
                i += length - 1;
                continue;
            }
            i++;
            switch (text[i])
            {
                case 'r': bytes.Add((byte)'\r'); break;
                case 'n': bytes.Add((byte)'\n'); break;
                case 't': bytes.Add((byte)'\t'); break;
                case '0': bytes.Add(0); break;
                case '\\': bytes.Add((byte)'\\'); break;
                case 'x':
                    bytes.Add(byte.Parse(text.AsSpan(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                    i += 2;
                    break;
                default: throw new FormatException("Unknown escape \\" + text[i]);
            }
        }
        return [.. bytes];
    }

    [GeneratedRegex(@"\{(?<word>[a-z][a-z0-9]*)\}", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"(?<part>…|\{[a-z][a-z0-9]*\})", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex PartPattern();
}
