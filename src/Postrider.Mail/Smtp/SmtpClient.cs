using System.Buffers;
using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Smtp;

/// <summary>What an SMTP step came to when it did not succeed.</summary>
/// <param name="Kind">Class of the failure.</param>
/// <param name="Stage">The command that failed: <c>CONNECT</c>, <c>EHLO</c>, <c>STARTTLS</c>, <c>AUTH</c>, <c>RSET</c>, <c>NOOP</c>, <c>MAIL</c>, <c>RCPT</c>, <c>DATA</c>, <c>END OF DATA</c>.</param>
/// <param name="Reply">What the server said, or what it would have said where the client knows beforehand (552 to a message above its SIZE); null when it said nothing.</param>
/// <param name="Detail">One sentence for a person; never holds a secret.</param>
/// <param name="ConnectionSurvives">The connection may be used for another message (after RSET, which the client sends by itself).</param>
/// <param name="MessageMayBeTaken">The final dot was sent and its reply was lost: the server may hold the message (RFC 1047).</param>
public sealed record SmtpFailure(WireFailureKind Kind, string Stage, SmtpReply? Reply, string Detail, bool ConnectionSurvives, bool MessageMayBeTaken);

public sealed record SmtpClientOptions
{
    /// <summary>Name given in EHLO.</summary>
    public string LocalName { get; init; } = "postrider.localhost";
    public TimeProvider Clock { get; init; } = TimeProvider.System;
    /// <summary>Whole time for connect, greeting, EHLO, STARTTLS and TLS; RFC 5321 section 4.5.3.2 allows 5 minutes.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);
    /// <summary>Whole time for the reply to one command, MAIL and RCPT above all (RFC 5321 section 4.5.3.2.2 and 4.5.3.2.3). The body of a message may take this and a second more for each 4 KB.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromMinutes(5);
    /// <summary>For the reply to DATA (RFC 5321 section 4.5.3.2.4), and to each chunk but the last.</summary>
    public TimeSpan DataTimeout { get; init; } = TimeSpan.FromMinutes(2);
    /// <summary>RFC 5321 section 4.5.3.2.6.</summary>
    public TimeSpan EndOfDataTimeout { get; init; } = TimeSpan.FromMinutes(10);
    public WireTranscript? Transcript { get; init; }
}

/// <summary>The outcome for one recipient. <see cref="Accepted"/> is true only when the message as a whole was taken for it.</summary>
/// <param name="Reply">The reply that decided: to RCPT where it refused, else to the end of data or to what failed before; null when none came.</param>
public sealed record SmtpRecipientResult(EmailAddress Recipient, bool Accepted, SmtpReply? Reply);

/// <summary>The outcome of one message: per recipient, and the failure of the whole where there is one.</summary>
/// <param name="Failure">Null when the server took the message for at least one recipient.</param>
/// <param name="FinalReply">The reply to the end of data; null when it never came.</param>
public sealed record SmtpSendResult(IReadOnlyList<SmtpRecipientResult> Recipients, SmtpReply? FinalReply, SmtpFailure? Failure)
{
    /// <summary>The message's <see cref="SmtpMessage.Dsn"/> went with it; false where there is none or the server does not offer DSN.</summary>
    public bool DsnAsked { get; init; }
}

/// <summary>The result of connecting: a client ready to send, or why not.</summary>
public sealed record SmtpConnectResult(SmtpClient? Client, SmtpFailure? Failure);

/// <summary>A submission session (RFC 6409). Not thread-safe: one message at a time.</summary>
public sealed partial class SmtpClient : IAsyncDisposable
{
    // RFC 4954 section 4: with an initial response the line must not exceed 512 octets; Dovecot and Postfix refuse longer ones, the latter as if the token were bad.
    private const int MaxAuthLine = 512;
    // Replies to this many commands fit the peer's send buffer, so it never stops reading to get rid of them (RFC 2920 section 3.1).
    private const int PipelineWindow = 100;
    private const int FlushThreshold = 64 * 1024;
    // The slowest line that counts as alive while a body is sent, bytes a second.
    private const double SlowestLine = 4096;
    private static readonly TimeSpan GoodbyeLimit = TimeSpan.FromSeconds(2);

    private readonly WireConnection connection;
    private readonly SmtpClientOptions options;
    private readonly string[] secrets;
    private bool usable = true;
    // MAIL was accepted, or may have been, and the transaction has had no end.
    private bool transactionOpen;
    private int messages;
    // The command whose reply is awaited.
    private string stage = "CONNECT";

    private SmtpClient(WireConnection connection, SaslCredential? credential, WireEndpoint endpoint, SmtpClientOptions options)
    {
        this.connection = connection;
        this.options = options;
        secrets = SecretsOf(credential, endpoint);
    }

    public SmtpCapabilities Capabilities { get; private set; } = SmtpCapabilities.None("");

    /// <summary>False after any failure that does not leave the connection usable, and when the server takes no more messages over it (RFC 9422).</summary>
    public bool IsUsable => usable && !(messages >= Capabilities.MaxMessages);

    /// <summary>Messages offered over this connection so far.</summary>
    public int Messages => messages;

    /// <summary>Connects, greets, secures and authenticates. Expected failures are values; only cancellation throws.</summary>
    public static async Task<SmtpConnectResult> ConnectAsync(WireEndpoint endpoint, SaslCredential? credential, SmtpClientOptions? options, CancellationToken cancel)
    {
        options ??= new SmtpClientOptions();
        if (credential is not null && SaslResponses.Flaw(credential) is { } flaw)
            return new(null, new(WireFailureKind.AuthenticationRefused, "AUTH", null, flaw + " Nothing was sent.", false, false));
        using var deadline = new Deadline(options.Clock, options.ConnectTimeout, cancel);
        var (connection, failure) = await WireConnection.ConnectAsync(endpoint, options.Clock, deadline);
        if (connection is null) return new(null, new(failure!.Kind, "CONNECT", null, failure.Detail, false, false));
        return await OpenAsync(connection, endpoint, credential, options, deadline, cancel);
    }

    /// <summary>The dialogue over a connection that stands; takes ownership of it.</summary>
    internal static async Task<SmtpConnectResult> OpenAsync(WireConnection connection, WireEndpoint endpoint, SaslCredential? credential, SmtpClientOptions options, Deadline deadline, CancellationToken cancel)
    {
        var client = new SmtpClient(connection, credential, endpoint, options);
        SmtpFailure? failure;
        try
        {
            failure = await client.GreetAsync(endpoint, deadline);
            if (failure is null && credential is not null) failure = await client.AuthenticateAsync(credential, endpoint, cancel);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
        if (failure is null) return new(client, null);
        await client.DisposeAsync();
        return new(null, failure with { ConnectionSurvives = false });
    }

    /// <summary>QUIT, waiting briefly for 221.</summary>
    public async ValueTask DisposeAsync()
    {
        if (usable)
        {
            usable = false;
            // Real time: the goodbye must end also when a test holds its clock.
            using var deadline = new Deadline(TimeProvider.System, GoodbyeLimit, CancellationToken.None);
            try
            {
                await CommandAsync("QUIT", "QUIT", deadline);
            }
            catch (Exception e) when (deadline.Explain(e) is not null)
            {
                // A server that closes without 221 has understood as well.
            }
        }
        await connection.DisposeAsync();
    }

    private async Task<SmtpFailure?> GreetAsync(WireEndpoint endpoint, Deadline deadline)
    {
        try
        {
            var greeting = await ReplyAsync(deadline);
            if (greeting.Code != 220) return Unless2xx("CONNECT", greeting) ?? OutOfPlace(greeting);
            if (await EhloAsync(deadline) is { } failure) return failure;
            if (endpoint.Security != WireSecurity.StartTls) return null;

            if (!Capabilities.StartTls)
                return new(WireFailureKind.StartTlsNotOffered, "STARTTLS", null, $"{endpoint.Host} does not offer STARTTLS, so nothing was sent unencrypted.", true, false);
            var go = await CommandAsync("STARTTLS", "STARTTLS", deadline);
            if (go.Code != 220) return Unless2xx("STARTTLS", go) ?? OutOfPlace(go);
            if (connection.HasUnreadInput)
            {
                // Whoever sits on the line added replies that would be taken for the secured server's (CVE-2011-0411).
                usable = false;
                return new(WireFailureKind.ProtocolError, "STARTTLS", go, "Something was sent in clear behind the reply to STARTTLS; the connection may be tampered with and was dropped.", false, false);
            }
            if (await connection.StartTlsAsync(endpoint, deadline) is { } tls)
            {
                usable = false;
                return new(tls.Kind, "STARTTLS", null, tls.Detail, false, false);
            }
            // RFC 3207 section 4.2: what was learned in clear is forgotten.
            return await EhloAsync(deadline);
        }
        catch (Exception e)
        {
            usable = false;
            if (deadline.Explain(e) is { } broken) return new(broken.Kind, stage, null, broken.Detail, false, false);
            throw;
        }
    }

    private async Task<SmtpFailure?> EhloAsync(Deadline deadline)
    {
        await WriteAsync("EHLO", "EHLO " + options.LocalName, null, deadline);
        var (code, lines) = await LinesAsync(deadline);
        if (code == 250)
        {
            Capabilities = SmtpCapabilities.From(lines);
            return null;
        }
        var refusal = SmtpReply.From(code, lines);
        // RFC 5321 section 3.2: a server without extensions is greeted with HELO.
        if (code is 500 or 502 or 504)
        {
            var helo = await CommandAsync("EHLO", "HELO " + options.LocalName, deadline);
            Capabilities = SmtpCapabilities.None(helo.Text);
            return helo.Code == 250 ? null : Unless2xx("EHLO", helo) ?? OutOfPlace(helo);
        }
        return Unless2xx("EHLO", refusal) ?? OutOfPlace(refusal);
    }

    private async ValueTask<SmtpReply> CommandAsync(string name, string line, Deadline deadline)
    {
        await WriteAsync(name, line, null, deadline);
        return await ReplyAsync(deadline);
    }

    private async ValueTask WriteAsync(string name, string line, string? shown, Deadline deadline)
    {
        stage = name;
        // A reply that is there before the command, such as a 235, is none to it.
        if (connection.HasUnreadInput) throw new WireProtocolException($"The server sent a reply before {name} was asked.");
        Write(line, shown ?? line);
        await connection.Output.FlushAsync(deadline.Token);
    }

    private void Write(string line, string shown)
    {
        if (line.AsSpan().ContainsAny('\r', '\n', '\0')) throw new ArgumentException("A command must be one line.", nameof(line));
        options.Transcript?.Invoke(false, shown);
        Encoding.UTF8.GetBytes(line, connection.Output);
        connection.Output.Write("\r\n"u8);
    }

    private async ValueTask<SmtpReply> ReplyAsync(Deadline deadline)
    {
        var (code, lines) = await LinesAsync(deadline);
        return SmtpReply.From(code, lines);
    }

    private ValueTask<(int Code, List<string> Lines)> LinesAsync(Deadline deadline) =>
        SmtpReplies.ReadAsync(connection.Lines, Scrub, options.Transcript is { } transcript ? line => transcript(true, line) : null, deadline.Token);

    /// <summary>A server that repeats the credential in its reply does not get it into a log.</summary>
    private string Scrub(string text)
    {
        foreach (var secret in secrets)
            if (text.Contains(secret, StringComparison.Ordinal)) text = text.Replace(secret, "[redacted]", StringComparison.Ordinal);
        return text;
    }

    private SmtpFailure Refused(string at, SmtpReply reply)
    {
        if (reply.Code == 421) usable = false;
        return new(WireFailureKind.CommandRefused, at, reply, $"The server refused {at}: {reply}", usable, false);
    }

    private SmtpFailure? Unless2xx(string at, SmtpReply reply) => reply.Code >= 400 ? Refused(at, reply) : null;

    private SmtpFailure OutOfPlace(SmtpReply reply)
    {
        usable = false;
        return new(WireFailureKind.ProtocolError, stage, reply, $"The server answered {stage} with something that is no answer to it: {reply}", false, false);
    }

    /// <summary>A reply that nothing asked for: 421 announces the end (RFC 5321 section 3.8), anything else puts all later replies in doubt. A server that has just closed is noticed here too, before anything is sent to it.</summary>
    private async Task<SmtpFailure> UnaskedAsync(string at)
    {
        usable = false;
        stage = at;
        // Real time and short: what woke us may be a TLS record without content, behind which nothing comes.
        using var deadline = new Deadline(TimeProvider.System, GoodbyeLimit, CancellationToken.None);
        try
        {
            var reply = await ReplyAsync(deadline);
            return reply.Code == 421 ? Refused(at, reply) : new(WireFailureKind.ProtocolError, at, reply, $"The server sent a reply that nothing asked for: {reply}", false, false);
        }
        catch (Exception e) when (deadline.Explain(e) is { } broken)
        {
            return new(broken.Kind, at, null, broken.Detail, false, false);
        }
    }
}
