namespace Postrider.Web;

/// <summary>
/// Refuses writing requests that another site made with a person's cookie. Pages have antiforgery tokens besides; the API has this alone, so it must be able to tell:
/// a browser sends Sec-Fetch-Site or Origin with each of them. An API key is no cookie: nobody else's page can send it.
/// </summary>
internal static class SameOrigin
{
    public static IApplicationBuilder UseSameOrigin(this IApplicationBuilder app) => app.Use((http, next) =>
        Refuses(http.Request) ? Problems.ToResult(WebProblems.CrossSite, StatusCodes.Status403Forbidden).ExecuteAsync(http) : next(http));

    internal static bool Refuses(HttpRequest request)
    {
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method)) return false;
        if (request.Headers.Authorization.Count > 0) return false;
        if (request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } site) return site is not ("same-origin" or "none");
        if (request.Headers.Origin.ToString() is { Length: > 0 } origin) return !IsOurs(origin, request);
        return request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase) && request.Headers.Cookie.Count > 0;
    }

    private static bool IsOurs(string origin, HttpRequest request) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var url) && url.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase);
}
