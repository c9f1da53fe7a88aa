using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Imap;

/// <summary>A message under the eyes of SEARCH; read as MIME only when a key asks for its content.</summary>
/// <param name="isRecent">For this session.</param>
internal sealed class ImapSearchTarget(ImapStoredMessage message, uint number, bool isRecent)
{
    private MimeMessage? _content;
    private List<string>? _texts;

    public ImapStoredMessage Message => message;
    public uint Number => number;
    public bool IsRecent => isRecent;
    public MimeMessage Content => _content ??= MimeMessage.Read(message.Bytes);

    /// <summary>Decoded once, however many keys look at it: the texts of the body, an enclosed message's header among them.</summary>
    public IReadOnlyList<string> Texts => _texts ??= [.. ReadTexts()];

    public bool Has(string flag) => message.Flags.Contains(flag, StringComparer.OrdinalIgnoreCase);

    public static IEnumerable<string> HeaderTexts(IReadOnlyList<HeaderField> headers) => headers.Select(h => h.Name + ": " + h.Text);

    private IEnumerable<string> ReadTexts()
    {
        var open = new Stack<MimePart>([Content.Root]);
        while (open.TryPop(out var part))
        {
            foreach (var child in part.Children) open.Push(child);
            if (part.MediaType == "message/rfc822")
            {
                foreach (var text in part.Children.SelectMany(c => HeaderTexts(c.Headers))) yield return text;
            }
            else if (part.Children.Count == 0 && part.MediaType.StartsWith("text/", StringComparison.Ordinal)) yield return part.DecodeText();
        }
    }
}

/// <summary>What SEARCH is to answer (RFC 4731 section 3.1).</summary>
[Flags]
internal enum ImapSearchReturn
{
    /// <summary>Nothing but <see cref="Save"/> was asked for.</summary>
    None = 0,
    Min = 1,
    Max = 2,
    All = 4,
    Count = 8,
    /// <summary>The messages found are what <c>$</c> stands for (RFC 5182).</summary>
    Save = 16,
}

/// <summary>The keys of SEARCH (RFC 3501 section 6.4.4), read into a test.</summary>
internal sealed class ImapSearch
{
    private const int MaxDepth = 32;
    private const int MaxKeys = 1000;

    private readonly ImapSelection _selection;
    private readonly IReadOnlySet<string> _offered;
    private readonly DateTimeOffset _now;
    private Encoding _charset = Encoding.UTF8;
    private int _keys;

    private ImapSearch(ImapSelection selection, IReadOnlySet<string> offered, DateTimeOffset now) => (_selection, _offered, _now) = (selection, offered, now);

    /// <summary>Null without RETURN.</summary>
    public ImapSearchReturn? Return { get; private set; }

    /// <summary>A key looks at mod-sequences: the answer then tells the highest of those found (RFC 7162 section 3.1.5).</summary>
    public bool UsesModSeq { get; private set; }

    public Func<ImapSearchTarget, bool> Key { get; private set; } = _ => true;

    private ImapMailboxView View => _selection.View;

    /// <summary>What follows SEARCH.</summary>
    /// <returns>Null when the charset is none that is known.</returns>
    public static ImapSearch? Read(ImapRequest request, ImapSelection selection, IReadOnlySet<string> offered, DateTimeOffset now)
    {
        var search = new ImapSearch(selection, offered, now);
        var word = search.FirstWord(request);
        if (word == "RETURN" && offered.Contains("ESEARCH"))
        {
            request.Space();
            search.Return = search.ReadReturn(request);
            request.Space();
            word = search.FirstWord(request);
        }
        if (word == "CHARSET")
        {
            request.Space();
            if (!search.TakeCharset(request)) return null;
            request.Space();
            word = null;
        }
        search.ReadKeys(request, word);
        return search;
    }

    /// <summary>The charset and the keys of SORT and THREAD (RFC 5256 section 3), which name both.</summary>
    /// <returns>Null when the charset is none that is known.</returns>
    public static ImapSearch? ReadWithCharset(ImapRequest request, ImapSelection selection, IReadOnlySet<string> offered, DateTimeOffset now)
    {
        var search = new ImapSearch(selection, offered, now);
        if (!search.TakeCharset(request)) return null;
        request.Space();
        search.ReadKeys(request, null);
        return search;
    }

    /// <summary>Indexes of the messages found, ascending.</summary>
    public IReadOnlyList<int> Find()
    {
        var found = new List<int>();
        for (var i = 0; i < View.Count; i++)
            if (Key(new ImapSearchTarget(View[i], (uint)i + 1, View.IsRecent(View[i])))) found.Add(i);
        return found;
    }

    private string? FirstWord(ImapRequest request) => char.IsAsciiLetter((char)request.Peek) ? request.Atom().ToUpperInvariant() : null;

    private bool TakeCharset(ImapRequest request)
    {
        var name = request.String();
        // US-ASCII is a part of UTF-8, and clients that say the one send the other.
        if (name.Equals("US-ASCII", StringComparison.OrdinalIgnoreCase) || name.Equals("UTF-8", StringComparison.OrdinalIgnoreCase)) return true;
        if (CharsetReader.Find(name) is not { } charset) return false;
        _charset = charset;
        return true;
    }

    private ImapSearchReturn ReadReturn(ImapRequest request)
    {
        var wanted = ImapSearchReturn.None;
        request.Take('(');
        for (var first = true; !request.TryTake(')'); first = false)
        {
            if (!first) request.Space();
            wanted |= request.Atom().ToUpperInvariant() switch
            {
                "MIN" => ImapSearchReturn.Min,
                "MAX" => ImapSearchReturn.Max,
                "ALL" => ImapSearchReturn.All,
                "COUNT" => ImapSearchReturn.Count,
                "SAVE" when _offered.Contains("SEARCHRES") => ImapSearchReturn.Save,
                _ => throw new ImapSyntaxException(),
            };
        }
        // RFC 4731 section 3.1: an empty list means ALL.
        return wanted == ImapSearchReturn.None ? ImapSearchReturn.All : wanted;
    }

    /// <param name="word">The first key's name where it is read already.</param>
    private void ReadKeys(ImapRequest request, string? word)
    {
        if (word is not null) _keys++;
        var key = word is null ? ReadKey(request, 0) : ReadNamed(word, request, 0);
        while (!request.AtEnd)
        {
            request.Space();
            if (request.AtEnd) break;
            key = And(key, ReadKey(request, 0));
        }
        Key = key;
    }

    private Func<ImapSearchTarget, bool> Numbers(ImapSet set, bool byUid)
    {
        // The indexes are found before any key is asked; what a number means does not change while the search goes on.
        if (_selection.Check(set).Ranges is not { } ranges)
        {
            var saved = View.Saved.ToHashSet();
            return m => saved.Contains(m.Message.Uid);
        }
        var resolved = SequenceSet.Resolve(ranges, byUid ? View.LargestUid : (uint)View.Count);
        return m => SequenceSet.Contains(resolved, byUid ? m.Message.Uid : m.Number);
    }

    private Func<ImapSearchTarget, bool> ReadKey(ImapRequest request, int depth)
    {
        if (depth > MaxDepth || ++_keys > MaxKeys) throw new ImapSyntaxException();
        if (request.TryTake('('))
        {
            var inner = ReadKey(request, depth + 1);
            while (!request.TryTake(')'))
            {
                request.Space();
                inner = And(inner, ReadKey(request, depth + 1));
            }
            return inner;
        }
        if (request.Peek is (byte)'*' or (byte)'$' or (>= (byte)'0' and <= (byte)'9')) return Numbers(request.Set(), byUid: false);
        return ReadNamed(request.Atom().ToUpperInvariant(), request, depth);
    }

    private Func<ImapSearchTarget, bool> ReadNamed(string word, ImapRequest request, int depth)
    {
        switch (word)
        {
            case "ALL": return _ => true;
            case "ANSWERED": return Flag("\\Answered");
            case "DELETED": return Flag("\\Deleted");
            case "DRAFT": return Flag("\\Draft");
            case "FLAGGED": return Flag("\\Flagged");
            case "SEEN": return Flag("\\Seen");
            case "UNANSWERED": return Not(Flag("\\Answered"));
            case "UNDELETED": return Not(Flag("\\Deleted"));
            case "UNDRAFT": return Not(Flag("\\Draft"));
            case "UNFLAGGED": return Not(Flag("\\Flagged"));
            case "UNSEEN": return Not(Flag("\\Seen"));
            case "RECENT": return m => m.IsRecent;
            case "OLD": return m => !m.IsRecent;
            case "NEW": return m => m.IsRecent && !m.Has("\\Seen");
        }
        request.Space();
        switch (word)
        {
            case "KEYWORD": return Flag(request.Flag());
            case "UNKEYWORD": return Not(Flag(request.Flag()));
            case "LARGER":
                var above = request.Number();
                return m => m.Message.Bytes.Length > above;
            case "SMALLER":
                var below = request.Number();
                return m => m.Message.Bytes.Length < below;
            case "UID":
                return Numbers(request.Set(), byUid: true);
            case "MODSEQ" when _offered.Contains("CONDSTORE"):
                return ModSeq(request);
            case "OLDER" when _offered.Contains("WITHIN"):
                var old = _now - Interval(request);
                return m => m.Message.InternalDate <= old;
            case "YOUNGER" when _offered.Contains("WITHIN"):
                var young = _now - Interval(request);
                return m => m.Message.InternalDate >= young;
            case "NOT":
                return Not(ReadKey(request, depth + 1));
            case "OR":
                var left = ReadKey(request, depth + 1);
                request.Space();
                var right = ReadKey(request, depth + 1);
                return m => left(m) || right(m);
            case "BEFORE": return Received(request, (date, day) => date < day);
            case "ON": return Received(request, (date, day) => date == day);
            case "SINCE": return Received(request, (date, day) => date >= day);
            case "SENTBEFORE": return Sent(request, (date, day) => date < day);
            case "SENTON": return Sent(request, (date, day) => date == day);
            case "SENTSINCE": return Sent(request, (date, day) => date >= day);
            case "FROM" or "TO" or "CC" or "BCC" or "SUBJECT": return Header(word, request.String(_charset));
            case "HEADER":
                var name = request.String();
                request.Space();
                return Header(name, request.String(_charset));
            case "BODY":
                var inBody = request.String(_charset);
                return m => m.Texts.Any(t => Holds(t, inBody));
            case "TEXT":
                var anywhere = request.String(_charset);
                return m => ImapSearchTarget.HeaderTexts(m.Content.Headers).Any(h => Holds(h, anywhere)) || m.Texts.Any(t => Holds(t, anywhere));
            default:
                throw new ImapSyntaxException();
        }
    }

    private static Func<ImapSearchTarget, bool> And(Func<ImapSearchTarget, bool> a, Func<ImapSearchTarget, bool> b) => m => a(m) && b(m);

    private static Func<ImapSearchTarget, bool> Not(Func<ImapSearchTarget, bool> key) => m => !key(m);

    private static Func<ImapSearchTarget, bool> Flag(string flag) => m => m.Has(flag);

    private Func<ImapSearchTarget, bool> ModSeq(ImapRequest request)
    {
        // RFC 7162 section 3.1.5: an entry may be named; a server that keeps one mod-sequence for all flags looks at that.
        if (request.Peek == '"')
        {
            request.String();
            request.Space();
            if (request.Atom().ToUpperInvariant() is not ("ALL" or "PRIV" or "SHARED")) throw new ImapSyntaxException();
            request.Space();
        }
        var least = request.LongNumber();
        UsesModSeq = true;
        return m => m.Message.ModSeq >= least;
    }

    // RFC 5032 section 3: seconds, at least one.
    private static TimeSpan Interval(ImapRequest request) => request.Number() is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : throw new ImapSyntaxException();

    private static DateOnly Day(ImapRequest request) => ImapDates.ReadDay(request.String()) ?? throw new ImapSyntaxException();

    // RFC 3501 section 6.4.4: dates are compared without time and time zone.
    private static Func<ImapSearchTarget, bool> Received(ImapRequest request, Func<DateOnly, DateOnly, bool> compare)
    {
        var day = Day(request);
        return m => compare(DateOnly.FromDateTime(m.Message.InternalDate.DateTime), day);
    }

    private static Func<ImapSearchTarget, bool> Sent(ImapRequest request, Func<DateOnly, DateOnly, bool> compare)
    {
        var day = Day(request);
        return m => m.Content.Date is { } date && compare(DateOnly.FromDateTime(date.DateTime), day);
    }

    /// <summary>An empty value asks only that the field is there.</summary>
    private static Func<ImapSearchTarget, bool> Header(string name, string value) => m =>
        m.Content.Headers.Any(h => h.Name.Equals(name, StringComparison.OrdinalIgnoreCase) && (value.Length == 0 || Holds(h.Text, value) || Holds(Encoding.UTF8.GetString(h.RawValue.Span), value)));

    private static bool Holds(string text, string value) => text.Contains(value, StringComparison.OrdinalIgnoreCase);
}
