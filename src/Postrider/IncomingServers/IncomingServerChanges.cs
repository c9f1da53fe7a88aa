using System.Threading.Channels;
using Postrider.Journal;

namespace Postrider.IncomingServers;

/// <summary>Wakes the watchers when a server was created, changed, confirmed or deleted, and the pages that show it.</summary>
internal sealed class IncomingServerChanges(LiveEvents live)
{
    public const string Topic = "incoming-server";

    // One slot: any number of changes is one reason to look.
    private readonly Channel<bool> wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>After the commit.</summary>
    public void ServersChanged()
    {
        wake.Writer.TryWrite(true);
        live.Publish(Topic);
    }

    /// <summary>After the commit: its health changed, or mail came.</summary>
    public void PageChanged(IncomingServerId id)
    {
        live.Publish(Topic);
        live.Publish($"{Topic}/{id}");
    }

    public ValueTask<bool> NextAsync(CancellationToken cancel) => wake.Reader.ReadAsync(cancel);
}
