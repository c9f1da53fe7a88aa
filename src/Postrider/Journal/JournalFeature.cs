using Postrider.Web;

namespace Postrider.Journal;

internal static class JournalFeature
{
    public static IServiceCollection AddJournal(this IServiceCollection services)
    {
        services.AddSingleton<LiveEvents>();
        services.AddSingleton<JournalWriter>();
        services.AddSingleton<IncidentStore>();
        services.AddSingleton<IncidentBoard>();
        services.AddHostedService<IncidentNotices>();
        services.AddSingleton<EndingBoard>();
        services.AddHostedService<EndingNotices>();
        services.AddSingleton<IMenuEntry, IncidentsMenuEntry>();
        services.AddSingleton<IBanner, IncidentBannerEntry>();
        services.AddSingleton<IStartCard, IncidentsCardEntry>();
        return services;
    }

    public static void MapJournal(this IEndpointRouteBuilder routes)
    {
        LiveApi.Map(routes);
        IncidentsApi.Map(routes);
    }

    private sealed class IncidentsMenuEntry : IMenuEntry
    {
        public string Section => "Technical";
        public string? Group => "Email";
        public string Text => JournalTexts.Incidents;
        public string Href => "/incidents";
        public string? Icon => "activity";
        public int Order => 40;
        public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
    }

    private sealed class IncidentBannerEntry : IBanner
    {
        public Type Component => typeof(IncidentBanner);
        public int Order => 5;
    }

    private sealed class IncidentsCardEntry : IStartCard
    {
        public Type Component => typeof(IncidentsCard);
        public int Order => 10;
        public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
    }
}
