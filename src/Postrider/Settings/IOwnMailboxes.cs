using Postrider.Mail;
using Postrider.Storage;

namespace Postrider.Settings;

/// <summary>Mailboxes that the hub itself reads or sends from: whichever folder has some implements it.</summary>
internal interface IOwnMailboxes
{
    /// <summary>Their addresses; of a user name that is no address, nothing.</summary>
    IEnumerable<EmailAddress> Mailboxes(HubReader reader);
}
