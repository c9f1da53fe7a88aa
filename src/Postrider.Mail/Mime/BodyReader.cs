using System.Buffers;
using System.Buffers.Text;

namespace Postrider.Mail.Mime;

/// <summary>
/// A part's body out of the stored message, its transfer encoding taken off on the way. Gives what <see cref="TransferEncoding"/> gives for the whole body, except that a line of quoted-printable
/// or uuencode longer than the window is cut there. Forward only.
/// </summary>
internal sealed class BodyReader : Stream
{
    private const int Window = 32 << 10; // more than JudgedWithin and FooterWithin

    private readonly Stream _message;
    private readonly string _encoding;
    private readonly byte[] _input = new byte[Window];
    private readonly byte[] _output = new byte[Window + 3];
    private long _left;
    private int _inputLength;
    private int _outputStart;
    private int _outputEnd;
    private bool _judged;
    private bool _plain;
    private bool _ended;
    private UuEncoding.State _uu;
    private TransferEncoding.Base64Group _group;

    public BodyReader(Stream message, long start, long length, string encoding)
    {
        _message = message;
        _left = length;
        _encoding = encoding;
        message.Position = start;
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <exception cref="EndOfStreamException">The stored message is shorter than the one that was read.</exception>
    public override int Read(Span<byte> buffer)
    {
        while (_outputStart == _outputEnd && !_ended && !buffer.IsEmpty)
        {
            while (Wanted > 0) Took(_message.Read(_input, _inputLength, Wanted));
            Decode();
        }
        return Give(buffer);
    }

    /// <inheritdoc cref="Read(Span{byte})"/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_outputStart == _outputEnd && !_ended && !buffer.IsEmpty)
        {
            while (Wanted > 0) Took(await _message.ReadAsync(_input.AsMemory(_inputLength, Wanted), cancellationToken));
            Decode();
        }
        return Give(buffer.Span);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private int Wanted => (int)Math.Min(_left, _input.Length - _inputLength);

    private void Took(int read)
    {
        if (read == 0) throw new EndOfStreamException("The stored message ends before the part does.");
        _inputLength += read;
        _left -= read;
    }

    private int Give(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _outputEnd - _outputStart);
        _output.AsSpan(_outputStart, count).CopyTo(buffer);
        _outputStart += count;
        return count;
    }

    /// <summary>Takes from the full window, or from what is left, at least one byte; or ends.</summary>
    private void Decode()
    {
        _outputStart = _outputEnd = 0;
        var final = _left == 0;
        ReadOnlySpan<byte> input = _input.AsSpan(0, _inputLength);
        if (!_judged)
        {
            _plain = _encoding == TransferEncoding.Base64Name && TransferEncoding.IsPlain(input[..Math.Min(input.Length, TransferEncoding.JudgedWithin)]);
            _judged = true;
        }
        var consumed = _encoding switch
        {
            _ when _plain => Copy(input),
            TransferEncoding.Base64Name => DecodeBase64(input, final),
            TransferEncoding.QuotedPrintable => DecodeQuotedPrintable(input, final),
            "x-uuencode" or "x-uue" or "uuencode" => DecodeUu(input, final),
            _ => Copy(input),
        };
        if (final && consumed == _inputLength) _ended = true;
        _input.AsSpan(consumed, _inputLength - consumed).CopyTo(_input);
        _inputLength -= consumed;
    }

    private int Copy(ReadOnlySpan<byte> input)
    {
        input.CopyTo(_output);
        _outputEnd = input.Length;
        return input.Length;
    }

    private int DecodeBase64(ReadOnlySpan<byte> input, bool final)
    {
        var consumed = 0;
        while (consumed < input.Length)
        {
            // Runs of the alphabet are whole groups in all mail that encoders made. What is looked through is taken, whatever lies between the runs.
            var run = input[consumed..];
            if (_group.IsEmpty)
            {
                var end = run.IndexOfAnyExcept(TransferEncoding.Base64Alphabet);
                var groups = (end < 0 ? run.Length : end) & ~3;
                if (groups > 0 && Base64.DecodeFromUtf8(run[..groups], _output.AsSpan(_outputEnd), out _, out var written, isFinalBlock: false) == OperationStatus.Done)
                {
                    _outputEnd += written;
                    consumed += groups;
                    continue;
                }
            }
            var b = run[0];
            if (b == '=' && !final && run.Length - 1 < TransferEncoding.FooterWithin) return consumed;
            _outputEnd += _group.Add(b, _output.AsSpan(_outputEnd));
            consumed++;
            if (b != '=' || !TransferEncoding.IsFooter(input[consumed..])) continue;
            _ended = true;
            return consumed;
        }
        if (final) _outputEnd += _group.End(_output.AsSpan(_outputEnd));
        return consumed;
    }

    private int DecodeQuotedPrintable(ReadOnlySpan<byte> input, bool final)
    {
        var taken = final ? input : input[..(input.LastIndexOf((byte)'\n') + 1)];
        // A line without an end: all of it but what white space or an escape at its end may still become.
        if (taken.IsEmpty) taken = input[..^3].TrimEnd(" \t="u8);
        if (taken.IsEmpty) taken = input;
        _outputEnd = TransferEncoding.DecodeQuotedPrintable(taken, _output);
        return taken.Length;
    }

    private int DecodeUu(ReadOnlySpan<byte> input, bool final)
    {
        var taken = final ? input : input[..(input.LastIndexOf((byte)'\n') + 1)];
        if (taken.IsEmpty) taken = input;
        _outputEnd = UuEncoding.Decode(taken, _output, ref _uu);
        _ended |= _uu.Ended;
        return taken.Length;
    }
}
