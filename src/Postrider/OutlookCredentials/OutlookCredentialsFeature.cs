using Postrider.Settings;

namespace Postrider.OutlookCredentials;

internal static class OutlookCredentialsFeature
{
    public static IServiceCollection AddOutlookCredentials(this IServiceCollection services)
    {
        services.AddSingleton<OutlookCredentialStore>();
        services.AddSingleton<ISettingsBlock, OutlookCredentialsBlock>();
        return services;
    }
}
