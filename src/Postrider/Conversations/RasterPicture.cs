using System.Buffers.Binary;

namespace Postrider.Conversations;

/// <summary>A picture of one of the kinds that a browser draws and never runs: what its first bytes say, whatever its name and its message say. Nothing is decoded here.</summary>
internal sealed record RasterPicture(string MediaType, int Width, int Height)
{
    /// <summary>Types that a browser is given to draw. SVG is no picture but a document.</summary>
    public static readonly IReadOnlySet<string> MediaTypes = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "image/png", "image/jpeg", "image/gif", "image/webp" };
    // A browser holds four bytes for each: 160 MB. A photograph of a telephone has 12 to 50 million (MIM-13).
    private const long MaxPixels = 50_000_000;
    private const int MaxSide = 20_000;

    /// <summary>A browser can draw it without running out of memory.</summary>
    public bool IsDrawable => Width is > 0 and <= MaxSide && Height is > 0 and <= MaxSide && (long)Width * Height <= MaxPixels;

    /// <returns>Null when the bytes begin like none of them.</returns>
    public static RasterPicture? Read(ReadOnlySpan<byte> bytes) => Png(bytes) ?? Gif(bytes) ?? WebP(bytes) ?? Jpeg(bytes);

    // W3C PNG, section 11.2.2: IHDR is the first chunk.
    private static RasterPicture? Png(ReadOnlySpan<byte> b) =>
        b.Length >= 24 && b[..8].SequenceEqual((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]) && b[12..16].SequenceEqual("IHDR"u8)
            ? new("image/png", Int(BinaryPrimitives.ReadUInt32BigEndian(b[16..])), Int(BinaryPrimitives.ReadUInt32BigEndian(b[20..]))) : null;

    private static RasterPicture? Gif(ReadOnlySpan<byte> b) =>
        b.Length >= 10 && (b[..6].SequenceEqual("GIF87a"u8) || b[..6].SequenceEqual("GIF89a"u8))
            ? new("image/gif", BinaryPrimitives.ReadUInt16LittleEndian(b[6..]), BinaryPrimitives.ReadUInt16LittleEndian(b[8..])) : null;

    private static RasterPicture? WebP(ReadOnlySpan<byte> b)
    {
        if (b.Length < 30 || !b[..4].SequenceEqual("RIFF"u8) || !b[8..12].SequenceEqual("WEBP"u8)) return null;
        var kind = b[12..16];
        if (kind.SequenceEqual("VP8X"u8)) return new("image/webp", 1 + (b[24] | b[25] << 8 | b[26] << 16), 1 + (b[27] | b[28] << 8 | b[29] << 16));
        if (kind.SequenceEqual("VP8L"u8))
        {
            var bits = BinaryPrimitives.ReadUInt32LittleEndian(b[21..]);
            return new("image/webp", (int)(bits & 0x3FFF) + 1, (int)(bits >> 14 & 0x3FFF) + 1);
        }
        return kind.SequenceEqual("VP8 "u8) ? new("image/webp", BinaryPrimitives.ReadUInt16LittleEndian(b[26..]) & 0x3FFF, BinaryPrimitives.ReadUInt16LittleEndian(b[28..]) & 0x3FFF) : null;
    }

    // ITU-T T.81, annex B: segments up to the frame header, which has the size.
    private static RasterPicture? Jpeg(ReadOnlySpan<byte> b)
    {
        if (b.Length < 4 || b[0] != 0xFF || b[1] != 0xD8) return null;
        var at = 2;
        while (at + 9 < b.Length)
        {
            if (b[at] != 0xFF) return null;
            var marker = b[at + 1];
            if (marker == 0xFF) { at++; continue; }
            if (marker is 0x01 or >= 0xD0 and <= 0xD7) { at += 2; continue; }
            var isFrame = marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);
            if (isFrame) return new("image/jpeg", BinaryPrimitives.ReadUInt16BigEndian(b[(at + 7)..]), BinaryPrimitives.ReadUInt16BigEndian(b[(at + 5)..]));
            var length = BinaryPrimitives.ReadUInt16BigEndian(b[(at + 2)..]);
            if (length < 2 || marker is 0xD9 or 0xDA) return null;
            at += 2 + length;
        }
        return null;
    }

    private static int Int(uint value) => value > int.MaxValue ? int.MaxValue : (int)value;
}
