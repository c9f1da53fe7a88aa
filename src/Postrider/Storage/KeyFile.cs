using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Postrider.Telemetry;

namespace Postrider.Storage;

/// <summary>
/// The certificate that wraps Data Protection's keys: <c>postrider.key</c>, PEM with its private key, mode 0600, beside the database and never in it.
/// Who has the database alone cannot read a secret; who loses this file has lost the secrets, so it belongs into the backup, apart from the database's.
/// </summary>
internal static class KeyFile
{
    public const string FileName = "postrider.key";

    /// <exception cref="StartRefusedException">The file is missing, unreadable, open to others, or belongs to another database.</exception>
    public static async Task<X509Certificate2> OpenAsync(HubDatabase database, TimeProvider clock, CancellationToken cancellationToken)
    {
        var path = Path.Combine(database.DataFolder, FileName);
        var expected = await database.ReadAsync(r => r.QueryFirstOrDefault<string>("SELECT fingerprint FROM key_file"), cancellationToken);
        if (!File.Exists(path))
        {
            if (expected is not null)
                throw new StartRefusedException("key-file-missing", $"The key file {path} is missing; without it the stored secrets cannot be read.", "Put it back from your backup.");
            await MakeAsync(path, clock, cancellationToken);
        }

        RefuseWhenOpenToOthers(path);
        var certificate = Load(path);
        var fingerprint = Fingerprint(certificate);
        if (expected is null)
            await database.WriteAsync(tx => tx.Execute("INSERT INTO key_file(only_row, fingerprint) VALUES(1, @fingerprint)", new { fingerprint }), cancellationToken);
        else if (expected != fingerprint)
            throw new StartRefusedException("key-file-of-another-database", $"The key file {path} does not belong to this database.", "Put back the key file that was beside this database.");
        return certificate;
    }

    private static async Task MakeAsync(string path, TimeProvider clock, CancellationToken cancellationToken)
    {
        using var key = RSA.Create(3072);
        var now = clock.GetUtcNow();
        var request = new CertificateRequest("CN=postrider data folder", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        // It proves nothing to anybody and is never checked for its dates: it is the container of a key.
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(100));
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await using var file = new FileStream(path, options);
        await file.WriteAsync(Encoding.ASCII.GetBytes(certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n"), cancellationToken);
        file.Flush(flushToDisk: true);
    }

    private static void RefuseWhenOpenToOthers(string path)
    {
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & Others) != UnixFileMode.None)
            throw new StartRefusedException("key-file-open-to-others", $"Others may read the key file {path}.", $"Run: chmod 600 '{path}'");
    }

    private static X509Certificate2 Load(string path)
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(path, path);
        }
        catch (Exception failure) when (failure is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException("key-file-unreadable", $"The key file {path} cannot be read.", "Put it back from your backup.", failure);
        }
    }

    private static string Fingerprint(X509Certificate2 certificate) => Convert.ToHexStringLower(certificate.GetCertHash(HashAlgorithmName.SHA256));
}
