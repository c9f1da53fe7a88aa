using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Postrider.IncomingMail;
using Postrider.Settings;

namespace Postrider.Journeys;

/// <summary>An hour at the shared inbox: mail comes in while the page is open, is searched, read, noted, assigned, half answered and closed.</summary>
public sealed class SharedInboxJourney : IDisposable
{
    private const string Dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-journey-");
    private uint taken;

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_person_works_through_the_inbox()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        var cancel = TestContext.Current.CancellationToken;
        var pictures = new Pictures("shared-inbox");
        await using var hub = await Hub.StartAsync(new HubOptions { DataFolder = Path.Combine(folder.FullName, "hub"), Quiet = true }, cancel);
        await using var browser = await Browser.StartAsync();
        var page = await browser.NewPersonAsync();
        var visit = new HubVisit(page, hub.Address, pictures);
        await visit.SetUpAsync(hub.SetupLink!, "Ann Miller", "ann@meadow.example");
        await page.GotoAsync(At(hub, "/conversations"));
        await page.GetByText("No conversations yet").WaitForAsync();
        await pictures.TakeAsync(page, "empty");

        // It comes in while the page is open.
        await TakeAllAsync(hub, cancel);
        await page.GetByText("Wedding cake for forty").First.WaitForAsync();
        await pictures.TakeAsync(page, "list");

        await page.GetByRole(AriaRole.Searchbox).FillAsync("käse from:rosa");
        await page.GetByRole(AriaRole.Searchbox).PressAsync("Enter");
        await page.Locator(".cv-snippet mark").First.WaitForAsync();
        await pictures.TakeAsync(page, "search");

        await page.GotoAsync(At(hub, "/conversations"));
        await page.GetByText("Wedding cake for forty").First.ClickAsync();
        await page.Locator("#field-note").FillAsync("Ask the kitchen first: 40 is a lot for Saturday.");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add note" }).ClickAsync();
        await page.Locator("#thread .cv-note-text").WaitForAsync();
        await page.Locator("#desk-person").SelectOptionAsync(new SelectOptionValue { Label = "Ann Miller (me)" });
        await page.GetByRole(AriaRole.Button, new() { Name = "Assign", Exact = true }).ClickAsync();
        await page.GetByText("Ann Miller took the conversation").WaitForAsync();

        // Saved while it is written, with the file as soon as it is chosen.
        await page.Locator("#answer textarea").PressSequentiallyAsync("Dear Rosa, ");
        await page.Locator("#draft-state", new() { HasText = "Draft saved" }).WaitForAsync();
        await page.Locator("#answer input[type=file]").SetInputFilesAsync(new FilePayload { Name = "Preisliste.pdf", MimeType = "application/pdf", Buffer = "%PDF-1.7\n"u8.ToArray() });
        await page.Locator("#draft-files .cv-kept", new() { HasText = "Preisliste.pdf" }).WaitForAsync();
        Assert.Equal("Dear Rosa, ", await page.Locator("#answer textarea").InputValueAsync());
        await pictures.TakeAsync(page, "thread");
        await page.ReloadAsync();
        Assert.Equal("Dear Rosa, ", await page.Locator("#answer textarea").InputValueAsync());
        Assert.Equal(1, await page.Locator("#draft-files .cv-kept", new() { HasText = "Preisliste.pdf" }).CountAsync());

        Assert.Null(await hub.Services.GetRequiredService<SystemParameters>().SetAsync(KnownParameter.MaxFilesMegabytes, "25", null));
        await page.ReloadAsync();
        // Too much for one message: said beside the field, with what was there kept.
        await page.Locator("#answer input[type=file]").SetInputFilesAsync(new FilePayload { Name = "film.mp4", MimeType = "video/mp4", Buffer = new byte[26 << 20] });
        await page.Locator("#draft-files", new() { HasText = "larger than 25 MB" }).WaitForAsync();
        Assert.Equal(1, await page.Locator("#draft-files .cv-kept", new() { HasText = "Preisliste.pdf" }).CountAsync());

        foreach (var (phone, dark, name) in new[] { (true, false, "phone"), (false, true, "dark"), (true, true, "phone-dark") })
        {
            var other = await browser.NewPersonAsync(phone, dark);
            await other.Context.AddCookiesAsync((await page.Context.CookiesAsync([hub.Address.ToString()])).Select(c => new Microsoft.Playwright.Cookie { Name = c.Name, Value = c.Value, Url = hub.Address.ToString() }));
            foreach (var path in new[] { "/conversations", "/conversations?q=k%C3%A4se", "/conversations/drafts", "/conversations/new", "/contacts", new Uri(page.Url).AbsolutePath })
            {
                await other.GotoAsync(At(hub, path));
                await pictures.TakeAsync(other, name + path.Split('?')[0].Replace('/', '-') + (path.Contains('?', StringComparison.Ordinal) ? "-search" : ""));
                Assert.True(await other.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"), $"{path} is wider than the screen ({name}).");
            }
        }

        await page.GotoAsync(At(hub, "/conversations"));
        await page.Locator("[data-pick-all]").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Close", Exact = true }).ClickAsync();
        await page.GetByText("Done for 3 conversations.").WaitForAsync();
        Assert.Equal(0, await page.Locator(".cv-row").CountAsync());
        await page.GotoAsync(At(hub, "/contacts"));
        await pictures.TakeAsync(page, "contacts");
    }

    private static string At(RunningHub hub, string path) => new Uri(hub.Address, path).ToString();

    private async Task TakeAllAsync(RunningHub hub, CancellationToken cancel)
    {
        var intake = hub.Services.GetRequiredService<Intake>();
        foreach (var mail in new[]
        {
            "From: Rósa Łuczak <rosa@outlook.example>\r\nTo: sales@meadow.example\r\nCc: Ben <ben@outlook.example>\r\nSubject: Wedding cake for forty\r\nMessage-ID: <a1@outlook.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello,\r\n\r\nwe would like a cake like the one in the picture, with Käsekuchen inside, for Saturday.\r\n\r\nRósa\r\n--b\r\nContent-Type: image/png; name=cake.png\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=cake.png\r\n\r\n" + Dot + "\r\n--b\r\nContent-Type: application/pdf; name=plan.pdf\r\nContent-Disposition: attachment; filename=plan.pdf\r\n\r\n%PDF-1.7\r\n--b--\r\n",
            "From: Rósa Łuczak <rosa@outlook.example>\r\nTo: sales@meadow.example\r\nSubject: Re: Wedding cake for forty\r\nMessage-ID: <a2@outlook.example>\r\nIn-Reply-To: <a1@outlook.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nForty-five, sorry!\r\n\r\nOn 2026-11-28 12:00, Rósa Łuczak wrote:\r\n> we would like a cake like the one in the picture\r\n> for Saturday.\r\n",
            "From: Flour & Sons <offers@flour.example>\r\nTo: sales@meadow.example\r\nSubject: This week: rye at half the price\r\nMessage-ID: <b1@flour.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<table width=600 align=center cellpadding=12><tr><td bgcolor=#24507a><h1 style='color:#fff'>Rye week</h1></td></tr><tr><td><p>Dear baker,</p><p>" + string.Concat(Enumerable.Repeat("our rye is milled this week and costs half of what it did. ", 12)) + "</p><img src='https://pictures.example/rye.png' width=560 height=200 alt='A field of rye'><p><a href='https://flour.example/order'>Order now</a></p></td></tr></table>\r\n",
            "From: Mallory <mallory@example.net>\r\nTo: sales@meadow.example\r\nSubject: <b>Invoice</b> 4711 <script>alert(1)</script>\r\nMessage-ID: <c1@example.net>\r\n\r\nPlease pay.\r\n",
        }) await intake.TakeAsync([new ArrivedMail(Guid.Parse("01900000-0000-7000-8000-000000000001"), "INBOX", 1, ++taken, null, Encoding.UTF8.GetBytes(mail))], _ => { }, cancel);
    }
}
