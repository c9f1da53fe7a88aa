using System.Buffers;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>The line to a client, as all commands of a session share it: what is written into <see cref="Reply"/> leaves with the next flush.</summary>
internal sealed class ImapServerLine(WireConnection connection, ImapServerOptions options)
{
    /// <summary>RFC 2971 section 3.3 lets ID alone have 30 fields of 1024 octets; UID sets and access tokens are shorter.</summary>
    public const int MaxBytes = 64 * 1024;
    // Output kept back at most before the client must take some.
    private const int FlushBytes = 64 * 1024;

    public ImapReply Reply { get; } = new(connection, options.Transcript);

    /// <summary>A line that is no command: the answer to a challenge, DONE.</summary>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancel) => connection.Lines.ReadAsync(MaxBytes, cancel);

    /// <param name="shown">What the transcript is told of a line from the client.</param>
    public void Heard(string shown) => options.Transcript?.Invoke(false, shown);

    public async ValueTask SayAsync(string line)
    {
        Reply.Line(line);
        await FlushAsync();
    }

    /// <param name="binary">A literal8 where the bytes hold a NUL; else they are a plain literal.</param>
    public async ValueTask WriteLiteralAsync(ReadOnlyMemory<byte> bytes, bool binary = false)
    {
        Reply.LiteralHead(bytes.Length, binary && bytes.Span.Contains((byte)0));
        while (bytes.Length > 0)
        {
            var piece = bytes[..Math.Min(bytes.Length, FlushBytes)];
            connection.Output.Write(piece.Span);
            bytes = bytes[piece.Length..];
            if (connection.Output.UnflushedBytes >= FlushBytes) await FlushAsync();
        }
    }

    /// <summary>Between two responses of a long answer.</summary>
    public ValueTask FlushLargeAsync() => connection.Output.UnflushedBytes > FlushBytes ? FlushAsync() : ValueTask.CompletedTask;

    /// <summary>A client that takes nothing for as long as it might be silent is gone; the server's stop does not cut an answer short.</summary>
    public ValueTask FlushAsync() => connection.FlushAsync(options.Clock, options.IdleTimeout);
}
