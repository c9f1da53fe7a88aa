namespace Postrider.Settings;

internal static class SettingsFeature
{
    public static IServiceCollection AddSettings(this IServiceCollection services) => services.AddSingleton<SystemParameters>();
}
