using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Smtp;

public sealed record SmtpServerOptions
{
    public required IPEndPoint Listen { get; init; }
    /// <summary>The name in the greeting and in EHLO.</summary>
    public string HostName { get; init; } = "localhost";
    /// <summary>The certificate for STARTTLS, with its key; null: not offered.</summary>
    public X509Certificate2? Certificate { get; init; }
    /// <summary>Shown with it: the authorities between it and the client's roots. Null: whatever this machine's own store has of them.</summary>
    public X509Certificate2Collection? CertificateChain { get; init; }
    /// <summary>TLS from the first byte (RFC 8314 section 3.3, port 465) instead of STARTTLS. Needs <see cref="Certificate"/>.</summary>
    public bool ImplicitTls { get; init; }
    /// <summary>AUTH only after STARTTLS, MAIL only after AUTH.</summary>
    public bool RequireTls { get; init; } = true;
    public bool RequireAuthentication { get; init; } = true;
    /// <summary>A client that may send without TLS and without AUTH, such as a printer in the building; it may do both. Asked at every MAIL. Null: there is none.</summary>
    public Func<IPAddress, bool>? Trusts { get; init; }
    /// <summary>Bytes, announced with SIZE.</summary>
    public long MaxMessageBytes { get => MaxMessageBytesNow?.Invoke() ?? field; init; } = 157_286_400;
    /// <summary>Where the limit can change while the server runs; takes the place of the fixed one. Null: it cannot.</summary>
    public Func<long>? MaxMessageBytesNow { get; init; }
    public int MaxRecipients { get; init; } = 500;
    public int MaxConnections { get; init; } = 200;
    /// <summary>Of one address at a time; one more is answered 421. The addresses of an IPv6 network of 64 bits are one.</summary>
    public int MaxConnectionsPerAddress { get; init; } = 100;
    /// <summary>Wrong sign-ins of an address, or of a user, after which it has to wait for <see cref="SignInPause"/>. A good one clears them.</summary>
    public int MaxSignInFailures { get; init; } = 20;
    public TimeSpan SignInPause { get; init; } = TimeSpan.FromMinutes(5);
    /// <summary>A wrong sign-in is answered this long after it came, however soon the backend knew. Zero: at once.</summary>
    public TimeSpan WrongSignInDelay { get; init; } = TimeSpan.FromSeconds(1);
    /// <summary>Messages over one connection, refused ones among them; the MAIL after them is answered 421. Announced with LIMITS (RFC 9422). Null: as many as come, and LIMITS is not announced.</summary>
    public int? MaxMessages { get; init; }
    /// <summary>Received fields that a message may have; one with more goes in circles and is refused with 554 5.4.6.</summary>
    public int MaxHops { get; init; } = 50;
    /// <summary>CHUNKING and BINARYMIME (RFC 3030).</summary>
    public bool Chunking { get; init; } = true;
    /// <summary>DSN (RFC 3461): the parameters are checked and stand in <see cref="SmtpEnvelope.Dsn"/>. To offer it is to promise notifications.</summary>
    public bool Dsn { get; init; }
    /// <summary>Refused commands, failed sign-ins among them, after which a session is ended. A message that is taken clears them; what the backend refuses a signed-in client does not count.</summary>
    public int MaxErrors { get; init; } = 20;
    /// <summary>SASL mechanisms announced after TLS: XOAUTH2, OAUTHBEARER, PLAIN, LOGIN.</summary>
    public IReadOnlyList<string> AuthMechanisms { get; init; } = ["LOGIN", "XOAUTH2"];
    /// <summary>Whole time for one command to arrive. The body of a message may take this and a second more for each 4 KB.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(5);
    /// <summary>Whole time of a session; then 421. A message on its way is finished first.</summary>
    public TimeSpan SessionLimit { get; init; } = TimeSpan.FromHours(1);
    public TimeProvider Clock { get; init; } = TimeProvider.System;
    /// <summary>Secrets are redacted; a message is one line.</summary>
    public WireTranscript? Transcript { get; init; }
    /// <summary>Told every exception of the backend (the client gets 451) and of a session. Null: nobody is told.</summary>
    public Action<Exception>? OnFault { get; init; }
    /// <summary>Told every refusal that a client gets (4yz and 5yz), the server's own and the backend's. Null: nobody is told.</summary>
    public Action<SmtpSession, SmtpReply>? OnRefusal { get; init; }
}

/// <summary>What the server knows of a session when it asks its backend.</summary>
public sealed class SmtpSession
{
    public required IPEndPoint Remote { get; init; }
    /// <summary>Null before EHLO, and again after STARTTLS.</summary>
    public string? HeloName { get; set; }
    public bool IsTls { get; set; }
    /// <summary>Null before AUTH. Set by the server from what <see cref="ISmtpBackend.AuthenticateAsync"/> returned.</summary>
    public object? Identity { get; set; }
    /// <summary>Set by the backend: the connection is closed behind the next reply, whatever that is.</summary>
    public bool ClosesAfterReply { get; set; }
    /// <summary>For the backend's own use.</summary>
    public IDictionary<string, object?> Items { get; } = new Dictionary<string, object?>(StringComparer.Ordinal);
}

/// <summary>The envelope of one message.</summary>
/// <param name="Sender">Null for the null reverse-path.</param>
/// <param name="DeclaredSize">SIZE= of MAIL; null when not given.</param>
public sealed record SmtpEnvelope(EmailAddress? Sender, IReadOnlyList<EmailAddress> Recipients, long? DeclaredSize, bool SmtpUtf8, bool EightBitMime)
{
    /// <summary>BODY=BINARYMIME: the message is not made of lines.</summary>
    public bool Binary { get; init; }

    /// <summary>What the client asked of notifications; null: nothing.</summary>
    public SmtpDsnRequest? Dsn { get; init; }
}

/// <summary>Parameters of RFC 3461 as a client gave them.</summary>
/// <param name="ReturnWhole">RET; null when not given.</param>
/// <param name="EnvelopeId">ENVID, decoded; null when not given.</param>
/// <param name="Recipients">By place in <see cref="SmtpEnvelope.Recipients"/>.</param>
public sealed record SmtpDsnRequest(bool? ReturnWhole, string? EnvelopeId, IReadOnlyList<SmtpDsnRecipient> Recipients);

/// <param name="Notify">Null when not given.</param>
/// <param name="OriginalRecipient">ORCPT, such as <c>rfc822;ann@example.com</c>, decoded; null when not given.</param>
public sealed record SmtpDsnRecipient(SmtpNotify? Notify, string? OriginalRecipient);

/// <summary>The outcome of AUTH: an identity, or the reply that refuses (such as 535 5.7.3).</summary>
public sealed record SmtpAuthResult(object? Identity, SmtpReply? Refusal);

/// <summary>The message will not become whole: the client left, broke a limit or a rule. Thrown to the backend while it reads; it keeps nothing and lets it pass.</summary>
public sealed class SmtpMessageAbandonedException(string message) : IOException(message);

/// <summary>Thrown by a backend that leaves the client without a reply: what was answered before goes out, and the connection is closed.</summary>
public sealed class SmtpHangUpException() : Exception("The client is left without a reply.");

/// <summary>The other side of the server: who may sign in, who may send to whom, and where a message goes. All members may be called for many sessions at once. What they throw becomes 451 and goes to <see cref="SmtpServerOptions.OnFault"/>, but for <see cref="SmtpHangUpException"/>.</summary>
public interface ISmtpBackend
{
    /// <summary>Asked before the greeting, and before a command is looked at any closer.</summary>
    /// <param name="verb">In capitals; <c>CONNECT</c> for the greeting. Of a message in chunks, <c>BDAT</c> once.</param>
    /// <returns>What is said instead, and nothing is done; null: go on.</returns>
    Task<SmtpReply?> BeforeAsync(SmtpSession session, string verb, CancellationToken cancel) => Task.FromResult<SmtpReply?>(null);
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
    /// <remarks>Reading waits for the client and the client for reading, so nothing needs to hold the whole. A backend may return early; the rest is then thrown away. Reading throws <see cref="SmtpMessageAbandonedException"/> when the message will not become whole.</remarks>
    Task<SmtpReply> MessageAsync(SmtpSession session, SmtpEnvelope envelope, PipeReader message, CancellationToken cancel);
    /// <summary>The connection is gone, for whatever reason; called once for every session that was greeted.</summary>
    void SessionEnded(SmtpSession session) { }
}

/// <summary>A submission server (RFC 6409) on one listening socket.</summary>
public sealed class SmtpServer : IAsyncDisposable
{
    private readonly WireListener listener;
    private readonly SslServerAuthenticationOptions? tls;

    private SmtpServer(SmtpServerOptions options, ISmtpBackend backend)
    {
        tls = options.Certificate is null ? null : TlsOf(options.Certificate, options.CertificateChain);
        if (options.ImplicitTls && tls is null) throw new ArgumentException("TLS from the first byte needs a certificate.", nameof(options));
        var limits = new SmtpClientLimits(options);
        listener = new WireListener(options.Listen, options.MaxConnections, options.Clock,
            async (connection, stopping) =>
            {
                var address = connection.Remote.Address;
                if (!limits.Enter(address))
                {
                    // In clear even where TLS is awaited: a handshake is what a client beyond its limit may not have of us.
                    await RefuseAsync(connection);
                    return;
                }
                try
                {
                    await new SmtpServerSession(connection, options, backend, tls, limits).RunAsync(stopping);
                }
                finally
                {
                    limits.Leave(address);
                }
            },
            RefuseAsync,
            options.OnFault);

        static async Task RefuseAsync(WireConnection connection)
        {
            Encoding.ASCII.GetBytes("421 4.3.2 The maximum number of concurrent server connections has exceeded a limit, closing transmission channel\r\n", connection.Output);
            using var deadline = new Deadline(TimeProvider.System, TimeSpan.FromSeconds(2), CancellationToken.None);
            await connection.Output.FlushAsync(deadline.Token);
        }
    }

    /// <summary>Listens at once; port 0 takes a free one.</summary>
    public static SmtpServer Start(SmtpServerOptions options, ISmtpBackend backend) => new(options, backend);

    public IPEndPoint LocalEndPoint => listener.LocalEndPoint;

    /// <summary>Answers 421 to every open session and closes.</summary>
    public ValueTask DisposeAsync() => listener.DisposeAsync();

    internal static SslServerAuthenticationOptions TlsOf(X509Certificate2 certificate, X509Certificate2Collection? chain = null) => new()
    {
        ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
#pragma warning disable CA5398 // RFC 8996: the floor is meant; a system that would allow less must not.
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
#pragma warning restore CA5398
    };
}
