namespace Postrider.Mail.Tests.Fuzz;

/// <summary>A peer that says what it says whatever it hears, in pieces of random length, and then hangs up.</summary>
/// <param name="onTheWay">Called once, after a random part of it.</param>
internal sealed class ScriptedStream(byte[] said, Random random, Action onTheWay) : Stream
{
    private int position;
    private int called = random.Next(said.Length + 1);

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var left = Math.Min(buffer.Length, said.Length - position);
        var count = left == 0 ? 0 : random.Next(3) == 0 ? random.Next(1, Math.Min(left, 64) + 1) : left;
        said.AsSpan(position, count).CopyTo(buffer.Span);
        position += count;
        if (position >= called)
        {
            called = int.MaxValue;
            onTheWay();
        }
        return ValueTask.FromResult(count);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => Task.CompletedTask;
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public override void Flush() { }
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
