using Postrider.Settings;
using Postrider.Web;

namespace Postrider.Entra;

internal static class EntraFeature
{
    // Microsoft's sign-in answers in well under a second; a connect attempt has a person waiting.
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(20);

    public static IServiceCollection AddEntra(this IServiceCollection services)
    {
        services.AddHttpClient<EntraClient>(http => http.Timeout = AnswerWithin)
            .ConfigurePrimaryHttpMessageHandler(provider =>
            {
                var handler = provider.GetRequiredService<TrustedRoots>().MakeHandler();
                // A redirect would carry codes and secrets to an address nobody chose.
                handler.AllowAutoRedirect = false;
                handler.UseCookies = false;
                handler.ConnectTimeout = TimeSpan.FromSeconds(10);
                return handler;
            })
            // Addresses of token requests are harmless, but nothing about sign-ins belongs in a log by default.
            .RemoveAllLoggers();
        services.AddSingleton<SigningKeys>();
        services.AddTransient<IdTokens>();
        services.AddSingleton<EntraAuthority>();
        return services;
    }
}

/// <summary>The authority in force: the cloud of this hub, or what the system parameter says.</summary>
internal sealed class EntraAuthority(MicrosoftCloud cloud, SystemParameters parameters)
{
    public EntraEndpoints Endpoints => EntraEndpoints.Of(cloud, parameters.Get(KnownParameter.OutlookEndpoint));
}
