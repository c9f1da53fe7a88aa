using System.Buffers;
using System.Globalization;
using System.Net.Security;
using System.Security.Authentication;
using System.Text;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Smtp;

/// <summary>One client's session: the state machine of RFC 5321 section 4.1.4. Here: lines, commands and replies; SignIn has STARTTLS and AUTH, Messages has MAIL to the final dot.</summary>
#pragma warning disable CA1001 // What is left of a message in chunks is disposed at the end of RunAsync, which is the session's whole life.
internal sealed partial class SmtpServerSession(WireConnection connection, SmtpServerOptions options, ISmtpBackend backend, SslServerAuthenticationOptions? tls, SmtpClientLimits? limits = null)
#pragma warning restore CA1001
{
    /// <summary>What a client is told when the backend threw.</summary>
    public static readonly SmtpReply Fault = new(451, "4.3.0", "Temporary server error. Please try again later");

    // RFC 4954 section 4 lets an AUTH line have 12,288 octets; nothing else needs more than a few hundred.
    private const int MaxLine = 12_288 + 256;
    private const int MaxCommandLine = 2048;
    // Commands that bring no message nearer, since the last one that was taken: a pool's NOOP a minute stays far below, and so does a mailing whose addresses are gone.
    private const int MaxIdleCommands = 1000;
    private static readonly TimeSpan GoodbyeLimit = TimeSpan.FromSeconds(2);
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly SmtpSession session = new() { Remote = connection.Remote };
    private Transaction? transaction;
    // A message of which a chunk has come and the last has not.
    private SmtpChunkedMessage? chunked;
    private int errors;
    private int idleCommands;
    private int messages;
    private bool closing;
    private readonly long begun = options.Clock.GetTimestamp();

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
            if (options.ImplicitTls) await SecureAsync(stopping);
            if (await AskAsync(() => backend.BeforeAsync(session, "CONNECT", stopping), stopping) is { } instead)
            {
                closing = true;
                Reply(instead);
            }
            else
            {
                Say(220, null, backend.Greeting(session) ?? $"{options.HostName} ESMTP Postrider");
            }
            while (!closing)
            {
                var line = await NextLineAsync(MaxLine, stopping);
                if (line is null) continue;
                await AnswerAsync(line, stopping);
                if (errors >= options.MaxErrors) Close(421, "4.7.0", "Too many errors, closing transmission channel");
                else if (idleCommands > MaxIdleCommands) Close(421, "4.7.0", "Too many commands without a message, closing transmission channel");
            }
        }
        catch (SmtpHangUpException)
        {
            // What was answered before still goes out.
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            Close(421, "4.3.2", "Service not available, closing transmission channel");
        }
        catch (SmtpIdleException)
        {
            Close(421, "4.4.2", IsOver ? "The session has lasted too long, closing transmission channel" : "Timeout, closing transmission channel");
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
        catch (SmtpEndlessMessageException)
        {
            Close(552, "5.3.4", "Message size exceeds fixed maximum message size, closing transmission channel");
        }
        using var goodbye = new Deadline(TimeProvider.System, GoodbyeLimit, CancellationToken.None);
        await connection.Output.FlushAsync(goodbye.Token);
    }

    /// <summary>The next command; replies go out before the client is waited for, and not earlier: one write answers a pipelined group. Null: the line was refused.</summary>
    private async ValueTask<string?> NextLineAsync(int limit, CancellationToken stopping, bool secret = false)
    {
        // Also while the client keeps us busy: what it sends without a pause is never waited for.
        if (IsOver) throw new SmtpIdleException(new TimeoutException());
        if (!connection.Lines.TryRead(limit, out var bytes))
        {
            await FlushAsync();
            var left = options.SessionLimit - options.Clock.GetElapsedTime(begun);
            using var deadline = new Deadline(options.Clock, left < options.IdleTimeout ? Later(left) : options.IdleTimeout, stopping);
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

    private bool IsOver => options.Clock.GetElapsedTime(begun) >= options.SessionLimit;

    // A timer may not be set for the past.
    private static TimeSpan Later(TimeSpan left) => left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1);

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
        // Of a chunk its bytes have to be read first.
        if (verb != "BDAT" && await AskAsync(() => backend.BeforeAsync(session, verb, stopping), stopping) is { } instead)
        {
            Decline(instead);
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
        List<string> lines = [first, string.Create(CultureInfo.InvariantCulture, $"SIZE {options.MaxMessageBytes}"), "PIPELINING"];
        if (options.Dsn) lines.Add("DSN");
        lines.Add("ENHANCEDSTATUSCODES");
        if (tls is not null && !connection.IsTls) lines.Add("STARTTLS");
        if (AuthOffered) lines.Add("AUTH " + string.Join(' ', options.AuthMechanisms));
        lines.Add("8BITMIME");
        if (options.Chunking) lines.AddRange(["BINARYMIME", "CHUNKING"]);
        lines.Add("SMTPUTF8");
        // RFC 9422.
        if (options.MaxMessages is { } most) lines.Add(string.Create(CultureInfo.InvariantCulture, $"LIMITS MAILMAX={most} RCPTMAX={options.MaxRecipients}"));
        Say(250, null, string.Join('\n', lines));
    }

    /// <summary>The backend's answer; its fault is an answer too. Null accepts.</summary>
    private async Task<SmtpReply?> AskAsync(Func<Task<SmtpReply?>> question, CancellationToken stopping)
    {
        try
        {
            return await question();
        }
        catch (Exception e) when (e is not SmtpHangUpException && (e is not OperationCanceledException || !stopping.IsCancellationRequested))
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
        idleCommands++;
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
        if (!reply.IsPositive) options.OnRefusal?.Invoke(session, reply);
        var lines = reply.Text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var code = reply.Code.ToString(CultureInfo.InvariantCulture) + (i == lines.Length - 1 ? ' ' : '-');
            var line = code + (reply.EnhancedCode is null ? "" : reply.EnhancedCode + " ") + WireText.Printable(lines[i].TrimEnd('\r'));
            options.Transcript?.Invoke(true, line);
            Encoding.UTF8.GetBytes(line, connection.Output);
            connection.Output.Write("\r\n"u8);
        }
        closing |= session.ClosesAfterReply;
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
}
