namespace Postrider.Mail.Smtp;

/// <summary>Counts the Received fields of a message that goes by in blocks (RFC 5321 section 6.3: each host adds one, so many of them are a loop). What follows the header costs nothing.</summary>
internal struct HopCounter
{
    // How much of the name a line has shown; -1: it is another line. The message begins with a line.
    private int matched;
    private bool headerEnded;

    public int Count { get; private set; }

    public void Look(ReadOnlySpan<byte> bytes)
    {
        var name = "received:"u8;
        while (!headerEnded && !bytes.IsEmpty)
        {
            if (matched < 0)
            {
                var end = bytes.IndexOf((byte)'\n');
                if (end < 0) return;
                bytes = bytes[(end + 1)..];
                matched = 0;
                continue;
            }
            var b = bytes[0];
            bytes = bytes[1..];
            if (matched == 0 && b == '\r') continue;
            if (b == '\n')
            {
                headerEnded = matched == 0;
                matched = 0;
            }
            else if ((b | 0x20) != name[matched]) matched = -1;
            else if (++matched == name.Length)
            {
                Count++;
                matched = -1;
            }
        }
    }
}
