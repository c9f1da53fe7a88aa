using Postrider.Mail.Imap;
using Postrider.Mail.Tests.Dialogues;
using Postrider.Mail.Tests.Peers;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Imap;

/// <summary>Our server's words, one by one.</summary>
public sealed class ImapServerDialogueTests
{
    [Theory, CombinatorialPaces("server_before_sign_in", "server_guessing", "server_pre_auth_timeout", "server_idle_timeout", "server_bad_arguments", "server_literals", "server_nul")]
    public Task A_session_goes_as_written(string dialogue, Pace pace) => PlayAsync(Dialogue.Load("imap/" + dialogue), pace);

    [Theory, CombinatorialPaces("server_append_binary", "server_condstore", "server_enable_rev2", "server_esearch", "server_list_extended", "server_oauthbearer", "server_recent", "server_searchres", "server_sort_thread", "server_too_many_errors")]
    public Task All_that_the_server_offers_goes_as_written(string dialogue, Pace pace)
    {
        var mailboxes = new MailboxesInMemory("Archive/2025", "Sent") { KeepsAll = true };
        mailboxes.SpecialUse["Sent"] = "\\Sent";
        mailboxes.SetSubscribed("Archive/2025", true);
        mailboxes.SetSubscribed("Gone", true);
        foreach (var (subject, id, references) in new[] { ("Bread", "1", ""), ("Re: bread", "2", "<1@a>"), ("[shop] Apples", "3", ""), ("Fwd: Bread (fwd)", "4", "<1@a> <2@a>") })
            mailboxes.Inbox.Append($"From: ann@example.com\r\nSubject: {subject}\r\nMessage-ID: <{id}@a>\r\nReferences: {references}\r\n\r\n{id}\r\n");
        return PlayAsync(Dialogue.Load("imap/" + dialogue), pace, mailboxes, options: ImapTestPeer.Full with { MaxBadCommands = 3 });
    }

    [Theory, CombinatorialPaces("server_starttls")]
    public Task STARTTLS_comes_before_the_sign_in(string dialogue, Pace pace) => PlayAsync(Dialogue.Load("imap/" + dialogue), pace, options: Options(TimeProvider.System, null) with { StartTls = true, Certificate = TestCertificates.Server });

    [Fact]
    public Task Nothing_is_obeyed_that_came_in_clear_behind_STARTTLS() =>
        PlayAsync(Dialogue.Load("imap/server_starttls_injection"), Pace.Whole, options: Options(TimeProvider.System, null) with { StartTls = true, Certificate = TestCertificates.Server });

    [Theory, CombinatorialPaces("server_literal_minus")]
    public Task LITERAL_minus_allows_small_literals_only(string dialogue, Pace pace) =>
        PlayAsync(Dialogue.Load("imap/" + dialogue), pace, options: ImapTestPeer.Full with { CapabilitiesBefore = ["IMAP4rev1", "AUTH=XOAUTH2", "SASL-IR", "LITERAL-"], CapabilitiesAfter = ["IMAP4rev1", "LITERAL-", "UIDPLUS"] });

    [Theory, CombinatorialPaces("server_idle")]
    public Task A_delivery_is_told_at_once_within_idle(string dialogue, Pace pace)
    {
        var mailboxes = Filled();
        return PlayAsync(Dialogue.Load("imap/" + dialogue), pace, mailboxes, (fromServer, line) =>
        {
            if (fromServer && line.StartsWith('+')) mailboxes.Inbox.Append("Subject: third\r\n\r\n");
        });
    }

    [Theory, CombinatorialPaces("server_expunge_waits")]
    public Task Numbers_stay_while_a_client_counts_by_them(string dialogue, Pace pace)
    {
        var mailboxes = Filled();
        return PlayAsync(Dialogue.Load("imap/" + dialogue), pace, mailboxes, (fromServer, line) =>
        {
            if (!fromServer && line == "c FETCH 1:* (UID)") mailboxes.Inbox.Remove(1);
        });
    }

    [Fact]
    public async Task A_line_that_does_not_end_is_cut()
    {
        var script = Dialogue.Of("S: * OK IMAP4 service is ready.", "C| " + new string('x', 70_000), "S: * BAD The other side sent a line of more than 65536 bytes.", "S: * BYE Connection is closed. 13");
        await PlayAsync(script, Pace.Whole);
    }

    [Fact]
    public async Task The_transcript_of_a_session_holds_neither_token_nor_body()
    {
        var lines = new List<string>();
        var mailboxes = Filled();
        var script = Dialogue.Of(
            "S: * OK IMAP4 service is ready.",
            "C: 1 LOGIN ann@example.com secret", "S: 1 NO …",
            "C: 2 LOGIN ann@example.com {6}", "S: + …", "C: secret", "S: 2 NO …",
            "C: 3 AUTHENTICATE XOAUTH2", "S: + …", "C: dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgd3JvbmcBAQ==", "S: 3 NO …",
            "C: 4 AUTHENTICATE XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgc2VjcmV0AQE=", "S: 4 OK …",
            "C: 5 EXAMINE INBOX", "S: …", "S: …", "S: …", "S: …", "S: …", "S: …", "S: …", "S: 5 OK …",
            "C: 6 FETCH 1 BODY[TEXT]", "S: * 1 FETCH (BODY[TEXT] {8}", "S: loaves", "S: )", "S: 6 OK …");
        await PlayAsync(script, Pace.Whole, mailboxes, (_, line) => lines.Add(line));
        Assert.Contains("1 LOGIN ***", lines);
        Assert.Contains("4 AUTHENTICATE XOAUTH2 ***", lines);
        Assert.Contains("* 1 FETCH (BODY[TEXT] {8})", lines);
        Assert.DoesNotContain(lines, l => l.Contains("secret", StringComparison.Ordinal) || l.Contains("dXNlcj", StringComparison.Ordinal) || l.Contains("loaves", StringComparison.Ordinal));
    }

    private static MailboxesInMemory Filled()
    {
        var mailboxes = new MailboxesInMemory("Sent Items");
        mailboxes.Inbox.Append("Subject: one\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nloaves\r\n");
        mailboxes.Inbox.Append("Subject: two\r\n\r\nx");
        return mailboxes;
    }

    private static ImapServerOptions Options(TimeProvider clock, WireTranscript? transcript) => new() { Listen = Dialogue.Loopback, Clock = clock, Transcript = transcript };

    private static Task PlayAsync(Dialogue script, Pace pace, MailboxesInMemory? mailboxes = null, WireTranscript? transcript = null, ImapServerOptions? options = null) =>
        script.PlayClientAsync(pace, async stream =>
        {
            using var backend = mailboxes ?? Filled();
            using var session = new ImapSession(WireConnection.Over(stream, Dialogue.Loopback), options is null ? Options(script.Clock, transcript) : options with { Clock = script.Clock }, backend);
            await session.RunAsync(CancellationToken.None);
        });
}
