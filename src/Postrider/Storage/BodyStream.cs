namespace Postrider.Storage;

/// <summary>A body, forward only, one chunk in memory.</summary>
internal sealed class BodyStream(HubDatabase database, Guid id) : Stream
{
    private ReadOnlyMemory<byte> rest;
    private int next;
    private bool ended;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (rest.IsEmpty && !ended) Take(await database.ReadAsync(NextChunk, cancellationToken));
        return Give(buffer.Span);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(Span<byte> buffer)
    {
        if (rest.IsEmpty && !ended) Take(database.Read(NextChunk));
        return Give(buffer);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush() => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private byte[]? NextChunk(HubReader reader) =>
        reader.QueryFirstOrDefault<byte[]>("SELECT bytes FROM body_chunk WHERE body_id = @id AND n = @next", new { id, next });

    private void Take(byte[]? chunk)
    {
        ended = chunk is null;
        rest = chunk;
        next++;
    }

    private int Give(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, rest.Length);
        rest.Span[..count].CopyTo(buffer);
        rest = rest[count..];
        return count;
    }
}
