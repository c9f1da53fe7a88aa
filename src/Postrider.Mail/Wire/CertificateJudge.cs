using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Postrider.Mail.Wire;

/// <summary>Decides whether a server's certificate is good, and keeps why it was not. One for each handshake.</summary>
internal sealed class CertificateJudge(WireEndpoint endpoint)
{
    // Read once for the process: a new system root counts after a restart.
    private static readonly Lazy<X509Certificate2Collection> SystemRoots = new(ReadSystemRoots);

    /// <summary>Null while no certificate was refused.</summary>
    public WireFailure? Verdict { get; private set; }

    public SslClientAuthenticationOptions Options()
    {
        // Revocation is not asked for: mail servers rarely staple, and an unreachable responder would stop all mail.
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck };
        if (endpoint.ExtraTrust.Count > 0)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            // Before the system's: OpenSSL takes the first of a name, and a system may hold another "CN=localhost".
            foreach (var extra in endpoint.ExtraTrust) policy.CustomTrustStore.Add(extra);
            policy.CustomTrustStore.AddRange(SystemRoots.Value);
        }
        return new()
        {
            TargetHost = endpoint.Host,
            ClientCertificateContext = endpoint.ClientCertificate.Count > 0 ? SslStreamCertificateContext.Create(endpoint.ClientCertificate[0], [.. endpoint.ClientCertificate.Skip(1)], offline: true) : null,
            // RFC 8996: TLS 1.0 and 1.1 are gone.
#pragma warning disable CA5398 // The floor is meant: a system that would allow less must not.
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
#pragma warning restore CA5398
            CertificateChainPolicy = policy,
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
            {
                var statuses = chain?.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status) ?? X509ChainStatusFlags.NoError;
                Verdict = Judge(endpoint.Host, certificate as X509Certificate2, errors, statuses);
                return Verdict is null;
            },
        };
    }

    /// <summary>The first of: not trusted, expired, other name. Null when the certificate is good.</summary>
    internal static WireFailure? Judge(string host, X509Certificate2? certificate, SslPolicyErrors errors, X509ChainStatusFlags chain)
    {
        if (errors == SslPolicyErrors.None) return null;
        if (certificate is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            return new(WireFailureKind.TlsFailed, $"{host} sent no certificate.");
        var whose = $"The certificate of {host} ({WireText.Printable(certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false))}, issued by {WireText.Printable(certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: true))})";
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors) && (chain & ~X509ChainStatusFlags.NotTimeValid) != X509ChainStatusFlags.NoError)
            return new(WireFailureKind.CertificateNotTrusted, $"{whose} is not trusted: {chain}.");
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
            return new(WireFailureKind.CertificateExpired, $"{whose} is valid from {certificate.NotBefore.ToUniversalTime():yyyy-MM-dd HH:mm} to {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd HH:mm} UTC, or its issuer's has run out.");
        return new(WireFailureKind.CertificateNameMismatch, $"{whose} is for another name.");
    }

    private static X509Certificate2Collection ReadSystemRoots()
    {
        var roots = new X509Certificate2Collection();
        foreach (var location in (StoreLocation[])[StoreLocation.LocalMachine, StoreLocation.CurrentUser])
        {
            // Not OpenExistingOnly: on Linux a user who trusts nothing of their own has no such store.
            using var store = new X509Store(StoreName.Root, location, OpenFlags.ReadOnly);
            roots.AddRange(store.Certificates);
        }
        return roots;
    }
}
