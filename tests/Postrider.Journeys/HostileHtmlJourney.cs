using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Postrider.Conversations;
using Postrider.IncomingMail;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.Journeys;

/// <summary>WEB-01, WEB-02: every payload of the xss corpora as the HTML of a mail, opened in the conversation page by a real browser. Nothing may run, go anywhere, post, or be fetched from anywhere but the hub.</summary>
public sealed class HostileHtmlJourney : IDisposable
{
    private const int PerConversation = 100;
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-journey-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task No_payload_of_the_corpora_acts_in_the_conversation_page()
    {
        var cancel = TestContext.Current.CancellationToken;
        var payloads = Payloads();
        await using var hub = await StartHubAsync(cancel);
        var conversations = await TakeAsync(hub, payloads, cancel);
        await using var browser = await Browser.StartAsync();
        await using var outside = new Outside();
        var page = await browser.NewPersonAsync(proxy: outside.Address, beside: hub.Address);
        await SignInAsync(page, hub);

        var watch = new Watch(page, hub.Address);
        var opened = 0;
        foreach (var conversation in conversations)
        {
            await page.GotoAsync(new Uri(hub.Address, $"/conversations/{conversation}").ToString());
            opened += await OpenAllAsync(page);
        }

        Assert.Equal(payloads.Count, opened);
        Assert.Empty(watch.Seen);
        Assert.Empty(outside.Asked);
    }

    /// <summary>The second wall: payloads that no sanitiser has seen, in the frame as the hub's page and answer make it.</summary>
    [Fact]
    public async Task No_payload_acts_in_the_frame_even_when_it_is_not_sanitised()
    {
        var cancel = TestContext.Current.CancellationToken;
        var payloads = Payloads();
        await using var hub = await StartHubAsync(cancel);
        var conversations = await TakeAsync(hub, payloads, cancel);
        await using var browser = await Browser.StartAsync();
        await using var outside = new Outside();
        var page = await browser.NewPersonAsync(proxy: outside.Address, beside: hub.Address);
        await SignInAsync(page, hub);
        // As the hub answers for a message of the corpora, with the payload in the place of what it made of it.
        var answered = await page.RunAndWaitForResponseAsync(() => page.GotoAsync(new Uri(hub.Address, $"/conversations/{conversations[0]}").ToString()), r => r.Url.EndsWith("/html", StringComparison.Ordinal));
        var headers = await answered.AllHeadersAsync();
        Assert.Contains("sandbox", headers["content-security-policy"], StringComparison.Ordinal);
        var next = -1;
        await page.RouteAsync("**/messages/*/html", route => route.FulfillAsync(new()
        {
            Headers = headers.Where(h => h.Key is "content-security-policy" or "content-type" or "referrer-policy" or "x-content-type-options" or "cross-origin-resource-policy" or "cross-origin-opener-policy"),
            Body = "<!DOCTYPE html><html><head></head><body>" + payloads[Interlocked.Increment(ref next) % payloads.Count] + "</body></html>",
        }));

        var watch = new Watch(page, hub.Address);
        foreach (var conversation in conversations)
        {
            await page.GotoAsync(new Uri(hub.Address, $"/conversations/{conversation}").ToString());
            await OpenAllAsync(page);
        }

        Assert.True(next + 1 >= payloads.Count, $"Only {next + 1} frames were asked for.");
        Assert.Empty(watch.Seen);
        Assert.Empty(outside.Asked);
    }

    /// <summary>What the two above watch for is seen when it does happen: the same watch, a payload in a page without walls.</summary>
    [Fact]
    public async Task The_watch_sees_a_payload_that_acts()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        await using var browser = await Browser.StartAsync();
        await using var outside = new Outside();
        var page = await browser.NewPersonAsync(proxy: outside.Address);
        await page.RouteAsync("http://hub.example/**", route => route.FulfillAsync(new()
        {
            ContentType = "text/html",
            Body = new Uri(route.Request.Url).AbsolutePath switch
            {
                "/" => "<iframe src='/conversations/x'></iframe>",
                "/conversations/x" => "<img src='http://elsewhere.example/x.png'><form action='/posted' method=post target=f><input name=a></form><iframe name=f></iframe><script>alert(1); document.forms[0].submit()</script>",
                _ => "",
            },
        }));
        var watch = new Watch(page, new Uri("http://hub.example/"));
        await page.GotoAsync("http://hub.example/");
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);

        Assert.Contains(watch.Seen, s => s.StartsWith("dialog", StringComparison.Ordinal));
        Assert.Contains(watch.Seen, s => s.StartsWith("post", StringComparison.Ordinal));
        Assert.Contains(watch.Seen, s => s.StartsWith("navigation http://hub.example/posted", StringComparison.Ordinal));
        Assert.Contains(outside.Asked, line => line.Contains("elsewhere.example", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Remote_pictures_are_fetched_by_the_button_and_inline_ones_by_their_signed_links()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        var cancel = TestContext.Current.CancellationToken;
        var pictures = new Pictures("hostile-html");
        await using var hub = await StartHubAsync(cancel);
        // 1 x 1, red.
        const string Dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
        var body = $"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Newsletter <a href='https://evil.example/login'>https://www.bank.example</a></p><img src='cid:dot@x' width=20 height=20><img src='https://pictures.example/a.png' width=300 height=60 alt=Banner><img src='http://plain.example/b.png'>\r\n--b\r\nContent-Type: image/png; name=dot.png\r\nContent-ID: <dot@x>\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: inline; filename=dot.png\r\n\r\n{Dot}\r\n--b--\r\n";
        var conversation = await TakeOneAsync(hub, body, cancel);
        await using var browser = await Browser.StartAsync();
        var page = await browser.NewPersonAsync();
        await SignInAsync(page, hub);
        var fetched = new ConcurrentQueue<string>();
        await page.Context.RouteAsync(url => !url.StartsWith(hub.Address.ToString(), StringComparison.Ordinal), async route =>
        {
            fetched.Enqueue(route.Request.Url);
            await route.FulfillAsync(new() { ContentType = "image/png", BodyBytes = Convert.FromBase64String(Dot) });
        });

        await page.GotoAsync(new Uri(hub.Address, $"/conversations/{conversation}").ToString());
        var frame = page.FrameLocator("iframe.cv-frame");
        await frame.Locator("img").First.WaitForAsync();
        Assert.Equal(1, await frame.Locator("img").CountAsync());
        // Loaded and drawn: the signed link works from a frame that has no origin and no cookies.
        Assert.True(await IsDrawnAsync(page), "The inline picture was not drawn.");
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        Assert.Empty(fetched);
        await pictures.TakeAsync(page, "pictures-held-back");

        await page.GetByRole(AriaRole.Button, new() { Name = "Show pictures" }).ClickAsync();
        await frame.Locator("img").Nth(1).WaitForAsync();
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        Assert.Equal("https://pictures.example/a.png", Assert.Single(fetched));
        await pictures.TakeAsync(page, "pictures-shown");
    }

    private static async Task<bool> IsDrawnAsync(IPage page)
    {
        foreach (var frame in page.Frames.Where(f => f.Url.Contains("/messages/", StringComparison.Ordinal)))
            if (await frame.Locator("img").First.EvaluateAsync<bool>("e => e.complete ? e.naturalWidth > 0 : new Promise(r => { e.onload = () => r(true); e.onerror = () => r(false); })")) return true;
        return false;
    }

    /// <summary>Unfolds every message, and scrolls so that each frame is loaded.</summary>
    /// <returns>How many frames have loaded.</returns>
    private static async Task<int> OpenAllAsync(IPage page)
    {
        await page.EvaluateAsync("() => { for (const d of document.querySelectorAll('details.cv-fold')) d.open = true; for (const f of document.querySelectorAll('iframe')) f.loading = 'eager'; }");
        var frames = await page.Locator("iframe.cv-frame").CountAsync();
        await page.WaitForFunctionAsync("() => performance.getEntriesByType('resource').filter(r => r.initiatorType === 'iframe').length >= document.querySelectorAll('iframe.cv-frame').length");
        await page.WaitForLoadStateAsync(LoadState.Load);
        // Whatever runs late would run while the page is used.
        await page.EvaluateAsync("() => new Promise(done => { let n = 0; const step = () => { window.scrollBy(0, 2000); if (++n < 40) requestAnimationFrame(step); else done(); }; step(); })");
        return frames;
    }

    private static List<string> Payloads()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        var corpora = Environment.GetEnvironmentVariable("POSTRIDER_CORPORA");
        Assert.SkipWhen(corpora is null, "POSTRIDER_CORPORA is not set: the corpora are not part of the repository.");
        List<string> payloads = [];
        foreach (var (corpus, member) in new[] { ("xss-dompurify", "payload"), ("xss-h5sc", "data") })
        {
            using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(corpora!, corpus, "payloads.json")));
            payloads.AddRange(json.RootElement.EnumerateArray().Select(p => p.ValueKind == JsonValueKind.String ? p.GetString()! : p.GetProperty(member).GetString()!));
        }
        Assert.True(payloads.Count >= 170, $"Only {payloads.Count} payloads were found.");
        return payloads;
    }

    private async Task<RunningHub> StartHubAsync(CancellationToken cancel) => await Hub.StartAsync(new HubOptions { DataFolder = Path.Combine(folder.FullName, "hub"), Quiet = true }, cancel);

    /// <summary>As conversations of a hundred messages each, all from one sender.</summary>
    private static async Task<IReadOnlyList<Guid>> TakeAsync(RunningHub hub, List<string> payloads, CancellationToken cancel)
    {
        var mails = payloads.Select((payload, i) =>
        {
            var first = i - (i % PerConversation);
            var answers = i == first ? "" : $"In-Reply-To: <p{first}@example.net>\r\n";
            var html = Convert.ToBase64String(Encoding.UTF8.GetBytes(payload), Base64FormattingOptions.InsertLineBreaks);
            return Arrived((uint)i + 1, $"From: Mallory <mallory@example.net>\r\nTo: sales@hub.example\r\nSubject: {(i == first ? "<script>alert('subject')</script>" : "Re: more")}\r\nMessage-ID: <p{i}@example.net>\r\n{answers}MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{html}\r\n");
        }).ToList();
        // So many messages of one sender are a loop otherwise.
        Assert.Null(await hub.Services.GetRequiredService<SystemParameters>().SetAsync("mail.gateway.allowed", "mallory@example.net", null, cancel));
        await hub.Services.GetRequiredService<Intake>().TakeAsync(mails, _ => { }, cancel);
        var conversations = await hub.Services.GetRequiredService<HubDatabase>().ReadAsync(r => r.Query<Guid>("select id from conversation order by started_at, id"), cancel);
        Assert.Equal((payloads.Count + PerConversation - 1) / PerConversation, conversations.Count);
        return conversations;
    }

    private static async Task<Guid> TakeOneAsync(RunningHub hub, string body, CancellationToken cancel)
    {
        await hub.Services.GetRequiredService<Intake>().TakeAsync([Arrived(1, "From: Shop <shop@example.net>\r\nTo: sales@hub.example\r\nSubject: Offers\r\nMIME-Version: 1.0\r\n" + body)], _ => { }, cancel);
        return (await hub.Services.GetRequiredService<HubDatabase>().ReadAsync(r => r.Query<Guid>("select id from conversation"), cancel))[0];
    }

    private static ArrivedMail Arrived(uint uid, string message) => new(Guid.Parse("01900000-0000-7000-8000-000000000001"), "INBOX", 1, uid, null, Encoding.UTF8.GetBytes(message));

    private static async Task SignInAsync(IPage page, RunningHub hub)
    {
        var visit = new HubVisit(page, hub.Address, new Pictures("hostile-html-set-up"));
        await visit.SetUpAsync(hub.SetupLink!, "Ann Miller", "ann@meadow.example");
    }

    /// <summary>What a payload could do that somebody outside would notice.</summary>
    private sealed class Watch
    {
        private readonly ConcurrentQueue<string> seen = new();

        public Watch(IPage page, Uri hub)
        {
            page.Dialog += async (_, dialog) =>
            {
                seen.Enqueue($"dialog {dialog.Message}");
                await dialog.DismissAsync();
            };
            page.Popup += (_, popup) => seen.Enqueue($"popup {popup.Url}");
            page.Download += (_, download) => seen.Enqueue($"download {download.Url}");
            page.Worker += (_, worker) => seen.Enqueue($"worker {worker.Url}");
            page.Request += (_, request) =>
            {
                var url = new Uri(request.Url);
                if (request.Method != "GET" && url.Scheme is "http" or "https" && !url.AbsolutePath.EndsWith("/seen", StringComparison.Ordinal)) seen.Enqueue($"post {request.Url}");
            };
            // What the policy refuses begins as a request too, and never ends as one. What goes beyond this machine is counted where it would arrive.
            page.RequestFinished += (_, request) =>
            {
                var url = new Uri(request.Url);
                if (url.Scheme is "http" or "https" && url.Authority != hub.Authority) seen.Enqueue($"request elsewhere {request.Url}");
            };
            page.FrameNavigated += (_, frame) =>
            {
                // A page and its frames go where the hub sent them, and nowhere else.
                if (!frame.Url.StartsWith(new Uri(hub, "/conversations/").ToString(), StringComparison.Ordinal) && frame.Url is not ("about:blank" or "about:srcdoc" or "" or "chrome-error://chromewebdata/")) seen.Enqueue($"navigation {frame.Url}");
            };
            page.Console += (_, message) =>
            {
                // The browser's own words about what it refused are as they should be.
                if (message.Type is "log" or "info" or "debug") seen.Enqueue($"console {message.Text}");
            };
        }

        public IReadOnlyList<string> Seen => [.. seen];
    }

    /// <summary>The rest of the world: a proxy that notes what it is asked for and gives nothing.</summary>
    private sealed class Outside : IAsyncDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);
        private readonly ConcurrentQueue<string> asked = new();
        private readonly CancellationTokenSource ended = new();
        private readonly Task accepting;

        public Outside()
        {
            listener.Start();
            accepting = AcceptAsync();
        }

        public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

        /// <summary>First lines of requests.</summary>
        public IReadOnlyList<string> Asked => [.. asked];

        public async ValueTask DisposeAsync()
        {
            await ended.CancelAsync();
            listener.Stop();
            await accepting;
            ended.Dispose();
        }

        private async Task AcceptAsync()
        {
            // A browser opens connections it may never use: none of them may keep the others waiting.
            List<Task> answering = [];
            try
            {
                while (true) answering.Add(AnswerAsync(await listener.AcceptTcpClientAsync()));
            }
            catch (Exception stopped) when (stopped is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                await Task.WhenAll(answering);
            }
        }

        private async Task AnswerAsync(TcpClient client)
        {
            using var _ = client;
            try
            {
                using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
                if (await reader.ReadLineAsync(ended.Token) is not { } line) return;
                // The browser's own questions about the forms of a page; no page asks for it.
                if (!line.StartsWith("CONNECT content-autofill.googleapis.com", StringComparison.Ordinal)) asked.Enqueue(line);
                while (await reader.ReadLineAsync(ended.Token) is { Length: > 0 }) { }
                await client.GetStream().WriteAsync("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray(), ended.Token);
            }
            catch (Exception gone) when (gone is IOException or OperationCanceledException)
            {
                // It hung up, or the test is over; the line it sent is noted.
            }
        }
    }
}
