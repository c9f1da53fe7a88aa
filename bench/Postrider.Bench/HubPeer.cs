using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Postrider.Bench;

/// <summary>The hub in a process of its own, on a new folder, with an administrator, an API key, and a door for SMTP.</summary>
internal sealed class HubPeer : IDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly string[] _more;
    // Null between a stop and the next start.
    private PeerProcess? _process;

    private HubPeer(PeerProcess process, DirectoryInfo folder, string[] more, HttpClient api, int submission) => (_process, _folder, _more, Api, Submission) = (process, folder, more, api, submission);

    public int ProcessId => (_process ?? throw new InvalidOperationException("It was stopped.")).Id;

    /// <summary>As many connections as there are callers.</summary>
    public HttpClient Api { get; private set; }

    /// <summary>Its data.</summary>
    public string Folder => _folder.FullName;

    /// <summary>The port where it takes mail by SMTP, from this machine without a sign-in.</summary>
    public int Submission { get; }

    /// <param name="sinkPort">Its outgoing server without budget, smtp-sink; null: it has none.</param>
    /// <param name="trust">File of one more certificate that it trusts; null: the system's alone.</param>
    /// <param name="database">Null: SQLite in the folder.</param>
    public static async Task<HubPeer> StartAsync(int? sinkPort, string? trust = null, string? database = null)
    {
        var folder = Directory.CreateTempSubdirectory("postrider-bench-hub-");
        var submission = PeerProcess.FreePort();
        string[] more = [.. trust is null ? (string[])[] : ["--trust-certificate", trust], .. database is null ? (string[])[] : ["--database", database]];
        var process = Serve(folder, submission, more);
        var lines = await process.LinesAsync("Postrider is at ", "Make the first administrator (the link works once): ");
        using var cookies = new SocketsHttpHandler { CookieContainer = new CookieContainer() };
        using var browser = new HttpClient(cookies) { BaseAddress = new Uri(lines[0]) };
        browser.DefaultRequestHeaders.Add("Sec-Fetch-Site", "same-origin");
        await PostAsync(browser, "/api/v1/setup", new { token = lines[1][(lines[1].LastIndexOf('/') + 1)..], name = "Ann Lee", email = "ann@example.com", password = "correct horse battery" });
        await PostAsync(browser, "/api/v1/session", new { email = "ann@example.com", password = "correct horse battery" });
        if (sinkPort is not null) await PostAsync(browser, "/api/v1/outgoing-servers", new { name = "smtp-sink", kind = "smtp", host = "127.0.0.1", port = sinkPort, security = "none", fromFilter = "example.com", maxConnections = 20 });
        using (var trusted = await browser.PutAsJsonAsync("/api/v1/system-parameters/submission.trusted_networks", new { value = "127.0.0.1=bench" })) trusted.EnsureSuccessStatusCode();
        var key = (await PostAsync(browser, "/api/v1/api-keys", new { name = "bench" })).GetProperty("key").GetString();
        return new HubPeer(process, folder, more, ClientOf(browser.BaseAddress!, new AuthenticationHeaderValue("Bearer", key)), submission);
    }

    /// <summary>Ends the process at once.</summary>
    public void Stop()
    {
        _process?.Dispose();
        _process = null;
    }

    /// <summary>On the same folder, until the API answers.</summary>
    public async Task RestartAsync()
    {
        Stop();
        _process = Serve(_folder, Submission, _more);
        var address = (await _process.LinesAsync("Postrider is at "))[0];
        var before = Api;
        Api = ClientOf(new Uri(address), before.DefaultRequestHeaders.Authorization!);
        before.Dispose();
        using var answer = await Api.GetAsync("/api/v1/mails?limit=1");
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Holds or releases its outgoing server.</summary>
    public async Task HoldAsync(bool hold)
    {
        var id = (await Api.GetFromJsonAsync<JsonElement>("/api/v1/outgoing-servers"))[0].GetProperty("id").GetGuid();
        await PostAsync(Api, $"/api/v1/outgoing-servers/{id}/{(hold ? "hold" : "release")}", new { reason = "" });
    }

    /// <summary>The newest mails are the urgent ones: when the newest that waits is of another kind, they have been sent.</summary>
    public async Task UrgentSentAsync()
    {
        while (await NewestIsUrgentAsync("waiting") || await NewestIsUrgentAsync("sending")) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
    }

    /// <summary>Nothing waits and nothing is being sent.</summary>
    public async Task DrainedAsync()
    {
        while (await AnyAsync("waiting") || await AnyAsync("sending")) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
    }

    public void Dispose()
    {
        Api.Dispose();
        Stop();
        _folder.Delete(recursive: true);
    }

    public static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Directory.Exists(Path.Combine(folder.FullName, "src", "Postrider"))) return folder.FullName;
        throw new InvalidOperationException("The benchmarks do not lie within the repository.");
    }

    private async Task<bool> NewestIsUrgentAsync(string state) =>
        (await Api.GetFromJsonAsync<JsonElement>($"/api/v1/mails?state={state}&limit=1")).GetProperty("mails").EnumerateArray().Any(mail => mail.GetProperty("priority").GetString() == "high");

    private static PeerProcess Serve(DirectoryInfo folder, int submission, string[] more) =>
        PeerProcess.StartHeard("dotnet", [Path.Combine(Root(), "src/Postrider/bin/Release/net10.0/postrider.dll"), "serve", "--port", "0", "--data", folder.FullName, "--submission", submission.ToString(CultureInfo.InvariantCulture), .. more]);

    private static HttpClient ClientOf(Uri address, AuthenticationHeaderValue key)
    {
        var api = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { BaseAddress = address };
        api.DefaultRequestHeaders.Authorization = key;
        return api;
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
