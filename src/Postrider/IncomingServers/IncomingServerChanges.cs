using System.Threading.Channels;
using Postrider.Journal;

namespace Postrider.IncomingServers;

/// <summary>Tells the watchers which server was created, changed, confirmed or deleted, and the pages that show it.</summary>
internal sealed class IncomingServerChanges(LiveEvents live)
{
    public const string Topic = "incoming-server";

    private readonly Lock gate = new();
    private readonly HashSet<IncomingServerId> changed = [];
    // One slot: any number of changes is one reason to look.
    private readonly Channel<bool> wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>After the commit.</summary>
    public void ServerChanged(IncomingServerId id)
    {
        lock (gate) changed.Add(id);
        wake.Writer.TryWrite(true);
        live.Publish(Topic);
    }

    /// <summary>After the commit: its health changed, or mail came.</summary>
    public void PageChanged(IncomingServerId id)
    {
        live.Publish(Topic);
        live.Publish($"{Topic}/{id}");
    }

    /// <summary>Those that have changed since it was asked last; waits for the first. For one caller.</summary>
    /// <exception cref="OperationCanceledException">None came before it was cancelled; none is lost.</exception>
    public async ValueTask<IReadOnlyCollection<IncomingServerId>> NextAsync(CancellationToken cancel)
    {
        await wake.Reader.ReadAsync(cancel);
        lock (gate)
        {
            IncomingServerId[] those = [.. changed];
            changed.Clear();
            return those;
        }
    }
}
