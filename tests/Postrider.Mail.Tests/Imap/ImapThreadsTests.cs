using System.Globalization;

namespace Postrider.Mail.Tests.Imap;

/// <summary>THREAD REFERENCES (RFC 5256 section 3), step by step.</summary>
public sealed class ImapThreadsTests
{
    [Theory]
    [InlineData("answers follow what they answer", "(1 2 3)", "a||Bread", "b|a|Re: Bread", "c|a b|Re: Bread")]
    [InlineData("two answers part the thread", "(1 (2)(3))", "a||Bread", "b|a|Re: Bread", "c|a|Re: Bread")]
    [InlineData("a missing parent joins its children", "((1)(2))", "b|a|x", "c|a|y")]
    [InlineData("a missing parent with one child is nobody", "(1)", "b|a|x")]
    [InlineData("a missing message in the middle is passed over", "(1 2)", "a||x", "c|a b|Re: x")]
    [InlineData("the same subject makes one thread of two", "((1)(2))", "a||Bread", "b||Bread")]
    [InlineData("an answer without references goes below its subject", "(1 2)", "a||Bread", "b||Re: Bread")]
    [InlineData("an answer that came first is below too", "(2 1)", "b||Re: Bread", "a||Bread")]
    [InlineData("without a subject nothing is joined", "(1)(2)", "a||", "b||")]
    [InlineData("a circle is not made", "(2 1)", "a|b|x", "b|a|Re: x")]
    [InlineData("a message that refers to itself is alone", "(1)", "a|a|x")]
    [InlineData("of two with one identifier the second is nobody's parent", "(1 3)(2)", "a||x", "a||y", "b|a|z")]
    [InlineData("three of a subject are one thread", "((1)(2)(3))", "a||Bread", "b||Bread", "c||Bread")]
    public async Task By_references(string why, string expected, params string[] messages) => Assert.Equal((why, "* THREAD " + expected), (why, await ThreadAsync(messages)));

    [Fact]
    public async Task A_conversation_may_be_very_long()
    {
        var messages = Enumerable.Range(1, 5000).Select(i => string.Create(CultureInfo.InvariantCulture, $"m{i}|m{i - 1}|Re: x")).ToArray();
        Assert.Equal("* THREAD (" + string.Join(' ', Enumerable.Range(1, 5000)) + ")", await ThreadAsync(messages));
    }

    /// <param name="messages">Identifier, references and subject, parted by bars; in the order of their dates.</param>
    private static async Task<string> ThreadAsync(params string[] messages)
    {
        using var mailboxes = new MailboxesInMemory();
        for (var i = 0; i < messages.Length; i++)
        {
            var parts = messages[i].Split('|');
            mailboxes.Inbox.Append(System.Text.Encoding.ASCII.GetBytes($"Message-ID: <{parts[0]}@x>\r\n{(parts[1].Length > 0 ? "References: " + string.Join(' ', parts[1].Split(' ').Select(r => $"<{r}@x>")) + "\r\n" : "")}Subject: {parts[2]}\r\n\r\n"), [], new DateTimeOffset(2026, 11, 22, 9, 0, 0, TimeSpan.Zero).AddMinutes(i));
        }
        await using var peer = await ImapTestPeer.StartAsync(mailboxes, ImapTestPeer.Full);
        await peer.AskAsync("SELECT INBOX");
        return (await peer.AskAsync("THREAD REFERENCES UTF-8 ALL"))[0];
    }
}
