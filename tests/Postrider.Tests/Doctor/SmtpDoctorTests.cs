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

    private const string Nobody = "nobody";

    /// <summary>Every reply of Exchange Online that is known, as it is sent: where, what it is, whose trouble, whether it passes by itself, and the minutes to leave the mailbox alone.</summary>
    [Theory]
    // The sign-in.
    [InlineData("AUTH", "535 5.7.3 Authentication unsuccessful [SRV 2026-11-25T12:00:00.000Z 08DE2A6028D26C22]", "smtp-sign-in-refused", "Server", false, 0)]
    [InlineData("AUTH", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [SRV]", "smtp-auth-disabled-for-tenant", "Tenant", false, 0)]
    [InlineData("AUTH", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information. [SRV]", "smtp-auth-disabled-for-mailbox", "Server", false, 0)]
    [InlineData("AUTH", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [SRV]", "smtp-password-not-allowed", "Server", false, 0)]
    [InlineData("AUTH", "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator. [SRV]", "smtp-security-defaults", "Tenant", false, 0)]
    [InlineData("AUTH", "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator. [SRV]", "smtp-policy-refused", "Server", false, 0)]
    [InlineData("AUTH", "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect [SRV]", "smtp-password-wrong", "Server", false, 0)]
    [InlineData("AUTH", "550 5.7.30 Basic authentication is not supported for Client Submission.", "smtp-password-not-allowed", "Server", false, 0)]
    [InlineData("MAIL", "550 5.7.30 Basic authentication is not supported for Client Submission.", "smtp-password-not-allowed", "Server", false, 0)]
    [InlineData("AUTH", "454 4.7.0 Temporary authentication failure", "smtp-sign-in-postponed", "Server", true, 0)]
    [InlineData("AUTH", "421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2. Visit https://aka.ms/smtp_auth_tls", "smtp-tls-too-old", "Host", false, 0)]
    [InlineData("EHLO", "421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2. Visit https://aka.ms/smtp_auth_tls", "smtp-tls-too-old", "Host", false, 0)]
    [InlineData("AUTH", "530 5.7.0 Must issue a STARTTLS command first", "smtp-starttls-required", "Server", false, 0)]
    [InlineData("MAIL", "530 5.7.0 Must issue a STARTTLS command first", "smtp-starttls-required", "Server", false, 0)]
    [InlineData("MAIL", "530 5.7.57 Client not authenticated to send mail", "smtp-not-signed-in", "Server", true, 0)]
    [InlineData("MAIL", "535 5.7.57 SMTP; Client was not authenticated to send anonymous mail: Client not authenticated to send mail", "smtp-not-signed-in", "Server", true, 0)]
    // High Volume Email.
    [InlineData("AUTH", "501 5.5.121 Invalid XOAUTH2 argument", "smtp-sign-in-not-understood", "Server", false, 0)]
    [InlineData("AUTH", "501 5.5.126 Invalid XOAUTH2 argument", "smtp-sign-in-not-understood", "Server", false, 0)]
    [InlineData("AUTH", "535 5.7.142 Token will expire soon", "smtp-token-expired", "Server", true, 0)]
    [InlineData("AUTH", "535 5.7.143 Expired token", "smtp-token-expired", "Server", true, 0)]
    [InlineData("AUTH", "535 5.7.144 Invalid API permissions", "smtp-permission-missing", "Server", false, 0)]
    [InlineData("AUTH", "550 5.7.240 Application is not allowed", "smtp-application-not-allowed", "Server", false, 0)]
    [InlineData("RCPT", "550 5.5.105 External recipient", "smtp-recipient-external", "Message", false, 0)]
    // Who may send as whom.
    [InlineData("END OF DATA", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "smtp-send-as-denied", "Message", false, 0)]
    [InlineData("END OF DATA", "554 5.2.252 SendAsDenied; a@x.example not allowed to send as b@x.example; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message", "smtp-send-as-denied", "Message", false, 0)]
    // The closed mailbox: one enhanced code is also that of the row before.
    [InlineData("END OF DATA", "550 5.2.251 Sender throttled due to continuous mailbox full errors.", "smtp-mailbox-throttled", "Server", true, 60)]
    [InlineData("END OF DATA", "550 5.2.252 Sender throttled due to continuous send as denied errors.", "smtp-mailbox-throttled", "Server", true, 60)]
    [InlineData("END OF DATA", "550 5.2.253 Sender throttled due to continuous invalid license errors.", "smtp-mailbox-throttled", "Server", true, 60)]
    [InlineData("MAIL", "550 5.2.254 Sender throttled due to continuous too many recipients errors.", "smtp-mailbox-throttled", "Server", true, 60)]
    [InlineData("AUTH", "550 5.2.255 Sender throttled due to continuous invalid recipients errors.", "smtp-mailbox-throttled", "Server", true, 60)]
    // The sender's connections and the recipient's: the same code.
    [InlineData("END OF DATA", "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname=SRV]", "smtp-too-many-connections", "Server", true, 0)]
    [InlineData("AUTH", "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname=SRV]", "smtp-too-many-connections", "Server", true, 0)]
    [InlineData("END OF DATA", "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", "smtp-too-many-connections", "Server", true, 0)]
    [InlineData("END OF DATA", "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", "smtp-recipient-busy", "Message", true, 0)]
    // Quotas.
    [InlineData("END OF DATA", "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message", "smtp-quota-used-up", "Server", true, 60)]
    [InlineData("END OF DATA", "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients", "smtp-quota-used-up", "Server", true, 60)]
    [InlineData("END OF DATA", "554 5.2.2 Submission quota exceeded", "smtp-quota-used-up", "Server", true, 60)]
    [InlineData("END OF DATA", "550 5.7.232 Your message can't be sent because your trial tenant has exceeded its daily limit for sending email to external recipients (tenant external recipient rate limit)", "smtp-tenant-quota-used-up", "Tenant", true, 60)]
    [InlineData("END OF DATA", "550 5.7.233 Your message can't be sent because your tenant exceeded its daily limit for sending email to external recipients (tenant external recipient rate limit)", "smtp-tenant-quota-used-up", "Tenant", true, 60)]
    // A full mailbox: whose it is stands in the sentence.
    [InlineData("END OF DATA", "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded", "smtp-mailbox-full", "Server", true, 0)]
    [InlineData("END OF DATA", "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException", "smtp-recipient-mailbox-full", "Message", false, 0)]
    [InlineData("RCPT", "452 4.2.2 The email account that you tried to reach is over quota", "smtp-recipient-mailbox-full", "Message", true, 0)]
    [InlineData("RCPT", "552 Exceeded storage allocation", "smtp-recipient-mailbox-full", "Message", false, 0)]
    // Spam.
    [InlineData("END OF DATA", "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message", "smtp-blocked-as-spam", "Server", true, 0)]
    [InlineData("END OF DATA", "550 5.1.8 Access denied, bad outbound sender AS(42004)", "smtp-blocked-as-spam", "Server", true, 0)]
    [InlineData("MAIL", "550 5.1.8 <ann@x.example>: Sender address rejected: Domain not found", "smtp-message-refused", "Message", false, 0)]
    [InlineData("END OF DATA", "550 5.7.501 Access denied, spam abuse detected", "smtp-blocked-as-spam", "Server", true, 0)]
    [InlineData("END OF DATA", "550 5.7.502 Access denied, banned sender", "smtp-blocked-as-spam", "Server", true, 0)]
    [InlineData("END OF DATA", "550 5.7.503 Access denied, banned sender", "smtp-blocked-as-spam", "Server", true, 0)]
    [InlineData("RCPT", "550 5.7.508 Access denied, [2001:db8::1] has exceeded permitted limits within ranges", "smtp-address-blocked", "Host", true, 0)]
    [InlineData("END OF DATA", "550 5.7.705 Access denied, tenant has exceeded threshold", "smtp-tenant-blocked", "Tenant", false, 0)]
    [InlineData("RCPT", "550 5.7.708 Access denied, traffic not accepted from this IP", "smtp-address-blocked", "Host", true, 0)]
    [InlineData("END OF DATA", "550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains", "smtp-tenant-blocked", "Tenant", false, 0)]
    [InlineData("RCPT", "451 4.7.500 Server busy. Please try again later", "smtp-server-busy", "Server", true, 0)]
    [InlineData("MAIL", "451 4.7.699 Access denied, please try again later", "smtp-server-busy", "Server", true, 0)]
    [InlineData("RCPT", "451 4.7.700 PFA agent busy", "smtp-postponed", "Message", true, 0)]
    // Too many, too large.
    [InlineData("RCPT", "452 4.5.3 Too many recipients", "smtp-too-many-recipients", "Message", true, 0)]
    [InlineData("RCPT", "451 4.5.3 Too many recipients (AS780090)", "smtp-too-many-recipients", "Message", true, 0)]
    [InlineData("RCPT", "552 5.5.3 Too many recipients", "smtp-too-many-recipients", "Message", false, 0)]
    [InlineData("END OF DATA", "552 5.3.4 Message size exceeds fixed maximum message size", "smtp-message-too-large", "Message", false, 0)]
    [InlineData("MAIL", "552 Message size exceeds fixed maximum message size", "smtp-message-too-large", "Message", false, 0)]
    [InlineData("END OF DATA", "552 5.7.0 This message was blocked because its content presents a potential security issue", "smtp-message-refused", "Message", false, 0)]
    // The server itself.
    [InlineData("END OF DATA", "421 4.3.2 Service not available", "smtp-server-closing", "Server", true, 0)]
    [InlineData("CONNECT", "554 5.7.1 No SMTP service here", "server-refused", "Server", true, 0)]
    [InlineData("CONNECT", "450 4.3.2 Not now", "smtp-server-closing", "Server", true, 0)]
    public void Each_reply_has_its_explanation(string stage, string line, string problem, string scope, bool retries, int minutes)
    {
        var reply = SmtpReply.Read(line)!;
        var failure = new SmtpFailure(stage == "AUTH" ? WireFailureKind.AuthenticationRefused : WireFailureKind.CommandRefused, stage, reply, "refused", true, false);
        var diagnosis = SmtpDoctor.Explain(failure, "smtp.example", 587);
        Assert.Equal((problem, scope, retries), (diagnosis.Problem.Code, diagnosis.Scope.ToString(), diagnosis.Problem.RetriesByItself));
        Assert.Equal(minutes, diagnosis.NotBefore?.TotalMinutes ?? 0);
        Assert.Equal(line, diagnosis.Problem.Detail);
        // Nothing to do is said to nobody, and the other way round.
        Assert.True(diagnosis.Problem.Remedy.StartsWith("Nothing to do", StringComparison.Ordinal) || diagnosis.Problem.Who != Nobody, diagnosis.Problem.Remedy);
    }

    [Theory]
    [InlineData("mailbox full", "Sent Items")]
    [InlineData("send as denied", "Delegation, Send as")]
    [InlineData("invalid license", "Licenses and apps")]
    [InlineData("too many recipients", "fewer people")]
    [InlineData("invalid recipients", "addresses")]
    public void Closed_mailbox_says_which_errors_closed_it_and_what_mends_them(string errors, string remedy) =>
        Assert.Contains(remedy, SmtpDoctor.ExplainReply(SmtpReply.Read($"550 5.2.252 Sender throttled due to continuous {errors} errors.")!, "END OF DATA").Problem.Remedy, StringComparison.Ordinal);
}
