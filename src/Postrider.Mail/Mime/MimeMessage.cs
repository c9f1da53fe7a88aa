namespace Postrider.Mail.Mime;

/// <summary>Bounds of the reader. What exceeds one is kept as bytes and reported in <see cref="MimeMessage.Defects"/>.</summary>
public sealed record MimeLimits
{
    public static MimeLimits Default { get; } = new();
    public int Depth { get; init; } = 100;
    public int Parts { get; init; } = 1000;
    public int HeaderFields { get; init; } = 1000;
    /// <summary>Bytes of one header section.</summary>
    public int HeaderBytes { get; init; } = 1 << 20;
    public int Addresses { get; init; } = 10_000;
}

/// <summary>One header field. <see cref="RawValue"/> is what stands after the colon, folded as it came.</summary>
public sealed record HeaderField(string Name, ReadOnlyMemory<byte> RawValue)
{
    /// <summary>Unfolded, encoded words decoded (RFC 2047), for people.</summary>
    public string Text => throw new NotImplementedException();
}

/// <summary>A message as read: a view over the bytes, which it does not copy. Reading never throws on content.</summary>
public sealed class MimeMessage
{
    private MimeMessage(MimePart root) => Root = root;

    public static MimeMessage Read(ReadOnlyMemory<byte> bytes, MimeLimits? limits = null) => throw new NotImplementedException();

    public MimePart Root { get; }
    public IReadOnlyList<HeaderField> Headers => Root.Headers;

    /// <summary>The first field of that name decoded, or null.</summary>
    public string? Header(string name) => throw new NotImplementedException();

    public string? Subject => throw new NotImplementedException();
    public IReadOnlyList<NamedAddress> From => throw new NotImplementedException();
    public IReadOnlyList<NamedAddress> ReplyTo => throw new NotImplementedException();
    public IReadOnlyList<NamedAddress> To => throw new NotImplementedException();
    public IReadOnlyList<NamedAddress> Cc => throw new NotImplementedException();
    /// <summary>Null when absent or unreadable.</summary>
    public DateTimeOffset? Date => throw new NotImplementedException();
    /// <summary>Without angle brackets; null when absent.</summary>
    public string? MessageId => throw new NotImplementedException();
    /// <summary>Without angle brackets, in order.</summary>
    public IReadOnlyList<string> InReplyTo => throw new NotImplementedException();
    public IReadOnlyList<string> References => throw new NotImplementedException();
    /// <summary>The text a person reads, from the text/plain alternative; null when there is only HTML.</summary>
    public string? TextBody => throw new NotImplementedException();
    /// <summary>As sent: hostile until sanitised.</summary>
    public string? HtmlBody => throw new NotImplementedException();
    /// <summary>Every leaf that is not the body: attachments and inline parts, in order.</summary>
    public IReadOnlyList<MimePart> Attachments => throw new NotImplementedException();
    public IReadOnlyList<string> Defects => throw new NotImplementedException();
}

/// <summary>A part of the tree.</summary>
public sealed class MimePart
{
    public IReadOnlyList<HeaderField> Headers => throw new NotImplementedException();
    /// <summary>Lower case, such as <c>text/plain</c>; the default of RFC 2045 where absent or broken.</summary>
    public string MediaType => throw new NotImplementedException();
    public string? Charset => throw new NotImplementedException();
    /// <summary>Parameters of Content-Type, names in lower case, RFC 2231 joined and decoded.</summary>
    public IReadOnlyDictionary<string, string> Parameters => throw new NotImplementedException();
    /// <summary><c>inline</c>, <c>attachment</c>, or null when there is no Content-Disposition.</summary>
    public string? Disposition => throw new NotImplementedException();
    /// <summary>As the sender named it; decoded, not made safe for a file system. Null when there is none.</summary>
    public string? FileName => throw new NotImplementedException();
    public string? ContentId => throw new NotImplementedException();
    public IReadOnlyList<MimePart> Children => throw new NotImplementedException();
    /// <summary>The body as it stands in the message, still encoded.</summary>
    public ReadOnlyMemory<byte> RawBody => throw new NotImplementedException();
    /// <summary>The body with its transfer encoding taken off.</summary>
    public byte[] DecodeBytes() => throw new NotImplementedException();
    /// <summary>The body as text: transfer encoding taken off, charset decoded.</summary>
    public string DecodeText() => throw new NotImplementedException();
}
