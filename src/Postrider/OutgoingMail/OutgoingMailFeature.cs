using Postrider.Journal;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

internal static class OutgoingMailFeature
{
    public static IServiceCollection AddOutgoingMail(this IServiceCollection services)
    {
        StoredTypes.AddId(id => new OutboxMailId(id), id => id.Value);
        services.AddSingleton(_ => Random.Shared);
        services.AddSingleton<OutboxSignal>();
        services.AddSingleton<IServerResumed>(provider => provider.GetRequiredService<OutboxSignal>());
        services.AddSingleton<OutboxStore>();
        services.AddSingleton<Outbox>();
        services.AddSingleton<OutboxDesk>();
        services.AddSingleton<DownloadLinkStore>();
        services.AddSingleton<DownloadLinks>();
        services.AddHostedService(provider => provider.GetRequiredService<DownloadLinks>());
        services.AddSingleton<SendingForecast>();
        services.AddSingleton<DeliveryAttempt>();
        services.AddSingleton<SendingSign>();
        services.AddSingleton<IOutboxListener>(provider => provider.GetRequiredService<SendingSign>());
        services.AddSingleton<RestoreWatch>();
        services.AddHostedService(provider => provider.GetRequiredService<RestoreWatch>());
        services.AddHostedService<OutboxPump>();
        services.AddSingleton<ReportBell>();
        services.AddSingleton<IOutboxListener>(provider => provider.GetRequiredService<ReportBell>());
        services.AddSingleton<SubmitterReports>();
        services.AddHostedService(provider => provider.GetRequiredService<SubmitterReports>());
        services.AddSingleton<SuppressionStore>();
        services.AddSingleton<DeliveryReportStore>();
        services.AddSingleton<DeliveryReports>();
        services.AddSingleton<UnknownMailStore>();
        services.AddSingleton<IOutboxListener>(provider => provider.GetRequiredService<UnknownMailStore>());
        services.AddSingleton<UnknownMails>();
        services.AddHostedService(provider => provider.GetRequiredService<UnknownMails>());
        services.AddSingleton<IMenuEntry, EmailQueueMenuEntry>();
        services.AddSingleton<IMenuEntry, SuppressedAddressesMenuEntry>();
        services.AddSingleton<IIncidentReach, MailReach>();
        services.AddSingleton<INotices, AdministratorNotices>();
        services.AddSingleton<IStartCard, QueueCardEntry>();
        services.AddSingleton<IServerMail, MailOfServers>();
        return services;
    }
}

internal sealed class MailOfServers : IServerMail
{
    public bool Has(HubReader reader, OutgoingServerId server) => OutboxStore.NamesServer(reader, server);
}

internal sealed class EmailQueueMenuEntry : IMenuEntry
{
    public string Section => "Technical";
    public string? Group => "Email";
    public string Text => "Email Queue";
    public string Href => "/email-queue";
    public string? Icon => "mail";
    public int Order => 30;
    public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
}

internal sealed class SuppressedAddressesMenuEntry : IMenuEntry
{
    public string Section => "Technical";
    public string? Group => "Email";
    public string Text => "Suppressed Addresses";
    public string Href => "/suppressed-addresses";
    public string? Icon => "mail-off";
    public int Order => 40;
    public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
}

internal sealed class QueueCardEntry : IStartCard
{
    public Type Component => typeof(QueueCard);
    public int Order => 20;
    public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
}
