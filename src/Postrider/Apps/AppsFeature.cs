namespace Postrider.Apps;

internal static class AppsFeature
{
    public static IServiceCollection AddApps(this IServiceCollection services) => services.AddSingleton<InstalledApps>();
}
