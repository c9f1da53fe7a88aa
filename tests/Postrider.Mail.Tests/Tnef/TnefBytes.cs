using System.Buffers.Binary;
using System.Text;

namespace Postrider.Mail.Tests.Tnef;

/// <summary>Makes a <c>winmail.dat</c>, the way [MS-OXTNEF] and [MS-OXRTFCP] say; without a look at how one is read.</summary>
internal static class TnefBytes
{
    public static byte[] Winmail(params byte[][] attributes) => [0x78, 0x9F, 0x3E, 0x22, 1, 0, .. attributes.SelectMany(a => a)];

    public static byte[] Attribute(byte level, uint id, ReadOnlySpan<byte> value)
    {
        var attribute = new byte[11 + value.Length];
        attribute[0] = level;
        BinaryPrimitives.WriteUInt32LittleEndian(attribute.AsSpan(1), id);
        BinaryPrimitives.WriteInt32LittleEndian(attribute.AsSpan(5), value.Length);
        value.CopyTo(attribute.AsSpan(9));
        var sum = 0;
        foreach (var b in value) sum += b;
        BinaryPrimitives.WriteUInt16LittleEndian(attribute.AsSpan(9 + value.Length), (ushort)sum);
        return attribute;
    }

    public static byte[] Properties(params byte[][] properties) => [.. BitConverter.GetBytes(properties.Length), .. properties.SelectMany(p => p)];

    public static byte[] Property(ushort id, ushort type, byte[] value) => [.. BitConverter.GetBytes(type), .. BitConverter.GetBytes(id), .. value];

    public static byte[] Named(string name, ushort type, byte[] value) =>
        [.. BitConverter.GetBytes(type), 1, 0x80, .. new byte[16], 1, 0, 0, 0, .. Sized(Encoding.Unicode.GetBytes(name + "\0")), .. value];

    public static byte[] Sized(ReadOnlySpan<byte> value) => [.. BitConverter.GetBytes(value.Length), .. value, .. new byte[(4 - value.Length % 4) % 4]];

    /// <summary>A string of UTF-16 or bytes, as a list of one value.</summary>
    public static byte[] Single(ReadOnlySpan<byte> value) => [1, 0, 0, 0, .. Sized(value)];

    public static byte[] Utf16(string text) => Encoding.Unicode.GetBytes(text + "\0");

    /// <summary>The longest copy that the last 4096 bytes have, or the byte itself.</summary>
    public static byte[] Compress(ReadOnlySpan<byte> rtf)
    {
        const int Window = 4096;
        const int Longest = 17;
        byte[] all = [.. "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"u8, .. rtf];
        var tokens = new List<byte[]>();
        var at = all.Length - rtf.Length;
        while (at < all.Length)
        {
            var (from, length) = (0, 0);
            for (var candidate = Math.Max(0, at - Window + 1); candidate < at && length < Longest; candidate++)
            {
                var n = 0;
                while (n < Longest && at + n < all.Length && all[candidate + n] == all[at + n]) n++;
                if (n > length) (from, length) = (candidate, n);
            }
            tokens.Add(length < 2 ? [all[at]] : Reference(from, length));
            at += length < 2 ? 1 : length;
        }
        tokens.Add(Reference(at, 2)); // the mark of the end points to where the next byte would go
        var content = new List<byte>();
        foreach (var run in tokens.Chunk(8))
        {
            content.Add((byte)run.Select((token, bit) => (token.Length - 1) << bit).Sum());
            content.AddRange(run.SelectMany(token => token));
        }
        return [.. BitConverter.GetBytes(content.Count + 12), .. BitConverter.GetBytes(rtf.Length), .. "LZFu"u8, .. BitConverter.GetBytes(Crc(content)), .. content];

        static byte[] Reference(int from, int length)
        {
            var reference = ((from % Window) << 4) | (length - 2);
            return [(byte)(reference >> 8), (byte)reference];
        }
    }

    private static uint Crc(IEnumerable<byte> bytes)
    {
        uint crc = 0;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320);
        }
        return crc;
    }
}
