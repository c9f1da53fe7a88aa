using System.IO.Pipelines;
using Postrider.Mail.Mime;
using Postrider.Mail.Smtp;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>What a stored message asks of the server that takes it. The numbers are stored; NULL is <see cref="NotLookedAt"/>.</summary>
internal enum BodyForm
{
    /// <summary>Made here, or all ASCII: whatever a server offers will do.</summary>
    NotLookedAt = 0,
    /// <summary>There are octets over 127: 8BITMIME, or it is encoded anew (RFC 6152 section 3).</summary>
    EightBit = 1,
    /// <summary>The program said SMTPUTF8 and the header is in UTF-8 (RFC 6532): only a server with SMTPUTF8 can take it.</summary>
    Utf8Header = 2,
}

/// <summary>A message as it goes to one server, or the reply that says why it cannot.</summary>
/// <param name="Size">Null: not known beforehand.</param>
internal sealed record WireForm(Stream? Body, long? Size, SmtpBodyKind Kind, bool Utf8Header, SmtpReply? Refusal);

/// <summary>What a submitted message and its program asked for on the way: written when it is put, heeded when it is sent.</summary>
internal static class WireForms
{
    /// <param name="recipients">Those that are to be offered, in their order.</param>
    /// <returns>Null when nothing is asked.</returns>
    public static SmtpDsn? DsnOf(bool? returnWhole, string? envelopeId, IReadOnlyList<ClaimedRecipient> recipients) =>
        returnWhole is null && envelopeId is null && recipients.All(recipient => recipient is { DsnNotify: null, DsnOriginal: null }) ? null : new()
        {
            ReturnWhole = returnWhole,
            EnvelopeId = envelopeId,
            Recipients = [.. recipients.Select(recipient => new SmtpDsnRecipient((SmtpNotify?)recipient.DsnNotify, recipient.DsnOriginal))],
        };

    /// <summary>Opens the stored message as the server can take it. What is sent as it is, is compared with its checksum before its end is told.</summary>
    /// <param name="bytes">The message, where it was read and compared already; null: it is read while it is sent.</param>
    public static async Task<WireForm> OpenAsync(Bodies bodies, Guid body, byte[]? bytes, long size, BodyForm form, SmtpCapabilities server, CancellationToken cancellationToken)
    {
        if (form == BodyForm.Utf8Header && !server.SmtpUtf8)
            return Refused(new(554, "5.6.7", "The message has a header in UTF-8 and the server does not offer SMTPUTF8 (it was not sent)."));
        if (form == BodyForm.NotLookedAt || server.EightBitMime)
            return new(bytes is null ? bodies.OpenChecked(body) : new MemoryBody(bytes), size, form == BodyForm.NotLookedAt ? SmtpBodyKind.Unknown : SmtpBodyKind.EightBit, form == BodyForm.Utf8Header, null);

        var converted = await ConvertedBody.OpenAsync(bodies.OpenSeekable(body, size), SmtpBodyKind.SevenBit, cancellationToken);
        if (converted.Refusal is not { } refusal) return new(converted, null, SmtpBodyKind.SevenBit, false, null);
        await converted.DisposeAsync();
        return Refused(refusal.Obstacle == ConversionObstacle.HeaderNotAscii
            ? new(554, "5.6.7", "The message has 8-bit characters in its header and the server does not offer 8BITMIME (it was not sent).")
            : new(554, "5.6.3", $"The server does not offer 8BITMIME, and the message cannot be encoded anew: {refusal.Detail} (it was not sent)."));

        static WireForm Refused(SmtpReply reply) => new(null, null, SmtpBodyKind.Unknown, false, reply);
    }
}

/// <summary>A message that is encoded anew while it is read (<see cref="MessageConversion"/>); a pipe's length of it is in memory.</summary>
internal sealed class ConvertedBody : ForwardStream
{
    private readonly Stream source;
    private readonly Pipe pipe = new();
    private readonly Stream output;
    private readonly Task<ConversionOutcome> converting;

    private ConvertedBody(Stream source, SmtpBodyKind peer, CancellationToken cancellationToken)
    {
        this.source = source;
        output = pipe.Reader.AsStream();
        converting = Task.Run(() => ConvertAsync(peer, cancellationToken), CancellationToken.None);
    }

    /// <summary>Not null: nothing can be read.</summary>
    public ConversionOutcome.Refused? Refusal { get; private set; }

    /// <summary>Returns when it is known whether the message can be encoded anew, which is before its first byte comes.</summary>
    /// <param name="source">Disposed with this.</param>
    public static async Task<ConvertedBody> OpenAsync(Stream source, SmtpBodyKind peer, CancellationToken cancellationToken)
    {
        var body = new ConvertedBody(source, peer, cancellationToken);
        try
        {
            var first = await body.pipe.Reader.ReadAsync(cancellationToken);
            body.pipe.Reader.AdvanceTo(first.Buffer.Start);
            if (first is { IsCompleted: true, Buffer.IsEmpty: true }) body.Refusal = await body.converting as ConversionOutcome.Refused;
            return body;
        }
        catch
        {
            await body.DisposeAsync();
            throw;
        }
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => output.ReadAsync(buffer, cancellationToken);

    public override async ValueTask DisposeAsync()
    {
        await pipe.Reader.CompleteAsync();
        await converting;
        await source.DisposeAsync();
        await base.DisposeAsync();
    }

    private async Task<ConversionOutcome> ConvertAsync(SmtpBodyKind peer, CancellationToken cancellationToken)
    {
        try
        {
            var outcome = await MessageConversion.ConvertAsync(source, pipe.Writer.AsStream(leaveOpen: true), peer, cancellationToken);
            await pipe.Writer.CompleteAsync();
            return outcome;
        }
        catch (Exception failure)
        {
            // Whoever reads is told; that is the one who can do something.
            await pipe.Writer.CompleteAsync(failure);
            return new ConversionOutcome.Refused(ConversionObstacle.Structure, "The conversion was broken off.");
        }
    }
}
