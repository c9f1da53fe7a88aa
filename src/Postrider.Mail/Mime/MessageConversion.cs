using System.Buffers;
using System.Text;
using Postrider.Mail.Smtp;

namespace Postrider.Mail.Mime;

/// <summary>Why a message cannot be encoded anew for a peer.</summary>
public enum ConversionObstacle
{
    /// <summary>A signed part does not fit. Encoded anew its signature would not hold any more; only its author can sign the encoded form.</summary>
    SignatureBreaks,
    /// <summary>A header holds octets over 127: the peer would need SMTPUTF8 (RFC 6531).</summary>
    HeaderNotAscii,
    /// <summary>A header has NUL, a CR that ends no line, or a line of over 998 octets.</summary>
    HeaderLine,
    /// <summary>A part that does not fit is in a transfer encoding that is not known, is a piece of a message (<c>message/partial</c>), or lies beyond the limits of reading.</summary>
    Structure,
}

/// <summary>What became of a conversion.</summary>
public abstract record ConversionOutcome
{
    private ConversionOutcome() { }

    /// <summary>The message is written, and is of this kind. A DKIM signature that it had does not hold any more if a body was encoded anew (RFC 6376 section 5.3).</summary>
    public sealed record Converted(SmtpBodyKind Kind, int PartsEncoded) : ConversionOutcome;

    /// <summary>Nothing is written. It passes by itself only with a peer that takes more.</summary>
    /// <param name="Detail">One sentence, without content of the message.</param>
    public sealed record Refused(ConversionObstacle Obstacle, string Detail) : ConversionOutcome;
}

/// <summary>
/// Encodes a message anew for a peer without 8BITMIME or BINARYMIME (RFC 6152 section 3): leaf by leaf, every other byte as it stood but for line ends, which become CRLF. What is signed is left whole.
/// Preamble and epilogue, which nobody reads (RFC 2046 section 5.1.1), lose what does not fit.
/// </summary>
public static class MessageConversion
{
    private const int Block = 64 << 10;

    /// <param name="message">Seekable, read several times from its beginning; memory holds its headers and a window. Stays open.</param>
    /// <param name="into">Gets the message, ending with CRLF, unless it is refused. Stays open.</param>
    /// <param name="peer">What the peer takes. Unknown is 7-bit.</param>
    public static async Task<ConversionOutcome> ConvertAsync(Stream message, Stream into, SmtpBodyKind peer, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(into);
        if (peer == SmtpBodyKind.Unknown) peer = SmtpBodyKind.SevenBit;
        message.Position = 0;
        var needs = await MessageNeeds.ReadAsync(message, cancel);
        message.Position = 0;
        if (needs.Kind <= peer)
        {
            await message.CopyToAsync(into, cancel);
            return new ConversionOutcome.Converted(needs.Kind, 0);
        }
        var tree = await MimeMessage.ReadAsync(message, MimeLimits.Default, cancel);
        var plan = new Plan(message, peer, cancel);
        var kind = await plan.AddAsync(tree.Root, isRoot: true);
        if (plan.Refusal is { } refusal) return refusal;
        await plan.WriteAsync(into);
        return new ConversionOutcome.Converted(kind, plan.Encoded);
    }

    /// <summary>The steps of writing, all known before the first byte is written.</summary>
    private sealed class Plan(Stream message, SmtpBodyKind peer, CancellationToken cancel)
    {
        private readonly List<Step> _steps = [];

        private abstract record Step;
        private sealed record Header(byte[] Bytes) : Step;
        private sealed record Copy(long From, long Length, bool Clean) : Step;
        private sealed record Encode(MimePart Part, string Encoding, bool MendLines) : Step;

        public ConversionOutcome.Refused? Refusal { get; private set; }
        public int Encoded { get; private set; }

        /// <returns>What the part is when it is written.</returns>
        public async Task<SmtpBodyKind> AddAsync(MimePart part, bool isRoot)
        {
            if (Refusal is not null) return peer;
            var header = new MessageNeeds();
            header.Add(part.RawHeaders.Span);
            if (header.EightBit && peer < SmtpBodyKind.EightBit) Refuse(ConversionObstacle.HeaderNotAscii, "A header holds 8-bit characters; the peer would have to take SMTPUTF8.");
            else if (header.Nul || header.BareCr || header.LongestLine > BodyEncoding.LineLimit) Refuse(ConversionObstacle.HeaderLine, "A header holds NUL, a CR that ends no line, or a line of more than 998 octets.");
            if (Refusal is not null) return peer;

            var at = _steps.Count;
            _steps.Add(new Header([])); // what it says depends on what follows
            SmtpBodyKind kind;
            string? encoding = null;
            var signed = part.MediaType == "multipart/signed";
            if (signed) kind = await SignedAsync(part);
            else if (part.Children.Count > 0 && part.Children.All(c => c.BodyOffset is not null)) kind = await ChildrenAsync(part);
            else (kind, encoding) = await LeafAsync(part);
            if (Refusal is not null) return peer;
            if (encoding is null && part.TransferEncodingName is "8bit" or "binary" && !signed) encoding = NameOf(kind);
            if (encoding == part.TransferEncodingName) encoding = null;
            _steps[at] = new Header(HeaderBytes(part, encoding, mimeVersion: isRoot && encoding is not null && part.Find("MIME-Version") is null));
            return header.EightBit && kind < SmtpBodyKind.EightBit ? SmtpBodyKind.EightBit : kind;
        }

        private async Task<SmtpBodyKind> SignedAsync(MimePart part)
        {
            var body = await NeedsAsync(part.BodyStart, part.BodyLength);
            var kind = WithLineEnds(body);
            if (kind > peer) Refuse(ConversionObstacle.SignatureBreaks, "A signed part does not fit, and its signature would not hold if it were encoded anew.");
            _steps.Add(new Copy(part.BodyStart, part.BodyLength, Clean: false));
            return kind;
        }

        private async Task<SmtpBodyKind> ChildrenAsync(MimePart part)
        {
            var kind = SmtpBodyKind.SevenBit;
            var at = part.BodyStart;
            foreach (var child in part.Children)
            {
                if (child.HeaderStart > at) _steps.Add(new Copy(at, child.HeaderStart - at, Clean: true));
                var own = await AddAsync(child, isRoot: part.IsMessage);
                if (own > kind) kind = own;
                at = child.BodyStart + child.BodyLength;
            }
            if (part.BodyStart + part.BodyLength > at) _steps.Add(new Copy(at, part.BodyStart + part.BodyLength - at, Clean: true));
            return kind;
        }

        private async Task<(SmtpBodyKind Kind, string? Encoding)> LeafAsync(MimePart part)
        {
            var needs = await NeedsAsync(part.BodyStart, part.BodyLength);
            var identity = TransferEncoding.IsIdentity(part.TransferEncodingName);
            // In text, and between encoded lines, LF is a line end. Text in UTF-16 is bytes.
            var lines = !identity || ((part.IsText || part.IsMessage) && !needs.Nul);
            var kind = lines ? WithLineEnds(needs) : needs.Kind;
            if (kind <= peer)
            {
                _steps.Add(new Copy(part.BodyStart, part.BodyLength, Clean: false));
                return (kind, null);
            }
            // An enclosed message and a multipart without parts take no encoding (RFC 2046 section 5.2.1, RFC 2045 section 6.4).
            if (!TransferEncoding.IsKnown(part.TransferEncodingName) || part.IsPartial || part.IsMessage || part.IsMultipart || (part.RawHeaders.IsEmpty && part.MediaType == "application/octet-stream"))
            {
                Refuse(ConversionObstacle.Structure, "A part that does not fit cannot be encoded anew.");
                return (peer, null);
            }
            var decoded = identity ? needs : await DecodedNeedsAsync(part);
            var mend = part.IsText && !decoded.Nul && !decoded.BareCr && part.TransferEncodingName != TransferEncoding.Base64Name;
            var encoding = part.TransferEncodingName == TransferEncoding.QuotedPrintable ? TransferEncoding.QuotedPrintable
                : identity ? BodyEncoding.Cheapest(part.BodyLength, await CountEscapedAsync(part))
                : TransferEncoding.Base64Name;
            _steps.Add(new Encode(part, encoding, mend));
            Encoded++;
            return (SmtpBodyKind.SevenBit, encoding);
        }

        public async Task WriteAsync(Stream into)
        {
            using var output = new PooledBuffer(2 * Block);
            var input = ArrayPool<byte>.Shared.Rent(Block);
            var last = (First: (byte)0, Second: (byte)0);
            try
            {
                foreach (var step in _steps)
                {
                    switch (step)
                    {
                        case Header header:
                            output.Write(header.Bytes);
                            await FlushAsync(Block);
                            break;
                        case Copy copy:
                            await CopyAsync(copy);
                            break;
                        case Encode encode:
                            await EncodeAsync(encode);
                            break;
                    }
                }
                await FlushAsync(0);
                // In quoted-printable a line end is content, unless it is a soft one (RFC 2045 section 6.7).
                if (last is not ((byte)'\r', (byte)'\n')) await into.WriteAsync((_steps is [.., Encode { Encoding: TransferEncoding.QuotedPrintable }] ? "=\r\n"u8 : "\r\n"u8).ToArray(), cancel);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(input);
            }

            async Task CopyAsync(Copy copy)
            {
                var lines = new SmtpBodyWriter(output, dots: false);
                var gap = new Gap(peer);
                message.Position = copy.From;
                for (var left = copy.Length; left > 0;)
                {
                    var read = await ReadAsync(input, left);
                    left -= read;
                    if (copy.Clean) gap.Write(input.AsSpan(0, read), lines);
                    else lines.Write(input.AsSpan(0, read));
                    await FlushAsync(Block);
                }
            }

            async Task EncodeAsync(Encode encode)
            {
                var encoder = new BodyEncoder(encode.Encoding);
                using var mended = new PooledBuffer(encode.MendLines ? 2 * Block : 0);
                var lines = new SmtpBodyWriter(mended, dots: false);
                await using var body = encode.Part.OpenBody(message);
                while (await body.ReadAsync(input, cancel) is > 0 and var read)
                {
                    if (encode.MendLines)
                    {
                        lines.Write(input.AsSpan(0, read));
                        encoder.Add(mended.Written.Span, output);
                        mended.Clear();
                    }
                    else
                    {
                        encoder.Add(input.AsSpan(0, read), output);
                    }
                    await FlushAsync(Block);
                }
                encoder.End(output);
            }

            async ValueTask FlushAsync(int from)
            {
                if (output.Length <= from) return;
                await into.WriteAsync(output.Written, cancel);
                last = output.Length > 1 ? (output.Written.Span[^2], output.Written.Span[^1]) : (last.Second, output.Written.Span[0]);
                output.Clear();
            }
        }

        private async Task<MessageNeeds> NeedsAsync(long from, long length)
        {
            var needs = new MessageNeeds();
            await EachBlockAsync(from, length, needs.Add);
            return needs;
        }

        private async Task<MessageNeeds> DecodedNeedsAsync(MimePart part)
        {
            await using var body = part.OpenBody(message);
            return await MessageNeeds.ReadAsync(body, cancel);
        }

        private async Task<long> CountEscapedAsync(MimePart part)
        {
            var escaped = 0L;
            await EachBlockAsync(part.BodyStart, part.BodyLength, block => escaped += BodyEncoding.CountEscaped(block));
            return escaped;
        }

        private async Task EachBlockAsync(long from, long length, Action<ReadOnlySpan<byte>> act)
        {
            var buffer = ArrayPool<byte>.Shared.Rent(Block);
            try
            {
                message.Position = from;
                while (length > 0)
                {
                    var read = await ReadAsync(buffer, length);
                    length -= read;
                    act(buffer.AsSpan(0, read));
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        private async Task<int> ReadAsync(byte[] buffer, long length) =>
            await message.ReadAsync(buffer.AsMemory(0, (int)Math.Min(Block, length)), cancel) is > 0 and var read ? read : throw new EndOfStreamException("The message became shorter while it was read.");

        private void Refuse(ConversionObstacle obstacle, string detail) => Refusal ??= new(obstacle, detail);

        /// <summary>What is left when LF is CRLF. A CR alone stays what it is: made a line end, it could make a delimiter of what follows it.</summary>
        private static SmtpBodyKind WithLineEnds(MessageNeeds needs) =>
            needs.Nul || needs.BareCr || needs.LongestLine > BodyEncoding.LineLimit ? SmtpBodyKind.Binary : needs.EightBit ? SmtpBodyKind.EightBit : SmtpBodyKind.SevenBit;

        private static string NameOf(SmtpBodyKind kind) => kind switch { SmtpBodyKind.EightBit => "8bit", SmtpBodyKind.Binary => "binary", _ => "7bit" };

        /// <summary>The header section with its blank line, and with another transfer encoding where one is given.</summary>
        private static byte[] HeaderBytes(MimePart part, string? encoding, bool mimeVersion)
        {
            var into = new ArrayBufferWriter<byte>(part.RawHeaders.Length + 128);
            var rest = part.RawHeaders.Span;
            var dropped = false;
            while (!rest.IsEmpty)
            {
                var end = rest.IndexOf((byte)'\n');
                var line = (end < 0 ? rest : rest[..end]).TrimEnd((byte)'\r');
                rest = end < 0 ? [] : rest[(end + 1)..];
                if (line.IsEmpty) break; // the blank line, where it is part of the section
                if (line[0] is not ((byte)' ' or (byte)'\t')) dropped = encoding is not null && IsTransferEncoding(line);
                if (dropped) continue;
                into.Write(line);
                into.Write("\r\n"u8);
            }
            if (mimeVersion) into.Write("MIME-Version: 1.0\r\n"u8);
            if (encoding is not null) into.Write(Encoding.ASCII.GetBytes("Content-Transfer-Encoding: " + encoding + "\r\n"));
            into.Write("\r\n"u8);
            return into.WrittenSpan.ToArray();
        }

        private static bool IsTransferEncoding(ReadOnlySpan<byte> line) =>
            line.IndexOf((byte)':') is > 0 and var colon && Ascii.EqualsIgnoreCase(line[..colon].TrimEnd(" \t"u8), "Content-Transfer-Encoding"u8);
    }
    /// <summary>What stands between parts: delimiters, and text that nobody reads, which is made to fit.</summary>
    private sealed class Gap(SmtpBodyKind peer)
    {
        private int _line;
        private bool _afterCr;

        public void Write(ReadOnlySpan<byte> bytes, SmtpBodyWriter lines)
        {
            Span<byte> one = stackalloc byte[1];
            foreach (var b in bytes)
            {
                var cr = _afterCr;
                _afterCr = b == '\r';
                if (b == '\n')
                {
                    lines.Write("\r\n"u8);
                    _line = 0;
                    continue;
                }
                if (cr) Put((byte)' ', one, lines);
                if (!_afterCr) Put(b == 0 || (b > 127 && peer < SmtpBodyKind.EightBit) ? (byte)'?' : b, one, lines);
            }
        }

        private void Put(byte b, Span<byte> one, SmtpBodyWriter lines)
        {
            if (_line == BodyEncoding.LineLimit)
            {
                lines.Write("\r\n "u8); // no delimiter begins with a space
                _line = 1;
            }
            one[0] = b;
            lines.Write(one);
            _line++;
        }
    }
}
