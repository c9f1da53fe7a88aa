using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutlookAccounts;

internal static class OutlookAccountsFeature
{
    public static IServiceCollection AddOutlookAccounts(this IServiceCollection services)
    {
        StoredTypes.AddId(id => new OutlookAccountId(id), id => id.Value);
        services.AddSingleton<OutlookAccountStore>();
        services.AddSingleton<ConnectRequestStore>();
        services.AddSingleton<AccessTokens>();
        services.AddScoped<OutlookConnect>();
        services.AddHostedService<TokenKeeper>();
        return services;
    }
}
