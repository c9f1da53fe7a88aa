using System.Threading.Channels;

namespace Postrider.Mail.Tests.Dialogues;

/// <summary>One end of a connection in memory. What one end writes at once is what the other reads at once, or less: never more, so a test decides how bytes are split.</summary>
internal sealed class PairedStream : Stream
{
    private readonly ChannelReader<byte[]> incoming;
    private readonly ChannelWriter<byte[]> outgoing;
    private readonly int maxRead;
    private readonly Lock gate = new();
    private PairedStream other = null!;
    private ReadOnlyMemory<byte> rest;
    // A read that found nothing: all that was sent so far has been taken.
    private bool hungry;
    private bool closed;
    private TaskCompletionSource? takenIn;

    private PairedStream(ChannelReader<byte[]> incoming, ChannelWriter<byte[]> outgoing, int maxRead) => (this.incoming, this.outgoing, this.maxRead) = (incoming, outgoing, maxRead);

    /// <param name="maxRead">Bytes that one read of the first end gives at most.</param>
    public static (PairedStream First, PairedStream Second) Create(int maxRead = int.MaxValue)
    {
        var toFirst = Channel.CreateUnbounded<byte[]>();
        var toSecond = Channel.CreateUnbounded<byte[]>();
        var first = new PairedStream(toFirst.Reader, toSecond.Writer, maxRead);
        var second = new PairedStream(toSecond.Reader, toFirst.Writer, int.MaxValue);
        (first.other, second.other) = (second, first);
        return (first, second);
    }

    /// <summary>Completes when the other end has read all that was written here and waits for more, or has closed.</summary>
    public Task TakenInAsync()
    {
        lock (other.gate)
        {
            if (other.closed || (other.hungry && other.incoming.Count == 0)) return Task.CompletedTask;
            other.takenIn ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            return other.takenIn.Task;
        }
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (rest.IsEmpty)
        {
            var more = incoming.WaitToReadAsync(cancellationToken);
            if (!more.IsCompleted) Hunger();
            if (!await more) return 0;
            lock (gate) hungry = false;
            if (incoming.TryRead(out var next)) rest = next;
        }
        var count = Math.Min(Math.Min(buffer.Length, rest.Length), maxRead);
        rest[..count].CopyTo(buffer);
        rest = rest[count..];
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!buffer.IsEmpty && !outgoing.TryWrite(buffer.ToArray())) throw new IOException("The other end is closed.");
        return ValueTask.CompletedTask;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override void Flush() { }
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            outgoing.TryComplete();
            lock (gate) closed = true;
            Hunger();
        }
        base.Dispose(disposing);
    }

    private void Hunger()
    {
        lock (gate)
        {
            hungry = true;
            takenIn?.TrySetResult();
            takenIn = null;
        }
    }
}
