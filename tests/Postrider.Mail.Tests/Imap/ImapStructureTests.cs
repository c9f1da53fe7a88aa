using System.Text;
using System.Text.Json;
using Postrider.Mail.Tests.Mime;

namespace Postrider.Mail.Tests.Imap;

/// <summary>ENVELOPE and BODYSTRUCTURE of real messages, held against what Dovecot says of them.</summary>
public sealed class ImapStructureTests
{
    [Fact]
    public async Task Envelopes_and_structures_are_Dovecots()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        using var mailboxes = new MailboxesInMemory();
        var expected = new List<IReadOnlyList<ImapTestValue>>();
        foreach (var folder in Corpora.FoldersWith("oracle.json"))
        {
            using var oracle = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(folder, "oracle.json")));
            foreach (var file in oracle.RootElement.EnumerateObject())
            {
                if (!file.Value.TryGetProperty("dovecot", out var dovecot) || dovecot.ValueKind != JsonValueKind.String || dovecot.GetString() is not { } said || !said.Contains("BODYSTRUCTURE", StringComparison.Ordinal)) continue;
                // The oracle lost the literals.
                if (said.Contains('{', StringComparison.Ordinal) || said.Count(c => c == '"') % 2 != 0 || !said.EndsWith(')')) continue;
                var path = Path.Combine(folder, "files", file.Name);
                if (!File.Exists(path)) continue;
                expected.Add(ImapTestValue.ReadAll(said)[1].Items);
                mailboxes.Inbox.Append(Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(await File.ReadAllBytesAsync(path)).Replace("\r\n", "\n", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal)), [], DateTimeOffset.UnixEpoch);
            }
        }
        await using var peer = await ImapTestPeer.StartAsync(mailboxes, ImapTestPeer.Full);
        await peer.AskAsync("SELECT INBOX");
        var responses = await peer.AskAsync("FETCH 1:* (ENVELOPE BODYSTRUCTURE)");
        var (envelopes, structures) = (0, 0);
        for (var i = 0; i < expected.Count; i++)
        {
            var items = ImapTestValue.ReadAll(responses[i][2..])[2].Items;
            if (Same(Item(expected[i], "ENVELOPE"), items[1])) envelopes++;
            if (Same(Item(expected[i], "BODYSTRUCTURE"), items[3])) structures++;
        }
        // The others are broken in ways that may be read either way: a header or boundary given twice, a Content-Type without a type, an address without a host, a part cut short.
        Assert.True(expected.Count > 200, $"Only {expected.Count} of the corpora have an oracle.");
        Assert.True(envelopes >= expected.Count * 95 / 100, $"{envelopes} of {expected.Count} envelopes");
        Assert.True(structures >= expected.Count * 85 / 100, $"{structures} of {expected.Count} structures");
    }

    private static ImapTestValue Item(IReadOnlyList<ImapTestValue> items, string name) => items[items.ToList().FindIndex(v => v.Text == name) + 1];

    private static bool Same(ImapTestValue expected, ImapTestValue actual) => expected.ToString()!.Equals(actual.ToString(), StringComparison.OrdinalIgnoreCase);
}
