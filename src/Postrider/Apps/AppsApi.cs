using Postrider.Web;

namespace Postrider.Apps;

/// <summary><c>/api/v1/apps</c></summary>
internal static class AppsApi
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var apps = routes.MapGroup("/api/v1/apps").WithTags("Apps").RequireAuthorization(Policies.Settings);
        apps.MapGet("", (InstalledApps installed, string? search, bool appsOnly = false) => new AppList([.. KnownApp.Search(search, appsOnly).Select(app => AppAnswer.Of(app, installed))])).WithSummary("What can be installed");
        apps.MapPut("/{name}/installed", async (string name, InstalledApps installed, Viewer viewer, CancellationToken gone) =>
            await installed.InstallAsync(name, viewer.UserId, gone) is { } problem ? Problems.ToResult(problem) : Results.NoContent()).WithSummary("Install an app");
        apps.MapDelete("/{name}/installed", async (string name, InstalledApps installed, Viewer viewer, CancellationToken gone) =>
            await installed.UninstallAsync(name, viewer.UserId, gone) is { } problem ? Problems.ToResult(problem) : Results.NoContent()).WithSummary("Uninstall an app; refused while something uses it");
    }

    internal sealed record AppList(IReadOnlyList<AppAnswer> Apps);

    /// <param name="Name">Technical name.</param>
    /// <param name="IsApp">False: an addition to another app.</param>
    internal sealed record AppAnswer(string Name, string Title, string Summary, bool IsApp, bool Installed)
    {
        public static AppAnswer Of(KnownApp app, InstalledApps installed) => new(app.Name, app.Title, app.Summary, app.IsApp, installed.IsInstalled(app.Name));
    }
}
