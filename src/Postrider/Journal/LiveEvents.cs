using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Postrider.Journal;

/// <summary>Tells open pages that something changed. Topics are the journal's subjects, and <c>subject/id</c> where a page watches one record.</summary>
internal sealed class LiveEvents
{
    // A page that reads slowly gets one "changed" for many: it asks for the new state anyway.
    private const int MaxPending = 32;
    // Each open page holds one connection and one entry here.
    private const int MaxSubscriptions = 5_000;

    private readonly ConcurrentDictionary<Subscription, byte> subscriptions = new();

    /// <summary>After the commit (<c>tx.AfterCommit</c>), never before.</summary>
    public void Publish(string topic)
    {
        foreach (var subscription in subscriptions.Keys)
            if (subscription.Topics.Contains(topic)) subscription.Channel.Writer.TryWrite(topic);
    }

    /// <returns>Null when too many pages are open already.</returns>
    public Subscription? Subscribe(IReadOnlySet<string> topics)
    {
        if (subscriptions.Count >= MaxSubscriptions) return null;
        var subscription = new Subscription(this, topics);
        subscriptions[subscription] = 0;
        return subscription;
    }

    internal sealed class Subscription(LiveEvents owner, IReadOnlySet<string> topics) : IDisposable
    {
        public IReadOnlySet<string> Topics => topics;

        internal Channel<string> Channel { get; } = System.Threading.Channels.Channel.CreateBounded<string>(new BoundedChannelOptions(MaxPending) { FullMode = BoundedChannelFullMode.DropOldest });

        /// <summary>The topics, as they change.</summary>
        public ChannelReader<string> Changes => Channel.Reader;

        public void Dispose() => owner.subscriptions.TryRemove(this, out _);
    }
}
