using System.Text;
using Postrider.Mail.Pop3;
using Postrider.Mail.Sasl;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Tests.Peers;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Pop3;

/// <summary>Our client against scripted servers, each played whole, by line and by byte.</summary>
public sealed class Pop3ClientDialogueTests
{
    private static readonly SaslCredential Token = new SaslCredential.XOAuth2("ann@example.com", "token");
    private static readonly SaslCredential Password = new SaslCredential.Plain("ann@example.com", "secret");

    public static TheoryData<Pace> Paces => Dialogue.Paces;

    [Theory, MemberData(nameof(Paces))]
    public async Task A_token_signs_in_and_the_capabilities_are_read_again(Pace pace) => Assert.Null(await PlayAsync("sign_in", pace, client =>
    {
        Assert.Equal((true, true, TimeSpan.FromSeconds(30)), (client.Capabilities.Uidl, client.Capabilities.Pipelining, client.Capabilities.LoginDelay));
        return Task.FromResult<Pop3Failure?>(null);
    }));

    [Theory, MemberData(nameof(Paces))]
    public async Task A_long_token_goes_after_the_servers_leave(Pace pace) =>
        Assert.Null(await PlayAsync("long_token", pace, Nothing, credential: new SaslCredential.XOAuth2("ann@example.com", new string('x', 2000))));

    [Theory]
    [InlineData("plain")]
    [InlineData("user_pass")]
    [InlineData("no_capa")]
    public async Task A_password_goes_by_PLAIN_and_elsewhere_by_USER_and_PASS(string dialogue)
    {
        foreach (var pace in Enum.GetValues<Pace>()) Assert.Null(await PlayAsync(dialogue, pace, Nothing, credential: Password));
    }

    [Theory]
    [InlineData("token_refused", false, WireFailureKind.AuthenticationRefused, "AUTH")]
    [InlineData("oauthbearer_refused", false, WireFailureKind.AuthenticationRefused, "AUTH")]
    [InlineData("in_use", true, WireFailureKind.CommandRefused, "PASS")]
    [InlineData("password_repeated", true, WireFailureKind.AuthenticationRefused, "PASS")]
    [InlineData("mechanism_not_offered", true, WireFailureKind.MechanismNotOffered, "AUTH")]
    [InlineData("greeting_refused", true, WireFailureKind.CommandRefused, "CONNECT")]
    [InlineData("not_pop3", true, WireFailureKind.ProtocolError, "CONNECT")]
    [InlineData("accepted_after_challenge", false, WireFailureKind.ProtocolError, "AUTH")]
    [InlineData("line_too_long", true, WireFailureKind.ProtocolError, "CAPA")]
    [InlineData("too_many_capabilities", true, WireFailureKind.ProtocolError, "CAPA")]
    [InlineData("never_answered", true, WireFailureKind.TimedOut, "CAPA")]
    public async Task A_connection_that_cannot_be_used_says_why(string dialogue, bool password, WireFailureKind kind, string command)
    {
        foreach (var pace in Enum.GetValues<Pace>())
        {
            var failure = await PlayAsync(dialogue, pace, _ => throw new InvalidOperationException("It signed in."), credential: password ? Password : Token);
            Assert.Equal((pace, kind, command, false), (pace, failure!.Kind, failure.Command, failure.ConnectionSurvives));
            Assert.DoesNotContain("secret", failure.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_answer_that_is_there_before_AUTH_is_no_answer_to_it()
    {
        var failure = await PlayAsync("answered_beforehand", Pace.Whole, _ => throw new InvalidOperationException("It signed in."));
        Assert.Equal((WireFailureKind.ProtocolError, "AUTH"), (failure!.Kind, failure.Command));
    }

    [Fact]
    public async Task The_reason_in_a_challenge_and_the_code_in_brackets_are_told()
    {
        Assert.Contains("status 401, schemes bearer, scope mail", (await PlayAsync("token_refused", Pace.Whole, Nothing))!.Detail, StringComparison.Ordinal);
        var inUse = await PlayAsync("in_use", Pace.Whole, Nothing, credential: Password);
        Assert.Equal(("IN-USE", true), (inUse!.Code, inUse.IsPassing));
    }

    [Fact]
    public async Task Neither_token_nor_password_stands_in_the_transcript()
    {
        var said = new List<string>();
        foreach (var (dialogue, credential) in new[] { ("sign_in", Token), ("plain", Password), ("user_pass", Password), ("password_repeated", Password) })
            await PlayAsync(dialogue, Pace.Whole, Nothing, credential: credential, transcript: (_, line) => said.Add(line));
        Assert.Contains("PASS [redacted]", said);
        Assert.DoesNotContain(said, line => line.Contains("secret", StringComparison.Ordinal) || line.Contains("dXNlcj1", StringComparison.Ordinal) || line.Contains("AGFub", StringComparison.Ordinal));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task STLS_comes_before_the_token_and_what_was_said_in_clear_is_forgotten(Pace pace) => Assert.Null(await PlayAsync("stls", pace, Nothing, WireSecurity.StartTls));

    [Fact]
    public async Task STLS_is_not_gone_without()
    {
        Assert.Equal(WireFailureKind.StartTlsNotOffered, (await PlayAsync("stls_not_offered", Pace.Whole, Nothing, WireSecurity.StartTls))!.Kind);
        Assert.Equal(WireFailureKind.ProtocolError, (await PlayAsync("stls_injection", Pace.Whole, Nothing, WireSecurity.StartTls))!.Kind);
        Assert.Equal(WireFailureKind.TlsFailed, (await PlayAsync("stls_injection", Pace.Bytes, Nothing, WireSecurity.StartTls))!.Kind);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Messages_are_listed_taken_and_deleted(Pace pace)
    {
        var told = new List<string>();
        var failure = await PlayAsync("taken", pace, async client =>
        {
            var listed = (await client.ListAsync(CancellationToken.None)).Value!;
            Assert.Equal([new Pop3Message(1, "one", 12), new(2, "!\"#$%&~", 40), new(3, "three", 7)], listed);
            var bodies = new Dictionary<int, MemoryStream>();
            Assert.Null(await client.RetrieveAsync(listed, m => bodies[m.Number] = new MemoryStream(), (m, refused) =>
            {
                told.Add($"{m.Number} {(refused is null ? Encoding.ASCII.GetString(bodies[m.Number].ToArray()) : refused.ServerText)}");
                return ValueTask.CompletedTask;
            }, CancellationToken.None));
            var marked = await client.DeleteAsync([listed[0], listed[2]], CancellationToken.None);
            Assert.Equal(("-ERR gone already", true), (marked!.ServerText, marked.ConnectionSurvives));
            return await client.QuitAsync(CancellationToken.None);
        });
        Assert.Null(failure);
        Assert.Equal(["1 Subject: 1\r\n\r\n.dot\r\n..two\r\nx\r\nbare\n.\nlf\rcr\r\n", "2 -ERR there is no such message", "3 .\rno end\r\r\n\r.\r\n"], told);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Without_PIPELINING_each_answer_is_waited_for(Pace pace)
    {
        var (came, failure) = await RetrieveAsync("one_by_one", pace);
        Assert.Null(failure);
        Assert.Equal(["1 a\r\n", "2 "], came);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_message_cut_off_is_not_handed_over(Pace pace)
    {
        var (came, failure) = await RetrieveAsync("cut_within_message", pace);
        Assert.Equal(["1 a\r\n"], came);
        Assert.Equal((WireFailureKind.Disconnected, "RETR", false), (failure!.Kind, failure.Command, failure.ConnectionSurvives));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_message_without_end_ends_the_connection(Pace pace)
    {
        var (came, failure) = await RetrieveAsync("message_too_long", pace);
        Assert.Empty(came);
        Assert.Equal((WireFailureKind.ProtocolError, false), (failure!.Kind, failure.ConnectionSurvives));
    }

    [Theory]
    [InlineData("uidl_no_number")]
    [InlineData("uidl_twice")]
    [InlineData("uidl_no_id")]
    public async Task A_list_that_cannot_be_ends_the_connection(string dialogue)
    {
        foreach (var pace in Enum.GetValues<Pace>())
        {
            var failure = await PlayAsync(dialogue, pace, async client => (await client.ListAsync(CancellationToken.None)).Failure);
            Assert.Equal((WireFailureKind.ProtocolError, "UIDL", false), (failure!.Kind, failure.Command, failure.ConnectionSurvives));
        }
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_refused_command_leaves_the_session_usable(Pace pace) => Assert.Null(await PlayAsync("uidl_refused", pace, async client =>
    {
        var listed = await client.ListAsync(CancellationToken.None);
        Assert.Equal((WireFailureKind.CommandRefused, "UIDL", true), (listed.Failure!.Kind, listed.Failure.Command, listed.Failure.ConnectionSurvives));
        return await client.NoopAsync(CancellationToken.None);
    }));

    [Theory, MemberData(nameof(Paces))]
    public async Task A_QUIT_that_fails_is_told_and_none_is_sent_by_itself_over_marked_messages(Pace pace)
    {
        var message = new Pop3Message(1, "one", 1);
        var failure = await PlayAsync("quit_refused", pace, async client =>
        {
            Assert.Null(await client.DeleteAsync([message], CancellationToken.None));
            return await client.QuitAsync(CancellationToken.None);
        });
        Assert.Equal(("QUIT", "SYS/TEMP", false), (failure!.Command, failure.Code, failure.ConnectionSurvives));
        Assert.Null(await PlayAsync("left_without_quit", pace, client => client.DeleteAsync([message], CancellationToken.None)));
    }

    private static async Task<(List<string> Came, Pop3Failure? Failure)> RetrieveAsync(string dialogue, Pace pace)
    {
        var came = new List<string>();
        var failure = await PlayAsync(dialogue, pace, async client =>
        {
            var bodies = new Dictionary<int, MemoryStream>();
            Pop3Message[] messages = dialogue == "message_too_long" ? [new(1, "one", 9)] : [new(1, "one", 9), new(2, "two", 9)];
            return await client.RetrieveAsync(messages, m => bodies[m.Number] = new MemoryStream(), (m, _) =>
            {
                came.Add($"{m.Number} {Encoding.ASCII.GetString(bodies[m.Number].ToArray())}");
                return ValueTask.CompletedTask;
            }, CancellationToken.None);
        });
        return (came, failure);
    }

    private static Task<Pop3Failure?> Nothing(Pop3Client client) => Task.FromResult<Pop3Failure?>(null);

    private static Task<Pop3Failure?> PlayAsync(string dialogue, Pace pace, Func<Pop3Client, Task<Pop3Failure?>> act, WireSecurity security = WireSecurity.None, SaslCredential? credential = null, WireTranscript? transcript = null)
    {
        var script = Dialogue.Load("pop3/" + dialogue);
        return script.PlayServerAsync(pace, async stream =>
        {
            var options = new Pop3ClientOptions { Clock = script.Clock, Transcript = transcript, MaxMessageBytes = 1000 };
            using var deadline = new Deadline(options.Clock, options.ConnectTimeout, CancellationToken.None);
            var endpoint = new WireEndpoint("localhost", 110, security) { ExtraTrust = [TestCertificates.Authority] };
            var result = await Pop3Client.OpenAsync(WireConnection.Over(stream, Dialogue.Loopback), endpoint, credential ?? Token, options, deadline, CancellationToken.None);
            if (result.Client is null) return result.Failure;
            await using var client = result.Client;
            return await act(client);
        });
    }
}
