using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postrider.Telemetry;

namespace Postrider.Web;

/// <summary>Certificate authorities the hub trusts besides the system's, for Entra, SMTP and IMAP. Names and dates of certificates are still checked.</summary>
internal sealed class TrustedRoots(IReadOnlyList<X509Certificate2> certificates)
{
    /// <summary>Empty: the system's roots alone.</summary>
    public IReadOnlyList<X509Certificate2> Certificates { get; } = certificates;

    /// <param name="pemFile">Null: none.</param>
    /// <exception cref="StartRefusedException">The file cannot be read or holds no certificate.</exception>
    public static TrustedRoots Load(string? pemFile)
    {
        if (pemFile is null) return new TrustedRoots([]);
        var read = new X509Certificate2Collection();
        try
        {
            read.ImportFromPemFile(pemFile);
        }
        catch (Exception failure) when (failure is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException("trust-certificate-unreadable", $"The file of --trust-certificate, {pemFile}, cannot be read.", "Name a PEM file with the certificates to trust.", failure);
        }

        if (read.Count == 0)
            throw new StartRefusedException("trust-certificate-empty", $"The file of --trust-certificate, {pemFile}, holds no certificate.", "Name a PEM file with the certificates to trust.");
        return new TrustedRoots([.. read]);
    }

    /// <summary>For the HttpClient that speaks to Microsoft: the system's judgement, and these roots where it finds none.</summary>
    public SocketsHttpHandler MakeHandler()
    {
        var handler = new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5) };
        if (Certificates.Count == 0) return handler;
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
            errors == System.Net.Security.SslPolicyErrors.None
            || (errors == System.Net.Security.SslPolicyErrors.RemoteCertificateChainErrors && certificate is X509Certificate2 leaf && ChainsToOurs(leaf, chain));
        return handler;
    }

    private bool ChainsToOurs(X509Certificate2 leaf, X509Chain? presented)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(Certificates.ToArray());
        // A private authority seldom publishes revocation lists; whoever names it here answers for it.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        foreach (var element in presented?.ChainElements ?? Enumerable.Empty<X509ChainElement>()) chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        return chain.Build(leaf);
    }
}
