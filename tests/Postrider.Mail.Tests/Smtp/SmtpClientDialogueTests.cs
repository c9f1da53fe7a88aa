using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Tests.Peers;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Smtp;

/// <summary>Our client against scripted servers, each played whole, by line and by byte.</summary>
public sealed class SmtpClientDialogueTests
{
    private const string Text = "Subject: x\r\n\r\ntext\r\n";
    private static readonly SaslCredential Token = new SaslCredential.XOAuth2("ann@example.com", "token");
    private static readonly SaslCredential Password = new SaslCredential.Plain("ann@example.com", "secret");
    private static readonly EmailAddress Ann = EmailAddress.Parse("ann@example.com");
    private static readonly EmailAddress Ben = EmailAddress.Parse("ben@example.org");
    private static readonly EmailAddress Cat = EmailAddress.Parse("cat@example.org");

    public static TheoryData<Pace> Paces => Dialogue.Paces;

    [Theory, MemberData(nameof(Paces))]
    public async Task A_long_token_goes_after_the_servers_leave(Pace pace) =>
        Assert.Null(await ConnectAsync("auth_in_two_steps", pace, new SaslCredential.XOAuth2("ann@example.com", new string('x', 2000))));

    [Theory, MemberData(nameof(Paces))]
    public async Task STARTTLS_comes_before_the_token(Pace pace) => Assert.Null(await ConnectAsync("starttls_and_token", pace, Token, WireSecurity.StartTls));

    [Theory, MemberData(nameof(Paces))]
    public async Task A_password_goes_by_PLAIN_and_where_there_is_only_LOGIN_by_that(Pace pace)
    {
        Assert.Null(await ConnectAsync("auth_plain", pace, Password with { UserName = "ann@example.com" }));
        Assert.Null(await ConnectAsync("auth_login", pace, Password));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_challenge_with_JSON_is_answered_with_an_empty_line_and_its_reason_told(Pace pace)
    {
        var failure = await ConnectAsync("auth_challenge_with_json", pace, Token);
        Assert.Equal(WireFailureKind.AuthenticationRefused, failure!.Kind);
        Assert.Equal("535 5.7.8 Username and Password not accepted. Learn more at https://support.example/mail/?p=BadCredentials", failure.Reply!.ToString());
        Assert.Contains("status 401, schemes bearer, scope mail", failure.Detail, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_direct_refusal_of_AUTH_keeps_the_servers_sentence(Pace pace)
    {
        var failure = await ConnectAsync("auth_refused_directly", pace, Token);
        Assert.Equal((WireFailureKind.AuthenticationRefused, 535, "5.7.139"), (failure!.Kind, failure.Reply!.Code, failure.Reply.EnhancedCode));
        Assert.StartsWith("Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.", failure.Reply.Text, StringComparison.Ordinal);
        var temporary = await ConnectAsync("auth_temporarily_unavailable", pace, Token);
        Assert.True(temporary!.Reply!.IsTransient);
    }

    [Theory]
    [MemberData(nameof(ConnectFailures))]
    public async Task A_connection_that_cannot_be_used_says_why(string dialogue, WireSecurity security, WireFailureKind kind, string stage)
    {
        foreach (var pace in (Pace[])[Pace.Whole, Pace.Lines, Pace.Bytes])
        {
            var failure = await ConnectAsync(dialogue, pace, Token, security);
            Assert.Equal((dialogue, pace, kind, stage), (dialogue, pace, failure!.Kind, failure.Stage));
            Assert.False(failure.ConnectionSurvives);
        }
    }

    public static TheoryData<string, WireSecurity, WireFailureKind, string> ConnectFailures => new()
    {
        { "greeting_refused", WireSecurity.None, WireFailureKind.CommandRefused, "CONNECT" },
        { "greeting_busy", WireSecurity.None, WireFailureKind.CommandRefused, "CONNECT" },
        { "greeting_of_another_protocol", WireSecurity.None, WireFailureKind.ProtocolError, "CONNECT" },
        { "close_before_greeting", WireSecurity.None, WireFailureKind.Disconnected, "CONNECT" },
        { "close_after_ehlo", WireSecurity.None, WireFailureKind.Disconnected, "EHLO" },
        { "starttls_not_offered", WireSecurity.StartTls, WireFailureKind.StartTlsNotOffered, "STARTTLS" },
        { "starttls_refused", WireSecurity.StartTls, WireFailureKind.CommandRefused, "STARTTLS" },
        { "capabilities_in_clear_are_forgotten", WireSecurity.StartTls, WireFailureKind.MechanismNotOffered, "AUTH" },
        { "auth_mechanism_not_offered", WireSecurity.None, WireFailureKind.MechanismNotOffered, "AUTH" },
        { "auth_answered_250", WireSecurity.None, WireFailureKind.ProtocolError, "AUTH" },
        { "auth_challenged_twice", WireSecurity.None, WireFailureKind.ProtocolError, "AUTH" },
        { "auth_accepted_after_its_challenge", WireSecurity.None, WireFailureKind.ProtocolError, "AUTH" },
        { "auth_closed", WireSecurity.None, WireFailureKind.Disconnected, "AUTH" },
        { "auth_never_answered", WireSecurity.None, WireFailureKind.TimedOut, "AUTH" },
        { "reply_malformed", WireSecurity.None, WireFailureKind.ProtocolError, "EHLO" },
        { "reply_without_code", WireSecurity.None, WireFailureKind.ProtocolError, "EHLO" },
        { "reply_code_out_of_range", WireSecurity.None, WireFailureKind.ProtocolError, "EHLO" },
        { "reply_separator_unknown", WireSecurity.None, WireFailureKind.ProtocolError, "EHLO" },
        { "reply_changes_its_code", WireSecurity.None, WireFailureKind.ProtocolError, "EHLO" },
        { "reply_line_too_long", WireSecurity.None, WireFailureKind.ProtocolError, "EHLO" },
        { "reply_of_too_many_lines", WireSecurity.None, WireFailureKind.ProtocolError, "EHLO" },
        { "reply_empty", WireSecurity.None, WireFailureKind.ProtocolError, "EHLO" },
    };

    [Fact]
    public async Task A_reply_that_is_there_before_AUTH_is_no_reply_to_it()
    {
        var failure = await ConnectAsync("auth_answered_beforehand", Pace.Whole, Token);
        Assert.Equal((WireFailureKind.ProtocolError, "AUTH"), (failure!.Kind, failure.Stage));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Replies_smuggled_in_before_TLS_end_the_connection(Pace pace)
    {
        var failure = await ConnectAsync("starttls_injection", pace, Token, WireSecurity.StartTls);
        // In one segment they are seen; later they break the handshake. Either way no credential is sent, which the script checks by never answering.
        Assert.Equal(pace == Pace.Whole ? WireFailureKind.ProtocolError : WireFailureKind.TlsFailed, failure!.Kind);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_reply_with_control_characters_is_shown_escaped(Pace pace)
    {
        var failure = await ConnectAsync("reply_with_control_characters", pace, null);
        Assert.Equal(@"\x1B[31mred\x1B[0m\x0Dfake \x00 <b>\x202Egpj", failure!.Reply!.Text);
        var latin = await ConnectAsync("reply_not_utf8", pace, null);
        Assert.Equal("Zugriff verweigert f\uFFFDr Sie", latin!.Reply!.Text);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Older_servers_are_understood(Pace pace)
    {
        Assert.Null(await ConnectAsync("greeting_in_lines", pace, null));
        Assert.Null(await ConnectAsync("ehlo_unknown", pace, null));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Every_pipelined_reply_counts_for_its_own_command(Pace pace)
    {
        var sent = await SendAsync("pipelined_mixed_recipients", pace, [Ben, Cat]);
        Assert.Null(sent.Failure);
        Assert.Equal([(Ben, false, 550), (Cat, true, 250)], sent.Recipients.Select(r => (r.Recipient, r.Accepted, r.Reply!.Code)));
        Assert.Equal("OK queued", sent.FinalReply!.Text);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_server_that_wants_a_body_for_nobody_gets_an_empty_one(Pace pace)
    {
        var sent = await SendAsync("rcpt_refused_after_data", pace, [Ben, Cat]);
        Assert.Equal(("RCPT", 550, true), (sent.Failure!.Stage, sent.Failure.Reply!.Code, sent.Failure.ConnectionSurvives));
        Assert.Equal([550, 551], sent.Recipients.Select(r => r.Reply!.Code));
        sent = await SendAsync("rcpt_refused_after_data_and_taken", pace, [Ben]);
        Assert.Equal((false, 450), (sent.Recipients[0].Accepted, sent.Failure!.Reply!.Code));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Without_PIPELINING_each_reply_is_waited_for(Pace pace)
    {
        var sent = await SendAsync("one_command_at_a_time", pace, [Ben, Cat]);
        Assert.Null(sent.Failure);
        Assert.All(sent.Recipients, r => Assert.True(r.Accepted));
        Assert.Equal(("RCPT", 550), Brief(await SendAsync("no_data_without_recipient", pace, [Ben])));
        Assert.Equal(("MAIL", 530), Brief(await SendAsync("no_recipient_after_refused_sender", pace, [Ben])));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_refusal_leaves_the_connection_usable_and_tells_its_stage(Pace pace)
    {
        Assert.Equal(("MAIL", 550), Brief(await SendAsync("mail_refused_pipelined", pace, [Ben])));
        Assert.Equal(("DATA", 452), Brief(await SendAsync("data_refused", pace, [Ben])));
        var denied = await SendAsync("end_of_data_refused", pace, [Ben]);
        Assert.Equal(("END OF DATA", 554), Brief(denied));
        Assert.Equal("5.2.252", denied.FinalReply!.EnhancedCode);
        Assert.Equal("554", denied.Recipients[0].Reply!.ToString()[..3]);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task After_a_refused_message_RSET_precedes_the_next(Pace pace)
    {
        var sent = await SendAsync("end_of_data_throttled", pace, [Ben], times: 2);
        Assert.Null(sent.Failure);
    }

    [Theory]
    [InlineData("data_answered_250", "DATA")]
    [InlineData("rcpt_answered_354", "RCPT")]
    [InlineData("two_replies_to_one_command", "DATA")]
    public async Task A_reply_out_of_place_ends_the_connection(string dialogue, string stage)
    {
        foreach (var pace in (Pace[])[Pace.Whole, Pace.Lines, Pace.Bytes])
        {
            var sent = await SendAsync(dialogue, pace, [Ben]);
            Assert.Equal((WireFailureKind.ProtocolError, stage, false, false), (sent.Failure!.Kind, sent.Failure.Stage, sent.Failure.ConnectionSurvives, sent.Failure.MessageMayBeTaken));
        }
    }

    [Fact]
    public async Task A_second_reply_to_DATA_is_not_taken_for_the_answer_to_the_dot()
    {
        var sent = await SendAsync("two_replies_to_data", Pace.Whole, [Ben]);
        Assert.Equal((WireFailureKind.ProtocolError, false), (sent.Failure!.Kind, sent.Failure.MessageMayBeTaken));
    }

    [Theory]
    [InlineData("end_of_data_lost", WireFailureKind.Disconnected)]
    [InlineData("end_of_data_never_answered", WireFailureKind.TimedOut)]
    [InlineData("end_of_data_garbled", WireFailureKind.ProtocolError)]
    [InlineData("end_of_data_answered_354", WireFailureKind.ProtocolError)]
    public async Task Without_a_good_reply_to_the_dot_the_message_may_be_taken(string dialogue, WireFailureKind kind)
    {
        foreach (var pace in (Pace[])[Pace.Whole, Pace.Lines, Pace.Bytes])
        {
            var sent = await SendAsync(dialogue, pace, [Ben]);
            Assert.Equal((kind, "END OF DATA", true, false), (sent.Failure!.Kind, sent.Failure.Stage, sent.Failure.MessageMayBeTaken, sent.Failure.ConnectionSurvives));
            Assert.False(sent.Recipients[0].Accepted);
            Assert.Null(sent.FinalReply);
        }
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_line_lost_within_the_body_leaves_the_message_untaken(Pace pace)
    {
        var sent = await SendAsync("line_lost_within_body", pace, [Ben], body: new EndlessStream("Subject: long\r\n"));
        Assert.Equal((WireFailureKind.Disconnected, "DATA", false), (sent.Failure!.Kind, sent.Failure.Stage, sent.Failure.MessageMayBeTaken));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_refusal_within_the_body_is_told_and_the_dot_not_sent(Pace pace)
    {
        var sent = await SendAsync("refused_within_body", pace, [Ben], body: new EndlessStream("Subject: long\r\n"));
        Assert.Equal((WireFailureKind.CommandRefused, "DATA", 552, false), (sent.Failure!.Kind, sent.Failure.Stage, sent.Failure.Reply!.Code, sent.Failure.MessageMayBeTaken));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_server_that_closes_with_421_is_not_asked_again(Pace pace)
    {
        var sent = await SendAsync("closing_within_envelope", pace, [Ben, Cat]);
        Assert.Equal(("RCPT", 421, false), (sent.Failure!.Stage, sent.Failure.Reply!.Code, sent.Failure.ConnectionSurvives));
        Assert.All(sent.Recipients, r => Assert.Equal(421, r.Reply!.Code));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Without_SMTPUTF8_only_who_needs_it_is_refused(Pace pace)
    {
        var sent = await SendAsync("smtputf8_not_offered", pace, [EmailAddress.Parse("jörg@example.org"), Ben]);
        Assert.Null(sent.Failure);
        Assert.Equal([(false, 553), (true, 250)], sent.Recipients.Select(r => (r.Accepted, r.Reply!.Code)));
        Assert.Equal("5.6.7", sent.Recipients[0].Reply!.EnhancedCode);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Without_8BITMIME_bytes_that_need_it_are_not_sent(Pace pace)
    {
        var sent = await SendAsync("eight_bit_not_offered", pace, [Ben], body: new MemoryStream("Subject: für\r\n\r\n"u8.ToArray()));
        Assert.Equal(("DATA", 554, "5.6.3"), (sent.Failure!.Stage, sent.Failure.Reply!.Code, sent.Failure.Reply.EnhancedCode));
        Assert.False(sent.Failure.MessageMayBeTaken);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_probe_sends_neither_body_nor_dot(Pace pace)
    {
        Assert.Null(await WithClientAsync("probe", pace, client => client.ProbeAsync(Ann, Ann, CancellationToken.None)));
        var refused = await WithClientAsync("probe_refused", pace, client => client.ProbeAsync(Ann, Ann, CancellationToken.None));
        Assert.Equal(("RCPT", 550, false), (refused!.Stage, refused.Reply!.Code, refused.ConnectionSurvives));
    }

    [Fact]
    public async Task A_credential_is_not_sent_in_clear_beyond_this_machine()
    {
        var script = Dialogue.Of("S: 220 mail.example", "C: EHLO postrider.localhost", "S: 250-mail.example", "S: 250 AUTH XOAUTH2", "C: QUIT", "S: 221 bye");
        var failure = await script.PlayServerAsync(Pace.Whole, async stream =>
        {
            var options = new SmtpClientOptions { Clock = script.Clock };
            using var deadline = new Deadline(options.Clock, options.ConnectTimeout, CancellationToken.None);
            var remote = new System.Net.IPEndPoint(System.Net.IPAddress.Parse("192.0.2.1"), 587);
            return (await SmtpClient.OpenAsync(WireConnection.Over(stream, remote), new WireEndpoint("mail.example", 587, WireSecurity.None), Token, options, deadline, CancellationToken.None)).Failure;
        });
        Assert.Equal((WireFailureKind.TlsFailed, "AUTH"), (failure!.Kind, failure.Stage));
    }

    [Fact]
    public async Task Whatever_a_server_says_is_a_value_and_never_a_message_taken_without_250()
    {
        var random = new Random(20261122);
        string[] words = ["220 mail.example", "250 ok", "250-mail.example", "250-PIPELINING", "250-AUTH XOAUTH2", "250 SIZE 10", "334 ", "334 eyJ9", "235 2.7.0 ok", "354 go", "421 bye", "432 4.3.2 later", "535 5.7.3 no", "550 5.1.1 no", "garbage", "", "25", "250+x", "999 x"];
        // A beginning that is right gets further in.
        string[] beginning = ["220 mail.example", "250-mail.example", "250-PIPELINING", "250 AUTH XOAUTH2", "235 ok", "250 ok", "250 ok", "354 go", "250 ok"];
        for (var round = 0; round < 400; round++)
        {
            var lines = beginning.Take(random.Next(beginning.Length)).Concat(Enumerable.Range(0, random.Next(12)).Select(_ => words[random.Next(words.Length)])).ToArray();
            // All at once, before anything was asked.
            var script = Dialogue.Of([.. lines.Select(l => (random.Next(20) == 0 ? "S| " : "S: ") + l), "--- ignore"]);
            var sent = await script.PlayServerAsync((Pace)random.Next(3), async stream =>
            {
                var connected = await OpenAsync(script, stream, Token, WireSecurity.None);
                if (connected.Client is null) return null;
                await using var client = connected.Client;
                return await client.SendAsync(Ann, [Ben], new MemoryStream(Encoding.ASCII.GetBytes(Text)), null, CancellationToken.None);
            });
            if (sent is not null && sent.Failure is null) Assert.Contains("354 go", lines);
        }
    }

    private static (string Stage, int Code) Brief(SmtpSendResult sent)
    {
        Assert.True(sent.Failure!.ConnectionSurvives);
        return (sent.Failure.Stage, sent.Failure.Reply!.Code);
    }

    private static async Task<SmtpFailure?> ConnectAsync(string dialogue, Pace pace, SaslCredential? credential, WireSecurity security = WireSecurity.None)
    {
        var script = Dialogue.Load("smtp/" + dialogue);
        return await script.PlayServerAsync(pace, async stream =>
        {
            var result = await OpenAsync(script, stream, credential, security);
            if (result.Client is not null) await result.Client.DisposeAsync();
            return result.Failure;
        });
    }

    private static Task<SmtpSendResult> SendAsync(string dialogue, Pace pace, IReadOnlyList<EmailAddress> recipients, int times = 1, Stream? body = null) =>
        WithClientAsync(dialogue, pace, async client =>
        {
            SmtpSendResult? result = null;
            for (var i = 0; i < times; i++) result = await client.SendAsync(Ann, recipients, body ?? new MemoryStream(Encoding.ASCII.GetBytes(Text)), null, CancellationToken.None);
            return result!;
        });

    private static async Task<T> WithClientAsync<T>(string dialogue, Pace pace, Func<SmtpClient, Task<T>> act)
    {
        var script = Dialogue.Load("smtp/" + dialogue);
        return await script.PlayServerAsync(pace, async stream =>
        {
            var connected = await OpenAsync(script, stream, null, WireSecurity.None);
            Assert.Null(connected.Failure);
            await using var client = connected.Client!;
            return await act(client);
        });
    }

    private static async Task<SmtpConnectResult> OpenAsync(Dialogue script, Stream stream, SaslCredential? credential, WireSecurity security)
    {
        var options = new SmtpClientOptions { Clock = script.Clock };
        using var deadline = new Deadline(options.Clock, options.ConnectTimeout, CancellationToken.None);
        var endpoint = new WireEndpoint("localhost", 587, security) { ExtraTrust = [TestCertificates.Authority] };
        return await SmtpClient.OpenAsync(WireConnection.Over(stream, Dialogue.Loopback), endpoint, credential, options, deadline, CancellationToken.None);
    }

    /// <summary>A text and then lines without end: a client that does not notice the server's words would never be done.</summary>
    private sealed class EndlessStream(string text) : MemoryStream(Encoding.ASCII.GetBytes(text))
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Yield();
            var read = await base.ReadAsync(buffer, cancellationToken);
            if (read > 0) return read;
            buffer.Span.Fill((byte)'x');
            "\r\n"u8.CopyTo(buffer.Span);
            return buffer.Length;
        }
    }
}
