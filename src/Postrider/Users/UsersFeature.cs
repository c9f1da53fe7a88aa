using Microsoft.AspNetCore.Authentication.Cookies;
using Postrider.Web;

namespace Postrider.Users;

internal static class UsersFeature
{
    public static IServiceCollection AddUsers(this IServiceCollection services)
    {
        services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie(options => options.Cookie.Name = "postrider.session");
        services.AddAuthorizationBuilder()
            .AddPolicy(Policies.SignedIn, policy => policy.RequireAuthenticatedUser())
            .AddPolicy(Policies.Settings, policy => policy.RequireClaim(ViewerClaims.Right, ViewerClaims.SettingsRight));
        return services;
    }
}
