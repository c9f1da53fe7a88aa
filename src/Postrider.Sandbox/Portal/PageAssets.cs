using System.Collections.Frozen;
using System.Reflection;
using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace Postrider.Sandbox.Portal;

/// <summary>
/// The stylesheet and the script of the sandbox's pages. They travel inside the assembly, so they are there however the sandbox is hosted:
/// from its own command, in the Demo's process, in a test.
/// </summary>
internal static class PageAssets
{
    private const string Prefix = "wwwroot/";
    private static readonly FrozenDictionary<string, Asset> ByName = Load();

    private sealed record Asset(byte[] Bytes, string MediaType, string Version);

    /// <summary>The address of an asset; it changes with the content, so a browser may keep what it has for ever.</summary>
    public static string Url(string name) => $"/assets/{name}?v={ByName[name].Version}";

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/assets/{name}", (string name, string? v, HttpContext http) =>
        {
            if (!ByName.TryGetValue(name, out var asset)) return Results.NotFound();
            http.Response.Headers.XContentTypeOptions = "nosniff";
            http.Response.Headers.CacheControl = v == asset.Version ? "public, max-age=31536000, immutable" : "no-cache";
            return Results.Bytes(asset.Bytes, asset.MediaType, entityTag: new EntityTagHeaderValue($"\"{asset.Version}\""));
        }).ExcludeFromDescription();

    private static FrozenDictionary<string, Asset> Load()
    {
        var assembly = Assembly.GetExecutingAssembly();
        return assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .ToFrozenDictionary(name => name[Prefix.Length..], name => Read(assembly, name), StringComparer.Ordinal);
    }

    private static Asset Read(Assembly assembly, string resource)
    {
        using var stream = assembly.GetManifestResourceStream(resource)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        var mediaType = Path.GetExtension(resource) switch
        {
            ".css" => "text/css; charset=utf-8",
            ".js" => "text/javascript; charset=utf-8",
            ".svg" => "image/svg+xml",
            _ => "application/octet-stream",
        };
        return new Asset(bytes, mediaType, Convert.ToHexStringLower(SHA256.HashData(bytes))[..12]);
    }
}
