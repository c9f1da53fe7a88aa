using Postrider.Mail.Mime;

namespace Postrider.Mail.Imap;

/// <summary>A message as THREAD sees it.</summary>
internal sealed class ImapThreadMessage(ImapStoredMessage message, uint number)
{
    private readonly Lazy<MimeMessage> _content = new(() => MimeMessage.Read(message.Bytes));

    /// <summary>Sequence number or UID, as the client counts.</summary>
    public uint Number => number;
    public MimeMessage Content => _content.Value;
    public long SentAt => ImapSort.SentAt(message, Content);
}

/// <summary>A place in the tree of a conversation.</summary>
/// <param name="message">Null where a message is missing that others refer to.</param>
internal sealed class ImapThread(ImapThreadMessage? message)
{
    public ImapThreadMessage? Message { get; set; } = message;
    public ImapThread? Parent { get; private set; }
    public List<ImapThread> Children { get; private set; } = [];

    /// <summary>Of a missing message: those of its first child (RFC 5256 section 3, step 4).</summary>
    public long SentAt => First?.SentAt ?? 0;
    public uint Number => First?.Number ?? 0;

    private ImapThreadMessage? First => Message ?? (Children.Count > 0 ? Children[0].Message : null);

    public void Adopt(ImapThread child)
    {
        child.Parent?.Children.Remove(child);
        child.Parent = this;
        Children.Add(child);
    }

    public void Leave()
    {
        Parent?.Children.Remove(this);
        Parent = null;
    }

    /// <summary>Puts <paramref name="children"/> in the place of all it had.</summary>
    public void Replace(List<ImapThread> children)
    {
        Children = children;
        foreach (var child in children) child.Parent = this;
    }

    public void Forget() => Parent = null;

    public bool IsBelow(ImapThread other)
    {
        for (var at = this; at is not null; at = at.Parent)
            if (at == other) return true;
        return false;
    }
}

/// <summary>The algorithms of THREAD (RFC 5256 section 3).</summary>
internal static class ImapThreads
{
    /// <summary>ORDEREDSUBJECT: one thread a subject; all that followed the first message are its children.</summary>
    public static IReadOnlyList<ImapThread> BySubject(IReadOnlyList<ImapThreadMessage> messages)
    {
        var threads = new List<ImapThread>();
        foreach (var same in messages.GroupBy(m => BaseSubject.Of(m.Content.Subject, out _), StringComparer.OrdinalIgnoreCase))
        {
            var members = same.OrderBy(m => m.SentAt).ThenBy(m => m.Number).Select(m => new ImapThread(m)).ToList();
            foreach (var later in members.Skip(1)) members[0].Adopt(later);
            threads.Add(members[0]);
        }
        return Ordered(threads);
    }

    /// <summary>REFERENCES: by who answered whom, and by subject where nobody says.</summary>
    public static IReadOnlyList<ImapThread> ByReferences(IReadOnlyList<ImapThreadMessage> messages)
    {
        // Steps 1 and 2: the tree that the identifiers make.
        var all = Linked(messages);
        var roots = all.Where(t => t.Parent is null).ToList();
        // Step 3: places of missing messages go, but for a root with several children.
        roots = Pruned(roots);
        // Step 4: in the order of their dates.
        roots = Ordered(roots);
        // Step 5: threads of one subject become one.
        roots = Gathered(roots);
        // Step 6: each in its order, children too.
        OrderChildren(roots);
        return Ordered(roots);
    }

    /// <summary>Each thread in parentheses; one child follows its parent, several stand in parentheses of their own.</summary>
    public static void Write(ImapReply reply, IReadOnlyList<ImapThread> threads)
    {
        // A conversation may be deeper than a stack: what is still to be written waits in a list. Null closes.
        var open = new Stack<ImapThread?>();
        foreach (var thread in threads.Reverse()) open.Push(thread);
        while (open.TryPop(out var next))
        {
            if (next is null)
            {
                reply.Raw(")"u8);
                continue;
            }
            reply.Raw("("u8);
            open.Push(null);
            var at = next;
            while (true)
            {
                if (at.Message is { } message) reply.Number(message.Number);
                if (at.Children.Count != 1) break;
                if (at.Message is not null) reply.Raw(" "u8);
                at = at.Children[0];
            }
            if (at.Children.Count == 0) continue;
            if (at.Message is not null) reply.Raw(" "u8);
            for (var i = at.Children.Count - 1; i >= 0; i--) open.Push(at.Children[i]);
        }
    }

    private static List<ImapThread> Linked(IReadOnlyList<ImapThreadMessage> messages)
    {
        var byId = new Dictionary<string, ImapThread>(StringComparer.Ordinal);
        var all = new List<ImapThread>();
        foreach (var message in messages)
        {
            var content = message.Content;
            ImapThread own;
            // A message without an identifier, or with one that another has already, is nobody's parent.
            if (content.MessageId is not { } id) all.Add(own = new ImapThread(message));
            else if (!byId.TryGetValue(id, out var known)) all.Add(byId[id] = own = new ImapThread(message));
            else if (known.Message is null)
            {
                own = known;
                own.Message = message;
            }
            else all.Add(own = new ImapThread(message));
            ImapThread? parent = null;
            foreach (var reference in content.References.Count > 0 ? content.References : content.InReplyTo.Take(1))
            {
                if (!byId.TryGetValue(reference, out var referred)) all.Add(byId[reference] = referred = new ImapThread(null));
                // What is linked already stays; no circle is made.
                if (parent is not null && referred.Parent is null && !parent.IsBelow(referred)) parent.Adopt(referred);
                parent = referred;
            }
            // The message's own word counts more than what others said of it.
            if (parent is not null && !parent.IsBelow(own)) parent.Adopt(own);
            else if (parent is null) own.Leave();
        }
        return all;
    }

    private static List<ImapThread> Pruned(List<ImapThread> roots)
    {
        // From the leaves up, without recursion: every place comes after those below it when the order is reversed.
        var order = new List<ImapThread>(roots);
        for (var i = 0; i < order.Count; i++) order.AddRange(order[i].Children);
        for (var i = order.Count - 1; i >= 0; i--)
        {
            var kept = new List<ImapThread>();
            foreach (var child in order[i].Children)
            {
                if (child.Message is not null) kept.Add(child);
                else kept.AddRange(child.Children);
            }
            order[i].Replace(kept);
        }
        var left = new List<ImapThread>();
        foreach (var root in roots)
        {
            if (root.Message is not null || root.Children.Count > 1) left.Add(root);
            else if (root.Children.Count == 1)
            {
                root.Children[0].Forget();
                left.Add(root.Children[0]);
            }
        }
        // A missing root's children are compared by date when it is.
        foreach (var root in left.Where(r => r.Message is null)) root.Replace(Ordered(root.Children));
        return left;
    }

    private static List<ImapThread> Gathered(List<ImapThread> roots)
    {
        var bySubject = new Dictionary<string, ImapThread>(StringComparer.OrdinalIgnoreCase);
        foreach (var root in roots)
        {
            var (subject, isReply) = SubjectOf(root);
            if (subject.Length == 0) continue;
            // RFC 5256 section 3, step 5B: a place without message is the better head, then one that is no answer.
            if (!bySubject.TryGetValue(subject, out var head) || (root.Message is null && head.Message is not null) || (head.Message is not null && root.Message is not null && SubjectOf(head).IsReply && !isReply))
                bySubject[subject] = root;
        }
        var gathered = new List<ImapThread>();
        var made = new Dictionary<string, ImapThread>(StringComparer.OrdinalIgnoreCase);
        foreach (var root in roots)
        {
            var (subject, isReply) = SubjectOf(root);
            if (subject.Length == 0 || !bySubject.TryGetValue(subject, out var head) || head == root)
            {
                gathered.Add(root);
                continue;
            }
            if (made.TryGetValue(subject, out var common)) head = common;
            if (root.Message is null && head.Message is null)
            {
                foreach (var child in root.Children.ToList()) head.Adopt(child);
            }
            else if (head.Message is null || (isReply && !SubjectOf(head).IsReply)) head.Adopt(root);
            else
            {
                var both = new ImapThread(null);
                both.Adopt(head);
                both.Adopt(root);
                made[subject] = both;
            }
        }
        // A head that got a missing parent is reached through that.
        return [.. gathered.Select(r => r.Parent ?? r).Distinct()];
    }

    private static (string Subject, bool IsReply) SubjectOf(ImapThread root)
    {
        var message = root.Message ?? root.Children[0].Message!;
        return (BaseSubject.Of(message.Content.Subject, out var isReply), isReply);
    }

    private static void OrderChildren(List<ImapThread> roots)
    {
        var order = new List<ImapThread>(roots);
        for (var i = 0; i < order.Count; i++) order.AddRange(order[i].Children);
        for (var i = order.Count - 1; i >= 0; i--)
            if (order[i].Children.Count > 1) order[i].Replace(Ordered(order[i].Children));
    }

    private static List<ImapThread> Ordered(List<ImapThread> threads) => [.. threads.OrderBy(t => t.SentAt).ThenBy(t => t.Number)];
}
