using System.Buffers.Binary;

namespace Postrider.Mail.Tnef;

/// <summary>Rich Text as messages hold it ([MS-OXRTFCP]): copies out of a window of the last 4096 bytes, which begins with what most documents begin with.</summary>
internal static class RtfCompression
{
    /// <summary>Bytes, whatever the header says.</summary>
    public const int Longest = 16 << 20;

    private const int Header = 16;
    private const int LengthItself = 4; // the first length in the header does not count its own bytes
    private const uint Compressed = 0x75465A4C;
    private const uint Stored = 0x414C454D;
    private const int Window = 4096;

    // [MS-OXRTFCP] section 2.1.2.1: the format itself.
    private static ReadOnlySpan<byte> Dictionary =>
        "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"u8;

    private static readonly uint[] CrcTable = MakeCrcTable();

    /// <summary>Whether its lengths and its checksum fit ([MS-OXRTFCP] section 2.1.3.1.1), so that <see cref="Decompress"/> gives what was compressed. What is stored as it is has no checksum.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Header) return false;
        var length = (long)BinaryPrimitives.ReadUInt32LittleEndian(bytes) + LengthItself - Header;
        var content = bytes[Header..];
        if (length < 0 || length > content.Length || BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) > Longest) return false;
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) switch
        {
            Stored => true,
            Compressed => Crc(content[..(int)length]) == BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]),
            _ => false,
        };
    }

    /// <summary>What can be had; empty when it is none.</summary>
    public static byte[] Decompress(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Header) return [];
        var length = (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]), Longest);
        var kind = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        var content = bytes[Header..];
        if (kind == Stored) return content[..Math.Min(length, content.Length)].ToArray();
        // A reference of two bytes stands for 17 at most.
        return kind == Compressed ? Unpack(content, (int)Math.Min(length, 9L * content.Length)) : [];
    }

    /// <summary>That of ISO 3309, begun at zero and not inverted at the end.</summary>
    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = 0;
        foreach (var b in bytes) crc = CrcTable[(byte)(crc ^ b)] ^ (crc >> 8);
        return crc;
    }

    private static uint[] MakeCrcTable()
    {
        const uint Polynomial = 0xEDB88320;
        var table = new uint[256];
        for (uint n = 0; n < table.Length; n++)
        {
            var crc = n;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) == 0 ? crc >> 1 : Polynomial ^ (crc >> 1);
            table[n] = crc;
        }
        return table;
    }

    private static byte[] Unpack(ReadOnlySpan<byte> content, int length)
    {
        var window = new byte[Window];
        Dictionary.CopyTo(window);
        var into = new byte[length];
        var (written, at, end) = (0, 0, Dictionary.Length);
        while (at < content.Length)
        {
            int flags = content[at++];
            for (var bit = 0; bit < 8 && at < content.Length; bit++, flags >>= 1)
            {
                if ((flags & 1) == 0)
                {
                    if (written == length) return into;
                    Put(content[at++]);
                    continue;
                }
                if (content.Length - at < 2) return into[..written];
                var reference = BinaryPrimitives.ReadUInt16BigEndian(content[at..]);
                at += 2;
                var from = reference >> 4;
                if (from == end) return into[..written]; // the mark of the end
                for (var n = (reference & 15) + 2; n > 0 && written < length; n--) Put(window[from++ % Window]);
            }
        }
        return into[..written];

        void Put(byte b)
        {
            into[written++] = b;
            window[end] = b;
            end = (end + 1) % Window;
        }
    }
}
