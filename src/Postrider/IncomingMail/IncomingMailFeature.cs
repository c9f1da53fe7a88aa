using Postrider.Web;

namespace Postrider.IncomingMail;

internal static class IncomingMailFeature
{
    public static IServiceCollection AddIncomingMail(this IServiceCollection services) => services
        .AddSingleton<IntakeStore>()
        .AddSingleton<RouteKnowledge>()
        .AddSingleton<Refusals>()
        .AddHostedService(provider => provider.GetRequiredService<Refusals>())
        .AddSingleton<Intake>()
        .AddHostedService<DiscardedMail>()
        .AddSingleton<Quarantine>()
        .AddSingleton<IMenuEntry, QuarantineMenu>()
        .AddSingleton<IStartCard, QuarantineCardEntry>();

    public static void MapIncomingMail(this WebApplication app) => QuarantineApi.Map(app);

    private sealed class QuarantineCardEntry : IStartCard
    {
        public Type Component => typeof(QuarantineCard);
        public int Order => 30;
        public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
    }

    private sealed class QuarantineMenu : IMenuEntry
    {
        public string Section => "Discuss";
        public string Text => IncomingMailTexts.QuarantineTitle;
        public string Href => "/quarantine";
        public string Icon => "alert-triangle";
        public int Order => 30;
        public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
    }
}
