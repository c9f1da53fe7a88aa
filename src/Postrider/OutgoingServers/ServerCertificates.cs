using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Postrider.OutgoingServers;

/// <summary>The certificate a server is signed in to by, as a page may show it.</summary>
public sealed record ClientCertificate(string Subject, DateTimeOffset EndsAt);

/// <summary>An authority that one server trusts besides the system's.</summary>
public sealed record TrustedAuthority(string Subject, DateTimeOffset EndsAt);

/// <summary>Files as they were handed in. All null or empty: what is stored stays.</summary>
/// <param name="Certificate">PEM with the certificate and the authorities between, with or without its key; or PKCS #12 (PFX), which has all of it.</param>
/// <param name="Key">PEM, where the key is not in the same file.</param>
/// <param name="Password">Of the key or the PFX; null for none.</param>
internal sealed record CertificateUpload(byte[]? Certificate, byte[]? Key, string? Password)
{
    public bool IsEmpty => Certificate is not { Length: > 0 } && Key is not { Length: > 0 };
}

/// <summary>What an upload came to: a certificate with its key, or one sentence that says what is wrong.</summary>
/// <param name="Pfx">Without a password: it is sealed before it is stored.</param>
internal sealed record CertificateReading(byte[]? Pfx, ClientCertificate? Certificate, string? Wrong);

/// <summary>Reads client certificates and authorities. Pure.</summary>
internal static class ServerCertificates
{
    public const int MaxBytes = 100_000;

    /// <param name="server">Its name, for the sentence.</param>
    public static CertificateReading Read(CertificateUpload upload, string server)
    {
        var bytes = upload.Certificate ?? [];
        if (bytes.Length == 0) return Wrong($"SSL certificate is missing for {server}.");
        if (bytes.Length > MaxBytes || upload.Key?.Length > MaxBytes) return Wrong("This file is too large for a certificate.");
        try
        {
            using var own = new Opened(IsPem(bytes) ? OfPem(Encoding.UTF8.GetString(bytes), upload.Key is { Length: > 0 } key ? Encoding.UTF8.GetString(key) : null, upload.Password)
                : X509CertificateLoader.LoadPkcs12Collection(bytes, upload.Password, X509KeyStorageFlags.Exportable | X509KeyStorageFlags.EphemeralKeySet));
            var leaf = own.Certificates.FirstOrDefault(certificate => certificate.HasPrivateKey);
            if (own.Certificates.Count == 0) return Wrong($"SSL certificate is missing for {server}.");
            return leaf is null ? Wrong($"SSL private key is missing for {server}.") : new(own.Certificates.Export(X509ContentType.Pkcs12), new(leaf.Subject, new(leaf.NotAfter.ToUniversalTime())), null);
        }
        catch (Exception failure) when (failure is CryptographicException or ArgumentException)
        {
            return Wrong("This is no certificate with its key, or the password is wrong. Give PEM, or PKCS #12 (PFX).");
        }

        static CertificateReading Wrong(string what) => new(null, null, what);
    }

    /// <summary>The certificate with its key first, then its issuers.</summary>
    /// <exception cref="CryptographicException">It is not what was stored.</exception>
    public static IReadOnlyList<X509Certificate2> Open(byte[] pfx) =>
        [.. X509CertificateLoader.LoadPkcs12Collection(pfx, null, X509KeyStorageFlags.EphemeralKeySet).OrderByDescending(certificate => certificate.HasPrivateKey)];

    /// <param name="pem">Null or empty: none.</param>
    /// <exception cref="CryptographicException">It is no PEM of certificates.</exception>
    public static IReadOnlyList<X509Certificate2> Authorities(string? pem)
    {
        var read = new X509Certificate2Collection();
        if (!string.IsNullOrWhiteSpace(pem)) read.ImportFromPem(pem);
        return [.. read];
    }

    /// <summary>What a page shows of them.</summary>
    public static IReadOnlyList<TrustedAuthority> Shown(string? pem)
    {
        using var own = new Opened([.. Authorities(pem)]);
        return [.. own.Certificates.Select(certificate => new TrustedAuthority(certificate.Subject, new(certificate.NotAfter.ToUniversalTime())))];
    }

    /// <returns>Null when the text holds certificates, or nothing.</returns>
    public static string? WhatIsWrong(string? pem)
    {
        if (string.IsNullOrWhiteSpace(pem)) return null;
        try
        {
            return pem.Length > MaxBytes ? "This file is too large." : Shown(pem).Count > 0 ? null : "The file holds no certificate. Give the authority's certificate as PEM.";
        }
        catch (CryptographicException)
        {
            return "The file holds no certificate. Give the authority's certificate as PEM.";
        }
    }

    /// <summary>A program sends PEM as it is, and PKCS #12 as base64.</summary>
    /// <returns>Null when it is neither.</returns>
    public static byte[]? OfText(string? text) => string.IsNullOrWhiteSpace(text) ? [] : text.Contains("-----BEGIN", StringComparison.Ordinal) ? Encoding.UTF8.GetBytes(text) : Base64.IsValid(text) ? Convert.FromBase64String(text) : null;

    private static bool IsPem(ReadOnlySpan<byte> bytes) => bytes.IndexOf("-----BEGIN"u8) >= 0;

    private static X509Certificate2Collection OfPem(string certificates, string? key, string? password)
    {
        var read = new X509Certificate2Collection();
        read.ImportFromPem(certificates);
        var keyText = key ?? certificates;
        if (read.Count == 0 || !keyText.Contains("PRIVATE KEY-----", StringComparison.Ordinal)) return read;
        // The first is the server's client; the others are its issuers.
        read[0] = keyText.Contains("ENCRYPTED PRIVATE KEY-----", StringComparison.Ordinal) ? X509Certificate2.CreateFromEncryptedPem(certificates, keyText, password) : X509Certificate2.CreateFromPem(certificates, keyText);
        return read;
    }

    private sealed record Opened(X509Certificate2Collection Certificates) : IDisposable
    {
        public void Dispose()
        {
            foreach (var certificate in Certificates) certificate.Dispose();
        }
    }
}
