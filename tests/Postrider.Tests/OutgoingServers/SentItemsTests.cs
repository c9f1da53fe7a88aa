using System.Text;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Tests.OutgoingMail;

namespace Postrider.Tests.OutgoingServers;

public sealed class SentItemsTests
{
    private static readonly EmailAddress Signer = EmailAddress.Parse(SentHubUnderTest.Sender);

    [Theory]
    [InlineData("Message-ID: <m1@hub.example>", "m1@hub.example")]
    [InlineData("Message-ID: <new@outlook.example>\r\nX-Microsoft-Original-Message-ID: <m1@hub.example>", "new@outlook.example")]
    [InlineData("Message-ID: <new@outlook.example>\r\nX-Postrider-Id: 0199AAAA-0000-7000-8000-000000000001", "new@outlook.example")]
    public async Task A_mail_is_found_by_any_of_its_marks(string header, string messageId)
    {
        await using var both = await SentHubUnderTest.StartAsync();
        Append(both, "Message-ID: <other@hub.example>\r\nReferences: <m1@hub.example>");
        var uid = Append(both, header);
        Append(both, "Message-ID: <xm1@hub.example.org>");
        Assert.Equal(new SentItemsAnswer.Found(Signer, "Sent Items", uid, messageId), await LookAsync(both));
        Assert.Equal("Sent Items", await both.Hub.Service<HubDatabase>().ReadAsync(reader => new SentItemsStore().Folder(reader, both.Server, Signer)));
        Assert.All(both.Box(SentHubUnderTest.Sender).SentItems.Messages(), message => Assert.Empty(message.Flags));
    }

    [Fact]
    public async Task A_mail_is_absent_when_every_mailbox_that_could_hold_it_was_searched()
    {
        await using var both = await SentHubUnderTest.StartAsync();
        Append(both, "Message-ID: <other@hub.example>\r\nX-Postrider-Id: 0199aaaa-0000-7000-8000-000000000002");
        Assert.IsType<SentItemsAnswer.Absent>(await LookAsync(both));

        // From another mailbox, which this account may not open: then nothing is known.
        var closed = Assert.IsType<SentItemsAnswer.CannotSearch>(await LookAsync(both, EmailAddress.Parse("ann@meadow.example")));
        Assert.StartsWith("ann@meadow.example: ", closed.Problem.What, StringComparison.Ordinal);
        var uid = Append(both, "Message-ID: <m1@hub.example>");
        Assert.Equal(new SentItemsAnswer.Found(Signer, "Sent Items", uid, "m1@hub.example"), await LookAsync(both, EmailAddress.Parse("ann@meadow.example")));
    }

    [Fact]
    public async Task A_folder_that_is_no_longer_there_is_looked_for_anew()
    {
        await using var both = await SentHubUnderTest.StartAsync();
        await both.Hub.Service<HubDatabase>().WriteAsync(tx => new SentItemsStore().Remember(tx, both.Server, Signer, "Gesendet"));
        var uid = Append(both, "Message-ID: <m1@hub.example>");
        Assert.Equal(new SentItemsAnswer.Found(Signer, "Sent Items", uid, "m1@hub.example"), await LookAsync(both));
    }

    [Fact]
    public async Task Where_the_server_refuses_to_search_the_newest_messages_are_read()
    {
        ImapWithoutSearch? without = null;
        await using var both = await SentHubUnderTest.StartAsync((port, trust) => without = new ImapWithoutSearch(port, trust));
        await using var _ = without;
        Append(both, "Message-ID: <other@hub.example>");
        Assert.IsType<SentItemsAnswer.Absent>(await LookAsync(both));
        Assert.Equal(3, without!.Refused);
        var uid = Append(both, "Message-ID: <m1@hub.example>");
        Assert.Equal(new SentItemsAnswer.Found(Signer, "Sent Items", uid, "m1@hub.example"), await LookAsync(both));

        // Behind so many of today's that were not looked at it may lie.
        for (var n = 0; n < 500; n++) Append(both, $"Message-ID: <later{n}@hub.example>");
        Assert.Equal("sent-items-not-searchable", Assert.IsType<SentItemsAnswer.CannotSearch>(await LookAsync(both)).Problem.Code);
    }

    [Theory]
    [InlineData("Gesendete Elemente")]
    [InlineData("Éléments envoyés")]
    [InlineData("Elementos enviados")]
    [InlineData("Posta inviata")]
    [InlineData("Verzonden items")]
    [InlineData("Itens Enviados")]
    [InlineData("Elementy wysłane")]
    [InlineData("Skickade objekt")]
    [InlineData("Sendt post")]
    [InlineData("Sendte elementer")]
    [InlineData("Lähetetyt")]
    [InlineData("Odeslaná pošta")]
    [InlineData("送信済みアイテム")]
    [InlineData("已发送邮件")]
    [InlineData("Отправленные")]
    [InlineData("Gönderilmiş Öğeler")]
    public void The_folder_is_known_in_many_languages(string name) => Assert.Equal(name, ImapFolderRoles.Find([new("INBOX", '/', []), new("Archive", '/', []), new(name, '/', [])], ImapFolderRole.Sent)?.Name);

    private static async Task<SentItemsAnswer> LookAsync(SentHubUnderTest both, EmailAddress? from = null)
    {
        var server = (await both.Hub.Service<OutgoingServerStore>().FindAsync(both.Server))!;
        return await both.Hub.Service<SentItems>().LookAsync(server, new SentMark("m1@hub.example", "0199aaaa-0000-7000-8000-000000000001", from ?? Signer, both.Sandbox.Clock.GetUtcNow()), TestContext.Current.CancellationToken);
    }

    private static uint Append(SentHubUnderTest both, string header) =>
        both.Box(SentHubUnderTest.Sender).SentItems.Append(Encoding.UTF8.GetBytes($"From: {SentHubUnderTest.Sender}\r\nTo: rosa@outlook.example\r\n{header}\r\nSubject: x\r\n\r\ntext\r\n"), [], both.Sandbox.Clock.GetUtcNow());
}
