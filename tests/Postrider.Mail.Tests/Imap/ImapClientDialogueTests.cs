using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Tests.Peers;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Imap;

public sealed class ImapClientDialogueTests
{
    private static readonly SaslCredential Ann = new SaslCredential.XOAuth2("ann@example.com", "token");
    private static readonly byte[] Small = Encoding.ASCII.GetBytes("Subject: x\r\n");

    public static TheoryData<Pace> Paces => Dialogue.Paces;

    public static TheoryData<string, WireFailureKind, string?> Refusals => new()
    {
        { "json_continuation", WireFailureKind.AuthenticationRefused, "NO [AUTHENTICATIONFAILED] Authentication failed." },
        { "oauthbearer", WireFailureKind.AuthenticationRefused, "NO [AUTHENTICATIONFAILED] Authentication failed." },
        { "authenticate_unavailable", WireFailureKind.CommandRefused, "NO [UNAVAILABLE] Temporary authentication failure." },
        { "mechanism_not_offered", WireFailureKind.MechanismNotOffered, null },
        { "preauth", WireFailureKind.ProtocolError, "PREAUTH [CAPABILITY IMAP4rev1] ready, logged in as root" },
        { "bye_greeting", WireFailureKind.Disconnected, "BYE Too many connections" },
        { "not_imap", WireFailureKind.ProtocolError, null },
    };

    [Theory, Trait("Fault", "IMP-08"), MemberData(nameof(Refusals))]
    public async Task A_sign_in_that_fails_is_told_by_its_kind_and_the_servers_text(string dialogue, WireFailureKind kind, string? text)
    {
        foreach (var pace in Enum.GetValues<Pace>())
        {
            var failure = await PlayAsync(dialogue, pace, _ => throw new InvalidOperationException("It signed in."));
            Assert.Equal((kind, text), (failure!.Kind, failure.ServerText));
        }
    }

    [Fact]
    public async Task The_reason_in_a_challenge_is_part_of_the_detail()
    {
        var failure = await PlayAsync("json_continuation", Pace.Whole, _ => throw new InvalidOperationException("It signed in."));
        Assert.Contains("status 401, schemes bearer, scope mail", failure!.Detail, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Without_SASL_IR_the_response_waits_and_the_capabilities_are_asked_for_again(Pace pace) =>
        Assert.Null(await PlayAsync("sasl_ir_absent", pace, client =>
        {
            Assert.Contains("move", client.Capabilities);
            return Task.FromResult<ImapFailure?>(null);
        }));

    [Theory, MemberData(nameof(Paces))]
    public async Task With_SASL_IR_the_response_goes_at_once(Pace pace) => Assert.Null(await PlayAsync("sasl_ir", pace, _ => Task.FromResult<ImapFailure?>(null)));

    [Theory, MemberData(nameof(Paces))]
    public async Task A_long_token_waits_for_the_servers_leave(Pace pace) =>
        Assert.Null(await PlayAsync("sasl_long_token", pace, _ => Task.FromResult<ImapFailure?>(null), credential: new SaslCredential.XOAuth2("ann@example.com", new string('x', 9000))));

    [Theory, Trait("Fault", "IMP-08")]
    [InlineData("starttls_not_offered", WireFailureKind.StartTlsNotOffered, Pace.Whole)]
    [InlineData("starttls_injection", WireFailureKind.ProtocolError, Pace.Whole)]
    public async Task STARTTLS_is_not_gone_without(string dialogue, WireFailureKind kind, Pace pace)
    {
        var failure = await PlayAsync(dialogue, pace, _ => throw new InvalidOperationException("It signed in."), WireSecurity.StartTls);
        Assert.Equal(kind, failure!.Kind);
        Assert.False(failure.ConnectionSurvives);
    }

    [Fact]
    public async Task Behind_STARTTLS_everything_is_asked_again() => Assert.Null(await PlayAsync("starttls", Pace.Whole, _ => Task.FromResult<ImapFailure?>(null), WireSecurity.StartTls));

    [Theory, CombinatorialPaces("authenticated_but_not_connected", "authenticated_but_not_connected_no")]
    public async Task An_account_without_mailbox_is_a_failure_with_the_servers_text(string dialogue, Pace pace)
    {
        var failure = await PlayAsync(dialogue, pace, async client =>
        {
            var selected = await client.SelectAsync("INBOX", false, CancellationToken.None);
            Assert.False(client.IsUsable);
            return selected.Failure;
        });
        Assert.Equal((WireFailureKind.CommandRefused, "SELECT", false), (failure!.Kind, failure.Command, failure.ConnectionSurvives));
        Assert.EndsWith("User is authenticated but not connected.", failure.ServerText, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bye_access_token_expired", WireFailureKind.Disconnected, "BYE Session invalidated - AccessTokenExpired", false)]
    [InlineData("tagged_access_token_expired", WireFailureKind.CommandRefused, "BAD Session invalidated - AccessTokenExpired", false)]
    [InlineData("throttled", WireFailureKind.CommandRefused, "BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds", true)]
    [InlineData("foreign_tag", WireFailureKind.ProtocolError, null, false)]
    public async Task A_command_that_fails_says_why_and_whether_the_line_survives(string dialogue, WireFailureKind kind, string? text, bool survives)
    {
        foreach (var pace in Enum.GetValues<Pace>())
        {
            var failure = await PlayAsync(dialogue, pace, async client =>
            {
                await client.SelectAsync("INBOX", false, CancellationToken.None);
                var noop = await client.NoopAsync(CancellationToken.None);
                Assert.Equal(survives, client.IsUsable);
                return noop.Failure;
            });
            Assert.Equal((kind, text, survives), (failure!.Kind, failure.ServerText, failure.ConnectionSurvives));
        }
    }

    [Theory, Trait("Fault", "IMP-03"), MemberData(nameof(Paces))]
    public async Task A_message_expunged_between_search_and_fetch_is_absent(Pace pace)
    {
        var (fetched, result, client) = await FetchAsync("expunge_between_fetches", pace, 3, 4, 5);
        Assert.Equal(["3 three ", "5 fifth \\Seen"], fetched);
        Assert.Equal(2, result.Value);
        Assert.Equal(2, client.Exists);
    }

    [Theory, Trait("Fault", "IMP-05"), MemberData(nameof(Paces))]
    public async Task News_between_the_answers_is_noted_and_not_taken_for_one(Pace pace)
    {
        var (fetched, result, client) = await FetchAsync("unsolicited_exists_in_fetch", pace, 3, 4);
        Assert.Equal(["3 three ", "4 4th\r\n \\Flagged"], fetched);
        Assert.Equal(2, result.Value);
        Assert.Equal(8, client.Exists);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_message_without_body_is_handed_over_as_such(Pace pace)
    {
        var (fetched, result, _) = await FetchAsync("fetch_body_nil", pace, 3, 4);
        Assert.Equal(["3 (none) ", "4 forth "], fetched);
        Assert.True(result.Failure!.ConnectionSurvives);
    }

    [Theory, Trait("Fault", "IMP-06"), CombinatorialPaces("huge_literal", "negative_literal")]
    public async Task A_literal_that_cannot_be_ends_the_connection(string dialogue, Pace pace)
    {
        var (fetched, result, _) = await FetchAsync(dialogue, pace, 3);
        Assert.Empty(fetched);
        Assert.Equal((WireFailureKind.ProtocolError, false), (result.Failure!.Kind, result.Failure.ConnectionSurvives));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_message_cut_off_is_not_handed_over(Pace pace)
    {
        var (fetched, result, _) = await FetchAsync("cut_within_literal", pace, 3, 4);
        Assert.Equal(["3 three "], fetched);
        Assert.Equal((1, WireFailureKind.Disconnected), (result.Value, result.Failure!.Kind));
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task Idle_is_renewed_by_the_clock_and_wakes_when_mail_comes(Pace pace)
    {
        var script = Dialogue.Load("imap/idle_renewed");
        var failure = await PlayAsync(script, pace, async client =>
        {
            await client.SelectAsync("INBOX", false, CancellationToken.None);
            var idle = await client.IdleAsync(TimeSpan.FromHours(24), CancellationToken.None);
            Assert.True(idle.Value);
            Assert.Equal(4, client.Selected!.Exists);
            return idle.Failure;
        }, transcript: (fromServer, line) =>
        {
            // Only now is the client sure to wait: the line before this one told it that IDLE has begun.
            if (fromServer && line == "* OK Still here") script.Clock.Advance(TimeSpan.FromMinutes(25));
        });
        Assert.Null(failure);
    }

    [Fact, Trait("Fault", "IMP-07")]
    public async Task Idle_on_a_dead_line_is_found_out_at_its_renewal()
    {
        var script = Dialogue.Load("imap/idle_dead_line");
        var failure = await PlayAsync(script, Pace.Whole, async client =>
        {
            await client.SelectAsync("INBOX", false, CancellationToken.None);
            return (await client.IdleAsync(TimeSpan.FromHours(24), CancellationToken.None)).Failure;
        }, transcript: (fromServer, line) =>
        {
            if (fromServer && line == "* OK Still here") script.Clock.Advance(TimeSpan.FromMinutes(25));
        });
        Assert.Equal((WireFailureKind.TimedOut, false), (failure!.Kind, failure.ConnectionSurvives));
    }

    [Theory]
    [InlineData("idle_refused", WireFailureKind.CommandRefused, true)]
    [InlineData("bye_in_idle", WireFailureKind.Disconnected, false)]
    public async Task Idle_that_ends_is_a_failure(string dialogue, WireFailureKind kind, bool survives)
    {
        var failure = await PlayAsync(dialogue, Pace.Whole, async client =>
        {
            await client.SelectAsync("INBOX", false, CancellationToken.None);
            return (await client.IdleAsync(TimeSpan.FromHours(24), CancellationToken.None)).Failure;
        });
        Assert.Equal((kind, survives), (failure!.Kind, failure.ConnectionSurvives));
    }

    [Theory]
    [InlineData("append_synchronising", 27u, "\\Seen")]
    [InlineData("append_literal_plus", null, null)]
    public async Task A_message_is_appended_as_the_server_allows(string dialogue, uint? uid, string? flag)
    {
        foreach (var pace in Enum.GetValues<Pace>())
        {
            Assert.Null(await PlayAsync(dialogue, pace, async client =>
            {
                var appended = await client.AppendAsync("Sent Items", flag is null ? [] : [flag], Small, CancellationToken.None);
                Assert.Equal(uid, appended.Value);
                return appended.Failure;
            }));
        }
    }

    [Fact]
    public async Task A_message_that_is_refused_beforehand_is_not_sent()
    {
        var failure = await PlayAsync("append_refused", Pace.Whole, async client => (await client.AppendAsync("Sent Items", ["\\Seen"], Small, CancellationToken.None)).Failure);
        Assert.Equal("NO [OVERQUOTA] Mailbox is full", failure!.ServerText);
        Assert.True(failure.ConnectionSurvives);
    }

    [Theory, MemberData(nameof(Paces))]
    public async Task A_search_gives_what_was_asked_for_in_order(Pace pace) =>
        Assert.Null(await PlayAsync("search_from", pace, async client =>
        {
            await client.SelectAsync("INBOX", false, CancellationToken.None);
            var found = await client.UidSearchFromAsync(5, CancellationToken.None);
            Assert.Equal([7u, 9u], found.Value!);
            return found.Failure;
        }));

    [Fact]
    public async Task A_search_for_text_that_is_not_ASCII_names_its_charset() =>
        Assert.Null(await PlayAsync("search_header_utf8", Pace.Whole, async client =>
        {
            await client.SelectAsync("INBOX", false, CancellationToken.None);
            var found = await client.UidSearchHeaderAsync("Subject", "Grüß", CancellationToken.None);
            Assert.Equal([3u], found.Value!);
            return found.Failure;
        }));

    [Fact]
    public async Task A_mailbox_that_cannot_be_selected_leaves_none_selected() =>
        Assert.Equal("NO [NONEXISTENT] Entwürfe doesn't exist.", (await PlayAsync("select_refused", Pace.Whole, async client =>
        {
            var first = await client.SelectAsync("INBOX", false, CancellationToken.None);
            Assert.Equal(new ImapMailboxState("INBOX", 14, 9, 3, false) { Flags = first.Value!.Flags }, first.Value);
            var second = await client.SelectAsync("Entwürfe", true, CancellationToken.None);
            Assert.Null(client.Selected);
            return second.Failure;
        }))!.ServerText);

    [Fact]
    public async Task A_server_that_falls_silent_costs_no_more_than_the_commands_time()
    {
        var script = Dialogue.Of("S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready", "C: {t1} AUTHENTICATE XOAUTH2 …", "--- silence", "--- pass 00:02:01");
        var failure = await PlayAsync(script, Pace.Whole, _ => throw new InvalidOperationException("It signed in."));
        Assert.Equal(WireFailureKind.TimedOut, failure!.Kind);
    }

    [Fact]
    public async Task A_message_whose_keeper_fails_is_the_keepers_failure_and_not_the_wires()
    {
        var thrown = await Assert.ThrowsAsync<IOException>(() => PlayAsync("expunge_between_fetches", Pace.Whole, async client =>
        {
            await client.SelectAsync("INBOX", false, CancellationToken.None);
            await client.UidFetchAsync([3, 4, 5], true, _ => throw new IOException("disk full"), CancellationToken.None);
            return null;
        }));
        Assert.Equal("disk full", thrown.Message);
    }

    [Fact]
    public async Task The_transcript_holds_neither_the_token_nor_a_body()
    {
        var lines = new List<string>();
        await PlayAsync("json_continuation", Pace.Whole, _ => throw new InvalidOperationException("It signed in."), credential: new SaslCredential.XOAuth2("ann@example.com", "token"), transcript: (_, line) => lines.Add(line));
        await PlayAsync("expunge_between_fetches", Pace.Whole, async client =>
        {
            await client.SelectAsync("INBOX", false, CancellationToken.None);
            return (await client.UidFetchAsync([3, 4, 5], true, _ => ValueTask.CompletedTask, CancellationToken.None)).Failure;
        }, transcript: (_, line) => lines.Add(line));
        Assert.Contains("A1 AUTHENTICATE XOAUTH2 ***", lines);
        Assert.Contains(lines, l => l.StartsWith("* 1 FETCH (UID 3", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, l => l.Contains("dXNlcj1", StringComparison.Ordinal) || l.Contains("token", StringComparison.Ordinal) || l.Contains("three", StringComparison.Ordinal) || l.Contains("fifth", StringComparison.Ordinal));
    }

    [Fact]
    public void Whatever_a_server_sends_the_client_answers_with_values() =>
        Prop.ForAll(Answers.ToArbitrary(), Gen.Choose(1, 60).ToArbitrary(), (text, cut) =>
        {
            var (theirs, ours) = PairedStream.Create(cut);
            ours.WriteAsync(Encoding.UTF8.GetBytes("* OK [CAPABILITY IMAP4rev1 IDLE SASL-IR AUTH=XOAUTH2] hi\r\nA1 OK [CAPABILITY IMAP4rev1 IDLE LITERAL+] in\r\n" + text)).AsTask().Wait();
            ours.Dispose();
            Assert.True(UseAsync(theirs).Wait(TimeSpan.FromSeconds(20)));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    private static async Task UseAsync(Stream stream)
    {
        var result = await ImapClient.OpenAsync(WireConnection.Over(stream, Dialogue.Loopback), new WireEndpoint("localhost", 143, WireSecurity.None), Ann, new ImapClientOptions(), CancellationToken.None);
        if (result.Client is null) return;
        await using var client = result.Client;
        await client.SelectAsync("INBOX", false, CancellationToken.None);
        await client.UidSearchFromAsync(1, CancellationToken.None);
        await client.UidFetchAsync([1, 2, 3], true, _ => ValueTask.CompletedTask, CancellationToken.None);
        await client.ListAsync("", "*", CancellationToken.None);
        await client.AppendAsync("INBOX", [], Small, CancellationToken.None);
        await client.IdleAsync(TimeSpan.FromSeconds(1), CancellationToken.None);
        await client.NoopAsync(CancellationToken.None);
    }

    private static Gen<string> Answers
    {
        get
        {
            var line = Gen.Elements(
                "* 3 EXISTS", "* OK [UIDVALIDITY 7] v", "* OK [UIDVALIDITY x] v", "* OK [UIDNEXT 99999999999] v", "* SEARCH 1 2 3", "* SEARCH", "* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"x\" RFC822.SIZE 1 BODY[] \"a\")",
                "* 2 FETCH (UID 2 BODY[] {3}\r\nabc)", "* 2 FETCH (UID (1) FLAGS NIL BODY[] (x))", "* FETCH", "* 1 FETCH", "* 1 FETCH ((((", "* LIST (\\Noselect) NIL NIL", "* LIST () \"/\" (x)", "* LIST", "* 4294967295 EXISTS", "* 1 EXPUNGE", "* 0 EXPUNGE",
                "* BYE over", "+ go", "+", "* CAPABILITY", "* NO x", "* BAD y", "* 5 NONSENSE {1}\r\nx", "A2 OK [READ-ONLY] s", "A3 OK s", "A4 NO f", "A5 OK l", "A6 OK [APPENDUID 1] a", "A6 OK [APPENDUID 1 2] a", "A7 OK i", "A8 BAD n", "junk", "");
            return from lines in Gen.ListOf(Gen.OneOf(line, line, Gen.Elements("A2 OK s", "A3 OK s", "A4 OK f", "A5 OK l", "A6 OK a", "+ ", "A7 OK i", "A8 OK n"))) select string.Concat(lines.Select(l => l + "\r\n"));
        }
    }

    private static async Task<(List<string> Fetched, ImapResult<int> Result, ImapMailboxState Mailbox)> FetchAsync(string dialogue, Pace pace, params uint[] uids)
    {
        var fetched = new List<string>();
        ImapResult<int> result = default;
        ImapMailboxState? mailbox = null;
        await PlayAsync(dialogue, pace, async client =>
        {
            await client.SelectAsync("INBOX", false, CancellationToken.None);
            result = await client.UidFetchAsync(uids, true, m =>
            {
                fetched.Add($"{m.Uid} {(m.Body is null ? "(none)" : Encoding.ASCII.GetString(m.Body))} {string.Join(' ', m.Flags)}");
                return ValueTask.CompletedTask;
            }, CancellationToken.None);
            mailbox = client.Selected;
            return result.Failure;
        });
        return (fetched, result, mailbox!);
    }

    private static Task<ImapFailure?> PlayAsync(string dialogue, Pace pace, Func<ImapClient, Task<ImapFailure?>> act, WireSecurity security = WireSecurity.None, SaslCredential? credential = null, WireTranscript? transcript = null) =>
        PlayAsync(Dialogue.Load("imap/" + dialogue), pace, act, security, credential, transcript);

    private static Task<ImapFailure?> PlayAsync(Dialogue script, Pace pace, Func<ImapClient, Task<ImapFailure?>> act, WireSecurity security = WireSecurity.None, SaslCredential? credential = null, WireTranscript? transcript = null) =>
        script.PlayServerAsync(pace, async stream =>
        {
            var options = new ImapClientOptions { Clock = script.Clock, Transcript = transcript };
            var endpoint = new WireEndpoint("localhost", 143, security) { ExtraTrust = [TestCertificates.Authority] };
            var result = await ImapClient.OpenAsync(WireConnection.Over(stream, Dialogue.Loopback), endpoint, credential ?? Ann, options, CancellationToken.None);
            if (result.Client is null) return result.Failure;
            await using var client = result.Client;
            return await act(client);
        });
}

/// <summary>Each dialogue at each pace.</summary>
internal sealed class CombinatorialPacesAttribute(params string[] dialogues) : Xunit.v3.DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(System.Reflection.MethodInfo testMethod, Xunit.Sdk.DisposalTracker disposalTracker) =>
        ValueTask.FromResult<IReadOnlyCollection<ITheoryDataRow>>([.. dialogues.SelectMany(d => Enum.GetValues<Pace>().Select(p => new TheoryDataRow<string, Pace>(d, p)))]);

    public override bool SupportsDiscoveryEnumeration() => true;
}
