using System.Threading.Channels;

namespace Postrider.Mail.Imap;

/// <summary>The selected mailbox as one client knows it: its sequence numbers stay as they are until the client is told otherwise (RFC 3501 section 7.4.1).</summary>
internal sealed class ImapMailboxView : IDisposable
{
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    // UIDs that are recent for this session, as ranges that exclude their end.
    private readonly List<(uint From, uint Below)> _recent = [];
    // The store's own snapshot for as long as it is the same: a thousand idle sessions share it.
    private IReadOnlyList<ImapStoredMessage> _messages;
    private bool _shared = true;
    // Messages are gone that the client has not been told of.
    private bool _holdsExpunged;

    public ImapMailboxView(IImapFolderStore store, bool readOnly)
    {
        Store = store;
        IsReadOnly = readOnly;
        // Listening first: what changes while the snapshot is taken is seen twice rather than never.
        store.Changed += Signal;
        _messages = store.Messages();
        ClaimRecent();
    }

    public IImapFolderStore Store { get; }
    public bool IsReadOnly { get; }
    public int Count => _messages.Count;

    /// <summary>By index, which is the sequence number less one. A message that is gone from the store is still here with its bytes.</summary>
    public ImapStoredMessage this[int index] => _messages[index];

    public IReadOnlyList<ImapStoredMessage> Messages => _messages;

    public uint LargestUid => _messages.Count == 0 ? 0 : _messages[^1].Uid;

    public int RecentCount => _recent.Count == 0 ? 0 : _messages.Count(IsRecent);

    /// <summary>UIDs that <c>$</c> stands for (RFC 5182), ascending; empty before the first search that saves.</summary>
    public IReadOnlyList<uint> Saved { get; set; } = [];

    public bool IsRecent(ImapStoredMessage message) => _recent.Count > 0 && _recent.Exists(r => message.Uid >= r.From && message.Uid < r.Below);

    /// <summary>Completes when the store may differ from this view.</summary>
    public async Task ChangedAsync(CancellationToken cancel) => await _signal.Reader.WaitToReadAsync(cancel);

    /// <summary>Brings the view up to date and says what the client must be told, in order. Null when nothing changed.</summary>
    /// <param name="expunges">False where the client may not learn of expunges yet: such messages stay until it may.</param>
    public ImapViewChange? Refresh(bool expunges = true)
    {
        if (!_signal.Reader.TryRead(out _) && !(expunges && _holdsExpunged)) return null;
        var now = Store.Messages();
        var expunged = new List<int>();
        var changed = new List<int>();
        var kept = new List<ImapStoredMessage>(Math.Max(now.Count, _messages.Count));
        _holdsExpunged = false;
        var at = 0;
        for (var i = 0; i < _messages.Count; i++)
        {
            var old = _messages[i];
            while (at < now.Count && now[at].Uid < old.Uid) at++;
            if (at < now.Count && now[at].Uid == old.Uid)
            {
                if (old.ModSeq != now[at].ModSeq || !SameFlags(old.Flags, now[at].Flags)) changed.Add(kept.Count + 1);
                kept.Add(now[at++]);
            }
            else if (expunges) expunged.Add(i + 1);
            else
            {
                kept.Add(old);
                _holdsExpunged = true;
            }
        }
        var before = kept.Count;
        for (; at < now.Count; at++) kept.Add(now[at]);
        (_messages, _shared) = _holdsExpunged ? (kept, false) : (now, true);
        if (kept.Count > before) ClaimRecent();
        // From the end, so that no number still to be told moves.
        expunged.Reverse();
        return new ImapViewChange(expunged, kept.Count > before, changed);
    }

    /// <summary>Indexes of the messages that a client named, ascending.</summary>
    /// <exception cref="ImapSyntaxException">A sequence number is none.</exception>
    public IReadOnlyList<int> Choose(ImapSet set, bool byUid)
    {
        var chosen = new List<int>();
        if (set.Ranges is not { } ranges)
        {
            foreach (var uid in Saved)
                if (IndexOf(uid) is >= 0 and var index) chosen.Add(index);
            return chosen;
        }
        if (byUid)
        {
            var uids = SequenceSet.Resolve(ranges, LargestUid);
            for (var i = 0; i < Count; i++)
                if (SequenceSet.Contains(uids, this[i].Uid)) chosen.Add(i);
            return chosen;
        }
        if (Count == 0 && ranges.Any(r => r.First == uint.MaxValue || r.Last == uint.MaxValue)) return chosen;
        // A sequence number that is none is the client's mistake; a UID that is gone is not.
        foreach (var (first, last) in SequenceSet.Resolve(ranges, (uint)Count) is { Count: > 0 } numbers ? numbers : throw new ImapSyntaxException())
        {
            if (last > Count) throw new ImapSyntaxException();
            for (var n = first; n <= last; n++) chosen.Add((int)n - 1);
        }
        return chosen;
    }

    /// <returns>False when the message is gone; the view then still shows it as it was.</returns>
    public bool ChangeFlags(int index, Func<ImapStoredMessage, IReadOnlyList<string>> change)
    {
        if (Store.ChangeFlags(this[index].Uid, change) is not { } message) return false;
        if (_shared) (_messages, _shared) = (_messages.ToList(), false);
        ((List<ImapStoredMessage>)_messages)[index] = message;
        return true;
    }

    /// <summary>From the store; the view shows it until it is refreshed.</summary>
    /// <returns>False when another session was faster.</returns>
    public bool Remove(ImapStoredMessage message) => Store.Remove(message.Uid);

    public static bool SameFlags(IReadOnlyList<string> a, IReadOnlyList<string> b) => ReferenceEquals(a, b) || (a.Count == b.Count && a.All(f => b.Contains(f, StringComparer.OrdinalIgnoreCase)));

    public void Dispose() => Store.Changed -= Signal;

    private int IndexOf(uint uid)
    {
        var (low, high) = (0, Count - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (_messages[middle].Uid == uid) return middle;
            if (_messages[middle].Uid < uid) low = middle + 1;
            else high = middle - 1;
        }
        return -1;
    }

    // EXAMINE must take \Recent from no other session (RFC 3501 section 6.3.2): it only asks.
    private void ClaimRecent()
    {
        var below = LargestUid + 1;
        var from = Store.ClaimRecent(IsReadOnly ? 0 : below);
        if (from >= below) return;
        if (_recent.Count > 0 && _recent[^1].Below >= from) _recent[^1] = (Math.Min(_recent[^1].From, from), below);
        else _recent.Add((from, below));
    }

    private void Signal() => _signal.Writer.TryWrite(true);
}

/// <summary>What happened to a mailbox since the client was told last.</summary>
/// <param name="Expunged">Sequence numbers as EXPUNGE names them, one after the other.</param>
/// <param name="Grew">Messages were added: EXISTS.</param>
/// <param name="Changed">Sequence numbers, after the expunges, of messages with other flags or another mod-sequence.</param>
internal sealed record ImapViewChange(IReadOnlyList<int> Expunged, bool Grew, IReadOnlyList<int> Changed);
