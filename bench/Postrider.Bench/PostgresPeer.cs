namespace Postrider.Bench;

/// <summary>A PostgreSQL of our own with its default settings, fsync among them, in a temporary folder; reached by its Unix socket. Debian's account postgres runs it.</summary>
internal sealed class PostgresPeer : IDisposable
{
    private readonly DirectoryInfo _folder;

    private PostgresPeer(DirectoryInfo folder) => _folder = folder;

    /// <summary>What <c>--database</c> takes.</summary>
    public string Address => $"Host={_folder.FullName};Username=postgres;Database=postgres";

    public static async Task<PostgresPeer> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("postrider-bench-postgres-");
        await PeerProcess.RunAsync("chown", "postgres", folder.FullName);
        var peer = new PostgresPeer(folder);
        await peer.RunAsync("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C");
        await peer.RunAsync("pg_ctl", "-w", "-l", Path.Combine(folder.FullName, "log"), "-o", $"-c listen_addresses='' -c unix_socket_directories={folder.FullName}", "start");
        return peer;
    }

    public void Dispose()
    {
        RunAsync("pg_ctl", "-m", "immediate", "stop").GetAwaiter().GetResult();
        _folder.Delete(recursive: true);
    }

    // PostgreSQL refuses to run as root.
    private Task RunAsync(string program, params string[] arguments) =>
        PeerProcess.RunAsync("runuser", ["-u", "postgres", "--", Directory.EnumerateDirectories("/usr/lib/postgresql").Max() + "/bin/" + program, "-D", Path.Combine(_folder.FullName, "data"), .. arguments]);
}
