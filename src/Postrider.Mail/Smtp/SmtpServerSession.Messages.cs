using System.Text;

namespace Postrider.Mail.Smtp;

internal sealed partial class SmtpServerSession
{
    // Chunks below it, bytes, count as commands that bring no message nearer: a client could send empty ones for ever.
    private const int SmallChunk = 1024;

    private async Task MailAsync(string rest, CancellationToken stopping)
    {
        if (session.HeloName is null) Refuse(503, "5.5.2", "Send hello first");
        else if (options.RequireTls && !connection.IsTls && !IsTrusted) Refuse(530, "5.7.0", "Must issue a STARTTLS command first");
        else if (options.RequireAuthentication && session.Identity is null && !IsTrusted) Refuse(530, "5.7.57", "Client not authenticated to send mail");
        else if (transaction is not null) Refuse(503, "5.5.2", "Sender already specified");
        else if (messages >= options.MaxMessages) Close(421, "4.7.0", "Too many messages over one connection, closing transmission channel");
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

    private bool IsTrusted => options.Trusts?.Invoke(session.Remote.Address) == true;

    private async Task RcptAsync(string rest, CancellationToken stopping)
    {
        if (transaction is null) Refuse(503, "5.5.2", "Need mail command");
        else if (!SmtpCommand.TryReadPath(rest, "TO:", out var path, out var parameters)) Refuse(501, "5.5.4", "Invalid arguments");
        else if (SmtpCommand.ReadRcptParameters(parameters, options, out var dsn) is { } refusal) Refuse(refusal);
        // RFC 5321 section 4.5.1: Postmaster needs no domain.
        else if (!EmailAddress.TryParse(path.Equals("postmaster", StringComparison.OrdinalIgnoreCase) ? path + "@" + options.HostName : path, out var recipient)) Refuse(501, "5.1.3", "Invalid address");
        else if (!transaction.SmtpUtf8 && !Ascii.IsValid(path)) Refuse(553, "5.6.7", "The address needs SMTPUTF8");
        else if (transaction.Recipients.Count >= options.MaxRecipients)
        {
            // No error: RFC 5321 section 4.5.3.1.10 has the client send the rest in another transaction.
            idleCommands++;
            Say(452, "4.5.3", "Too many recipients");
        }
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
            Settle(await new SmtpMessageIntake(connection, options, backend, session).TakeAsync(envelope, stopping));
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
        if (size > SmtpMessageIntake.ReadAway(options))
        {
            Close(421, "4.7.0", "The chunk is too large to be read away, closing transmission channel");
            return;
        }
        if (size < SmallChunk && !last) idleCommands++;
        if (chunked is null)
        {
            if (transaction is not { Recipients.Count: > 0 })
            {
                await SmtpChunkedMessage.SkipAsync(connection, options, size, stopping);
                Refuse(503, "5.5.2", transaction is null ? "Need mail command" : "Need rcpt command");
                return;
            }
            if (await AskAsync(() => backend.BeforeAsync(session, "BDAT", stopping), stopping) is { } instead)
            {
                await SmtpChunkedMessage.SkipAsync(connection, options, size, stopping);
                transaction = null;
                Decline(instead);
                return;
            }
            chunked = new SmtpChunkedMessage(connection, options, backend, session, transaction.ToEnvelope(), transaction.Parameters.Binary);
        }
        var reply = await chunked.TakeAsync(size, last, stopping);
        if (last || !reply.IsPositive) await AbandonChunksAsync();
        if (last || !reply.IsPositive) Settle(reply);
        else Reply(reply);
    }

    /// <summary>The answer to a whole message.</summary>
    private void Settle(SmtpReply reply)
    {
        messages++;
        if (reply.IsPositive) errors = idleCommands = 0;
        else idleCommands++;
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
