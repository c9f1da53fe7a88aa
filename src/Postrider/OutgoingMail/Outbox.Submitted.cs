using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Postrider.Mail.Mime;
using Postrider.Mail.Smtp;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>Messages that other programs wrote: the same steps, with bytes that are there already.</summary>
internal sealed partial class Outbox
{
    /// <summary>What it took survives a power cut. With a problem nothing is stored, and neither when it throws.</summary>
    public async Task<PutResult> SubmitAsync(SubmittedMessage submitted, CancellationToken cancellationToken)
    {
        try
        {
            return submitted.Rest is null ? await SubmitWholeAsync(submitted, cancellationToken) : await SubmitStreamAsync(submitted, submitted.Rest, cancellationToken);
        }
        catch (DbException failure) when (WebProblems.OfStorage(failure) is { } problem)
        {
            return new(null, null, problem);
        }
    }

    private async Task<PutResult> SubmitWholeAsync(SubmittedMessage submitted, CancellationToken cancellationToken)
    {
        // 1 what enters is checked
        var message = submitted.Message;
        if (OutgoingMessageRules.Check(message, MaxBytes, MaxFilesBytes) is { } problem) return new(null, null, problem);
        using var hash = HashOf(submitted);
        hash?.AppendData(submitted.Body.Span);
        var requestHash = hash?.GetHashAndReset();
        if (await RepeatedAsync(message, requestHash, cancellationToken) is { } earlier) return earlier;
        if (NoRoom is { } full) return new(null, null, full);

        // 2 the server and the sender are chosen, and the header is made
        var (stamp, server, none) = await StampAsync(submitted, cancellationToken);
        if (server is null) return new(null, null, none);
        var header = submitted.Header(stamp!);
        var bytes = new byte[header.Length + submitted.Body.Length];
        header.Span.CopyTo(bytes);
        submitted.Body.Span.CopyTo(bytes.AsSpan(header.Length));
        var needs = new MessageNeeds();
        needs.Add(submitted.Body.Span);
        if (needs.Kind == SmtpBodyKind.Binary)
        {
            using var into = new MemoryStream();
            if (await MessageConversion.ConvertAsync(new MemoryStream(bytes, writable: false), into, SmtpBodyKind.EightBit, cancellationToken) is ConversionOutcome.Refused refused) return new(null, null, OutgoingMailProblems.NotConvertible(refused.Detail));
            bytes = into.ToArray();
        }

        if (TooLarge(bytes.Length, server) is { } tooLarge) return new(null, null, tooLarge);

        // 3 one transaction; the program's 250 follows the commit
        return await StoreSubmittedAsync(stamp!, submitted, needs.EightBit, bytes, null, bytes.Length, requestHash);
    }

    /// <summary>Chunk by chunk, with two chunks in memory; the row that owns them comes last.</summary>
    private async Task<PutResult> SubmitStreamAsync(SubmittedMessage submitted, Stream rest, CancellationToken cancellationToken)
    {
        // 1 what enters is checked
        if (OutgoingMessageRules.Check(submitted.Message, MaxBytes, MaxFilesBytes) is { } problem) return new(null, null, problem);
        if (NoRoom is { } full) return new(null, null, full);

        // 2 the server and the sender are chosen, and the header is made
        var (stamp, server, none) = await StampAsync(submitted, cancellationToken);
        if (server is null) return new(null, null, none);
        using var hash = HashOf(submitted);
        var needs = new MessageNeeds();
        await using var whole = new SubmittedStream(submitted.Header(stamp!), submitted.Body, rest, block =>
        {
            needs.Add(block);
            hash?.AppendData(block);
        });
        var body = (await bodies.PutAsync(whole, cancellationToken)).Id;
        var size = whole.Count;
        try
        {
            if (needs.Kind == SmtpBodyKind.Binary)
            {
                var (converted, refusal) = await ConvertAsync(body, size, cancellationToken);
                if (converted is null) return await NotTakenAsync(OutgoingMailProblems.NotConvertible(refusal!));
                await bodies.DropAsync(body);
                body = converted.Value;
                size = (await bodies.LengthAsync(body, cancellationToken))!.Value;
            }

            if (TooLarge(size, server) is { } tooLarge) return await NotTakenAsync(tooLarge);

            // 3 one transaction; the program's 250 follows the commit
            return await StoreSubmittedAsync(stamp!, submitted, needs.EightBit, default, body, size, hash?.GetHashAndReset());
        }
        catch
        {
            await bodies.DropAsync(body);
            throw;
        }

        async Task<PutResult> NotTakenAsync(Problem problem)
        {
            await bodies.DropAsync(body);
            return new(null, null, problem);
        }
    }

    private async Task<(SubmissionStamp? Stamp, OutgoingServer? Server, Problem? None)> StampAsync(SubmittedMessage submitted, CancellationToken cancellationToken)
    {
        var (decision, server) = await ChooseAsync(submitted.Message with { EnvelopeFrom = submitted.EnvelopeFrom }, cancellationToken);
        if (server is null) return (null, null, decision.Problem);
        var id = new OutboxMailId(Ids.New(clock));
        decision = decision with { Steps = [submitted.Origin, .. decision.Steps] };
        return (new(id, decision, submitted.Message.MessageId ?? NewMessageId(id, decision), clock.GetUtcNow()), server, null);
    }

    // Not with the client's token: once a message is whole, whether it was stored must be known.
    private Task<PutResult> StoreSubmittedAsync(SubmissionStamp stamp, SubmittedMessage submitted, bool bodyIsEightBit, ReadOnlyMemory<byte> bytes, Guid? streamed, long size, byte[]? requestHash)
    {
        var form = submitted is { Utf8: true, HeaderIsEightBit: true } ? BodyForm.Utf8Header : bodyIsEightBit || submitted.HeaderIsEightBit ? BodyForm.EightBit : BodyForm.NotLookedAt;
        return StoreAsync(stamp.Id, submitted.Message, stamp.Decision, stamp.MessageId, bytes, streamed, size, requestHash, tx => OutboxStore.PutForm(tx, stamp.Id, form, submitted.Dsn), CancellationToken.None);
    }

    private async Task<(Guid? Body, string? Refusal)> ConvertAsync(Guid body, long size, CancellationToken cancellationToken)
    {
        await using var source = bodies.OpenSeekable(body, size);
        await using var converted = await ConvertedBody.OpenAsync(source, SmtpBodyKind.EightBit, cancellationToken);
        return converted.Refusal is { } refused ? (null, refused.Detail) : ((await bodies.PutAsync(converted, cancellationToken)).Id, null);
    }

    /// <summary>Equal for messages that mean the same: envelope, fields that a program does not make anew each time, and body.</summary>
    private static IncrementalHash? HashOf(SubmittedMessage submitted)
    {
        if (submitted.Identity is null) return null;
        var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var message = submitted.Message;
        foreach (var address in message.To.Concat(message.Cc).Concat(message.Bcc)) hash.AppendData(Encoding.UTF8.GetBytes(address.Address.Normalized + "\n"));
        hash.AppendData(Encoding.UTF8.GetBytes(submitted.EnvelopeFrom?.Normalized + "\n"));
        foreach (var lines in submitted.Identity) hash.AppendData(lines.Span);
        return hash;
    }
}

/// <summary>A header and a body, one behind the other; what is of the body is shown to whoever must have seen all of it.</summary>
/// <param name="beginning">Of the body; <paramref name="rest"/> has what follows it.</param>
internal sealed class SubmittedStream(ReadOnlyMemory<byte> header, ReadOnlyMemory<byte> beginning, Stream rest, Action<ReadOnlySpan<byte>> bodySeen) : ForwardStream
{
    /// <summary>Bytes that have been read so far.</summary>
    public long Count { get; private set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var inHeader = Count < header.Length;
        var read = inHeader ? Take(header, Count, buffer.Span)
            : Count - header.Length < beginning.Length ? Take(beginning, Count - header.Length, buffer.Span)
            : await rest.ReadAsync(buffer, cancellationToken);
        if (!inHeader) bodySeen(buffer.Span[..read]);
        Count += read;
        return read;
    }

    private static int Take(ReadOnlyMemory<byte> from, long at, Span<byte> into)
    {
        var left = from.Span[(int)at..];
        var count = Math.Min(left.Length, into.Length);
        left[..count].CopyTo(into);
        return count;
    }
}
