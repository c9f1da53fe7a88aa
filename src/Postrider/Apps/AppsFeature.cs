using Postrider.Web;

namespace Postrider.Apps;

internal static class AppsFeature
{
    public static IServiceCollection AddApps(this IServiceCollection services) => services.AddSingleton<InstalledApps>().AddSingleton<IMenuEntry, AppsMenuEntry>();

    public static void MapApps(this IEndpointRouteBuilder routes) => AppsApi.Map(routes);

    private sealed class AppsMenuEntry : IMenuEntry
    {
        public string Section => "Apps";
        public string Text => AppsTexts.Apps;
        public string Href => "/apps";
        public string Icon => "apps";
        public int Order => 100;
        public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
    }
}
