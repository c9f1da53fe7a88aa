using System.Threading.Channels;

namespace Postrider.Journal;

/// <summary>Tells open pages that something changed. Topics are the journal's subjects, and <c>subject/id</c> where a page watches one record.</summary>
internal sealed class LiveEvents(TimeProvider clock)
{
    // From reading the database for a page until that page's own line stands, with a slow browser and a slow network between.
    private static readonly TimeSpan Recent = TimeSpan.FromSeconds(30);
    // Beyond this many topics all are forgotten: with so much going on the next change comes soon.
    private const int MaxRecentTopics = 10_000;
    // A page that reads slowly gets one "changed" for many: it asks for the new state anyway.
    private const int MaxPending = 32;
    // Each open page holds one connection and one entry here.
    private const int MaxSubscriptions = 5_000;

    private readonly Lock gate = new();
    private readonly Dictionary<string, HashSet<Subscription>> listeners = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> lastChanges = new(StringComparer.Ordinal);
    private int subscriptions;

    /// <summary>After the commit (<c>tx.AfterCommit</c>), never before.</summary>
    public void Publish(string topic)
    {
        lock (gate)
        {
            if (lastChanges.Count >= MaxRecentTopics) lastChanges.Clear();
            lastChanges[topic] = clock.GetTimestamp();
            if (!listeners.TryGetValue(topic, out var those)) return;
            foreach (var subscription in those) subscription.Channel.Writer.TryWrite(topic);
        }
    }

    /// <summary>What changed in the last half minute is told at once: it may have come after the page was made and before it listened.</summary>
    /// <returns>Null when too many pages are open already.</returns>
    public Subscription? Subscribe(IReadOnlySet<string> topics)
    {
        var subscription = new Subscription(this, topics);
        lock (gate)
        {
            if (subscriptions >= MaxSubscriptions) return null;
            subscriptions++;
            foreach (var topic in topics)
            {
                if (!listeners.TryGetValue(topic, out var those)) listeners[topic] = those = [];
                those.Add(subscription);
                if (lastChanges.TryGetValue(topic, out var at) && clock.GetElapsedTime(at) < Recent) subscription.Channel.Writer.TryWrite(topic);
            }
        }

        return subscription;
    }

    private void End(Subscription subscription)
    {
        lock (gate)
        {
            var listened = false;
            foreach (var topic in subscription.Topics)
            {
                if (!listeners.TryGetValue(topic, out var those) || !those.Remove(subscription)) continue;
                listened = true;
                if (those.Count == 0) listeners.Remove(topic);
            }

            if (listened) subscriptions--;
        }
    }

    internal sealed class Subscription(LiveEvents owner, IReadOnlySet<string> topics) : IDisposable
    {
        public IReadOnlySet<string> Topics => topics;

        internal Channel<string> Channel { get; } = System.Threading.Channels.Channel.CreateBounded<string>(new BoundedChannelOptions(MaxPending) { FullMode = BoundedChannelFullMode.DropOldest });

        /// <summary>The topics, as they change.</summary>
        public ChannelReader<string> Changes => Channel.Reader;

        public void Dispose() => owner.End(this);
    }
}
