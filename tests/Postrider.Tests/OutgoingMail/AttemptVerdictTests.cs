using Postrider.Mail;
using Postrider.Mail.Smtp;
using Postrider.OutgoingMail;

namespace Postrider.Tests.OutgoingMail;

public sealed class AttemptVerdictTests
{
    private static readonly EmailAddress A = EmailAddress.Parse("a@example.com"), B = EmailAddress.Parse("b@example.com"), C = EmailAddress.Parse("c@example.com");
    private static readonly SmtpReply Ok = new(250, "2.0.0", "OK"), Busy = new(450, "4.2.1", "later"), No = new(550, "5.1.1", "no such user");

    [Fact]
    public void Each_recipient_gets_its_own_outcome()
    {
        var verdict = Of(new([new(A, true, Ok), new(B, false, Busy), new(C, false, No)], Ok, null), A, B, C);
        Assert.IsType<RecipientOutcome.Accepted>(verdict.Outcomes[A]);
        Assert.IsType<RecipientOutcome.Deferred>(verdict.Outcomes[B]);
        Assert.IsType<RecipientOutcome.Refused>(verdict.Outcomes[C]);
        Assert.Null(verdict.ServerTrouble);
    }

    [Fact]
    public void A_line_that_broke_after_the_dot_leaves_the_accepted_ones_unknown_and_the_refused_ones_refused()
    {
        var failure = new SmtpFailure(WireFailureKind.Disconnected, "END OF DATA", null, "closed", false, MessageMayBeTaken: true);
        var verdict = Of(new([new(A, false, Ok), new(C, false, No)], null, failure), A, C);
        Assert.IsType<RecipientOutcome.Unknown>(verdict.Outcomes[A]);
        Assert.IsType<RecipientOutcome.Refused>(verdict.Outcomes[C]);
    }

    [Fact]
    public void A_line_that_broke_before_the_dot_costs_the_mail_nothing()
    {
        var verdict = Of(new([], null, new(WireFailureKind.Disconnected, "DATA", null, "closed", false, false)), A);
        Assert.IsType<RecipientOutcome.NotOffered>(verdict.Outcomes[A]);
        Assert.NotNull(verdict.ServerTrouble);
    }

    [Theory]
    [InlineData(421, "4.3.2", "Service not available")]
    [InlineData(432, "4.3.2", "Concurrent connections limit exceeded.")]
    [InlineData(451, "4.7.500", "Server busy")]
    [InlineData(550, "5.2.252", "Sender throttled due to continuous send as denied errors.")]
    public void A_server_that_wants_to_rest_is_not_the_mails_fault(int code, string enhanced, string text)
    {
        var reply = new SmtpReply(code, enhanced, text);
        var verdict = Of(new([new(A, false, Ok)], reply, new(WireFailureKind.CommandRefused, "END OF DATA", reply, "refused", true, false)), A);
        Assert.IsType<RecipientOutcome.NotOffered>(verdict.Outcomes[A]);
        Assert.NotNull(verdict.ServerTrouble);
    }

    [Fact]
    public void A_refusal_at_the_end_of_the_data_is_final_for_all()
    {
        var reply = new SmtpReply(554, "5.2.252", "SendAsDenied; a not allowed to send as b");
        var verdict = Of(new([new(A, false, Ok), new(B, false, Ok)], reply, new(WireFailureKind.CommandRefused, "END OF DATA", reply, "refused", true, false)), A, B);
        Assert.All(verdict.Outcomes.Values, outcome => Assert.IsType<RecipientOutcome.Refused>(outcome));
        Assert.Equal("smtp-send-as-denied", verdict.MailProblem!.Problem.Code);
        Assert.Null(verdict.ServerTrouble);
    }

    [Fact]
    public void What_the_account_may_send_as_shows_in_the_answers_and_nowhere_else()
    {
        var noSuchUser = new SmtpReply(550, "5.1.1", "No such user");
        var denied = new SmtpReply(554, "5.2.252", "SendAsDenied; a not allowed to send as b");
        // One recipient was refused for itself before the sender was refused for all.
        var verdict = Of(new([new(A, false, noSuchUser), new(B, false, Ok)], denied, new(WireFailureKind.CommandRefused, "END OF DATA", denied, "refused", true, false)), A, B);
        Assert.Equal((false, denied.ToString()), verdict.SendAs);
        Assert.True(Of(new([new(A, true, Ok)], Ok, null), A).SendAs!.Value.Allowed);
        Assert.Null(Of(new([new(A, false, noSuchUser)], null, null), A).SendAs);
        // The latch closes the mailbox, whoever the sender is.
        var latch = new SmtpReply(550, "5.2.252", "Sender throttled due to continuous send as denied errors.");
        Assert.Null(Of(new([new(A, false, Ok)], latch, new(WireFailureKind.CommandRefused, "END OF DATA", latch, "refused", true, false)), A).SendAs);
    }

    [Fact]
    public void A_451_at_the_end_of_the_data_postpones_all()
    {
        var reply = new SmtpReply(451, "4.3.0", "Try again later");
        var verdict = Of(new([new(A, false, Ok)], reply, new(WireFailureKind.CommandRefused, "END OF DATA", reply, "refused", true, false)), A);
        Assert.IsType<RecipientOutcome.Deferred>(verdict.Outcomes[A]);
    }

    private static AttemptVerdict Of(SmtpSendResult result, params EmailAddress[] offered) => AttemptVerdict.Of(offered, result, "smtp.example", 587);
}
