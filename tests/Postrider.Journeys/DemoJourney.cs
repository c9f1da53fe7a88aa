using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Postrider.Journeys;

/// <summary>The README's first command, as a process of its own.</summary>
public sealed class DemoJourney : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-demo-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task The_story_is_told_once_and_every_step_holds()
    {
        var (code, output, errors) = await RunAsync("--once", "--data", folder.FullName);
        Assert.True(code == 0, output + errors);
        Assert.Equal(6, output.Split('\n').Count(line => line.StartsWith("done", StringComparison.Ordinal)));
        Assert.Contains("/conversations/", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_step_that_does_not_hold_is_named_with_its_reason()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var (code, _, errors) = await RunAsync("--once", "--data", folder.FullName, "--port", port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(1, code);
        Assert.Contains("A Microsoft 365 tenant with a registered application", errors, StringComparison.Ordinal);
        Assert.Contains(port.ToString(System.Globalization.CultureInfo.InvariantCulture), errors, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output, string Errors)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Postrider.Demo.dll"), .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using var demo = Process.Start(start)!;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        var output = demo.StandardOutput.ReadToEndAsync(patience.Token);
        var errors = demo.StandardError.ReadToEndAsync(patience.Token);
        try
        {
            await demo.WaitForExitAsync(patience.Token);
        }
        finally
        {
            if (!demo.HasExited) demo.Kill(entireProcessTree: true);
        }

        return (demo.ExitCode, await output, await errors);
    }
}
