using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>Splits a header section into fields without looking into them.</summary>
internal static class HeaderReader
{
    /// <param name="Fields">Within the limits.</param>
    /// <param name="SectionEnd">Where the header section ends, in bytes from the start of the message.</param>
    /// <param name="BodyStart">After the blank line; equal to <paramref name="SectionEnd"/> when there is none.</param>
    public readonly record struct Section(IReadOnlyList<HeaderField> Fields, int SectionEnd, int BodyStart);

    /// <summary>Reads until the blank line, a line that cannot be a field (the body begins there: nothing is lost), or a line for which <paramref name="isDelimiter"/> holds.</summary>
    public static Section Read(ReadOnlyMemory<byte> message, int start, byte newline, MimeLimits limits, DefectLog defects, Func<int, bool> isDelimiter)
    {
        var bytes = message.Span;
        var fields = new List<HeaderField>();
        var position = start;
        var fieldStart = -1;
        var nameLength = 0;
        var valueEnd = 0;
        while (position < bytes.Length)
        {
            var lineEnd = bytes[position..].IndexOf(newline);
            var next = lineEnd < 0 ? bytes.Length : position + lineEnd + 1;
            var contentEnd = lineEnd < 0 ? bytes.Length : position + lineEnd;
            if (contentEnd > position && bytes[contentEnd - 1] == '\r') contentEnd--;
            var line = bytes[position..contentEnd];

            if (line.IsEmpty)
            {
                Keep();
                return new Section(fields, position, next);
            }
            if (line[0] is (byte)' ' or (byte)'\t')
            {
                if (fieldStart < 0) defects.Add("The first header line is a continuation.");
                valueEnd = contentEnd;
            }
            else if (line[0] == '-' && line.StartsWith("--"u8) && isDelimiter(position))
            {
                Keep();
                defects.Add("A part ends within its header.");
                return new Section(fields, position, position);
            }
            else if (FieldNameLength(line) is > 0 and var length)
            {
                Keep();
                (fieldStart, nameLength, valueEnd) = (position, length, contentEnd);
            }
            else if (position == start && (line.StartsWith("From "u8) || line.StartsWith(">From "u8)))
            {
                // The envelope line of an mbox file is no field.
            }
            else
            {
                Keep();
                defects.Add("A line within the header is no field; the body begins there.");
                return new Section(fields, position, position);
            }
            position = next;
        }
        Keep();
        return new Section(fields, position, position);

        void Keep()
        {
            if (fieldStart < 0) return;
            if (fields.Count >= limits.HeaderFields || valueEnd - start > limits.HeaderBytes)
            {
                defects.Add("A header is larger than is read; its rest is kept as bytes.");
            }
            else
            {
                var line = message.Span[fieldStart..valueEnd];
                var colon = line.IndexOf((byte)':') + 1;
                fields.Add(new HeaderField(HeaderNames.Text(line[..nameLength]), message[(fieldStart + colon)..valueEnd]));
            }
            fieldStart = -1;
        }
    }

    /// <returns>Zero when the line is no field. White space before the colon is obsolete and allowed (RFC 5322 section 4.5).</returns>
    private static int FieldNameLength(ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        if (colon <= 0) return 0;
        var name = line[..colon].TrimEnd(" \t"u8);
        return name.IndexOfAnyExceptInRange((byte)33, (byte)126) < 0 ? name.Length : 0;
    }
}

/// <summary>Names of fields as strings; the usual ones are not made anew for every message.</summary>
internal static class HeaderNames
{
    private static readonly string[] Usual =
    [
        "From", "To", "Cc", "Bcc", "Subject", "Date", "Message-ID", "Message-Id", "In-Reply-To", "References", "Reply-To", "Sender", "Received", "Return-Path",
        "MIME-Version", "Mime-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID", "Content-Id", "Content-Description",
        "Content-Language", "Delivered-To", "DKIM-Signature", "Authentication-Results", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results",
        "Received-SPF", "List-Unsubscribe", "List-Id", "List-Post", "Precedence", "User-Agent", "X-Mailer", "X-Priority", "Thread-Topic", "Thread-Index",
        "Auto-Submitted", "X-MS-Has-Attach", "X-Originating-IP", "Importance", "Status", "Errors-To",
    ];

    private static readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> Known =
        Usual.ToDictionary(n => n, StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    public static string Text(ReadOnlySpan<byte> name)
    {
        if (name.Length > 40) return Encoding.ASCII.GetString(name);
        Span<char> chars = stackalloc char[40];
        chars = chars[..Encoding.ASCII.GetChars(name, chars)];
        return Known.TryGetValue(chars, out var known) ? known : new string(chars);
    }
}
