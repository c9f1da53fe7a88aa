using Microsoft.Playwright;

namespace Postrider.Journeys;

/// <summary>postrider.js and htmx in a real browser, with a page and a hub that the test plays: when each answer comes is decided here.</summary>
public sealed class LiveRegionJourney
{
    private const string Page = """
        <!doctype html><title>x</title>
        <meta name="htmx-config" content='{"includeIndicatorStyles":false,"allowEval":false}'>
        <script src="/htmx.min.js" defer></script><script src="/postrider.js" defer></script>
        <div id="part" data-live="mail" hx-get="/" hx-trigger="postrider-changed" hx-select="#part" hx-swap="outerHTML">Waiting</div>
        """;

    [Fact]
    public async Task A_change_that_is_told_while_the_part_is_being_fetched_is_not_lost()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        await using var browser = await Browser.StartAsync();
        var page = await browser.NewPersonAsync();
        // Instead of server-sent events: the test says what changed, and when.
        await page.AddInitScriptAsync("window.EventSource = class extends EventTarget { constructor() { super(); window.live = this; } close() { } };");
        var fetched = new List<TaskCompletionSource<string>>();
        using var asked = new SemaphoreSlim(0);
        await page.RouteAsync("**/*", async route =>
        {
            var path = new Uri(route.Request.Url).AbsolutePath;
            if (path != "/")
            {
                await route.FulfillAsync(new() { ContentType = "text/javascript", Body = await File.ReadAllTextAsync(Path.Combine(Repository(), "src", "Postrider", "wwwroot", path == "/htmx.min.js" ? "lib/htmx.min.js" : "postrider.js"), CancellationToken.None) });
                return;
            }
            var state = "Waiting";
            if (route.Request.Headers.ContainsKey("hx-request"))
            {
                var answer = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
                fetched.Add(answer);
                asked.Release();
                state = await answer.Task;
            }
            await route.FulfillAsync(new() { ContentType = "text/html", Body = Page.Replace("Waiting", state, StringComparison.Ordinal) });
        });
        await page.GotoAsync("http://live.example/");
        await page.WaitForFunctionAsync("() => window.live && window.htmx");

        await ChangedAsync(page);
        await asked.WaitAsync(TestContext.Current.CancellationToken);
        await ChangedAsync(page);
        await ChangedAsync(page);
        fetched[0].SetResult("Sending");
        Assert.True(await asked.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken), "What changed meanwhile was not asked for.");
        fetched[1].SetResult("Sent");
        await page.GetByText("Sent", new() { Exact = true }).WaitForAsync();
        Assert.Equal(2, fetched.Count);
    }

    private static async Task ChangedAsync(IPage page) => await page.EvaluateAsync("() => { window.live.dispatchEvent(new MessageEvent('changed', { data: 'mail' })); }");

    private static string Repository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Postrider.slnx"))) return folder.FullName;
        throw new InvalidOperationException("The tests run outside their working tree.");
    }
}
