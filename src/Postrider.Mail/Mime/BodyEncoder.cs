using System.Buffers;
using System.Buffers.Text;

namespace Postrider.Mail.Mime;

/// <summary>Puts a transfer encoding on content that comes in blocks of any length. However it is cut, the same bytes come out.</summary>
internal sealed class BodyEncoder(string encoding)
{
    public const int EncodedLine = 76; // RFC 2045 section 6.7 and 6.8
    private const int Base64Line = EncodedLine / 4 * 3;
    private const int LinesAtOnce = 256;

    // What must be seen behind a byte of quoted-printable: "From " is the longest.
    private const int LookAhead = 6;

    // What may stand as it is, also space and tab where something follows in their line.
    private static readonly SearchValues<byte> Plain = SearchValues.Create([(byte)'\t', .. Enumerable.Range(' ', '~' - ' ' + 1).Where(b => b != '=').Select(b => (byte)b)]);

    private readonly byte[] _kept = new byte[Base64Line];
    private int _keptLength;
    private int _column; // of quoted-printable
    private bool _begun; // a line of base64 was written

    public void Add(ReadOnlySpan<byte> content, IBufferWriter<byte> into)
    {
        switch (encoding)
        {
            case TransferEncoding.Base64Name:
                AddBase64(content, into);
                break;
            case TransferEncoding.QuotedPrintable:
                AddQuotedPrintable(content, into);
                break;
            default:
                into.Write(content);
                break;
        }
    }

    public void End(IBufferWriter<byte> into)
    {
        if (encoding == TransferEncoding.Base64Name && _keptLength > 0) Base64Lines(_kept.AsSpan(0, _keptLength), into);
        else if (encoding == TransferEncoding.QuotedPrintable) QuotedPrintable(_kept.AsSpan(0, _keptLength), final: true, into);
        _keptLength = 0;
    }

    private void AddBase64(ReadOnlySpan<byte> content, IBufferWriter<byte> into)
    {
        if (_keptLength > 0)
        {
            Keep(ref content, Base64Line - _keptLength);
            if (_keptLength < Base64Line) return;
            Base64Lines(_kept, into);
            _keptLength = 0;
        }
        while (content.Length >= Base64Line)
        {
            var block = content[..(Math.Min(content.Length / Base64Line, LinesAtOnce) * Base64Line)];
            content = content[block.Length..];
            Base64Lines(block, into);
        }
        Keep(ref content, content.Length);
    }

    private void Keep(ref ReadOnlySpan<byte> content, int count)
    {
        count = Math.Min(count, content.Length);
        content[..count].CopyTo(_kept.AsSpan(_keptLength));
        _keptLength += count;
        content = content[count..];
    }

    /// <summary>Whole lines, or the last one. All are encoded in one go behind the place where they belong, and then moved there with their line ends.</summary>
    private void Base64Lines(ReadOnlySpan<byte> content, IBufferWriter<byte> into)
    {
        var lines = (content.Length + Base64Line - 1) / Base64Line;
        var encoded = (content.Length + 2) / 3 * 4;
        var span = into.GetSpan(encoded + 2 * lines);
        Base64.EncodeToUtf8(content, span[(2 * lines)..], out _, out _);
        var written = 0;
        for (var at = 0; at < encoded; at += EncodedLine)
        {
            if (_begun)
            {
                span[written++] = (byte)'\r';
                span[written++] = (byte)'\n';
            }
            _begun = true;
            var line = span.Slice(2 * lines + at, Math.Min(EncodedLine, encoded - at));
            line.CopyTo(span[written..]);
            written += line.Length;
        }
        into.Advance(written);
    }

    private void AddQuotedPrintable(ReadOnlySpan<byte> content, IBufferWriter<byte> into)
    {
        if (_keptLength > 0)
        {
            var block = content;
            var had = _keptLength;
            Keep(ref block, 2 * LookAhead);
            var taken = QuotedPrintable(_kept.AsSpan(0, _keptLength), final: false, into);
            if (taken < had)
            {
                _kept.AsSpan(taken, _keptLength - taken).CopyTo(_kept);
                _keptLength -= taken;
                return; // the block is too short to tell
            }
            content = content[(taken - had)..];
            _keptLength = 0;
        }
        var plain = QuotedPrintable(content, final: false, into);
        content = content[plain..];
        Keep(ref content, content.Length);
    }

    /// <returns>How much was taken: all of it at the end, before that all but less than <see cref="LookAhead"/> and what does not yet show whether its line ends.</returns>
    private int QuotedPrintable(ReadOnlySpan<byte> content, bool final, IBufferWriter<byte> into)
    {
        const int Piece = 4096;
        var span = into.GetSpan(Piece);
        var (taken, written) = (0, 0);
        while (taken < content.Length)
        {
            var rest = content[taken..];
            if (!final && rest.Length < LookAhead) break;
            if (span.Length - written < EncodedLine + 4)
            {
                into.Advance(written);
                span = into.GetSpan(Piece);
                written = 0;
            }
            if (rest.StartsWith("\r\n"u8))
            {
                span[written++] = (byte)'\r';
                span[written++] = (byte)'\n';
                (_column, taken) = (0, taken + 2);
                continue;
            }
            var room = EncodedLine - _column;
            // At the start of a line an mbox file would quote the one, bad relays have lost the other, and the last could be taken for a delimiter.
            var guarded = _column == 0 && (rest[0] == '.' || rest.StartsWith("From "u8) || rest.StartsWith("--"u8));
            var run = guarded ? 0 : PlainRun(rest, final, room);
            if (run > 0)
            {
                rest[..run].CopyTo(span[written..]);
                (written, _column, taken) = (written + run, _column + run, taken + run);
                continue;
            }
            // The last column of a line that goes on belongs to the soft break's '='.
            var escape = guarded || !Plain.Contains(rest[0]) || (rest[0] is (byte)' ' or (byte)'\t' && LineEnds(rest[1..]));
            if (room < (escape ? 3 : 1) + (LineEnds(rest[1..]) ? 0 : 1))
            {
                "=\r\n"u8.CopyTo(span[written..]);
                (written, _column) = (written + 3, 0);
                continue;
            }
            span[written++] = (byte)'=';
            span[written++] = Hex(rest[0] >> 4);
            span[written++] = Hex(rest[0] & 15);
            (_column, taken) = (_column + 3, taken + 1);
        }
        into.Advance(written);
        return taken;
    }

    /// <summary>Bytes that can be written as they are into this line.</summary>
    private static int PlainRun(ReadOnlySpan<byte> rest, bool final, int room)
    {
        var seen = rest[..Math.Min(rest.Length, room + LookAhead)];
        var run = seen.IndexOfAnyExcept(Plain);
        if (run < 0) run = seen.Length;
        // Whether the line ends there is not known: enough stays for the next block to decide.
        if (!final && run + 2 > rest.Length) return Math.Min(rest.Length - LookAhead + 1, room - 1);
        var ends = LineEnds(rest[run..]);
        if (ends && run > 0 && rest[run - 1] is (byte)' ' or (byte)'\t')
        {
            run--;
            ends = false;
        }
        return ends && run <= room ? run : Math.Min(run, room - 1);
    }

    private static bool LineEnds(ReadOnlySpan<byte> rest) => rest.IsEmpty || rest.StartsWith("\r\n"u8);

    private static byte Hex(int digit) => (byte)(digit < 10 ? '0' + digit : 'A' + digit - 10);
}
