using System.Globalization;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Pop3;

/// <summary>A message of the session.</summary>
/// <param name="Number">Its number, which means something in this session only.</param>
/// <param name="Id">The server's unique id (RFC 1939 section 7, UIDL), which stays the same between sessions. Two identical messages may bear one id.</param>
/// <param name="Size">Bytes as the server counts them; 0 when LIST did not name it.</param>
public sealed record Pop3Message(int Number, string Id, long Size);

public sealed partial class Pop3Client
{
    // RFC 1939 section 7 gives an id 70 characters; some servers take more.
    private const int MaxId = 250;
    private const int MaxMessages = 2_000_000;
    // RETR or DELE on their way at once where the server takes them (RFC 2449 section 6.6): a few bytes each, so that no buffer fills.
    private const int MaxInFlight = 32;
    // The slowest line that counts as alive, bytes a second.
    private const double SlowestLine = 4096;

    // Something is marked: only QUIT deletes it.
    private bool deletes;
    // What a caller's own code threw while it was handed a message: never to be taken for a failure of the wire.
    private Exception? callersFault;

    /// <summary>UIDL and LIST: every message of the maildrop, by number.</summary>
    public async Task<Pop3Result<IReadOnlyList<Pop3Message>>> ListAsync(CancellationToken cancel)
    {
        var ids = new Dictionary<int, string>();
        var sizes = new Dictionary<int, long>();
        var failure = await GuardedAsync("UIDL", async deadline =>
        {
            var refused = await ReadListAsync("UIDL", (number, word) =>
            {
                if (word.Length is 0 or > MaxId) throw new WireProtocolException("The server gave a message an id that cannot be.");
                if (!ids.TryAdd(number, word)) throw new WireProtocolException("The server named a message number twice.");
            }, deadline);
            return refused ?? await ReadListAsync("LIST", (number, word) =>
            {
                var digits = word.Split(' ')[0];
                if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var size)) throw new WireProtocolException("The server gave a message a size that is no number.");
                sizes[number] = size;
            }, deadline);
        }, cancel);
        if (failure is not null) return new(null, failure);
        return new([.. ids.Select(pair => new Pop3Message(pair.Key, pair.Value, sizes.GetValueOrDefault(pair.Key))).OrderBy(m => m.Number)], null);
    }

    /// <summary>RETR of each, several in flight where the server takes them. The content goes to its stream as it arrives, without the dots that the wire adds.</summary>
    /// <param name="into">The stream for a message; it is written to and left open.</param>
    /// <param name="onMessage">Called in the order asked: a failure (the server refused this one, the connection survives), or null when it came whole.</param>
    /// <returns>Null, or what ended the connection: messages handed over before it are good, what stands in a stream of another one is not.</returns>
    public Task<Pop3Failure?> RetrieveAsync(IReadOnlyList<Pop3Message> messages, Func<Pop3Message, Stream> into, Func<Pop3Message, Pop3Failure?, ValueTask> onMessage, CancellationToken cancel) =>
        GuardedAsync("RETR", async deadline =>
        {
            await InFlightAsync("RETR", messages, async message =>
            {
                deadline.Restart(options.CommandTimeout + TimeSpan.FromSeconds(Math.Min(message.Size, options.MaxMessageBytes) / SlowestLine));
                var refused = await AnswerAsync(deadline);
                if (refused is null) await ReadBodyAsync(Theirs(() => into(message)), deadline);
                await TheirsAsync(() => onMessage(message, refused));
            }, deadline);
            return null;
        }, cancel);

    /// <summary>DELE of each: marked, and gone only after <see cref="QuitAsync"/>. A message that the server refuses to mark stays.</summary>
    /// <returns>The first refusal, or what ended the connection.</returns>
    public Task<Pop3Failure?> DeleteAsync(IReadOnlyList<Pop3Message> messages, CancellationToken cancel)
    {
        Pop3Failure? first = null;
        if (messages.Count > 0) deletes = true;
        return GuardedAsync("DELE", async deadline =>
        {
            await InFlightAsync("DELE", messages, async _ =>
            {
                deadline.Restart(options.CommandTimeout);
                var refused = await AnswerAsync(deadline);
                first ??= refused;
            }, deadline);
            return first;
        }, cancel);
    }

    private async Task InFlightAsync(string name, IReadOnlyList<Pop3Message> messages, Func<Pop3Message, Task> answered, Deadline deadline)
    {
        stage = name;
        var window = Capabilities.Pipelining ? MaxInFlight : 1;
        if (connection.HasUnreadInput) throw new WireProtocolException($"The server sent an answer before {name} was asked.");
        var sent = 0;
        for (var next = 0; next < messages.Count; next++)
        {
            // Refilled when half is answered: one write for many commands.
            if (sent - next <= window / 2)
            {
                for (; sent < messages.Count && sent - next < window; sent++) Write(string.Create(CultureInfo.InvariantCulture, $"{name} {messages[sent].Number}"), null);
                await connection.Output.FlushAsync(deadline.Token);
            }
            await answered(messages[next]);
        }
    }

    private async Task<Pop3Failure?> ReadListAsync(string name, Action<int, string> take, Deadline deadline)
    {
        await WriteAsync(name, name, null, deadline);
        if (await AnswerAsync(deadline) is { } refused) return refused;
        for (var lines = 0; await ListLineAsync(deadline) is { } line; lines++)
        {
            if (lines == MaxMessages) throw new WireProtocolException("The server lists more messages than allowed.");
            // A list of many thousands goes on as long as it comes at a bearable pace.
            if (lines % 1000 == 999) deadline.Restart(options.CommandTimeout);
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            if (space <= 0 || !int.TryParse(line.AsSpan(0, space), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
                throw new WireProtocolException($"The server's answer to {name} is no list: {Shortened(line)}");
            take(number, line[(space + 1)..].Trim(' '));
        }
        return null;
    }

    private async Task ReadBodyAsync(Stream into, Deadline deadline)
    {
        var body = new Pop3Body();
        var written = 0L;
        while (true)
        {
            var read = await connection.Input.ReadAsync(deadline.Token);
            var buffer = read.Buffer;
            var consumed = 0L;
            foreach (var memory in buffer)
            {
                var left = memory;
                while (!left.IsEmpty && !body.Ended)
                {
                    var piece = body.Take(left, out var used);
                    left = left[used..];
                    consumed += used;
                    if (piece.IsEmpty) continue;
                    written += piece.Length;
                    if (written > options.MaxMessageBytes) throw new WireProtocolException($"The server sends a message of more than {options.MaxMessageBytes} bytes.");
                    await TheirsAsync(() => into.WriteAsync(piece, deadline.Token));
                }
                if (body.Ended) break;
            }
            if (body.Ended)
            {
                // What is behind it is the answer to the next command.
                connection.Input.AdvanceTo(buffer.GetPosition(consumed));
                options.Transcript?.Invoke(true, string.Create(CultureInfo.InvariantCulture, $"({written} bytes)"));
                return;
            }
            connection.Input.AdvanceTo(buffer.End);
            if (read.IsCompleted) throw new EndOfStreamException();
        }
    }

    private T Theirs<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (Exception e)
        {
            callersFault = e;
            throw;
        }
    }

    private async ValueTask TheirsAsync(Func<ValueTask> call)
    {
        try
        {
            await call();
        }
        catch (Exception e)
        {
            callersFault = e;
            throw;
        }
    }
}
