namespace Postrider.Mail.Mime;

/// <summary>Which parts a person reads, and which are attachments. Everything that is not the one is the other, so nothing is hidden.</summary>
internal sealed class BodyChoice
{
    private readonly List<MimePart> _text = [];
    private readonly List<MimePart> _html = [];
    private readonly List<MimePart> _attachments = [];

    /// <summary>Shown one after the other: some mailers cut the text at each picture.</summary>
    public IReadOnlyList<MimePart> Text => _text;

    /// <summary>At most one.</summary>
    public IReadOnlyList<MimePart> Html => _html;

    /// <summary>In the order of the message. An enclosed message is one attachment; its own parts are not looked into.</summary>
    public IReadOnlyList<MimePart> Attachments => _attachments;

    /// <summary>What a part may become: in multipart/alternative each kind is to be had once, elsewhere only before any body was found.</summary>
    private readonly record struct Pending(MimePart Part, bool InAlternative, bool MayBeBody);

    public static BodyChoice Of(MimePart root)
    {
        var choice = new BodyChoice();
        // A stack instead of recursion, pushed in reverse so that parts come in order.
        var pending = new Stack<Pending>();
        pending.Push(new Pending(root, InAlternative: false, MayBeBody: true));
        while (pending.TryPop(out var next))
        {
            if (next.Part == root && root.IsMultipart && root.Children.Count == 0 && !root.RawBody.IsEmpty)
            {
                // No delimiter was found: what there is, is better read than not.
                choice._text.Add(root);
                continue;
            }
            if (next.Part.Children.Count == 0 || !next.Part.IsMultipart)
            {
                choice.Place(next);
                continue;
            }
            var main = MainOf(next.Part);
            var alternative = next.InAlternative || next.Part.MediaType == "multipart/alternative";
            for (var i = next.Part.Children.Count - 1; i >= 0; i--)
                pending.Push(new Pending(next.Part.Children[i], alternative, next.MayBeBody && (main is null || main == next.Part.Children[i])));
        }
        return choice;
    }

    /// <returns>The one child that can hold the body, or null when every child can.</returns>
    private static MimePart? MainOf(MimePart multipart)
    {
        switch (multipart.MediaType)
        {
            // RFC 2387 section 3.2: the root is named by "start", else it is the first.
            case "multipart/related":
                var start = multipart.Parameters.GetValueOrDefault("start")?.Trim().TrimStart('<').TrimEnd('>');
                if (start is not null) foreach (var child in multipart.Children) if (child.ContentId == start) return child;
                return multipart.Children[0];
            // RFC 1847 section 2.1 (what is signed comes first), RFC 6522 section 3 (the text for people comes first).
            case "multipart/signed" or "multipart/report":
                return multipart.Children[0];
            default:
                return null;
        }
    }

    private void Place(Pending next)
    {
        var part = next.Part;
        if (next.MayBeBody && part.Disposition != "attachment" && (part.FileName is null || part.Disposition == "inline" || _text.Count + _html.Count == 0))
        {
            var noneYet = _text.Count == 0 && _html.Count == 0;
            if (part.MediaType == "text/html" && _html.Count == 0 && (noneYet || next.InAlternative))
            {
                _html.Add(part);
                return;
            }
            // More text after HTML would not be seen by who reads the HTML, so it is an attachment then.
            if (part.MediaType == "text/plain" && _html.Count == 0 && part.FileName is null && (noneYet || !next.InAlternative))
            {
                _text.Add(part);
                return;
            }
            if (part.MediaType == "text/plain" && _text.Count == 0 && next.InAlternative)
            {
                _text.Add(part);
                return;
            }
        }
        _attachments.Add(part);
    }
}
