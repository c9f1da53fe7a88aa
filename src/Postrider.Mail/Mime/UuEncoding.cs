using System.Runtime.InteropServices;

namespace Postrider.Mail.Mime;

/// <summary>uuencode, from before MIME (POSIX: "uuencode - encode a binary file"): lines of a length sign and groups of four, between "begin" and "end".</summary>
internal static class UuEncoding
{
    /// <summary>Between one piece of a body and the next.</summary>
    [StructLayout(LayoutKind.Auto)]
    internal struct State
    {
        /// <summary>The line "begin" has been seen.</summary>
        public bool Begun;
        /// <summary>So has the line "end", or an empty one.</summary>
        public bool Ended;
        /// <summary>Bytes that may come out: what went in. A line may say that it holds more than it does, since its trailing spaces may have been lost.</summary>
        public long Credit;
    }

    public static byte[] Decode(ReadOnlySpan<byte> body)
    {
        var decoded = new byte[body.Length];
        var state = new State();
        return decoded[..Decode(body, decoded, ref state)];
    }

    /// <summary>Of whole lines.</summary>
    /// <param name="into">At least as long as the lines.</param>
    public static int Decode(ReadOnlySpan<byte> lines, Span<byte> into, ref State state)
    {
        var written = 0;
        while (!lines.IsEmpty && !state.Ended)
        {
            var end = lines.IndexOf((byte)'\n');
            var line = (end < 0 ? lines : lines[..end]).TrimEnd("\r"u8);
            state.Credit += end < 0 ? lines.Length : end + 1;
            lines = end < 0 ? [] : lines[(end + 1)..];
            if (!state.Begun)
            {
                state.Begun = line.StartsWith("begin "u8);
                continue;
            }
            if (line.IsEmpty || line.SequenceEqual("end"u8))
            {
                state.Ended = true;
                break;
            }
            var length = (line[0] - 32) & 63;
            line = line[1..];
            for (var i = 0; i < length; i += 3)
            {
                var bits = (Value(line, 0) << 18) | (Value(line, 1) << 12) | (Value(line, 2) << 6) | Value(line, 3);
                line = line.Length > 4 ? line[4..] : [];
                for (var n = 0; n < 3 && i + n < length && state.Credit > 0 && written < into.Length; n++, state.Credit--) into[written++] = (byte)(bits >> (16 - 8 * n));
            }
        }
        return written;
    }

    // A missing sign stands for a trailing space that was lost on the way.
    private static int Value(ReadOnlySpan<byte> line, int at) => at < line.Length ? (line[at] - 32) & 63 : 0;
}
