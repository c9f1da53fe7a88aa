using System.Collections.Concurrent;
using System.Threading.Channels;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>Wakes whoever sends: something was put, or a server may be used again. Many calls are one waking.</summary>
internal sealed class OutboxSignal : IServerResumed
{
    private readonly Channel<bool> bell = Bell();
    private readonly ConcurrentDictionary<OutgoingServerId, ServerBell> servers = new();

    /// <summary>Something may have come due, wherever.</summary>
    public void Wake() => bell.Writer.TryWrite(true);

    /// <summary>This server has mail. A connection that stands idle takes it; else the pump looks, unless every connection is busy already and will look by itself.</summary>
    public void Wake(OutgoingServerId server)
    {
        if (servers.TryGetValue(server, out var own) && (own.Rings() || own.AllBusy)) return;
        Wake();
    }

    public void Resumed(HubTransaction transaction, OutgoingServerId server) => transaction.AfterCommit(Wake);

    public async Task WaitAsync(CancellationToken cancellationToken) => await bell.Reader.ReadAsync(cancellationToken);

    /// <summary>A connection that has nothing to send waits here.</summary>
    public Task WaitAsync(OutgoingServerId server, CancellationToken cancellationToken) => servers.GetOrAdd(server, _ => new()).WaitAsync(cancellationToken);

    /// <summary>A connection of this server that stands idle, or is about to, looks for mail.</summary>
    public void Nudge(OutgoingServerId server) => servers.GetOrAdd(server, _ => new()).Nudge();

    /// <summary>No more connections can be opened for it, and none is idle.</summary>
    public void Busy(OutgoingServerId server, bool all) => servers.GetOrAdd(server, _ => new()).AllBusy = all;

    private static Channel<bool> Bell() => Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private sealed class ServerBell
    {
        private readonly Channel<bool> bell = Bell();
        private int waiting;

        public bool AllBusy { get; set; }

        public void Nudge() => bell.Writer.TryWrite(true);

        public bool Rings() => Volatile.Read(ref waiting) > 0 && bell.Writer.TryWrite(true);

        public async Task WaitAsync(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref waiting);
            try
            {
                await bell.Reader.ReadAsync(cancellationToken);
            }
            finally
            {
                Interlocked.Decrement(ref waiting);
            }
        }
    }
}
