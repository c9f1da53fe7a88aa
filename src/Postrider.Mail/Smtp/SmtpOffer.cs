using System.Globalization;
using System.Text;

namespace Postrider.Mail.Smtp;

/// <summary>A message being offered: the commands of its envelope and what was said to them.</summary>
internal sealed class SmtpOffer
{
    private readonly List<(string Stage, string Text, int Recipient)> commands;

    public SmtpOffer(SmtpMessage message, SmtpCapabilities server)
    {
        Message = message;
        Recipients = message.Recipients;
        Replies = new SmtpReply?[Recipients.Count];
        commands = new(Recipients.Count + 3);
        DsnAsked = message.Dsn is not null && server.Dsn;
        Binary = message.Kind == SmtpBodyKind.Binary;
    }

    public SmtpMessage Message { get; }
    public IReadOnlyList<EmailAddress> Recipients { get; }
    public SmtpReply?[] Replies { get; }
    public bool DsnAsked { get; }
    public bool Binary { get; }

    /// <summary>RSET where a transaction was left open, MAIL, RCPT for each recipient not refused, DATA unless the body goes in chunks.</summary>
    public IReadOnlyList<(string Stage, string Text, int Recipient)> Commands => commands;

    /// <summary>Commands that were written already, behind the message before.</summary>
    public int WrittenAhead { get; set; }

    /// <summary>Nothing of it has been said yet.</summary>
    public void Again()
    {
        WrittenAhead = 0;
        Array.Clear(Replies);
    }

    /// <summary>Those not refused so far.</summary>
    public IEnumerable<int> Open => Enumerable.Range(0, Recipients.Count).Where(i => Replies[i] is null);

    public SmtpSendResult Accept(SmtpReply final) => new([.. Recipients.Select((r, i) => new SmtpRecipientResult(r, Replies[i] is null, Replies[i] ?? final))], final, null) { DsnAsked = DsnAsked };

    public SmtpSendResult Fail(SmtpFailure failure, SmtpReply? final = null) =>
        new([.. Recipients.Select((r, i) => new SmtpRecipientResult(r, false, Replies[i] ?? failure.Reply))], final, failure) { DsnAsked = DsnAsked };

    /// <summary>What the server has already said it will not take. Recipients are refused one by one, everything else for all.</summary>
    /// <returns>Null when at least one recipient can be offered.</returns>
    public SmtpFailure? RefuseBeforehand(SmtpCapabilities server)
    {
        if (server.Size is > 0 and var limit && Message.Size > limit)
            return Known("MAIL", new(552, "5.3.4", $"The message has {Message.Size} bytes; the server takes {limit} (it was not sent)."));
        // A caller can encode such a message anew (RFC 6152 section 3) and offer that.
        if (Message.Kind == SmtpBodyKind.EightBit && !server.EightBitMime)
            return Known("MAIL", new(554, "5.6.3", "The message holds 8-bit characters and the server does not offer 8BITMIME (it was not sent)."));
        if (Binary && !(server.BinaryMime && server.Chunking))
            return Known("MAIL", new(554, "5.6.1", "The message is binary and the server does not offer BINARYMIME (it was not sent)."));
        if (Message.Dsn?.EnvelopeId is { } id && (id.Length is 0 or > SmtpDsn.EnvelopeIdLimit || id.Any(c => c is < ' ' or > '~')))
            return Known("MAIL", new(501, "5.5.4", "The envelope id is not 1 to 100 printable ASCII characters (it was not sent)."));
        if (!server.SmtpUtf8)
        {
            if (Message.Utf8Header) return Known("MAIL", new(554, "5.6.7", "The message has a header in UTF-8 and the server does not offer SMTPUTF8 (it was not sent)."));
            // RFC 6531 section 3.2: without SMTPUTF8 such an address cannot be named.
            if (Message.Sender is { NeedsSmtpUtf8: true } sender) return Known("MAIL", NotAscii(sender));
            foreach (var i in Open.Where(i => Recipients[i].NeedsSmtpUtf8).ToList()) Replies[i] = NotAscii(Recipients[i]);
        }
        // RFC 9422: those beyond are for another transaction, so this is no refusal for good.
        if (server.MaxRecipients is { } most)
            foreach (var i in Open.Skip(most).ToList()) Replies[i] = new(452, "4.5.3", $"The server takes {most} recipients at a time (it was not asked).");
        return Open.Any() ? null : Known("RCPT", Replies.First(r => r is not null)!);

        static SmtpFailure Known(string stage, SmtpReply reply) => new(WireFailureKind.CommandRefused, stage, reply, reply.Text, true, false);
        static SmtpReply NotAscii(EmailAddress address) => new(553, "5.6.7", $"The server does not offer SMTPUTF8, which {address} needs (it was not asked).");
    }

    /// <param name="reset">A transaction was left open.</param>
    /// <param name="chunked">The body goes by BDAT, so there is no DATA.</param>
    public void Write(SmtpCapabilities server, bool reset, bool chunked)
    {
        commands.Clear();
        if (reset) commands.Add(("RSET", "RSET", -1));
        var mail = new StringBuilder("MAIL FROM:<", 128).Append(Message.Sender?.Wire).Append('>');
        if (Message.Size is { } size && server.Size is not null) mail.Append(CultureInfo.InvariantCulture, $" SIZE={size}");
        if (Binary) mail.Append(" BODY=BINARYMIME");
        // Said of every message not known to be 7-bit, and 7-bit ones are 8-bit ones too.
        else if (server.EightBitMime) mail.Append(" BODY=8BITMIME");
        if (Message.Utf8Header || Message.Sender is { NeedsSmtpUtf8: true } || Open.Any(i => Recipients[i].NeedsSmtpUtf8)) mail.Append(" SMTPUTF8");
        if (DsnAsked) Message.Dsn!.AppendToMail(mail);
        commands.Add(("MAIL", mail.ToString(), -1));
        foreach (var i in Open)
        {
            if (!DsnAsked)
            {
                commands.Add(("RCPT", $"RCPT TO:<{Recipients[i].Wire}>", i));
                continue;
            }
            var rcpt = new StringBuilder("RCPT TO:<", 128).Append(Recipients[i].Wire).Append('>');
            Message.Dsn!.AppendToRcpt(rcpt, Recipients[i], i);
            commands.Add(("RCPT", rcpt.ToString(), i));
        }
        if (!chunked) commands.Add(("DATA", "DATA", -1));
    }
}
