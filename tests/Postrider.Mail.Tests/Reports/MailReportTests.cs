using System.Text;
using Postrider.Mail.Mime;
using Postrider.Mail.Reports;

namespace Postrider.Mail.Tests.Reports;

public sealed class MailReportTests
{
    [Fact]
    public void Every_recipient_of_a_report_has_its_own_outcome()
    {
        var report = Read(
            "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@example.org>\nTo: ann@example.com\nSubject: Undelivered Mail\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nSome did not arrive.\n--b\nContent-Type: message/delivery-status\n\n"
            + "Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; ben@example.org\nOriginal-Recipient: rfc822;ben+tag@example.org\nAction: failed\nStatus: 5.0.0\nRemote-MTA: dns; mail.example.org\nDiagnostic-Code: smtp; 550 5.1.1 <ben@example.org>:\n User unknown\n\n"
            + "Final-Recipient: utf-8; j\\x{F6}rg@example.org\nAction: delayed (still trying)\nStatus: 4.2.2\n\nFinal-Recipient: rfc822; cat@example.org\nAction: relayed\nStatus: 2.0.0\n--b\nContent-Type: message/rfc822\n\n"
            + "Message-ID: <new@exchange.example>\nX-Microsoft-Original-Message-ID: <ours@example.com>\nSubject: Offer\nTo: ben@example.org\n\ntext\n--b--\n")!;
        Assert.Equal((ReportKind.Failed, "mx.example.org", "Offer"), (report.Kind, report.ReportingMta, report.OriginalSubject));
        Assert.Equal(["ours@example.com", "new@exchange.example"], report.OriginalIds);
        Assert.Equal(
            [("ben@example.org", "failed", "5.1.1", 550, BounceReason.MailboxUnknown, true), ("jörg@example.org", "delayed", "4.2.2", (int?)null, BounceReason.MailboxFull, false), ("cat@example.org", "relayed", "2.0.0", null, BounceReason.None, (bool?)null)],
            report.Recipients.Select(r => (r.Recipient!.ToString(), r.Action, r.Status, r.ReplyCode, r.Reason, r.Permanent)));
        Assert.Equal(("ben+tag@example.org", "mail.example.org", "550 5.1.1 <ben@example.org>: User unknown"), (report.Recipients[0].OriginalRecipient!.ToString(), report.Recipients[0].RemoteMta, report.Recipients[0].Diagnostic));
    }

    [Fact]
    public void A_receipt_is_no_bounce()
    {
        var report = Read("From: ben@example.org\nTo: ann@example.com\nSubject: Read: Offer\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\n\nread\n--b\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;ben@example.org\nOriginal-Message-ID: <ours@example.com>\nDisposition: manual-action/MDN-sent-manually; displayed\n--b--\n")!;
        Assert.Equal((ReportKind.Receipt, "displayed", "ours@example.com"), (report.Kind, report.Type, report.OriginalIds[0]));
        Assert.Equal(BounceReason.None, report.Recipients[0].Reason);
    }

    [Fact]
    public void A_complaint_names_who_complained()
    {
        var report = Read("From: fbl@example.org\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nOriginal-Rcpt-To: <ben@example.org>\n--b\nContent-Type: message/rfc822\n\nMessage-ID: <ours@example.com>\nTo: ben@example.org\n\n--b--\n")!;
        Assert.Equal((ReportKind.Feedback, "abuse", "ben@example.org", BounceReason.Complaint), (report.Kind, report.Type, report.Recipients[0].Recipient!.ToString(), report.Recipients[0].Reason));
    }

    [Theory]
    [InlineData("<ben@example.org>:\nRemote host said: 550 5.1.1 no such user\nGiving up on 192.0.2.1.\n\n--- Below this line is a copy of the message.\n\nMessage-ID: <ours@example.com>\nTo: cat@example.org\n", "5.1.1", 550, BounceReason.MailboxUnknown, true)]
    [InlineData("  ben@example.org\n    mailbox is full: retry timeout exceeded\n\n------ This is a copy of the message, including all the headers. ------\n\nMessage-ID: <ours@example.com>\n", null, null, BounceReason.MailboxFull, true)]
    [InlineData("There was an error delivering your mail to <ben@example.org>.\n\nmx.example.org [192.0.2.1] did not like our DATA:\n451 4.7.650 rate limited due to IP reputation\n\nOriginal message follows.\n\nMessage-ID: <ours@example.com>\n", "4.7.650", 451, BounceReason.RateLimited, false)]
    public void A_text_tells_whom_a_mail_did_not_reach_and_why(string text, string? status, int? code, BounceReason reason, bool permanent)
    {
        var report = Read("Return-Path: <>\nFrom: MAILER-DAEMON@example.org\nTo: ann@example.com\nSubject: failure notice\n\nHi. I could not deliver your mail.\n\n" + text)!;
        var one = Assert.Single(report.Recipients);
        Assert.Equal(("ben@example.org", status, code, reason, permanent), (one.Recipient!.ToString(), one.Status, one.ReplyCode, one.Reason, one.Permanent));
        Assert.Equal(["ours@example.com"], report.OriginalIds);
    }

    [Theory]
    [InlineData("From: ann@example.com\nSubject: Re: Undeliverable: what does this mean?\n\n> <ben@example.org>: 550 5.1.1 User unknown\nHow do I mend this?\n")]
    [InlineData("From: Postmaster Course <course@example.org>\nSubject: lesson one\n\nask@example.org\n")]
    public void People_who_write_of_bounces_are_people(string message) => Assert.Null(Read(message));

    [Theory]
    [InlineData("Auto-Submitted: auto-replied (vacation)", true, false)]
    [InlineData("Auto-Submitted: auto-generated", false, false)]
    [InlineData("Auto-Submitted: no", false, true)]
    [InlineData("X-Auto-Response-Suppress: All", false, false)]
    [InlineData("X-Auto-Response-Suppress: DR, OOF\nSubject: Automatic reply: Offer", true, false)]
    [InlineData("Subject: Automatic reply: Offer", false, true)]
    [InlineData("Precedence: bulk", false, false)]
    [InlineData("List-Id: <list.example.org>", false, false)]
    [InlineData("X-Autoreply: yes", true, false)]
    [InlineData("X-MS-Exchange-Inbox-Rules-Loop: ann@example.com", false, false)]
    [InlineData("Return-Path: <>", false, false)]
    [InlineData("X-Mailer: pen", false, true)]
    public void What_may_be_answered_is_told_from_what_is_an_answer(string header, bool answer, bool may)
    {
        var decision = AutomaticMail.Of(MimeMessage.Read(Encoding.UTF8.GetBytes("From: ben@example.org\r\n" + header.ReplaceLineEndings("\r\n") + "\r\n\r\ntext")));
        Assert.Equal((answer, may), (decision.IsAutomaticAnswer, decision.MayAnswer));
        Assert.Equal(may, decision.Reasons.Count == 0);
    }

    [Theory]
    [InlineData("550 5.1.1 unknown", "5.1.1", 550)]
    [InlineData("from 192.0.2.5.1.1 on port 25", null, null)]
    [InlineData("host mx [5.1.1.9] said: 452 try later", null, 452)]
    [InlineData("554-5.7.1 first\n554 5.7.1 last", "5.7.1", 554)]
    [InlineData("Exchange 5.5.2 build 7, #5.2.2#", "5.5.2", null)]
    public void Codes_are_told_from_numbers(string text, string? status, int? reply) => Assert.Equal((status, reply), (StatusCode.First(text), StatusCode.Reply(text)));

    private static MailReport? Read(string message) => MailReport.Read(MimeMessage.Read(Encoding.UTF8.GetBytes(message.ReplaceLineEndings("\r\n"))));
}
