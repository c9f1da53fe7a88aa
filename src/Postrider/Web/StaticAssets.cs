namespace Postrider.Web;

internal static class StaticAssets
{
    /// <summary>Style sheets, scripts and icons. With the build's version in their address they may be kept for ever; without it they are asked about each time.</summary>
    public static IApplicationBuilder UseAssets(this IApplicationBuilder app) => app.UseStaticFiles(new StaticFileOptions
    {
        OnPrepareResponse = file => file.Context.Response.Headers.CacheControl =
            file.Context.Request.Query.ContainsKey(AssetVersion.Parameter) ? "public, max-age=31536000, immutable" : "no-cache",
    });
}
