namespace Postrider.Web;

/// <summary>What every answer says to the browser. An endpoint that needs another policy (the frame that shows a mail) sets its own header.</summary>
internal static class SecurityHeaders
{
    /// <param name="login">Microsoft's sign-in address: <em>Connect</em> is a form whose answer leads there, and browsers hold form-action against the whole way.</param>
    public static IApplicationBuilder UseSecurityHeaders(this IApplicationBuilder app, Uri login)
    {
        // https: a tenant may send its people on to a sign-in server of its own, whose name nobody here knows.
        var elsewhere = login.Scheme == Uri.UriSchemeHttps ? "https:" : "https: " + login.GetLeftPart(UriPartial.Authority);
        var policy = $"default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'; form-action 'self' {elsewhere}";
        return app.Use((http, next) =>
        {
            var headers = http.Response.Headers;
            headers.ContentSecurityPolicy = policy;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "same-origin";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
            headers.CacheControl = "no-cache, no-store";
            return next(http);
        });
    }
}
