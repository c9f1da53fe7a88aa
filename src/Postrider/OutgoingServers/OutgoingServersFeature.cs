using Postrider.Apps;
using Postrider.Journal;
using Postrider.OutlookAccounts;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Users;
using Postrider.Web;

namespace Postrider.OutgoingServers;

internal static class OutgoingServersFeature
{
    public static IServiceCollection AddOutgoingServers(this IServiceCollection services)
    {
        StoredTypes.AddId(id => new OutgoingServerId(id), id => id.Value);
        services.AddSingleton<SendAsKnowledge>();
        services.AddSingleton<OutgoingServerStore>();
        services.AddSingleton<IOwnMailboxes>(provider => provider.GetRequiredService<OutgoingServerStore>());
        services.AddSingleton<SendingBudgets>();
        services.AddSingleton<SendingBudgetForm>();
        services.AddSingleton<IMenuEntry, SendingBudgetsMenuEntry>();
        services.AddSingleton<ServerChooser>();
        services.AddSingleton<Explainer>();
        services.AddSingleton<ServerRoster>();
        services.AddSingleton<IRestsForIncidents, ServersAtRest>();
        services.AddSingleton<SmtpSessions>();
        services.AddSingleton<ConnectionTest>();
        services.AddSingleton<SentItemsStore>();
        services.AddSingleton<SentItems>();
        services.AddSingleton<OutgoingServerForm>();
        services.AddSingleton<OutgoingServerReading>();
        services.AddSingleton<DedicatedServer>();
        services.AddSingleton<ISettingsBlock>(provider => provider.GetRequiredService<DedicatedServer>());
        services.AddSingleton<IServerUse, DedicatedServerUse>();
        services.AddSingleton<IConnectTarget, OutgoingServerTarget>();
        services.AddSingleton<PersonalServer>();
        services.AddHostedService<PersonalServerSweep>();
        services.AddSingleton<IConnectTarget, PersonalServerTarget>();
        services.AddSingleton<IPreferencesBlock, PersonalServerPreferences>();
        services.AddSingleton<IAppUse, OutgoingServersAppUse>();
        services.AddSingleton<IMenuEntry, OutgoingServersMenuEntry>();
        services.AddSingleton<IBanner, CertificateBannerEntry>();
        services.AddSingleton<IEndings, CertificateEndings>();
        return services;
    }

    public static string PagePath(OutgoingServerId id) => $"/outgoing-mail-servers/{id.Value:D}";
}

internal sealed class OutgoingServersMenuEntry : IMenuEntry
{
    public string Section => "Technical";
    public string? Group => "Email";
    public string Text => "Outgoing Mail Servers";
    public string Href => "/outgoing-mail-servers";
    public string? Icon => "send";
    public int Order => 10;
    public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
}

internal sealed class CertificateBannerEntry : IBanner
{
    public Type Component => typeof(CertificateBanner);
    public int Order => 25;
}

internal sealed class SendingBudgetsMenuEntry : IMenuEntry
{
    public string Section => "Technical";
    public string? Group => "Email";
    public string Text => "Sending Budgets";
    public string Href => "/sending-budgets";
    public string? Icon => "gauge";
    public int Order => 15;
    public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
}

/// <summary>Microsoft Outlook stays while servers use it.</summary>
internal sealed class OutgoingServersAppUse : IAppUse
{
    public string App => InstalledApps.MicrosoftOutlook;

    public string? WhyNeeded(HubReader reader) => reader.Scalar<long>("SELECT COUNT(*) FROM outgoing_server WHERE kind = 'outlook' AND active = 1") switch
    {
        0 => null,
        1 => "An outgoing mail server uses it.",
        var count => $"{count} outgoing mail servers use it.",
    };
}
