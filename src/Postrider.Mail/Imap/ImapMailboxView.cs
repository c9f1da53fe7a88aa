using System.Threading.Channels;

namespace Postrider.Mail.Imap;

/// <summary>The selected mailbox as one client knows it: its sequence numbers stay as they are until the client is told otherwise (RFC 3501 section 7.4.1).</summary>
internal sealed class ImapMailboxView : IDisposable
{
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly List<ImapStoredMessage> _messages;

    public ImapMailboxView(IImapFolderStore store, bool readOnly)
    {
        Store = store;
        IsReadOnly = readOnly;
        // Listening first: what changes while the snapshot is taken is seen twice rather than never.
        store.Changed += Signal;
        _messages = [.. store.Messages()];
    }

    public IImapFolderStore Store { get; }
    public bool IsReadOnly { get; }
    public int Count => _messages.Count;

    /// <summary>By index, which is the sequence number less one. A message that is gone from the store is still here with its bytes.</summary>
    public ImapStoredMessage this[int index]
    {
        get => _messages[index];
        set => _messages[index] = value;
    }

    public IReadOnlyList<ImapStoredMessage> Messages => _messages;

    public uint LargestUid => _messages.Count == 0 ? 0 : _messages[^1].Uid;

    /// <summary>Completes when the store may differ from this view.</summary>
    public async Task ChangedAsync(CancellationToken cancel) => await _signal.Reader.WaitToReadAsync(cancel);

    /// <summary>Brings the view up to date and says what the client must be told, in order. Null when nothing changed.</summary>
    public ImapViewChange? Refresh()
    {
        if (!_signal.Reader.TryRead(out _)) return null;
        var now = Store.Messages();
        var expunged = new List<int>();
        var flags = new List<int>();
        var kept = new List<ImapStoredMessage>(now.Count);
        var at = 0;
        for (var i = 0; i < _messages.Count; i++)
        {
            var old = _messages[i];
            while (at < now.Count && now[at].Uid < old.Uid) at++;
            if (at < now.Count && now[at].Uid == old.Uid)
            {
                if (!SameFlags(old.Flags, now[at].Flags)) flags.Add(kept.Count + 1);
                kept.Add(now[at++]);
            }
            else expunged.Add(i + 1);
        }
        var before = kept.Count;
        kept.AddRange(now.Skip(at));
        _messages.Clear();
        _messages.AddRange(kept);
        // From the end, so that no number still to be told moves.
        expunged.Reverse();
        return new ImapViewChange(expunged, kept.Count > before, flags);
    }

    /// <summary>Indexes of the messages that a client named, ascending.</summary>
    /// <exception cref="ImapSyntaxException">A sequence number is none.</exception>
    public IReadOnlyList<int> Choose(IReadOnlyList<(uint First, uint Last)> set, bool byUid)
    {
        var chosen = new List<int>();
        if (byUid)
        {
            var uids = SequenceSet.Resolve(set, LargestUid);
            for (var i = 0; i < Count; i++)
                if (SequenceSet.Contains(uids, this[i].Uid)) chosen.Add(i);
            return chosen;
        }
        if (Count == 0 && set.Any(r => r.First == uint.MaxValue || r.Last == uint.MaxValue)) return chosen;
        // A sequence number that is none is the client's mistake; a UID that is gone is not.
        foreach (var (first, last) in SequenceSet.Resolve(set, (uint)Count) is { Count: > 0 } numbers ? numbers : throw new ImapSyntaxException())
        {
            if (last > Count) throw new ImapSyntaxException();
            for (var n = first; n <= last; n++) chosen.Add((int)n - 1);
        }
        return chosen;
    }

    /// <returns>False when the message is gone; the view then still shows it as it was.</returns>
    public bool ChangeFlags(int index, Func<IReadOnlyList<string>, IReadOnlyList<string>> change)
    {
        if (Store.ChangeFlags(this[index].Uid, change) is not { } flags) return false;
        this[index] = this[index] with { Flags = flags };
        return true;
    }

    /// <summary>From the store; the view shows them until it is refreshed.</summary>
    public void Remove(IEnumerable<ImapStoredMessage> messages)
    {
        foreach (var message in messages.ToList()) Store.Remove(message.Uid);
    }

    public static bool SameFlags(IReadOnlyList<string> a, IReadOnlyList<string> b) => ReferenceEquals(a, b) || (a.Count == b.Count && a.All(f => b.Contains(f, StringComparer.OrdinalIgnoreCase)));

    public void Dispose() => Store.Changed -= Signal;

    private void Signal() => _signal.Writer.TryWrite(true);
}

/// <summary>What happened to a mailbox since the client was told last.</summary>
/// <param name="Expunged">Sequence numbers as EXPUNGE names them, one after the other.</param>
/// <param name="Grew">Messages were added: EXISTS.</param>
/// <param name="Flags">Sequence numbers, after the expunges, of messages with other flags.</param>
internal sealed record ImapViewChange(IReadOnlyList<int> Expunged, bool Grew, IReadOnlyList<int> Flags);
