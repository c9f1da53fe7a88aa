using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;

namespace Postrider.Tests.Web;

/// <summary>What a person gets who clones the repository and publishes: every file the pages refer to, although none of them is committed.</summary>
public sealed partial class PublishTests
{
    [Fact]
    public async Task A_fresh_clone_publishes_with_every_asset()
    {
        Assert.SkipWhen(await RunAsync(Repository.Root, "git", "rev-parse", "--verify", "HEAD") is { Code: not 0 }, "The tests do not run in a git working tree.");
        using var folder = new TemporaryFolder();
        var (clone, published) = (folder.File("clone"), folder.File("published"));
        await MustAsync(folder.Path, "git", "clone", "--quiet", "--no-hardlinks", Repository.Root, clone);
        await MustAsync(clone, "dotnet", "publish", "src/Postrider/Postrider.csproj", "--output", published, "--nologo", "-v", "q", "-p:RunAnalyzers=false", "-maxcpucount:1", "-nodeReuse:false");

        await using var hub = await PublishedHub.StartAsync(published, folder.File("data"));
        var html = await hub.Browser.GetStringAsync("/sign-in");
        var assets = Asset.Matches(html).Select(match => match.Groups["asset"].Value).ToHashSet();
        // The layout's style sheets and scripts, the product's own and those from npm; the icons are referred to by signed-in pages.
        Assert.Contains(assets, asset => asset.StartsWith("/lib/tabler.min.css", StringComparison.Ordinal));
        Assert.Contains(assets, asset => asset.StartsWith("/postrider.styles.css", StringComparison.Ordinal));
        foreach (var asset in assets.Append("/lib/icons.svg").Append("/lib/LICENSES.txt"))
        {
            using var answer = await hub.Browser.GetAsync(asset);
            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{asset}: {answer.StatusCode}");
            Assert.NotEmpty(await answer.Content.ReadAsByteArrayAsync());
        }
    }

    private static async Task MustAsync(string folder, string program, params string[] arguments)
    {
        var (code, output) = await RunAsync(folder, program, arguments);
        Assert.True(code == 0, $"{program} {string.Join(' ', arguments)}\n{output}");
    }

    private static async Task<(int Code, string Output)> RunAsync(string folder, string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var cancellation = TestContext.Current.CancellationToken;
        var output = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(cancellation), process.StandardError.ReadToEndAsync(cancellation));
        await process.WaitForExitAsync(cancellation);
        return (process.ExitCode, string.Concat(output));
    }

    [GeneratedRegex("""(href|src)="(?<asset>/[^"]+\.(css|js|svg)[^"]*)""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Asset { get; }

    /// <summary>The published program, in a process of its own.</summary>
    private sealed class PublishedHub(Process process, HttpClient browser) : IAsyncDisposable
    {
        public HttpClient Browser => browser;

        public static async Task<PublishedHub> StartAsync(string published, string data)
        {
            var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(published, "postrider.dll"), "serve", "--data", data, "--port", "0"]) { UseShellExecute = false, RedirectStandardOutput = true, WorkingDirectory = Path.GetTempPath() })!;
            while (await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
                if (line.StartsWith("Postrider is at ", StringComparison.Ordinal))
                    return new PublishedHub(process, new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri(line["Postrider is at ".Length..]) });
            throw new InvalidOperationException("The published hub ended before it answered.");
        }

        public async ValueTask DisposeAsync()
        {
            browser.Dispose();
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }
}
