namespace Postrider.Mail.Mime;

/// <summary>uuencode, from before MIME (POSIX: "uuencode - encode a binary file"): lines of a length sign and groups of four, between "begin" and "end".</summary>
internal static class UuEncoding
{
    public static byte[] Decode(ReadOnlySpan<byte> body)
    {
        var decoded = new byte[body.Length];
        var written = 0;
        var begun = false;
        while (!body.IsEmpty)
        {
            var end = body.IndexOf((byte)'\n');
            var line = (end < 0 ? body : body[..end]).TrimEnd("\r"u8);
            body = end < 0 ? [] : body[(end + 1)..];
            if (!begun)
            {
                begun = line.StartsWith("begin "u8);
                continue;
            }
            if (line.IsEmpty || line.SequenceEqual("end"u8)) break;
            var length = (line[0] - 32) & 63;
            line = line[1..];
            for (var i = 0; i < length; i += 3)
            {
                var bits = (Value(line, 0) << 18) | (Value(line, 1) << 12) | (Value(line, 2) << 6) | Value(line, 3);
                line = line.Length > 4 ? line[4..] : [];
                for (var n = 0; n < 3 && i + n < length && written < decoded.Length; n++) decoded[written++] = (byte)(bits >> (16 - 8 * n));
            }
        }
        return decoded[..written];
    }

    // A missing sign stands for a trailing space that was lost on the way.
    private static int Value(ReadOnlySpan<byte> line, int at) => at < line.Length ? (line[at] - 32) & 63 : 0;
}
