using Microsoft.AspNetCore.Antiforgery;
using Postrider.Web;

namespace Postrider.Settings;

internal static class SettingsFeature
{
    public static IServiceCollection AddSettings(this IServiceCollection services)
    {
        services.AddSingleton<SystemParameters>();
        services.AddScoped<GeneralSettings>();
        services.AddSingleton<IMenuEntry, GeneralSettingsMenuEntry>();
        services.AddSingleton<IMenuEntry, SystemParametersMenuEntry>();
        services.AddSingleton<IBanner, BaseUrlBannerEntry>();
        return services;
    }

    public static void MapSettings(this IEndpointRouteBuilder routes)
    {
        SettingsApi.Map(routes);
        routes.MapPost("/settings/base-url", async (HttpContext http, IAntiforgery antiforgery, SystemParameters parameters, Viewer viewer, Flash flash) =>
        {
            if (!await antiforgery.IsRequestValidAsync(http)) return Results.StatusCode(StatusCodes.Status400BadRequest);
            var problem = await BaseUrlBanner.SaveAsync(http, parameters, viewer, flash);
            return problem is null ? Results.LocalRedirect("/settings") : Problems.ToResult(problem);
        }).RequireAuthorization(Policies.Settings).ExcludeFromDescription();
        routes.MapPost("/settings/developer-mode", async (HttpContext http, IAntiforgery antiforgery) =>
        {
            if (!await antiforgery.IsRequestValidAsync(http)) return Results.StatusCode(StatusCodes.Status400BadRequest);
            DeveloperModeCookie.Set(http.Response, http.Request.Form["on"] == "1");
            return Results.LocalRedirect("/settings");
        }).RequireAuthorization(Policies.Settings).ExcludeFromDescription();
    }

    private sealed class GeneralSettingsMenuEntry : IMenuEntry
    {
        public string Section => "Settings";
        public string Text => SettingsTexts.GeneralSettings;
        public string Href => "/settings";
        public string Icon => "settings";
        public int Order => 200;
        public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
    }

    private sealed class SystemParametersMenuEntry : IMenuEntry
    {
        public string Section => "Technical";
        public string Group => SettingsTexts.TechnicalGroup;
        public string Text => SettingsTexts.SystemParameters;
        public string Href => "/settings/system-parameters";
        public string Icon => "code";
        public int Order => 390;
        public bool Shown(ViewerContext context) => context.Viewer.DeveloperMode;
    }

    private sealed class BaseUrlBannerEntry : IBanner
    {
        public Type Component => typeof(BaseUrlBanner);
        public int Order => 10;
    }
}
