namespace Postrider.Mail.Mime;

/// <summary>Which parts a person reads, and which are attachments. Everything that is not the one is the other, so nothing is hidden, whichever of text and HTML is shown.</summary>
internal sealed class BodyChoice
{
    /// <summary>What one part of the tree gives to read: the same content as text, as HTML, or both. Several are shown one after the other.</summary>
    private sealed record Content(List<MimePart> Text, List<MimePart> Html)
    {
        public bool IsNothing => Text.Count + Html.Count == 0;
    }

    private BodyChoice(Content content, IReadOnlyList<MimePart> attachments) => (Text, Html, Attachments) = (content.Text, content.Html, attachments);

    public IReadOnlyList<MimePart> Text { get; }
    public IReadOnlyList<MimePart> Html { get; }

    /// <summary>In the order of the message. An enclosed message is one attachment; its own parts are not looked into.</summary>
    public IReadOnlyList<MimePart> Attachments { get; }

    public static BodyChoice Of(MimePart root)
    {
        var content = Find(root);
        // No delimiter was found, or a text of another kind is all there is: better read than not.
        if (content.IsNothing && root.Children.Count == 0 && root.BodyLength > 0 && root.Disposition != "attachment" && (root.IsMultipart || root.IsText)) content.Text.Add(root);
        var attachments = new List<MimePart>();
        AddAttachments(root, [.. content.Text, .. content.Html], attachments);
        return new BodyChoice(content, attachments);
    }

    // The two recursions are as deep as the tree, which PartTree keeps to MimeLimits.DeepestDepth.
    private static Content Find(MimePart part)
    {
        if (!part.IsMultipart) return FromLeaf(part);
        switch (part.MediaType)
        {
            case "multipart/alternative":
                return FromAlternatives(part.Children);
            // RFC 1847 section 2.1 (what is signed comes first), RFC 6522 section 3 (the text for people comes first).
            case "multipart/signed" or "multipart/report" when part.Children.Count > 0:
                return Find(part.Children[0]);
            case "multipart/related" when part.Children.Count > 0:
                return Find(RootOfRelated(part));
            default:
                return FromSequence(part.Children);
        }
    }

    private static Content FromLeaf(MimePart part) => part switch
    {
        { Disposition: "attachment" } => new([], []),
        { MediaType: "text/plain" } => new([part], []),
        { MediaType: "text/html" } => new([], [part]),
        _ => new([], []),
    };

    /// <summary>RFC 2046 section 5.1.4: the last is the best. The first text is taken, as further ones are calendars and the like read as text.</summary>
    private static Content FromAlternatives(IReadOnlyList<MimePart> children)
    {
        List<MimePart> text = [], html = [];
        foreach (var child in children)
        {
            var content = Find(child);
            if (text.Count == 0) text = content.Text;
            if (content.Html.Count > 0) html = content.Html;
        }
        return new(text, html);
    }

    /// <summary>RFC 2387 section 3.2: the root is named by "start", else it is the first.</summary>
    private static MimePart RootOfRelated(MimePart related)
    {
        var start = related.Parameters.GetValueOrDefault("start")?.Trim().TrimStart('<').TrimEnd('>');
        if (start is not null) foreach (var child in related.Children) if (child.ContentId == start) return child;
        return related.Children[0];
    }

    /// <summary>
    /// Some mailers cut the text at each picture, and mailing lists add a footer: what follows is joined, if a reader of text and a reader of HTML both get to see all of it.
    /// A part with a file name is joined to nothing.
    /// </summary>
    private static Content FromSequence(IReadOnlyList<MimePart> children)
    {
        var all = new Content([], []);
        foreach (var child in children)
        {
            var content = Find(child);
            if (content.IsNothing) continue;
            if (all.IsNothing) all = new([.. content.Text], [.. content.Html]);
            else if (!child.IsMultipart && child.FileName is not null) continue;
            else if (all.Html.Count == 0) all.Text.AddRange(content.Text);
            else if (content.Html.Count > 0)
            {
                if (all.Text.Count > 0) all.Text.AddRange(content.Text);
                all.Html.AddRange(content.Html);
            }
        }
        return all;
    }

    private static void AddAttachments(MimePart part, HashSet<MimePart> bodies, List<MimePart> attachments)
    {
        if (part.IsMultipart && part.Children.Count > 0) foreach (var child in part.Children) AddAttachments(child, bodies, attachments);
        else if (!bodies.Contains(part) && !(part.IsMultipart && part.BodyLength == 0)) attachments.Add(part);
    }
}
