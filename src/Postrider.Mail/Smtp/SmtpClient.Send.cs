using System.Buffers;
using System.Globalization;
using System.Text;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Smtp;

public sealed partial class SmtpClient
{
    /// <inheritdoc cref="SendAsync(SmtpMessage, CancellationToken)"/>
    public Task<SmtpSendResult> SendAsync(EmailAddress? sender, IReadOnlyList<EmailAddress> recipients, Stream message, long? size, CancellationToken cancel) =>
        SendAsync(new SmtpMessage(sender, recipients, message, size), cancel);

    /// <summary>MAIL, RCPT and the body: by BDAT where the server offers CHUNKING (RFC 3030), else by DATA.</summary>
    /// <exception cref="ArgumentException">There is no recipient.</exception>
    /// <remarks>What the body throws is thrown on; the server has then not taken the message and the connection is gone.</remarks>
    public async Task<SmtpSendResult> SendAsync(SmtpMessage message, CancellationToken cancel)
    {
        var offer = OfferOf(message);
        if (WhyNot(offer) is { } failure) return offer.Fail(failure);
        return await SendAsync(offer, chunked: Capabilities.Chunking, next: null, cancel);
    }

    /// <summary>One message after the other. Where the server offers PIPELINING, a message's end and the envelope of the next leave in one write (RFC 2920 section 3.1), so each costs one turn of the line less; bodies go by DATA then, whose 354 keeps both sides in step.</summary>
    /// <param name="messages">Asked for the next message while the present one is on its way; one that is not ready yet holds nothing up.</param>
    /// <param name="onOutcome">Told of every message that was taken from <paramref name="messages"/>, in order.</param>
    /// <returns>When there are no more, or the connection is of no more use: then <see cref="IsUsable"/> is false, and those not taken have not been touched.</returns>
    /// <exception cref="ArgumentException">A message has no recipient.</exception>
    public async Task SendManyAsync(IAsyncEnumerable<SmtpMessage> messages, Func<SmtpMessage, SmtpSendResult, ValueTask> onOutcome, CancellationToken cancel)
    {
        await using var source = messages.GetAsyncEnumerator(cancel);
        SmtpOffer? next = null;
        // Of the source, not looked at yet; null: none is under way.
        Task<bool>? step = null;
        while (next is not null || IsUsable)
        {
            var current = next;
            next = null;
            if (current is null)
            {
                if (!await (step ?? source.MoveNextAsync().AsTask())) return;
                step = null;
                current = OfferOf(source.Current);
            }
            if (WhyNot(current) is { } refusal)
            {
                await onOutcome(current.Message, current.Fail(refusal));
                continue;
            }
            step ??= source.MoveNextAsync().AsTask();
            if (step.IsCompletedSuccessfully && await step)
            {
                next = OfferOf(source.Current);
                step = null;
            }
            await onOutcome(current.Message, await SendAsync(current, chunked: current.Binary, next, cancel));
        }
        // What has been taken gets its outcome; more is not taken.
        if (step is not null && await step) await onOutcome(source.Current, OfferOf(source.Current).Fail(Closed));
    }

    /// <summary>Goes as far as the 354 after DATA and then closes the connection, so that nothing is sent: the dialogue of <i>Test Connection</i>. The client is not usable afterwards.</summary>
    /// <returns>Null when every step was accepted.</returns>
    public async Task<SmtpFailure?> ProbeAsync(EmailAddress sender, EmailAddress recipient, CancellationToken cancel)
    {
        var offer = OfferOf(new SmtpMessage(sender, [recipient], Stream.Null, null));
        if (WhyNot(offer) is { } known) return known with { ConnectionSurvives = false };
        offer.Write(Capabilities, transactionOpen, chunked: false);
        // One command a time: a refused recipient must not be followed by DATA.
        var failure = await EnvelopeAsync(offer, window: 1, cancel);
        usable = false;
        // Neither dot nor QUIT: the server drops a message whose end it has not seen (RFC 5321 section 4.1.1.4).
        connection.Abort();
        return failure is null ? null : failure with { ConnectionSurvives = false };
    }

    /// <summary>NOOP: whether a connection that was kept for a while still stands, before a message is entrusted to it. Whatever is open stays as it is.</summary>
    /// <returns>Null when it does.</returns>
    public async Task<SmtpFailure?> NoopAsync(CancellationToken cancel)
    {
        if (!IsUsable) return Closed;
        if (connection.PeerHasSpoken) return await UnaskedAsync("NOOP");
        using var deadline = new Deadline(options.Clock, options.CommandTimeout, cancel);
        try
        {
            var reply = await CommandAsync("NOOP", "NOOP", deadline);
            return reply.Code < 300 ? null : Unless2xx("NOOP", reply) ?? OutOfPlace(reply);
        }
        catch (Exception e)
        {
            usable = false;
            if (deadline.Explain(e) is { } broken) return Lost(broken, whole: false);
            throw;
        }
    }

    private static readonly SmtpFailure Closed = new(WireFailureKind.Disconnected, "MAIL", null, "The connection was closed after an earlier failure.", false, false);

    private SmtpOffer OfferOf(SmtpMessage message) => message.Recipients.Count == 0 ? throw new ArgumentException("A message needs a recipient.", nameof(message)) : new SmtpOffer(message, Capabilities);

    /// <summary>What is known without asking the server.</summary>
    private SmtpFailure? WhyNot(SmtpOffer offer) => IsUsable ? offer.RefuseBeforehand(Capabilities) : Closed;

    private async Task<SmtpSendResult> SendAsync(SmtpOffer offer, bool chunked, SmtpOffer? next, CancellationToken cancel)
    {
        // 1 The envelope, and with DATA the server's leave to send the body.
        messages++;
        if (offer.WrittenAhead == 0) offer.Write(Capabilities, transactionOpen, chunked);
        var failure = await EnvelopeAsync(offer, Capabilities.Pipelining ? PipelineWindow : 1, cancel);
        if (failure is { Stage: "MAIL", Reply.Code: 503, ConnectionSurvives: true } && offer.WrittenAhead > 0)
        {
            // The message before was refused at its end, and this server keeps its transaction open until RSET.
            offer.Again();
            offer.Write(Capabilities, reset: true, chunked);
            failure = await EnvelopeAsync(offer, PipelineWindow, cancel);
        }
        if (failure is not null) return offer.Fail(failure);

        // 2 The body with its end, and what became of it.
        var (final, lost) = chunked ? await ChunksAsync(offer, cancel) : await BodyAsync(offer, next, cancel);
        if (lost is not null) return offer.Fail(lost, final);
        transactionOpen = next?.WrittenAhead > 0 || final!.Code >= 400;
        if (final!.Code is >= 200 and < 300) return offer.Accept(final);
        return offer.Fail(Refused("END OF DATA", final), final);
    }

    /// <summary>The commands of the envelope: in one write where the server allows, each reply judged by itself.</summary>
    /// <returns>Null when the body may go to at least one recipient; the others have their reply in the offer.</returns>
    private async Task<SmtpFailure?> EnvelopeAsync(SmtpOffer offer, int window, CancellationToken cancel)
    {
        var commands = offer.Commands;
        transactionOpen = true;
        SmtpFailure? failure = null;
        var accepted = 0;
        using var deadline = new Deadline(options.Clock, options.CommandTimeout, cancel);
        for (var done = 0; done < commands.Count;)
        {
            var written = done < offer.WrittenAhead;
            var end = written ? offer.WrittenAhead : Math.Min(commands.Count, done + window);
            try
            {
                if (!written)
                {
                    if (connection.PeerHasSpoken) return await UnaskedAsync(commands[done].Stage);
                    for (var i = done; i < end; i++) Write(commands[i].Text, commands[i].Text);
                    deadline.Restart(options.CommandTimeout);
                    await connection.Output.FlushAsync(deadline.Token);
                }
                for (; done < end; done++)
                {
                    var (command, _, recipient) = commands[done];
                    stage = command;
                    deadline.Restart(command == "DATA" ? options.DataTimeout : options.CommandTimeout);
                    var reply = await ReplyAsync(deadline);
                    switch (command)
                    {
                        case "RCPT":
                            if (reply.Code is >= 300 and < 400) return OutOfPlace(reply);
                            if (reply.Code < 300) accepted++;
                            else offer.Replies[recipient] = reply;
                            break;
                        case "DATA" when reply.Code == 354:
                            if (failure is null && accepted > 0) return connection.HasUnreadInput ? await UnaskedAsync("DATA") : null;
                            // RFC 2920 section 3.1: the server wants a body though it refused all that went before; it gets an empty one.
                            Write(".", ".");
                            await connection.Output.FlushAsync(deadline.Token);
                            stage = "END OF DATA";
                            deadline.Restart(options.EndOfDataTimeout);
                            var emptied = await ReplyAsync(deadline);
                            if (emptied.Code is >= 300 and < 400) return OutOfPlace(emptied);
                            if (emptied.Code == 421) usable = false;
                            transactionOpen = false;
                            break;
                        case "DATA":
                            if (reply.Code < 400) return OutOfPlace(reply);
                            // When nobody was accepted, the first refusal tells more than "503 no valid recipients".
                            if (accepted > 0) failure ??= Refused("DATA", reply);
                            break;
                        default:
                            if (reply.Code is >= 300 and < 400) return OutOfPlace(reply);
                            if (reply.Code >= 400) failure ??= Refused(command, reply);
                            break;
                    }
                    if (reply.Code != 421) continue;
                    // RFC 5321 section 3.8: the server is closing; the replies to the rest will not come.
                    usable = false;
                    return failure is null || failure.Reply == reply ? Refused(command, reply) : failure with { ConnectionSurvives = false };
                }
            }
            catch (Exception e)
            {
                usable = false;
                if (deadline.Explain(e) is { } broken) return new(broken.Kind, stage, null, broken.Detail, false, false);
                throw;
            }
            if (failure is not null) break;
            if (accepted == 0 && done < commands.Count && commands[done].Stage == "DATA") break;
        }
        if (failure is null && accepted > 0) return null; // the body goes in chunks
        failure ??= Refused("RCPT", offer.Replies.First(r => r is not null)!);
        return failure with { ConnectionSurvives = usable };
    }

    /// <summary>Sends the body behind 354. The reply is awaited all the while, so one that comes before the dot (the server gives up early, or is out of step) is not taken for the answer to it.</summary>
    /// <param name="next">Its envelope goes along with the dot where it may; null: there is none.</param>
    private async Task<(SmtpReply? Final, SmtpFailure? Lost)> BodyAsync(SmtpOffer offer, SmtpOffer? next, CancellationToken cancel)
    {
        stage = "DATA";
        using var replyDeadline = new Deadline(options.Clock, Timeout.InfiniteTimeSpan, cancel);
        using var sendDeadline = new Deadline(options.Clock, options.CommandTimeout, cancel);
        var final = ReplyAsync(replyDeadline).AsTask();
        var body = new SmtpBodyWriter(connection.Output);
        var buffer = ArrayPool<byte>.Shared.Rent(FlushThreshold);
        var started = options.Clock.GetTimestamp();
        long sent = 0;
        var dotSent = false;
        var done = false;
        try
        {
            while (await ReadAsync(offer.Message.Body, buffer, cancel) is var read and > 0)
            {
                if (Unsendable(buffer.AsSpan(0, read)) is { } refusal) return (null, new(WireFailureKind.CommandRefused, "DATA", refusal, refusal.Text, false, false));
                body.Write(buffer.AsSpan(0, read));
                sent += read;
                if (connection.Output.UnflushedBytes < FlushThreshold) continue;
                if (final.IsCompleted) return (null, Early(await final));
                sendDeadline.Restart(options.CommandTimeout + TimeSpan.FromSeconds(sent / SlowestLine) - options.Clock.GetElapsedTime(started));
                await connection.Output.FlushAsync(sendDeadline.Token);
            }
            if (final.IsCompleted) return (null, Early(await final));

            // The rest and the dot go in one write; from here on the server may have the whole message.
            body.Finish();
            options.Transcript?.Invoke(false, string.Create(CultureInfo.InvariantCulture, $"[message, {sent} bytes]"));
            options.Transcript?.Invoke(false, ".");
            WriteAhead(next);
            stage = "END OF DATA";
            dotSent = true;
            sendDeadline.Restart(options.CommandTimeout);
            replyDeadline.Restart(options.EndOfDataTimeout);
            await connection.Output.FlushAsync(sendDeadline.Token);
            var reply = await final;
            if (reply.Code is >= 300 and < 400) return (null, OutOfPlace(reply) with { MessageMayBeTaken = true });
            done = true;
            return (reply, null);
        }
        catch (Exception e) when ((replyDeadline.Explain(e) ?? sendDeadline.Explain(e)) is not null && e is not SourceException)
        {
            // A server that refuses in the middle of a body says so and closes: its words explain more than the broken write.
            if (!dotSent && final.IsCompletedSuccessfully) return (null, Early(await final));
            return (null, Lost((replyDeadline.Explain(e) ?? sendDeadline.Explain(e))!, dotSent));
        }
        catch (SourceException e)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerException!);
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            if (!done)
            {
                usable = false;
                connection.Abort();
                await ((Task)final).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        SmtpFailure Early(SmtpReply reply) => reply.Code >= 400
            ? new(WireFailureKind.CommandRefused, "DATA", reply, $"The server refused the message while it was being sent: {reply}", false, false)
            : OutOfPlace(reply);
    }

    /// <summary>The envelope of the next message, behind the dot of this one: when all of it fits one group.</summary>
    private void WriteAhead(SmtpOffer? next)
    {
        if (next is null || next.Binary || !Capabilities.Pipelining || messages >= Capabilities.MaxMessages || next.RefuseBeforehand(Capabilities) is not null) return;
        next.Write(Capabilities, reset: false, chunked: false);
        if (next.Commands.Count > PipelineWindow) return;
        foreach (var (_, text, _) in next.Commands) Write(text, text);
        next.WrittenAhead = next.Commands.Count;
    }

    /// <summary>The body by BDAT (RFC 3030): each chunk with its length, without dots; the server answers each.</summary>
    private async Task<(SmtpReply? Final, SmtpFailure? Lost)> ChunksAsync(SmtpOffer offer, CancellationToken cancel)
    {
        using var deadline = new Deadline(options.Clock, options.DataTimeout, cancel);
        var buffer = ArrayPool<byte>.Shared.Rent(FlushThreshold);
        var chunk = new ArrayBufferWriter<byte>(4096);
        var body = new SmtpBodyWriter(chunk, dots: false);
        var lastSent = false;
        var first = true;
        stage = "DATA";
        try
        {
            while (true)
            {
                var last = false;
                chunk.ResetWrittenCount();
                while (chunk.WrittenCount < FlushThreshold)
                {
                    var read = await ReadAsync(offer.Message.Body, buffer, cancel);
                    if (read == 0)
                    {
                        if (!offer.Binary) body.EndLastLine();
                        last = true;
                        break;
                    }
                    var bytes = buffer.AsMemory(0, read);
                    if (offer.Binary)
                    {
                        chunk.Write(bytes.Span);
                    }
                    else
                    {
                        if (Unsendable(bytes.Span) is { } refusal)
                        {
                            // Before the first chunk the server has an envelope and nothing else, which RSET takes back.
                            if (!first) Drop();
                            return (null, new(WireFailureKind.CommandRefused, "DATA", refusal, refusal.Text, first, false));
                        }
                        body.Write(bytes.Span);
                    }
                }

                if (connection.HasUnreadInput) return (null, await UnaskedAsync("DATA"));
                var command = string.Create(CultureInfo.InvariantCulture, $"BDAT {chunk.WrittenCount}{(last ? " LAST" : "")}");
                options.Transcript?.Invoke(false, command);
                Encoding.ASCII.GetBytes(command, connection.Output);
                connection.Output.Write("\r\n"u8);
                connection.Output.Write(chunk.WrittenSpan);
                if (last) stage = "END OF DATA";
                lastSent = last;
                deadline.Restart(options.CommandTimeout);
                await connection.Output.FlushAsync(deadline.Token);
                first = false;
                deadline.Restart(last ? options.EndOfDataTimeout : options.DataTimeout);
                var reply = await ReplyAsync(deadline);
                if (reply.Code is >= 300 and < 400) return (null, OutOfPlace(reply) with { MessageMayBeTaken = last });
                if (last) return (reply, null);
                // RFC 3030 section 2: the rest of the message has no place to go; RSET ends the transaction.
                if (reply.Code >= 400) return (null, new(WireFailureKind.CommandRefused, "DATA", reply, $"The server refused the message while it was being sent: {reply}", usable && reply.Code != 421, false));
            }
        }
        catch (Exception e) when (deadline.Explain(e) is { } broken && e is not SourceException)
        {
            Drop();
            return (null, Lost(broken, lastSent));
        }
        catch (SourceException e)
        {
            Drop();
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerException!);
            throw;
        }
        catch
        {
            Drop();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        void Drop()
        {
            usable = false;
            connection.Abort();
        }
    }

    private SmtpFailure Lost(WireFailure broken, bool whole) =>
        new(broken.Kind, stage, null, whole ? broken.Detail + " The message had been sent whole: whether the server took it is not known." : broken.Detail, false, whole);

    /// <summary>Null: the bytes may stand in a message for this server.</summary>
    private SmtpReply? Unsendable(ReadOnlySpan<byte> bytes)
    {
        // RFC 2045 section 2.8 forbids NUL; a server that drops it could see an end of data in "NUL . CR LF".
        if (bytes.Contains((byte)0)) return new(554, "5.6.3", "The message holds a NUL, which cannot be sent without encoding it (it was not sent).");
        if (!Capabilities.EightBitMime && !Ascii.IsValid(bytes)) return new(554, "5.6.3", "The message holds 8-bit characters and the server does not offer 8BITMIME (it was not sent).");
        return null;
    }

    private static async ValueTask<int> ReadAsync(Stream message, byte[] buffer, CancellationToken cancel)
    {
        try
        {
            return await message.ReadAsync(buffer.AsMemory(0, FlushThreshold), cancel);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new SourceException(e);
        }
    }

    /// <summary>Reading the caller's message failed: not the wire's fault.</summary>
    private sealed class SourceException(Exception inner) : Exception(inner.Message, inner);
}
