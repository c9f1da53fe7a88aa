using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Identity;
using Postrider.Web;

namespace Postrider.Users;

internal static class UsersFeature
{
    public const string SessionCookie = "postrider.session";
    private const string CookieOrKey = "cookie-or-key";

    public static IServiceCollection AddUsers(this IServiceCollection services)
    {
        services.AddSingleton<People>().AddSingleton<Sessions>().AddSingleton<ApiKeys>().AddSingleton<SignInLimit>().AddSingleton<SetupLink>();
        services.AddSingleton<PasswordHasher<Person>>();
        // OWASP Password Storage Cheat Sheet, read 2026-11: 210,000 for PBKDF2 with HMAC-SHA512, which the hasher uses.
        services.Configure<PasswordHasherOptions>(options => options.IterationCount = 210_000);
        services.AddSingleton<IMenuEntry, UsersMenuEntry>();

        services.AddAuthentication(CookieOrKey)
            .AddPolicyScheme(CookieOrKey, null, options => options.ForwardDefaultSelector =
                http => http.Request.Headers.Authorization.Count > 0 ? ApiKeyHandler.SchemeName : CookieAuthenticationDefaults.AuthenticationScheme)
            .AddScheme<AuthenticationSchemeOptions, ApiKeyHandler>(ApiKeyHandler.SchemeName, null)
            .AddCookie();
        services.AddOptions<CookieAuthenticationOptions>(CookieAuthenticationDefaults.AuthenticationScheme).Configure<Sessions>(ConfigureCookie);

        services.AddAuthorizationBuilder()
            .AddPolicy(Policies.SignedIn, policy => policy.RequireAuthenticatedUser())
            .AddPolicy(Policies.Settings, policy => policy.RequireClaim(ViewerClaims.Right, ViewerClaims.SettingsRight))
            // A page or route that forgets its policy is closed, not open.
            .SetFallbackPolicy(new Microsoft.AspNetCore.Authorization.AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
        return services;
    }

    public static void MapUsers(this IEndpointRouteBuilder routes)
    {
        UsersApi.Map(routes);
        SessionApi.Map(routes);
        ApiKeysApi.Map(routes);
        routes.MapPost("/sign-out", async (HttpContext http, IAntiforgery antiforgery, Sessions sessions) =>
        {
            if (!await antiforgery.IsRequestValidAsync(http)) return Results.StatusCode(StatusCodes.Status400BadRequest);
            await sessions.EndAsync(http);
            return Results.LocalRedirect("/sign-in");
        }).RequireAuthorization(Policies.SignedIn).ExcludeFromDescription();
    }

    private static void ConfigureCookie(CookieAuthenticationOptions options, Sessions sessions)
    {
        options.Cookie.Name = SessionCookie;
        options.Cookie.HttpOnly = true;
        options.Cookie.IsEssential = true;
        // Lax: the way back from Microsoft's consent page is a cross-site GET and must arrive signed in.
        options.Cookie.SameSite = SameSiteMode.Lax;
        options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        options.ExpireTimeSpan = TimeSpan.FromHours(12);
        options.SlidingExpiration = true;
        options.LoginPath = "/sign-in";
        options.ReturnUrlParameter = SignInPage.NextParameter;
        options.Events.OnValidatePrincipal = sessions.ValidateAsync;
        options.Events.OnRedirectToAccessDenied = context => Status(context.HttpContext, StatusCodes.Status403Forbidden);
        options.Events.OnRedirectToLogin = context =>
        {
            // A program, or a part of a page that refreshes itself, can do nothing with the sign-in page.
            if (context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase) || context.Request.Path == "/live" || context.Request.Headers.ContainsKey("HX-Request"))
                return Status(context.HttpContext, StatusCodes.Status401Unauthorized);
            context.Response.Redirect(context.RedirectUri);
            return Task.CompletedTask;
        };
    }

    private static Task Status(HttpContext http, int status)
    {
        http.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    private sealed class UsersMenuEntry : IMenuEntry
    {
        public string Section => "Settings";
        public string Text => UsersTexts.Users;
        public string Href => "/users";
        public string Icon => "users";
        public int Order => 220;
        public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
    }
}
