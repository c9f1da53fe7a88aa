using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Postrider.Bench;

/// <summary>The hub in a process of its own, on a new folder, with an administrator, an API key, and a door for SMTP.</summary>
internal sealed class HubPeer : IDisposable
{
    private readonly PeerProcess _process;
    private readonly DirectoryInfo _folder;

    private HubPeer(PeerProcess process, DirectoryInfo folder, HttpClient api, int submission) => (_process, _folder, Api, Submission) = (process, folder, api, submission);

    public int ProcessId => _process.Id;

    /// <summary>As many connections as there are callers.</summary>
    public HttpClient Api { get; }

    /// <summary>The port where it takes mail by SMTP, from this machine without a sign-in.</summary>
    public int Submission { get; }

    /// <param name="sinkPort">Its outgoing server without budget, smtp-sink; null: it has none.</param>
    /// <param name="trust">File of one more certificate that it trusts; null: the system's alone.</param>
    /// <param name="database">Null: SQLite in the folder.</param>
    public static async Task<HubPeer> StartAsync(int? sinkPort, string? trust = null, string? database = null)
    {
        var folder = Directory.CreateTempSubdirectory("postrider-bench-hub-");
        var submission = PeerProcess.FreePort();
        string[] arguments =
        [
            Path.Combine(Root(), "src/Postrider/bin/Release/net10.0/postrider.dll"), "serve", "--port", "0", "--data", folder.FullName, "--submission", submission.ToString(CultureInfo.InvariantCulture),
            .. trust is null ? (string[])[] : ["--trust-certificate", trust], .. database is null ? (string[])[] : ["--database", database],
        ];
        var process = PeerProcess.StartHeard("dotnet", arguments);
        var lines = await process.LinesAsync("Postrider is at ", "Make the first administrator (the link works once): ");
        using var cookies = new SocketsHttpHandler { CookieContainer = new CookieContainer() };
        using var browser = new HttpClient(cookies) { BaseAddress = new Uri(lines[0]) };
        browser.DefaultRequestHeaders.Add("Sec-Fetch-Site", "same-origin");
        await PostAsync(browser, "/api/v1/setup", new { token = lines[1][(lines[1].LastIndexOf('/') + 1)..], name = "Ann Lee", email = "ann@example.com", password = "correct horse battery" });
        await PostAsync(browser, "/api/v1/session", new { email = "ann@example.com", password = "correct horse battery" });
        if (sinkPort is not null) await PostAsync(browser, "/api/v1/outgoing-servers", new { name = "smtp-sink", kind = "smtp", host = "127.0.0.1", port = sinkPort, security = "none", fromFilter = "example.com" });
        using (var trusted = await browser.PutAsJsonAsync("/api/v1/system-parameters/submission.trusted_networks", new { value = "127.0.0.1=bench" })) trusted.EnsureSuccessStatusCode();
        var key = (await PostAsync(browser, "/api/v1/api-keys", new { name = "bench" })).GetProperty("key").GetString();
        var api = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { BaseAddress = browser.BaseAddress };
        api.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return new HubPeer(process, folder, api, submission);
    }

    /// <summary>Nothing waits and nothing is being sent.</summary>
    public async Task DrainedAsync()
    {
        while (await AnyAsync("waiting") || await AnyAsync("sending")) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
    }

    public void Dispose()
    {
        Api.Dispose();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    public static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Directory.Exists(Path.Combine(folder.FullName, "src", "Postrider"))) return folder.FullName;
        throw new InvalidOperationException("The benchmarks do not lie within the repository.");
    }

    private async Task<bool> AnyAsync(string state) =>
        (await Api.GetFromJsonAsync<JsonElement>(string.Create(CultureInfo.InvariantCulture, $"/api/v1/mails?state={state}&limit=1"))).GetProperty("mails").GetArrayLength() > 0;

    public static async Task<JsonElement> PostAsync(HttpClient client, string path, object body)
    {
        using var answer = await client.PostAsJsonAsync(path, body);
        var text = await answer.Content.ReadAsStringAsync();
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"{path}: {(int)answer.StatusCode} {text}");
        return text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text);
    }
}
