using Postrider.Doctor;
using Postrider.Mail;
using Postrider.Mail.Smtp;

namespace Postrider.Tests.Doctor;

public sealed class SmtpDoctorTests
{
    [Theory]
    [InlineData("5.7.139", "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.", "smtp-auth-disabled-for-tenant")]
    [InlineData("5.7.139", "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information.", "smtp-auth-disabled-for-mailbox")]
    [InlineData("5.7.139", "Authentication unsuccessful, basic authentication is disabled.", "smtp-password-not-allowed")]
    [InlineData("5.7.139", "Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator.", "smtp-security-defaults")]
    [InlineData("5.7.139", "Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.", "smtp-policy-refused")]
    [InlineData("5.7.139", "Authentication unsuccessful, the user credentials were incorrect.", "smtp-password-wrong")]
    [InlineData("5.7.3", "Authentication unsuccessful", "smtp-sign-in-refused")]
    public void One_code_has_several_meanings_and_the_sentence_tells_which(string enhanced, string text, string problem)
    {
        var failure = new SmtpFailure(WireFailureKind.AuthenticationRefused, "AUTH", new SmtpReply(535, enhanced, text), "refused", false, false);
        var diagnosis = SmtpDoctor.Explain(failure, "smtp.example", 587);
        // What the organisation forbids is one cause for all its mailboxes.
        var scope = problem is "smtp-auth-disabled-for-tenant" or "smtp-security-defaults" ? FaultScope.Tenant : FaultScope.Server;
        Assert.Equal((problem, scope), (diagnosis.Problem.Code, diagnosis.Scope));
        Assert.Contains(text, diagnosis.Problem.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_replies_with_the_same_enhanced_code_are_told_apart()
    {
        var denied = SmtpDoctor.ExplainReply(new SmtpReply(554, "5.2.252", "SendAsDenied; a@x.example not allowed to send as b@x.example"), "END OF DATA");
        var throttled = SmtpDoctor.ExplainReply(new SmtpReply(550, "5.2.252", "Sender throttled due to continuous send as denied errors."), "MAIL");
        Assert.Equal(("smtp-send-as-denied", FaultScope.Message), (denied.Problem.Code, denied.Scope));
        Assert.Equal(("smtp-mailbox-throttled", FaultScope.Server), (throttled.Problem.Code, throttled.Scope));
    }

    [Theory]
    [InlineData(WireFailureKind.CertificateNotTrusted, "server-certificate-not-trusted")]
    [InlineData(WireFailureKind.ConnectionRefused, "server-unreachable")]
    [InlineData(WireFailureKind.NameNotFound, "server-name-not-found")]
    [InlineData(WireFailureKind.StartTlsNotOffered, "server-no-starttls")]
    public void A_way_that_does_not_lead_there_is_named(WireFailureKind kind, string problem) =>
        Assert.Equal(problem, SmtpDoctor.Explain(new SmtpFailure(kind, "CONNECT", null, "detail", false, false), "smtp.example", 587).Problem.Code);

    [Fact]
    public void Too_many_connections_is_the_servers_trouble_even_after_DATA() =>
        Assert.Equal(FaultScope.Server, SmtpDoctor.ExplainReply(new SmtpReply(432, "4.3.2", "Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information."), "END OF DATA").Scope);
}
