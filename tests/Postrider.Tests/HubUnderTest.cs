namespace Postrider.Tests;

/// <summary>A hub in this process: real store in a folder of its own, a free port, nothing on the console.</summary>
internal sealed class HubUnderTest : IAsyncDisposable
{
    private readonly TemporaryFolder folder;
    private readonly RunningHub hub;

    private HubUnderTest(TemporaryFolder folder, RunningHub hub) => (this.folder, this.hub) = (folder, hub);

    public Uri Address => hub.Address;

    public IServiceProvider Services => hub.Services;

    public static async Task<HubUnderTest> StartAsync()
    {
        var folder = new TemporaryFolder();
        return new HubUnderTest(folder, await Hub.StartAsync(new HubOptions { DataFolder = folder.File("data"), Quiet = true }, TestContext.Current.CancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        await hub.DisposeAsync();
        folder.Dispose();
    }
}
