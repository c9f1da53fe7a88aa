using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postrider.Mail.Mime;
using Postrider.Mail.Tests;

namespace Postrider.Journeys;

/// <summary>The hub as a process of its own, and files that are larger than what it may hold in memory.</summary>
public sealed partial class LargeFileJourney(ITestOutputHelper output) : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-file-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task Files_of_any_size_pass_through_the_hub_without_standing_in_its_memory()
    {
        const long Size = 200_000_000;
        var port = KillableHub.FreePort();
        using var api = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri($"http://localhost:{port}"), Timeout = TimeSpan.FromMinutes(5) };
        // The collector may use what a small machine has, so that rubbish counts too.
        var (hub, token) = await KillableHub.StartAsync(folder, port, first: true, environment: new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = "0xA000000" });
        try
        {
            await KillableHub.SetUpAsync(api, token, async browser =>
            {
                await KillableHub.PostAsync(browser, "/api/v1/outgoing-servers", new { name = "Dead end", kind = "smtp", host = "127.0.0.1", port = 1, security = "none", fromFilter = "example.com" });
                using var set = await browser.PutAsJsonAsync("/api/v1/system-parameters/postrider.max_files_megabytes", new { value = "500" }, Cancel);
                Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync(Cancel));
            });
            var idle = PeakMegabytes(hub);
            using var parts = new MultipartFormDataContent { { JsonContent.Create(new { to = (string[])["ben@example.org"], subject = "The film", text = "Have a look." }), "mail" }, { new StreamContent(new PatternStream(Size)), "file", "film.mp4" } };
            using var sent = await api.PostAsync("/api/v1/mails", parts, Cancel);
            Assert.True(sent.StatusCode == HttpStatusCode.Accepted, await sent.Content.ReadAsStringAsync(Cancel));
            var id = (await sent.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("id").GetGuid();

            var message = MimeMessage.Read(await api.GetByteArrayAsync($"/api/v1/mails/{id}/message", Cancel));
            await using var bytes = await api.GetStreamAsync(Address.Match(message.TextBody!).Value, Cancel);
            await using var expected = new PatternStream(Size);
            Assert.Equal(await SHA256.HashDataAsync(expected, Cancel), await SHA256.HashDataAsync(bytes, Cancel));

            // The same from a draft: its file comes as a part, and goes without being read.
            var draft = await IdOfAsync(await api.PostAsJsonAsync("/api/v1/drafts", new { to = "ben@example.org", subject = "The film again", text = "And again." }, Cancel));
            using var form = new MultipartFormDataContent { { new StreamContent(new PatternStream(Size)), "file", "film.mp4" } };
            Assert.Equal(draft, await IdOfAsync(await api.PostAsync($"/api/v1/drafts/{draft}/attachments", form, Cancel)));
            using var left = await api.PostAsJsonAsync($"/api/v1/drafts/{draft}/send", new { }, Cancel);
            Assert.True(left.StatusCode == HttpStatusCode.Accepted, await left.Content.ReadAsStringAsync(Cancel));

            var peak = PeakMegabytes(hub);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Size >> 20} MB in and out: at most {idle} MB resident before, {peak} MB after"));
            Assert.InRange(peak, 1, 350);
        }
        finally
        {
            await KillableHub.KillAsync(hub);
        }
    }

    private static async Task<Guid> IdOfAsync(HttpResponseMessage answer)
    {
        using (answer)
        {
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancel));
            return (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("id").GetGuid();
        }
    }

    /// <summary>The most that was ever resident.</summary>
    private static long PeakMegabytes(System.Diagnostics.Process process)
    {
        process.Refresh();
        return process.PeakWorkingSet64 >> 20;
    }

    [GeneratedRegex(@"http://localhost:\d+/files/[\w-]{43}", RegexOptions.None, 1000)]
    private static partial Regex Address { get; }
}
