using Postrider.Mail.Mime;

namespace Postrider.Mail.Imap;

/// <summary>The order that SORT was asked for (RFC 5256 section 3).</summary>
internal sealed class ImapSort
{
    private const int MaxCriteria = 20;

    private readonly List<(string Name, bool Reverse)> _criteria = [];

    private ImapSort()
    {
    }

    public static ImapSort Read(ImapRequest request)
    {
        var sort = new ImapSort();
        var reverse = false;
        request.Take('(');
        for (var first = true; first || !request.TryTake(')'); first = false)
        {
            if (!first) request.Space();
            var word = request.Atom().ToUpperInvariant();
            if (word == "REVERSE" && !reverse)
            {
                reverse = true;
                continue;
            }
            if (word is not ("ARRIVAL" or "CC" or "DATE" or "FROM" or "SIZE" or "SUBJECT" or "TO") || sort._criteria.Count == MaxCriteria) throw new ImapSyntaxException();
            sort._criteria.Add((word, reverse));
            reverse = false;
        }
        return reverse ? throw new ImapSyntaxException() : sort;
    }

    /// <summary>Equals stay in the order of their sequence numbers, also under REVERSE (RFC 5256 section 3).</summary>
    public IReadOnlyList<int> Sorted(IReadOnlyList<int> indexes, ImapMailboxView view)
    {
        var keys = new Dictionary<int, (long Number, string Text)[]>(indexes.Count);
        foreach (var index in indexes) keys[index] = Keys(view[index]);
        return [.. indexes.Order(Comparer<int>.Create((a, b) =>
        {
            for (var i = 0; i < _criteria.Count; i++)
            {
                var (left, right) = (keys[a][i], keys[b][i]);
                // As i;unicode-casemap has it (RFC 5051): without case, by code unit.
                var order = left.Number != right.Number ? left.Number.CompareTo(right.Number) : string.Compare(left.Text, right.Text, StringComparison.OrdinalIgnoreCase);
                if (order != 0) return _criteria[i].Reverse ? -order : order;
            }
            return a.CompareTo(b);
        }))];
    }

    private (long Number, string Text)[] Keys(ImapStoredMessage message)
    {
        var content = new Lazy<MimeMessage>(() => MimeMessage.Read(message.Bytes));
        return [.. _criteria.Select(c => c.Name switch
        {
            "ARRIVAL" => (message.InternalDate.UtcTicks, ""),
            "DATE" => (SentAt(message, content.Value), ""),
            "SIZE" => (message.Bytes.Length, ""),
            "FROM" => (0L, Mailbox(content.Value.From)),
            "TO" => (0L, Mailbox(content.Value.To)),
            "CC" => (0L, Mailbox(content.Value.Cc)),
            _ => (0L, BaseSubject.Of(content.Value.Subject, out _)),
        })];
    }

    /// <summary>RFC 5256 section 2.2, in UTC ticks: a message without a date counts by its arrival.</summary>
    public static long SentAt(ImapStoredMessage message, MimeMessage content) => (content.Date ?? message.InternalDate).UtcTicks;

    private static string Mailbox(IReadOnlyList<NamedAddress> addresses) => addresses.Count > 0 ? addresses[0].Address.LocalPart : "";
}
