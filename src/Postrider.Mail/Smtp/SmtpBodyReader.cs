using System.Buffers;

namespace Postrider.Mail.Smtp;

/// <summary>Takes the message out of the bytes between 354 and the final dot (RFC 5321 section 4.5.2), across any split into blocks.</summary>
/// <remarks>The end is CR LF . CR LF and nothing that resembles it: a bare CR or LF never begins a line here, so no other sequence can end the message for us and not for the sender (CVE-2023-51764 to 51766).</remarks>
internal sealed class SmtpBodyReader
{
    private enum At { LineStart, Text, Cr, Dot, DotCr }

    private static readonly SearchValues<byte> LineEndsAndNul = SearchValues.Create("\r\n\0"u8);
    // The CR LF of the DATA command begins the first line.
    private At at = At.LineStart;
    private HopCounter hops;

    public bool Ended { get; private set; }

    /// <summary>A CR or LF stood alone (RFC 5321 section 2.3.8 forbids both).</summary>
    public bool HasBareLineEnd { get; private set; }

    /// <summary>RFC 2045 section 2.8 forbids NUL; a server that drops it may see an end of data where there is none.</summary>
    public bool HasNul { get; private set; }

    /// <summary>Received fields so far.</summary>
    public int Hops => hops.Count;

    /// <summary>Bytes of the message so far, dots removed.</summary>
    public long Length { get; private set; }

    /// <summary>Writes the message's bytes to <paramref name="output"/>; null: they are thrown away.</summary>
    /// <returns>How many bytes belonged to the body; all of them unless <see cref="Ended"/>.</returns>
    public int Read(ReadOnlySpan<byte> bytes, IBufferWriter<byte>? output)
    {
        var from = 0;
        var i = 0;
        while (i < bytes.Length && !Ended)
        {
            var b = bytes[i];
            switch (at)
            {
                case At.Text:
                    var end = bytes[i..].IndexOfAny(LineEndsAndNul);
                    if (end < 0)
                    {
                        i = bytes.Length;
                        break;
                    }
                    i += end + 1;
                    if (bytes[i - 1] == (byte)'\r') at = At.Cr;
                    else if (bytes[i - 1] == 0) HasNul = true;
                    else HasBareLineEnd = true;
                    break;
                case At.Cr when b == (byte)'\n':
                    i++;
                    at = At.LineStart;
                    break;
                case At.Cr:
                    HasBareLineEnd = true;
                    at = At.Text;
                    break;
                case At.LineStart when b == (byte)'.':
                    Put(bytes[from..i], output);
                    from = ++i;
                    at = At.Dot;
                    break;
                case At.LineStart:
                    at = At.Text;
                    break;
                case At.Dot when b == (byte)'\r':
                    // Held back: with LF it ends the message.
                    from = ++i;
                    at = At.DotCr;
                    break;
                case At.Dot:
                    at = At.Text;
                    break;
                case At.DotCr when b == (byte)'\n':
                    from = ++i;
                    Ended = true;
                    break;
                case At.DotCr:
                    HasBareLineEnd = true;
                    Put("\r"u8, output);
                    at = At.Text;
                    break;
            }
        }
        Put(bytes[from..i], output);
        return i;
    }

    private void Put(ReadOnlySpan<byte> run, IBufferWriter<byte>? output)
    {
        if (run.IsEmpty) return;
        Length += run.Length;
        hops.Look(run);
        output?.Write(run);
    }
}
