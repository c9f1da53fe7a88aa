using System.Net;
using System.Security.Cryptography.X509Certificates;
using Postrider.Mail.Imap;
using Postrider.Mail.Smtp;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Entra;

namespace Postrider.Sandbox.Exchange;

/// <summary>Exchange's two doors. The wire's own timeouts use real time: a clock moved by days ends sessions by their tokens, not by idleness.</summary>
internal static class ExchangeFeature
{
    public static SmtpServer StartSmtp(IPEndPoint listen, X509Certificate2 certificate, EntraDirectory directory, Grants grants, Mailboxes mailboxes, Transport transport, TimeProvider clock, Action<Exception> onFault) =>
        SmtpServer.Start(
            // A wrong sign-in has its answer at once: whoever tests a program with one has no use for the wait.
            new SmtpServerOptions { Listen = listen, HostName = ExchangeReplies.HostName, Certificate = certificate, WrongSignInDelay = TimeSpan.Zero, OnFault = onFault },
            new SubmissionBackend(directory, grants, mailboxes, transport, clock));

    public static ImapServer StartImap(IPEndPoint listen, X509Certificate2 certificate, EntraDirectory directory, Grants grants, Mailboxes mailboxes, TimeProvider clock, Action<Exception> onFault) =>
        ImapServer.Start(
            new ImapServerOptions { Listen = listen, Certificate = certificate, Greeting = ExchangeReplies.ImapGreeting, Goodbye = ExchangeReplies.ImapGoodbye, ServerId = ExchangeReplies.ImapId, OnFault = onFault },
            new ImapBackend(directory, grants, mailboxes, clock));
}
