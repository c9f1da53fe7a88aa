using System.Security.Cryptography;

namespace Postrider.Sandbox;

/// <summary>Identifiers nobody can guess before they are told.</summary>
internal static class RandomId
{
    /// <summary>A version 4 identifier (RFC 9562 section 5.4).</summary>
    public static Guid New()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0f) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }
}
