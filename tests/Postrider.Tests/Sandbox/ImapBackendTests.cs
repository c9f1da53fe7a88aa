using System.Text;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.Sandbox;
using Postrider.Sandbox.Entra;
using static Postrider.Tests.Sandbox.ExchangeUnderTest;

namespace Postrider.Tests.Sandbox;

public sealed class ImapBackendTests
{
    [Fact]
    public async Task Message_that_was_sent_is_read_byte_for_byte_from_both_ends()
    {
        await using var exchange = await StartAsync();
        var message = Message();
        await exchange.SendAsync(message, to: [Ben]);
        Assert.Equal(message, await ReadOnlyAsync(exchange, Ben, "INBOX"));
        Assert.Equal(message, await ReadOnlyAsync(exchange, Ann, "Sent Items"));
    }

    [Fact]
    public async Task Folders_are_Exchanges_and_none_is_told_apart_by_its_use()
    {
        await using var exchange = await StartAsync();
        await using var client = await exchange.ConnectImapAsync();
        var folders = (await client.ListAsync("", "*", exchange.Cancel)).Value!;
        Assert.Equal(["Archive", "Deleted Items", "Drafts", "INBOX", "Junk Email", "Sent Items"], folders.Select(f => f.Name).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(folders, f => f.Attributes.Any(a => a is "\\Sent" or "\\Trash"));
        Assert.DoesNotContain("SPECIAL-USE", client.Capabilities);
        Assert.Contains("IDLE", client.Capabilities);
    }

    [Theory]
    [InlineData("wrong token")]
    [InlineData("token for Graph")]
    [InlineData("token without IMAP")]
    [InlineData("another person's mailbox")]
    [InlineData("unknown mailbox")]
    public async Task Identity_that_does_not_fit_is_refused(string what)
    {
        await using var exchange = await StartAsync();
        var token = what switch
        {
            "wrong token" => "EwBnothing",
            "token for Graph" => exchange.Token(Ann, ApiResource.Graph, "IMAP.AccessAsUser.All"),
            "token without IMAP" => exchange.Token(Ann, ApiResource.Outlook, "SMTP.Send"),
            "another person's mailbox" => exchange.Token(Ben),
            _ => exchange.Token(Ann),
        };
        var result = await ImapClient.ConnectAsync(exchange.Imap, new SaslCredential.XOAuth2(what == "unknown mailbox" ? "nobody@meadow.example" : Ann, token), options: null, exchange.Cancel);
        Assert.Equal("AUTHENTICATE", result.Failure!.Command);
        Assert.Contains("AUTHENTICATE failed.", result.Failure.ServerText, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Ann, Ann, "IMAP is off")]
    [InlineData(TenantSeed.SharedMailbox, Ben, "no FullAccess")]
    public async Task Mailbox_that_may_not_be_opened_is_accepted_and_then_not_connected(string mailbox, string person, string why)
    {
        await using var exchange = await StartAsync();
        if (why == "IMAP is off") exchange.Box(mailbox).Change(s => s with { ImapEnabled = false });
        await using var client = await exchange.ConnectImapAsync(mailbox, exchange.Token(person));
        var selected = await client.SelectAsync("INBOX", readOnly: false, exchange.Cancel);
        Assert.Contains("User is authenticated but not connected.", selected.Failure!.ServerText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Shared_mailbox_is_open_to_who_has_full_access()
    {
        await using var exchange = await StartAsync();
        await using var client = await exchange.ConnectImapAsync(TenantSeed.SharedMailbox, exchange.Token(Ann));
        Assert.True((await client.SelectAsync("INBOX", readOnly: true, exchange.Cancel)).Succeeded);
    }

    [Fact]
    public async Task Delivery_wakes_an_idle_session()
    {
        await using var exchange = await StartAsync();
        await using var client = await exchange.ConnectImapAsync(Ben);
        await client.SelectAsync("INBOX", readOnly: false, exchange.Cancel);
        var idle = client.IdleAsync(TimeSpan.FromMinutes(1), exchange.Cancel);
        await exchange.SendAsync(Message(), to: [Ben]);
        Assert.True((await idle).Value);
        Assert.Equal(1, client.Selected!.Exists);
    }

    [Fact]
    public async Task Session_ends_when_its_token_does()
    {
        await using var exchange = await StartAsync();
        await using var client = await exchange.ConnectImapAsync(Ann);
        await client.SelectAsync("INBOX", readOnly: false, exchange.Cancel);
        var idle = client.IdleAsync(TimeSpan.FromMinutes(1), exchange.Cancel);
        exchange.Sandbox.Clock.Advance(TimeSpan.FromMinutes(91));
        var ended = await idle;
        Assert.Contains("Session invalidated - AccessTokenExpired", ended.Failure!.ServerText, StringComparison.Ordinal);
        Assert.False(client.IsUsable);
    }

    [Fact]
    public async Task A_folder_made_again_within_the_second_has_another_UIDVALIDITY()
    {
        await using var exchange = await StartAsync();
        await using var client = await exchange.ConnectImapAsync(Ben);
        Assert.True((await client.CreateAsync("Orders", ImapFolderRole.None, exchange.Cancel)).Succeeded);
        var first = exchange.Box(Ben).Folder("Orders")!.UidValidity;
        Assert.True((await client.DeleteAsync("Orders", exchange.Cancel)).Succeeded);
        Assert.True((await client.CreateAsync("Orders", ImapFolderRole.None, exchange.Cancel)).Succeeded);
        Assert.True(exchange.Box(Ben).Folder("Orders")!.UidValidity > first);
    }

    [Fact]
    public async Task Mailboxes_of_a_folder_are_there_again_after_a_restart()
    {
        using var folder = new TemporaryFolder();
        var message = Message();
        uint validity;
        await using (var before = await StartAsync(folder.Path))
        {
            await before.SendAsync(message, to: [Ben, "customer@outside.example"]);
            await using var client = await before.ConnectImapAsync(Ben);
            await client.SelectAsync("INBOX", readOnly: false, before.Cancel);
            await client.UidStoreAsync([1], add: true, ["\\Seen", "\\Flagged"], before.Cancel);
            await client.AppendAsync("Drafts", ["\\Draft"], message, before.Cancel);
            before.Box(Ben).Folder("Drafts")!.Remove(1);
            validity = client.Selected!.UidValidity;
        }
        await using var after = await StartAsync(folder.Path);
        var kept = Assert.Single(after.Box(Ben).Inbox.Messages());
        Assert.Equal(message, kept.Bytes.ToArray());
        Assert.Equal(["\\Flagged", "\\Seen"], kept.Flags.Order(StringComparer.Ordinal));
        Assert.Equal(validity, after.Box(Ben).Inbox.UidValidity);
        Assert.Equal(2u, after.Box(Ben).Inbox.UidNext);
        Assert.Empty(after.Box(Ben).Folder("Drafts")!.Messages());
        Assert.Equal(2u, after.Box(Ben).Folder("Drafts")!.UidNext);
        Assert.Single(after.Box("customer@outside.example").Inbox.Messages());
    }

    private static async Task<byte[]> ReadOnlyAsync(ExchangeUnderTest exchange, string mailbox, string folder)
    {
        await using var client = await exchange.ConnectImapAsync(mailbox);
        Assert.True((await client.SelectAsync(folder, readOnly: true, exchange.Cancel)).Succeeded);
        var uids = (await client.UidSearchFromAsync(1, exchange.Cancel)).Value!;
        byte[]? body = null;
        await client.UidFetchAsync([Assert.Single(uids)], withBody: true, m => { body = m.Body; return ValueTask.CompletedTask; }, exchange.Cancel);
        return body!;
    }
}
