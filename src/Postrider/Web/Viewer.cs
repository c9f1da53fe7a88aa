using System.Security.Claims;

namespace Postrider.Web;

/// <summary>Who asks, for one request. Inject it on pages and in API handlers that require a policy.</summary>
/// <param name="Email">As entered by the administrator; unique without regard to case.</param>
/// <param name="IsSettings">Has the right <em>Settings</em>.</param>
/// <param name="DeveloperMode">Sees <em>Technical</em>. Only with the right Settings.</param>
public sealed record Viewer(Guid UserId, string Name, string Email, bool IsSettings, bool DeveloperMode)
{
    /// <summary>The person's preference, else UTC.</summary>
    public TimeZoneInfo TimeZone { get; init; } = TimeZoneInfo.Utc;

    /// <summary>Of the signed-in browser. Null: an API key.</summary>
    public Guid? SessionId { get; init; }

    /// <returns>Null when nobody is signed in.</returns>
    internal static Viewer? Of(HttpContext http)
    {
        if (http.Items.TryGetValue(typeof(Viewer), out var known)) return (Viewer?)known;
        var viewer = From(http.User, DeveloperModeCookie.IsOn(http.Request));
        http.Items[typeof(Viewer)] = viewer;
        return viewer;
    }

    private static Viewer? From(ClaimsPrincipal principal, bool developerMode)
    {
        if (!Guid.TryParse(principal.FindFirstValue(ViewerClaims.UserId), out var id)) return null;
        var isSettings = principal.HasClaim(ViewerClaims.Right, ViewerClaims.SettingsRight);
        var zone = TimeZoneInfo.TryFindSystemTimeZoneById(principal.FindFirstValue(ViewerClaims.TimeZone) ?? "UTC", out var found) ? found : TimeZoneInfo.Utc;
        return new Viewer(id, principal.FindFirstValue(ViewerClaims.Name) ?? "", principal.FindFirstValue(ViewerClaims.Email) ?? "", isSettings, isSettings && developerMode) 
        {
            TimeZone = zone,
            SessionId = Guid.TryParse(principal.FindFirstValue(ViewerClaims.Session), out var session) ? session : null,
        };
    }
}

/// <summary>Claims of a signed-in person or API key. Users writes them.</summary>
internal static class ViewerClaims
{
    public const string UserId = "sub";
    public const string Name = "name";
    public const string Email = "email";
    public const string Right = "right";
    public const string SettingsRight = "settings";
    public const string TimeZone = "zoneinfo";
    public const string Session = "sid";
}

/// <summary>Developer mode: a view of the pages, kept by the browser until it closes. It grants nothing.</summary>
internal static class DeveloperModeCookie
{
    private const string Name = "postrider.debug";

    /// <summary><c>?debug=1</c> and <c>?debug=0</c> on any page are remembered.</summary>
    public static IApplicationBuilder UseDeveloperMode(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        if (HttpMethods.IsGet(http.Request.Method) && http.Request.Query.ContainsKey("debug")) Set(http.Response, IsOn(http.Request));
        return next(http);
    });

    public static bool IsOn(HttpRequest request) => request.Query["debug"].LastOrDefault() switch
    {
        "1" or "assets" => true,
        "0" or "" => false,
        _ => request.Cookies[Name] == "1",
    };

    public static void Set(HttpResponse response, bool on)
    {
        if (on) response.Cookies.Append(Name, "1", new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Lax, Secure = response.HttpContext.Request.IsHttps, IsEssential = true });
        else response.Cookies.Delete(Name);
    }
}
