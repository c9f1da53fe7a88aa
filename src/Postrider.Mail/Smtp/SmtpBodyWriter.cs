using System.Buffers;

namespace Postrider.Mail.Smtp;

/// <summary>Message bytes as they stand between DATA and the final dot: every line ends with CRLF and a leading dot is doubled (RFC 5321 section 4.5.2).</summary>
/// <remarks>A bare CR or LF becomes CRLF. A server that takes <c>LF . LF</c> for the end would otherwise let a body smuggle a second message behind it (CVE-2023-51764).</remarks>
/// <param name="dots">A leading dot is doubled; not in chunks (RFC 3030), whose length is told.</param>
internal sealed class SmtpBodyWriter(IBufferWriter<byte> output, bool dots = true)
{
    private static readonly SearchValues<byte> LineEnds = SearchValues.Create("\r\n"u8);
    private bool atLineStart = true;
    // A CR has been read whose LF may come with the next block.
    private bool afterCr;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (afterCr)
            {
                afterCr = false;
                EndLine();
                if (bytes[0] == (byte)'\n')
                {
                    bytes = bytes[1..];
                    continue;
                }
            }
            if (dots && atLineStart && bytes[0] == (byte)'.') output.Write("."u8);
            var end = bytes.IndexOfAny(LineEnds);
            var text = end < 0 ? bytes : bytes[..end];
            if (!text.IsEmpty)
            {
                output.Write(text);
                atLineStart = false;
            }
            if (end < 0) return;
            if (bytes[end] == (byte)'\r') afterCr = true;
            else EndLine();
            bytes = bytes[(end + 1)..];
        }
    }

    /// <summary>The end of the last line, if it had none, and the final dot.</summary>
    public void Finish()
    {
        EndLastLine();
        output.Write(".\r\n"u8);
    }

    /// <summary>The end of the last line, if it had none.</summary>
    public void EndLastLine()
    {
        if (afterCr || !atLineStart) EndLine();
        afterCr = false;
    }

    private void EndLine()
    {
        output.Write("\r\n"u8);
        atLineStart = true;
    }
}
