using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>Told in the same transaction when a mail changes its state, or when reports tell of its fate. SQL only; may run again when the transaction is repeated.</summary>
internal interface IOutboxListener
{
    void Changed(HubTransaction transaction, OutboxMailId mail, OutboxState state);

    /// <summary>Of a mail that the server had taken.</summary>
    void Reported(HubTransaction transaction, OutboxMailId mail, MailFate fate)
    {
    }
}
