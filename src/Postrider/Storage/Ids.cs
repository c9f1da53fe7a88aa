using System.Buffers.Binary;

namespace Postrider.Storage;

/// <summary>Ids of everything stored: UUIDv7 (RFC 9562), so rows of one time lie together, and what this process makes one after another stands in that order. Lower-case text in the API, 16 bytes big-endian in the database.</summary>
internal static class Ids
{
    private const int CounterBits = 12;
    // The clock may be set back by so much, or so many may be wanted, without a break in the order.
    private const long Ahead = 1000L << CounterBits;

    // RFC 9562 section 6.2, method 1: milliseconds, and below them how many came before within this one.
    private static long last;

    public static Guid New(TimeProvider clock)
    {
        var stamp = Next(clock.GetUtcNow().ToUnixTimeMilliseconds() << CounterBits);
        Span<byte> bytes = stackalloc byte[16];
        Guid.NewGuid().TryWriteBytes(bytes, bigEndian: true, out _);
        BinaryPrimitives.WriteUInt64BigEndian(bytes, ((ulong)stamp >> CounterBits << 16) | 0x7000 | ((ulong)stamp & 0xFFF));
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>As a parameter within <c>IN @ids</c>, where Dapper asks no type handler.</summary>
    public static byte[] Stored(Guid id) => id.ToByteArray(bigEndian: true);

    private static long Next(long now)
    {
        while (true)
        {
            var before = Volatile.Read(ref last);
            var next = before >= now && before - now < Ahead ? before + 1 : now;
            if (Interlocked.CompareExchange(ref last, next, before) == before) return next;
        }
    }
}
