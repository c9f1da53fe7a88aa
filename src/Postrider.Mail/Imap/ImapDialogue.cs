using System.Buffers;
using System.Globalization;
using System.Text;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>The line to a server: responses in, commands out, both told to the transcript without secrets and message bodies.</summary>
internal sealed class ImapDialogue(WireConnection connection, ImapResponseLimits limits, TimeProvider clock, TimeSpan commandTimeout, WireTranscript? transcript) : IAsyncDisposable
{
    // Below this a transfer counts as stuck: a literal adds its length at this rate to the time its command may take.
    private const int SlowestBytesPerSecond = 4 * 1024;
    private const int SmallLiteral = 64 * 1024;
    private const string Redacted = "***";

    private readonly ImapResponseParser _parser = new(limits);
    private readonly List<string> _secrets = [];
    private Deadline? _deadline;
    private CancellationToken _cancel;
    private int _tag;
    private Func<ImapFetchedHead, Stream?>? _taker;

    public WireConnection Connection => connection;

    /// <summary>The time that steps have from now on. Null limit: as long as the caller waits.</summary>
    public void Arm(TimeSpan? limit, CancellationToken cancel)
    {
        _deadline?.Dispose();
        _cancel = cancel;
        _deadline = new Deadline(clock, limit ?? Timeout.InfiniteTimeSpan, cancel);
    }

    public void Arm(long bytes, CancellationToken cancel) => Arm(commandTimeout + TimeSpan.FromSeconds((double)bytes / SlowestBytesPerSecond), cancel);

    /// <summary>Ends when the time that steps have is over, or the caller cancels.</summary>
    public CancellationToken Token => _deadline!.Token;

    /// <summary>The time that steps have begins anew, with the same caller.</summary>
    public void Extend() => _deadline!.Restart(commandTimeout);

    /// <summary>Where the content of a message goes as it arrives. The stream gets it in pieces and is left open; null (or no taker) keeps it in memory.</summary>
    public Func<ImapFetchedHead, Stream?>? Taker
    {
        get => _taker;
        set => (_taker, _parser.OffersLiterals) = (value, value is not null);
    }

    /// <summary>What a taker or its stream threw: not the wire's.</summary>
    public Exception? TakersFault { get; private set; }

    /// <summary>As <see cref="Deadline.Explain"/>.</summary>
    public WireFailure? Explain(Exception exception) => _deadline?.Explain(exception);

    /// <summary>The words never stand in the transcript, whichever side says them.</summary>
    public void KeepSecret(params ReadOnlySpan<string> words)
    {
        foreach (var word in words)
            if (word.Length > 0) _secrets.Add(word);
    }

    public string NextTag() => string.Create(CultureInfo.InvariantCulture, $"A{++_tag}");

    /// <exception cref="WireProtocolException">The bytes are no IMAP response, or over a limit.</exception>
    public async ValueTask<ImapResponse> NextAsync()
    {
        var extended = 0L;
        while (true)
        {
            var read = await connection.Input.ReadAsync(_deadline!.Token);
            var step = _parser.Read(read.Buffer, out var consumed);
            if (step == ImapParseStep.Complete)
            {
                connection.Input.AdvanceTo(consumed);
                var response = _parser.Response!;
                if (transcript is not null) Tell(true, Describe(response));
                return response;
            }
            if (step == ImapParseStep.Literal)
            {
                connection.Input.AdvanceTo(consumed);
                await HandOverAsync(_parser.Head);
                continue;
            }
            connection.Input.AdvanceTo(consumed, read.Buffer.End);
            if (step == ImapParseStep.Error) throw new WireProtocolException(_parser.Error!);
            if (read.IsCompleted) throw new EndOfStreamException();
            if (_parser.LiteralLength > SmallLiteral && _parser.LiteralLength != extended)
            {
                extended = _parser.LiteralLength;
                Arm(extended, _cancel);
            }
        }
    }

    private async ValueTask HandOverAsync(ImapFetchedHead head)
    {
        if (Theirs(head) is not { } sink) return;
        _parser.TakeLiteral();
        if (head.Length > SmallLiteral) Arm(head.Length, _cancel);
        var left = head.Length;
        while (left > 0)
        {
            var read = await connection.Input.ReadAsync(_deadline!.Token);
            var piece = read.Buffer.Length > left ? read.Buffer.Slice(0, left) : read.Buffer;
            if (piece.IsEmpty && read.IsCompleted) throw new EndOfStreamException();
            foreach (var memory in piece)
            {
                try
                {
                    await sink.WriteAsync(memory, _cancel);
                }
                catch (Exception e)
                {
                    TakersFault = e;
                    throw;
                }
            }
            left -= piece.Length;
            connection.Input.AdvanceTo(piece.End);
        }

        Stream? Theirs(ImapFetchedHead one)
        {
            try
            {
                return _taker!(one);
            }
            catch (Exception e)
            {
                TakersFault = e;
                throw;
            }
        }
    }

    /// <summary>Bytes that came after the response read last, before anything was asked.</summary>
    public bool HasUnreadInput => connection.HasUnreadInput;

    /// <param name="shown">What the transcript is told instead, where the line holds a secret.</param>
    public async ValueTask SendLineAsync(string line, string? shown = null)
    {
        Write(line, "\r\n", shown);
        await FlushAsync();
    }

    public void Write(string text, string end, string? shown = null)
    {
        Encoding.UTF8.GetBytes(text, connection.Output);
        Encoding.UTF8.GetBytes(end, connection.Output);
        if (transcript is not null) Tell(false, shown ?? text + end.TrimEnd());
    }

    public async ValueTask WriteLiteralAsync(ReadOnlyMemory<byte> bytes)
    {
        if (transcript is not null) Tell(false, string.Create(CultureInfo.InvariantCulture, $"({bytes.Length} bytes)"));
        // A small message leaves in one packet with the command before and the line end behind it.
        if (bytes.Length <= SmallLiteral) connection.Output.Write(bytes.Span);
        else await connection.Output.WriteAsync(bytes, _deadline!.Token);
    }

    public async ValueTask FlushAsync() => await connection.Output.FlushAsync(_deadline!.Token);

    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync();
        _deadline?.Dispose();
    }

    private void Tell(bool fromServer, string line)
    {
        foreach (var secret in _secrets) line = line.Replace(secret, Redacted, StringComparison.Ordinal);
        transcript!(fromServer, WireText.Printable(line));
    }

    private static string Describe(ImapResponse response) => response switch
    {
        ImapResponse.Continuation c => c.Text.Length == 0 ? "+" : "+ " + c.Text,
        ImapResponse.State s => (s.Tag ?? "*") + " " + s.Line,
        ImapResponse.Search s => string.Create(CultureInfo.InvariantCulture, $"* {(s.Extended ? "ESEARCH" : "SEARCH")} {string.Concat(s.Details.Select(d => Show(d) + " "))}{string.Join(' ', s.Numbers.Take(100))}{(s.Numbers.Count > 100 ? $" ... ({s.Numbers.Count} numbers)" : "")}"),
        ImapResponse.Data d => "* " + (d.Number is { } n ? n.ToString(CultureInfo.InvariantCulture) + " " : "") + d.Word + string.Concat(d.Values.Select(v => " " + Show(v))),
        _ => "",
    };

    private static string Show(ImapValue value) => value.Kind switch
    {
        ImapValueKind.List => "(" + string.Join(' ', value.Items.Select((item, i) => i > 0 && IsContent(value.Items[i - 1]) && item.Bytes is { } body ? Size(body) : Show(item))) + ")",
        // Envelope strings and names fit; anything longer is content.
        ImapValueKind.Text when value.Bytes!.Length > 200 || value.Bytes.AsSpan().ContainsAny((byte)'\r', (byte)'\n') => Size(value.Bytes!),
        _ => value.ToString(),
    };

    // A body does not belong into a transcript, however short it is.
    private static bool IsContent(ImapValue name) => name.Kind == ImapValueKind.Atom && ImapSection.IsContent(name.AsString()!);

    private static string Size(byte[] bytes) => string.Create(CultureInfo.InvariantCulture, $"({bytes.Length} bytes)");
}
