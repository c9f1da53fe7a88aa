using System.Buffers.Binary;

namespace Postrider.Mail.Tnef;

/// <summary>Those that are needed, of [MS-OXPROPS].</summary>
internal enum MapiProperty : ushort
{
    MessageClass = 0x001A,
    Subject = 0x0037,
    Body = 0x1000,
    CompressedRtf = 0x1009,
    Html = 0x1013,
    DisplayName = 0x3001,
    AttachmentData = 0x3701,
    AttachmentShortName = 0x3704,
    AttachmentMethod = 0x3705,
    AttachmentLongName = 0x3707,
    AttachmentMediaType = 0x370E,
    AttachmentContentId = 0x3712,
    InternetCodePage = 0x3FDE,
}

/// <summary>[MS-OXCDATA] section 2.11.1.</summary>
internal enum MapiType : ushort
{
    Object = 0x000D,
    String8 = 0x001E,
    Unicode = 0x001F,
    Binary = 0x0102,
}

/// <summary>A list of properties ([MS-OXTNEF] section 2.1.3.4). It ends where it cannot be read on: nothing says where the next would begin.</summary>
internal static class MapiProperties
{
    private const ushort FirstNamed = 0x8000;
    private const ushort Several = 0x1000;

    /// <param name="act">Of each property without a name of its own: its first value, without padding.</param>
    /// <returns>False: it ends before it has as many as it says.</returns>
    public static bool Read(ReadOnlyMemory<byte> list, Action<MapiProperty, MapiType, ReadOnlyMemory<byte>> act)
    {
        if (list.Length < 4) return false;
        var count = BinaryPrimitives.ReadUInt32LittleEndian(list.Span);
        var rest = list[4..];
        for (uint n = 0; n < count; n++)
        {
            if (rest.Length < 4) return false;
            var type = BinaryPrimitives.ReadUInt16LittleEndian(rest.Span);
            var id = BinaryPrimitives.ReadUInt16LittleEndian(rest.Span[2..]);
            rest = rest[4..];
            if (id >= FirstNamed && !SkipName(ref rest)) return false;
            if (!Values(type, ref rest, out var first)) return false;
            if (id < FirstNamed) act((MapiProperty)id, (MapiType)(type & ~Several), first);
        }
        return true;
    }

    /// <summary>A GUID, a kind, and a number or a name in UTF-16.</summary>
    private static bool SkipName(ref ReadOnlyMemory<byte> rest)
    {
        const int Guid = 16;
        if (rest.Length < Guid + 8) return false;
        var kind = BinaryPrimitives.ReadUInt32LittleEndian(rest.Span[Guid..]);
        if (kind == 0)
        {
            rest = rest[(Guid + 8)..];
            return true;
        }
        rest = rest[(Guid + 4)..];
        return Sized(ref rest, out _);
    }

    private static bool Values(ushort type, ref ReadOnlyMemory<byte> rest, out ReadOnlyMemory<byte> first)
    {
        first = default;
        var size = FixedSize((ushort)(type & ~Several));
        if (size < 0) return false;
        uint count = 1;
        if (size == 0 || (type & Several) != 0)
        {
            if (rest.Length < 4) return false;
            count = BinaryPrimitives.ReadUInt32LittleEndian(rest.Span);
            rest = rest[4..];
        }
        for (uint n = 0; n < count; n++)
        {
            ReadOnlyMemory<byte> value;
            if (size == 0)
            {
                if (!Sized(ref rest, out value)) return false;
            }
            else
            {
                if (rest.Length < size) return false;
                value = rest[..size];
                rest = rest[size..];
            }
            if (n == 0) first = value;
        }
        return true;
    }

    /// <summary>A length, that many bytes, and padding to four.</summary>
    private static bool Sized(ref ReadOnlyMemory<byte> rest, out ReadOnlyMemory<byte> value)
    {
        value = default;
        if (rest.Length < 4) return false;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(rest.Span);
        rest = rest[4..];
        if (length > rest.Length) return false;
        value = rest[..(int)length];
        rest = rest[(int)Math.Min(rest.Length, ((long)length + 3) / 4 * 4)..];
        return true;
    }

    /// <returns>With padding; 0: each value says its length; -1: not known.</returns>
    private static int FixedSize(ushort type) => type switch
    {
        0x0002 or 0x0003 or 0x0004 or 0x000A or 0x000B => 4,
        0x0005 or 0x0006 or 0x0007 or 0x0014 or 0x0040 => 8,
        0x0048 => 16,
        (ushort)MapiType.Object or (ushort)MapiType.String8 or (ushort)MapiType.Unicode or (ushort)MapiType.Binary => 0,
        _ => -1,
    };
}
