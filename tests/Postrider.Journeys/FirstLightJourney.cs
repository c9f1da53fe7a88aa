using System.Diagnostics;
using System.Net;
using Microsoft.Playwright;
using Postrider.Entra;
using Postrider.Mail.Mime;
using Postrider.Sandbox;

namespace Postrider.Journeys;

/// <summary>Steps 1 to 6 of the Demo, by hand: from the portal page to the conversation.</summary>
public sealed class FirstLightJourney : IDisposable
{
    private const string Mailbox = "notifications@meadow.example";
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-journey-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_person_connects_a_mailbox_sends_a_mail_and_receives_the_answer()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        var cancel = TestContext.Current.CancellationToken;
        await using var tenant = await Tenant.StartAsync(new TenantOptions(), cancel);
        await using var hub = await StartHubAsync(tenant, cancel);
        await using var browser = await Browser.StartAsync();
        var pictures = new Pictures("first-light");

        var administrator = await browser.NewPersonAsync();
        var portal = new PortalVisit(administrator, tenant.Http, pictures);
        await portal.SignInAsync("admin@meadow.example");
        var app = await portal.RegisterAsync("Postrider", new Uri(hub.Address, "/microsoft_outlook/confirm").ToString(), [Mailbox]);

        // Somebody else at another browser: the mailbox's own user consents.
        var visit = new HubVisit(await browser.NewPersonAsync(), hub.Address, pictures);
        await visit.SetUpAsync(hub.SetupLink!, "Ann Miller", "ann@meadow.example");
        await visit.InstallOutlookAsync();
        await visit.EnterCredentialsAsync(app);
        await visit.SetParameterAsync("mail.default.from", "notifications");
        await visit.SetParameterAsync("mail.catchall.domain", "meadow.example");
        await visit.ConnectOutgoingAsync("Meadow notifications", Mailbox);
        await visit.ConsentAsync(personal: false);
        await visit.TestConnectionAsync();
        await visit.ConfirmIncomingAsync("Meadow inbox", Mailbox);

        var ben = new HubVisit(await browser.NewPersonAsync(), hub.Address, pictures);
        await ben.SetPasswordAsync(await visit.InviteAsync("Ben Bäcker", "ben@meadow.example"));
        Assert.Equal((int)HttpStatusCode.Forbidden, (await ben.Page.GotoAsync(new Uri(hub.Address, "/settings").ToString()))!.Status);
        await pictures.TakeAsync(ben.Page, "hub-user-refused");
        await ben.Page.GotoAsync(hub.Address.ToString());
        await ben.ComposeAsync("Rósa Łuczak <rosa@outlook.example>", "Ihr Käsekuchen ist fertig 🍰", "Grüße aus der Bäckerei!", MakeFile());
        await ben.Page.GetByText("Sent", new() { Exact = true }).First.WaitForAsync();
        await pictures.TakeAsync(ben.Page, "hub-conversation-sent");

        await AnswerAsync(tenant, browser, pictures);
        var start = Stopwatch.GetTimestamp();
        await ben.Page.Locator(".cv-text", new() { HasText = "Um drei, gerne!" }).First.WaitForAsync();
        TestContext.Current.SendDiagnosticMessage($"The answer stood on the open page {Stopwatch.GetElapsedTime(start).TotalMilliseconds:0} ms after it was sent.");
        await pictures.TakeAsync(ben.Page, "hub-conversation-answered");
        await ben.MenuAsync("Conversations");
        await pictures.TakeAsync(ben.Page, "hub-conversations");

        await LookAtAllAsync(browser, visit, hub, pictures);
    }

    private async Task<RunningHub> StartHubAsync(RunningTenant tenant, CancellationToken cancel) => await Hub.StartAsync(new HubOptions
    {
        DataFolder = Path.Combine(folder.FullName, "hub"),
        TrustCertificateFile = tenant.CertificateAuthorityFile,
        Cloud = new MicrosoftCloud("Sandbox", tenant.Http, "localhost", tenant.Smtp.Port, "localhost", tenant.Imap.Port),
        Quiet = true,
    }, cancel);

    private string MakeFile()
    {
        var file = Path.Combine(folder.FullName, "Preisliste Käse.bin");
        var bytes = new byte[1 << 20];
        new Random(7).NextBytes(bytes);
        File.WriteAllBytes(file, bytes);
        return file;
    }

    /// <summary>The customer reads the mail in the sandbox's web page and answers there.</summary>
    private static async Task AnswerAsync(RunningTenant tenant, Browser browser, Pictures pictures)
    {
        var rosa = await browser.NewPersonAsync();
        await rosa.GotoAsync(new Uri(tenant.Http, "/outlook/rosa@outlook.example").ToString());
        if (await rosa.Locator("input[name=username][type=email]").CountAsync() > 0)
        {
            await rosa.Locator("input[name=username]").FillAsync("rosa@outlook.example");
            await rosa.GetByRole(AriaRole.Button, new() { Name = "Next" }).ClickAsync();
            await rosa.Locator("[name=password]").FillAsync(PortalVisit.Password);
            await rosa.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        }
        await rosa.GetByText("Ihr Käsekuchen ist fertig 🍰").First.ClickAsync();
        await pictures.TakeAsync(rosa, "outlook-message");
        await rosa.GetByRole(AriaRole.Link, new() { Name = "Reply" }).First.ClickAsync();
        await rosa.Locator("textarea").First.FillAsync("Um drei, gerne!");
        await pictures.TakeAsync(rosa, "outlook-reply");
        await rosa.GetByRole(AriaRole.Button, new() { Name = "Send" }).First.ClickAsync();
        var sent = MimeMessage.Read(tenant.Mailboxes.Find("rosa@outlook.example")!.Folder("Sent Items")!.Messages()[^1].Bytes);
        Assert.Equal("Re: Ihr Käsekuchen ist fertig 🍰", sent.Subject);
    }

    /// <summary>Each main page once more on a phone and in the dark, for the eye.</summary>
    private static async Task LookAtAllAsync(Browser browser, HubVisit visit, RunningHub hub, Pictures pictures)
    {
        foreach (var (phone, dark, name) in new[] { (true, false, "phone"), (false, true, "dark"), (true, true, "phone-dark") })
        {
            var page = await browser.NewPersonAsync(phone, dark);
            await page.Context.AddCookiesAsync((await visit.Page.Context.CookiesAsync([hub.Address.ToString()])).Select(c => new Microsoft.Playwright.Cookie { Name = c.Name, Value = c.Value, Url = hub.Address.ToString() }));
            foreach (var path in new[] { "/conversations", "/settings", "/outgoing-mail-servers", "/incoming-servers", "/email-queue", "/apps", "/users", "/settings/system-parameters" })
            {
                await page.GotoAsync(new Uri(hub.Address, path).ToString());
                await pictures.TakeAsync(page, name + path.Replace('/', '-'));
            }
        }
    }
}
