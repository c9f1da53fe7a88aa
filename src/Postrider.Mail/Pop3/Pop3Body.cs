namespace Postrider.Mail.Pop3;

/// <summary>Takes the wire's dots out of a message (RFC 1939 section 3) and finds its end. A line begins only behind CR LF: a server that puts dots only there must not have its message cut at a bare LF.</summary>
internal sealed class Pop3Body
{
    private static readonly byte[] Cr = [(byte)'\r'];
    private Place place = Place.LineStart;

    private enum Place
    {
        LineStart,
        Text,
        AfterCr,
        /// <summary>Behind a dot at the start of a line, which is not handed on.</summary>
        AfterDot,
        /// <summary>Behind a dot and a CR, which are handed on only when no LF follows.</summary>
        AfterDotCr,
    }

    /// <summary>The line with the single dot was read; nothing more is taken.</summary>
    public bool Ended { get; private set; }

    /// <summary>The next piece of content of <paramref name="input"/>, as long as possible; may be empty.</summary>
    /// <param name="used">Bytes of the input that are done with: less than all of it where a dot was taken out, or at the end of the message.</param>
    public ReadOnlyMemory<byte> Take(ReadOnlyMemory<byte> input, out int used)
    {
        var span = input.Span;
        var from = 0;
        var i = 0;
        while (i < span.Length)
        {
            switch (place)
            {
                case Place.Text:
                    var cr = span[i..].IndexOf((byte)'\r');
                    if (cr < 0) i = span.Length;
                    else
                    {
                        i += cr + 1;
                        place = Place.AfterCr;
                    }
                    break;
                case Place.AfterCr:
                    if (span[i] == '\n')
                    {
                        i++;
                        place = Place.LineStart;
                    }
                    else if (span[i] == '\r') i++;
                    else place = Place.Text;
                    break;
                case Place.LineStart:
                    if (span[i] != '.')
                    {
                        place = Place.Text;
                        break;
                    }
                    place = Place.AfterDot;
                    used = i + 1;
                    if (i > from) return input[from..i];
                    from = ++i;
                    break;
                case Place.AfterDot:
                    if (span[i] == '\r')
                    {
                        place = Place.AfterDotCr;
                        from = ++i;
                    }
                    else place = Place.Text;
                    break;
                default:
                    if (span[i] == '\n')
                    {
                        Ended = true;
                        used = i + 1;
                        return ReadOnlyMemory<byte>.Empty;
                    }
                    // The CR belonged to the line after all.
                    place = Place.AfterCr;
                    used = i;
                    return Cr;
            }
        }
        used = span.Length;
        return input[from..];
    }
}
