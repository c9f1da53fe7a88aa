using Postrider.Journal;
using Postrider.OutlookAccounts;
using Postrider.Storage;

namespace Postrider.OutgoingServers;

/// <summary>Knows what stays behind when a server goes: mail that went, or is to go, through it.</summary>
internal interface IServerMail
{
    bool Has(HubReader reader, OutgoingServerId server);
}

/// <summary>Once a day it removes personal servers that were begun and never connected: their users closed Microsoft's page. One that has mail stays, whatever else holds.</summary>
internal sealed partial class PersonalServerSweep(HubDatabase database, OutgoingServerStore servers, IServerMail mail, JournalWriter journal, TimeProvider clock, ILogger<PersonalServerSweep> log) : Rounds(TimeSpan.FromDays(1), atOnce: true, clock)
{
    /// <summary>Whoever was called away from Microsoft's page may come back to it on the same day.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromDays(1);

    protected override Task RoundAsync(CancellationToken cancellationToken) => SweepAsync(cancellationToken);

    protected override void Failed(Exception failure) => NotSwept(log, failure);

    /// <returns>How many are gone.</returns>
    internal async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        // Looked for by a reader: whether a server has mail may take a look at all of it.
        var begun = await database.ReadAsync(reader => (List<OutgoingServer>)[.. servers.NeverConnected(reader, reader.Now - Patience).Where(server => !mail.Has(reader, server.Id))], cancellationToken);
        var gone = 0;
        foreach (var server in begun)
        {
            gone += await database.WriteAsync(
                tx =>
                {
                    // It may have been taken up again meanwhile.
                    if (servers.NeverConnected(tx, tx.Now - Patience).All(still => still.Id != server.Id) || ConnectRequestStore.IsUnderWay(tx, server.Id.Value)) return 0;
                    servers.Remove(tx, server.Id);
                    journal.Write(tx, "personal-server-removed", "outgoing-server", server.Id.Value, $"The outgoing mail server “{server.Name}” was begun and never connected: it was removed.", null);
                    return 1;
                },
                cancellationToken);
        }

        return gone;
    }

    [LoggerMessage(2201, LogLevel.Error, "Removing personal servers that were never connected failed; trying again in a day")]
    private static partial void NotSwept(ILogger log, Exception failure);
}
