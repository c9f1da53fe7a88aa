using System.Text.RegularExpressions;

namespace Postrider.Tests.Web;

public sealed partial class ShellTests
{
    [Fact]
    public async Task Every_asset_a_page_refers_to_is_there()
    {
        await using var hub = await HubUnderTest.StartAsync();
        using var browser = new HttpClient(new SocketsHttpHandler()) { BaseAddress = hub.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/nowhere") { Headers = { { "Accept", "text/html" } } };
        using var page = await browser.SendAsync(request);
        var html = await page.Content.ReadAsStringAsync();
        Assert.Equal(404, (int)page.StatusCode);
        TestContext.Current.TestOutputHelper!.WriteLine(html);

        var assets = Reference.Matches(html).Select(match => match.Groups[1].Value).ToHashSet();
        Assert.True(assets.Count >= 6);
        foreach (var asset in assets)
        {
            using var answer = await browser.GetAsync(new Uri(asset.Split('#')[0], UriKind.Relative));
            Assert.True(answer.IsSuccessStatusCode, asset);
            Assert.NotEmpty(await answer.Content.ReadAsByteArrayAsync());
        }
    }

    [GeneratedRegex("""(?:href|src)="(/[^"]+\.(?:css|js|svg)[^"]*)""")]
    private static partial Regex Reference { get; }
}
