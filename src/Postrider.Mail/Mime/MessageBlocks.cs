using System.Buffers;

namespace Postrider.Mail.Mime;

/// <summary>Reads a message that comes in blocks of any length: keeps the window that <see cref="PartTree"/> still looks at, and throws away what is behind it.</summary>
internal sealed class MessageBlocks : IDisposable
{
    // The tree is asked again when this much has come, or half as much as it holds back: so a window that must grow is looked at a few times only.
    private const int Step = 32 << 10;

    private readonly MimeLimits _limits;
    private readonly DefectLog _defects = new();
    private readonly PartTree _tree;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(2 * Step);
    private long _start; // of the buffer, in the message
    private int _length;
    private int _seen; // of the length, when the tree was asked last

    public MessageBlocks(MimeLimits limits)
    {
        _limits = limits;
        _tree = new PartTree(limits, _defects);
    }

    public void Add(ReadOnlySpan<byte> block)
    {
        while (!block.IsEmpty)
        {
            if (_length == _buffer.Length) Grow();
            var piece = block[..Math.Min(block.Length, _buffer.Length - _length)];
            piece.CopyTo(_buffer.AsSpan(_length));
            _length += piece.Length;
            block = block[piece.Length..];
            if (_length - _seen >= Math.Max(Step, _seen / 2)) Advance(complete: false);
        }
    }

    public MimeMessage End()
    {
        Advance(complete: true);
        Dispose();
        return MimeMessage.Of(_tree.Root!, _limits, _defects);
    }

    public void Dispose()
    {
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _length = 0;
    }

    private void Advance(bool complete)
    {
        _tree.Window(_buffer.AsMemory(0, _length), _start, complete);
        if (_tree.Advance()) return;
        var done = (int)Math.Min(_length, Math.Max(0, _tree.NeededFrom - _start));
        _buffer.AsSpan(done, _length - done).CopyTo(_buffer);
        _start += done;
        _length -= done;
        _seen = _length;
    }

    private void Grow()
    {
        var larger = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
        _buffer.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
