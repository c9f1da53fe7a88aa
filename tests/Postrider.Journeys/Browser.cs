using Microsoft.Playwright;

namespace Postrider.Journeys;

/// <summary>Debian's Chromium, driven as a person would: headless, with nothing of its own on the network.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private static readonly string[] Arguments =
        ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

    private readonly IPlaywright playwright;
    private readonly IBrowser chromium;

    private Browser(IPlaywright playwright, IBrowser chromium) => (this.playwright, this.chromium) = (playwright, chromium);

    /// <summary>Null when the machine has Chromium; else the reason that a skipped test gives.</summary>
    public static string? Missing => Find() is null ? "chromium is not installed" : null;

    public static async Task<Browser> StartAsync()
    {
        var driver = await Playwright.CreateAsync();
        var started = await driver.Chromium.LaunchAsync(new() { ExecutablePath = Find(), Args = Arguments, Headless = true });
        return new Browser(driver, started);
    }

    /// <summary>A new profile with one page: its own cookies.</summary>
    /// <param name="proxy">Takes every connection, those to this machine too; null: there is none.</param>
    /// <param name="beside">The one address that is reached without the proxy.</param>
    public async Task<IPage> NewPersonAsync(bool phone = false, bool dark = false, Uri? proxy = null, Uri? beside = null)
    {
        var context = await chromium.NewContextAsync(new()
        {
            ViewportSize = phone ? new() { Width = 390, Height = 844 } : new() { Width = 1280, Height = 800 },
            ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
            Locale = "en-GB",
            Proxy = proxy is null ? null : new() { Server = proxy.ToString(), Bypass = beside?.Authority },
        });
        // A busy machine is slow, not wrong.
        context.SetDefaultTimeout(60_000);
        return await context.NewPageAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await chromium.DisposeAsync();
        playwright.Dispose();
    }

    private static string? Find() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Append("/usr/bin")
            .SelectMany(folder => new[] { Path.Combine(folder, "chromium"), Path.Combine(folder, "chromium-browser") })
            .FirstOrDefault(File.Exists);
}
