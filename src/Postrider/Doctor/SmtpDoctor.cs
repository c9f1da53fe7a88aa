using System.Globalization;
using Postrider.Mail;
using Postrider.Mail.Smtp;
using Postrider.Web;

namespace Postrider.Doctor;

/// <summary>Explains what an SMTP server refused. Exchange Online gives one code several meanings, so the sentence decides first.</summary>
internal static class SmtpDoctor
{
    // A closed mailbox and a used-up day pass in hours, and each further refusal may prolong the one. Microsoft tells no length.
    private static readonly TimeSpan MailboxPause = TimeSpan.FromHours(1);

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
        if (ExplainAtAnyStage(reply) is { } known) return known;
        // The token is new at the next attempt, so this passes although it is written as final.
        if (reply.EnhancedCode is "5.7.142" or "5.7.143" || Says(reply, "Token will expire soon") || Says(reply, "Expired token"))
            return Server("smtp-token-expired", "The access token of the connected account had run out.", reply, "Nothing to do: Postrider fetches a new one. If it lasts, correct the clock of this machine.", "nobody", retries: true);
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
                "Allow SMTP AUTH for the mailbox: Set-CASMailbox <mailbox> -SmtpClientAuthenticationDisabled $false; or Entra admin centre, Overview, Properties, Manage security defaults: disable them and set up Conditional Access policies instead.", ExchangeAdministrator);
        if (Says(reply, "did not meet the criteria"))
            return Server("smtp-policy-refused", "A policy of the organisation refused the sign-in.", reply,
                "Entra admin centre, Users, the user, Sign-in logs: the failed sign-in names the Conditional Access policy; exclude this account from it. If none is named: (Get-User <mailbox>).AuthenticationPolicy shows the authentication policy.", ExchangeAdministrator);
        if (Says(reply, "basic authentication is disabled") || Says(reply, "Basic authentication is not supported"))
            return Server("smtp-password-not-allowed", "The server no longer accepts passwords.", reply,
                "Choose Outlook as the kind of this server and connect the account instead of entering a password.", Administrator);
        if (Says(reply, "user credentials were incorrect"))
            return Server("smtp-password-wrong", "User name or password is wrong.", reply, "Correct user name and password of this server.", Administrator);
        if (Says(reply, "Invalid API permissions") || reply.EnhancedCode == "5.7.144")
            return Server("smtp-permission-missing", "The Azure application lacks the permission for this server.", reply,
                "Entra admin centre, App registrations, the application, API permissions: add SMTP.Send and grant admin consent; then connect again.", ExchangeAdministrator);
        if (reply.EnhancedCode == "5.7.240")
            return Server("smtp-application-not-allowed", "The organisation does not let this application send High Volume Email.", reply, "Let who manages High Volume Email in the organisation allow the application for this account.", ExchangeAdministrator);
        if (Says(reply, "Invalid XOAUTH2 argument") || reply.EnhancedCode is "5.5.121" or "5.5.122" or "5.5.123" or "5.5.124" or "5.5.125" or "5.5.126")
            return Server("smtp-sign-in-not-understood", "The server could not read the sign-in.", reply, "Check that the Username of this server is the bare address of the mailbox, then connect the account again.", Administrator);
        if (reply.EnhancedCode == "5.7.3")
            return Server("smtp-sign-in-refused", "The server refused the sign-in.", reply,
                "Check that the Username is the mailbox of the connected account, or that this account has full access to it; that the mailbox has a licence; then connect again.", Administrator);
        return Server("smtp-sign-in-refused", "The server refused the sign-in.", reply, "Check user name and password, or connect the account again.", Administrator);
    }

    /// <summary>The answer to MAIL, RCPT, DATA or the end of the data. Source: Microsoft: "Email non-delivery report (NDR) and SMTP errors in Exchange Online" and session logs, read 2026-11.</summary>
    public static Diagnosis ExplainReply(SmtpReply reply, string stage)
    {
        if (ExplainAtAnyStage(reply) is { } known) return known;
        if (reply.Code == 535 || IsAboutPasswords(reply)) return ExplainSignIn(reply);
        if (stage is "CONNECT" or "EHLO" or "STARTTLS")
            return reply.IsTransient
                ? Server("smtp-server-closing", "The server is closing connections just now.", reply, "Nothing to do: Postrider tries again.", "nobody", retries: true)
                : Server("server-refused", $"The server refused {stage}.", reply, "Check the server's settings.", Administrator, retries: true);
        if (Says(reply, "SendAsDenied") || Says(reply, "permissions to send as") || reply.EnhancedCode == "5.7.60")
            return Message("smtp-send-as-denied", "The account may not send as this address.", reply,
                "Exchange admin centre, Recipients, Mailboxes, the mailbox of that address, Delegation, Send as: add the connected account (it takes up to two hours); or send from the account's own address and set From Filter to it.", ExchangeAdministrator);
        // Of the sender: Exchange stores each submission in Sent Items.
        if (Says(reply, "STOREDRV.Submission") && Says(reply, "QuotaExceededException"))
            return Server("smtp-mailbox-full", "The sending mailbox is full; each mail leaves a copy in Sent Items.", reply, "Empty Deleted Items and Sent Items of the mailbox, or give it an archive or a larger licence.", "owner of the mailbox", retries: true);
        if (Says(reply, "recipient thread limit"))
            return Message("smtp-recipient-busy", "The recipient's mailbox is taking too much mail at once.", reply, "Nothing to do: Postrider tries again.", "nobody", retries: true);
        if (reply.EnhancedCode is "5.2.2" or "4.2.2" || Says(reply, "mailbox full") || Says(reply, "mailbox is full") || (reply.Code == 552 && reply.EnhancedCode is null && stage == "RCPT"))
            return Message("smtp-recipient-mailbox-full", "The recipient's mailbox is full.", reply, "Tell the recipient another way; send again when there is room.", "you", retries: reply.IsTransient);
        if (Says(reply, "too many recipients") || reply.EnhancedCode is "4.5.3" or "5.5.3")
            return Message("smtp-too-many-recipients", "The message has more recipients than the server takes at once.", reply,
                reply.IsTransient ? "Nothing to do: Postrider offers the rest again." : "Send to fewer people at once.", reply.IsTransient ? "nobody" : "you", retries: reply.IsTransient);
        if (reply.EnhancedCode == "5.5.105")
            return Message("smtp-recipient-external", "This server delivers within the organisation only, as High Volume Email does.", reply, "Send to people outside by another outgoing server.", Administrator);
        if (reply.EnhancedCode is "5.3.4" or "5.2.3" || (reply.Code == 552 && reply.EnhancedCode is null))
            return Message("smtp-message-too-large", "The message is larger than the server takes.", reply, "Send smaller attachments, or a link to them.", "you");
        if (reply.IsTransient)
            return Message("smtp-postponed", $"The server postponed the message at {stage}.", reply, "Nothing to do: Postrider tries again.", "nobody", retries: true);
        return stage == "RCPT"
            ? Message("smtp-recipient-refused", "The server refused the recipient.", reply, "Check the address.", "you")
            : Message("smtp-message-refused", $"The server refused the message at {stage}.", reply, "Read what the server wrote; mend it and send again.", "you");
    }

    /// <summary>What concerns the connection, the mailbox or the tenant, wherever it is said. Null: something else.</summary>
    private static Diagnosis? ExplainAtAnyStage(SmtpReply reply)
    {
        if (Says(reply, "TLS 1.0 and 1.1 are not supported") || reply.EnhancedCode == "4.7.66")
            return new(new Problem("smtp-tls-too-old", "The server takes TLS 1.2 and newer only.", reply.ToString(), "Let this machine use TLS 1.2 or 1.3: update its system, and look for a policy or a proxy that allows only older ones.", "who runs the hub", false), FaultScope.Host);
        if (Says(reply, "STARTTLS command first"))
            return Server("smtp-starttls-required", "The server wants an encrypted connection first.", reply, "Set Connection Encryption of this server to TLS (STARTTLS), with port 587.", Administrator);
        if (Says(reply, "not authenticated to send mail") || reply.EnhancedCode == "5.7.57" || reply.Code == 530)
            return Server("smtp-not-signed-in", "The server takes no mail before a sign-in.", reply, "Give this server a user name and a password, or connect an Outlook account.", Administrator, retries: true);
        // 554 5.2.252 SendAsDenied refuses one message; 550 5.2.252 Sender throttled closes the mailbox: same enhanced code, so the sentence decides.
        if (Says(reply, "Sender throttled"))
            return Server("smtp-mailbox-throttled", "Exchange has closed this mailbox for sending for a while, because too many sendings failed.", reply, RemedyOfThrottle(reply) + " The block ends by itself, and support cannot lift it.", ExchangeAdministrator, retries: true, MailboxPause);
        if (Says(reply, "external recipient rate limit") || reply.EnhancedCode is "5.7.232" or "5.7.233")
            return new(
                new Problem("smtp-tenant-quota-used-up", "The organisation has sent to as many people outside as it may within 24 hours.", reply.ToString(),
                    "Exchange admin centre, Reports, Mail flow, Tenant Outbound External Recipients Rate: see who used it up. It becomes free hour by hour; more licences raise it, and a trial has to be bought first.", ExchangeAdministrator, true),
                FaultScope.Tenant,
                MailboxPause);
        if (Says(reply, "SubmissionQuotaExceeded") || Says(reply, "Submission quota exceeded") || Says(reply, "daily limit") || reply.EnhancedCode == "5.1.90")
            return Server("smtp-quota-used-up", "The mailbox has sent to as many people as it may within 24 hours.", reply, "Nothing to do: it becomes free hour by hour. If it lasts, spread the mail over more mailboxes.", Administrator, retries: true, MailboxPause);
        if (Says(reply, "Concurrent connections limit") || Says(reply, "sender thread limit") || (reply.Code == 432 && !Says(reply, "recipient thread limit")))
            return Server("smtp-too-many-connections", "The mailbox has too many connections at once.", reply, "Nothing to do: Postrider waits. If it lasts, see who else sends through this mailbox.", "nobody", retries: true) with { OneConnectionTooMany = true };
        if (Says(reply, "OutboundSpam") || Says(reply, "bad outbound sender") || reply.EnhancedCode is "5.7.501" or "5.7.502" or "5.7.503")
            return Server("smtp-blocked-as-spam", "Exchange has blocked this sender for spam.", reply,
                "Find out who used the mailbox and change its password; then Microsoft Defender portal, Email & collaboration, Review, Restricted entities: select the mailbox and Unblock. It takes up to an hour.", ExchangeAdministrator, retries: true);
        if (reply.EnhancedCode is "5.7.508" or "5.7.708")
            return new(
                new Problem("smtp-address-blocked", "Exchange takes no mail from the internet address of this machine.", reply.ToString(),
                    "Open a support request at Microsoft 365 admin centre, Support, with the server's words; or let the hub reach the internet by another one.", "who runs the hub", true),
                FaultScope.Host);
        if (InRange(reply, "5.7.", 700, 750))
            return Tenant("smtp-tenant-blocked", "Exchange has stopped the organisation from sending.", reply,
                "Exchange admin centre and Microsoft Defender portal, Restricted entities: find the accounts that sent spam and release them; then open a support request at Microsoft 365 admin centre, Support.", ExchangeAdministrator);
        if (InRange(reply, "4.7.", 500, 699))
            return Server("smtp-server-busy", "The server takes no more mail from here just now.", reply, "Nothing to do: Postrider tries again.", "nobody", retries: true);
        return reply.Code == 421 ? Server("smtp-server-closing", "The server is closing connections just now.", reply, "Nothing to do: Postrider tries again.", "nobody", retries: true) : null;
    }

    private static string RemedyOfThrottle(SmtpReply reply) =>
        Says(reply, "mailbox full") ? "Empty Deleted Items and Sent Items of the mailbox, or give it an archive."
        : Says(reply, "send as denied") ? "Exchange admin centre, Recipients, Mailboxes, the mailbox of the From address, Delegation, Send as: add the connected account; or set From Filter of this server to the account's own address."
        : Says(reply, "invalid license") ? "Microsoft 365 admin centre, Active users, the user, Licenses and apps: give it a licence with Exchange Online."
        : Says(reply, "too many recipients") ? "Send to fewer people at once, or spread the mail over more mailboxes."
        : Says(reply, "invalid recipients") ? "Correct or remove the addresses that come back as unknown."
        : "Mend the cause that the server names.";

    private static bool IsAboutPasswords(SmtpReply reply) => reply.EnhancedCode is "5.7.30" or "5.7.139";

    private static bool InRange(SmtpReply reply, string start, int first, int last) =>
        reply.EnhancedCode is { } code && code.StartsWith(start, StringComparison.Ordinal) && int.TryParse(code.AsSpan(start.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var detail) && detail >= first && detail <= last;

    private static bool Says(SmtpReply reply, string sentence) => reply.Text.Contains(sentence, StringComparison.OrdinalIgnoreCase);

    private static Diagnosis Server(string code, string what, SmtpReply reply, string remedy, string who, bool retries = false, TimeSpan? notBefore = null) =>
        new(new Problem(code, what, reply.ToString(), remedy, who, retries), FaultScope.Server, notBefore);

    private static Diagnosis Tenant(string code, string what, SmtpReply reply, string remedy, string who) =>
        new(new Problem(code, what, reply.ToString(), remedy, who, RetriesByItself: false), FaultScope.Tenant);

    private static Diagnosis Message(string code, string what, SmtpReply reply, string remedy, string who, bool retries = false) =>
        new(new Problem(code, what, reply.ToString(), remedy, who, retries), FaultScope.Message);
}
