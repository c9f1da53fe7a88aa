using System.Threading.Channels;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>Wakes the pump: something was put, or a server may be used again. Many calls are one waking.</summary>
internal sealed class OutboxSignal : IServerResumed
{
    private readonly Channel<bool> bell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Wake() => bell.Writer.TryWrite(true);

    public void Resumed(HubTransaction transaction, OutgoingServerId server) => transaction.AfterCommit(Wake);

    public async Task WaitAsync(CancellationToken cancellationToken) => await bell.Reader.ReadAsync(cancellationToken);
}
