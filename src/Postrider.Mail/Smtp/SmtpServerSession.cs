using System.Buffers;
using System.Globalization;
using System.Net.Security;
using System.Security.Authentication;
using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Smtp;

/// <summary>One client's session: the state machine of RFC 5321 section 4.1.4.</summary>
#pragma warning disable CA1001 // What is left of a message in chunks is disposed at the end of RunAsync, which is the session's whole life.
internal sealed class SmtpServerSession(WireConnection connection, SmtpServerOptions options, ISmtpBackend backend, SslServerAuthenticationOptions? tls, SmtpClientLimits? limits = null)
#pragma warning restore CA1001
{
    /// <summary>What a client is told when the backend threw.</summary>
    public static readonly SmtpReply Fault = new(451, "4.3.0", "Temporary server error. Please try again later");

    // RFC 4954 section 4 lets an AUTH line have 12,288 octets; nothing else needs more than a few hundred.
    private const int MaxLine = 12_288 + 256;
    private const int MaxCommandLine = 2048;
    // Commands that bring no message nearer, since the last one: a pool's NOOP a minute stays far below.
    private const int MaxIdleCommands = 1000;
    private const long SmallestNotRead = 16 << 20;
    private static readonly TimeSpan HandshakeLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan GoodbyeLimit = TimeSpan.FromSeconds(2);
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly SmtpSession session = new() { Remote = connection.Remote };
    private Transaction? transaction;
    // A message of which a chunk has come and the last has not.
    private SmtpChunkedMessage? chunked;
    private int errors;
    private int idleCommands;
    private bool closing;

    public async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            await TalkAsync(stopping);
        }
        finally
        {
            await AbandonChunksAsync();
            backend.SessionEnded(session);
        }
    }

    private async Task TalkAsync(CancellationToken stopping)
    {
        try
        {
            Say(220, null, backend.Greeting(session) ?? $"{options.HostName} ESMTP Postrider");
            while (!closing)
            {
                var line = await NextLineAsync(MaxLine, stopping);
                if (line is null) continue;
                await AnswerAsync(line, stopping);
                if (errors >= options.MaxErrors) Close(421, "4.7.0", "Too many errors, closing transmission channel");
                else if (idleCommands > MaxIdleCommands) Close(421, "4.7.0", "Too many commands without a message, closing transmission channel");
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            Close(421, "4.3.2", "Service not available, closing transmission channel");
        }
        catch (SmtpIdleException)
        {
            Close(421, "4.4.2", "Timeout, closing transmission channel");
        }
        catch (WireProtocolException)
        {
            Close(500, "5.5.2", "Line too long, closing transmission channel");
        }
        catch (AuthenticationException)
        {
            // A TLS handshake that failed leaves nobody to answer to.
            return;
        }
        using var goodbye = new Deadline(TimeProvider.System, GoodbyeLimit, CancellationToken.None);
        await connection.Output.FlushAsync(goodbye.Token);
    }

    /// <summary>The next command; replies go out before the client is waited for, and not earlier: one write answers a pipelined group. Null: the line was refused.</summary>
    private async ValueTask<string?> NextLineAsync(int limit, CancellationToken stopping, bool secret = false)
    {
        if (!connection.Lines.TryRead(limit, out var bytes))
        {
            await FlushAsync();
            using var deadline = new Deadline(options.Clock, options.IdleTimeout, stopping);
            try
            {
                bytes = await connection.Lines.ReadAsync(limit, deadline.Token);
            }
            catch (OperationCanceledException e) when (deadline.Passed)
            {
                throw new SmtpIdleException(e);
            }
        }
        var line = Decode(bytes.Span);
        options.Transcript?.Invoke(false, secret ? "[redacted]" : Shown(bytes.Span));
        if (line is null) Refuse(500, "5.5.2", "Syntax error: a command is UTF-8 without control characters");
        else if (!connection.Lines.EndedWithCrlf) Refuse(500, "5.5.2", "Syntax error: a command ends with CR LF");
        else return line;
        return null;
    }

    /// <summary>A client that does not read its replies for as long as it might be silent is gone; the server's stop does not cut a reply short.</summary>
    private ValueTask FlushAsync() => connection.FlushAsync(options.Clock, options.IdleTimeout);

    private async Task AnswerAsync(string line, CancellationToken stopping)
    {
        var (verb, rest) = SmtpCommand.Split(line);
        if (line.Length > MaxCommandLine && verb != "AUTH")
        {
            Refuse(500, "5.5.2", "Line too long");
            return;
        }
        if (verb is not ("AUTH" or "MAIL" or "RCPT" or "DATA" or "BDAT" or "QUIT")) idleCommands++;
        // RFC 3030 section 2: between chunks there is only the next chunk, or the end of the transaction.
        if (chunked is not null && verb is "MAIL" or "RCPT" or "DATA" or "AUTH" or "STARTTLS")
        {
            Refuse(503, "5.5.1", "A message in chunks has been begun");
            return;
        }
        if (verb is "RSET" or "EHLO" or "HELO" or "QUIT") await AbandonChunksAsync();
        switch (verb)
        {
            case "EHLO" or "HELO": Hello(verb, rest); break;
            case "STARTTLS": await StartTlsAsync(rest, stopping); break;
            case "AUTH": await AuthAsync(rest, stopping); break;
            case "MAIL": await MailAsync(rest, stopping); break;
            case "RCPT": await RcptAsync(rest, stopping); break;
            case "DATA": await DataAsync(rest, stopping); break;
            case "BDAT" when options.Chunking: await BdatAsync(rest, stopping); break;
            case "RSET" when rest.Length == 0: transaction = null; Say(250, "2.0.0", "Resetting"); break;
            case "NOOP": Say(250, "2.0.0", "OK"); break;
            case "HELP": Say(214, "2.0.0", "RFC 5321 and RFC 6409"); break;
            // RFC 5321 section 3.5.3: neither confirmed nor denied.
            case "VRFY" when rest.Length > 0: Say(252, "2.1.5", "Cannot VRFY user"); break;
            case "QUIT" when rest.Length == 0: Close(221, "2.0.0", "Service closing transmission channel"); break;
            case "RSET" or "QUIT" or "VRFY": Refuse(501, "5.5.4", "Invalid arguments"); break;
            case "EXPN" or "BDAT" or "TURN" or "ETRN": Refuse(502, "5.5.1", "Command not implemented"); break;
            default: Refuse(500, "5.3.3", "Unrecognized command"); break;
        }
    }

    private void Hello(string verb, string name)
    {
        if (name.Length is 0 or > 255)
        {
            Refuse(501, "5.5.4", "Invalid domain name");
            return;
        }
        session.HeloName = name;
        transaction = null;
        var first = options.HostName + " " + (backend.HelloText(session) ?? $"Hello [{session.Remote.Address}]");
        if (verb == "HELO")
        {
            Say(250, null, first);
            return;
        }
        List<string> lines = [first, string.Create(CultureInfo.InvariantCulture, $"SIZE {options.MaxMessageBytes}"), "PIPELINING", "ENHANCEDSTATUSCODES"];
        if (tls is not null && !connection.IsTls) lines.Add("STARTTLS");
        if (AuthOffered) lines.Add("AUTH " + string.Join(' ', options.AuthMechanisms));
        lines.Add("8BITMIME");
        if (options.Chunking) lines.AddRange(["BINARYMIME", "CHUNKING"]);
        if (options.Dsn) lines.Add("DSN");
        lines.Add("SMTPUTF8");
        Say(250, null, string.Join('\n', lines));
    }

    private bool AuthOffered => options.AuthMechanisms.Count > 0 && (connection.IsTls || !options.RequireTls);

    private async Task StartTlsAsync(string rest, CancellationToken stopping)
    {
        if (tls is null) Refuse(502, "5.5.1", "Command not implemented");
        else if (connection.IsTls) Refuse(503, "5.5.1", "Already secured");
        else if (rest.Length > 0) Refuse(501, "5.5.4", "Invalid arguments");
        else if (session.HeloName is null) Refuse(503, "5.5.2", "Send hello first");
        else if (connection.HasUnreadInput) Close(503, "5.5.1", "Nothing may follow STARTTLS before TLS, closing transmission channel");
        else
        {
            Say(220, "2.0.0", "SMTP server ready");
            await FlushAsync();
            using var deadline = new Deadline(options.Clock, HandshakeLimit, stopping);
            try
            {
                await connection.StartTlsAsServerAsync(tls, deadline.Token);
            }
            catch (OperationCanceledException e) when (deadline.Passed)
            {
                throw new AuthenticationException("The client did not finish the TLS handshake.", e);
            }
            // RFC 3207 section 4.2: what was said in clear is forgotten.
            (session.IsTls, session.HeloName, session.Identity, transaction) = (true, null, null, null);
        }
    }

    private async Task AuthAsync(string rest, CancellationToken stopping)
    {
        var (mechanism, initial) = SmtpCommand.Split(rest);
        if (session.HeloName is null) Refuse(503, "5.5.2", "Send hello first");
        else if (options.RequireTls && !connection.IsTls) Refuse(530, "5.7.0", "Must issue a STARTTLS command first");
        else if (session.Identity is not null) Refuse(503, "5.5.2", "Already authenticated");
        else if (transaction is not null) Refuse(503, "5.5.1", "Bad sequence of commands");
        else if (rest.Length == 0) Refuse(501, "5.5.4", "Invalid arguments");
        else if (!AuthOffered || !options.AuthMechanisms.Contains(mechanism, StringComparer.Ordinal)) Refuse(504, "5.7.4", "Unrecognized authentication type");
        else if (await CredentialAsync(mechanism, initial.Length == 0 ? null : initial, stopping) is { } credential)
        {
            if (limits?.Wait(session.Remote.Address, credential.UserName) is not null)
            {
                // The same whether the password is right or not.
                Refuse(454, "4.7.0", "Too many wrong sign-ins, try again later");
                return;
            }
            var refusal = await AskAsync(
                async () =>
                {
                    var result = await backend.AuthenticateAsync(session, credential, stopping);
                    session.Identity = result.Refusal is null ? result.Identity : null;
                    return session.Identity is not null ? null : result.Refusal ?? new(535, "5.7.8", "Authentication credentials invalid");
                },
                stopping);
            if (refusal is null)
            {
                limits?.Succeeded(session.Remote.Address, credential.UserName);
                Say(235, "2.7.0", "Authentication successful");
                return;
            }
            if (refusal.IsPermanent) limits?.Failed(session.Remote.Address, credential.UserName);
            // RFC 7628 section 3.2.2: the reason as a challenge; whatever the client says to it, the refusal follows.
            if (mechanism == "OAUTHBEARER" && await ChallengeAsync(SaslResponses.Encode("""{"status":"invalid_token"}"""), stopping) is null) return;
            Refuse(refusal);
        }
    }

    /// <summary>RFC 4954 section 4: the initial response or what comes after 334. Null: cancelled or malformed, and answered.</summary>
    private async Task<SaslCredential?> CredentialAsync(string mechanism, string? initial, CancellationToken stopping)
    {
        if (mechanism == "LOGIN")
        {
            var user = initial ?? await ChallengeAsync("VXNlcm5hbWU6", stopping);
            var password = user is null ? null : await ChallengeAsync("UGFzc3dvcmQ6", stopping);
            if (user is null || password is null) return null;
            if (SaslResponses.Decode(Encoding.UTF8.GetBytes(user)) is { } name && SaslResponses.Decode(Encoding.UTF8.GetBytes(password)) is { } secret
                && new SaslCredential.Plain(name, secret) is var login && SaslResponses.Flaw(login) is null) return login;
        }
        else
        {
            var response = initial ?? await ChallengeAsync("", stopping);
            if (response is null) return null;
            var bytes = Encoding.UTF8.GetBytes(response);
            SaslCredential? credential = mechanism switch
            {
                "XOAUTH2" => SaslResponses.ReadXOAuth2(bytes),
                "OAUTHBEARER" => SaslResponses.ReadOAuthBearer(bytes),
                "PLAIN" => SaslResponses.ReadPlain(bytes),
                _ => null,
            };
            if (credential is not null) return credential;
        }
        Refuse(501, "5.5.2", "Cannot decode response");
        return null;
    }

    /// <returns>Null when the client cancelled or sent no line of text; it has its answer.</returns>
    private async Task<string?> ChallengeAsync(string base64, CancellationToken stopping)
    {
        Say(334, null, base64);
        var line = await NextLineAsync(MaxLine, stopping, secret: true);
        if (line != "*") return line;
        Refuse(501, "5.7.0", "Authentication cancelled");
        return null;
    }

    private async Task MailAsync(string rest, CancellationToken stopping)
    {
        if (session.HeloName is null) Refuse(503, "5.5.2", "Send hello first");
        else if (options.RequireTls && !connection.IsTls) Refuse(530, "5.7.0", "Must issue a STARTTLS command first");
        else if (options.RequireAuthentication && session.Identity is null) Refuse(530, "5.7.57", "Client not authenticated to send mail");
        else if (transaction is not null) Refuse(503, "5.5.2", "Sender already specified");
        else if (!SmtpCommand.TryReadPath(rest, "FROM:", out var path, out var parameters)) Refuse(501, "5.5.4", "Invalid arguments");
        else if (SmtpCommand.ReadMailParameters(parameters, options, out var read) is { } refusal) Refuse(refusal);
        else
        {
            EmailAddress? sender = null;
            if (path.Length > 0 && !EmailAddress.TryParse(path, out sender)) Refuse(501, "5.1.7", "Invalid address");
            else if (!read.Utf8 && !Ascii.IsValid(path)) Refuse(553, "5.6.7", "The address needs SMTPUTF8");
            else
            {
                var answer = await AskAsync(() => backend.MailAsync(session, sender, stopping), stopping);
                if (answer is not null)
                {
                    Decline(answer);
                    return;
                }
                transaction = new Transaction(sender, read);
                Say(250, "2.1.0", "Sender OK");
            }
        }
    }

    private async Task RcptAsync(string rest, CancellationToken stopping)
    {
        if (transaction is null) Refuse(503, "5.5.2", "Need mail command");
        else if (!SmtpCommand.TryReadPath(rest, "TO:", out var path, out var parameters)) Refuse(501, "5.5.4", "Invalid arguments");
        else if (SmtpCommand.ReadRcptParameters(parameters, options, out var dsn) is { } refusal) Refuse(refusal);
        // RFC 5321 section 4.5.1: Postmaster needs no domain.
        else if (!EmailAddress.TryParse(path.Equals("postmaster", StringComparison.OrdinalIgnoreCase) ? path + "@" + options.HostName : path, out var recipient)) Refuse(501, "5.1.3", "Invalid address");
        else if (!transaction.SmtpUtf8 && !Ascii.IsValid(path)) Refuse(553, "5.6.7", "The address needs SMTPUTF8");
        else if (transaction.Recipients.Count >= options.MaxRecipients) Say(452, "4.5.3", "Too many recipients");
        else
        {
            var answer = await AskAsync(() => backend.RcptAsync(session, recipient, stopping), stopping);
            if (answer is not null)
            {
                Decline(answer);
                return;
            }
            transaction.Add(recipient, dsn);
            Say(250, "2.1.5", "Recipient OK");
        }
    }

    private async Task DataAsync(string rest, CancellationToken stopping)
    {
        if (transaction is null) Refuse(503, "5.5.2", "Need mail command");
        else if (rest.Length > 0) Refuse(501, "5.5.4", "Invalid arguments");
        else if (transaction.Recipients.Count == 0) Refuse(503, "5.5.2", "Need rcpt command");
        // RFC 3030 section 3: lines of dots and all cannot carry it.
        else if (transaction.Parameters.Binary) Refuse(503, "5.5.1", "A binary message is sent by BDAT");
        // RFC 2920 section 3.1: the client waits for 354. One that does not would have its body read as commands had DATA been refused.
        else if (connection.HasUnreadInput) Close(503, "5.5.1", "Nothing may follow DATA before its reply, closing transmission channel");
        else
        {
            var envelope = transaction.ToEnvelope();
            transaction = null;
            Say(354, null, "Start mail input; end with <CRLF>.<CRLF>");
            await FlushAsync();
            var reply = await new SmtpMessageIntake(connection, options, backend, session).TakeAsync(envelope, stopping);
            if (reply.IsPositive) errors = idleCommands = 0;
            Reply(reply);
            if (reply.Code == 421) closing = true;
        }
    }

    /// <summary>A chunk is read whatever the answer is: its bytes stand on the line and are no commands.</summary>
    private async Task BdatAsync(string rest, CancellationToken stopping)
    {
        if (!SmtpCommand.TryReadChunk(rest, out var size, out var last))
        {
            // How many bytes follow is not known.
            Close(501, "5.5.4", "Invalid arguments, closing transmission channel");
            return;
        }
        // Far more than a message may have is not worth reading away.
        if (size > Math.Max(2 * options.MaxMessageBytes, SmallestNotRead))
        {
            Close(421, "4.7.0", "The chunk is too large to be read away, closing transmission channel");
            return;
        }
        await FlushAsync();
        if (chunked is null)
        {
            if (transaction is not { Recipients.Count: > 0 })
            {
                await SmtpChunkedMessage.SkipAsync(connection, options, size, stopping);
                Refuse(503, "5.5.2", transaction is null ? "Need mail command" : "Need rcpt command");
                return;
            }
            chunked = new SmtpChunkedMessage(connection, options, backend, session, transaction.ToEnvelope(), transaction.Parameters.Binary);
        }
        var reply = await chunked.TakeAsync(size, last, stopping);
        if (last || !reply.IsPositive) await AbandonChunksAsync();
        if (last && reply.IsPositive) errors = idleCommands = 0;
        Reply(reply);
        if (reply.Code == 421) closing = true;
    }

    /// <summary>Ends the transaction, too.</summary>
    private async Task AbandonChunksAsync()
    {
        if (chunked is null) return;
        var message = chunked;
        (chunked, transaction) = (null, null);
        await message.DisposeAsync();
    }

    /// <summary>The backend's answer; its fault is an answer too. Null accepts.</summary>
    private async Task<SmtpReply?> AskAsync(Func<Task<SmtpReply?>> question, CancellationToken stopping)
    {
        try
        {
            return await question();
        }
        catch (Exception e) when (e is not OperationCanceledException || !stopping.IsCancellationRequested)
        {
            options.OnFault?.Invoke(e);
            return Fault;
        }
    }

    private void Say(int code, string? enhanced, string text) => Reply(new(code, enhanced, text));

    private void Refuse(int code, string enhanced, string text) => Refuse(new(code, enhanced, text));

    private void Refuse(SmtpReply reply)
    {
        errors++;
        Reply(reply);
        if (reply.Code == 421) closing = true;
    }

    /// <summary>The backend's refusal. Of a client that has signed in it is no guess: a mailing may hold many an address that is gone.</summary>
    private void Decline(SmtpReply reply)
    {
        if (session.Identity is null) errors++;
        Reply(reply);
        if (reply.Code == 421) closing = true;
    }

    private void Close(int code, string enhanced, string text)
    {
        closing = true;
        Say(code, enhanced, text);
    }

    /// <summary>Written, not yet sent. A text of several lines becomes a reply of several.</summary>
    private void Reply(SmtpReply reply)
    {
        var lines = reply.Text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var code = reply.Code.ToString(CultureInfo.InvariantCulture) + (i == lines.Length - 1 ? ' ' : '-');
            var line = code + (reply.EnhancedCode is null ? "" : reply.EnhancedCode + " ") + WireText.Printable(lines[i].TrimEnd('\r'));
            options.Transcript?.Invoke(true, line);
            Encoding.UTF8.GetBytes(line, connection.Output);
            connection.Output.Write("\r\n"u8);
        }
    }

    private static string? Decode(ReadOnlySpan<byte> line)
    {
        if (line.ContainsAnyInRange((byte)0, (byte)0x1F) || line.Contains((byte)0x7F)) return null;
        try
        {
            return StrictUtf8.GetString(line);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static string Shown(ReadOnlySpan<byte> line)
    {
        var text = WireText.Printable(line);
        if (!text.StartsWith("AUTH ", StringComparison.OrdinalIgnoreCase)) return text.Length <= MaxCommandLine ? text : text[..MaxCommandLine] + "…";
        var words = text.Split(' ', 3);
        return words.Length < 3 ? text : $"{words[0]} {words[1]} [redacted]";
    }

    private sealed class Transaction(EmailAddress? sender, SmtpMailParameters parameters)
    {
        private readonly List<SmtpDsnRecipient> dsn = [];

        public SmtpMailParameters Parameters => parameters;
        public bool SmtpUtf8 => parameters.Utf8;
        public List<EmailAddress> Recipients { get; } = [];

        public void Add(EmailAddress recipient, SmtpDsnRecipient? asked)
        {
            Recipients.Add(recipient);
            dsn.Add(asked ?? new(null, null));
        }

        public SmtpEnvelope ToEnvelope() => new(sender, [.. Recipients], parameters.Size, parameters.Utf8, parameters.EightBit)
        {
            Binary = parameters.Binary,
            Dsn = parameters.ReturnWhole is null && parameters.EnvelopeId is null && dsn.TrueForAll(d => d.Notify is null && d.OriginalRecipient is null) ? null : new(parameters.ReturnWhole, parameters.EnvelopeId, [.. dsn]),
        };
    }
}
