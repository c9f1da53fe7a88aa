using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Postrider.Journeys;

// OUT-14
/// <summary>A disk that cannot make a commit durable: <c>fsync</c> of the hub's process answers EIO while a file is there.</summary>
public sealed class FsyncJourney : IDisposable
{
    private const string Shim =
        """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <stdlib.h>
        #include <unistd.h>
        static int broken(void) { const char *flag = getenv("POSTRIDER_TEST_EIO"); return flag && access(flag, F_OK) == 0; }
        int fsync(int fd) { if (broken()) { errno = EIO; return -1; } return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
        int fdatasync(int fd) { if (broken()) { errno = EIO; return -1; } return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
        """;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("postrider-fsync-");
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task What_cannot_be_made_durable_is_not_acknowledged_and_is_not_there_after_a_kill()
    {
        var library = await CompileAsync();
        if (library is null) Assert.Skip("There is no C compiler.");
        var flag = Path.Combine(folder.FullName, "broken");
        var data = folder.CreateSubdirectory("data");
        var port = KillableHub.FreePort();
        using var api = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri($"http://localhost:{port}") };
        var environment = new Dictionary<string, string> { ["LD_PRELOAD"] = library, ["POSTRIDER_TEST_EIO"] = flag };
        // Port 1: nobody is there, so all that is taken waits.
        var hub = await KillableHub.StartSendingAsync(data, port, 1, api, environment: environment);
        try
        {
            Assert.Equal(HttpStatusCode.Accepted, await PutAsync(api, "before"));
            await File.WriteAllTextAsync(flag, "", Cancel);
            for (var n = 0; n < 5; n++) Assert.Equal(HttpStatusCode.ServiceUnavailable, await PutAsync(api, $"while {n}"));
            File.Delete(flag);
            // No restart is needed, and what failed is not taken for good by what follows it.
            Assert.Equal(HttpStatusCode.Accepted, await PutAsync(api, "after"));
            hub.Kill();
            await hub.WaitForExitAsync(Cancel);
            hub.Dispose();
            hub = await KillableHub.StartSendingAsync(data, port, null, api);
            var mails = (await api.GetFromJsonAsync<JsonElement>("/api/v1/mails", Cancel)).GetProperty("mails").EnumerateArray().Select(mail => mail.GetProperty("subject").GetString());
            Assert.Equal(["after", "before"], mails);
        }
        finally
        {
            if (!hub.HasExited) hub.Kill();
            await hub.WaitForExitAsync(CancellationToken.None);
            hub.Dispose();
        }
    }

    private static async Task<HttpStatusCode> PutAsync(HttpClient api, string subject)
    {
        using var answer = await api.PostAsJsonAsync("/api/v1/mails", new { from = "ann@example.com", to = (string[])["ben@example.org"], subject, text = "x" }, Cancel);
        return answer.StatusCode;
    }

    /// <returns>Null without a compiler.</returns>
    private async Task<string?> CompileAsync()
    {
        var source = Path.Combine(folder.FullName, "eio.c");
        var library = Path.Combine(folder.FullName, "eio.so");
        await File.WriteAllTextAsync(source, Shim, Cancel);
        try
        {
            using var compiler = Process.Start("cc", ["-shared", "-fPIC", "-o", library, source, "-ldl"]);
            await compiler.WaitForExitAsync(Cancel);
            return compiler.ExitCode == 0 ? library : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
