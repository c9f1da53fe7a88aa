using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>What putting came to. With a problem nothing was stored.</summary>
/// <param name="MessageId">Without angle brackets; null with a problem.</param>
internal sealed record PutResult(OutboxMailId? Id, string? MessageId, Problem? Problem);

/// <summary>Takes messages to send. What it took survives a power cut.</summary>
internal sealed class Outbox
{
    /// <param name="inSameTransaction">Told the mail's id and Message-ID in the transaction that stores it, so that the caller's own rows commit with it. SQL only; may run again.</param>
    public Task<PutResult> PutAsync(OutgoingMessage message, Action<HubTransaction, OutboxMailId, string>? inSameTransaction, CancellationToken cancellationToken) => throw new NotImplementedException();
}
