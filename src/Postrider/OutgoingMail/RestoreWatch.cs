using System.Globalization;
using Postrider.Journal;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>Set when mail is claimed to be sent.</summary>
internal sealed class SendingSign : IOutboxListener
{
    private int set;

    public void Changed(HubTransaction transaction, OutboxMailId mail, OutboxState state)
    {
        if (state == OutboxState.Sending) transaction.AfterCommit(() => Interlocked.Exchange(ref set, 1));
    }

    /// <returns>Whether it was set since it was taken last.</returns>
    public bool Take() => Interlocked.Exchange(ref set, 0) == 1;
}

/// <summary>
/// Notices that the database is an older backup. A number counts on while mail is sent, first in the database, then in a file beside it; so the file is never ahead, unless the database was put back.
/// Mail that waits in a backup may have gone out since: nothing is sent then before a person has said so.
/// </summary>
internal sealed class RestoreWatch(HubDatabase database, OutboxStore store, OutgoingServerStore servers, JournalWriter journal, SendingSign sign, TimeProvider clock, ILogger<RestoreWatch> log) : BackgroundService
{
    public const string FileName = "postrider.mark";

    /// <summary>What a person reads beside each server.</summary>
    public const string Reason = "The database is an older backup: mail that was sent since then may go out again. Look through the Email Queue before you release the server.";

    private static readonly TimeSpan Round = TimeSpan.FromSeconds(10);

    private string FilePath => Path.Combine(database.DataFolder, FileName);

    /// <summary>At start, before anything is sent.</summary>
    /// <returns>Whether the database turned out to be an older one.</returns>
    public async Task<bool> CheckAsync(CancellationToken cancellationToken)
    {
        if (ReadFile() is not { } seen) return false;
        var (held, looked) = await database.WriteAsync<(int, int)>(tx =>
        {
            if (tx.Execute("UPDATE sending_mark SET mark = @seen WHERE mark < @seen", new { seen }) == 0) return (-1, 0);
            var active = servers.List(tx).Where(server => server.Active).ToList();
            foreach (var server in active.Where(server => server.HeldAt is null)) servers.Hold(tx, server.Id, Reason, byUser: null);
            // Exchange keeps what it sent: there it can be seen which of the waiting mails went out.
            var suspects = active.Where(server => server.Kind == ServerKind.Outlook).Sum(server => store.Suspect(tx, server.Id));
            journal.Write(tx, "database-restored", "database", null, Reason, null);
            return (active.Count, suspects);
        }, cancellationToken);
        if (held < 0) return false;
        OutgoingMailLog.Restored(log, held, looked);
        return true;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Round, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await CountOnAsync();
        }
    }

    private async Task CountOnAsync()
    {
        if (!sign.Take()) return;
        try
        {
            var mark = await database.WriteAsync(tx => tx.Scalar<long>("UPDATE sending_mark SET mark = mark + 1 RETURNING mark"), CancellationToken.None);
            // As a whole or not at all: half a number would be a smaller one.
            var next = FilePath + ".new";
            await File.WriteAllTextAsync(next, mark.ToString(CultureInfo.InvariantCulture) + "\n", CancellationToken.None);
            File.Move(next, FilePath, overwrite: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or System.Data.Common.DbException)
        {
            // A full disk, for one: the next mail counts on again. Until then a backup would be taken for the newest.
            OutgoingMailLog.NotCountedOn(log, failure);
        }
    }

    /// <returns>Null when there is none, or it holds no number.</returns>
    private long? ReadFile()
    {
        try
        {
            return File.Exists(FilePath) && long.TryParse(File.ReadAllText(FilePath).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var mark) ? mark : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            OutgoingMailLog.NotCountedOn(log, failure);
            return null;
        }
    }
}
