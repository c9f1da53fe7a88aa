using System.Buffers;
using Postrider.Mail.Smtp;

namespace Postrider.Mail.Mime;

/// <summary>What the bytes of a message ask of a peer. They are added as they come, in blocks of any length; the properties hold for what has come so far.</summary>
public sealed class MessageNeeds
{
    private const int Block = 64 << 10;

    private bool _afterCr;
    private bool _crAlone;
    private long _line; // octets since the last line end
    private long _longest;

    /// <summary>There are octets over 127.</summary>
    public bool EightBit { get; private set; }

    public bool Nul { get; private set; }

    /// <summary>A CR without LF behind it.</summary>
    public bool BareCr => _crAlone || _afterCr;

    /// <summary>A LF without CR before it.</summary>
    public bool BareLf { get; private set; }

    /// <summary>In octets, without its line end.</summary>
    public long LongestLine => Math.Max(_longest, _line);

    public SmtpBodyKind Kind =>
        Nul || BareCr || BareLf || LongestLine > BodyEncoding.LineLimit ? SmtpBodyKind.Binary : EightBit ? SmtpBodyKind.EightBit : SmtpBodyKind.SevenBit;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return;
        EightBit = EightBit || bytes.ContainsAnyInRange((byte)0x80, (byte)0xFF);
        Nul = Nul || bytes.Contains((byte)0);
        while (!bytes.IsEmpty)
        {
            if (_afterCr)
            {
                _afterCr = false;
                EndLine();
                if (bytes[0] == '\n')
                {
                    bytes = bytes[1..];
                    continue;
                }
                _crAlone = true;
            }
            var end = bytes.IndexOfAny((byte)'\r', (byte)'\n');
            _line += end < 0 ? bytes.Length : end;
            if (end < 0) return;
            if (bytes[end] == '\r')
            {
                _afterCr = true;
            }
            else
            {
                BareLf = true;
                EndLine();
            }
            bytes = bytes[(end + 1)..];
        }
    }

    /// <summary>From where the stream stands to its end.</summary>
    public static async Task<MessageNeeds> ReadAsync(Stream message, CancellationToken cancel)
    {
        var needs = new MessageNeeds();
        var buffer = ArrayPool<byte>.Shared.Rent(Block);
        try
        {
            while (await message.ReadAsync(buffer, cancel) is > 0 and var read) needs.Add(buffer.AsSpan(0, read));
            return needs;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void EndLine()
    {
        _longest = Math.Max(_longest, _line);
        _line = 0;
    }
}
