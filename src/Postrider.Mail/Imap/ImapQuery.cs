using System.Globalization;
using System.Text;

namespace Postrider.Mail.Imap;

/// <summary>What SEARCH looks for (RFC 3501 section 6.4.4). Every value is quoted, sent as a literal or refused: none can change the query.</summary>
public sealed class ImapQuery
{
    private readonly Action<ImapCommand> _write;

    private ImapQuery(Action<ImapCommand> write, bool isAscii = true) => (_write, IsAscii) = (write, isAscii);

    /// <summary>False: the command must name UTF-8 as its charset.</summary>
    internal bool IsAscii { get; }

    public static ImapQuery All { get; } = Words("ALL");
    public static ImapQuery Seen { get; } = Words("SEEN");
    public static ImapQuery Unseen { get; } = Words("UNSEEN");
    public static ImapQuery Answered { get; } = Words("ANSWERED");
    public static ImapQuery Flagged { get; } = Words("FLAGGED");
    public static ImapQuery Deleted { get; } = Words("DELETED");
    public static ImapQuery Undeleted { get; } = Words("UNDELETED");
    public static ImapQuery Draft { get; } = Words("DRAFT");

    /// <summary>By INTERNALDATE, the server's day, from this one on.</summary>
    public static ImapQuery Since(DateOnly day) => Words("SINCE " + ImapDates.WriteDay(day));
    /// <summary>By INTERNALDATE, the server's day, before this one.</summary>
    public static ImapQuery Before(DateOnly day) => Words("BEFORE " + ImapDates.WriteDay(day));
    public static ImapQuery On(DateOnly day) => Words("ON " + ImapDates.WriteDay(day));
    /// <summary>By the message's own Date field.</summary>
    public static ImapQuery SentSince(DateOnly day) => Words("SENTSINCE " + ImapDates.WriteDay(day));
    public static ImapQuery From(string text) => Text("FROM", text);
    public static ImapQuery To(string text) => Text("TO", text);
    public static ImapQuery Cc(string text) => Text("CC", text);
    public static ImapQuery Subject(string text) => Text("SUBJECT", text);
    public static ImapQuery Body(string text) => Text("BODY", text);
    /// <summary>In the header or the body.</summary>
    public static ImapQuery Anywhere(string text) => Text("TEXT", text);
    /// <param name="value">Within the field; empty: the field is there.</param>
    public static ImapQuery Header(string field, string value) => new(c => c.Raw("HEADER").FieldName(field).String(value), Ascii.IsValid(value));
    public static ImapQuery Keyword(string keyword) => new(c => c.Raw("KEYWORD").Keyword(keyword));
    public static ImapQuery Unkeyword(string keyword) => new(c => c.Raw("UNKEYWORD").Keyword(keyword));
    /// <param name="bytes">RFC822.SIZE above this.</param>
    public static ImapQuery Larger(uint bytes) => Words(string.Create(CultureInfo.InvariantCulture, $"LARGER {bytes}"));
    public static ImapQuery Smaller(uint bytes) => Words(string.Create(CultureInfo.InvariantCulture, $"SMALLER {bytes}"));
    /// <param name="first">At least 1.</param>
    /// <param name="last">Null: to the end. A range to the end always holds the last message, though its UID be lower (RFC 3501 section 6.4.8).</param>
    public static ImapQuery Uids(uint first, uint? last = null) => Words(string.Create(CultureInfo.InvariantCulture, $"UID {Math.Max(first, 1)}:{(last is { } l ? Math.Max(l, 1).ToString(CultureInfo.InvariantCulture) : "*")}"));
    /// <summary>Changed at or after this MODSEQ (RFC 7162 section 3.1.5): only where the server has CONDSTORE.</summary>
    public static ImapQuery ModSeq(ulong from) => Words(string.Create(CultureInfo.InvariantCulture, $"MODSEQ {from}"));
    public static ImapQuery Not(ImapQuery query) => new(c => query.Write(c.Raw("NOT")), query.IsAscii);
    public static ImapQuery Or(ImapQuery one, ImapQuery other) => new(c => other.Write(one.Write(c.Raw("OR"))), one.IsAscii && other.IsAscii);
    /// <summary>All of them; none: every message.</summary>
    public static ImapQuery And(params IReadOnlyList<ImapQuery> queries) => queries.Count == 0 ? All : new(c =>
    {
        c.Open();
        foreach (var query in queries) query.Write(c);
        c.Close();
    }, queries.All(q => q.IsAscii));

    internal ImapCommand Write(ImapCommand command)
    {
        _write(command);
        return command;
    }

    private static ImapQuery Words(string words) => new(c => c.Raw(words));

    private static ImapQuery Text(string key, string text) => new(c => c.Raw(key).String(text), Ascii.IsValid(text));
}
