using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Postrider.Mail.Mime;
using Postrider.Mail.Tests.Mime;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Mail.Tests.Imap;

/// <summary>Real messages in our server and in Dovecot: both are asked the same, and answer the same.</summary>
public sealed partial class ImapServerBesideDovecotTests
{
    private const int Messages = 300;

    [Fact]
    public async Task Both_find_sort_and_cut_real_messages_alike()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        await using var dovecot = await DovecotUnderTest.StartAsync();
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, dovecot.ImapsPort);
#pragma warning disable CA5359 // A server on loopback, started a moment ago.
        await using var secured = new SslStream(socket.GetStream(), false, (_, _, _, _) => true);
#pragma warning restore CA5359
        await secured.AuthenticateAsClientAsync("localhost");
        await using var theirs = await ImapTestPeer.OverAsync(secured);
        var sasl = Convert.ToBase64String(Encoding.ASCII.GetBytes($"user=beside@example.test\u0001auth=Bearer {dovecot.Mint("beside@example.test")}\u0001\u0001"));
        Assert.StartsWith("OK", (await theirs.AskAsync("AUTHENTICATE XOAUTH2 " + sasl))[^1], StringComparison.Ordinal);
        using var mailboxes = new MailboxesInMemory { KeepsAll = true };
        await using var ours = await ImapTestPeer.StartAsync(mailboxes, ImapTestPeer.Full);

        var all = Corpora.Files().Where(f => f.Contains("ham-spamassassin", StringComparison.Ordinal) || f.Contains("bounces-sisimai", StringComparison.Ordinal)).Where(IsInOrder).ToList();
        var files = Enumerable.Range(0, Messages).Select(i => all[i * all.Count / Messages]).ToList();
        for (var i = 0; i < files.Count; i++)
        {
            // Dovecot stores LF: a lone CR or LF does not come back as it went.
            var text = Encoding.Latin1.GetString(await File.ReadAllBytesAsync(files[i])).Replace("\r", "", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal);
            var append = string.Create(CultureInfo.InvariantCulture, $"APPEND INBOX ({(i % 3 == 0 ? "\\Seen" : "")}) \"{i % 28 + 1,2}-Oct-2026 10:00:00 +0000\" {{{text.Length}+}}\r\n{text}");
            foreach (var peer in new[] { theirs, ours }) Assert.StartsWith("OK", (await peer.AskAsync(append))[^1], StringComparison.Ordinal);
        }
        foreach (var peer in new[] { theirs, ours }) await peer.AskAsync("SELECT INBOX");

        string[] questions =
        [
            "SEARCH ALL", "SEARCH SEEN", "SEARCH NOT SEEN 1:50,100:*", "SEARCH LARGER 3000", "SEARCH SMALLER 1200", "SEARCH BEFORE 10-Oct-2026", "SEARCH ON 11-Oct-2026", "SEARCH SINCE 20-Oct-2026",
            "SEARCH FROM example", "SEARCH TO list", "SEARCH CC a", "SEARCH SUBJECT re", "SEARCH HEADER Message-ID com", "SEARCH HEADER X-Mailer \"\"", "SEARCH BODY unsubscribe", "SEARCH TEXT received", "SEARCH OR FROM com (SUBJECT a NOT SUBJECT b)",
            "SEARCH SENTSINCE 1-Jan-2003", "SEARCH SENTBEFORE 1-Jan-2003", "SEARCH SENTON 22-Aug-2002", "SEARCH UID 5:25 UNSEEN", "UID SEARCH RETURN (MIN MAX COUNT) SUBJECT the",
            "SORT (ARRIVAL) UTF-8 ALL", "SORT (DATE) UTF-8 ALL", "SORT (REVERSE SIZE) UTF-8 ALL", "SORT (FROM) UTF-8 ALL", "SORT (TO) UTF-8 ALL", "SORT (CC) UTF-8 ALL", "SORT (SUBJECT) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL", "THREAD ORDEREDSUBJECT UTF-8 ALL",
        ];
        foreach (var question in questions) Assert.Equal(question + " " + await AnswerAsync(theirs, question), question + " " + await AnswerAsync(ours, question), ignoreCase: true);

        // Dovecot gives the line end before a delimiter to the part where a delimiter stands before it (RFC 2046 section 5.1.1 gives it to the delimiter), and reads a few broken headers otherwise.
        (string Part, int Least)[] parts =
        [
            ("RFC822.SIZE", Messages), ("INTERNALDATE", Messages), ("BODY.PEEK[]", Messages), ("BODY.PEEK[HEADER]", Messages), ("BODY.PEEK[TEXT]", Messages), ("BODY.PEEK[TEXT]<10.50>", Messages),
            ("BODY.PEEK[HEADER.FIELDS (From Subject X-None)]", Messages), ("BODY.PEEK[HEADER.FIELDS.NOT (Received From)]", Messages), ("BODY.PEEK[2]", Messages), ("BODY.PEEK[2.MIME]", Messages), ("BODY.PEEK[2.HEADER]", Messages), ("BODY.PEEK[2.TEXT]", Messages),
            ("BODY.PEEK[1]", Messages - 10), ("BODY.PEEK[1.MIME]", Messages - 2), ("ENVELOPE", Messages - 3), ("BODY", Messages - 6), ("BODYSTRUCTURE", Messages - 6),
        ];
        foreach (var (part, least) in parts)
        {
            var (a, b) = (await theirs.AskAsync($"FETCH 1:* ({part})"), await ours.AskAsync($"FETCH 1:* ({part})"));
            var same = Enumerable.Range(0, Messages).Count(i => Said(a[i]) == Said(b[i]));
            Assert.True(same >= least, $"{part}: {same} of {Messages}");
        }
    }

    /// <summary>The one item, without what servers may choose: the case of letters, NIL or an empty string, and how much space a fold leaves.</summary>
    private static string Said(string response) =>
        Space().Replace(ImapTestValue.ReadAll(response[2..])[2].Items[1].ToString()!.Replace("NIL", "\"\"", StringComparison.Ordinal), " ").Replace(" \"", "\"", StringComparison.Ordinal).Replace("\" ", "\"", StringComparison.Ordinal).ToUpperInvariant();

    [GeneratedRegex(@"[ \t]+", RegexOptions.None, 5000)]
    private static partial Regex Space();

    /// <summary>What is broken is read by each in its own way.</summary>
    private static bool IsInOrder(string file)
    {
        var bytes = File.ReadAllBytes(file);
        if (bytes.Length > 30_000 || bytes.AsSpan().Contains((byte)0)) return false;
        var message = MimeMessage.Read(bytes);
        return message.From.Count == 1 && message.Date is { Year: > 1990 and < 2027 } && (message.To.Count > 0 || message.Header("To") is null) && (message.Cc.Count > 0 || message.Header("Cc") is null);
    }

    // Without the tag, which ESEARCH names.
    private static async Task<string> AnswerAsync(ImapTestPeer peer, string question) => (await peer.AskAsync(question))[0].Replace(peer.LastTag, "tag", StringComparison.Ordinal);
}
