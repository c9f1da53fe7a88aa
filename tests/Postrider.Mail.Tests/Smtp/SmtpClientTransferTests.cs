using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Tests.Peers;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Smtp;

/// <summary>Bodies in chunks, notifications asked for, limits told, and many messages over one connection: each dialogue whole, by line and by byte.</summary>
public sealed class SmtpClientTransferTests
{
    private const string Text = "Subject: x\r\n\r\ntext\r\n";
    private static readonly EmailAddress Ann = EmailAddress.Parse("ann@example.com");
    private static readonly EmailAddress Ben = EmailAddress.Parse("ben@example.org");
    private static readonly EmailAddress Cat = EmailAddress.Parse("cat@example.org");

    public static TheoryData<Pace> Paces => Dialogue.Paces;

    [Theory, MemberData(nameof(Paces))]
    public async Task Where_CHUNKING_is_offered_the_body_goes_with_its_length(Pace pace)
    {
        var sent = Assert.Single(await SendAsync("bdat_small", pace, Message(Text, Ben, Cat)));
        Assert.Equal([(false, 550), (true, 250)], sent.Recipients.Select(r => (r.Accepted, r.Reply!.Code)));
        Assert.Null(sent.Failure);
        Assert.Null(Assert.Single(await SendAsync("bdat_dots", pace, Message("Subject: x\n\r\n.\r\n.end", Ben))).Failure);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_refused_last_chunk_is_followed_by_RSET(Pace pace)
    {
        var sent = await SendAsync("bdat_refused_at_last", pace, Message(Text, Ben), Message(Text, Ben));
        Assert.Equal(("END OF DATA", 432, true, false), (sent[0].Failure!.Stage, sent[0].Failure!.Reply!.Code, sent[0].Failure!.ConnectionSurvives, sent[0].Failure!.MessageMayBeTaken));
        Assert.Null(sent[1].Failure);
    }

    [Theory]
    [InlineData("bdat_lost", WireFailureKind.Disconnected)]
    [InlineData("bdat_never_answered", WireFailureKind.TimedOut)]
    [InlineData("bdat_answered_354", WireFailureKind.ProtocolError)]
    public async Task Without_a_good_reply_to_the_last_chunk_the_message_may_be_taken(string dialogue, WireFailureKind kind)
    {
        foreach (var pace in (Pace[])[Pace.Whole, Pace.Lines, Pace.Bytes])
        {
            var sent = Assert.Single(await SendAsync(dialogue, pace, Message(Text, Ben)));
            Assert.Equal((kind, "END OF DATA", true, false), (sent.Failure!.Kind, sent.Failure.Stage, sent.Failure.MessageMayBeTaken, sent.Failure.ConnectionSurvives));
            Assert.False(sent.Recipients[0].Accepted);
        }
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_long_body_goes_in_chunks_and_a_refusal_of_one_ends_it(Pace pace)
    {
        var line = new string('x', 98);
        var body = string.Concat(Enumerable.Repeat(line + "\r\n", 2000));
        // 655 whole lines and a piece of the next: 64 KB.
        var refused = Dialogue.Of(
            ["S: 220 mail.example", "C: EHLO postrider.localhost", "S: 250-mail.example", "S: 250-8BITMIME", "S: 250 CHUNKING", "C: MAIL FROM:<ann@example.com> BODY=8BITMIME", "S: 250 ok", "C: RCPT TO:<ben@example.org>", "S: 250 ok",
             "C: BDAT 65536", .. Enumerable.Repeat("C: " + line, 655), "S: 552 5.3.4 too much", "--- ignore"]);
        var sent = Assert.Single(await PlayAsync(refused, pace, [Message(body, Ben)]));
        Assert.Equal(("DATA", 552, false), (sent.Failure!.Stage, sent.Failure.Reply!.Code, sent.Failure.MessageMayBeTaken));
        Assert.True(sent.Failure.ConnectionSurvives);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_kept_connection_is_asked_whether_it_still_stands(Pace pace)
    {
        string[] open = ["S: 220 mail.example", "C: EHLO postrider.localhost", "S: 250 mail.example", "C: NOOP"];
        Assert.Null(await NoopAsync(pace, [.. open, "S: 250 ok", "C: QUIT", "S: 221 bye"]));
        var refused = await NoopAsync(pace, [.. open, "S: 502 5.5.1 not here", "C: QUIT", "S: 221 bye"]);
        Assert.Equal(("NOOP", 502, true), (refused!.Stage, refused.Reply!.Code, refused.ConnectionSurvives));
        var ended = await NoopAsync(pace, [.. open, "S: 421 4.3.2 closing"]);
        Assert.Equal(("NOOP", 421, false), (ended!.Stage, ended.Reply!.Code, ended.ConnectionSurvives));
        var strange = await NoopAsync(pace, [.. open, "S: 354 go"]);
        Assert.Equal((WireFailureKind.ProtocolError, false), (strange!.Kind, strange.ConnectionSurvives));
        var gone = await NoopAsync(pace, [.. open, "--- close"]);
        Assert.Equal((WireFailureKind.Disconnected, false, false), (gone!.Kind, gone.ConnectionSurvives, gone.MessageMayBeTaken));
    }

    private static async Task<SmtpFailure?> NoopAsync(Pace pace, string[] lines)
    {
        var script = Dialogue.Of(lines);
        return await script.PlayServerAsync(pace, async stream =>
        {
            await using var client = await OpenAsync(script, stream);
            var failure = await client.NoopAsync(CancellationToken.None);
            Assert.Equal(failure?.ConnectionSurvives ?? true, client.IsUsable);
            return failure;
        });
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task OAUTHBEARER_is_used_where_there_is_nothing_else_for_a_token(Pace pace)
    {
        Assert.Null(await ConnectAsync("oauthbearer", pace));
        var refused = await ConnectAsync("oauthbearer_challenged", pace);
        Assert.Equal((WireFailureKind.AuthenticationRefused, 535), (refused!.Kind, refused.Reply!.Code));
        Assert.Contains("status 401", refused.Detail, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Notifications_are_asked_for_where_DSN_is_offered(Pace pace)
    {
        var dsn = new SmtpDsn { ReturnWhole = false, EnvelopeId = "order+7=1", Notify = SmtpNotify.Success | SmtpNotify.Failure, OriginalRecipients = true };
        var sent = Assert.Single(await SendAsync("dsn", pace, Message(Text, EmailAddress.Parse("ben+tag@example.org")) with { Dsn = dsn }));
        Assert.True(sent.DsnAsked);
        Assert.Null(sent.Failure);
        sent = Assert.Single(await SendAsync("many_pipelined", pace, Message("Subject: 1\r\n\r\n", Ben) with { Dsn = dsn }, stopAfter: true));
        Assert.False(sent.DsnAsked);
        sent = Assert.Single(await PlayAsync(Dialogue.Of("S: 220 x", "C: EHLO postrider.localhost", "S: 250 DSN", "C: QUIT", "S: 221 bye"), pace, [Message(Text, Ben) with { Dsn = dsn with { EnvelopeId = "a\r\nRCPT TO:<eve@example.com>" } }]));
        Assert.Equal(("MAIL", 501), (sent.Failure!.Stage, sent.Failure.Reply!.Code));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Limits_that_the_server_tells_are_kept(Pace pace)
    {
        var sent = await SendAsync("limits", pace, Message(Text, Ben, Cat), Message(Text, Ben));
        Assert.Equal([(true, 250), (false, 452)], sent[0].Recipients.Select(r => (r.Accepted, r.Reply!.Code)));
        Assert.Equal((WireFailureKind.Disconnected, false), (sent[1].Failure!.Kind, sent[1].Failure!.MessageMayBeTaken));
    }

    [Theory]
    [InlineData(SmtpBodyKind.EightBit, "5.6.3")]
    [InlineData(SmtpBodyKind.Binary, "5.6.1")]
    public async Task What_the_server_cannot_take_is_not_offered_and_costs_no_connection(SmtpBodyKind kind, string code)
    {
        var script = Dialogue.Of("S: 220 x", "C: EHLO postrider.localhost", "S: 250-x", "S: 250 PIPELINING", "C: QUIT", "S: 221 bye");
        var sent = Assert.Single(await PlayAsync(script, Pace.Whole, [Message("Subject: für\r\n\r\n", Ben) with { Kind = kind }]));
        Assert.Equal((554, code, true, false), (sent.Failure!.Reply!.Code, sent.Failure.Reply.EnhancedCode, sent.Failure.ConnectionSurvives, sent.Failure.MessageMayBeTaken));
    }

    [Fact]
    public async Task A_binary_message_goes_as_it_is()
    {
        var script = Dialogue.Of(
            "S: 220 x", "C: EHLO postrider.localhost", "S: 250-x", "S: 250-BINARYMIME", "S: 250 CHUNKING", "C: MAIL FROM:<ann@example.com> BODY=BINARYMIME", "S: 250 ok", "C: RCPT TO:<ben@example.org>", "S: 250 ok",
            "C: BDAT 9 LAST", "C: a\n\0\r.\n\r", "S: 250 ok", "--- ignore");
        Assert.Null(Assert.Single(await PlayAsync(script, Pace.Whole, [Message("a\n\0\r.\n\r\r\n", Ben) with { Kind = SmtpBodyKind.Binary }])).Failure);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Many_messages_share_their_writes_and_each_has_its_own_outcome(Pace pace)
    {
        var sent = await SendManyAsync("many_pipelined", pace, 3);
        Assert.Equal([("250 one", null), (null, "RCPT"), ("250 three", null)], sent.Select(s => (s.FinalReply?.ToString(), s.Failure?.Stage)));
        Assert.True(sent[1].Failure!.ConnectionSurvives);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task When_the_line_breaks_only_the_message_whose_end_was_sent_may_be_taken(Pace pace)
    {
        var sent = await SendManyAsync("many_lost", pace, 3);
        Assert.Equal([true, false], sent.Select(s => s.Failure!.MessageMayBeTaken));
        sent = await SendManyAsync("many_lost_later", pace, 3);
        Assert.Equal("250 one", sent[0].FinalReply!.ToString());
        // The third had been taken from the source while the second was on its way.
        Assert.Equal([(WireFailureKind.Disconnected, false), (WireFailureKind.Disconnected, false)], sent.Skip(1).Select(s => (s.Failure!.Kind, s.Failure.MessageMayBeTaken)));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_server_that_keeps_a_refused_transaction_is_asked_again_behind_RSET(Pace pace)
    {
        var sent = await SendManyAsync("many_refused_keeps_transaction", pace, 2);
        Assert.Equal((554, "250 two"), (sent[0].Failure!.Reply!.Code, sent[1].FinalReply!.ToString()));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_reply_too_many_is_noticed_before_the_next_body_leaves(Pace pace)
    {
        var sent = await SendManyAsync("many_two_replies", pace, 2);
        Assert.Null(sent[0].Failure);
        Assert.False(sent[1].Recipients[0].Accepted);
        Assert.Equal((WireFailureKind.ProtocolError, false), (sent[1].Failure!.Kind, sent[1].Failure!.MessageMayBeTaken));
    }

    private static SmtpMessage Message(string body, params EmailAddress[] recipients) => new(Ann, recipients, new MemoryStream(Encoding.UTF8.GetBytes(body)), null);

    private static Task<List<SmtpSendResult>> SendAsync(string dialogue, Pace pace, params SmtpMessage[] messages) => PlayAsync(Dialogue.Load("smtp/" + dialogue), pace, messages);

    private static async Task<List<SmtpSendResult>> SendAsync(string dialogue, Pace pace, SmtpMessage message, bool stopAfter)
    {
        Assert.True(stopAfter);
        // Of the dialogue's messages the first alone.
        var lines = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Dialogues", "smtp", dialogue + ".txt"));
        var end = Array.IndexOf(lines, "C: .");
        return await PlayAsync(Dialogue.Of([.. lines[..(end + 1)], "S: 250 one", "C: QUIT", "S: 221 bye"]), pace, [message]);
    }

    private static async Task<List<SmtpSendResult>> PlayAsync(Dialogue script, Pace pace, SmtpMessage[] messages) =>
        await script.PlayServerAsync(pace, async stream =>
        {
            await using var client = await OpenAsync(script, stream);
            var sent = new List<SmtpSendResult>();
            foreach (var message in messages) sent.Add(await client.SendAsync(message, CancellationToken.None));
            return sent;
        });

    private static async Task<List<SmtpSendResult>> SendManyAsync(string dialogue, Pace pace, int count)
    {
        var script = Dialogue.Load("smtp/" + dialogue);
        return await script.PlayServerAsync(pace, async stream =>
        {
            await using var client = await OpenAsync(script, stream);
            var sent = new List<SmtpSendResult>();
            await client.SendManyAsync(
                Enumerable.Range(1, count).Select(n => Message($"Subject: {n}\r\n\r\n", Ben)).ToAsyncEnumerable(),
                (_, result) =>
                {
                    sent.Add(result);
                    return ValueTask.CompletedTask;
                },
                CancellationToken.None);
            return sent;
        });
    }

    private static async Task<SmtpClient> OpenAsync(Dialogue script, Stream stream)
    {
        var options = new SmtpClientOptions { Clock = script.Clock };
        using var deadline = new Deadline(options.Clock, options.ConnectTimeout, CancellationToken.None);
        var connected = await SmtpClient.OpenAsync(WireConnection.Over(stream, Dialogue.Loopback), new WireEndpoint("localhost", 587, WireSecurity.None), null, options, deadline, CancellationToken.None);
        Assert.Null(connected.Failure);
        return connected.Client!;
    }

    private static async Task<SmtpFailure?> ConnectAsync(string dialogue, Pace pace)
    {
        var script = Dialogue.Load("smtp/" + dialogue);
        return await script.PlayServerAsync(pace, async stream =>
        {
            var options = new SmtpClientOptions { Clock = script.Clock };
            using var deadline = new Deadline(options.Clock, options.ConnectTimeout, CancellationToken.None);
            var endpoint = new WireEndpoint("localhost", 587, WireSecurity.None) { ExtraTrust = [TestCertificates.Authority] };
            var connected = await SmtpClient.OpenAsync(WireConnection.Over(stream, Dialogue.Loopback), endpoint, new SaslCredential.XOAuth2("ann@example.com", "token"), options, deadline, CancellationToken.None);
            if (connected.Client is not null) await connected.Client.DisposeAsync();
            return connected.Failure;
        });
    }
}
