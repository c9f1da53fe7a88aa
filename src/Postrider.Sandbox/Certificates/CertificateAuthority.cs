using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Postrider.Sandbox.Certificates;

/// <summary>The authority that signs the sandbox's own server certificates. Real time, whatever the tenant's clock says: TLS libraries judge by the machine's clock.</summary>
internal sealed class CertificateAuthority : IDisposable
{
    private readonly X509Certificate2 root;

    private CertificateAuthority(X509Certificate2 root) => this.root = root;

    /// <summary>What peers are told to trust. Holds no key.</summary>
    public string Pem => root.ExportCertificatePem() + "\n";

    /// <summary>A new one, valid for ten years so that a kept folder outlives a project.</summary>
    public static CertificateAuthority Create(TimeProvider realTime)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Postrider sandbox authority, O=Postrider", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        var now = realTime.GetUtcNow();
        return new(request.CreateSelfSigned(now.AddDays(-1), now.AddYears(10)));
    }

    /// <summary>The one kept in <paramref name="file"/> with its key, or a new one kept there: what trusted it yesterday trusts it today.</summary>
    public static CertificateAuthority LoadOrCreate(string file, TimeProvider realTime)
    {
        if (File.Exists(file)) return new(X509Certificate2.CreateFromPemFile(file));
        var authority = Create(realTime);
        using var key = authority.root.GetECDsaPrivateKey()!;
        Kept.WriteOwnerOnly(file, authority.Pem + key.ExportPkcs8PrivateKeyPem() + "\n");
        return authority;
    }

    /// <summary>A server certificate for the names by which the sandbox is reached.</summary>
    public X509Certificate2 Issue(IReadOnlyList<string> dnsNames, IReadOnlyList<IPAddress> addresses, TimeProvider realTime)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=" + dnsNames[0], key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var name in dnsNames) names.AddDnsName(name);
        foreach (var address in addresses) names.AddIpAddress(address);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(root, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        var now = realTime.GetUtcNow();
        using var signed = request.Create(root, now.AddDays(-1), now.AddDays(365), RandomNumberGenerator.GetBytes(16));
        using var withKey = signed.CopyWithPrivateKey(key);
        // Through PKCS #12, because Windows cannot serve TLS with a key that lives in memory only.
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), password: null, X509KeyStorageFlags.Exportable);
    }

    public void Dispose() => root.Dispose();
}
