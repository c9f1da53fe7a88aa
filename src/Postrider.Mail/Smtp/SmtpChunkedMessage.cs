using System.Buffers;
using System.IO.Pipelines;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Smtp;

/// <summary>A message that comes by BDAT (RFC 3030): from its first chunk to the answer to its last. The backend reads while the chunks come, as with DATA.</summary>
internal sealed class SmtpChunkedMessage : IAsyncDisposable
{
    private static readonly SearchValues<byte> LineEndsAndNul = SearchValues.Create("\r\n\0"u8);
    private readonly WireConnection connection;
    private readonly SmtpServerOptions options;
    private readonly bool binary;
    private readonly CancellationTokenSource broken = new();
    private readonly Pipe pipe = SmtpMessageIntake.Buffer();
    private readonly Task<SmtpReply> taking;
    private SmtpReply? refusal;
    private long length;
    private HopCounter hops;
    private bool afterCr;
    private bool ended;

    /// <param name="binary">BODY=BINARYMIME: the bytes are the message. Else they are lines, and held to the same rules as behind DATA.</param>
    public SmtpChunkedMessage(WireConnection connection, SmtpServerOptions options, ISmtpBackend backend, SmtpSession session, SmtpEnvelope envelope, bool binary)
    {
        this.connection = connection;
        this.options = options;
        this.binary = binary;
        taking = SmtpMessageIntake.HandOverAsync(backend, session, options, envelope, pipe.Reader, broken.Token);
    }

    private static SmtpReply BareLineEnd => new(550, "5.6.11", "The message contains a bare carriage return or line feed");

    /// <returns>The answer to the chunk: of the last one the message's.</returns>
    /// <exception cref="SmtpIdleException">The client stopped sending.</exception>
    public async Task<SmtpReply> TakeAsync(long size, bool last, CancellationToken stopping)
    {
        // What is too large is refused before it is read; its bytes still have to go by.
        if (length + size > options.MaxMessageBytes) refusal ??= new(552, "5.3.4", "Message size exceeds fixed maximum message size");
        await ReadAsync(connection, options, size, async block =>
        {
            foreach (var segment in block) Look(segment.Span);
            if (refusal is not null || ended) return;
            foreach (var segment in block) pipe.Writer.Write(segment.Span);
            // A backend that has stopped reading has its answer; the rest goes by.
            if ((await pipe.Writer.FlushAsync(stopping)).IsCompleted) ended = true;
        }, stopping);
        length += size;
        if (last && afterCr) refusal ??= BareLineEnd;
        if (refusal is not null)
        {
            await EndAsync(refusal.ToString());
            return refusal;
        }
        if (!last) return new(250, "2.0.0", $"{size} octets received");
        options.Transcript?.Invoke(false, $"[message, {length} bytes]");
        await pipe.Writer.CompleteAsync();
        return await taking;
    }

    /// <summary>Reads a chunk away that has no message to go to.</summary>
    public static Task SkipAsync(WireConnection connection, SmtpServerOptions options, long size, CancellationToken stopping) =>
        ReadAsync(connection, options, size, _ => ValueTask.CompletedTask, stopping);

    /// <summary>Of a message that was not ended: the backend keeps nothing of it.</summary>
    public async ValueTask DisposeAsync()
    {
        await EndAsync("The client ended the transaction before the message.");
        broken.Dispose();
    }

    private async Task EndAsync(string reason)
    {
        if (!taking.IsCompleted)
        {
            await pipe.Writer.CompleteAsync(new SmtpMessageAbandonedException(reason));
            await broken.CancelAsync();
        }
        try
        {
            await taking;
        }
        catch (SmtpHangUpException)
        {
            // Whoever waits for the answer to the last chunk hears of it; here nobody does.
        }
    }

    /// <summary>Lines end with CR LF, and there is no NUL, unless the message is binary.</summary>
    private void Look(ReadOnlySpan<byte> bytes)
    {
        if (refusal is not null || bytes.IsEmpty) return;
        hops.Look(bytes);
        if (hops.Count > options.MaxHops) refusal = SmtpMessageIntake.TooManyHops;
        else if (!binary) LookForLineEnds(bytes);
    }

    private void LookForLineEnds(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (afterCr)
            {
                if (bytes[0] != '\n')
                {
                    refusal = BareLineEnd;
                    return;
                }
                afterCr = false;
                bytes = bytes[1..];
            }
            var at = bytes.IndexOfAny(LineEndsAndNul);
            if (at < 0) return;
            if (bytes[at] != '\r')
            {
                refusal = bytes[at] == 0 ? new(550, "5.6.0", "The message contains a NUL") : BareLineEnd;
                return;
            }
            afterCr = true;
            bytes = bytes[(at + 1)..];
        }
    }

    private static async Task ReadAsync(WireConnection connection, SmtpServerOptions options, long size, Func<ReadOnlySequence<byte>, ValueTask> take, CancellationToken stopping)
    {
        using var deadline = new Deadline(options.Clock, options.IdleTimeout, stopping);
        var waited = TimeSpan.Zero;
        var done = 0L;
        try
        {
            while (done < size)
            {
                // Only what the client is waited for counts, not what the backend takes.
                deadline.Restart(options.IdleTimeout + TimeSpan.FromSeconds(done / SmtpMessageIntake.SlowestLine) - waited);
                if (!connection.Input.TryRead(out var read))
                {
                    // The answers to what came before go out when the client is waited for: a chunk that came along is answered in the same write.
                    await connection.FlushAsync(options.Clock, options.IdleTimeout);
                    var before = options.Clock.GetTimestamp();
                    read = await connection.Input.ReadAsync(deadline.Token);
                    waited += options.Clock.GetElapsedTime(before);
                }
                if (read.IsCompleted && read.Buffer.IsEmpty) throw new EndOfStreamException();
                var block = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, size - done));
                deadline.Restart(Timeout.InfiniteTimeSpan);
                await take(block);
                done += block.Length;
                connection.Input.AdvanceTo(block.End);
            }
        }
        catch (OperationCanceledException e) when (deadline.Passed)
        {
            throw new SmtpIdleException(e);
        }
    }
}
