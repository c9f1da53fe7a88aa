namespace Postrider.Web;

/// <summary>Addresses of static files with the build's version, so that browsers may keep them for ever.</summary>
internal sealed class AssetVersion
{
    public const string Parameter = "v";

    // Changes with each build of the hub, and the files are part of it.
    private readonly string version = typeof(AssetVersion).Module.ModuleVersionId.ToString("N")[..12];

    public string Of(string file) => $"/{file}?{Parameter}={version}";
}
