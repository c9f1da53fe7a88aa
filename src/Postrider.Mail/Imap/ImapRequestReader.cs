using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>Takes whole commands from a client, literals included.</summary>
internal sealed class ImapRequestReader(WireConnection connection)
{
    // Literals other than APPEND's message, all of one command together.
    private const int SmallLiteralBytes = 64 * 1024;
    private const int MaxLiterals = 100;

    /// <param name="utf8Names">See <see cref="ImapRequest.Utf8Names"/>.</param>
    /// <param name="lineBytes">Limit of all lines of the command together.</param>
    /// <param name="appendBytes">Limit of APPEND's literals; zero where APPEND is not allowed yet.</param>
    /// <param name="unaskedBytes">Limit of a literal that does not wait to be asked for: RFC 7888 has none for LITERAL+ and 4096 for LITERAL-.</param>
    /// <param name="announce">Asks the client for a synchronising literal.</param>
    /// <param name="refuse">Answers a literal that is too long; told the tag (the first word as it came). The client may go on with another command.</param>
    /// <returns>Null when a literal was refused and answered. The request is valid until the next line is read.</returns>
    /// <exception cref="WireProtocolException">A limit was passed in a way that leaves no common understanding of what follows.</exception>
    public async ValueTask<ImapRequest?> ReadAsync(bool utf8Names, int lineBytes, long appendBytes, long unaskedBytes, Func<ValueTask> announce, Func<string, ValueTask> refuse, Action<string>? shown, CancellationToken cancel)
    {
        ArrayBufferWriter<byte>? text = null;
        List<ReadOnlyMemory<byte>>? literals = null;
        var literalBytes = 0L;
        while (true)
        {
            var line = await connection.Lines.ReadAsync(Math.Max(1, lineBytes - (text?.WrittenCount ?? 0)), cancel);
            if (line.Span.Contains((byte)0)) throw new WireProtocolException("A command line holds a NUL.");
            shown?.Invoke(Encoding.UTF8.GetString(line.Span));
            if (!EndsInLiteral(line.Span, out var length, out var synchronising, out var before))
            {
                // Without a literal the line is the command as it stands.
                if (text is null) return new ImapRequest(line, []) { Utf8Names = utf8Names };
                text.Write(line.Span);
                return new ImapRequest(text.WrittenMemory, (IReadOnlyList<ReadOnlyMemory<byte>>?)literals ?? []) { Utf8Names = utf8Names };
            }
            text ??= new ArrayBufferWriter<byte>(256);
            text.Write(line.Span[..before]);
            if (!synchronising && length > (ulong)unaskedBytes) throw new WireProtocolException("A literal of this length must be asked for.");
            var most = IsAppend(text.WrittenSpan) ? appendBytes : SmallLiteralBytes;
            literals ??= [];
            if (length > (ulong)Math.Max(0, most - literalBytes) || literals.Count == MaxLiterals)
            {
                // A client that waits can be told; one that does not wait is sending already.
                if (!synchronising) throw new WireProtocolException("A literal is longer than allowed.");
                var words = Encoding.ASCII.GetString(text.WrittenSpan);
                await refuse(words[..Math.Max(0, words.IndexOf(' ', StringComparison.Ordinal))]);
                return null;
            }
            if (synchronising) await announce();
            literals.Add(await ReadLiteralAsync((int)length, cancel));
            literalBytes += (long)length;
            text.Write([(byte)0]);
        }
    }

    private static bool IsAppend(ReadOnlySpan<byte> text)
    {
        var space = text.IndexOf((byte)' ');
        return space > 0 && text.Length > space + 7 && Ascii.EqualsIgnoreCase(text.Slice(space + 1, 7), "APPEND "u8);
    }

    /// <summary><c>{n}</c>, <c>{n+}</c> (RFC 7888) at the end of the line.</summary>
    private static bool EndsInLiteral(ReadOnlySpan<byte> line, out ulong length, out bool synchronising, out int before)
    {
        (length, synchronising, before) = (0, true, 0);
        if (line is not [.., (byte)'}']) return false;
        before = line.LastIndexOf((byte)'{');
        if (before < 0) return false;
        var inside = line[(before + 1)..^1];
        if (inside is [.., (byte)'+'])
        {
            synchronising = false;
            inside = inside[..^1];
        }
        return inside.Length > 0 && inside[0] != '+' && Utf8Parser.TryParse(inside, out length, out var digits) && digits == inside.Length;
    }

    private async ValueTask<ReadOnlyMemory<byte>> ReadLiteralAsync(int length, CancellationToken cancel)
    {
        // A length is a claim: memory follows the bytes that really come.
        var bytes = new byte[Math.Min(length, 64 * 1024)];
        var filled = 0;
        while (filled < length)
        {
            var read = await connection.Input.ReadAsync(cancel);
            var take = (int)Math.Min(length - filled, read.Buffer.Length);
            if (filled + take > bytes.Length) Array.Resize(ref bytes, (int)Math.Min(length, Math.Max(bytes.Length * 2L, filled + (long)take)));
            read.Buffer.Slice(0, take).CopyTo(bytes.AsSpan(filled));
            filled += take;
            connection.Input.AdvanceTo(read.Buffer.GetPosition(take));
            if (filled < length && read.IsCompleted) throw new EndOfStreamException();
        }
        return bytes;
    }
}
