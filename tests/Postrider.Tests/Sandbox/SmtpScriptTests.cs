using Postrider.Mail;
using Postrider.Mail.Smtp;
using Postrider.Sandbox.Exchange;
using static Postrider.Tests.Sandbox.ExchangeUnderTest;

namespace Postrider.Tests.Sandbox;

/// <summary>Faults on request, met by our own client and by Python's.</summary>
public sealed class SmtpScriptTests
{
    private const string Busy = "451 4.7.500 Server busy";

    public static TheoryData<SmtpStage, string> Replies => new()
    {
        { SmtpStage.Connect, "421 4.3.2 Service not available" },
        { SmtpStage.Connect, "554 5.7.1 No SMTP service here" },
        { SmtpStage.Hello, "421 4.7.66 TLS 1.0 and 1.1 are not supported. Visit https://aka.ms/smtp_auth_tls" },
        { SmtpStage.StartTls, "454 4.7.0 TLS not available due to temporary reason" },
        { SmtpStage.Auth, "454 4.7.0 Temporary authentication failure" },
        { SmtpStage.Auth, "535 5.7.142 Token will expire soon" },
        { SmtpStage.Auth, "501 5.5.121 Invalid XOAUTH2 argument" },
        { SmtpStage.Mail, "530 5.7.57 Client not authenticated to send mail" },
        { SmtpStage.Mail, "550 5.2.254 Sender throttled due to continuous too many recipients errors." },
        { SmtpStage.Rcpt, "451 4.5.3 Too many recipients" },
        { SmtpStage.Rcpt, "550 5.5.105 External recipient" },
        { SmtpStage.Data, Busy },
        { SmtpStage.EndOfData, "550 5.7.60 SMTP; Client does not have permissions to send as this sender" },
        { SmtpStage.EndOfData, "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded" },
        { SmtpStage.EndOfData, "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients" },
        { SmtpStage.EndOfData, "554 5.2.2 Submission quota exceeded" },
        { SmtpStage.EndOfData, "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException" },
        { SmtpStage.EndOfData, "550 5.1.8 Access denied, bad outbound sender" },
        { SmtpStage.EndOfData, "550 5.7.501 Access denied, spam abuse detected" },
        { SmtpStage.EndOfData, "550 5.7.708 Access denied, traffic not accepted from this IP" },
    };

    [Theory, MemberData(nameof(Replies))]
    public async Task Reply_is_met_once_at_its_stage_and_nothing_is_delivered(SmtpStage stage, string reply)
    {
        await using var exchange = await StartAsync();
        exchange.Sandbox.SmtpScript.Answer(stage, reply);
        Assert.Equal(reply, await TryAsync(exchange));
        Assert.Empty(exchange.Box(Ben).Inbox.Messages());
        Assert.Equal((1, 1), exchange.Sandbox.SmtpScript.Faults is [var fault] ? (fault.Met, fault.Played) : default);
        // Once is over.
        Assert.StartsWith("250 2.0.0 OK ", await TryAsync(exchange), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SmtpStage.Connect)]
    [InlineData(SmtpStage.Hello)]
    [InlineData(SmtpStage.StartTls)]
    [InlineData(SmtpStage.Auth)]
    [InlineData(SmtpStage.Mail)]
    [InlineData(SmtpStage.Rcpt)]
    [InlineData(SmtpStage.Data)]
    [InlineData(SmtpStage.EndOfData)]
    public async Task Server_hangs_up_at_each_stage_and_serves_the_next_connection(SmtpStage stage)
    {
        await using var exchange = await StartAsync();
        exchange.Sandbox.SmtpScript.Add(new SmtpFault(stage) { HangUp = SmtpHangUp.InsteadOfReply, Times = 1 });
        Assert.Equal(nameof(WireFailureKind.Disconnected), await TryAsync(exchange));
        Assert.Empty(exchange.Box(Ben).Inbox.Messages());
        Assert.StartsWith("250 2.0.0 OK ", await TryAsync(exchange), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Line_breaks_after_the_end_of_the_data_whether_the_message_is_taken_or_not(bool taken)
    {
        await using var exchange = await StartAsync();
        exchange.Sandbox.SmtpScript.Add(new SmtpFault(SmtpStage.EndOfData) { HangUp = SmtpHangUp.InsteadOfReply, Taken = taken, Times = 1 });
        var result = await exchange.SendAsync(Message(), to: [Ben]);
        Assert.True(result.Failure!.MessageMayBeTaken);
        Assert.Null(result.FinalReply);
        Assert.Equal(taken ? 1 : 0, exchange.Box(Ben).Inbox.Messages().Count);
        Assert.Equal(taken ? 1 : 0, exchange.Box(Ann).SentItems.Messages().Count);
        Assert.Equal(taken ? 1 : 0, exchange.Box(Ann).Submission.Counts.Messages);
    }

    [Fact]
    public async Task Client_is_told_that_it_is_taken_and_it_is_not_and_the_other_way_round()
    {
        await using var exchange = await StartAsync();
        exchange.Sandbox.SmtpScript.Add(new SmtpFault(SmtpStage.EndOfData) { Taken = false, Times = 1 });
        Assert.StartsWith("250 2.0.0 OK ", await TryAsync(exchange), StringComparison.Ordinal);
        Assert.Empty(exchange.Box(Ben).Inbox.Messages());
        exchange.Sandbox.SmtpScript.Add(new SmtpFault(SmtpStage.EndOfData) { Reply = SmtpReply.Read(Busy), Taken = true, Times = 1 });
        Assert.Equal(Busy, await TryAsync(exchange));
        Assert.Single(exchange.Box(Ben).Inbox.Messages());
    }

    [Fact]
    public async Task Connection_is_closed_behind_the_reply()
    {
        await using var exchange = await StartAsync();
        exchange.Sandbox.SmtpScript.Add(new SmtpFault(SmtpStage.EndOfData) { HangUp = SmtpHangUp.AfterReply, Times = 1 });
        await using var client = (await exchange.ConnectSmtpAsync()).Client!;
        Assert.Null((await SendAsync(exchange, client)).Failure);
        Assert.Single(exchange.Box(Ben).Inbox.Messages());
        Assert.Equal(WireFailureKind.Disconnected, (await SendAsync(exchange, client)).Failure!.Kind);
    }

    [Fact]
    public async Task Reply_waits_by_the_clock_of_the_sandbox()
    {
        await using var exchange = await StartAsync();
        exchange.Sandbox.SmtpScript.Add(new SmtpFault(SmtpStage.EndOfData) { Delay = TimeSpan.FromMinutes(9) });
        // The message is there before its reply.
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        exchange.Box(Ben).Inbox.Changed += arrived.SetResult;
        var sending = exchange.SendAsync(Message(), to: [Ben]);
        await arrived.Task.WaitAsync(exchange.Cancel);
        Assert.False(sending.IsCompleted);
        exchange.Sandbox.Clock.Advance(TimeSpan.FromMinutes(9));
        exchange.Sandbox.Clock.Advance(TimeSpan.FromMinutes(9));
        Assert.Null((await sending).Failure);
    }

    [Fact]
    public async Task Fault_concerns_an_address_or_a_domain_and_lets_the_others_pass()
    {
        await using var exchange = await StartAsync();
        exchange.Sandbox.SmtpScript.Add(new SmtpFault(SmtpStage.Rcpt) { Reply = SmtpReply.Read("550 5.1.1 No such user"), Address = "@outside.example" });
        var result = await exchange.SendAsync(Message(), to: [Ben, "nobody@outside.example"]);
        Assert.Equal([(true, 250), (false, 550)], result.Recipients.Select(r => (r.Accepted, r.Reply!.Code)));
        exchange.Sandbox.SmtpScript.Clear();
        exchange.Sandbox.SmtpScript.Add(new SmtpFault(SmtpStage.Auth) { Reply = SmtpReply.Read(Busy), Address = Ben });
        Assert.StartsWith("250 ", await TryAsync(exchange), StringComparison.Ordinal);
        Assert.Equal(Busy, (await exchange.ConnectSmtpAsync(Ben)).Failure!.Reply!.ToString());
    }

    [Fact]
    public async Task Fault_has_its_times()
    {
        await using var exchange = await StartAsync();
        await using var client = (await exchange.ConnectSmtpAsync()).Client!;
        async Task<string> RunAsync(SmtpFault fault, int messages)
        {
            exchange.Sandbox.SmtpScript.Clear();
            exchange.Sandbox.SmtpScript.Add(fault with { Reply = SmtpReply.Read(Busy) });
            var told = "";
            for (var i = 0; i < messages; i++) told += (await SendAsync(exchange, client)).FinalReply!.Code == 250 ? "." : "x";
            return told;
        }
        Assert.Equal("xx..", await RunAsync(new(SmtpStage.EndOfData) { Times = 2 }, 4));
        Assert.Equal("..x..x.", await RunAsync(new(SmtpStage.EndOfData) { Every = 3 }, 7));
        Assert.Equal("..xx.", await RunAsync(new(SmtpStage.EndOfData) { Skip = 2, Times = 2 }, 5));
        var now = exchange.Sandbox.Clock.GetUtcNow();
        Assert.Equal(".", await RunAsync(new(SmtpStage.EndOfData) { From = now.AddHours(1), Until = now.AddHours(2) }, 1));
        exchange.Sandbox.Clock.Advance(TimeSpan.FromMinutes(61));
        Assert.Equal(Busy, (await SendAsync(exchange, client)).FinalReply!.ToString());
        exchange.Sandbox.Clock.Advance(TimeSpan.FromMinutes(60));
        Assert.Equal(250, (await SendAsync(exchange, client)).FinalReply!.Code);
    }

    [Fact]
    public async Task Python_meets_the_same()
    {
        await using var exchange = await StartAsync();
        exchange.Sandbox.SmtpScript.Answer(SmtpStage.Hello, Busy);
        exchange.Sandbox.SmtpScript.Add(new SmtpFault(SmtpStage.Data) { Reply = SmtpReply.Read("451 4.3.2 Not now"), Times = 1 });
        exchange.Sandbox.SmtpScript.Add(new SmtpFault(SmtpStage.EndOfData) { HangUp = SmtpHangUp.InsteadOfReply, Taken = true, Times = 1 });
        var output = await PeerPrograms.PythonAsync($$"""
            import smtplib
            user = "{{Ann}}"
            token = "{{exchange.Token(Ann)}}"
            def connect():
                smtp = smtplib.SMTP("localhost", {{exchange.Sandbox.Smtp.Port}})
                smtp.starttls(context=context)
                smtp.ehlo()
                smtp.auth("XOAUTH2", lambda challenge=None: xoauth2(user, token))
                return smtp
            message = "From: " + user + "\r\nTo: {{Ben}}\r\nSubject: from Python\r\n\r\ntext\r\n"
            smtp = smtplib.SMTP("localhost", {{exchange.Sandbox.Smtp.Port}})
            print(smtp.docmd("EHLO", "client.example"))
            print(smtp.ehlo())
            smtp = connect()
            print("DSN" if smtp.has_extn("dsn") else "no DSN")
            try:
                smtp.sendmail(user, ["{{Ben}}"], message)
            except smtplib.SMTPDataError as e:
                print(e)
            smtp.rset()
            try:
                smtp.sendmail(user, ["{{Ben}}"], message, rcpt_options=["NOTIFY=FAILURE"])
            except smtplib.SMTPServerDisconnected as e:
                print("disconnected")
            """, exchange);
        Assert.Contains("(451, b'4.7.500 Server busy')", output, StringComparison.Ordinal);
        Assert.Contains("(451, b'4.3.2 Not now')", output, StringComparison.Ordinal);
        Assert.Contains("disconnected", output, StringComparison.Ordinal);
        Assert.DoesNotContain("no DSN", output, StringComparison.Ordinal);
        Assert.Single(exchange.Box(Ben).Inbox.Messages());
    }

    [Fact]
    public async Task Hello_has_the_lines_of_Exchange_in_their_order()
    {
        await using var exchange = await StartAsync();
        var output = await PeerPrograms.PythonAsync($"""
            import smtplib
            smtp = smtplib.SMTP("localhost", {exchange.Sandbox.Smtp.Port})
            print(smtp.ehlo()[1].decode().replace("\n", " / "))
            smtp.starttls(context=context)
            print(smtp.ehlo()[1].decode().replace("\n", " / "))
            """, exchange);
        Assert.Contains("Hello [127.0.0.1] / SIZE 157286400 / PIPELINING / DSN / ENHANCEDSTATUSCODES / STARTTLS / 8BITMIME / BINARYMIME / CHUNKING / SMTPUTF8", output, StringComparison.Ordinal);
        Assert.Contains("Hello [127.0.0.1] / SIZE 157286400 / PIPELINING / DSN / ENHANCEDSTATUSCODES / AUTH LOGIN XOAUTH2 / 8BITMIME / BINARYMIME / CHUNKING / SMTPUTF8", output, StringComparison.Ordinal);
    }

    public static TheoryData<SmtpFault, string> Flawed => new()
    {
        { new(SmtpStage.Mail), "Nothing would go wrong" },
        { new(SmtpStage.Mail) { Taken = true }, "Only at the end of the data" },
        { new(SmtpStage.Hello) { HangUp = SmtpHangUp.AfterReply, Address = Ann }, "nobody is known yet" },
        { new(SmtpStage.Mail) { HangUp = SmtpHangUp.AfterReply, Address = "everybody" }, "neither an address nor a domain" },
        { new(SmtpStage.Mail) { HangUp = SmtpHangUp.InsteadOfReply, Reply = new(451, null, "x") }, "gives none" },
        { new(SmtpStage.Mail) { Delay = TimeSpan.FromSeconds(-1) }, "A delay is" },
        { new(SmtpStage.Mail) { HangUp = SmtpHangUp.AfterReply, Every = 0 }, "every and times are 1 or more" },
        { new(SmtpStage.Mail) { HangUp = SmtpHangUp.AfterReply, From = DateTimeOffset.UnixEpoch, Until = DateTimeOffset.UnixEpoch }, "end before it begins" },
    };

    [Theory, MemberData(nameof(Flawed))]
    public void Fault_that_cannot_be_meant_is_refused(SmtpFault fault, string flaw) => Assert.Contains(flaw, fault.Flaw(), StringComparison.Ordinal);

    private static Task<SmtpSendResult> SendAsync(ExchangeUnderTest exchange, SmtpClient client)
    {
        var message = Message();
        return client.SendAsync(EmailAddress.Parse(Ann), [EmailAddress.Parse(Ben)], new MemoryStream(message), message.Length, exchange.Cancel);
    }

    /// <summary>The reply that decides over one message on a connection of its own, or how the connection failed.</summary>
    private static async Task<string> TryAsync(ExchangeUnderTest exchange)
    {
        var connected = await exchange.ConnectSmtpAsync();
        if (connected.Failure is { } failure) return failure.Reply?.ToString() ?? failure.Kind.ToString();
        await using var client = connected.Client!;
        var result = await SendAsync(exchange, client);
        return result.Failure is { } failed ? failed.Reply?.ToString() ?? (result.Recipients is [{ Reply: { IsPositive: false } refusal }] ? refusal.ToString() : failed.Kind.ToString()) : result.FinalReply!.ToString();
    }
}
