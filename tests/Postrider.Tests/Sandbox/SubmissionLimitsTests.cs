using Postrider.Mail;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Sandbox;
using Postrider.Sandbox.Exchange;
using static Postrider.Tests.Sandbox.ExchangeUnderTest;

namespace Postrider.Tests.Sandbox;

/// <summary>Exchange Online's limits of SMTP submission, by the sandbox's clock.</summary>
public sealed class SubmissionLimitsTests
{
    private const string Customer = "customer@outside.example";

    [Fact]
    public async Task Message_beyond_the_rate_is_answered_a_minute_later_and_not_refused()
    {
        await using var exchange = await StartAsync();
        exchange.Box(Ann).Change(s => s with { MessagesPerMinute = 2 });
        await using var session = await Session.OpenAsync(exchange);
        for (var i = 0; i < 2; i++) Assert.Null((await session.SendAsync(Ben)).Failure);

        var third = session.SendAsync(Ben);
        var counts = await exchange.Box(Ann).Submission.WhenAsync(c => c.Delayed == 1, exchange.Cancel);
        Assert.False(third.IsCompleted);
        Assert.Equal(2, exchange.Box(Ben).Inbox.Messages().Count);
        Assert.Equal((3, 0), (counts.Messages, counts.Throttled));

        exchange.Sandbox.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Null((await third).Failure);
        Assert.Equal(3, exchange.Box(Ben).Inbox.Messages().Count);
        // The minute is over, so there is room again.
        Assert.Null((await session.SendAsync(Ben)).Failure);
        Assert.Equal(1, exchange.Box(Ann).Submission.Counts.Delayed);
    }

    [Fact]
    public async Task Waits_that_are_skipped_move_the_clock_by_a_minute_for_each_thirty_messages()
    {
        await using var exchange = await StartAsync(skipWaits: true);
        await using var session = await Session.OpenAsync(exchange);
        for (var i = 0; i < 95; i++) Assert.Null((await session.SendAsync(Ben)).Failure);
        var counts = exchange.Box(Ann).Submission.Counts;
        Assert.Equal((95, 95), (counts.Messages, counts.Recipients));
        // At least one for each full minute; more where the messages before had come one after the other.
        Assert.InRange(counts.Delayed, 3, 65);
        Assert.InRange(exchange.Sandbox.Clock.Ahead, TimeSpan.FromMinutes(2.5), TimeSpan.FromMinutes(3));
    }

    [Fact]
    public async Task Sandbox_that_stops_does_not_wait_for_a_reply_that_waits()
    {
        var exchange = await StartAsync();
        exchange.Box(Ann).Change(s => s with { MessagesPerMinute = 1 });
        await using var session = await Session.OpenAsync(exchange);
        await session.SendAsync(Ben);
        var second = session.SendAsync(Ben);
        await exchange.Box(Ann).Submission.WhenAsync(c => c.Delayed == 1, exchange.Cancel);
        await exchange.DisposeAsync();
        Assert.StartsWith("421 4.3.2 ", (await second).FinalReply!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Errors_of_one_kind_in_a_row_close_the_mailbox_until_its_time_is_over()
    {
        await using var exchange = await StartAsync();
        exchange.Box(Ann).Change(s => s with { ErrorsUntilThrottled = 3, ThrottledFor = TimeSpan.FromMinutes(20) });
        await using var session = await Session.OpenAsync(exchange);
        // A message that is taken ends the row.
        for (var i = 0; i < 2; i++) Assert.StartsWith("554 5.2.252 SendAsDenied; ", await session.AnswerAsync(from: Ben), StringComparison.Ordinal);
        Assert.StartsWith("250 ", await session.AnswerAsync(), StringComparison.Ordinal);
        for (var i = 0; i < 3; i++) Assert.StartsWith("554 5.2.252 SendAsDenied; ", await session.AnswerAsync(from: Ben), StringComparison.Ordinal);

        Assert.Equal("550 5.2.252 Sender throttled due to continuous send as denied errors.", await session.AnswerAsync());
        await using (var another = await Session.OpenAsync(exchange)) Assert.StartsWith("550 5.2.252 Sender throttled ", await another.AnswerAsync(), StringComparison.Ordinal);
        // Other mailboxes are not concerned.
        await using (var ben = await Session.OpenAsync(exchange, Ben)) Assert.StartsWith("250 ", await ben.AnswerAsync(from: Ben), StringComparison.Ordinal);
        Assert.Equal((1, 2, 5), (exchange.Box(Ann).Submission.Counts.Latches, exchange.Box(Ann).Submission.Counts.Throttled, exchange.Box(Ann).Submission.Counts.Refused));

        exchange.Sandbox.Clock.Advance(TimeSpan.FromMinutes(21));
        Assert.StartsWith("250 ", await session.AnswerAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ThrottleReason.MailboxFull, "550 5.2.251 Sender throttled due to continuous mailbox full errors.")]
    [InlineData(ThrottleReason.SendAsDenied, "550 5.2.252 Sender throttled due to continuous send as denied errors.")]
    [InlineData(ThrottleReason.InvalidLicense, "550 5.2.253 Sender throttled due to continuous invalid license errors.")]
    [InlineData(ThrottleReason.TooManyRecipients, "550 5.2.254 Sender throttled due to continuous too many recipients errors.")]
    [InlineData(ThrottleReason.InvalidRecipients, "550 5.2.255 Sender throttled due to continuous invalid recipients errors.")]
    public async Task Mailbox_is_closed_by_hand_for_each_reason_and_opened_again(ThrottleReason reason, string reply)
    {
        await using var exchange = await StartAsync();
        await using var session = await Session.OpenAsync(exchange);
        exchange.Box(Ann).Submission.Throttle(reason, TimeSpan.FromHours(1));
        Assert.Equal(reply, await session.AnswerAsync());
        exchange.Box(Ann).Submission.Release();
        Assert.StartsWith("250 ", await session.AnswerAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Recipients_of_the_last_24_hours_are_counted_and_make_room_one_by_one()
    {
        await using var exchange = await StartAsync();
        exchange.Box(Ann).Change(s => s with { RecipientsPerDay = 3 });
        await using var session = await Session.OpenAsync(exchange);
        Assert.StartsWith("250 ", await session.AnswerAsync(Ann, Ben), StringComparison.Ordinal);
        exchange.Sandbox.Clock.Advance(TimeSpan.FromHours(10));
        Assert.StartsWith("250 ", await session.AnswerAsync(Ann, Ben, "sales@meadow.example"), StringComparison.Ordinal);
        Assert.StartsWith("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", await session.AnswerAsync(), StringComparison.Ordinal);

        exchange.Sandbox.Clock.Advance(TimeSpan.FromHours(14));
        await using var later = await Session.OpenAsync(exchange);
        Assert.StartsWith("250 ", await later.AnswerAsync(Ann, Ben), StringComparison.Ordinal);
        Assert.StartsWith("554 5.2.0 ", await later.AnswerAsync(Ann, Ben), StringComparison.Ordinal);
        Assert.Equal((4, 2), (exchange.Box(Ann).Submission.Counts.Recipients, exchange.Box(Ann).Submission.Counts.Throttled));
    }

    [Theory]
    [InlineData(false, "550 5.7.233 Your message can't be sent because your tenant exceeded its daily limit for sending email to external recipients")]
    [InlineData(true, "550 5.7.232 Your message can't be sent because your trial tenant has exceeded its daily limit for sending email to external recipients")]
    public async Task External_recipients_of_the_whole_tenant_are_counted(bool trial, string reply)
    {
        await using var exchange = await StartAsync();
        exchange.Sandbox.Mailboxes.ChangeTenant(exchange.User(Ann).TenantId, t => t with { IsTrial = trial, ExternalRecipientsPerDay = 2 });
        await using (var ben = await Session.OpenAsync(exchange, Ben)) Assert.StartsWith("250 ", await ben.AnswerAsync(Ben, Customer, "second@outside.example"), StringComparison.Ordinal);
        await using var session = await Session.OpenAsync(exchange);
        Assert.StartsWith(reply, await session.AnswerAsync(Ann, Customer), StringComparison.Ordinal);
        // Within the organisation mail flows on.
        Assert.StartsWith("250 ", await session.AnswerAsync(Ann, Ben), StringComparison.Ordinal);
        Assert.Empty(exchange.Box(Customer).Inbox.Messages().Skip(1));
    }

    [Theory]
    [InlineData(1, 10_000)]
    [InlineData(2, 10_312)]
    [InlineData(10, 12_006)]
    [InlineData(25, 14_259)]
    [InlineData(100, 22_059)]
    [InlineData(1000, 72_446)]
    public void Licences_set_the_limit_of_external_recipients(int licences, int limit)
    {
        Assert.Equal(limit, new TenantMailSettings { Licences = licences }.ExternalLimit(users: 7));
        Assert.Equal(5000, new TenantMailSettings { Licences = licences, IsTrial = true }.ExternalLimit(users: 7));
    }

    [Fact]
    public async Task Recipient_beyond_those_of_one_message_is_sent_away_and_the_others_get_it()
    {
        await using var exchange = await StartAsync();
        exchange.Box(Ann).Change(s => s with { MaxRecipients = 2 });
        await using var session = await Session.OpenAsync(exchange);
        var result = await session.SendAsync(Ann, Ben, "sales@meadow.example", Customer);
        Assert.Equal(["250", "250", "452"], result.Recipients.Select(r => r.Reply!.ToString()[..3]));
        Assert.Equal("452 4.5.3 Too many recipients", result.Recipients[2].Reply!.ToString());
        // Another message begins to count anew.
        Assert.Null((await session.SendAsync(Ann, Customer)).Failure);
        Assert.Single(exchange.Box(Ben).Inbox.Messages());
    }

    [Fact]
    public async Task Full_mailbox_sends_nothing()
    {
        await using var exchange = await StartAsync();
        exchange.Box(Ann).Change(s => s with { QuotaBytes = 500 });
        await using var session = await Session.OpenAsync(exchange);
        Assert.StartsWith("250 ", await session.AnswerAsync(), StringComparison.Ordinal);
        Assert.StartsWith("250 ", await session.AnswerAsync(), StringComparison.Ordinal);
        Assert.StartsWith("554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded", await session.AnswerAsync(), StringComparison.Ordinal);
        foreach (var message in exchange.Box(Ann).SentItems.Messages()) exchange.Box(Ann).SentItems.Remove(message.Uid);
        Assert.StartsWith("250 ", await session.AnswerAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connections_are_counted_and_only_those_beyond_the_limit_are_refused()
    {
        await using var exchange = await StartAsync();
        var sessions = new List<Session>();
        for (var i = 0; i < 4; i++) sessions.Add(await Session.OpenAsync(exchange));
        foreach (var session in sessions.Take(3)) Assert.StartsWith("250 ", await session.AnswerAsync(), StringComparison.Ordinal);
        Assert.StartsWith("432 4.3.2 ", await sessions[3].AnswerAsync(), StringComparison.Ordinal);
        Assert.Equal((4, 4, 1), (exchange.Box(Ann).Submission.Counts.Connections, exchange.Box(Ann).Submission.Counts.MostConnections, exchange.Box(Ann).Submission.Counts.Throttled));
        foreach (var session in sessions) await session.DisposeAsync();
        await exchange.Box(Ann).Submission.WhenAsync(c => c.Connections == 0, exchange.Cancel);
    }

    [Theory]
    [InlineData("basic authentication is off", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [")]
    [InlineData("basic authentication is retired", "550 5.7.30 Basic authentication is not supported for Client Submission.")]
    [InlineData("wrong password", "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [")]
    [InlineData("security defaults", "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator. [")]
    [InlineData("policy", "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator. [")]
    [InlineData("right password", null)]
    public async Task Password_meets_each_state_of_the_tenant(string what, string? reply)
    {
        await using var exchange = await StartAsync();
        exchange.Sandbox.Mailboxes.ChangeTenant(exchange.User(Ann).TenantId, t => t with
        {
            BasicAuthentication = what switch { "basic authentication is off" => BasicAuthentication.Disabled, "basic authentication is retired" => BasicAuthentication.Retired, _ => BasicAuthentication.Enabled },
            SecurityDefaults = what == "security defaults",
            PolicyBlocksSmtp = what == "policy",
        });
        var connected = await SmtpClient.ConnectAsync(exchange.Smtp, new SaslCredential.Plain(Ann, what == "wrong password" ? "guessed" : TenantSeed.Password), options: null, exchange.Cancel);
        if (reply is null)
        {
            Assert.Null(connected.Failure);
            await connected.Client!.DisposeAsync();
        }
        else
        {
            Assert.StartsWith(reply, connected.Failure!.Reply!.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Mailbox_whose_own_switch_is_on_passes_the_security_defaults_but_not_a_policy()
    {
        await using var exchange = await StartAsync();
        var tenant = exchange.User(Ann).TenantId;
        exchange.Sandbox.Mailboxes.ChangeTenant(tenant, t => t with { SecurityDefaults = true });
        Assert.Contains("security defaults", (await exchange.ConnectSmtpAsync()).Failure!.Reply!.Text, StringComparison.Ordinal);
        exchange.Box(Ann).Change(s => s with { SmtpClientAuthenticationDisabled = false });
        await using (var client = (await exchange.ConnectSmtpAsync()).Client) Assert.NotNull(client);
        exchange.Sandbox.Mailboxes.ChangeTenant(tenant, t => t with { PolicyBlocksSmtp = true });
        Assert.Contains("did not meet the criteria", (await exchange.ConnectSmtpAsync()).Failure!.Reply!.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_tenant_was_set_to_is_kept()
    {
        using var folder = new TemporaryFolder();
        await using (var exchange = await StartAsync(folder.Path))
        {
            exchange.Sandbox.Mailboxes.ChangeTenant(exchange.User(Ann).TenantId, t => t with { Licences = 3, SmtpClientAuthenticationDisabled = true });
            exchange.Box(Ann).Change(s => s with { MessagesPerMinute = 7 });
        }
        await using var again = await StartAsync(folder.Path);
        Assert.Equal((3, true), (again.Sandbox.Mailboxes.SettingsOf(again.User(Ann).TenantId).Licences, again.Sandbox.Mailboxes.SettingsOf(again.User(Ann).TenantId).SmtpClientAuthenticationDisabled));
        Assert.Equal(7, again.Box(Ann).Settings.MessagesPerMinute);
    }

    /// <summary>One SMTP session of a mailbox.</summary>
    private sealed class Session(ExchangeUnderTest exchange, SmtpClient client, string mailbox) : IAsyncDisposable
    {
        public static async Task<Session> OpenAsync(ExchangeUnderTest exchange, string mailbox = Ann)
        {
            var connected = await exchange.ConnectSmtpAsync(mailbox);
            Assert.True(connected.Failure is null, connected.Failure?.ToString());
            return new(exchange, connected.Client!, mailbox);
        }

        public Task<SmtpSendResult> SendAsync(string to) => SendAsync(mailbox, to);

        public Task<SmtpSendResult> SendAsync(string from, params string[] to)
        {
            var message = Message(from);
            return client.SendAsync(EmailAddress.Parse(from), [.. to.Select(EmailAddress.Parse)], new MemoryStream(message), message.Length, exchange.Cancel);
        }

        /// <summary>The reply to the end of one message.</summary>
        public async Task<string> AnswerAsync(string from = Ann, params string[] to) => (await SendAsync(from, to.Length == 0 ? ["sales@meadow.example"] : to)).FinalReply!.ToString();

        public ValueTask DisposeAsync() => client.DisposeAsync();
    }
}
