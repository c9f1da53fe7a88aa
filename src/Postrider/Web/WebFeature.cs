using System.Text.Json;
using System.Text.Json.Serialization;

namespace Postrider.Web;

internal static class WebFeature
{
    public static IServiceCollection AddWeb(this IServiceCollection services, TrustedRoots roots)
    {
        services.AddSingleton(roots);
        services.AddHttpContextAccessor();
        services.AddSingleton<AssetVersion>();
        services.AddScoped<Flash>();
        services.AddScoped(provider => Viewer.Of(provider.GetRequiredService<IHttpContextAccessor>().HttpContext!) ?? throw new InvalidOperationException("Nobody is signed in: the page or route lacks its policy."));
        services.AddRazorComponents();
        services.AddAntiforgery();
        services.AddProblemDetails();
        services.AddOpenApi();
        services.ConfigureHttpJsonOptions(options =>
        {
            options.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
            options.SerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
        });
        return services;
    }

    public static void MapWeb(this WebApplication app)
    {
        app.MapRazorComponents<Document>();
        app.MapOpenApi();
    }
}
