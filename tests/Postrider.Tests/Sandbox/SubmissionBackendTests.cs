using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Sandbox;
using Postrider.Sandbox.Entra;
using static Postrider.Tests.Sandbox.ExchangeUnderTest;

namespace Postrider.Tests.Sandbox;

public sealed class SubmissionBackendTests
{
    [Fact]
    public async Task Message_arrives_byte_for_byte_and_a_copy_lies_in_Sent_Items()
    {
        await using var exchange = await StartAsync();
        var message = Message(subject: "Grüße");
        var result = await exchange.SendAsync(message, to: [Ben, "customer@outside.example"]);
        Assert.Null(result.Failure);
        Assert.StartsWith("250 2.0.0 OK <", result.FinalReply!.ToString(), StringComparison.Ordinal);
        Assert.Equal(message, Assert.Single(exchange.Box(Ben).Inbox.Messages()).Bytes.ToArray());
        Assert.Equal(message, Assert.Single(exchange.Box("customer@outside.example").Inbox.Messages()).Bytes.ToArray());
        var sent = Assert.Single(exchange.Box(Ann).SentItems.Messages());
        Assert.Equal(message, sent.Bytes.ToArray());
        Assert.Equal(["\\Seen"], sent.Flags);
        Assert.Empty(exchange.Box(Ann).Inbox.Messages());
    }

    [Theory]
    [InlineData("wrong token")]
    [InlineData("token for Graph")]
    [InlineData("token without SMTP.Send")]
    [InlineData("another person's token")]
    [InlineData("expired token")]
    [InlineData("unknown mailbox")]
    [InlineData("disabled person")]
    public async Task Identity_that_does_not_fit_is_refused_with_5_7_3(string what)
    {
        await using var exchange = await StartAsync();
        var token = what switch
        {
            "wrong token" => "EwBnothing",
            "token for Graph" => exchange.Token(Ann, ApiResource.Graph, "SMTP.Send"),
            "token without SMTP.Send" => exchange.Token(Ann, ApiResource.Outlook, "IMAP.AccessAsUser.All"),
            "another person's token" => exchange.Token(Ben),
            _ => exchange.Token(Ann),
        };
        if (what == "expired token") exchange.Sandbox.Clock.Advance(TimeSpan.FromHours(2));
        if (what == "disabled person") exchange.Sandbox.Directory.SetUserEnabled(exchange.User(Ann).Id, false);
        var result = await exchange.ConnectSmtpAsync(what == "unknown mailbox" ? "nobody@meadow.example" : Ann, token);
        Assert.Equal("AUTH", result.Failure!.Stage);
        Assert.Matches(@"^535 5\.7\.3 Authentication unsuccessful \[SBX.* \d{4}-\d\d-\d\dT[0-9:.]+Z [0-9A-F]{16}\]$", result.Failure.Reply!.ToString());
    }

    [Fact]
    public async Task Password_is_refused_because_basic_authentication_is_off()
    {
        await using var exchange = await StartAsync();
        var output = await PeerPrograms.PythonAsync($"""
            import smtplib
            smtp = smtplib.SMTP("localhost", {exchange.Sandbox.Smtp.Port})
            smtp.starttls(context=context)
            smtp.ehlo()
            print(smtp.docmd("AUTH LOGIN"))
            print(smtp.docmd(base64.b64encode(b"{Ann}").decode()))
            print(smtp.docmd(base64.b64encode(b"{TenantSeed.Password}").decode()))
            """, exchange);
        Assert.Contains("5.7.139 Authentication unsuccessful, basic authentication is disabled.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Switch_of_the_mailbox_and_of_the_tenant_have_each_their_sentence()
    {
        await using var exchange = await StartAsync();
        var tenant = exchange.User(Ann).TenantId;

        exchange.Sandbox.Mailboxes.ChangeTenant(tenant, t => t with { SmtpClientAuthenticationDisabled = true });
        Assert.StartsWith("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [", (await exchange.ConnectSmtpAsync()).Failure!.Reply!.ToString(), StringComparison.Ordinal);

        exchange.Box(Ann).Change(s => s with { SmtpClientAuthenticationDisabled = false });
        await using (var allowed = (await exchange.ConnectSmtpAsync()).Client) Assert.NotNull(allowed);

        exchange.Box(Ann).Change(s => s with { SmtpClientAuthenticationDisabled = true });
        Assert.StartsWith("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. ", (await exchange.ConnectSmtpAsync()).Failure!.Reply!.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("From header", Ben, Ann)]
    [InlineData("envelope", Ann, Ben)]
    [InlineData("somebody outside", "ceo@elsewhere.example", Ann)]
    public async Task Sender_without_the_right_is_refused_after_the_message_and_nothing_is_delivered(string what, string header, string envelope)
    {
        await using var exchange = await StartAsync();
        await using var client = (await exchange.ConnectSmtpAsync()).Client!;
        var message = Message(from: header);
        var result = await client.SendAsync(EmailAddress.Parse(envelope), [EmailAddress.Parse("sales@meadow.example")], new MemoryStream(message), message.Length, exchange.Cancel);
        Assert.True(result.Failure!.Stage == "END OF DATA", what);
        Assert.StartsWith($"554 5.2.252 SendAsDenied; {Ann} not allowed to send as {(header == Ann ? envelope : header)}; STOREDRV.Submission.Exception:SendAsDeniedException", result.FinalReply!.ToString(), StringComparison.Ordinal);
        Assert.Empty(exchange.Box("sales@meadow.example").Inbox.Messages());
        Assert.Empty(exchange.Box(Ann).SentItems.Messages());
    }

    [Fact]
    public async Task Right_to_send_as_lets_a_message_through()
    {
        await using var exchange = await StartAsync();
        exchange.Box(Ben).Change(s => s with { SendAs = s.SendAs.Add(exchange.User(Ann).Id) });
        await using var client = (await exchange.ConnectSmtpAsync()).Client!;
        var message = Message(from: Ben);
        var result = await client.SendAsync(EmailAddress.Parse(Ann), [EmailAddress.Parse("sales@meadow.example")], new MemoryStream(message), message.Length, exchange.Cancel);
        Assert.Null(result.Failure);
    }

    [Fact]
    public async Task Shared_mailbox_is_used_with_the_token_of_a_person_who_has_the_right()
    {
        await using var exchange = await StartAsync();
        Assert.NotNull((await exchange.ConnectSmtpAsync(TenantSeed.SharedMailbox, exchange.Token(Ben))).Failure);
        await using var client = (await exchange.ConnectSmtpAsync(TenantSeed.SharedMailbox, exchange.Token(Ann))).Client!;
        var message = Message(from: TenantSeed.SharedMailbox);
        Assert.Null((await client.SendAsync(EmailAddress.Parse(TenantSeed.SharedMailbox), [EmailAddress.Parse(Ben)], new MemoryStream(message), message.Length, exchange.Cancel)).Failure);
        Assert.Single(exchange.Box(TenantSeed.SharedMailbox).SentItems.Messages());
    }

    [Fact]
    public async Task Fourth_connection_of_a_mailbox_is_refused_at_the_end_of_data_until_one_of_the_others_ends()
    {
        await using var exchange = await StartAsync();
        var clients = new List<SmtpClient>();
        for (var i = 0; i < 4; i++) clients.Add((await exchange.ConnectSmtpAsync()).Client!);
        var message = Message();
        Task<SmtpSendResult> Send(SmtpClient client) => client.SendAsync(EmailAddress.Parse(Ann), [EmailAddress.Parse(Ben)], new MemoryStream(message), message.Length, exchange.Cancel);

        Assert.StartsWith("432 4.3.2 Concurrent connections limit exceeded.", (await Send(clients[3])).FinalReply!.ToString(), StringComparison.Ordinal);
        Assert.Empty(exchange.Box(Ben).Inbox.Messages());
        Assert.Null((await Send(clients[0])).Failure);
        // Another mailbox is not concerned.
        Assert.Null((await exchange.SendAsync(Message(from: Ben), Ben, Ann)).Failure);

        await clients[1].DisposeAsync();
        SmtpSendResult again;
        do again = await Send(clients[3]); while (again.FinalReply?.Code == 432 && !exchange.Cancel.IsCancellationRequested);
        Assert.Null(again.Failure);
        foreach (var client in clients) await client.DisposeAsync();
    }

    [Fact]
    public async Task Message_beyond_the_mailboxs_limit_is_refused_with_552()
    {
        await using var exchange = await StartAsync();
        exchange.Box(Ann).Change(s => s with { MaxSendBytes = 100_000 });
        var result = await exchange.SendAsync(Message(body: string.Concat(Enumerable.Repeat("0123456789\r\n", 10_000))), to: [Ben]);
        Assert.StartsWith("552 5.3.4 ", result.FinalReply!.ToString(), StringComparison.Ordinal);
        Assert.Empty(exchange.Box(Ben).Inbox.Messages());
    }

    [Fact]
    public async Task Plus_address_reaches_the_mailbox_without_it()
    {
        await using var exchange = await StartAsync();
        Assert.Null((await exchange.SendAsync(Message(), to: ["ben+orders@meadow.example"])).Failure);
        Assert.Single(exchange.Box(Ben).Inbox.Messages());
    }
}
