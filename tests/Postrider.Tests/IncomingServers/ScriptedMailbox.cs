using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Postrider.Mail;

namespace Postrider.Tests.IncomingServers;

/// <summary>An IMAP server as ill as a test wants it: the sandbox's is too healthy for this. Every user has the same INBOX.</summary>
internal sealed class ScriptedMailbox(int port = 0) : ScriptedPeer(port)
{
    private readonly Lock gate = new();
    private TaskCompletionSource news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public WireEndpoint Endpoint => new("localhost", Port, WireSecurity.None);

    public ConcurrentDictionary<uint, string> Mails { get; } = new();
    public uint UidValidity { get; set; } = 7;
    public string InternalDate { get; set; } = "22-Nov-2026 12:00:00 +0000";

    /// <summary>What the mailbox says to a request for content that names this UID, instead of the content; a line starting with <c>NO</c> refuses the whole command, <c>SIZE n</c> tells that size, an empty one makes the message vanish.</summary>
    public ConcurrentDictionary<uint, string> Spoilt { get; } = new();

    /// <summary>What is said to a command instead of doing it: the first word, in capitals, and the user. Null: it is done. <c>HANG</c>: nothing is said ever after. <c>BYE ...</c>: said without a tag, then it closes.</summary>
    public Func<string, string, string?> Instead { get; set; } = (_, _) => null;

    /// <summary>Every command, without its tag.</summary>
    public ConcurrentQueue<string> Commands { get; } = new();

    /// <summary>Sessions that have signed in.</summary>
    public int SignIns => Commands.Count(c => c.StartsWith("AUTHENTICATE", StringComparison.Ordinal));

    public static string Mail(int number, string? subject = null, string headers = "") => $"From: ann{number}@example.org\r\nSubject: {subject ?? $"Mail {number}"}\r\nMessage-ID: <m{number}@example.org>\r\n{headers}\r\nhello {number}\r\n";

    /// <summary>A new message, told to whoever idles.</summary>
    public void Deliver(uint uid, string mail)
    {
        Mails[uid] = mail;
        lock (gate)
        {
            news.TrySetResult();
            news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private Task News()
    {
        lock (gate) return news.Task;
    }

    protected override async Task TalkAsync(TcpClient client)
    {
        await using var stream = client.GetStream();
        using var commands = new StreamReader(stream, Encoding.Latin1);
        var user = "";
        HashSet<uint> gone = [];
        Task SayAsync(string text) => stream.WriteAsync(Encoding.Latin1.GetBytes(text + "\r\n"), Stop).AsTask();

        await SayAsync("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR IDLE MOVE] ready");
        var told = 0;
        while (await commands.ReadLineAsync(Stop) is { } command)
        {
            var words = command.Split(' ');
            Commands.Enqueue(command[(words[0].Length + 1)..]);
            if (words[1] == "AUTHENTICATE") user = Encoding.UTF8.GetString(Convert.FromBase64String(words[3])).Split('\0')[1];
            var end = $"{words[0]} OK done";
            var announced = News();
            switch (Instead(words[1], user))
            {
                case "HANG":
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, Stop);
                    return;
                case { } bye when bye.StartsWith("BYE", StringComparison.Ordinal):
                    await SayAsync("* " + bye);
                    return;
                case { } other:
                    await SayAsync($"{words[0]} {other}");
                    continue;
            }
            switch (words[1])
            {
                case "CAPABILITY": await SayAsync("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR IDLE MOVE"); break;
                case "SELECT": await SayAsync($"* {told = Mails.Count} EXISTS\r\n* OK [UIDVALIDITY {UidValidity}] \r\n* OK [UIDNEXT {(Mails.IsEmpty ? 1 : Mails.Keys.Max() + 1)}] "); break;
                case "STATUS": await SayAsync($"* STATUS {words[2]} (MESSAGES 0)"); break;
                case "IDLE":
                    await SayAsync("+ idling");
                    var done = commands.ReadLineAsync(Stop).AsTask();
                    // As servers do: what came since it was told last is told at once.
                    if (Mails.Count > told || await Task.WhenAny(announced, done) == announced) await SayAsync($"* {told = Mails.Count} EXISTS");
                    await done;
                    break;
                case "UID" when words[2] == "SEARCH": await SayAsync("* SEARCH " + string.Join(' ', Mails.Keys.Except(gone).Order())); break;
                case "UID" when words[2] == "MOVE":
                    foreach (var uid in Mails.Keys.Where(uid => Names(words[3], uid)).ToList()) Mails.TryRemove(uid, out _);
                    break;
                case "UID" when words[2] == "FETCH":
                    var withBody = command.Contains("BODY.PEEK", StringComparison.Ordinal);
                    foreach (var uid in Mails.Keys.Where(uid => Names(words[3], uid) && !gone.Contains(uid)).Order())
                    {
                        var spoilt = Spoilt.GetValueOrDefault(uid);
                        if (withBody && spoilt?.StartsWith("NO", StringComparison.Ordinal) == true) end = $"{words[0]} {spoilt}";
                        else if (withBody && spoilt?.Length == 0) gone.Add(uid);
                        else if (withBody && spoilt?.StartsWith('(') == true) await SayAsync($"* {uid} FETCH {spoilt}");
                        else
                        {
                            var size = spoilt?.StartsWith("SIZE", StringComparison.Ordinal) == true ? spoilt[5..] : Mails[uid].Length.ToString(CultureInfo.InvariantCulture);
                            await SayAsync($"* {uid} FETCH (UID {uid} FLAGS () INTERNALDATE \"{InternalDate}\" RFC822.SIZE {size}{(withBody ? $" BODY[] {{{Mails[uid].Length}}}\r\n{Mails[uid]}" : "")})");
                        }
                    }
                    break;
                case "LOGOUT": await SayAsync("* BYE"); break;
            }
            await SayAsync(end);
            if (words[1] == "LOGOUT") return;
        }
    }

    private static bool Names(string set, uint uid) => set.Split(',').Select(range => range.Split(':')).Any(range => uint.Parse(range[0], CultureInfo.InvariantCulture) <= uid && uid <= uint.Parse(range[^1], CultureInfo.InvariantCulture));
}
