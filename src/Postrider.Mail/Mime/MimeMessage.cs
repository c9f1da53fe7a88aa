namespace Postrider.Mail.Mime;

/// <summary>Bounds of the reader. What exceeds one is kept as bytes and reported in <see cref="MimeMessage.Defects"/>.</summary>
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

    // What walks the tree may recurse as deep as this.
    internal const int DeepestDepth = 500;
}

/// <summary>One header field. <see cref="RawValue"/> is what stands after the colon, folded as it came.</summary>
public sealed record HeaderField(string Name, ReadOnlyMemory<byte> RawValue)
{
    /// <summary>Unfolded, encoded words decoded (RFC 2047), control characters as spaces, for people. Decoded anew each time.</summary>
    public string Text => HeaderText.ForPeople(RawValue.Span);

    internal bool Is(string name) => Name.Equals(name, StringComparison.OrdinalIgnoreCase);
}

/// <summary>A message as read: a view over the bytes, which it does not copy, so they must not change while it is used. Reading never throws on content. Safe for several readers at once.</summary>
public sealed class MimeMessage
{
    private readonly MimeLimits _limits;
    private readonly IReadOnlyList<string> _structuralDefects;
    private readonly Lazy<Fields> _fields;
    private readonly Lazy<Bodies> _bodies;

    private MimeMessage(MimePart root, MimeLimits limits, IReadOnlyList<string> structuralDefects)
    {
        Root = root;
        _limits = limits;
        _structuralDefects = structuralDefects;
        _fields = new Lazy<Fields>(ReadFields);
        _bodies = new Lazy<Bodies>(ReadBodies);
    }

    public static MimeMessage Read(ReadOnlyMemory<byte> bytes, MimeLimits? limits = null)
    {
        limits ??= MimeLimits.Default;
        var defects = new DefectLog();
        return new MimeMessage(PartTree.Read(bytes, limits, defects), limits, defects.All);
    }

    public MimePart Root { get; }
    public IReadOnlyList<HeaderField> Headers => Root.Headers;

    /// <summary>The first field of that name decoded, or null.</summary>
    public string? Header(string name) => Root.Find(name)?.Text;

    public string? Subject => _fields.Value.Subject;
    public IReadOnlyList<NamedAddress> From => _fields.Value.From;
    public IReadOnlyList<NamedAddress> ReplyTo => _fields.Value.ReplyTo;
    public IReadOnlyList<NamedAddress> To => _fields.Value.To;
    public IReadOnlyList<NamedAddress> Cc => _fields.Value.Cc;
    /// <summary>Null when absent or unreadable.</summary>
    public DateTimeOffset? Date => _fields.Value.Date;
    /// <summary>Without angle brackets; null when absent.</summary>
    public string? MessageId => _fields.Value.MessageId;
    /// <summary>Without angle brackets, in order.</summary>
    public IReadOnlyList<string> InReplyTo => _fields.Value.InReplyTo;
    /// <summary>Without angle brackets, in order, each once, at most 1000: the first and the last ones.</summary>
    public IReadOnlyList<string> References => _fields.Value.References;
    /// <summary>The text a person reads, from the text/plain alternative; null when there is only HTML.</summary>
    public string? TextBody => _bodies.Value.Text;
    /// <summary>As sent: hostile until sanitised.</summary>
    public string? HtmlBody => _bodies.Value.Html;
    /// <summary>Every leaf that is not the body: attachments and inline parts, in order. An enclosed message counts as one, with its <see cref="MimePart.Children"/> below it.</summary>
    public IReadOnlyList<MimePart> Attachments => _bodies.Value.Choice.Attachments;

    /// <summary>What was wrong with structure, addresses, ids and the charsets of the bodies; at most about a hundred. Asking reads all of them.</summary>
    public IReadOnlyList<string> Defects
    {
        get
        {
            var all = new DefectLog();
            all.AddRange(_structuralDefects);
            all.AddRange(_fields.Value.Defects);
            all.AddRange(_bodies.Value.Defects);
            return all.All;
        }
    }

    private sealed record Fields(
        string? Subject, IReadOnlyList<NamedAddress> From, IReadOnlyList<NamedAddress> ReplyTo, IReadOnlyList<NamedAddress> To, IReadOnlyList<NamedAddress> Cc,
        DateTimeOffset? Date, string? MessageId, IReadOnlyList<string> InReplyTo, IReadOnlyList<string> References, IReadOnlyList<string> Defects);

    private sealed record Bodies(string? Text, string? Html, BodyChoice Choice, IReadOnlyList<string> Defects);

    private Fields ReadFields()
    {
        var defects = new DefectLog();
        var from = Addresses("From", defects);
        if (Root.Headers.Count(f => f.Is("From")) > 1) defects.Add("There is more than one From field; all their addresses are read.");
        var date = DateReader.Read(Root.Find("Date")?.Text);
        if (date is null && Root.Find("Date") is not null) defects.Add("The date cannot be read.");
        return new Fields(
            Header("Subject"), from, Addresses("Reply-To", defects), Addresses("To", defects), Addresses("Cc", defects), date,
            Ids("Message-ID", defects) is [var id, ..] ? id : null, Ids("In-Reply-To", defects), Ids("References", defects), defects.All);
    }

    /// <summary>All fields of the name together: mailers that write several To fields mean all of them.</summary>
    private List<NamedAddress> Addresses(string name, DefectLog defects)
    {
        var all = new List<NamedAddress>();
        foreach (var field in Root.Headers)
        {
            if (!field.Is(name) || all.Count >= _limits.Addresses) continue;
            var list = AddressList.Parse(HeaderText.Unfold(field.RawValue.Span), _limits.Addresses - all.Count);
            all.AddRange(list.Addresses);
            foreach (var defect in list.Defects) defects.Add(name + ": " + defect);
        }
        return all;
    }

    private IReadOnlyList<string> Ids(string name, DefectLog defects) =>
        Root.Find(name) is { } field ? MessageIds.Read(HeaderText.Unfold(field.RawValue.Span), defects) : [];

    private Bodies ReadBodies()
    {
        var defects = new DefectLog();
        var choice = BodyChoice.Of(Root);
        return new Bodies(Join(choice.Text, defects), Join(choice.Html, defects), choice, defects.All);
    }

    private static string? Join(IReadOnlyList<MimePart> parts, DefectLog defects)
    {
        if (parts.Count == 0) return null;
        var texts = new string[parts.Count];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = parts[i].DecodeText(out var defect);
            if (defect is not null) defects.Add(defect);
        }
        return texts.Length == 1 ? texts[0] : string.Join("\r\n", texts);
    }
}
