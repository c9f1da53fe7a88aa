using Microsoft.AspNetCore.DataProtection;
using Postrider.Sandbox.Entra;
using Postrider.Sandbox.Portal.AppRegistrations;
using Postrider.Sandbox.Portal.EnterpriseApplications;
using Postrider.Sandbox.Portal.MailSettings;
using Postrider.Sandbox.Portal.Tenants;

namespace Postrider.Sandbox.Portal;

/// <summary>The portal pages: rows 1 to 4 of what an administrator does in Azure before mail can flow.</summary>
internal static class PortalFeature
{
    // Forms here hold a few short fields; the mail page has limits of its own.
    private const int MaxFormBytes = 64 * 1024;

    /// <summary>Needs an <see cref="Directories.EntraDirectory"/>, <see cref="SignInSessions"/> and a <see cref="TimeProvider"/> among the services.</summary>
    public static IServiceCollection AddPortal(this IServiceCollection services)
    {
        services.AddRazorComponents();
        // Keys live as long as the process: what they seal (forms, one flash) is not worth keeping.
        services.AddDataProtection().UseEphemeralDataProtectionProvider();
        services.AddAntiforgery(options =>
        {
            options.Cookie.Name = "sandbox.form";
            // The page's own Content-Security-Policy says who may frame it (nobody, or the mail page).
            options.SuppressXFrameOptionsHeader = true;
        });
        services.AddSingleton<PortalAccount>();
        services.AddSingleton<FlashCookie>();
        return services;
    }

    public static void MapPortal(this IEndpointRouteBuilder routes)
    {
        PageAssets.Map(routes);

        var open = routes.MapGroup("").WithOwnForms().ExcludeFromDescription();
        open.WithMetadata(new Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute(MaxFormBytes));

        var signedIn = open.MapGroup("").ForSignedIn().WithFlash();
        signedIn.MapGet("/", (HttpContext http) => Page.Show<HomePage>(http));
        // Empty: somebody else, who signs in first.
        signedIn.MapPost("/account", async (HttpContext http, PortalAccount portal) =>
        {
            var form = await http.Request.ReadFormAsync(http.RequestAborted);
            if (Guid.TryParse(form["account"], out var id))
            {
                portal.Choose(http, id);
                return Results.Redirect("/");
            }
            portal.Forget(http);
            return Results.Redirect(SignInSessions.SignInPath + "?return=%2F");
        });

        var entra = signedIn.MapGroup("/entra").ForAdministrators();
        TenantRoutes.Map(entra);
        MailSettingsRoutes.Map(entra);
        AppRegistrationRoutes.Map(entra.MapGroup("/app-registrations"));
        EnterpriseApplicationRoutes.Map(entra.MapGroup("/enterprise-applications"));
    }

    /// <summary>The page of a GET shows once what the form before it left.</summary>
    internal static RouteGroupBuilder WithFlash(this RouteGroupBuilder group)
    {
        group.AddEndpointFilter((call, next) =>
        {
            var http = call.HttpContext;
            if (HttpMethods.IsGet(http.Request.Method) && http.RequestServices.GetRequiredService<FlashCookie>().Take(http) is { } flash) http.Features.Set(flash);
            return next(call);
        });
        return group;
    }
}
