using System.Runtime.InteropServices;
using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Imap;

/// <summary>Messages that APPEND brings as a literal8 (RFC 3516 section 4.4).</summary>
internal static class BinaryMessage
{
    private const int Base64LineBytes = 57;

    /// <summary>The message with base64 in the place of each part that holds NUL.</summary>
    /// <returns>Null when a NUL stands where nothing can be encoded.</returns>
    public static ReadOnlyMemory<byte>? WithoutNul(ReadOnlyMemory<byte> message)
    {
        var rewritten = new MemoryStream(message.Length + message.Length / 2);
        var copied = 0;
        foreach (var part in Leaves(MimeMessage.Read(message).Root))
        {
            if (!part.RawBody.Span.Contains((byte)0)) continue;
            if (!TransferEncoding.IsIdentity(part.TransferEncodingName) || Offset(message, part.RawBody) is not { } body || Offset(message, part.RawHeaders) is not { } headers || headers < copied) return null;
            ReadOnlyMemory<byte>? encoding = null;
            foreach (var field in part.Headers)
                if (encoding is null && field.Name.Equals("Content-Transfer-Encoding", StringComparison.OrdinalIgnoreCase)) encoding = field.RawValue;
            if (encoding is { } old && Offset(message, old) is { } value)
            {
                rewritten.Write(message.Span[copied..value]);
                rewritten.Write(" base64"u8);
                copied = value + old.Span.TrimEnd("\r\n"u8).Length;
            }
            else
            {
                rewritten.Write(message.Span[copied..headers]);
                rewritten.Write("Content-Transfer-Encoding: base64\r\n"u8);
                copied = headers;
            }
            rewritten.Write(message.Span[copied..body]);
            for (var at = 0; at < part.RawBody.Length; at += Base64LineBytes)
            {
                rewritten.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(part.RawBody.Span.Slice(at, Math.Min(Base64LineBytes, part.RawBody.Length - at)))));
                rewritten.Write("\r\n"u8);
            }
            copied = body + part.RawBody.Length;
        }
        rewritten.Write(message.Span[copied..]);
        return rewritten.GetBuffer().AsSpan(0, (int)rewritten.Length).Contains((byte)0) ? null : rewritten.GetBuffer().AsMemory(0, (int)rewritten.Length);
    }

    private static IEnumerable<MimePart> Leaves(MimePart root)
    {
        var pending = new Stack<MimePart>([root]);
        while (pending.TryPop(out var part))
        {
            if (part.Children.Count == 0) yield return part;
            for (var i = part.Children.Count - 1; i >= 0; i--) pending.Push(part.Children[i]);
        }
    }

    /// <summary>Where a slice stands in the message. Null when it is none of it.</summary>
    private static int? Offset(ReadOnlyMemory<byte> message, ReadOnlyMemory<byte> slice) =>
        MemoryMarshal.TryGetArray(message, out var all) && MemoryMarshal.TryGetArray(slice, out var some) && all.Array == some.Array && some.Offset >= all.Offset ? some.Offset - all.Offset : null;
}
