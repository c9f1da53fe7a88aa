using System.Text.Json;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Tests.OutgoingMail;

namespace Postrider.Tests.Submission;

/// <summary>What becomes of the envelope that a program gave: the null reverse-path, and NOTIFY.</summary>
public sealed class SubmittedEnvelopeTests
{
    private const string Message = "From: admin@hub.example\r\nSubject: Report\r\n\r\nText";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("smtp", "", "keeps the null reverse-path")]
    [InlineData("outlook", "admin@hub.example", "Exchange takes no other envelope sender")]
    public async Task The_null_reverse_path_stays_where_the_server_takes_it_and_is_explained_where_not(string kind, string expected, string explained)
    {
        await using var submission = await SubmissionUnderTest.StartAsync();
        await submission.Hub.Service<HubDatabase>().WriteAsync(tx =>
        {
            tx.Execute("UPDATE outgoing_server SET kind = @kind, user_name = 'admin@hub.example'", new { kind });
            submission.Hub.Service<ServerRoster>().Forget(tx);
        });
        await using var line = await submission.SignInAsync();
        Assert.StartsWith("250", await line.SendAsync(Message, from: ""), StringComparison.Ordinal);
        var (mail, _, _) = await submission.LastAsync();
        Assert.Equal((expected, null), (mail.EnvelopeFrom, mail.ReportTo));
        Assert.Contains(explained, mail.Why, StringComparison.Ordinal);

        // Whatever becomes of it, nobody is told.
        await submission.Hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outbox_mail SET state = 5, finished_at = 1"));
        await submission.Hub.Service<SubmitterReports>().TellAllAsync(Cancel);
        Assert.Equal(1, (await submission.StoredAsync()).Mails);
    }

    [Theory]
    [InlineData("250 scripted", "Relayed: Report")]
    [InlineData("250-scripted\r\n250 DSN", null)]
    public async Task Who_asks_to_hear_of_success_is_told_that_it_was_handed_on_unless_the_next_server_tells(string ehlo, string? subject)
    {
        await using var smtp = new ScriptedSmtp { At = "EHLO", Answer = ehlo };
        await using var submission = await SubmissionUnderTest.StartAsync();
        await submission.Hub.Service<HubDatabase>().WriteAsync(tx =>
        {
            tx.Execute("UPDATE outgoing_server SET port = @Port, security = 'none', paused_until = NULL", new { smtp.Port });
            submission.Hub.Service<ServerRoster>().Forget(tx);
        });
        await using var line = await submission.SignInAsync();
        Assert.StartsWith("250", await line.SendAsync(Message, mailParameters: " RET=HDRS ENVID=order-7", to: ["<ben@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;benjamin@example.org", "<eve@example.org> NOTIFY=NEVER"]), StringComparison.Ordinal);
        var (first, _, _) = await submission.LastAsync();
        await submission.Hub.MailUntilAsync(first.Id, mail => mail.State == OutboxState.Sent);
        await submission.Hub.Service<SubmitterReports>().TellAllAsync(Cancel);
        await submission.Hub.Service<SubmitterReports>().TellAllAsync(Cancel);
        Assert.Equal(subject is null ? 1 : 2, (await submission.StoredAsync()).Mails);
        if (subject is null) return;
        var (report, recipients, text) = await submission.LastAsync();
        Assert.Equal((subject, "", SubmissionUnderTest.Own), (report.Subject, report.EnvelopeFrom, Assert.Single(recipients).Address));
        foreach (var part in (string[])["Action: relayed", "Status: 2.0.0", "Final-Recipient: rfc822; ben@example.org", "Original-Recipient: rfc822; benjamin@example.org", "Original-Envelope-Id: order-7"]) Assert.Contains(part, text, StringComparison.Ordinal);
        Assert.DoesNotContain("eve@example.org", text[text.IndexOf("message/delivery-status", StringComparison.Ordinal)..], StringComparison.Ordinal);
    }
}
