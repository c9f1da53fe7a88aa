using Postrider.Journal;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.Tests.IncomingMail;

/// <summary>The door for reports over a real store, without servers: they are asked for nothing here.</summary>
internal static class ReportsUnderTest
{
    // As the features do at a hub's start; there is none here.
    static ReportsUnderTest()
    {
        StoredTypes.AddId(id => new OutboxMailId(id), id => id.Value);
        StoredTypes.AddId(id => new OutgoingServerId(id), id => id.Value);
    }

    public static DeliveryReports Of(HubDatabase database, LiveEvents live)
    {
        var journal = new JournalWriter(TimeProvider.System, live);
        return new DeliveryReports(new DeliveryReportStore(), new OutboxStore(servers: null!, budgets: null!, sendAs: null!, suppressions: null!, journal, live, [], new ReportBell(), TimeProvider.System), new SuppressionStore(journal, database, TimeProvider.System), [], live);
    }
}
