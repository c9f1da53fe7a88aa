using Postrider.Journal;
using Postrider.Settings;
using Postrider.Web;

namespace Postrider.OutlookCredentials;

internal static class OutlookCredentialsFeature
{
    public static IServiceCollection AddOutlookCredentials(this IServiceCollection services)
    {
        services.AddSingleton<OutlookCredentialStore>();
        services.AddSingleton<ISettingsBlock, OutlookCredentialsBlock>();
        services.AddSingleton<IBanner, SecretBanner>();
        services.AddSingleton<IIncidentReach, CredentialsReach>();
        services.AddSingleton<IEndings, SecretEnding>();
        return services;
    }

    private sealed class SecretBanner : IBanner
    {
        public Type Component => typeof(OutlookCredentialsBanner);
        public int Order => 20;
    }
}
