using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Postrider.IncomingMail;
using Postrider.Mail;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Storage;

namespace Postrider.Journeys;

/// <summary>Every page of conversations and incoming mail with much, little and nothing on it, on desktop and phone, light and dark: nothing is wider than the screen, no text stands on a ground it can hardly be told from.</summary>
public sealed class ConversationPagesJourney : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-journey-");
    private uint taken;

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task Every_page_fits_and_can_be_read()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        var cancel = TestContext.Current.CancellationToken;
        var pictures = new Pictures("conversation-pages");
        await using var hub = await Hub.StartAsync(new HubOptions { DataFolder = Path.Combine(folder.FullName, "hub"), Quiet = true }, cancel);
        await using var relay = SmtpServer.Start(new SmtpServerOptions { Listen = new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0), HostName = "relay.example", RequireTls = false, RequireAuthentication = false }, new Relay());
        await using var browser = await Browser.StartAsync();
        var page = await browser.NewPersonAsync();
        await new HubVisit(page, hub.Address, pictures).SetUpAsync(hub.SetupLink!, "Ann Miller", "ann@meadow.example");
        string[] lists = ["/conversations", "/conversations/drafts", "/contacts", "/aliases", "/inboxes", "/quarantine", "/conversations/bell", "/aliases/new"];
        List<string> flaws = [.. await LookAsync(browser, page, hub, pictures, lists, "empty", (true, true))];

        var (thread, held) = await FillAsync(hub, page, relay.LocalEndPoint.Port, cancel);
        var contact = (await GetAsync(page, hub, "/api/v1/contacts")).GetProperty("contacts")[0].GetProperty("id").GetGuid();
        var alias = (await GetAsync(page, hub, "/api/v1/aliases"))[0].GetProperty("id").GetGuid();
        string[] full = [.. lists, $"/conversations/{thread}", $"/conversations/{thread}?to=all", "/conversations/new", "/conversations?q=bread", "/conversations?filter=failed&state=all", $"/contacts/{contact}", $"/aliases/{alias}", $"/quarantine/{held}", "/quarantine?state=discarded"];
        foreach (var way in new[] { (false, false), (true, false), (false, true), (true, true) }) flaws.AddRange(await LookAsync(browser, page, hub, pictures, full, "full", way));
        Assert.True(flaws.Count == 0, string.Join('\n', flaws));
    }

    private static async Task<IReadOnlyList<string>> LookAsync(Browser browser, IPage signedIn, RunningHub hub, Pictures pictures, string[] paths, string what, (bool Phone, bool Dark) way)
    {
        var page = await browser.NewPersonAsync(way.Phone, way.Dark);
        await page.Context.AddCookiesAsync((await signedIn.Context.CookiesAsync([hub.Address.ToString()])).Select(c => new Cookie { Name = c.Name, Value = c.Value, Url = hub.Address.ToString() }));
        List<string> flaws = [];
        foreach (var path in paths)
        {
            await page.GotoAsync(At(hub, path));
            var name = $"{what}-{(way.Phone ? "phone" : "desktop")}-{(way.Dark ? "dark" : "light")}{path.Split('?')[0].Replace('/', '-')}{(path.Contains('?', StringComparison.Ordinal) ? "-" + path.Split('?')[1].Split('=')[0] : "")}";
            await pictures.TakeAsync(page, name);
            flaws.AddRange((await page.EvaluateAsync<string[]>(Flaws)).Select(flaw => $"{name}: {flaw}"));
        }
        await page.Context.CloseAsync();
        return flaws;
    }

    /// <summary>WCAG 2.2, success criterion 1.4.3: 4.5 to 1, and 3 to 1 for large text. What lies over a picture or is disabled does not count.</summary>
    private const string Flaws = """
        () => {
          const found = [];
          const root = document.documentElement;
          if (root.scrollWidth > root.clientWidth) found.push(`the page is ${root.scrollWidth - root.clientWidth} px wider than the screen`);
          const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
          const colour = css => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1); const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
          const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
          const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          const seen = new Set();
          while (walker.nextNode()) {
            const words = walker.currentNode.textContent.trim(), e = walker.currentNode.parentElement;
            if (!words || seen.has(e) || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || e.closest('[disabled], .visually-hidden, script, style, option')) continue;
            seen.add(e);
            const box = e.getBoundingClientRect();
            if (box.width < 2 || box.height < 2) continue;
            const style = getComputedStyle(e);
            let ground = [255, 255, 255, 1];
            const layers = [];
            for (let at = e; at; at = at.parentElement) layers.unshift(colour(getComputedStyle(at).backgroundColor));
            for (const layer of layers) ground = over(layer, ground);
            const text = over(colour(style.color), ground);
            const [a, b] = [light(text), light(ground)];
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
            if (ratio < (large ? 3 : 4.5)) found.push(`"${words.slice(0, 40)}" has a contrast of ${ratio.toFixed(2)} (${e.tagName.toLowerCase()}.${e.className})`);
          }
          return found;
        }
        """;

    private static string At(RunningHub hub, string path) => new Uri(hub.Address, path).ToString();

    private static async Task<JsonElement> GetAsync(IPage page, RunningHub hub, string path) =>
        JsonSerializer.Deserialize<JsonElement>(await (await page.APIRequest.GetAsync(At(hub, path))).TextAsync());

    private static async Task<JsonElement> PostAsync(IPage page, RunningHub hub, string path, object body)
    {
        var answer = await page.APIRequest.PostAsync(At(hub, path), new() { DataObject = body, Headers = new Dictionary<string, string> { ["Sec-Fetch-Site"] = "same-origin" } });
        var text = await answer.TextAsync();
        Assert.True(answer.Ok, $"{path}: {answer.Status} {text}");
        return text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text);
    }

    /// <returns>A conversation with a bounce and a note, and a mail in quarantine.</returns>
    private async Task<(Guid Thread, Guid Held)> FillAsync(RunningHub hub, IPage page, int relay, CancellationToken cancel)
    {
        var inbox = (await PostAsync(page, hub, "/api/v1/inboxes", new { name = "Orders and wishes" })).GetProperty("id").GetGuid();
        await PostAsync(page, hub, "/api/v1/inboxes", new { name = "Donaudampfschifffahrtsgesellschaftskapitänsangelegenheiten" });
        await PostAsync(page, hub, "/api/v1/aliases", new { name = "orders", domain = "meadow.example", inbox });
        await PostAsync(page, hub, "/api/v1/aliases", new { name = "board-of-directors-and-their-deputies", domain = "a-very-long-subdomain-of-the-company.meadow.example", inbox, rule = "known-contacts", refusal = "Please write to orders@meadow.example." });
        await PostAsync(page, hub, "/api/v1/aliases", new { name = "old", inbox, rule = "followers", active = false });

        var server = (await PostAsync(page, hub, "/api/v1/outgoing-servers", new { name = "Meadow", kind = "smtp", host = "127.0.0.1", port = relay, security = "none", fromFilter = "meadow.example" })).GetProperty("id").GetGuid();
        var sent = (await PostAsync(page, hub, "/api/v1/conversations", new { to = new[] { "Rósa Łuczak <rosa@outlook.example>", "gone@outlook.example" }, subject = "Your order of forty loaves of rye bread, for Saturday, before eight in the morning", text = "Dear Rósa,\n\nhere is our offer for the bread.\n\nAnn" })).GetProperty("conversation").GetGuid();
        await page.GotoAsync(At(hub, $"/conversations/{sent}"));
        await page.GetByText("Sent", new() { Exact = true }).First.WaitForAsync();
        // What is written from here on waits.
        await PostAsync(page, hub, $"/api/v1/outgoing-servers/{server}/hold", new { reason = "The journey sends no more." });
        await PostAsync(page, hub, "/api/v1/conversations", new { to = new[] { "ben@outlook.example" }, subject = "Flour", text = "Two sacks, please." });
        var id = (await hub.Services.GetRequiredService<HubDatabase>().ReadAsync(r => r.Query<string>("select header_id from thread_message order by created_at"), cancel))[0];
        await TakeAsync(hub, "From: Rósa Łuczak <rosa@outlook.example>\r\nTo: ann@meadow.example\r\nCc: Ben <ben@outlook.example>, a.very.long.address.of.a.customer.with.many.names@an-equally-long-domain-name.example\r\nSubject: Re: Your order of forty loaves of rye bread, for Saturday, before eight in the morning\r\nMessage-ID: <a1@outlook.example>\r\nIn-Reply-To: <" + id + ">\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nYes please! See https://pictures.example/" + new string('x', 140) + "\r\n\r\nRósa\r\n--b\r\nContent-Type: application/pdf; name=\"Plan of the hall with all its tables, doors and windows, second version.pdf\"\r\nContent-Disposition: attachment; filename=\"Plan of the hall with all its tables, doors and windows, second version.pdf\"\r\n\r\n%PDF-1.7\r\n--b--\r\n", cancel);
        await TakeAsync(hub, "From: Mail Delivery System <MAILER-DAEMON@outlook.example>\r\nTo: ann@meadow.example\r\nSubject: Undelivered Mail Returned to Sender\r\nMessage-ID: <d1@outlook.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n--r\r\nContent-Type: text/plain\r\n\r\nThe mail could not be delivered.\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.outlook.example\r\n\r\nFinal-Recipient: rfc822; gone@outlook.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 <gone@outlook.example>: Recipient address rejected: User unknown\r\n\r\n--r\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <" + id + ">\r\n\r\n--r--\r\n", cancel);
        await page.GotoAsync(At(hub, $"/conversations/{sent}"));
        await page.GetByText("Not delivered to some", new() { Exact = true }).First.WaitForAsync();
        await PostAsync(page, hub, $"/api/v1/conversations/{sent}/notes", new { text = "Ask the kitchen first: forty is a lot for Saturday.\nBen knows their telephone." });
        var me = (await hub.Services.GetRequiredService<HubDatabase>().ReadAsync(r => r.Query<Guid>("select id from person"), cancel))[0];
        await PostAsync(page, hub, "/api/v1/conversations/bulk", new { deed = "assign", conversations = new[] { sent }, person = me });

        for (var n = 0; n < 12; n++)
            await TakeAsync(hub, string.Create(CultureInfo.InvariantCulture, $"From: Guest number {n} <guest{n}@example.org>\r\nTo: orders@meadow.example\r\nSubject: {(n == 5 ? new string('W', 90) : $"Bread for table {n}")}\r\nMessage-ID: <g{n}@example.org>\r\n\r\nWe are {n + 2} and like bread.\r\n"), cancel);
        // A stranger to an alias for known contacts, nobody at all, and one that was put away.
        await TakeAsync(hub, "From: Stranger <stranger@example.net>\r\nTo: board-of-directors-and-their-deputies@a-very-long-subdomain-of-the-company.meadow.example\r\nSubject: An offer that you cannot refuse, whatever you have heard of offers of this kind before\r\nMessage-ID: <s1@example.net>\r\n\r\nBuy now.\r\n", cancel);
        await TakeAsync(hub, "Subject: nobody\r\n\r\nhello\r\n", cancel);
        await TakeAsync(hub, "Subject: put away\r\n\r\nhello\r\n", cancel);
        var waiting = (await GetAsync(page, hub, "/api/v1/quarantine")).GetProperty("messages").EnumerateArray().ToList();
        await PostAsync(page, hub, $"/api/v1/quarantine/{waiting.First(m => m.GetProperty("subject").GetString() == "put away").GetProperty("id").GetGuid()}/discard", new { });

        // A half written answer and a half written mail, by the forms that save while one writes.
        await page.GotoAsync(At(hub, $"/conversations/{sent}"));
        await page.Locator("#answer textarea").PressSequentiallyAsync("Dear Rósa, ");
        await page.Locator("#draft-state", new() { HasText = "Draft saved" }).WaitForAsync();
        await page.GotoAsync(At(hub, "/conversations/new"));
        await page.GetByLabel("Subject").FillAsync("A mail that nobody has finished, with a subject that goes on and on and on and on");
        await page.Locator("[name=text]").PressSequentiallyAsync("Hello ");
        await page.Locator("#draft-state", new() { HasText = "Draft saved" }).WaitForAsync();
        // New for whoever it belongs to: the bell rings.
        await TakeAsync(hub, "From: Rósa Łuczak <rosa@outlook.example>\r\nTo: ann@meadow.example\r\nCc: Ben <ben@outlook.example>, orders@meadow.example\r\nSubject: Re: Your order\r\nMessage-ID: <a2@outlook.example>\r\nIn-Reply-To: <a1@outlook.example>\r\n\r\nForty-five, sorry!\r\n", cancel);
        return (sent, waiting.First(m => m.GetProperty("subject").GetString() != "put away" && m.GetProperty("subject").GetString() != "nobody").GetProperty("id").GetGuid());
    }

    private Task TakeAsync(RunningHub hub, string message, CancellationToken cancel) =>
        hub.Services.GetRequiredService<Intake>().TakeAsync([new ArrivedMail(Guid.Parse("01900000-0000-7000-8000-000000000001"), "INBOX", 1, ++taken, null, Encoding.UTF8.GetBytes(message))], _ => { }, cancel);

    /// <summary>Takes whatever comes.</summary>
    private sealed class Relay : ISmtpBackend
    {
        public string? Greeting(SmtpSession session) => null;
        public string? HelloText(SmtpSession session) => null;
        public Task<SmtpAuthResult> AuthenticateAsync(SmtpSession session, SaslCredential credential, CancellationToken cancel) => throw new NotSupportedException();
        public Task<SmtpReply?> MailAsync(SmtpSession session, EmailAddress? sender, CancellationToken cancel) => Task.FromResult<SmtpReply?>(null);
        public Task<SmtpReply?> RcptAsync(SmtpSession session, EmailAddress recipient, CancellationToken cancel) => Task.FromResult<SmtpReply?>(null);

        public async Task<SmtpReply> MessageAsync(SmtpSession session, SmtpEnvelope envelope, PipeReader message, CancellationToken cancel)
        {
            await message.CopyToAsync(Stream.Null, cancel);
            return new SmtpReply(250, "2.0.0", "Taken");
        }
    }
}
