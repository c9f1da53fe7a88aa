using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Smtp;

public sealed class SmtpClientDialogueTests
{
    private static readonly SaslCredential Ann = new SaslCredential.XOAuth2("ann@example.com", "token");

    public static TheoryData<Pace> Paces => Dialogue.Paces;

    [Theory, MemberData(nameof(Paces))]
    public async Task A_long_token_goes_after_the_servers_leave(Pace pace)
    {
        var result = await ConnectAsync("auth_in_two_steps", pace, new SaslCredential.XOAuth2("ann@example.com", new string('x', 2000)));
        Assert.Null(result);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_challenge_with_JSON_is_answered_with_an_empty_line_and_its_reason_told(Pace pace)
    {
        var failure = await ConnectAsync("auth_challenge_with_json", pace, Ann);
        Assert.Equal(WireFailureKind.AuthenticationRefused, failure!.Kind);
        Assert.Equal("535 5.7.8 Username and Password not accepted. Learn more at https://support.example/mail/?p=BadCredentials", failure.Reply!.ToString());
        Assert.Contains("status 401, schemes bearer, scope mail", failure.Detail, StringComparison.Ordinal);
    }

    private static async Task<SmtpFailure?> ConnectAsync(string dialogue, Pace pace, SaslCredential? credential, WireSecurity security = WireSecurity.None)
    {
        var script = Dialogue.Load("smtp/" + dialogue);
        return await script.PlayServerAsync(pace, async stream =>
        {
            var options = new SmtpClientOptions { Clock = script.Clock };
            using var deadline = new Deadline(options.Clock, options.ConnectTimeout, CancellationToken.None);
            var result = await SmtpClient.OpenAsync(WireConnection.Over(stream, Dialogue.Loopback), new WireEndpoint("localhost", 587, security), credential, options, deadline, CancellationToken.None);
            if (result.Client is not null) await result.Client.DisposeAsync();
            return result.Failure;
        });
    }
}
