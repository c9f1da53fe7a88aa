namespace Postrider.Mail.Mime;

/// <summary>Splits a header section into fields without looking into them.</summary>
internal static class HeaderReader
{
    public enum Ending
    {
        BlankLine,
        /// <summary>Nothing comes any more.</summary>
        End,
        /// <summary>A line that cannot be a field: the body begins there, so nothing is lost.</summary>
        NoField,
        Delimiter,
        /// <summary>The section is longer than is read: the body begins at the line that is too much.</summary>
        TooLong,
        /// <summary>The last line has no end yet.</summary>
        Unfinished,
    }

    /// <param name="SectionEnd">Where the header section ends, in bytes from its start.</param>
    /// <param name="BodyStart">After the blank line; equal to <paramref name="SectionEnd"/> when there is none.</param>
    /// <param name="FieldsCut">There were more fields than are listed.</param>
    /// <param name="Orphan">It begins with a continuation.</param>
    public readonly record struct Section(Ending Ending, int SectionEnd, int BodyStart, bool FieldsCut, bool Orphan);

    /// <param name="section">From the section's first byte on: all there is of the message.</param>
    /// <param name="complete">Nothing comes after it.</param>
    /// <param name="fields">Takes the fields, within the limits; null: only the section's end is looked for.</param>
    /// <param name="isDelimiter">Told the start of a line that begins with two hyphens, in bytes from the section's start.</param>
    public static Section Read(ReadOnlyMemory<byte> section, bool complete, byte newline, MimeLimits limits, List<HeaderField>? fields, Func<int, bool> isDelimiter)
    {
        var bytes = section.Span;
        var position = 0;
        var fieldStart = -1;
        var nameLength = 0;
        var valueEnd = 0;
        var (kept, cut, orphan) = (0, false, false);
        while (position < bytes.Length)
        {
            var lineEnd = bytes[position..].IndexOf(newline);
            if (lineEnd < 0 && !complete && bytes.Length <= limits.HeaderBytes) return Ended(Ending.Unfinished, position, position);
            var next = lineEnd < 0 ? bytes.Length : position + lineEnd + 1;
            if (next > limits.HeaderBytes) return Ended(Ending.TooLong, fieldStart < 0 ? position : fieldStart, fieldStart < 0 ? position : fieldStart, keep: false);
            var contentEnd = lineEnd < 0 ? bytes.Length : position + lineEnd;
            if (contentEnd > position && bytes[contentEnd - 1] == '\r') contentEnd--;
            var line = bytes[position..contentEnd];

            if (line.IsEmpty) return Ended(Ending.BlankLine, position, next);
            if (line[0] is (byte)' ' or (byte)'\t')
            {
                orphan |= fieldStart < 0;
                valueEnd = contentEnd;
            }
            else if (line[0] == '-' && line.StartsWith("--"u8) && isDelimiter(position))
            {
                return Ended(Ending.Delimiter, position, position);
            }
            else if (FieldNameLength(line) is > 0 and var length)
            {
                Keep();
                (fieldStart, nameLength, valueEnd) = (position, length, contentEnd);
            }
            else if (position != 0 || !(line.StartsWith("From "u8) || line.StartsWith(">From "u8))) // the envelope line of an mbox file is no field
            {
                return Ended(Ending.NoField, position, position);
            }
            position = next;
        }
        return complete ? Ended(Ending.End, position, position) : Ended(Ending.Unfinished, position, position);

        Section Ended(Ending ending, int sectionEnd, int bodyStart, bool keep = true)
        {
            if (keep) Keep();
            return new Section(ending, sectionEnd, bodyStart, cut, orphan);
        }

        void Keep()
        {
            if (fieldStart < 0) return;
            if (++kept > limits.HeaderFields)
            {
                cut = true;
            }
            else if (fields is not null)
            {
                var line = section.Span[fieldStart..valueEnd];
                var colon = line.IndexOf((byte)':') + 1;
                fields.Add(new HeaderField(HeaderNames.Text(line[..nameLength]), section[(fieldStart + colon)..valueEnd]));
            }
            fieldStart = -1;
        }
    }

    /// <returns>Zero when the line is no field. White space before the colon is obsolete and allowed (RFC 5322 section 4.5).</returns>
    internal static int FieldNameLength(ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        if (colon <= 0) return 0;
        var name = line[..colon].TrimEnd(" \t"u8);
        return name.IndexOfAnyExceptInRange((byte)33, (byte)126) < 0 ? name.Length : 0;
    }
}
