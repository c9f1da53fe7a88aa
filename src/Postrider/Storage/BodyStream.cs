using System.Security.Cryptography;

namespace Postrider.Storage;

/// <summary>A body, forward only, one chunk in memory.</summary>
/// <param name="check">At the end the checksum is compared, before the reader hears of the end: <see cref="InvalidDataException"/> when it differs. Read with ReadAsync then.</param>
internal sealed class BodyStream(HubDatabase database, Guid id, bool check) : ForwardStream
{
    private readonly IncrementalHash? hash = check ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
    private ReadOnlyMemory<byte> rest;
    private int next;
    private bool ended;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (rest.IsEmpty && !ended)
        {
            Take(await database.ReadAsync(NextChunk, cancellationToken));
            hash?.AppendData(rest.Span);
            if (ended && hash is not null) await CompareAsync(hash.GetHashAndReset(), cancellationToken);
        }

        return Give(buffer.Span);
    }

    public override int Read(Span<byte> buffer)
    {
        if (rest.IsEmpty && !ended) Take(database.Read(NextChunk));
        return Give(buffer);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    protected override void Dispose(bool disposing)
    {
        hash?.Dispose();
        base.Dispose(disposing);
    }

    private async Task CompareAsync(byte[] read, CancellationToken cancellationToken)
    {
        var stored = await database.ReadAsync(reader => reader.Scalar<byte[]>("SELECT sha256 FROM body WHERE id = @id", new { id }), cancellationToken);
        if (stored is null || !read.AsSpan().SequenceEqual(stored)) throw new InvalidDataException($"The bytes of body {id} are not the ones that were stored.");
    }

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
