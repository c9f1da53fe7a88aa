using Postrider.Mail;
using Postrider.Mail.Smtp;
using Postrider.Web;

namespace Postrider.Doctor;

/// <summary>Explains what an SMTP server refused. Exchange Online gives one code several meanings, so the sentence decides first.</summary>
internal static class SmtpDoctor
{
    /// <summary>The problem of a mailbox that has more connections than its server allows: fewer help, nothing else is wrong.</summary>
    public const string TooManyConnections = "smtp-too-many-connections";

    private const string Administrator = "administrator";
    private const string ExchangeAdministrator = "Microsoft 365 administrator";

    /// <summary>Explains a failure of the whole dialogue: connecting, signing in, or a message refused as a whole.</summary>
    public static Diagnosis Explain(SmtpFailure failure, string host, int port)
    {
        if (WireDoctor.Explain(failure.Kind, host, port, failure.Detail) is { } wire) return wire;
        if (failure.Reply is not { } reply)
            return new(new Problem("server-refused", $"The server {host} refused {failure.Stage}.", failure.Detail, "Check the server's settings.", Administrator, true), FaultScope.Server);
        return failure.Kind == WireFailureKind.AuthenticationRefused || failure.Stage == "AUTH" ? ExplainSignIn(reply) : ExplainReply(reply, failure.Stage);
    }

    /// <summary>The answer to AUTH. Source: Microsoft: "Enable or disable authenticated client SMTP submission (SMTP AUTH) in Exchange Online" and session logs, read 2026-11.</summary>
    public static Diagnosis ExplainSignIn(SmtpReply reply)
    {
        if (reply.IsTransient)
            return Server("smtp-sign-in-postponed", "The server could not check the sign-in just now.", reply, "Nothing to do: Postrider tries again.", "nobody", retries: true);
        if (Says(reply, "SmtpClientAuthentication is disabled for the Tenant"))
            return Tenant("smtp-auth-disabled-for-tenant", "SMTP AUTH is switched off for the whole organisation.", reply,
                "Exchange admin centre, Settings, Mail flow: clear Turn off SMTP AUTH protocol for your organization; or for this mailbox alone: Set-CASMailbox <mailbox> -SmtpClientAuthenticationDisabled $false. It takes up to an hour.", ExchangeAdministrator);
        if (Says(reply, "SmtpClientAuthentication is disabled for the Mailbox"))
            return Server("smtp-auth-disabled-for-mailbox", "SMTP AUTH is switched off for this mailbox.", reply,
                "Microsoft 365 admin centre, Active users, the user, Mail, Manage email apps: tick Authenticated SMTP; or Set-CASMailbox <mailbox> -SmtpClientAuthenticationDisabled $false. It takes up to an hour. New personal Outlook.com mailboxes have no such switch.", ExchangeAdministrator);
        if (Says(reply, "security defaults"))
            return Tenant("smtp-security-defaults", "The organisation's security defaults forbid SMTP AUTH.", reply,
                "Allow SMTP AUTH for the mailbox (Set-CASMailbox), or replace the security defaults by Conditional Access policies.", ExchangeAdministrator);
        if (Says(reply, "did not meet the criteria"))
            return Server("smtp-policy-refused", "A policy of the organisation refused the sign-in.", reply,
                "Look at Conditional Access and authentication policies for this mailbox.", ExchangeAdministrator);
        if (Says(reply, "basic authentication is disabled") || reply.EnhancedCode == "5.7.30")
            return Server("smtp-password-not-allowed", "The server no longer accepts passwords.", reply,
                "Choose Outlook as the kind of this server and connect the account instead of entering a password.", Administrator);
        if (Says(reply, "user credentials were incorrect"))
            return Server("smtp-password-wrong", "User name or password is wrong.", reply, "Correct user name and password of this server.", Administrator);
        if (reply.EnhancedCode == "5.7.3")
            return Server("smtp-sign-in-refused", "The server refused the sign-in.", reply,
                "Check that the Username is the mailbox of the connected account, or that this account has full access to it; that the mailbox has a licence; then connect again.", Administrator);
        return Server("smtp-sign-in-refused", "The server refused the sign-in.", reply, "Check user name and password, or connect the account again.", Administrator);
    }

    /// <summary>The answer to MAIL, RCPT, DATA or the end of the data.</summary>
    public static Diagnosis ExplainReply(SmtpReply reply, string stage)
    {
        if (reply.Code == 421)
            return Server("smtp-server-closing", "The server is closing connections just now.", reply, "Nothing to do: Postrider tries again.", "nobody", retries: true);
        if (reply.Code == 432 || Says(reply, "Concurrent connections limit") || Says(reply, "sender thread limit"))
            return Server("smtp-too-many-connections", "The mailbox has too many connections at once.", reply, "Nothing to do: Postrider waits. If it lasts, see who else sends through this mailbox.", "nobody", retries: true);
        // 554 5.2.252 SendAsDenied refuses one message; 550 5.2.252 Sender throttled closes the mailbox: same enhanced code, so the sentence decides.
        if (Says(reply, "Sender throttled"))
            return Server("smtp-mailbox-throttled", "Exchange has blocked sending from this mailbox for a while, because too many sendings failed.", reply,
                "Mend the cause that the server names; the block ends by itself, and support cannot lift it.", ExchangeAdministrator, retries: true);
        if (Says(reply, "daily limit") || Says(reply, "SubmissionQuotaExceeded") || reply.EnhancedCode is "5.1.90" or "5.7.232" or "5.7.233")
            return Server("smtp-quota-used-up", "The mailbox or the tenant has sent all it may send today.", reply, "Wait, or spread the mail over more mailboxes.", Administrator, retries: true);
        if (reply.EnhancedCode is "5.7.57" or "5.7.0" || Says(reply, "Client not authenticated"))
            return Server("smtp-not-signed-in", "The server takes no mail before a sign-in.", reply, "Give this server a user name and a password, or connect an Outlook account.", Administrator, retries: true);
        if (Says(reply, "OutboundSpam") || reply.EnhancedCode == "5.1.8")
            return Server("smtp-blocked-as-spam", "Exchange has blocked this sender for spam.", reply, "Microsoft Defender portal, Restricted entities: release the mailbox, after finding out who used it.", ExchangeAdministrator, retries: true);
        if (Says(reply, "mailbox full"))
            return Server("smtp-mailbox-full", "The sending mailbox is full; each mail leaves a copy in Sent Items.", reply, "Make room in the mailbox.", "owner of the mailbox", retries: true);
        if (Says(reply, "SendAsDenied") || Says(reply, "permissions to send as") || reply.EnhancedCode == "5.7.60")
            return Message("smtp-send-as-denied", "The account may not send as this address.", reply, "Give the account Send As rights on that mailbox, or send from the account's own address (From Filter).", ExchangeAdministrator);
        if (reply.EnhancedCode == "5.3.4" || reply.Code == 552)
            return Message("smtp-message-too-large", "The message is larger than the server takes.", reply, "Send smaller attachments, or a link to them.", "you");
        if (reply.IsTransient)
            return Message("smtp-postponed", $"The server postponed the message at {stage}.", reply, "Nothing to do: Postrider tries again.", "nobody", retries: true);
        return stage == "RCPT"
            ? Message("smtp-recipient-refused", "The server refused the recipient.", reply, "Check the address.", "you")
            : Message("smtp-message-refused", $"The server refused the message at {stage}.", reply, "Read what the server wrote; mend it and send again.", "you");
    }

    private static bool Says(SmtpReply reply, string sentence) => reply.Text.Contains(sentence, StringComparison.OrdinalIgnoreCase);

    private static Diagnosis Server(string code, string what, SmtpReply reply, string remedy, string who, bool retries = false) =>
        new(new Problem(code, what, reply.ToString(), remedy, who, retries), FaultScope.Server);

    private static Diagnosis Tenant(string code, string what, SmtpReply reply, string remedy, string who) =>
        new(new Problem(code, what, reply.ToString(), remedy, who, RetriesByItself: false), FaultScope.Tenant);

    private static Diagnosis Message(string code, string what, SmtpReply reply, string remedy, string who, bool retries = false) =>
        new(new Problem(code, what, reply.ToString(), remedy, who, retries), FaultScope.Message);
}
