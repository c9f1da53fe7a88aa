using System.Net;
using AngleSharp.Dom;

namespace Postrider.Tests.Web;

public sealed class ShellTests
{
    [Fact]
    public async Task Every_asset_a_page_refers_to_is_there()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var page = await hub.PageAsync("/preferences");
        var assets = page.QuerySelectorAll("link[href], script[src], use[href]").Select(e => (e.GetAttribute("href") ?? e.GetAttribute("src"))!.Split('#')[0]).ToHashSet();
        Assert.True(assets.Count >= 8, string.Join(", ", assets));
        foreach (var asset in assets)
        {
            using var answer = await hub.Browser.GetAsync(asset);
            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{asset}: {answer.StatusCode}");
            Assert.NotEmpty(await answer.Content.ReadAsByteArrayAsync());
        }
    }

    [Fact]
    public async Task No_link_leads_nowhere()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await hub.Service<Postrider.Apps.InstalledApps>().InstallAsync(Postrider.Apps.InstalledApps.MicrosoftOutlook, null);
        Assert.Null(await hub.Service<Postrider.Settings.SystemParameters>().SetAsync(Postrider.Settings.KnownParameter.CustomEmailServers, "True", null));
        await hub.PageAsync("/preferences?debug=1");
        var found = new Queue<string>(["/"]);
        var known = new HashSet<string>(found, StringComparer.Ordinal);
        while (found.TryDequeue(out var path))
        {
            using var answer = await hub.Browser.GetAsync(path);
            Assert.True((int)answer.StatusCode < 400, $"{path}: {answer.StatusCode}");
            var links = answer.Headers.Location is { } location
                ? [new Uri(hub.Address, location).PathAndQuery]
                : (await HubUnderTest.ReadPageAsync(answer)).QuerySelectorAll("a[href^='/']").Select(a => a.GetAttribute("href")!.Split('#')[0]);
            foreach (var link in links.Where(known.Add)) found.Enqueue(link);
        }

        Assert.Contains("/incoming-servers/new", known);
        Assert.Contains("/settings/system-parameters/new", known);
    }

    [Fact]
    public async Task Every_icon_a_page_shows_is_in_the_sprite()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var sprite = await hub.Browser.GetStringAsync("/lib/icons.svg");
        foreach (var path in (string[])["/", "/incidents", "/preferences", "/users", "/apps", "/settings", "/settings/system-parameters?debug=1"])
            foreach (var use in (await hub.PageAsync(path)).QuerySelectorAll("use"))
                Assert.Contains($"id=\"{use.GetAttribute("href")!.Split('#')[1]}\"", sprite, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_page_carries_script_or_style_of_its_own()
    {
        await using var hub = await HubUnderTest.StartAsync();
        foreach (var path in (string[])["/", "/incidents", "/preferences", "/users", "/users/new", "/apps", "/settings", "/settings/system-parameters?debug=1", "/sign-in"])
        {
            using var answer = await hub.Browser.GetAsync(path);
            var page = await HubUnderTest.ReadPageAsync(answer);
            Assert.Empty(page.QuerySelectorAll("script:not([src]), style, [style], [onclick], [onsubmit], [onchange]"));
            var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
            Assert.StartsWith("default-src 'self'; ", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        }
    }
}
