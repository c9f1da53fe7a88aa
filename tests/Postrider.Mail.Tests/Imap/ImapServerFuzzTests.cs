using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Imap;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Tests.Mime;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Imap;

/// <summary>What hostile clients do to our server: nothing fails inside, every session ends, and how the bytes arrive makes no difference.</summary>
public sealed partial class ImapServerFuzzTests
{
    private static readonly string[] Words =
    [
        "FETCH", "UID", "SEARCH", "STORE", "SORT", "THREAD", "1", "1:*", "*", "2,1", "$", "FLAGS", "(FLAGS UID)", "BODY[]", "BODY.PEEK[1.2.HEADER]<0.5>", "BINARY[1]", "BINARY.SIZE[1]", "ENVELOPE", "BODYSTRUCTURE", "FULL", "MODSEQ", "(MODSEQ)", "(CHANGEDSINCE 2)",
        "(UNCHANGEDSINCE 2)", "INBOX", "\"Sent Items\"", "+FLAGS", "-FLAGS.SILENT", "(\\Seen \\Deleted)", "LIST", "\"\"", "(SUBSCRIBED)", "RETURN", "(MIN MAX SAVE)", "()", "(STATUS (MESSAGES))", "STATUS", "(MESSAGES UNSEEN HIGHESTMODSEQ)", "APPEND", "{3+}\r\nabc", "~{3+}\r\na\0c",
        "{2}\r\nxy", "COPY", "MOVE", "EXPUNGE", "CLOSE", "CREATE", "DELETE", "RENAME", "a/b", "NOT", "OR", "(", ")", "HEADER", "SUBJECT", "\"x\\\"y\"", "SINCE", "1-Jan-2026", "CHARSET", "ISO-8859-1", "UTF-8", "REFERENCES", "ORDEREDSUBJECT", "(REVERSE SUBJECT DATE)", "YOUNGER", "KEYWORD",
        "NOOP", "IDLE", "DONE", "SELECT", "EXAMINE", "(CONDSTORE)", "ENABLE", "IMAP4rev2", "CONDSTORE", "ID", "NIL", "NAMESPACE", "LSUB", "%", "CHECK", "UNSELECT", "SUBSCRIBE", "LOGOUT", "STARTTLS", "\"", "{", "}", "{99999999999}", "{-1}", "\\", "&AOQ-", "&", "ü", "~", "<", "]", "\r\n",
    ];

    [Fact]
    public void Whatever_a_client_sends_is_answered_alike_however_it_arrives() =>
        Prop.ForAll(Commands.ToArbitrary(), text =>
        {
            var whole = Replies(text, int.MaxValue);
            Assert.Equal(whole, Replies(text, 1));
            Assert.Equal(whole, Replies(text, 7));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    [Fact]
    public void Damaged_scripts_of_ImapTest_are_answered_alike_however_they_arrive()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var commands = Directory.GetFiles(Path.Combine(Corpora.Root!, "imap-imaptest", "files")).Where(f => !f.EndsWith(".mbox", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .SelectMany(f => CommandPattern().Matches(File.ReadAllText(f, Encoding.Latin1)).Select(m => VariablePattern().Replace(m.Groups["command"].Value, "INBOX"))).Where(c => c.Length < 500).ToList();
        Assert.True(commands.Count > 200, $"{commands.Count} commands");
        var chance = new Random(1);
        for (var n = 0; n < 1000; n++)
        {
            var lines = Enumerable.Range(0, 12).Select(i => string.Create(CultureInfo.InvariantCulture, $"t{i} {Damaged(commands[chance.Next(commands.Count)], chance)}\r\n"));
            var text = string.Concat(lines);
            var whole = Replies(text, int.MaxValue);
            Assert.Equal(whole, Replies(text, 1));
        }
    }

    private static Gen<string> Commands
    {
        get
        {
            var line = from list in Gen.ListOf(Gen.Elements(Words)) from separator in Gen.Elements(" ", " ", " ", "") select string.Join(separator, list.Take(8));
            return from lines in Gen.ListOf(line) select string.Concat(lines.Take(12).Select((l, i) => string.Create(CultureInfo.InvariantCulture, $"t{i} {l}\r\n")));
        }
    }

    private static string Damaged(string command, Random chance)
    {
        var text = new StringBuilder(command);
        for (var n = chance.Next(3); n > 0 && text.Length > 0; n--)
        {
            var at = chance.Next(text.Length);
            switch (chance.Next(4))
            {
                case 0: text.Remove(at, Math.Min(text.Length - at, chance.Next(1, 6))); break;
                case 1: text.Insert(at, Words[chance.Next(Words.Length)]); break;
                case 2: text[at] = (char)chance.Next(1, 256); break;
                default: text.Insert(at, text.ToString(at, Math.Min(text.Length - at, 10))); break;
            }
        }
        return text.ToString();
    }

    /// <summary>All that the server says to these commands after sign-in and SELECT.</summary>
    /// <param name="most">Bytes that arrive at once, at most.</param>
    private static string Replies(string text, int most)
    {
        using var mailboxes = new MailboxesInMemory("Sent Items") { KeepsAll = true };
        mailboxes.Inbox.Append("Subject: one\r\nMessage-ID: <1@a>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nloaves\r\n--b--\r\n");
        mailboxes.Inbox.Append("Subject: Re: one\r\nReferences: <1@a>\r\n\r\nx");
        var faults = new List<Exception>();
        var (theirs, ours) = PairedStream.Create(most);
        ours.WriteAsync(Encoding.Latin1.GetBytes("a AUTHENTICATE XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgc2VjcmV0AQE=\r\nb SELECT INBOX\r\n" + text)).AsTask().Wait();
        ours.Dispose();
        Task.Run(async () =>
        {
            await using var connection = WireConnection.Over(theirs, Dialogue.Loopback);
            using var session = new ImapSession(connection, ImapTestPeer.Full with { Clock = new FakeClock(), OnFault = faults.Add }, mailboxes);
            await session.RunAsync(CancellationToken.None);
        }).WaitAsync(TimeSpan.FromSeconds(20)).GetAwaiter().GetResult();
        Assert.Empty(faults);
        using var said = new MemoryStream();
        ours.CopyToAsync(said).Wait();
        return Encoding.Latin1.GetString(said.ToArray());
    }

    [GeneratedRegex("^([0-9]+ )?(ok|no|bad|\"\") (?<command>[^{\n]+)$", RegexOptions.ExplicitCapture | RegexOptions.Multiline, 5000)]
    private static partial Regex CommandPattern();

    [GeneratedRegex(@"\$\{?\w+\}?", RegexOptions.None, 5000)]
    private static partial Regex VariablePattern();
}
