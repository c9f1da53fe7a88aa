using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Smtp;

/// <summary>What an SMTP step came to when it did not succeed.</summary>
/// <param name="Kind">Class of the failure.</param>
/// <param name="Stage">The command that failed: <c>CONNECT</c>, <c>EHLO</c>, <c>STARTTLS</c>, <c>AUTH</c>, <c>RSET</c>, <c>MAIL</c>, <c>RCPT</c>, <c>DATA</c>, <c>END OF DATA</c>.</param>
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
    /// <summary>Whole time for one command. The body of a message may take this and a second more for each 4 KB.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromMinutes(5);
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
public sealed record SmtpSendResult(IReadOnlyList<SmtpRecipientResult> Recipients, SmtpReply? FinalReply, SmtpFailure? Failure);

/// <summary>The result of connecting: a client ready to send, or why not.</summary>
public sealed record SmtpConnectResult(SmtpClient? Client, SmtpFailure? Failure);

/// <summary>A submission session (RFC 6409). Not thread-safe: one message at a time.</summary>
public sealed class SmtpClient : IAsyncDisposable
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
    private bool hadTransaction;
    // The command whose reply is awaited.
    private string stage = "CONNECT";

    private SmtpClient(WireConnection connection, SaslCredential? credential, SmtpClientOptions options)
    {
        this.connection = connection;
        this.options = options;
        secrets = SecretsOf(credential);
    }

    public SmtpCapabilities Capabilities { get; private set; } = SmtpCapabilities.None("");

    /// <summary>False after any failure that does not leave the connection usable.</summary>
    public bool IsUsable => usable;

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
        var client = new SmtpClient(connection, credential, options);
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

    /// <summary>MAIL, RCPT and DATA. <paramref name="sender"/> null is the null reverse-path. <paramref name="message"/> is read once, in CRLF form; dots are stuffed here.</summary>
    /// <param name="recipients">At least one.</param>
    /// <param name="size">Bytes, declared with SIZE where offered; null when not known.</param>
    /// <exception cref="ArgumentException">There is no recipient.</exception>
    /// <remarks>What <paramref name="message"/> throws is thrown on; the server has then not taken the message and the connection is gone.</remarks>
    public async Task<SmtpSendResult> SendAsync(EmailAddress? sender, IReadOnlyList<EmailAddress> recipients, Stream message, long? size, CancellationToken cancel)
    {
        if (recipients.Count == 0) throw new ArgumentException("A message needs a recipient.", nameof(recipients));
        var envelope = new Envelope(recipients);

        // 1 What the server has already said it will not take is not offered.
        if (!usable) return envelope.Fail(new(WireFailureKind.Disconnected, "MAIL", null, "The connection was closed after an earlier failure.", false, false));
        if (Capabilities.Size is > 0 and var limit && size > limit)
        {
            var refusal = new SmtpReply(552, "5.3.4", $"The message has {size} bytes; the server takes {limit} (it was not sent).");
            return envelope.Fail(new(WireFailureKind.CommandRefused, "MAIL", refusal, refusal.Text, true, false));
        }
        if (RefuseUtf8(sender, envelope) is { } utf8) return envelope.Fail(utf8);

        // 2 The envelope, and the server's leave to send the body.
        var utf8Needed = sender is { NeedsSmtpUtf8: true } || envelope.Open.Any(i => recipients[i].NeedsSmtpUtf8);
        var failure = await OfferAsync(envelope, MailCommand(sender, size, utf8Needed), cancel);
        if (failure is not null) return envelope.Fail(failure);

        // 3 The body with its final dot, and what became of it.
        var (final, lost) = await BodyAsync(message, cancel);
        if (lost is not null) return envelope.Fail(lost, final);
        if (final!.Code is >= 200 and < 300) return envelope.Accept(final);
        if (final.Code == 421) usable = false;
        return envelope.Fail(Refused("END OF DATA", final), final);
    }

    /// <summary>Goes as far as the 354 after DATA and then closes the connection, so that nothing is sent: the dialogue of <i>Test Connection</i>. The client is not usable afterwards.</summary>
    /// <returns>Null when every step was accepted.</returns>
    public async Task<SmtpFailure?> ProbeAsync(EmailAddress sender, EmailAddress recipient, CancellationToken cancel)
    {
        if (!usable) return new(WireFailureKind.Disconnected, "MAIL", null, "The connection was closed after an earlier failure.", false, false);
        var envelope = new Envelope([recipient]);
        var failure = RefuseUtf8(sender, envelope)
            // One command a time: a refused recipient must not be followed by DATA.
            ?? await OfferAsync(envelope, MailCommand(sender, null, sender.NeedsSmtpUtf8 || recipient.NeedsSmtpUtf8), cancel, oneByOne: true);
        usable = false;
        // Neither dot nor QUIT: the server drops a message whose end it has not seen (RFC 5321 section 4.1.1.4).
        connection.Abort();
        return failure is null ? null : failure with { ConnectionSurvives = false };
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

    private async Task<SmtpFailure?> AuthenticateAsync(SaslCredential credential, WireEndpoint endpoint, CancellationToken cancel)
    {
        stage = "AUTH";
        if (!connection.IsTls && !IPAddress.IsLoopback(connection.Remote.Address))
            return new(WireFailureKind.TlsFailed, "AUTH", null, "The connection is not encrypted, so the credentials were not sent.", true, false);
        var mechanism = credential switch
        {
            SaslCredential.XOAuth2 => "XOAUTH2",
            _ => Capabilities.AuthMechanisms.Contains("PLAIN", StringComparer.Ordinal) ? "PLAIN" : "LOGIN",
        };
        if (!Capabilities.AuthMechanisms.Contains(mechanism, StringComparer.Ordinal))
        {
            var offered = Capabilities.AuthMechanisms.Count == 0 ? "no way to sign in" : string.Join(", ", Capabilities.AuthMechanisms);
            return new(WireFailureKind.MechanismNotOffered, "AUTH", null, $"{endpoint.Host} does not offer {mechanism}; it offers {WireText.Printable(offered)}.", true, false);
        }
        using var deadline = new Deadline(options.Clock, options.CommandTimeout, cancel);
        try
        {
            return await SignInAsync(mechanism, credential, deadline);
        }
        catch (Exception e)
        {
            usable = false;
            if (deadline.Explain(e) is { } broken) return new(broken.Kind, "AUTH", null, broken.Detail, false, false);
            throw;
        }
    }

    /// <summary>RFC 4954 section 4. Success is 235 and nothing else.</summary>
    private async Task<SmtpFailure?> SignInAsync(string mechanism, SaslCredential credential, Deadline deadline)
    {
        var responses = new Queue<string>(credential switch
        {
            SaslCredential.XOAuth2 x => [SaslResponses.XOAuth2(x)],
            SaslCredential.Plain p when mechanism == "PLAIN" => [SaslResponses.Plain(p)],
            SaslCredential.Plain p => [SaslResponses.Encode(p.UserName), SaslResponses.Encode(p.Password)],
            _ => throw new NotSupportedException($"No SASL exchange is known for {credential.GetType().Name}."),
        });
        var command = "AUTH " + mechanism;
        // LOGIN has no initial response in the wild's oldest servers.
        if (mechanism != "LOGIN" && command.Length + 1 + responses.Peek().Length + 2 <= MaxAuthLine)
            await WriteAsync("AUTH", command + " " + responses.Dequeue(), command + " [redacted]", deadline);
        else
            await WriteAsync("AUTH", command, null, deadline);

        string? challenge = null;
        while (true)
        {
            var reply = await ReplyAsync(deadline);
            if (reply.Code == 235 && challenge is null && responses.Count == 0) return null;
            if (reply.Code == 334 && responses.TryDequeue(out var response))
            {
                await WriteAsync("AUTH", response, "[redacted]", deadline);
                continue;
            }
            if (reply.Code == 334 && challenge is null)
            {
                // The server explains itself before it refuses: an empty line asks for the refusal (XOAUTH2; RFC 7628 section 3.2.3). PLAIN and LOGIN are cancelled.
                challenge = Scrub(SaslResponses.Reason(reply.Text));
                await WriteAsync("AUTH", mechanism == "XOAUTH2" ? "" : "*", null, deadline);
                continue;
            }
            if (reply.Code is < 400 or > 599) return OutOfPlace(reply);
            if (reply.Code == 421) usable = false;
            var detail = challenge is null ? $"The server refused the sign-in of {WireText.Printable(credential.UserName)}: {reply}" : $"The server refused the sign-in of {WireText.Printable(credential.UserName)}: {reply} ({challenge})";
            return new(WireFailureKind.AuthenticationRefused, "AUTH", reply, detail, usable, false);
        }
    }

    private string MailCommand(EmailAddress? sender, long? size, bool utf8)
    {
        var mail = new StringBuilder("MAIL FROM:<").Append(sender?.Wire).Append('>');
        if (size is not null && Capabilities.Size is not null) mail.Append(CultureInfo.InvariantCulture, $" SIZE={size}");
        // Said of every message: its bytes have not been looked at, and 7-bit ones are 8-bit ones too.
        if (Capabilities.EightBitMime) mail.Append(" BODY=8BITMIME");
        if (utf8) mail.Append(" SMTPUTF8");
        return mail.ToString();
    }

    /// <summary>RFC 6531 section 3.2: without SMTPUTF8 such an address cannot be named. Recipients are refused one by one, the sender for all.</summary>
    private SmtpFailure? RefuseUtf8(EmailAddress? sender, Envelope envelope)
    {
        if (Capabilities.SmtpUtf8) return null;
        if (sender is { NeedsSmtpUtf8: true }) return NotAscii("MAIL", sender);
        SmtpFailure? first = null;
        foreach (var i in envelope.Open.ToArray())
        {
            if (!envelope.Recipients[i].NeedsSmtpUtf8) continue;
            var refusal = NotAscii("RCPT", envelope.Recipients[i]);
            envelope.Replies[i] = refusal.Reply;
            first ??= refusal;
        }
        return envelope.Open.Any() ? null : first;

        static SmtpFailure NotAscii(string stage, EmailAddress address)
        {
            var refusal = new SmtpReply(553, "5.6.7", $"The server does not offer SMTPUTF8, which {address} needs (it was not asked).");
            return new(WireFailureKind.CommandRefused, stage, refusal, refusal.Text, true, false);
        }
    }

    /// <summary>RSET where a message went before, MAIL, RCPT for each recipient, DATA: in one write where the server allows, each reply judged by itself.</summary>
    /// <returns>Null after 354 with at least one recipient accepted; the others have their reply in the envelope.</returns>
    private async Task<SmtpFailure?> OfferAsync(Envelope envelope, string mail, CancellationToken cancel, bool oneByOne = false)
    {
        var commands = new List<(string Stage, string Text, int Recipient)>(envelope.Recipients.Count + 3);
        if (hadTransaction) commands.Add(("RSET", "RSET", -1));
        commands.Add(("MAIL", mail, -1));
        foreach (var i in envelope.Open) commands.Add(("RCPT", $"RCPT TO:<{envelope.Recipients[i].Wire}>", i));
        commands.Add(("DATA", "DATA", -1));
        hadTransaction = true;
        var window = Capabilities.Pipelining && !oneByOne ? PipelineWindow : 1;

        SmtpFailure? failure = null;
        var accepted = 0;
        for (var sent = 0; sent < commands.Count;)
        {
            var group = commands.GetRange(sent, Math.Min(window, commands.Count - sent));
            sent += group.Count;
            using var deadline = new Deadline(options.Clock, options.CommandTimeout, cancel);
            try
            {
                if (connection.PeerHasSpoken) return await UnaskedAsync(group[0].Stage);
                foreach (var (_, text, _) in group) Write(text, text);
                await connection.Output.FlushAsync(deadline.Token);
                foreach (var (command, _, recipient) in group)
                {
                    stage = command;
                    var reply = await ReplyAsync(deadline);
                    switch (command)
                    {
                        case "RCPT":
                            if (reply.Code is >= 300 and < 400) return OutOfPlace(reply);
                            if (reply.Code < 300) accepted++;
                            else envelope.Replies[recipient] = reply;
                            break;
                        case "DATA" when reply.Code == 354:
                            if (failure is null && accepted > 0) return connection.HasUnreadInput ? await UnaskedAsync("DATA") : null;
                            // RFC 2920 section 3.1: the server wants a body though it refused all that went before; it gets an empty one.
                            Write(".", ".");
                            await connection.Output.FlushAsync(deadline.Token);
                            stage = "END OF DATA";
                            var end = await ReplyAsync(deadline);
                            if (end.Code is >= 300 and < 400) return OutOfPlace(end);
                            if (end.Code == 421) usable = false;
                            break;
                        case "DATA":
                            if (reply.Code < 400) return OutOfPlace(reply);
                            // When nobody was accepted, the first refusal tells more than "503 no valid recipients".
                            if (accepted > 0) failure ??= Refused("DATA", reply);
                            break;
                        default:
                            if (reply.Code is >= 300 and < 400) return OutOfPlace(reply);
                            if (reply.Code >= 400) failure ??= Refused(command, reply);
                            break;
                    }
                    if (reply.Code == 421)
                    {
                        // RFC 5321 section 3.8: the server is closing; the replies to the rest will not come.
                        usable = false;
                        return failure is null || failure.Reply == reply ? Refused(command, reply) : failure with { ConnectionSurvives = false };
                    }
                }
            }
            catch (Exception e)
            {
                usable = false;
                if (deadline.Explain(e) is { } broken) return new(broken.Kind, stage, null, broken.Detail, false, false);
                throw;
            }
            if (failure is not null) break;
            if (accepted == 0 && group[^1].Recipient >= 0 && commands[sent].Stage == "DATA") break;
        }
        failure ??= Refused("RCPT", envelope.Replies.First(r => r is not null)!);
        return failure with { ConnectionSurvives = usable };
    }

    /// <summary>Sends the body. The reply is awaited all the while, so one that comes before the dot (the server gives up early, or is out of step) is not taken for the answer to it.</summary>
    private async Task<(SmtpReply? Final, SmtpFailure? Lost)> BodyAsync(Stream message, CancellationToken cancel)
    {
        stage = "DATA";
        using var replyDeadline = new Deadline(options.Clock, Timeout.InfiniteTimeSpan, cancel);
        using var sendDeadline = new Deadline(options.Clock, options.CommandTimeout, cancel);
        var final = ReplyAsync(replyDeadline).AsTask();
        var body = new SmtpBodyWriter(connection.Output);
        var buffer = ArrayPool<byte>.Shared.Rent(FlushThreshold);
        var started = options.Clock.GetTimestamp();
        long sent = 0;
        var dotSent = false;
        var done = false;
        try
        {
            while (await ReadAsync(message, buffer, cancel) is var read and > 0)
            {
                if (Unsendable(buffer.AsSpan(0, read)) is { } refusal) return (null, new(WireFailureKind.CommandRefused, "DATA", refusal, refusal.Text, false, false));
                body.Write(buffer.AsSpan(0, read));
                sent += read;
                if (connection.Output.UnflushedBytes < FlushThreshold) continue;
                if (final.IsCompleted) return (null, Early(await final));
                sendDeadline.Restart(options.CommandTimeout + TimeSpan.FromSeconds(sent / SlowestLine) - options.Clock.GetElapsedTime(started));
                await connection.Output.FlushAsync(sendDeadline.Token);
            }
            if (final.IsCompleted) return (null, Early(await final));

            // The rest and the dot go in one write; from here on the server may have the whole message.
            body.Finish();
            options.Transcript?.Invoke(false, $"[message, {sent} bytes]");
            options.Transcript?.Invoke(false, ".");
            stage = "END OF DATA";
            dotSent = true;
            sendDeadline.Restart(options.CommandTimeout);
            replyDeadline.Restart(options.EndOfDataTimeout);
            await connection.Output.FlushAsync(sendDeadline.Token);
            var reply = await final;
            if (reply.Code is >= 300 and < 400) return (null, OutOfPlace(reply) with { MessageMayBeTaken = true });
            done = true;
            return (reply, null);
        }
        catch (Exception e) when ((replyDeadline.Explain(e) ?? sendDeadline.Explain(e)) is not null && e is not SourceException)
        {
            // A server that refuses in the middle of a body says so and closes: its words explain more than the broken write.
            if (!dotSent && final.IsCompletedSuccessfully) return (null, Early(await final));
            var broken = (replyDeadline.Explain(e) ?? sendDeadline.Explain(e))!;
            var detail = dotSent ? broken.Detail + " The message had been sent whole: whether the server took it is not known." : broken.Detail;
            return (null, new(broken.Kind, stage, null, detail, false, dotSent));
        }
        catch (SourceException e)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerException!);
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            if (!done)
            {
                usable = false;
                connection.Abort();
                await ((Task)final).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        SmtpFailure Early(SmtpReply reply) => reply.Code >= 400
            ? new(WireFailureKind.CommandRefused, "DATA", reply, $"The server refused the message while it was being sent: {reply}", false, false)
            : OutOfPlace(reply);
    }

    /// <summary>Null: the bytes may stand in a message for this server.</summary>
    private SmtpReply? Unsendable(ReadOnlySpan<byte> bytes)
    {
        // RFC 2045 section 2.8 forbids NUL; a server that drops it could see an end of data in "NUL . CR LF".
        if (bytes.Contains((byte)0)) return new(554, "5.6.3", "The message holds a NUL, which cannot be sent without encoding it (it was not sent).");
        if (!Capabilities.EightBitMime && !Ascii.IsValid(bytes)) return new(554, "5.6.3", "The message holds 8-bit characters and the server does not offer 8BITMIME (it was not sent).");
        return null;
    }

    private static async ValueTask<int> ReadAsync(Stream message, byte[] buffer, CancellationToken cancel)
    {
        try
        {
            return await message.ReadAsync(buffer.AsMemory(0, FlushThreshold), cancel);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new SourceException(e);
        }
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

    private static string[] SecretsOf(SaslCredential? credential) => credential switch
    {
        SaslCredential.XOAuth2 x => [SaslResponses.XOAuth2(x), x.AccessToken],
        SaslCredential.Plain p => [SaslResponses.Plain(p), SaslResponses.Encode(p.Password), p.Password],
        _ => [],
    };

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

    /// <summary>Reading the caller's message failed: not the wire's fault.</summary>
    private sealed class SourceException(Exception inner) : Exception(inner.Message, inner);

    /// <summary>The recipients and, where one is refused, the reply that did it.</summary>
    private sealed class Envelope(IReadOnlyList<EmailAddress> recipients)
    {
        public IReadOnlyList<EmailAddress> Recipients => recipients;
        public SmtpReply?[] Replies { get; } = new SmtpReply?[recipients.Count];

        /// <summary>Those not refused so far.</summary>
        public IEnumerable<int> Open => Enumerable.Range(0, recipients.Count).Where(i => Replies[i] is null);

        public SmtpSendResult Accept(SmtpReply final) => new([.. recipients.Select((r, i) => new SmtpRecipientResult(r, Replies[i] is null, Replies[i] ?? final))], final, null);

        public SmtpSendResult Fail(SmtpFailure failure, SmtpReply? final = null) => new([.. recipients.Select((r, i) => new SmtpRecipientResult(r, false, Replies[i] ?? failure.Reply))], final, failure);
    }
}
