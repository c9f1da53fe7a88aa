using System.Buffers;

namespace Postrider.Mail.Mime;

/// <summary>Bounds of the reader. What exceeds one is kept as bytes and reported in <see cref="MimeMessage.Defects"/>.</summary>
/// <remarks>There is no limit of time: with these bounds the work is a fixed amount for each byte, whatever the bytes are (docs/decisions/0009).</remarks>
public sealed record MimeLimits
{
    public static MimeLimits Default { get; } = new();
    /// <summary>Values above 500 count as 500.</summary>
    public int Depth { get => Math.Min(field, DeepestDepth); init; } = 100;
    public int Parts { get; init; } = 1000;
    /// <summary>Of one header section.</summary>
    public int HeaderFields { get; init; } = 1000;
    /// <summary>Bytes of one header section.</summary>
    public int HeaderBytes { get; init; } = 1 << 20;
    /// <summary>Of one field.</summary>
    public int Addresses { get; init; } = 10_000;
    /// <summary>Of one field. Real mail has a handful; the continuations of a long file name a few dozen.</summary>
    public int Parameters { get; init; } = 500;

    // What walks the tree may recurse as deep as this.
    internal const int DeepestDepth = 500;
}

/// <summary>One header field. <see cref="RawValue"/> is what stands after the colon, folded as it came.</summary>
public readonly record struct HeaderField(string Name, ReadOnlyMemory<byte> RawValue)
{
    /// <summary>Unfolded, encoded words decoded (RFC 2047), control characters as spaces, for people. Decoded anew each time.</summary>
    public string Text => HeaderText.ForPeople(RawValue.Span);

    internal bool Is(string name) => Name.Equals(name, StringComparison.OrdinalIgnoreCase);
}

/// <summary>A message as read: from memory a view over the bytes, which it does not copy, so they must not change while it is used; or, read in blocks, the headers and where everything else stands. Reading never throws on content. Safe for several readers at once.</summary>
public sealed class MimeMessage
{
    private readonly MimeLimits _limits;
    private readonly IReadOnlyList<MimeDefect> _structuralDefects;
    // Each made when it is asked for; made twice by two readers at once it is the same.
    private Fields? _fields;
    private Bodies? _bodies;
    private BodyChoice? _choice;

    private MimeMessage(MimePart root, MimeLimits limits, IReadOnlyList<MimeDefect> structuralDefects)
    {
        Root = root;
        _limits = limits;
        _structuralDefects = structuralDefects;
    }

    public static MimeMessage Read(ReadOnlyMemory<byte> bytes, MimeLimits? limits = null)
    {
        limits ??= MimeLimits.Default;
        var defects = new DefectLog();
        return new MimeMessage(PartTree.Read(bytes, limits, defects), limits, defects.All);
    }

    /// <summary>In one pass over the segments. Of several the bodies are not held: they are <see cref="MimePart.BodyOffset"/> and <see cref="MimePart.BodyLength"/> in the sequence.</summary>
    public static MimeMessage Read(ReadOnlySequence<byte> bytes, MimeLimits? limits = null)
    {
        if (bytes.IsSingleSegment) return Read(bytes.First, limits);
        var blocks = new MessageBlocks(limits ?? MimeLimits.Default);
        foreach (var segment in bytes) blocks.Add(segment.Span);
        return blocks.End();
    }

    /// <summary>In one pass to the stream's end. Memory holds the headers and a window of the rest, however long the message is; bodies are opened in the stored message by <see cref="MimePart.OpenBody"/>.</summary>
    public static async Task<MimeMessage> ReadAsync(Stream stream, MimeLimits? limits, CancellationToken cancel)
    {
        const int Block = 64 << 10;
        var blocks = new MessageBlocks(limits ?? MimeLimits.Default);
        var buffer = ArrayPool<byte>.Shared.Rent(Block);
        try
        {
            while (await stream.ReadAsync(buffer, cancel) is > 0 and var read) blocks.Add(buffer.AsSpan(0, read));
            return blocks.End();
        }
        finally
        {
            blocks.Dispose();
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    internal static MimeMessage Of(MimePart root, MimeLimits limits, DefectLog defects) => new(root, limits, defects.All);

    public MimePart Root { get; }
    public IReadOnlyList<HeaderField> Headers => Root.Headers;

    /// <summary>The first field of that name decoded, or null.</summary>
    public string? Header(string name) => Root.Find(name)?.Text;

    public string? Subject => Known.Subject;
    public IReadOnlyList<NamedAddress> From => Known.From;
    /// <summary>Who sent it for the author (RFC 5322 section 3.6.2); null when absent or unreadable.</summary>
    public NamedAddress? Sender => Known.Sender;
    public IReadOnlyList<NamedAddress> ReplyTo => Known.ReplyTo;
    public IReadOnlyList<NamedAddress> To => Known.To;
    public IReadOnlyList<NamedAddress> Cc => Known.Cc;
    /// <summary>Only a message that was kept by its sender has one.</summary>
    public IReadOnlyList<NamedAddress> Bcc => Known.Bcc;
    /// <summary>Null when absent or unreadable.</summary>
    public DateTimeOffset? Date => Known.Date;
    /// <summary>Without angle brackets; null when absent.</summary>
    public string? MessageId => Known.MessageId;
    /// <summary>Without angle brackets, in order.</summary>
    public IReadOnlyList<string> InReplyTo => Known.InReplyTo;
    /// <summary>Without angle brackets, in order, each once, at most 1000: the first and the last ones.</summary>
    public IReadOnlyList<string> References => Known.References;
    /// <summary>The text a person reads, from the text/plain alternative; null when there is only HTML.</summary>
    /// <exception cref="InvalidOperationException">The message was read in blocks: its <see cref="TextParts"/> are opened in the stored message.</exception>
    public string? TextBody => Decoded.Text;
    /// <summary>As sent: hostile until sanitised.</summary>
    /// <exception cref="InvalidOperationException">As <see cref="TextBody"/>.</exception>
    public string? HtmlBody => Decoded.Html;
    /// <summary>The parts that make up <see cref="TextBody"/>, one after the other.</summary>
    public IReadOnlyList<MimePart> TextParts => Choice.Text;
    /// <summary>The parts that make up <see cref="HtmlBody"/>, one after the other.</summary>
    public IReadOnlyList<MimePart> HtmlParts => Choice.Html;
    /// <summary>Every leaf that is not the body: attachments and inline parts, in order. An enclosed message counts as one, with its <see cref="MimePart.Children"/> below it.</summary>
    public IReadOnlyList<MimePart> Attachments => Choice.Attachments;

    /// <summary>What was wrong with structure, addresses, ids and, where the bodies are at hand, their charsets; at most about a hundred. Asking reads all of them.</summary>
    public IReadOnlyList<MimeDefect> Defects
    {
        get
        {
            var all = new DefectLog();
            all.AddRange(_structuralDefects);
            all.AddRange(Known.Defects);
            if (Root.HasBytes) all.AddRange(Decoded.Defects);
            return all.All;
        }
    }

    private Fields Known => _fields ??= ReadFields();
    private BodyChoice Choice => _choice ??= BodyChoice.Of(Root);
    private Bodies Decoded => _bodies ??= ReadBodies();

    private sealed record Fields(
        string? Subject, IReadOnlyList<NamedAddress> From, NamedAddress? Sender, IReadOnlyList<NamedAddress> ReplyTo, IReadOnlyList<NamedAddress> To, IReadOnlyList<NamedAddress> Cc, IReadOnlyList<NamedAddress> Bcc,
        DateTimeOffset? Date, string? MessageId, IReadOnlyList<string> InReplyTo, IReadOnlyList<string> References, IReadOnlyList<MimeDefect> Defects);

    private sealed record Bodies(string? Text, string? Html, IReadOnlyList<MimeDefect> Defects);

    private Fields ReadFields()
    {
        var defects = new DefectLog();
        var from = Addresses("From", defects);
        if (Root.Count("From") > 1) defects.Add(MimeDefectKind.FieldWrong, "There is more than one From field; all their addresses are read.");
        var date = Root.Find("Date") is { } field ? DateReader.Read(HeaderText.Unfold(field.RawValue.Span)) : null;
        if (date is null && Root.Find("Date") is not null) defects.Add(MimeDefectKind.DateWrong, "The date cannot be read.");
        return new Fields(
            Header("Subject"), from, Addresses("Sender", defects) is [var sender, ..] ? sender : null, Addresses("Reply-To", defects), Addresses("To", defects), Addresses("Cc", defects), Addresses("Bcc", defects), date,
            Ids("Message-ID", defects) is [var id, ..] ? id : null, Ids("In-Reply-To", defects), Ids("References", defects), defects.All);
    }

    /// <summary>All fields of the name together: mailers that write several To fields mean all of them.</summary>
    private IReadOnlyList<NamedAddress> Addresses(string name, DefectLog defects)
    {
        IReadOnlyList<NamedAddress>? all = null;
        foreach (var field in Root.Headers)
        {
            if (!field.Is(name) || all?.Count >= _limits.Addresses) continue;
            var list = AddressList.Parse(HeaderText.Unfold(field.RawValue.Span), _limits.Addresses - (all?.Count ?? 0));
            all = all is null ? list.Addresses : [.. all, .. list.Addresses];
            foreach (var defect in list.Defects) defects.Add(defect.Kind, name + ": " + defect.Detail);
        }
        return all ?? [];
    }

    private IReadOnlyList<string> Ids(string name, DefectLog defects) =>
        Root.Find(name) is { } field ? MessageIds.Read(HeaderText.Unfold(field.RawValue.Span), defects) : [];

    private Bodies ReadBodies()
    {
        var defects = new DefectLog();
        return new Bodies(Join(Choice.Text, defects), Join(Choice.Html, defects), defects.All);
    }

    private static string? Join(IReadOnlyList<MimePart> parts, DefectLog defects)
    {
        if (parts.Count == 0) return null;
        var texts = new string[parts.Count];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = parts[i].DecodeText(out var defect);
            if (defect is not null) defects.Add(MimeDefectKind.CharsetWrong, defect);
        }
        return texts.Length == 1 ? texts[0] : string.Join("\r\n", texts);
    }
}
