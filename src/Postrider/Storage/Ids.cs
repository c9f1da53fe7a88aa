namespace Postrider.Storage;

/// <summary>Ids of everything stored: UUIDv7 (RFC 9562), so rows of one time lie together. Lower-case text in the API, 16 bytes big-endian in the database.</summary>
internal static class Ids
{
    public static Guid New(TimeProvider clock) => Guid.CreateVersion7(clock.GetUtcNow());

    /// <summary>As a parameter within <c>IN @ids</c>, where Dapper asks no type handler.</summary>
    public static byte[] Stored(Guid id) => id.ToByteArray(bigEndian: true);
}
