using Postrider.Journal;
using Postrider.OutlookAccounts;
using Postrider.Web;

namespace Postrider.IncomingServers;

internal static class IncomingServersFeature
{
    public static IServiceCollection AddIncomingServers(this IServiceCollection services) => services
        .AddSingleton<IncomingServerStore>()
        .AddSingleton<IRestsForIncidents, MailboxesAtRest>()
        .AddSingleton<IIncidentReach, MailboxReach>()
        .AddSingleton<IncomingServerChanges>()
        .AddSingleton<MailboxSessions>()
        .AddSingleton<MailboxReader>()
        .AddSingleton<IncomingServerRegister>()
        .AddSingleton<IConnectTarget, IncomingServerConnectTarget>()
        .AddSingleton<IMenuEntry, IncomingServersMenu>()
        .AddHostedService<MailboxWatchers>();

    public static void MapIncomingServers(this WebApplication app) => IncomingServersApi.Map(app);

    private sealed class IncomingServersMenu : IMenuEntry
    {
        public string Section => "Technical";
        public string Group => "Email";
        public string Text => IncomingServersTexts.Title;
        public string Href => "/incoming-servers";
        public string Icon => "inbox";
        public int Order => 20;
        public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
    }
}
