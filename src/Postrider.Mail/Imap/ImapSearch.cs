using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Imap;

/// <summary>A message under the eyes of SEARCH; read as MIME only when a key asks for its content.</summary>
internal sealed class ImapSearchTarget(ImapStoredMessage message, uint number)
{
    private MimeMessage? _content;

    public ImapStoredMessage Message => message;
    public uint Number => number;
    public MimeMessage Content => _content ??= MimeMessage.Read(message.Bytes);

    public bool Has(string flag) => message.Flags.Contains(flag, StringComparer.OrdinalIgnoreCase);
}

/// <summary>The keys of SEARCH (RFC 3501 section 6.4.4), read into a test.</summary>
internal sealed class ImapSearch
{
    private const int MaxDepth = 32;
    private const int MaxKeys = 1000;

    private readonly uint _largestNumber;
    private readonly uint _largestUid;
    private int _keys;

    private ImapSearch(uint largestNumber, uint largestUid) => (_largestNumber, _largestUid) = (largestNumber, largestUid);

    /// <returns>Null when the charset is none that is known.</returns>
    public static Func<ImapSearchTarget, bool>? Read(ImapRequest request, uint largestNumber, uint largestUid)
    {
        var search = new ImapSearch(largestNumber, largestUid);
        var key = search.ReadFirst(request);
        if (key is null) return null;
        while (!request.AtEnd)
        {
            request.Space();
            if (request.AtEnd) break;
            key = And(key, search.ReadKey(request, 0));
        }
        return key;
    }

    private Func<ImapSearchTarget, bool>? ReadFirst(ImapRequest request)
    {
        if (char.ToUpperInvariant((char)request.Peek) != 'C') return ReadKey(request, 0);
        var word = request.Atom().ToUpperInvariant();
        if (word != "CHARSET") return ReadNamed(word, request, 0);
        request.Space();
        var charset = request.String().ToUpperInvariant();
        request.Space();
        return charset is "UTF-8" or "US-ASCII" ? ReadKey(request, 0) : null;
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
        if (request.Peek is (byte)'*' or (>= (byte)'0' and <= (byte)'9'))
        {
            var set = SequenceSet.Resolve(request.Set(), _largestNumber);
            return m => SequenceSet.Contains(set, m.Number);
        }
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
            // This server gives no message \Recent, so none is new and every one is old.
            case "NEW" or "RECENT": return _ => false;
            case "OLD": return _ => true;
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
                var set = SequenceSet.Resolve(request.Set(), _largestUid);
                return m => SequenceSet.Contains(set, m.Message.Uid);
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
            case "FROM" or "TO" or "CC" or "BCC" or "SUBJECT": return Header(word, request.String());
            case "HEADER":
                var name = request.String();
                request.Space();
                return Header(name, request.String());
            case "BODY":
                var inBody = request.String();
                return m => BodyHolds(m, inBody);
            case "TEXT":
                var anywhere = request.String();
                return m => HeaderTexts(m.Content.Headers).Any(h => Holds(h, anywhere)) || BodyHolds(m, anywhere);
            default:
                throw new ImapSyntaxException();
        }
    }

    private static Func<ImapSearchTarget, bool> And(Func<ImapSearchTarget, bool> a, Func<ImapSearchTarget, bool> b) => m => a(m) && b(m);

    private static Func<ImapSearchTarget, bool> Not(Func<ImapSearchTarget, bool> key) => m => !key(m);

    private static Func<ImapSearchTarget, bool> Flag(string flag) => m => m.Has(flag);

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

    private static IEnumerable<string> HeaderTexts(IReadOnlyList<HeaderField> headers) => headers.Select(h => h.Name + ": " + h.Text);

    private static bool BodyHolds(ImapSearchTarget message, string value)
    {
        var open = new Stack<MimePart>([message.Content.Root]);
        while (open.TryPop(out var part))
        {
            foreach (var child in part.Children) open.Push(child);
            if (part.Children.Count > 0)
            {
                // An enclosed message's header is part of the body around it.
                if (part.MediaType == "message/rfc822" && part.Children.Any(c => HeaderTexts(c.Headers).Any(h => Holds(h, value)))) return true;
                continue;
            }
            if (part.MediaType.StartsWith("text/", StringComparison.Ordinal) && Holds(part.DecodeText(), value)) return true;
        }
        return false;
    }

    private static bool Holds(string text, string value) => text.Contains(value, StringComparison.OrdinalIgnoreCase);
}
