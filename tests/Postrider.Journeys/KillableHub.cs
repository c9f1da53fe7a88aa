using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace Postrider.Journeys;

/// <summary>The hub as a process of its own, on a fixed port, to be killed and started again on the same folder.</summary>
internal static class KillableHub
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <returns>The process, once it serves; and the word of the set-up link when <paramref name="first"/>.</returns>
    public static async Task<(Process Hub, string? SetUpToken)> StartAsync(DirectoryInfo folder, int port, bool first, string[]? more = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "postrider.dll"), "serve", "--data", folder.FullName, "--port", port.ToString(CultureInfo.InvariantCulture), .. more ?? []]) { UseShellExecute = false, RedirectStandardOutput = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        var hub = Process.Start(start)!;
        string? token = null;
        // The link comes behind the address, and only the first time.
        while (await hub.StandardOutput.ReadLineAsync(Cancel) is { } line)
        {
            if (line.StartsWith("Postrider is at ", StringComparison.Ordinal) && !first) break;
            if (!line.StartsWith("Make the first administrator (the link works once): ", StringComparison.Ordinal)) continue;
            token = line[(line.LastIndexOf('/') + 1)..];
            break;
        }

        _ = hub.StandardOutput.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
        return (hub, token);
    }

    /// <summary>With one outgoing server, made the first time.</summary>
    /// <param name="sinkPort">Of that server; null: the folder has it already.</param>
    public static async Task<Process> StartSendingAsync(DirectoryInfo folder, int port, int? sinkPort, HttpClient api, string[]? more = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var (hub, token) = await StartAsync(folder, port, first: sinkPort is not null, more, environment);
        if (sinkPort is { } sink) await SetUpAsync(api, token, browser => PostAsync(browser, "/api/v1/outgoing-servers", new { name = "Sink", kind = "smtp", host = "127.0.0.1", port = sink, security = "none", fromFilter = "example.com" }));
        return hub;
    }

    /// <summary>Makes the administrator, does <paramref name="asAdministrator"/>, and gives <paramref name="api"/> a key.</summary>
    public static async Task SetUpAsync(HttpClient api, string? token, Func<HttpClient, Task> asAdministrator)
    {
        using var browser = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer() }) { BaseAddress = api.BaseAddress };
        browser.DefaultRequestHeaders.Add("Sec-Fetch-Site", "same-origin");
        await PostAsync(browser, "/api/v1/setup", new { token = token ?? throw new InvalidOperationException("The hub ended before it was there."), name = "Ann Lee", email = "ann@example.com", password = "correct horse battery" });
        await PostAsync(browser, "/api/v1/session", new { email = "ann@example.com", password = "correct horse battery" });
        await asAdministrator(browser);
        api.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await PostAsync(browser, "/api/v1/api-keys", new { name = "load" })).GetProperty("key").GetString());
    }

    public static async Task<JsonElement> PostAsync(HttpClient client, string path, object body)
    {
        using var answer = await client.PostAsJsonAsync(path, body, Cancel);
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {(int)answer.StatusCode} {text}");
        return text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text);
    }

    /// <summary>SIGTERM. It has half a minute.</summary>
    public static async Task StopAsync(Process hub)
    {
        using (var kill = Process.Start("kill", ["-TERM", hub.Id.ToString(CultureInfo.InvariantCulture)])) await kill.WaitForExitAsync(Cancel);
        await hub.WaitForExitAsync(Cancel).WaitAsync(TimeSpan.FromSeconds(30), Cancel);
        Assert.Equal(0, hub.ExitCode);
        hub.Dispose();
    }

    public static async Task KillAsync(Process hub)
    {
        if (!hub.HasExited) hub.Kill();
        await hub.WaitForExitAsync(CancellationToken.None);
        hub.Dispose();
    }

    public static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}

/// <summary>Counts what happens, and lets one wait for a number.</summary>
internal sealed class Progress
{
    private readonly Lock turn = new();
    private readonly List<(long Number, TaskCompletionSource Reached)> waiting = [];
    private long count;

    public long Count { get { lock (turn) return count; } }

    public void Add(long more = 1)
    {
        lock (turn)
        {
            count += more;
            foreach (var (_, reached) in waiting.Where(one => one.Number <= count)) reached.TrySetResult();
            waiting.RemoveAll(one => one.Number <= count);
        }
    }

    public Task UntilAsync(long number, CancellationToken cancellationToken)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (turn)
        {
            if (count >= number) reached.SetResult();
            else waiting.Add((number, reached));
        }
        return reached.Task.WaitAsync(cancellationToken);
    }
}
