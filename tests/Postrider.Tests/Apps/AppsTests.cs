using System.Net;
using Postrider.Apps;

namespace Postrider.Tests.Apps;

public sealed class AppsTests
{
    private const string Outlook = "[data-app=microsoft_outlook]";

    [Fact]
    public async Task Microsoft_Outlook_is_found_once_the_filter_is_taken_away_and_then_installed()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var filtered = await hub.PageAsync("/apps?search=Outlook");
        Assert.Null(filtered.QuerySelector(Outlook));
        Assert.Contains("Apps", filtered.QuerySelector(".pr-facet")!.TextContent, StringComparison.Ordinal);

        var without = filtered.QuerySelector(".pr-facet a")!.GetAttribute("href")!;
        Assert.NotNull((await hub.PageAsync(without)).QuerySelector(Outlook));
        Assert.False(hub.Service<InstalledApps>().IsInstalled("microsoft_outlook"));
        using var installed = await HubUnderTest.SubmitAsync(hub.Browser, without, "install-microsoft_outlook");
        Assert.Equal(HttpStatusCode.Found, installed.StatusCode);
        Assert.True(hub.Service<InstalledApps>().IsInstalled("microsoft_outlook"));
        Assert.NotNull((await hub.PageAsync(without)).QuerySelector(Outlook + " .pr-state-good"));
    }

    [Fact]
    public async Task An_installed_app_stays_over_a_restart_until_it_is_uninstalled()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var installed = await hub.Browser.PutAsync("/api/v1/apps/microsoft_outlook/installed", null);
        Assert.Equal(HttpStatusCode.NoContent, installed.StatusCode);
        await hub.RestartAsync();
        Assert.True(hub.Service<InstalledApps>().IsInstalled("microsoft_outlook"));
        using var uninstalled = await hub.Browser.DeleteAsync("/api/v1/apps/microsoft_outlook/installed");
        Assert.False(hub.Service<InstalledApps>().IsInstalled("microsoft_outlook"));
    }

    [Fact]
    public async Task What_is_part_of_the_hub_stays_and_what_is_unknown_is_not_found()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var part = await hub.Browser.DeleteAsync("/api/v1/apps/mail/installed");
        Assert.Equal(HttpStatusCode.Conflict, part.StatusCode);
        using var unknown = await hub.Browser.PutAsync("/api/v1/apps/nothing/installed", null);
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
    }
}
