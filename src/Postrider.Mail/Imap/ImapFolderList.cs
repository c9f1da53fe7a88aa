namespace Postrider.Mail.Imap;

/// <summary>LIST with its extensions (RFC 5258, RFC 5819, RFC 6154) and LSUB.</summary>
internal sealed class ImapFolderList
{
    private const char Delimiter = '/';
    private const int MaxPatterns = 100;
    private static readonly string[] SpecialUses = ["\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash"];

    private readonly IReadOnlySet<string> _offered;
    private readonly List<string> _patterns = [];
    private bool _isExtended;
    private bool _subscribedOnly;
    private bool _specialOnly;
    private bool _recursive;
    private bool _tellsSubscribed;

    private ImapFolderList(IReadOnlySet<string> offered) => _offered = offered;

    /// <summary>One line of the answer.</summary>
    /// <param name="Folder">Null for a name that only stands above others, or is subscribed and gone.</param>
    /// <param name="SubscribedBelow">RECURSIVEMATCH found subscribed names below it.</param>
    public sealed record Entry(string Name, IReadOnlyList<string> Attributes, ImapFolder? Folder, bool SubscribedBelow);

    /// <summary>The delimiter is asked for, with an empty pattern (RFC 3501 section 6.3.8).</summary>
    public bool AsksForDelimiter => !_isExtended && _patterns is [""];

    /// <summary>What STATUS is to tell of each folder (RFC 5819); empty when nothing is.</summary>
    public IReadOnlyList<string> StatusItems { get; private set; } = [];

    /// <param name="offered">The capabilities announced after the sign-in.</param>
    /// <param name="status">Reads the items of STATUS.</param>
    public static ImapFolderList Read(ImapRequest request, IReadOnlySet<string> offered, Func<ImapRequest, IReadOnlyList<string>> status)
    {
        var list = new ImapFolderList(offered);
        var extensible = offered.Contains("LIST-EXTENDED");
        request.Space();
        if (extensible && request.TryTake('('))
        {
            list.ReadSelection(request);
            request.Space();
        }
        var reference = request.Mailbox();
        request.Space();
        if (extensible && request.TryTake('('))
        {
            list._isExtended = true;
            do
            {
                if (list._patterns.Count > 0) request.Space();
                list._patterns.Add(reference + request.Pattern());
                if (list._patterns.Count > MaxPatterns) throw new ImapSyntaxException();
            }
            while (!request.TryTake(')'));
        }
        else list._patterns.Add(request.Pattern() is { Length: > 0 } pattern ? reference + pattern : "");
        if (extensible && !request.AtEnd)
        {
            request.Space();
            if (!request.AtEnd) list.ReadReturn(request, status);
        }
        request.End();
        return list;
    }

    /// <param name="subscribed">Null: every folder is.</param>
    public IEnumerable<Entry> Entries(IReadOnlyList<ImapFolder> folders, IReadOnlyCollection<string>? subscribed)
    {
        var byName = folders.ToDictionary(f => f.Name, StringComparer.Ordinal);
        var subscriptions = (subscribed ?? byName.Keys).ToHashSet(StringComparer.Ordinal);
        // Names above folders that exist, themselves folders or not; such a name stands for what the pattern does not reach.
        var above = byName.Keys.SelectMany(Above).ToHashSet(StringComparer.Ordinal);
        var aboveSubscribed = subscriptions.SelectMany(Above).ToHashSet(StringComparer.Ordinal);
        var names = _subscribedOnly ? subscriptions.Concat(_recursive ? aboveSubscribed : []) : byName.Keys.Concat(StandIns(byName.Keys));
        foreach (var name in names.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            if (!Matches(name)) continue;
            var folder = byName.GetValueOrDefault(name);
            var special = folder?.Attributes.Where(IsSpecialUse).ToList() ?? [];
            if (_specialOnly && special.Count == 0) continue;
            var attributes = new List<string>();
            if (folder is null) attributes.Add(_isExtended ? "\\NonExistent" : "\\Noselect");
            else attributes.AddRange(folder.Attributes.Where(a => !IsSpecialUse(a) || _offered.Contains("SPECIAL-USE")));
            if (_tellsSubscribed && subscriptions.Contains(name)) attributes.Add("\\Subscribed");
            if (_offered.Contains("CHILDREN") && !attributes.Exists(IsAboutChildren)) attributes.Add(above.Contains(name) ? "\\HasChildren" : "\\HasNoChildren");
            yield return new Entry(name, attributes, folder, _recursive && aboveSubscribed.Contains(name));
        }
    }

    /// <summary>LSUB (RFC 3501 section 6.3.9): a name above subscribed ones stands for those that the pattern does not reach.</summary>
    public IEnumerable<Entry> Subscriptions(IReadOnlyList<ImapFolder> folders, IReadOnlyCollection<string>? subscribed)
    {
        var names = (subscribed ?? [.. folders.Select(f => f.Name)]).ToHashSet(StringComparer.Ordinal);
        var standIns = StandIns(names);
        foreach (var name in names.Where(Matches).Concat(standIns).Order(StringComparer.Ordinal))
            yield return new Entry(name, standIns.Contains(name) ? ["\\Noselect"] : [], null, false);
    }

    private HashSet<string> StandIns(IReadOnlyCollection<string> names)
    {
        var there = names.ToHashSet(StringComparer.Ordinal);
        return names.Where(n => !Matches(n)).SelectMany(Above).Where(n => !there.Contains(n) && Matches(n)).ToHashSet(StringComparer.Ordinal);
    }

    private static IEnumerable<string> Above(string name)
    {
        for (var at = name.LastIndexOf(Delimiter); at > 0; at = name.LastIndexOf(Delimiter, at - 1)) yield return name[..at];
    }

    private static bool IsSpecialUse(string attribute) => SpecialUses.Contains(attribute, StringComparer.OrdinalIgnoreCase);

    private static bool IsAboutChildren(string attribute) => attribute.Equals("\\HasChildren", StringComparison.OrdinalIgnoreCase) || attribute.Equals("\\HasNoChildren", StringComparison.OrdinalIgnoreCase);

    private bool Matches(string name) => _patterns.Exists(p => ImapPattern.Matches(p, name, Delimiter));

    private void ReadSelection(ImapRequest request)
    {
        _isExtended = true;
        for (var first = true; !request.TryTake(')'); first = false)
        {
            if (!first) request.Space();
            switch (request.Atom().ToUpperInvariant())
            {
                case "SUBSCRIBED":
                    _subscribedOnly = _tellsSubscribed = true;
                    break;
                case "REMOTE":
                    // There are none elsewhere.
                    break;
                case "RECURSIVEMATCH":
                    _recursive = true;
                    break;
                case "SPECIAL-USE" when _offered.Contains("SPECIAL-USE"):
                    _specialOnly = true;
                    break;
                default:
                    throw new ImapSyntaxException();
            }
        }
        // RFC 5258 section 3: RECURSIVEMATCH says nothing by itself.
        if (_recursive && !_subscribedOnly) throw new ImapSyntaxException();
    }

    private void ReadReturn(ImapRequest request, Func<ImapRequest, IReadOnlyList<string>> status)
    {
        _isExtended = true;
        if (!request.Atom().Equals("RETURN", StringComparison.OrdinalIgnoreCase)) throw new ImapSyntaxException();
        request.Space();
        request.Take('(');
        for (var first = true; !request.TryTake(')'); first = false)
        {
            if (!first) request.Space();
            switch (request.Atom().ToUpperInvariant())
            {
                case "SUBSCRIBED":
                    _tellsSubscribed = true;
                    break;
                case "CHILDREN":
                    // Told in any case.
                    break;
                case "SPECIAL-USE" when _offered.Contains("SPECIAL-USE"):
                    break;
                case "STATUS" when _offered.Contains("LIST-STATUS"):
                    request.Space();
                    StatusItems = status(request);
                    break;
                default:
                    throw new ImapSyntaxException();
            }
        }
    }
}
