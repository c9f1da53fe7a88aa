using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;

namespace Postrider.Mail.Wire;

/// <summary>Takes lines from a pipe, each within a limit. Between two lines the pipe may be read directly (literals, message data): nothing is held back.</summary>
internal sealed class LineReader(PipeReader input)
{
    // Made with the first line: an IMAP client reads none, and a thousand idle ones would keep half a megabyte.
    private byte[] line = [];
    // Bytes of the unfinished line already searched, so that a dripping peer costs no second look.
    private long searched;

    /// <summary>False when the last line ended with a bare LF.</summary>
    public bool EndedWithCrlf { get; private set; }

    /// <summary>The next line without its line end, valid until the next call.</summary>
    /// <param name="limit">Bytes with the line end.</param>
    /// <exception cref="WireProtocolException">The line is longer than <paramref name="limit"/>; what was read of it is gone.</exception>
    /// <exception cref="EndOfStreamException">The peer closed, perhaps within a line.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(int limit, CancellationToken cancel)
    {
        while (true)
        {
            var result = await input.ReadAsync(cancel);
            if (TryTake(result.Buffer, limit, out var taken)) return taken.Value;
            if (result.IsCanceled) throw new OperationCanceledException(cancel);
            if (result.IsCompleted) throw new EndOfStreamException();
        }
    }

    /// <summary>A line that has wholly arrived already; false when there is none. Never waits.</summary>
    public bool TryRead(int limit, out ReadOnlyMemory<byte> taken)
    {
        taken = default;
        if (!input.TryRead(out var result) || !TryTake(result.Buffer, limit, out var found)) return false;
        taken = found.Value;
        return true;
    }

    private bool TryTake(ReadOnlySequence<byte> buffer, int limit, [NotNullWhen(true)] out ReadOnlyMemory<byte>? taken)
    {
        taken = null;
        var end = buffer.Slice(searched).PositionOf((byte)'\n');
        if (end is null)
        {
            if (buffer.Length >= limit) Refuse(buffer.End, limit);
            searched = buffer.Length;
            input.AdvanceTo(buffer.Start, buffer.End);
            return false;
        }
        var past = buffer.GetPosition(1, end.Value);
        var whole = buffer.Slice(0, past);
        if (whole.Length > limit) Refuse(past, limit);
        var length = (int)whole.Length;
        if (line.Length < length) line = new byte[Math.Max(Math.Max(length, 512), line.Length * 2)];
        whole.CopyTo(line);
        searched = 0;
        input.AdvanceTo(past);
        EndedWithCrlf = length >= 2 && line[length - 2] == (byte)'\r';
        taken = line.AsMemory(0, EndedWithCrlf ? length - 2 : length - 1);
        return true;
    }

    [DoesNotReturn]
    private void Refuse(SequencePosition past, int limit)
    {
        searched = 0;
        input.AdvanceTo(past);
        throw new WireProtocolException($"The other side sent a line of more than {limit} bytes.");
    }
}
