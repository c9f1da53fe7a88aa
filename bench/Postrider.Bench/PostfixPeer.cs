namespace Postrider.Bench;

/// <summary>A Postfix of our own that relays all it takes to smtp-sink: own configuration and queue in a temporary folder, on a free loopback port. Needs root, as Postfix does.</summary>
internal sealed class PostfixPeer : IDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly PeerProcess _process;

    private PostfixPeer(DirectoryInfo folder, PeerProcess process, int port) => (_folder, _process, Port) = (folder, process, port);

    public int Port { get; }

    public static async Task<PostfixPeer> StartAsync(int sinkPort)
    {
        var folder = Directory.CreateTempSubdirectory("postrider-bench-postfix-");
        foreach (var sub in (string[])["etc", "queue", "data"]) folder.CreateSubdirectory(sub);
        var port = PeerProcess.FreePort();
        var etc = Path.Combine(folder.FullName, "etc");
        await File.WriteAllTextAsync(Path.Combine(etc, "main.cf"), $"""
            compatibility_level = 3.6
            queue_directory = {folder.FullName}/queue
            data_directory = {folder.FullName}/data
            maillog_file = {folder.FullName}/mail.log
            maillog_file_prefixes = /tmp, /var
            myhostname = bench.example
            mydestination =
            alias_maps =
            inet_interfaces = 127.0.0.1
            inet_protocols = ipv4
            mynetworks = 127.0.0.0/8
            smtpd_relay_restrictions = permit_mynetworks, reject
            relayhost = [127.0.0.1]:{sinkPort}
            smtp_dns_support_level = disabled
            message_size_limit = 0

            """);
        await File.WriteAllTextAsync(Path.Combine(etc, "master.cf"), $"""
            127.0.0.1:{port} inet n - n - 100 smtpd
            pickup    unix n - n 60 1 pickup
            cleanup   unix n - n - 0 cleanup
            qmgr      unix n - n 300 1 qmgr
            rewrite   unix - - n - - trivial-rewrite
            bounce    unix - - n - 0 bounce
            defer     unix - - n - 0 bounce
            trace     unix - - n - 0 bounce
            flush     unix n - n 1000? 0 flush
            proxymap  unix - - n - - proxymap
            smtp      unix - - n - - smtp
            relay     unix - - n - - smtp
            error     unix - - n - - error
            retry     unix - - n - - error
            anvil     unix - - n - 1 anvil
            scache    unix - - n - 1 scache
            postlog   unix-dgram n - n - 1 postlogd

            """);
        await PeerProcess.RunAsync("chown", "postfix", Path.Combine(folder.FullName, "data"));
        await PeerProcess.RunAsync("chmod", "755", folder.FullName);
        await PeerProcess.RunAsync("postfix", "-c", etc, "check");
        var process = PeerProcess.Start("/usr/lib/postfix/sbin/master", "-c", etc, "-d");
        await PeerProcess.AcceptsAsync(port);
        return new PostfixPeer(folder, process, port);
    }

    /// <summary>Its queue is empty.</summary>
    public async Task DrainedAsync()
    {
        while (((string[])["maildrop", "incoming", "active", "deferred"]).Any(queue => Directory.EnumerateFiles(Path.Combine(_folder.FullName, "queue", queue), "*", SearchOption.AllDirectories).Any()))
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
    }

    public void Dispose()
    {
        // Its parts end with it, and only then the folder can go.
        PeerProcess.RunAsync("postfix", "-c", Path.Combine(_folder.FullName, "etc"), "stop").GetAwaiter().GetResult();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }
}
