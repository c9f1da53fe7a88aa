namespace Postrider.Mail.Smtp;

/// <summary>A reply of RFC 5321 section 4.2. <see cref="EnhancedCode"/> is null when the text does not begin with one (RFC 3463).</summary>
public sealed record SmtpReply(int Code, string? EnhancedCode, string Text)
{
    public bool IsPositive => Code is >= 200 and < 400;
    public bool IsTransient => Code is >= 400 and < 500;
    public bool IsPermanent => Code is >= 500 and < 600;
    /// <summary><c>550 5.7.1 text</c> on one line.</summary>
    public override string ToString() => EnhancedCode is null ? $"{Code} {Text}" : $"{Code} {EnhancedCode} {Text}";
}

/// <summary>What an SMTP step came to when it did not succeed.</summary>
/// <param name="Kind">Class of the failure.</param>
/// <param name="Stage">The command that failed: <c>CONNECT</c>, <c>EHLO</c>, <c>STARTTLS</c>, <c>AUTH</c>, <c>MAIL</c>, <c>RCPT</c>, <c>DATA</c>, <c>END OF DATA</c>.</param>
/// <param name="Reply">What the server said; null when it said nothing.</param>
/// <param name="Detail">One sentence for a person; never holds a secret.</param>
/// <param name="ConnectionSurvives">The connection may be used for another message (after RSET).</param>
/// <param name="MessageMayBeTaken">The final dot was sent and its reply was lost: the server may hold the message (RFC 1047).</param>
public sealed record SmtpFailure(WireFailureKind Kind, string Stage, SmtpReply? Reply, string Detail, bool ConnectionSurvives, bool MessageMayBeTaken);

public sealed record SmtpClientOptions
{
    /// <summary>Name given in EHLO.</summary>
    public string LocalName { get; init; } = "postrider.localhost";
    public TimeProvider Clock { get; init; } = TimeProvider.System;
    /// <summary>Whole time for connect, TLS and greeting; RFC 5321 section 4.5.3.2 allows 5 minutes.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);
    /// <summary>Whole time for one command.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromMinutes(5);
    /// <summary>RFC 5321 section 4.5.3.2.6.</summary>
    public TimeSpan EndOfDataTimeout { get; init; } = TimeSpan.FromMinutes(10);
    public WireTranscript? Transcript { get; init; }
}

/// <summary>What the server offered in EHLO (after TLS).</summary>
public sealed record SmtpCapabilities(string Greeting, IReadOnlyList<string> Lines, long? Size, bool EightBitMime, bool SmtpUtf8, bool Pipelining, bool Chunking, bool Dsn, IReadOnlyList<string> AuthMechanisms);

/// <summary>The outcome for one recipient. <see cref="Accepted"/> is true only when the message as a whole was taken for it.</summary>
public sealed record SmtpRecipientResult(EmailAddress Recipient, bool Accepted, SmtpReply? Reply);

/// <summary>The outcome of one message: per recipient, and the failure of the whole where there is one.</summary>
/// <param name="Failure">Null when the server took the message for at least one recipient.</param>
/// <param name="FinalReply">The reply to the end of data; null when it never came.</param>
public sealed record SmtpSendResult(IReadOnlyList<SmtpRecipientResult> Recipients, SmtpReply? FinalReply, SmtpFailure? Failure);

/// <summary>The result of connecting: a client ready to send, or why not.</summary>
public sealed record SmtpConnectResult(SmtpClient? Client, SmtpFailure? Failure);

/// <summary>A submission session (RFC 6409). Not thread-safe: one message at a time.</summary>
public sealed class SmtpClient : IAsyncDisposable
{
    /// <summary>Connects, greets, secures and authenticates. Expected failures are values; only cancellation throws.</summary>
    public static Task<SmtpConnectResult> ConnectAsync(WireEndpoint endpoint, Sasl.SaslCredential? credential, SmtpClientOptions? options, CancellationToken cancel) => throw new NotImplementedException();

    public SmtpCapabilities Capabilities => throw new NotImplementedException();

    /// <summary>False after any failure that does not leave the connection usable.</summary>
    public bool IsUsable => throw new NotImplementedException();

    /// <summary>MAIL, RCPT and DATA. <paramref name="sender"/> null is the null reverse-path. <paramref name="message"/> is read once, in CRLF form; dots are stuffed here.</summary>
    /// <param name="size">Bytes, declared with SIZE where offered; null when not known.</param>
    public Task<SmtpSendResult> SendAsync(EmailAddress? sender, IReadOnlyList<EmailAddress> recipients, Stream message, long? size, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>Goes as far as the 354 after DATA and then closes the connection, so that nothing is sent: the dialogue of <i>Test Connection</i>. The client is not usable afterwards.</summary>
    /// <returns>Null when every step was accepted.</returns>
    public Task<SmtpFailure?> ProbeAsync(EmailAddress sender, EmailAddress recipient, CancellationToken cancel) => throw new NotImplementedException();

    /// <summary>QUIT, waiting briefly for 221.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
