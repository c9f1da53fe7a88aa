using System.Buffers;
using System.IO.Pipelines;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.OutgoingMail;
using Postrider.Settings;
using Postrider.Users;
using Postrider.Web;

namespace Postrider.Submission;

/// <summary>What the hub says to programs that hand in mail: docs/flows/send-a-mail.md, step 1. A 250 follows the commit.</summary>
internal sealed class SubmissionBackend(Outbox outbox, ApiKeys keys, SignInLimit limit, SystemParameters parameters, SubmissionHistory history) : ISmtpBackend
{
    // Of a message that is longer, the rest goes to the database as it comes.
    private const int InMemory = 1024 * 1024;
    private const int FirstBuffer = 16 * 1024;

    /// <summary>The hub's name, in its greeting and in Received. At the very first start it has none yet.</summary>
    public string HostName => parameters.Get(KnownParameter.BaseUrl) is { } url ? new Uri(url).Host : "localhost";

    public string? Greeting(SmtpSession session) => null;

    public string? HelloText(SmtpSession session) => null;

    public async Task<SmtpAuthResult> AuthenticateAsync(SmtpSession session, SaslCredential credential, CancellationToken cancel)
    {
        var address = session.Remote.Address.ToString();
        if (!limit.Admits(credential.UserName, address)) return Refused(SubmissionProblems.SignInTooOften);
        if (credential is SaslCredential.Plain plain && await keys.FindPersonAsync(plain.UserName, plain.Password, cancel) is { } person)
        {
            limit.Succeeded(credential.UserName);
            return new(Submitter.Of(person), null);
        }

        limit.Refused(credential.UserName, address);
        return Refused(SubmissionProblems.SignInRefused);

        static SmtpAuthResult Refused(Problem problem) => new(null, SubmissionReplies.Of(problem));
    }

    public Task<SmtpReply?> MailAsync(SmtpSession session, EmailAddress? sender, CancellationToken cancel)
    {
        var problem = WhoIs(session) is { } submitter ? outbox.NoRoom ?? submitter.Check(sender) : SubmissionProblems.NotTrusted;
        return Task.FromResult(problem is null ? null : SubmissionReplies.Of(problem));
    }

    public Task<SmtpReply?> RcptAsync(SmtpSession session, EmailAddress recipient, CancellationToken cancel) => Task.FromResult<SmtpReply?>(null);

    public async Task<SmtpReply> MessageAsync(SmtpSession session, SmtpEnvelope envelope, PipeReader message, CancellationToken cancel)
    {
        if (WhoIs(session) is not { } submitter) return SubmissionReplies.Of(SubmissionProblems.NotTrusted);
        var buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
        try
        {
            // The whole message, or its beginning.
            var length = 0;
            var whole = false;
            while (!whole && length < InMemory)
            {
                var read = await message.ReadAsync(cancel);
                var piece = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, InMemory - length));
                buffer = WithRoomFor(buffer, length, (int)piece.Length);
                piece.CopyTo(buffer.AsSpan(length));
                length += (int)piece.Length;
                message.AdvanceTo(piece.End);
                whole = read.IsCompleted && piece.Length == read.Buffer.Length;
            }

            var headerLength = HeaderSection.LengthIn(buffer.AsSpan(0, length));
            var (header, problem) = SubmittedHeader.Read(buffer.AsMemory(0, headerLength));
            problem ??= submitter.Check(header!.From.Address) ?? submitter.Check(header.Sender?.Address);
            if (problem is not null) return SubmissionReplies.Of(problem);

            var arrival = ArrivalOf(session, envelope);
            var (outgoing, dsn) = Outgoing(header!, envelope, submitter);
            var put = await outbox.SubmitAsync(
                new SubmittedMessage
                {
                    Message = outgoing, Origin = $"{submitter.Name} handed it in by SMTP from {session.Remote.Address}.", EnvelopeFrom = envelope.Sender, Header = stamp => header!.Write(stamp, arrival), HeaderIsEightBit = header!.IsEightBit, Utf8 = envelope.SmtpUtf8,
                    Body = buffer.AsMemory(headerLength, length - headerLength), Rest = whole ? null : message.AsStream(leaveOpen: true), Identity = header.IdempotencyKey is null ? null : header.Identity, Dsn = dsn,
                }, cancel);
            if (put.Problem is not null) return SubmissionReplies.Of(put.Problem);
            history.Taken(submitter.Name, session.Remote.Address, outgoing, put.Id!.Value);
            return new(250, "2.6.0", $"Queued as {put.Id.Value.Value:D}");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    /// <summary>Told by the server; also of what it refused by itself.</summary>
    public void Refused(SmtpSession session, SmtpReply reply) => history.Refused(WhoIs(session)?.Name, session.Remote.Address, reply);

    /// <summary>May send without TLS and without AUTH.</summary>
    public bool Trusts(System.Net.IPAddress address) => parameters.TrustedNetworks.NameOf(address) is not null;

    private Submitter? WhoIs(SmtpSession session) =>
        session.Identity as Submitter ?? (parameters.TrustedNetworks.NameOf(session.Remote.Address) is { } name ? Submitter.OfNetwork(name) : null);

    /// <summary>The recipients of the envelope, each under the field that names it, and the others under Bcc.</summary>
    private static (OutgoingMessage Message, SmtpDsn? Dsn) Outgoing(SubmittedHeader header, SmtpEnvelope envelope, Submitter submitter)
    {
        var roles = new (IReadOnlyList<NamedAddress> Named, List<NamedAddress> Chosen, List<SmtpDsnRecipient> Dsn)[] { (header.To, [], []), (header.Cc, [], []), ([], [], []) };
        for (var i = 0; i < envelope.Recipients.Count; i++)
        {
            var recipient = envelope.Recipients[i];
            var at = Array.FindIndex(roles, role => role.Named.Any(named => named.Address.Equals(recipient)));
            var role = roles[at < 0 ? 2 : at];
            role.Chosen.Add(new(role.Named.FirstOrDefault(named => named.Address.Equals(recipient))?.Name, recipient));
            if (envelope.Dsn is { } asked) role.Dsn.Add(asked.Recipients[i]);
        }

        var message = new OutgoingMessage
        {
            From = header.From, To = roles[0].Chosen, Cc = roles[1].Chosen, Bcc = roles[2].Chosen, Subject = header.Subject, Creator = submitter.PersonId, IdempotencyKey = header.IdempotencyKey, MessageId = header.MessageId,
            SendAt = header.SendAt, Lane = header.Lane, ReportTo = envelope.Sender, NullEnvelope = envelope.Sender is null,
        };
        return (message, envelope.Dsn is null ? null : new SmtpDsn { ReturnWhole = envelope.Dsn.ReturnWhole, EnvelopeId = envelope.Dsn.EnvelopeId, Recipients = [.. roles.SelectMany(role => role.Dsn)] });
    }

    private Arrival ArrivalOf(SmtpSession session, SmtpEnvelope envelope) => new(
        session.HeloName is { } helo && helo.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or ':' or '[' or ']') ? helo : "unknown",
        session.Remote.Address.ToString(), HostName, $"{(envelope.SmtpUtf8 ? "UTF8SMTP" : "ESMTP")}{(session.IsTls ? "S" : "")}{(session.Identity is null ? "" : "A")}");

    private static byte[] WithRoomFor(byte[] buffer, int length, int more)
    {
        if (buffer.Length - length >= more) return buffer;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(2 * buffer.Length, length + more));
        buffer.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        return larger;
    }
}
