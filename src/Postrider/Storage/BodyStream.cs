namespace Postrider.Storage;

/// <summary>A body, forward only, one chunk in memory.</summary>
internal sealed class BodyStream(HubDatabase database, Guid id) : ForwardStream
{
    private ReadOnlyMemory<byte> rest;
    private int next;
    private bool ended;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (rest.IsEmpty && !ended) Take(await database.ReadAsync(NextChunk, cancellationToken));
        return Give(buffer.Span);
    }

    public override int Read(Span<byte> buffer)
    {
        if (rest.IsEmpty && !ended) Take(database.Read(NextChunk));
        return Give(buffer);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

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
