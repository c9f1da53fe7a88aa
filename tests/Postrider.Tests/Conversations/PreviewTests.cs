using System.Buffers.Binary;
using System.Net;
using System.Text;
using System.Text.Json;
using Postrider.Conversations;
using Postrider.Sandbox;

namespace Postrider.Tests.Conversations;

public sealed class PreviewTests
{
    private static readonly byte[] Dot = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==");

    [Fact]
    public void The_first_bytes_say_what_a_picture_is_and_how_large()
    {
        Assert.Equal(new RasterPicture("image/png", 1, 1), RasterPicture.Read(Dot));
        Assert.Equal(new RasterPicture("image/gif", 258, 3), RasterPicture.Read([.. "GIF89a"u8, 2, 1, 3, 0, 0, 0]));
        Assert.Equal(new RasterPicture("image/jpeg", 640, 480), RasterPicture.Read([0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xC0, 0, 11, 8, 1, 0xE0, 2, 0x80, 1, 0, 0, 0, 0]));
        Assert.Equal(new RasterPicture("image/webp", 16, 9), RasterPicture.Read([.. "RIFF"u8, 0, 0, 0, 0, .. "WEBPVP8X"u8, 10, 0, 0, 0, 0, 0, 0, 0, 15, 0, 0, 8, 0, 0, 0]));
        Assert.Null(RasterPicture.Read("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"u8));
        Assert.Null(RasterPicture.Read([]));
        for (var length = 0; length < Dot.Length; length++) RasterPicture.Read(Dot.AsSpan(0, length));
        for (var length = 0; length < 22; length++) RasterPicture.Read(((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xC0, 0, 11, 8, 1, 0xE0, 2, 0x80, 1, 0, 0, 0, 0])[..length]);
    }

    [Theory]
    [InlineData(6000, 8000, true)]
    [InlineData(60_000, 1, false)]
    [InlineData(19_999, 19_999, false)]
    [InlineData(0, 5, false)]
    public void A_picture_that_would_fill_the_memory_is_not_drawn(int width, int height, bool drawable) => Assert.Equal(drawable, new RasterPicture("image/png", width, height).IsDrawable);

    /// <summary>MIM-13, WEB-06.</summary>
    [Fact]
    public async Task Only_what_is_a_picture_or_a_PDF_is_shown_whatever_the_message_says()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var bomb = (byte[])Dot.Clone();
        BinaryPrimitives.WriteInt32BigEndian(bomb.AsSpan(16), 50_000);
        BinaryPrimitives.WriteInt32BigEndian(bomb.AsSpan(20), 50_000);
        var conversation = await TakeAsync(hub, ("dot.png", "image/png", Dot), ("bomb.png", "image/png", bomb), ("page.png", "image/png", "<html><script>alert(1)</script>"u8.ToArray()), ("dot.html", "text/html", Dot), ("offer.pdf", "application/pdf", "%PDF-1.7\n"u8.ToArray()), ("x.svg", "image/svg+xml", "<svg/>"u8.ToArray()));
        var files = (await hub.GetAsync<JsonElement>($"/api/v1/conversations/{conversation}")).GetProperty("messages")[0].GetProperty("attachments").EnumerateArray().ToDictionary(a => a.GetProperty("fileName").GetString()!, a => a.GetProperty("id").GetGuid());

        foreach (var (name, type) in new[] { ("dot.png", "image/png"), ("dot.html", "image/png"), ("offer.pdf", "application/pdf") })
        {
            using var shown = await hub.Browser.GetAsync($"/conversations/{conversation}/attachments/{files[name]}/preview");
            Assert.Equal((HttpStatusCode.OK, type), (shown.StatusCode, shown.Content.Headers.ContentType!.MediaType));
            Assert.Equal("nosniff", Assert.Single(shown.Headers.GetValues("X-Content-Type-Options")));
            var policy = Assert.Single(shown.Headers.GetValues("Content-Security-Policy"));
            Assert.StartsWith("default-src 'none'", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("script", policy, StringComparison.Ordinal);
        }
        foreach (var name in new[] { "bomb.png", "page.png", "x.svg" })
        {
            using var refused = await hub.Browser.GetAsync($"/conversations/{conversation}/attachments/{files[name]}/preview");
            Assert.Equal(HttpStatusCode.UnsupportedMediaType, refused.StatusCode);
            Assert.Contains("preview-impossible", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        var page = await hub.PageAsync($"/conversations/{conversation}");
        Assert.Equal(["dot.png", "bomb.png", "page.png"], page.QuerySelectorAll(".cv-previews img").Select(i => i.GetAttribute("alt")));
        Assert.Equal("Open offer.pdf", Assert.Single(page.QuerySelectorAll(".cv-pair a[aria-label]")).GetAttribute("aria-label"));
    }

    [Fact]
    public async Task A_signed_link_shows_its_picture_to_whoever_has_it_for_an_hour_and_no_other()
    {
        var clock = new TenantClock(TimeProvider.System);
        await using var hub = await HubUnderTest.StartAsync(o => o with { Clock = clock });
        var conversation = await Mails.TakeAsync(hub, "From: ann@example.org\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<img src='cid:dot@x'>\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <dot@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n" + Convert.ToBase64String(Dot) + "\r\n--b--\r\n");
        var message = (await hub.GetAsync<JsonElement>($"/api/v1/conversations/{conversation}")).GetProperty("messages")[0].GetProperty("id").GetGuid();
        using var frame = await hub.Browser.GetAsync($"/conversations/{conversation}/messages/{message}/html");
        Assert.Contains("/pictures/", await frame.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        var link = (await HubUnderTest.ReadPageAsync(frame)).QuerySelector("img")!.GetAttribute("src")!;
        Assert.Contains($"img-src {hub.Address.GetLeftPart(UriPartial.Authority)}/pictures/;", Assert.Single(frame.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);

        var nobody = hub.OpenBrowser();
        using var picture = await nobody.GetAsync(link);
        Assert.Equal((HttpStatusCode.OK, "image/png", "cross-origin"), (picture.StatusCode, picture.Content.Headers.ContentType!.MediaType, Assert.Single(picture.Headers.GetValues("Cross-Origin-Resource-Policy"))));
        using var forged = await nobody.GetAsync(link[..^4] + "AAAA");
        using var wild = await nobody.GetAsync("/pictures/no%20word");
        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.NotFound), (forged.StatusCode, wild.StatusCode));
        clock.Advance(TimeSpan.FromMinutes(61));
        using var late = await nobody.GetAsync(link);
        Assert.Equal(HttpStatusCode.NotFound, late.StatusCode);
    }

    /// <summary>WEB-02.</summary>
    [Fact]
    public async Task Remote_pictures_are_let_in_by_the_button_for_this_person_and_message_alone()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var conversation = await Mails.TakeAsync(hub, "From: ann@example.org\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<img src='https://pictures.example/a.png'><img src='http://plain.example/b.png'>\r\n");
        var message = (await hub.GetAsync<JsonElement>($"/api/v1/conversations/{conversation}")).GetProperty("messages")[0].GetProperty("id").GetGuid();
        using var pressed = await HubUnderTest.SubmitAsync(hub.Browser, $"/conversations/{conversation}", "desk", ("pictures", message.ToString()));
        var page = await hub.PageAsync(pressed.Headers.Location!.ToString());
        var source = page.QuerySelector("iframe.cv-frame")!.GetAttribute("src")!;

        using var shown = await hub.Browser.GetAsync(source);
        Assert.EndsWith(" https:", Assert.Single(shown.Headers.GetValues("Content-Security-Policy")).Split(';').Single(d => d.Contains("img-src", StringComparison.Ordinal)), StringComparison.Ordinal);
        var html = await shown.Content.ReadAsStringAsync();
        Assert.Contains("https://pictures.example/a.png", html, StringComparison.Ordinal);
        Assert.DoesNotContain("plain.example", html, StringComparison.Ordinal);

        var uma = await hub.OpenBrowserOfUserAsync();
        foreach (var (browser, path) in new[] { (uma, source), (hub.Browser, source[..source.IndexOf('?', StringComparison.Ordinal)]), (hub.Browser, source[..source.IndexOf('?', StringComparison.Ordinal)] + "?pictures=1") })
        {
            using var held = await browser.GetAsync(path);
            Assert.DoesNotContain("https:", Assert.Single(held.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
            Assert.DoesNotContain("pictures.example", await held.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    private static Task<Guid> TakeAsync(HubUnderTest hub, params (string Name, string Type, byte[] Bytes)[] files)
    {
        var message = new StringBuilder("From: ann@example.org\r\nSubject: Files\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n");
        foreach (var (name, type, bytes) in files)
            message.Append($"--b\r\nContent-Type: {type}; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\n{Convert.ToBase64String(bytes)}\r\n");
        return Mails.TakeAsync(hub, message.Append("--b--\r\n").ToString());
    }
}
