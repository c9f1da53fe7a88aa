using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Postrider.Mail.Sasl;

namespace Postrider.Mail.Smtp;

/// <summary>Replaces the reply of a command; used by servers that imitate another one.</summary>
public sealed record SmtpServerOptions
{
    public required IPEndPoint Listen { get; init; }
    /// <summary>The name in the greeting and in EHLO.</summary>
    public string HostName { get; init; } = "localhost";
    /// <summary>The certificate for STARTTLS; null: not offered.</summary>
    public X509Certificate2? Certificate { get; init; }
    /// <summary>AUTH only after STARTTLS, MAIL only after AUTH.</summary>
    public bool RequireTls { get; init; } = true;
    public bool RequireAuthentication { get; init; } = true;
    /// <summary>Bytes, announced with SIZE.</summary>
    public long MaxMessageBytes { get; init; } = 157_286_400;
    public int MaxRecipients { get; init; } = 500;
    public int MaxConnections { get; init; } = 200;
    /// <summary>SASL mechanisms announced after TLS.</summary>
    public IReadOnlyList<string> AuthMechanisms { get; init; } = ["LOGIN", "XOAUTH2"];
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(5);
    public TimeProvider Clock { get; init; } = TimeProvider.System;
    public WireTranscript? Transcript { get; init; }
}

/// <summary>What the server knows of a session when it asks its backend.</summary>
public sealed class SmtpSession
{
    public required IPEndPoint Remote { get; init; }
    public string? HeloName { get; set; }
    public bool IsTls { get; set; }
    /// <summary>Null before AUTH. Set by the server from what <see cref="ISmtpBackend.AuthenticateAsync"/> returned.</summary>
    public object? Identity { get; set; }
    /// <summary>For the backend's own use.</summary>
    public IDictionary<string, object?> Items { get; } = new Dictionary<string, object?>(StringComparer.Ordinal);
}

/// <summary>The envelope of one message.</summary>
/// <param name="Sender">Null for the null reverse-path.</param>
/// <param name="DeclaredSize">SIZE= of MAIL; null when not given.</param>
public sealed record SmtpEnvelope(EmailAddress? Sender, IReadOnlyList<EmailAddress> Recipients, long? DeclaredSize, bool SmtpUtf8, bool EightBitMime);

/// <summary>The outcome of AUTH: an identity, or the reply that refuses (such as 535 5.7.3).</summary>
public sealed record SmtpAuthResult(object? Identity, SmtpReply? Refusal);

/// <summary>The other side of the server: who may sign in, who may send to whom, and where a message goes. All members may be called for many sessions at once.</summary>
public interface ISmtpBackend
{
    /// <summary>The whole greeting text after <c>220 </c>; null for the default.</summary>
    string? Greeting(SmtpSession session);
    /// <summary>The text after <c>250-host </c> in EHLO; null for the default.</summary>
    string? HelloText(SmtpSession session);
    Task<SmtpAuthResult> AuthenticateAsync(SmtpSession session, SaslCredential credential, CancellationToken cancel);
    /// <summary>Null accepts (<c>250 2.1.0 Sender OK</c>).</summary>
    Task<SmtpReply?> MailAsync(SmtpSession session, EmailAddress? sender, CancellationToken cancel);
    /// <summary>Null accepts (<c>250 2.1.5 Recipient OK</c>).</summary>
    Task<SmtpReply?> RcptAsync(SmtpSession session, EmailAddress recipient, CancellationToken cancel);
    /// <summary>Takes the message: <paramref name="message"/> is unstuffed and complete when it ends. The reply is sent as given, so it must be durable before it returns 250.</summary>
    Task<SmtpReply> MessageAsync(SmtpSession session, SmtpEnvelope envelope, PipeReader message, CancellationToken cancel);
    /// <summary>The connection is gone, for whatever reason; called once for every session that was greeted.</summary>
    void SessionEnded(SmtpSession session) { }
}

/// <summary>A submission server (RFC 6409) on one listening socket.</summary>
public sealed class SmtpServer : IAsyncDisposable
{
    /// <summary>Listens at once; port 0 takes a free one.</summary>
    public static SmtpServer Start(SmtpServerOptions options, ISmtpBackend backend) => throw new NotImplementedException();
    public IPEndPoint LocalEndPoint => throw new NotImplementedException();
    /// <summary>Answers 421 to every open session and closes.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
