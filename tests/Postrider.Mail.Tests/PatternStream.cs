namespace Postrider.Mail.Tests;

/// <summary>So many bytes that differ from place to place.</summary>
internal sealed class PatternStream(long length) : MadeStream
{
    private long at;

    public override int Read(Span<byte> buffer)
    {
        var count = (int)Math.Min(buffer.Length, length - at);
        for (var n = 0; n < count; n++, at++) buffer[n] = (byte)(at ^ (at >> 8) ^ (at >> 16));
        return count;
    }
}
