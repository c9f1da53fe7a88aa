namespace Postrider.Storage;

/// <summary>A complete body that can be read from any place, one chunk in memory. With ReadAsync only.</summary>
internal sealed class SeekableBody(HubDatabase database, Guid id, long length) : Stream
{
    private byte[] chunk = [];
    private long at = -1; // which chunk that is

    public override bool CanRead => true;
    public override bool CanSeek => true;
    public override bool CanWrite => false;
    public override long Length => length;
    public override long Position { get; set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position >= length || buffer.IsEmpty) return 0;
        var wanted = Position / Bodies.ChunkSize;
        if (wanted != at)
        {
            chunk = await database.ReadAsync(reader => reader.QueryFirstOrDefault<byte[]>("SELECT bytes FROM body_chunk WHERE body_id = @id AND n = @wanted", new { id, wanted }), cancellationToken)
                ?? throw new InvalidDataException($"The body {id} is shorter than it was.");
            at = wanted;
        }

        var rest = chunk.AsMemory((int)(Position - (at * Bodies.ChunkSize)));
        var count = Math.Min(buffer.Length, rest.Length);
        if (count == 0) throw new InvalidDataException($"The body {id} is shorter than it was.");
        rest[..count].CopyTo(buffer);
        Position += count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch { SeekOrigin.Begin => offset, SeekOrigin.Current => Position + offset, _ => length + offset };

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("This is read with ReadAsync.");
    public override void Flush() => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
