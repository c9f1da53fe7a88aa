using Microsoft.AspNetCore.DataProtection;
using Postrider.Telemetry;

namespace Postrider.Tests.Storage;

public sealed class KeyFileTests
{
    [Fact]
    public async Task A_sealed_secret_is_read_after_a_restart_and_the_key_lies_outside_the_database_for_its_owner_alone()
    {
        await using var hub = await HubUnderTest.StartAsync();
        var secret = hub.Service<IDataProtectionProvider>().CreateProtector("test").Protect("the secret");
        var keyFile = Path.Combine(hub.Options.DataFolder, "postrider.key");
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(keyFile));
        Assert.DoesNotContain("PRIVATE KEY", await hub.StoredTextAsync(), StringComparison.Ordinal);

        await hub.RestartAsync();
        Assert.Equal("the secret", hub.Service<IDataProtectionProvider>().CreateProtector("test").Unprotect(secret));
    }

    [Fact]
    public async Task A_missing_key_file_is_refused_instead_of_replaced()
    {
        using var folder = new TemporaryFolder();
        await StartAndStopAsync(folder.Path);
        File.Delete(folder.File("postrider.key"));

        Assert.Equal("key-file-missing", await RefusalAsync(folder.Path));
        Assert.False(File.Exists(folder.File("postrider.key")));
    }

    [Fact]
    public async Task The_key_file_of_another_database_is_refused()
    {
        using var folder = new TemporaryFolder();
        using var other = new TemporaryFolder();
        await StartAndStopAsync(folder.Path);
        await StartAndStopAsync(other.Path);
        File.Copy(other.File("postrider.key"), folder.File("postrider.key"), overwrite: true);

        Assert.Equal("key-file-of-another-database", await RefusalAsync(folder.Path));
    }

    [Fact]
    public async Task A_key_file_that_others_may_read_is_refused_with_the_command_that_mends_it()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes.");
        using var folder = new TemporaryFolder();
        await StartAndStopAsync(folder.Path);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(folder.File("postrider.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);

        Assert.Equal("key-file-open-to-others", await RefusalAsync(folder.Path));
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(folder.File("postrider.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await StartAndStopAsync(folder.Path);
    }

    private static async Task<string> RefusalAsync(string dataFolder) =>
        (await Assert.ThrowsAsync<StartRefusedException>(() => StartAndStopAsync(dataFolder))).Code;

    private static async Task StartAndStopAsync(string dataFolder)
    {
        await using var hub = await Hub.StartAsync(new HubOptions { DataFolder = dataFolder, Quiet = true });
    }
}
