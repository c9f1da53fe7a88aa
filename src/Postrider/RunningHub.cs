using Postrider.Storage;

namespace Postrider;

/// <summary>A hub that answers requests, until it is disposed.</summary>
public sealed class RunningHub : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly HubDatabase database;
    private readonly IDisposable log;

    /// <param name="log">The database's.</param>
    internal RunningHub(WebApplication app, Uri address, Uri? setupLink, HubDatabase database, IDisposable log) =>
        (this.app, Address, SetupLink, this.database, this.log) = (app, address, setupLink, database, log);

    /// <summary><c>http://localhost:port</c></summary>
    public Uri Address { get; }

    /// <summary>Works once and makes the first administrator. Null when there is one.</summary>
    public Uri? SetupLink { get; }

    internal IServiceProvider Services => app.Services;

    /// <summary>Returns when the hub has been told to stop (Ctrl+C, SIGTERM).</summary>
    public Task WaitForShutdownAsync(CancellationToken cancellationToken = default) => app.WaitForShutdownAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
        await database.DisposeAsync();
        log.Dispose();
    }
}
