using System.IO.Pipelines;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Smtp;

/// <summary>The client was silent for too long.</summary>
internal sealed class SmtpIdleException(Exception inner) : Exception("The client was silent for too long.", inner);

/// <summary>The message has no end: far more came than is worth reading away.</summary>
internal sealed class SmtpEndlessMessageException() : Exception("The message has no end.");

/// <summary>What happens between 354 and the answer to the final dot (RFC 5321 section 4.1.1.4), for one message.</summary>
internal sealed class SmtpMessageIntake(WireConnection connection, SmtpServerOptions options, ISmtpBackend backend, SmtpSession session)
{
    // Between a slow backend and a fast client.
    private const int BodyBuffer = 256 * 1024;
    // The slowest client that counts as alive while it sends a body, bytes a second.
    public const double SlowestLine = 4096;

    private const long SmallestNotRead = 16 << 20;

    /// <summary>Bytes of a message, or of a chunk, beyond which the line is given up rather than read until its end. Above SIZE, so that a client that missed it has its 552.</summary>
    public static long ReadAway(SmtpServerOptions options) => Math.Max(2 * options.MaxMessageBytes, SmallestNotRead);

    /// <summary>The backend reads while the client sends; whoever is slower sets the pace.</summary>
    /// <returns>The answer to the final dot.</returns>
    /// <exception cref="SmtpIdleException">The client stopped sending.</exception>
    /// <exception cref="SmtpEndlessMessageException">It does not stop.</exception>
    public async Task<SmtpReply> TakeAsync(SmtpEnvelope envelope, CancellationToken stopping)
    {
        // Ends with the session, not with the server: a message whose dot has come is finished and answered while the server stops.
        using var broken = new CancellationTokenSource();
        var pipe = Buffer();
        var taking = HandOverAsync(backend, session, options, envelope, pipe.Reader, broken.Token);
        var body = new SmtpBodyReader();
        try
        {
            await ReceiveAsync(body, pipe.Writer, stopping);
        }
        catch (Exception e)
        {
            await pipe.Writer.CompleteAsync(new SmtpMessageAbandonedException("The client left before the end of the message: " + e.Message));
            await broken.CancelAsync();
            await taking;
            throw;
        }
        options.Transcript?.Invoke(false, $"[message, {body.Length} bytes]");
        options.Transcript?.Invoke(false, ".");
        SmtpReply? refusal = null;
        if (body.HasBareLineEnd) refusal = new(550, "5.6.11", "The message contains a bare carriage return or line feed");
        else if (body.HasNul) refusal = new(550, "5.6.0", "The message contains a NUL");
        else if (body.Length > options.MaxMessageBytes) refusal = new(552, "5.3.4", "Message size exceeds fixed maximum message size");
        else if (body.Hops > options.MaxHops) refusal = TooManyHops;
        await pipe.Writer.CompleteAsync(refusal is null ? null : new SmtpMessageAbandonedException(refusal.ToString()));
        if (refusal is not null) await broken.CancelAsync();
        var reply = await taking;
        return refusal ?? reply;
    }

    // RFC 5321 section 6.3.
    public static SmtpReply TooManyHops => new(554, "5.4.6", "Too many Received header fields: the message goes in circles");

    public static Pipe Buffer() => new(new PipeOptions(pauseWriterThreshold: BodyBuffer, resumeWriterThreshold: BodyBuffer / 2, useSynchronizationContext: false));

    public static async Task<SmtpReply> HandOverAsync(ISmtpBackend backend, SmtpSession session, SmtpServerOptions options, SmtpEnvelope envelope, PipeReader message, CancellationToken broken)
    {
        try
        {
            // Off this thread: a backend that works synchronously must not keep the client's bytes from being read.
            return await Task.Run(() => backend.MessageAsync(session, envelope, message, broken), CancellationToken.None);
        }
        catch (Exception e) when (e is SmtpMessageAbandonedException || (e is OperationCanceledException && broken.IsCancellationRequested))
        {
            return new(451, "4.3.0", "The message was not taken");
        }
        catch (Exception e) when (e is not SmtpHangUpException)
        {
            options.OnFault?.Invoke(e);
            return SmtpServerSession.Fault;
        }
        finally
        {
            await message.CompleteAsync();
        }
    }

    private async Task ReceiveAsync(SmtpBodyReader body, PipeWriter output, CancellationToken stopping)
    {
        using var deadline = new Deadline(options.Clock, options.IdleTimeout, stopping);
        var waited = TimeSpan.Zero;
        var wanted = true;
        try
        {
            while (!body.Ended)
            {
                // Only what the client is waited for counts, not what the backend takes.
                deadline.Restart(options.IdleTimeout + TimeSpan.FromSeconds(body.Length / SlowestLine) - waited);
                var before = options.Clock.GetTimestamp();
                var read = await connection.Input.ReadAsync(deadline.Token);
                waited += options.Clock.GetElapsedTime(before);
                if (read.IsCompleted && read.Buffer.IsEmpty) throw new EndOfStreamException();
                long consumed = 0;
                foreach (var segment in read.Buffer)
                {
                    consumed += body.Read(segment.Span, wanted ? output : null);
                    if (body.Ended) break;
                }
                connection.Input.AdvanceTo(read.Buffer.GetPosition(consumed));
                // Nothing more is kept of a message that will be refused anyway.
                if (body.HasBareLineEnd || body.HasNul || body.Length > options.MaxMessageBytes || body.Hops > options.MaxHops) wanted = false;
                if (body.Length > ReadAway(options)) throw new SmtpEndlessMessageException();
                deadline.Restart(Timeout.InfiniteTimeSpan);
                if (wanted && (await output.FlushAsync(stopping)).IsCompleted) wanted = false;
            }
        }
        catch (OperationCanceledException e) when (deadline.Passed)
        {
            throw new SmtpIdleException(e);
        }
    }
}
