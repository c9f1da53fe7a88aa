using Postrider.Journal;
using Postrider.Storage;

namespace Postrider.IncomingMail;

/// <summary>Removes what was discarded from quarantine and not taken back in time, once an hour.</summary>
internal sealed partial class DiscardedMail(HubDatabase database, Bodies bodies, IntakeStore store, JournalWriter journal, TimeProvider clock, ILogger<DiscardedMail> log) : Rounds(TimeSpan.FromHours(1), atOnce: true, clock)
{
    private const int AtOnce = 100;

    protected override async Task RoundAsync(CancellationToken cancellationToken)
    {
        while (await RemoveAsync(cancellationToken) == AtOnce)
        {
        }
    }

    protected override void Failed(Exception failure) => NotRemoved(log, failure);

    /// <returns>How many it looked at; as many as one round takes when there may be more.</returns>
    internal async Task<int> RemoveAsync(CancellationToken cancel)
    {
        var outlived = await database.ReadAsync(r => store.Outlived(r, r.Now - QuarantinedMail.DiscardedLife, AtOnce), cancel);
        if (outlived.Count == 0) return 0;
        await database.WriteAsync(tx =>
        {
            foreach (var mail in outlived)
            {
                if (!store.Remove(tx, mail.Id)) continue;
                store.DropOriginal(tx, mail, bodies.Put(tx, ReadOnlyMemory<byte>.Empty));
                journal.Write(tx, "incoming-mail-removed", Intake.QuarantineTopic, mail.Id.Value, $"A message that was discarded {QuarantinedMail.DiscardedLife.Days} days ago was removed.", null);
            }
        }, cancel);
        return outlived.Count;
    }

    [LoggerMessage(IncomingMailLog.NotRemoved, LogLevel.Error, "Discarded messages could not be removed; tried again in an hour")]
    private static partial void NotRemoved(ILogger log, Exception e);
}
