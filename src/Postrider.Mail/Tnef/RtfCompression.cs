using System.Buffers.Binary;

namespace Postrider.Mail.Tnef;

/// <summary>Rich Text as messages hold it ([MS-OXRTFCP]): copies out of a window of the last 4096 bytes, which begins with what most documents begin with. The checksum is not looked at.</summary>
internal static class RtfCompression
{
    /// <summary>Bytes, whatever the header says.</summary>
    public const int Longest = 16 << 20;

    private const int Header = 16;
    private const uint Compressed = 0x75465A4C;
    private const uint Stored = 0x414C454D;
    private const int Window = 4096;

    // [MS-OXRTFCP] section 2.1.2.1: the format itself.
    private static ReadOnlySpan<byte> Dictionary =>
        "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"u8;

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
