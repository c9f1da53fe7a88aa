using Postrider.Conversations;
using Postrider.Storage;

namespace Postrider.IncomingMail;

/// <summary>Lists and hands out quarantined messages. Pages and API call these same methods; <see cref="Intake.ProcessAgainAsync"/> does the rest.</summary>
internal sealed class Quarantine(HubDatabase database, Bodies bodies, IntakeStore store)
{
    public Task<IReadOnlyList<QuarantinedMail>> ListAsync(IncomingMailId? before, int limit, CancellationToken cancel) => database.ReadAsync(r => store.Quarantined(r, before, limit), cancel);

    public Task<long> CountAsync(CancellationToken cancel) => database.ReadAsync(store.CountQuarantined, cancel);

    public Task<QuarantinedMail?> FindAsync(IncomingMailId id, CancellationToken cancel) => database.ReadAsync(r => store.FindQuarantined(r, id), cancel);

    /// <summary>The message as it came.</summary>
    /// <returns>Null when there is no such message.</returns>
    public async Task<OpenedFile?> OriginalAsync(IncomingMailId id, CancellationToken cancel)
    {
        var mail = await database.ReadAsync(r => store.FindQuarantined(r, id) is null ? null : store.Find(r, id), cancel);
        return mail is null ? null : new OpenedFile($"message-{id}.eml", "message/rfc822", await bodies.ReadAsync(mail.RawBody, cancel));
    }
}
