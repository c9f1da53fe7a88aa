using Postrider.Conversations;
using Postrider.IncomingMail;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.OutlookAccounts;
using Postrider.Settings;
using Postrider.Storage;
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
        .AddSingleton<FetchTurns>()
        .AddSingleton<MailboxReader>()
        .AddSingleton<PopReader>()
        .AddSingleton<IncomingServerRegister>()
        .AddSingleton<IConnectTarget, IncomingServerConnectTarget>()
        .AddSingleton<IMenuEntry, IncomingServersMenu>()
        .AddSingleton<IReceivingServers, ReceivingServers>()
        .AddSingleton<IInboxUse, ReceivingServers>()
        .AddSingleton<IOwnMailboxes, ReceivingServers>()
        .AddHostedService<MailboxWatchers>();

    public static void MapIncomingServers(this WebApplication app) => IncomingServersApi.Map(app);

    private sealed class ReceivingServers(IncomingServerStore store) : IReceivingServers, IInboxUse, IOwnMailboxes
    {
        public ReceivingServer Of(HubReader reader, Guid server) => store.Receiving(reader, server);

        public string? UsedBy(HubReader reader, InboxId inbox) => store.DeliverTo(reader, inbox.Value) is { } names ? IncomingServersTexts.DeliversTo.With(names) : null;

        public IEnumerable<EmailAddress> Mailboxes(HubReader reader) => store.Mailboxes(reader);
    }

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
