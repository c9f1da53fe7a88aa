using System.Globalization;
using Postrider.Mail;
using Postrider.Mail.Smtp;

namespace Postrider.Sandbox.Exchange;

/// <summary>What Exchange Online says, word for word where it is published. Microsoft: "Fix issues with printers, scanners, and LOB applications that send email", "Enable or disable SMTP AUTH in Exchange Online", read 2026-11.</summary>
internal static class ExchangeReplies
{
    /// <summary>The name of the server in greetings. Made up in Exchange's manner.</summary>
    public const string HostName = "SBX1PR01MB0001.outlook.example";

    // IMAP, each without its tag.
    public const string ImapGreeting = "The Microsoft Exchange IMAP4 service is ready. [UwBCAFgAMQBQAFIAMAAxAE0AQgAwADAAMAAxAA==]";
    public const string ImapGoodbye = "Microsoft Exchange Server IMAP4 server signing off.";
    public const string ImapAuthenticateFailed = "NO AUTHENTICATE failed.";
    public const string ImapBasicDisabled = "NO Basic authentication is disabled.";
    public const string ImapNotConnected = "BAD User is authenticated but not connected.";
    public const string ImapNotConnectedBye = "Connection closed. 14";
    public static readonly string[] ImapId = ["name", "Microsoft.Exchange.Imap4.Imap4Server", "version", "15.20"];

    public static string SmtpGreeting(DateTimeOffset now, string session) =>
        string.Create(CultureInfo.InvariantCulture, $"{HostName} Microsoft ESMTP MAIL Service ready at {now.UtcDateTime:ddd, d MMM yyyy HH:mm:ss} +0000 [{session}]");

    public static SmtpReply AuthenticationUnsuccessful(DateTimeOffset now, string session) => Unsuccessful("5.7.3", "Authentication unsuccessful", now, session);

    public static SmtpReply SmtpAuthDisabledForTenant(DateTimeOffset now, string session) =>
        Unsuccessful("5.7.139", "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.", now, session);

    public static SmtpReply SmtpAuthDisabledForMailbox(DateTimeOffset now, string session) =>
        Unsuccessful("5.7.139", "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information.", now, session);

    public static SmtpReply BasicAuthenticationDisabled(DateTimeOffset now, string session) => Unsuccessful("5.7.139", "Authentication unsuccessful, basic authentication is disabled.", now, session);

    public static SmtpReply BlockedBySecurityDefaults(DateTimeOffset now, string session) =>
        Unsuccessful("5.7.139", "Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator.", now, session);

    public static SmtpReply BlockedByPolicy(DateTimeOffset now, string session) =>
        Unsuccessful("5.7.139", "Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.", now, session);

    public static SmtpReply CredentialsIncorrect(DateTimeOffset now, string session) => Unsuccessful("5.7.139", "Authentication unsuccessful, the user credentials were incorrect.", now, session);

    public static SmtpReply BasicAuthenticationRetired(DateTimeOffset now, string session) => new(550, "5.7.30", "Basic authentication is not supported for Client Submission.");

    public static SmtpReply Accepted(string messageId) => new(250, "2.0.0", $"OK {messageId} [Hostname={HostName}]");

    public static SmtpReply SendAsDenied(EmailAddress who, EmailAddress from) => new(554, "5.2.252",
        $"SendAsDenied; {who} not allowed to send as {from}; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot submit message.[EndDiagnosticData] [Hostname={HostName}]");

    public static SmtpReply TooManyConnections { get; } = new(432, "4.3.2", $"Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname={HostName}]");

    public static SmtpReply TooLarge { get; } = new(552, "5.3.4", "Message size exceeds fixed maximum message size");

    public static SmtpReply SenderThrottled(ThrottleReason reason) => new(550, string.Create(CultureInfo.InvariantCulture, $"5.2.{(int)reason}"), $"Sender throttled due to continuous {NameOf(reason)} errors.");

    public static SmtpReply RecipientsPerDayUsedUp { get; } = new(554, "5.2.0",
        $"STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot submit message.[EndDiagnosticData] [Hostname={HostName}]");

    public static SmtpReply MailboxFull { get; } = new(554, "5.2.2",
        $"mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot submit message.[EndDiagnosticData] [Hostname={HostName}]");

    /// <summary>Microsoft: "Email non-delivery report (NDR) and SMTP errors in Exchange Online", read 2026-11.</summary>
    public static SmtpReply ExternalRecipientsPerDayUsedUp(bool trial) => trial
        ? new(550, "5.7.232", "Your message can't be sent because your trial tenant has exceeded its daily limit for sending email to external recipients (tenant external recipient rate limit)")
        : new(550, "5.7.233", "Your message can't be sent because your tenant exceeded its daily limit for sending email to external recipients (tenant external recipient rate limit)");

    public static SmtpReply TooManyRecipients { get; } = new(452, "4.5.3", "Too many recipients");

    public static SmtpReply Stopping { get; } = new(421, "4.3.2", "Service not available, closing transmission channel");

    /// <summary>The sandbox's own: Exchange knows no such limit.</summary>
    public static SmtpReply TooManyCorrespondents { get; } = new(452, "4.5.3", "The sandbox keeps mail for ten thousand addresses and no more");

    private static string NameOf(ThrottleReason reason) => reason switch
    {
        ThrottleReason.MailboxFull => "mailbox full",
        ThrottleReason.SendAsDenied => "send as denied",
        ThrottleReason.InvalidLicense => "invalid license",
        ThrottleReason.TooManyRecipients => "too many recipients",
        _ => "invalid recipients",
    };

    private static SmtpReply Unsuccessful(string enhanced, string text, DateTimeOffset now, string session) =>
        new(535, enhanced, string.Create(CultureInfo.InvariantCulture, $"{text} [{HostName} {now.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {session}]"));
}
