using System.Net;
using System.Security.Cryptography.X509Certificates;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Smtp;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Entra;

namespace Postrider.Sandbox.Exchange;

/// <summary>Exchange's two doors. The wire's own timeouts use real time: a clock moved by days ends sessions by their tokens, not by idleness.</summary>
internal static class ExchangeFeature
{
    // Microsoft: "Exchange Online limits", read 2026-11: the most that a mailbox can be given.
    private const int MaxRecipients = 1000;

    public static SmtpServer StartSmtp(IPEndPoint listen, X509Certificate2 certificate, SubmissionBackend backend, Action<Exception> onFault) =>
        SmtpServer.Start(
            new SmtpServerOptions
            {
                Listen = listen,
                HostName = ExchangeReplies.HostName,
                Certificate = certificate,
                // A wrong sign-in has its answer at once: whoever tests a program with one has no use for the wait.
                WrongSignInDelay = TimeSpan.Zero,
                MaxRecipients = MaxRecipients,
                Dsn = true,
                OnFault = onFault,
            },
            backend);

    public static ImapServer StartImap(IPEndPoint listen, X509Certificate2 certificate, EntraDirectory directory, Grants grants, Mailboxes mailboxes, TimeProvider clock, WireTranscript? transcript, Action<Exception> onFault) =>
        ImapServer.Start(
            new ImapServerOptions { Listen = listen, Certificate = certificate, Greeting = ExchangeReplies.ImapGreeting, Goodbye = ExchangeReplies.ImapGoodbye, ServerId = ExchangeReplies.ImapId, Transcript = transcript, OnFault = onFault },
            new ImapBackend(directory, grants, mailboxes, clock));
}
