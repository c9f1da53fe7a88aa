using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Postrider.Mail;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.Journeys;

/// <summary>A server is dead under waiting mail: the open start page tells it, one press leads to where it is mended, and it ends before one's eyes.</summary>
public sealed class IncidentJourney : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-journey-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task An_incident_is_seen_as_it_opens_and_as_it_ends()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        var cancel = TestContext.Current.CancellationToken;
        await using var hub = await Hub.StartAsync(new HubOptions { DataFolder = Path.Combine(folder.FullName, "data"), Quiet = true }, cancel);
        await using var browser = await Browser.StartAsync();
        var pictures = new Pictures("incident");
        var page = await browser.NewPersonAsync();
        await new HubVisit(page, hub.Address, pictures).SetUpAsync(hub.SetupLink!, "Ann Miller", "ann@meadow.example");
        await page.GotoAsync(new Uri(hub.Address, "/?debug=1").ToString());
        await page.GetByText("Nothing stops mail.").WaitForAsync();

        // The page is open while the trouble comes.
        await MakeServerAsync(page, hub.Address, "Meadow bakery, orders and invoices", "meadow.example");
        for (var n = 0; n < 12; n++) await PutAsync(hub, cancel);
        var card = page.Locator("#card-incidents");
        await card.GetByText("cannot be reached").WaitForAsync();
        await card.GetByText("12 mails wait").WaitForAsync();
        await hub.Services.GetRequiredService<HubDatabase>().WriteAsync(tx =>
        {
            tx.Execute("UPDATE outbox_mail SET state = 3 WHERE id IN (SELECT id FROM outbox_mail ORDER BY id LIMIT 5)");
            tx.Execute("UPDATE outbox_mail SET state = 8 WHERE id = (SELECT MAX(id) FROM outbox_mail)");
        }, cancel);

        // Another server works still, until its certificate ends.
        await MakeServerAsync(page, hub.Address, "Relay of the office", "office.example");
        await hub.Services.GetRequiredService<HubDatabase>().WriteAsync(tx =>
        {
            tx.Execute("UPDATE outgoing_server SET client_certificate_subject = 'CN=relay', client_certificate_ends_at = @at WHERE from_filter = 'office.example'", new { at = tx.Now.AddDays(25) });
            hub.Services.GetRequiredService<ServerRoster>().Forget(tx);
        }, cancel);

        foreach (var (phone, dark) in ((bool, bool)[])[(false, false), (false, true), (true, false), (true, true)])
        {
            var other = await browser.NewPersonAsync(phone, dark);
            await other.Context.AddCookiesAsync([.. (await page.Context.CookiesAsync()).Select(cookie => new Cookie { Name = cookie.Name, Value = cookie.Value, Domain = cookie.Domain, Path = cookie.Path })]);
            var look = (phone ? "phone" : "desktop") + (dark ? "-dark" : "-light");
            foreach (var path in (string[])["/", "/incidents", "/users"])
            {
                await other.GotoAsync(new Uri(hub.Address, path).ToString());
                await pictures.TakeAsync(other, $"{path.Trim('/')}-{look}");
            }
        }

        await page.GetByRole(AriaRole.Link, new() { Name = "Incidents", Exact = true }).First.ClickAsync();
        Assert.Equal(1, await page.Locator("[data-ending]").CountAsync());
        await page.Locator(".incident-places a").First.ClickAsync();
        await page.GetByLabel("Reason").FillAsync("The price list was wrong; wait for the new one");
        await pictures.TakeAsync(page, "server-before-hold");
        await page.GetByRole(AriaRole.Button, new() { Name = "Hold" }).ClickAsync();
        await page.Locator("[data-problem=outgoing-server-held]").WaitForAsync();
        await pictures.TakeAsync(page, "server-held");
        await page.GetByRole(AriaRole.Button, new() { Name = "Release" }).ClickAsync();

        // Somebody archives it elsewhere; the open page hears of it.
        var server = new Uri(page.Url).Segments[^1];
        await page.GotoAsync(new Uri(hub.Address, "/incidents").ToString());
        await page.Locator("[data-incident]").WaitForAsync();
        await SendAsync(page, new Uri(hub.Address, "/api/v1/outgoing-servers/" + server), "PUT", new { active = false });
        await page.GetByText("Nothing stops mail", new() { Exact = true }).WaitForAsync();
        await pictures.TakeAsync(page, "incidents-over");
        await page.SetViewportSizeAsync(390, 844);
        await pictures.TakeAsync(page, "incidents-over-phone");
    }

    private static Task MakeServerAsync(IPage page, Uri hub, string name, string filter) =>
        SendAsync(page, new Uri(hub, "/api/v1/outgoing-servers"), "POST", new { name, kind = "smtp", host = "localhost", port = 1, security = "none", userName = "orders@meadow.example", password = "x", fromFilter = filter });

    private static async Task SendAsync(IPage page, Uri address, string method, object body)
    {
        var answer = await page.Context.APIRequest.FetchAsync(address.ToString(), new() { Method = method, DataObject = body, Headers = new Dictionary<string, string> { ["Sec-Fetch-Site"] = "same-origin" } });
        Assert.True(answer.Ok, await answer.TextAsync());
    }

    private static async Task PutAsync(RunningHub hub, CancellationToken cancel)
    {
        var put = await hub.Services.GetRequiredService<Outbox>().PutAsync(new OutgoingMessage { From = new("Orders", EmailAddress.Parse("orders@meadow.example")), To = [new(null, EmailAddress.Parse("rosa@outlook.example"))], Subject = "Your order", Text = "x" }, null, cancel);
        Assert.NotNull(put.Id);
    }
}
