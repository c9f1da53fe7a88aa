using System.Buffers;
using System.Data.Common;
using System.Security.Cryptography;

namespace Postrider.Storage;

/// <summary>Bytes that are stored, without themselves.</summary>
public sealed record StoredBody(Guid Id, long Length, byte[] Sha256);

/// <summary>
/// Message bytes, in chunks, so that a large one is neither one row nor one array.
/// The table that owns a body has a column <c>body_id BLOB REFERENCES body(id)</c>: by that reference the sweep tells an orphan from a body in use.
/// </summary>
internal sealed class Bodies(HubDatabase database, TimeProvider clock)
{
    internal const int ChunkSize = 256 * 1024;
    /// <summary>A streamed body waits this long for the row that owns it. Longer than any upload.</summary>
    internal static readonly TimeSpan OrphanAge = TimeSpan.FromDays(1);

    /// <summary>Within the transaction of the row that owns it. For what is in memory already; larger ones come through <see cref="PutAsync"/>.</summary>
    public Guid Put(HubTransaction transaction, ReadOnlyMemory<byte> bytes) => Put(transaction, bytes, SHA256.HashData(bytes.Span));

    /// <summary>As the other, for whoever has the bytes' SHA-256 already.</summary>
    public Guid Put(HubTransaction transaction, ReadOnlyMemory<byte> bytes, byte[] sha256)
    {
        var id = Ids.New(clock);
        transaction.ExecuteLater("INSERT INTO body(id, created_at, settled, length, sha256) VALUES(@id, @Now, 1, @Length, @sha256)", new { id, transaction.Now, bytes.Length, sha256 });
        for (int n = 0, at = 0; at < bytes.Length; n++, at += ChunkSize)
            InsertChunk(transaction, id, n, bytes.Slice(at, Math.Min(ChunkSize, bytes.Length - at)).ToArray());
        return id;
    }

    /// <summary>Stores chunk by chunk, each durable when the next is read. When it returns, the whole body is; the row that owns it follows, or the sweep takes it. When it throws, what was stored is gone again, as far as the database lets it.</summary>
    public async Task<StoredBody> PutAsync(Stream source, CancellationToken cancellationToken = default)
    {
        var id = Ids.New(clock);
        await database.WriteAsync(tx => InsertUnsettled(tx, id), cancellationToken);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkSize);
        try
        {
            long length = 0;
            for (var n = 0; ; n++)
            {
                var read = await source.ReadAtLeastAsync(buffer.AsMemory(0, ChunkSize), ChunkSize, throwOnEndOfStream: false, cancellationToken);
                if (read == 0) break;
                hash.AppendData(buffer, 0, read);
                length += read;
                var (number, chunk) = (n, buffer.AsSpan(0, read).ToArray());
                await database.WriteAsync(tx => InsertChunk(tx, id, number, chunk), cancellationToken);
            }

            var digest = hash.GetHashAndReset();
            await database.WriteAsync(tx => Complete(tx, id, length, digest), cancellationToken);
            return new(id, length, digest);
        }
        catch
        {
            await DropAsync(id);
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    /// <returns>Null when there is no such body, or it was never completed.</returns>
    public Task<long?> LengthAsync(Guid id, CancellationToken cancellationToken = default) =>
        database.ReadAsync(r => r.Scalar<long?>("SELECT length FROM body WHERE id = @id", new { id }), cancellationToken);

    /// <exception cref="InvalidDataException">There is no such body, or its bytes are not the ones that were put.</exception>
    public async Task<byte[]> ReadAsync(Guid id, CancellationToken cancellationToken = default)
    {
        var (stored, chunks) = await database.ReadAsync(r => (
            r.QueryFirstOrDefault<StoredBody>("SELECT id, length, sha256 FROM body WHERE id = @id AND length IS NOT NULL", new { id }),
            r.Query<byte[]>("SELECT bytes FROM body_chunk WHERE body_id = @id ORDER BY n", new { id })), cancellationToken);
        if (stored is null) throw new InvalidDataException($"There is no body {id}.");
        var bytes = new byte[stored.Length];
        var at = 0;
        foreach (var chunk in chunks)
        {
            if (chunk.Length > bytes.Length - at) throw new InvalidDataException($"The body {id} is longer than it was.");
            chunk.CopyTo(bytes, at);
            at += chunk.Length;
        }

        if (at != bytes.Length || !CryptographicOperations.FixedTimeEquals(SHA256.HashData(bytes), stored.Sha256))
            throw new InvalidDataException($"The bytes of body {id} are not the ones that were stored.");
        return bytes;
    }

    /// <summary>Reads chunk by chunk as it is read. No checksum is compared: use <see cref="ReadAsync"/> where that matters more than memory.</summary>
    public Stream Open(Guid id) => new BodyStream(database, id, check: false);

    /// <summary>As <see cref="Open"/>, with the checksum compared before the end is told.</summary>
    public Stream OpenChecked(Guid id) => new BodyStream(database, id, check: true);

    /// <summary>Many at once, those of a single chunk only.</summary>
    /// <returns>By id. A body that is longer, or whose checksum differs, is not among them.</returns>
    public async Task<IReadOnlyDictionary<Guid, byte[]>> ReadSmallAsync(IReadOnlyList<Guid> ids, CancellationToken cancellationToken)
    {
        var read = await database.ReadAsync(reader => reader.Query<SmallBody>("SELECT b.id, b.sha256, c.bytes FROM body b JOIN body_chunk c ON c.body_id = b.id AND c.n = 0 WHERE b.id IN @ids AND b.length <= @ChunkSize", new { ids = ids.Select(Ids.Stored), ChunkSize }), cancellationToken);
        return read.Where(body => SHA256.HashData(body.Bytes).AsSpan().SequenceEqual(body.Sha256)).ToDictionary(body => body.Id, body => body.Bytes);
    }

    /// <summary>As <see cref="Open"/>, and from any place.</summary>
    /// <param name="length">Of the whole.</param>
    public Stream OpenSeekable(Guid id, long length) => new SeekableBody(database, id, length);

    /// <summary>Of a body that no row will own after all.</summary>
    public async Task DropAsync(Guid id)
    {
        try
        {
            await database.WriteAsync(tx => Delete(tx, id), CancellationToken.None);
        }
        catch (DbException)
        {
            // A full disk, for one: the sweep takes it later.
        }
    }

    /// <summary>When the row that owned it is deleted, in the same transaction, after it.</summary>
    public static void Delete(HubTransaction transaction, Guid id)
    {
        transaction.Execute("DELETE FROM body_chunk WHERE body_id = @id", new { id });
        transaction.Execute("DELETE FROM body WHERE id = @id", new { id });
    }

    /// <summary>When a row that had it gives it up and others may have it still: in a day the sweep takes it, unless somebody has. The new date tells a sweep that is under way that what it found is no longer so.</summary>
    public static void Release(HubTransaction transaction, Guid id) => transaction.Execute("UPDATE body SET settled = 0, created_at = @Now WHERE id = @id", new { id, transaction.Now });

    /// <summary>Removes what was streamed in and never got an owner. A body that has one is held by the owner's foreign key; it is then marked and not looked at again.</summary>
    /// <returns>How many were removed.</returns>
    public async Task<int> SweepAsync(CancellationToken cancellationToken = default)
    {
        var before = clock.GetUtcNow() - OrphanAge;
        var candidates = await database.ReadAsync(r => r.Query<Candidate>("SELECT id, created_at FROM body WHERE settled = 0 AND created_at < @before LIMIT 1000", new { before }), cancellationToken);
        var removed = 0;
        foreach (var (id, since) in candidates)
        {
            try
            {
                await database.WriteAsync(tx => Delete(tx, id), cancellationToken);
                removed++;
            }
            catch (DbException owned) when (StorageTroubles.Of(owned) == StorageTrouble.StillReferenced)
            {
                await database.WriteAsync(tx => tx.Execute("UPDATE body SET settled = 1 WHERE id = @id AND created_at = @since", new { id, since }), cancellationToken);
            }
        }

        return removed;
    }

    private static void InsertUnsettled(HubTransaction tx, Guid id) =>
        tx.Execute("INSERT INTO body(id, created_at, settled) VALUES(@id, @at, 0)", new { id, at = tx.Now });

    private static void InsertChunk(HubTransaction tx, Guid id, int n, byte[] chunk) =>
        tx.ExecuteLater("INSERT INTO body_chunk(body_id, n, bytes) VALUES(@id, @n, @chunk)", new { id, n, chunk });

    private static void Complete(HubTransaction tx, Guid id, long length, byte[] sha256) =>
        tx.Execute("UPDATE body SET length = @length, sha256 = @sha256 WHERE id = @id", new { id, length, sha256 });

    private sealed record Candidate(Guid Id, DateTimeOffset CreatedAt);

    private sealed record SmallBody(Guid Id, byte[] Sha256, byte[] Bytes);
}
