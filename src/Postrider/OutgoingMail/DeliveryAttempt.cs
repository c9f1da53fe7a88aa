using System.Security.Cryptography;
using Postrider.Doctor;
using Postrider.Mail;
using Postrider.Mail.Smtp;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>One connection of a mailbox and what was said over it. Used by one attempt at a time.</summary>
internal sealed class MailboxConnection : IAsyncDisposable
{
    public DialogueLog Log { get; } = new();

    /// <summary>Null before the first connection.</summary>
    public SmtpClient? Client { get; private set; }

    public async Task ReplaceAsync(SmtpClient? client)
    {
        if (Client is { } old) await old.DisposeAsync();
        Client = client;
    }

    public async ValueTask DisposeAsync() => await ReplaceAsync(null);
}

/// <summary>What one attempt came to, before it is written down.</summary>
/// <param name="SizeLimit">Of the server, as it said last.</param>
/// <param name="Transcript">What was said over the line.</param>
internal sealed record AttemptResult(AttemptVerdict Verdict, long? SizeLimit, IReadOnlyList<string> Transcript);

/// <summary>One attempt to send one mail: docs/flows/send-a-mail.md, step 5.</summary>
internal sealed class DeliveryAttempt(HubDatabase database, Bodies bodies, SmtpSessions sessions)
{
    /// <param name="claimed">Its claim is durable already (step 5a).</param>
    /// <param name="bytes">The message, where it was read already; null: it is read while it is sent.</param>
    public async Task<AttemptResult> RunAsync(OutgoingServer server, ClaimedMail claimed, byte[]? bytes, MailboxConnection connection, CancellationToken cancellationToken)
    {
        connection.Log.Clear();
        var verdict = await OfferAsync(server, claimed, bytes, connection, cancellationToken);
        var sizeLimit = connection.Client?.IsUsable == true ? connection.Client.Capabilities.Size : server.SizeLimit;
        return new(verdict, sizeLimit, connection.Log.Lines());
    }

    private async Task<AttemptVerdict> OfferAsync(OutgoingServer server, ClaimedMail claimed, byte[]? bytes, MailboxConnection connection, CancellationToken cancellationToken)
    {
        // A mail whose recipients have all been settled meanwhile has nobody to be offered to.
        if (claimed.Recipients.Count == 0) return AttemptVerdict.Nobody;

        var reused = connection.Client is { IsUsable: true };
        while (true)
        {
            // 5b token, 5c connection
            if (connection.Client is not { IsUsable: true } && await OpenAsync(server, connection, cancellationToken) is { } trouble) return AttemptVerdict.NotReached(claimed.Addresses, trouble);

            // 5d MAIL, RCPT, DATA
            var client = connection.Client!;
            if (client.Capabilities.Size is { } limit && limit > 0 && claimed.Size > limit) return TooLarge(claimed, server, limit);
            var form = await WireForms.OpenAsync(bodies, claimed.BodyId, bytes, claimed.Size, claimed.Form, client.Capabilities, cancellationToken);
            if (form.Refusal is { } cannot) return CannotTake(claimed, cannot, server.Host);
            SmtpSendResult result;
            await using (var message = new LastByteWatch(form.Body!, () => database.WritePatientlyAsync(tx => OutboxStore.MarkDot(tx, claimed.Id), CancellationToken.None)))
            {
                try
                {
                    result = await client.SendAsync(new(claimed.EnvelopeFrom == OutboxStore.NullSender ? null : EmailAddress.Parse(claimed.EnvelopeFrom), claimed.Addresses, message, form.Size) { Kind = form.Kind, Utf8Header = form.Utf8Header, Dsn = claimed.Dsn }, cancellationToken);
                }
                catch (InvalidDataException)
                {
                    // Before the final dot: the server drops what it has.
                    await connection.ReplaceAsync(null);
                    return Damaged(claimed);
                }
            }

            // A connection that lay idle may have been closed by the server: that says nothing about the mail.
            if (reused && result.Failure is { MessageMayBeTaken: false } failure && IsStale(failure) && !result.Recipients.Any(recipient => recipient.Accepted))
            {
                reused = false;
                await connection.ReplaceAsync(null);
                continue;
            }

            // 5e outcome for each recipient
            return AttemptVerdict.Of(claimed.Addresses, result, server.Host, server.Port) with { DsnAsked = result.DsnAsked };
        }
    }

    private async Task<Diagnosis?> OpenAsync(OutgoingServer server, MailboxConnection connection, CancellationToken cancellationToken)
    {
        await connection.ReplaceAsync(null);
        var open = await sessions.OpenAsync(server, connection.Log.Add, cancellationToken);
        if (open.Client is null) return open.Trouble!;
        await connection.ReplaceAsync(open.Client);
        return null;
    }

    private static bool IsStale(SmtpFailure failure) => failure.Kind == WireFailureKind.Disconnected || failure.Reply?.Code == 421;

    private static AttemptVerdict CannotTake(ClaimedMail claimed, SmtpReply reply, string host) =>
        AttemptVerdict.NotToBeOffered(claimed.Addresses, reply, new Diagnosis(OutgoingMailProblems.CannotTake(host, reply.Text), FaultScope.Message));

    private static AttemptVerdict TooLarge(ClaimedMail claimed, OutgoingServer server, long limit) => AttemptVerdict.NotToBeOffered(
        claimed.Addresses, new SmtpReply(552, "5.3.4", $"The message has {claimed.Size} bytes; {server.Host} takes {limit}."), new Diagnosis(OutgoingMailProblems.TooLarge(claimed.Size, limit, server.Host), FaultScope.Message));

    private static AttemptVerdict Damaged(ClaimedMail claimed) => AttemptVerdict.NotToBeOffered(
        claimed.Addresses, new SmtpReply(554, "5.6.0", "The stored message is damaged."), new Diagnosis(OutgoingMailProblems.BodyDamaged, FaultScope.Message));
}

/// <summary>A message on its way out. When its last byte has been read, the final dot is next: that is written down before the reader is told.</summary>
internal sealed class LastByteWatch(Stream inner, Func<Task> atEnd) : ForwardStream
{
    private bool told;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        if (read > 0 || told || buffer.Length == 0) return read;
        await atEnd();
        told = true;
        return 0;
    }

    public override async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        await base.DisposeAsync();
    }
}
