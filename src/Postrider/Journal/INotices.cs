using Postrider.Storage;

namespace Postrider.Journal;

/// <summary>A mail to people about the hub itself.</summary>
/// <param name="About">What it tells of: not sent through a server that this touches.</param>
internal sealed record Notice(IncidentCause About, string Subject, string Text);

/// <summary>Writes to the administrators.</summary>
internal interface INotices
{
    /// <param name="inSameTransaction">Runs in the transaction that takes the mail. SQL only; may run again.</param>
    /// <returns>False when nobody is to be told, or no server works that could carry it: nothing is stored, and it may be asked again.</returns>
    Task<bool> TellAdministratorsAsync(Notice notice, Action<HubTransaction> inSameTransaction, CancellationToken cancellationToken);
}
