using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Postrider.Sandbox.Portal;

/// <summary>Answers with a Razor component as a whole page, with the headers every page of the sandbox bears.</summary>
internal static class Page
{
    /// <param name="formLeadsTo">
    /// Where a form of this page ends after its redirects, when that is another site: Chromium holds redirects of a posted form to
    /// <c>form-action</c> too (CSP level 3, section 6.4.1), so a consent page names the redirect URI here.
    /// </param>
    public static IResult Show<TPage>(HttpContext http, IReadOnlyDictionary<string, object?>? parameters = null, int status = StatusCodes.Status200OK, Uri? formLeadsTo = null)
        where TPage : IComponent
    {
        ArgumentNullException.ThrowIfNull(http);
        SetHeaders(http.Response, formLeadsTo);
        return new RazorComponentResult<TPage>(parameters ?? NoParameters) { StatusCode = status, PreventStreamingRendering = true };
    }

    public static void SetHeaders(HttpResponse response, Uri? formLeadsTo = null)
    {
        ArgumentNullException.ThrowIfNull(response);
        // The policy names the origin only: a path in form-action is ignored after a redirect anyway.
        var also = formLeadsTo is { IsAbsoluteUri: true, Scheme: "http" or "https" } ? " " + formLeadsTo.GetLeftPart(UriPartial.Authority) : "";
        response.Headers.ContentSecurityPolicy =
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'" + also;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Referrer-Policy"] = "same-origin";
        // Pages show client secrets and mail.
        response.Headers.CacheControl = "no-store";
    }

    private static readonly Dictionary<string, object?> NoParameters = [];
}
