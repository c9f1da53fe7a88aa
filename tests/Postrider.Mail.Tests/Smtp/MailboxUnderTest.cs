using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Mail.Tests.Smtp;

internal sealed record ReceivedMessage(SmtpEnvelope Envelope, byte[] Bytes);

/// <summary>A backend that keeps what it gets. Any token or password but <c>wrong</c> signs in; a test may replace any answer.</summary>
internal sealed class MailboxUnderTest : ISmtpBackend
{
    public ConcurrentQueue<ReceivedMessage> Messages { get; } = new();
    public ConcurrentQueue<SaslCredential> Credentials { get; } = new();
    public ConcurrentQueue<Exception> Faults { get; } = new();
    public ConcurrentQueue<string> Lines { get; } = new();

    public Func<SaslCredential, SmtpReply?> OnAuth { get; init; } = c => c is SaslCredential.XOAuth2 { AccessToken: "wrong" } or SaslCredential.Plain { Password: "wrong" } ? new(535, "5.7.3", "Authentication unsuccessful") : null;
    public Func<string, SmtpReply?> OnBefore { get; init; } = _ => null;
    public Func<EmailAddress?, SmtpReply?> OnMail { get; init; } = _ => null;
    public Func<EmailAddress, SmtpReply?> OnRcpt { get; init; } = _ => null;
    public Func<ReceivedMessage, SmtpReply> OnMessage { get; init; } = _ => new(250, "2.0.0", "OK <1@localhost> [Hostname=localhost]");
    /// <summary>A verb; the connection is closed behind its reply.</summary>
    public string? ClosesAfter { get; init; }
    /// <summary>Replaces the reading of the message.</summary>
    public Func<PipeReader, CancellationToken, Task<SmtpReply>>? OnStream { get; init; }

    /// <summary>Listens on a free loopback port with STARTTLS, demanded along with AUTH unless <paramref name="open"/>.</summary>
    public SmtpServer Listen(bool open = false, Func<SmtpServerOptions, SmtpServerOptions>? change = null) => SmtpServer.Start(Options(open, change), this);

    public SmtpServerOptions Options(bool open = false, Func<SmtpServerOptions, SmtpServerOptions>? change = null)
    {
        var options = new SmtpServerOptions
        {
            Listen = new IPEndPoint(IPAddress.Loopback, 0),
            HostName = "mail.example",
            Certificate = TestCertificates.Server,
            RequireTls = !open,
            RequireAuthentication = !open,
            AuthMechanisms = ["XOAUTH2", "PLAIN", "LOGIN"],
            WrongSignInDelay = TimeSpan.Zero,
            OnFault = Faults.Enqueue,
            Transcript = (fromServer, line) => Lines.Enqueue((fromServer ? "S: " : "C: ") + line),
        };
        return change?.Invoke(options) ?? options;
    }

    public Task<SmtpReply?> BeforeAsync(SmtpSession session, string verb, CancellationToken cancel)
    {
        session.ClosesAfterReply = ClosesAfter == verb;
        return Task.FromResult(OnBefore(verb));
    }

    public string? Greeting(SmtpSession session) => null;
    public string? HelloText(SmtpSession session) => null;

    public Task<SmtpAuthResult> AuthenticateAsync(SmtpSession session, SaslCredential credential, CancellationToken cancel)
    {
        Credentials.Enqueue(credential);
        var refusal = OnAuth(credential);
        return Task.FromResult(new SmtpAuthResult(refusal is null ? credential.UserName : null, refusal));
    }

    public Task<SmtpReply?> MailAsync(SmtpSession session, EmailAddress? sender, CancellationToken cancel) => Task.FromResult(OnMail(sender));
    public Task<SmtpReply?> RcptAsync(SmtpSession session, EmailAddress recipient, CancellationToken cancel) => Task.FromResult(OnRcpt(recipient));

    public async Task<SmtpReply> MessageAsync(SmtpSession session, SmtpEnvelope envelope, PipeReader message, CancellationToken cancel)
    {
        if (OnStream is not null) return await OnStream(message, cancel);
        while (true)
        {
            var read = await message.ReadAsync(cancel);
            if (read.IsCompleted)
            {
                var received = new ReceivedMessage(envelope, read.Buffer.ToArray());
                var reply = OnMessage(received);
                if (reply.Code == 250) Messages.Enqueue(received);
                return reply;
            }
            message.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }
}
