using System.Globalization;
using Microsoft.Playwright;

namespace Postrider.Journeys;

/// <summary>Keeps a screenshot of each page a journey sees, numbered in order, under the test's output.</summary>
internal sealed class Pictures
{
    private readonly string folder;
    private int count;

    public Pictures(string journey)
    {
        folder = Path.Combine(AppContext.BaseDirectory, "screenshots", journey);
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
    }

    public async Task TakeAsync(IPage page, string what) => await page.ScreenshotAsync(new() { Path = Next(what), FullPage = true });

    /// <summary>Where the next picture goes, for whoever takes it otherwise.</summary>
    public string Next(string what) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{++count:00}-{what}.png"));
}
