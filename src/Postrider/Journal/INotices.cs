using Postrider.Storage;

namespace Postrider.Journal;

/// <summary>A mail to people about the hub itself.</summary>
/// <param name="Avoids">Not sent through a server that this touches; null: through any that works.</param>
internal sealed record Notice(IncidentCause? Avoids, string Subject, string Text);

/// <summary>Writes to the administrators.</summary>
internal interface INotices
{
    /// <param name="inSameTransaction">Runs in the transaction that takes the mail. SQL only; may run again.</param>
    /// <returns>False when nobody is to be told, or no server works that could carry it: nothing is stored, and it may be asked again.</returns>
    Task<bool> TellAdministratorsAsync(Notice notice, Action<HubTransaction> inSameTransaction, CancellationToken cancellationToken);
}
