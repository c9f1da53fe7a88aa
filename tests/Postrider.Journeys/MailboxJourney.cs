using System.Globalization;
using System.Text;
using Microsoft.Playwright;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;
using Postrider.Mail.Tests;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Journeys;

/// <summary>An administrator has a folder of a Dovecot mailbox read, and then a POP3 maildrop, by hand in the browser.</summary>
public sealed class MailboxJourney : IDisposable
{
    private const string User = "orders@example.test";
    private const int Messages = 2000;
    private readonly DirectoryInfo data = Directory.CreateTempSubdirectory("postrider-journey-");
    private readonly TemporaryFolder certificates = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        data.Delete(recursive: true);
        certificates.Dispose();
    }

    [Fact]
    public async Task A_folder_is_chosen_its_mail_comes_in_with_progress_and_a_maildrop_says_what_it_cannot_do()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        await using var dovecot = await DovecotUnderTest.StartAsync();
        await FillAsync(dovecot);
        // A part of the folder, and then nothing more until its progress was seen.
        await using var line = new Sluice(dovecot.ImapsPort, 400_000);
        await using var hub = await Hub.StartAsync(new HubOptions { DataFolder = Path.Combine(data.FullName, "data"), Quiet = true, TrustCertificateFile = TestCertificates.AuthorityFile(certificates) }, Cancel);
        await using var browser = await Browser.StartAsync();
        var pictures = new Pictures("mailbox");
        var page = await browser.NewPersonAsync();
        await new HubVisit(page, hub.Address, pictures).SetUpAsync(hub.SetupLink!, "Ann Miller", "ann@meadow.example");

        await page.GotoAsync(new Uri(hub.Address, "/incoming-servers/new").ToString());
        await page.Locator("#field-name").FillAsync("Orders");
        await page.Locator("#kind-imap").CheckAsync();
        await page.Locator("#field-userName").FillAsync(User);
        await page.Locator("#field-password").FillAsync("secret");
        await page.Locator("#field-host").FillAsync("localhost");
        await page.Locator("#field-port").FillAsync(line.Port.ToString(CultureInfo.InvariantCulture));
        await page.Locator("#field-starts").SelectOptionAsync("days");
        await page.Locator("#field-startDays").FillAsync("30");
        await page.Locator("#field-afterwards").SelectOptionAsync("move");
        await pictures.TakeAsync(page, "new");
        await page.Locator("#field-moveTo").FillAsync("Erledigt & gut");
        await PressAsync(page, "Save");
        await PressAsync(page, "Choose a folder");
        await page.Locator("select#field-folder").SelectOptionAsync("Büro.Anfragen");
        await pictures.TakeAsync(page, "folders");
        await PressAsync(page, "Test & Confirm");
        await page.GetByRole(AriaRole.Button, new() { Name = "Fetch Now" }).WaitForAsync();
        await page.WaitForFunctionAsync("() => { const bar = document.querySelector('#mailbox progress'); return bar && bar.value > 0 && bar.value < bar.max; }");
        Assert.Equal(Messages, await page.Locator("progress").EvaluateAsync<int>("bar => bar.max"));
        var server = page.Url;
        await pictures.TakeAsync(page, "catching-up");
        await SeenByOthersAsync(browser, page, pictures, server, "catching-up");
        await SeenByOthersAsync(browser, page, pictures, new Uri(hub.Address, "/incoming-servers").ToString(), "list-catching-up");
        line.Open();
        await page.Locator("progress").WaitForAsync(new() { State = WaitForSelectorState.Detached });
        await page.Locator("#mailbox").GetByText($"{Messages} messages").WaitForAsync();
        await pictures.TakeAsync(page, "confirmed");

        await page.GotoAsync(new Uri(hub.Address, "/incoming-servers/new").ToString());
        await page.Locator("#field-name").FillAsync("Old maildrop");
        await page.Locator("#kind-pop3").CheckAsync();
        Assert.False(await page.Locator("#field-folder").IsVisibleAsync());
        await page.Locator("#field-userName").FillAsync("drop@example.test");
        await page.Locator("#field-password").FillAsync("secret");
        await page.Locator("#field-host").FillAsync("localhost");
        await page.Locator("#field-port").FillAsync(dovecot.Pop3sPort.ToString(CultureInfo.InvariantCulture));
        await page.Locator("#field-afterwards").SelectOptionAsync("delete");
        await pictures.TakeAsync(page, "pop3");
        await PressAsync(page, "Save");
        await PressAsync(page, "Test & Confirm");
        await page.GetByRole(AriaRole.Button, new() { Name = "Fetch Now" }).WaitForAsync();
        await page.GotoAsync(new Uri(hub.Address, "/incoming-servers").ToString());
        await page.GetByText("Old maildrop").WaitForAsync();
        await pictures.TakeAsync(page, "list");

        await SeenByOthersAsync(browser, page, pictures, server, "confirmed");
        await SeenByOthersAsync(browser, page, pictures, new Uri(hub.Address, "/incoming-servers").ToString(), "list");
    }

    /// <summary>On a phone and in the dark.</summary>
    private static async Task SeenByOthersAsync(Browser browser, IPage page, Pictures pictures, string address, string what)
    {
        foreach (var (phone, dark) in new[] { (true, false), (false, true), (true, true) })
        {
            var other = await browser.NewPersonAsync(phone, dark);
            await other.Context.AddCookiesAsync((await page.Context.CookiesAsync()).Select(c => new Cookie { Name = c.Name, Value = c.Value, Domain = c.Domain, Path = c.Path }));
            await other.GotoAsync(address);
            await pictures.TakeAsync(other, $"{what}-{(phone ? "phone" : "desktop")}-{(dark ? "dark" : "light")}");
            Assert.False(await other.EvaluateAsync<bool>("document.documentElement.scrollWidth > document.documentElement.clientWidth"), $"{address} is wider than the screen ({what}).");
            await other.Context.CloseAsync();
        }
    }

    private static async Task PressAsync(IPage page, string name)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true }).First.ClickAsync();
        await page.WaitForLoadStateAsync(LoadState.DOMContentLoaded);
    }

    private static async Task FillAsync(DovecotUnderTest dovecot)
    {
        var connected = await ImapClient.ConnectAsync(dovecot.Imap(WireSecurity.Tls), new SaslCredential.Plain(User, "secret"), null, Cancel);
        await using var client = connected.Client!;
        foreach (var name in (string[])["Büro.Anfragen", "Erledigt & gut"]) Assert.Null((await client.CreateAsync(name, ImapFolderRole.None, Cancel)).Failure);
        for (var n = 0; n < Messages; n++)
            Assert.Null((await client.AppendAsync("Büro.Anfragen", [], Encoding.UTF8.GetBytes($"From: Gast {n % 40} <gast{n % 40}@example.org>\r\nTo: {User}\r\nSubject: Anfrage {n}\r\nMessage-ID: <{n}@journey.example.org>\r\n\r\nZwei Brote, bitte.\r\n"), Cancel)).Failure);
    }
}
