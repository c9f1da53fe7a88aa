using System.Buffers;

namespace Postrider.Mail.Mime;

/// <summary>One field of a message that is passed on, with every byte of it.</summary>
/// <param name="Bytes">All its lines, each with its line end.</param>
public readonly record struct HeaderLines(string Name, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The same field to read.</summary>
    public HeaderField Field
    {
        get
        {
            var value = Bytes[(Bytes.Span.IndexOf((byte)':') + 1)..];
            return new(Name, value.Span.EndsWith("\r\n"u8) ? value[..^2] : value);
        }
    }

    public bool Is(string name) => Field.Is(name);
}

/// <summary>The header section of a message that is passed on: read strictly, because two readers that see different fields in it see different senders.</summary>
public static class HeaderSection
{
    /// <summary>Bytes of the section in the message, with the blank line that ends it; the whole message when there is none.</summary>
    public static int LengthIn(ReadOnlySpan<byte> message)
    {
        if (message.StartsWith("\r\n"u8)) return 2;
        var end = message.IndexOf("\r\n\r\n"u8);
        return end < 0 ? message.Length : end + 4;
    }

    /// <param name="section">As <see cref="LengthIn"/> measured it. The fields are views over it.</param>
    /// <returns>Flaw: null when the fields can be relied on; else what is wrong, without content of the message.</returns>
    public static (IReadOnlyList<HeaderLines> Fields, string? Flaw) Read(ReadOnlyMemory<byte> section)
    {
        var fields = new List<HeaderLines>(32);
        return (fields, Read(section, fields));
    }

    private static string? Read(ReadOnlyMemory<byte> section, List<HeaderLines> fields)
    {
        var bytes = section.Span;
        var (position, from, name) = (0, 0, "");
        for (var number = 1; position < bytes.Length; number++)
        {
            var end = bytes[position..].IndexOf("\r\n"u8);
            var next = end < 0 ? bytes.Length : position + end + 2;
            var line = bytes[position..(end < 0 ? next : next - 2)];
            if (line.IsEmpty) break;
            if (line.IndexOfAny((byte)'\r', (byte)'\n', (byte)0) >= 0) return $"Line {number} of the header holds a line end that is none, or NUL.";
            if (line.Length > BodyEncoding.LineLimit) return $"Line {number} of the header is longer than {BodyEncoding.LineLimit} octets.";
            if (line[0] is (byte)' ' or (byte)'\t')
            {
                if (name.Length == 0) return "The header begins with the continuation of a line.";
            }
            else
            {
                var length = HeaderReader.FieldNameLength(line);
                if (length == 0) return $"Line {number} of the header is no header field.";
                Keep(position);
                (from, name) = (position, HeaderNames.Text(line[..length]));
            }
            position = next;
        }
        Keep(position);
        return null;

        void Keep(int until)
        {
            if (name.Length > 0) fields.Add(new(name, section[from..until]));
        }
    }
}

/// <summary>Writes single fields, folded and encoded as <see cref="MessageDraft"/> does it.</summary>
public static class HeaderLine
{
    public static void Addresses(ArrayBufferWriter<byte> into, string name, params IReadOnlyList<NamedAddress> addresses) => new HeaderWriter(into).Addresses(name, addresses);

    /// <summary>RFC 5322 section 3.3.</summary>
    public static void Date(ArrayBufferWriter<byte> into, string name, DateTimeOffset date) => new HeaderWriter(into).Token(name, MessageWriter.Date(date));

    /// <summary>ASCII words; folded between them. What cannot stand in a header is replaced by a question mark.</summary>
    public static void Words(ArrayBufferWriter<byte> into, string name, params ReadOnlySpan<string> words)
    {
        var clean = new string[words.Length];
        for (var i = 0; i < words.Length; i++)
            clean[i] = words[i].AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0 ? words[i] : string.Concat(words[i].Select(c => c is >= ' ' and <= '~' ? c : '?'));
        new HeaderWriter(into).Token(name, clean);
    }
}
