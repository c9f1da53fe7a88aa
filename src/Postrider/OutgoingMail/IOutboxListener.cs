using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>Told in the same transaction when a mail changes its state. SQL only; may run again when the transaction is repeated.</summary>
internal interface IOutboxListener
{
    void Changed(HubTransaction transaction, OutboxMailId mail, OutboxState state);
}
