using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Postrider.IncomingMail;

namespace Postrider.Journeys;

/// <summary>Messages that nobody could place: looked at, discarded, and one of them taken back before its time is over.</summary>
public sealed class QuarantineJourney : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-journey-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task What_was_discarded_says_until_when_it_can_be_taken_back()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        var pictures = new Pictures("quarantine");
        await using var hub = await Hub.StartAsync(new HubOptions { DataFolder = Path.Combine(folder.FullName, "hub"), Quiet = true }, Cancel);
        await using var browser = await Browser.StartAsync();
        var page = await browser.NewPersonAsync();
        await new HubVisit(page, hub.Address, pictures).SetUpAsync(hub.SetupLink!, "Ann Miller", "ann@meadow.example");
        await hub.Services.GetRequiredService<Intake>().TakeAsync(
            [.. Enumerable.Range(1, 4).Select(n => new ArrivedMail(Guid.Parse("01900000-0000-7000-8000-000000000001"), "INBOX", 1, (uint)n, null, Encoding.UTF8.GetBytes($"Subject: Order {n}\r\n\r\nTwo loaves, please.\r\n")))], _ => { }, Cancel);

        await page.GotoAsync(new Uri(hub.Address, "/quarantine").ToString());
        // By their subjects: what came in one moment stands in no order.
        for (var n = 1; n <= 3; n++) await page.Locator("main tr", new() { HasText = $"Order {n}" }).Locator("input[name=id]").CheckAsync();
        await page.Locator("summary", new() { HasText = "Discard" }).ClickAsync();
        await pictures.TakeAsync(page, "sure");
        await page.GetByRole(AriaRole.Button, new() { Name = "Discard", Exact = true }).ClickAsync();
        await page.GetByText("3 messages were discarded").WaitForAsync();

        await page.GetByRole(AriaRole.Link, new() { Name = "Discarded" }).ClickAsync();
        await page.GetByText("kept for 30 days").WaitForAsync();
        Assert.Equal(3, await page.Locator("main td", new() { HasText = "Kept until" }).CountAsync());
        await pictures.TakeAsync(page, "discarded");
        await page.GetByRole(AriaRole.Link, new() { Name = "Order 3" }).ClickAsync();
        await page.GetByText("It can be taken back until then.").WaitForAsync();
        var detail = page.Url;
        await pictures.TakeAsync(page, "detail");

        foreach (var (phone, dark) in new[] { (true, false), (false, true), (true, true) })
        {
            var other = await browser.NewPersonAsync(phone, dark);
            await other.Context.AddCookiesAsync((await page.Context.CookiesAsync()).Select(c => new Cookie { Name = c.Name, Value = c.Value, Domain = c.Domain, Path = c.Path }));
            foreach (var (address, what) in new[] { (new Uri(hub.Address, "/quarantine?state=discarded").ToString(), "discarded"), (detail, "detail") })
            {
                await other.GotoAsync(address);
                await pictures.TakeAsync(other, $"{what}-{(phone ? "phone" : "desktop")}-{(dark ? "dark" : "light")}");
                Assert.False(await other.EvaluateAsync<bool>("document.documentElement.scrollWidth > document.documentElement.clientWidth"), "The page is wider than the screen.");
            }
        }

        await page.GetByRole(AriaRole.Button, new() { Name = "Take back" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Process again" }).WaitForAsync();
    }
}
