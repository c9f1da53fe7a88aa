using System.Security.Cryptography.X509Certificates;

namespace Postrider.Mail;

/// <summary>How a connection is protected.</summary>
public enum WireSecurity
{
    /// <summary>No TLS: only for loopback peers in tests.</summary>
    None,
    /// <summary>STARTTLS (RFC 3207): refused when the peer does not offer it.</summary>
    StartTls,
    /// <summary>TLS from the first byte (RFC 8314).</summary>
    Tls,
}

/// <summary>Where a peer is and how its certificate is judged.</summary>
public sealed record WireEndpoint(string Host, int Port, WireSecurity Security)
{
    /// <summary>Certificate authorities trusted besides the system's. Empty: the system's alone. The name is always checked against <see cref="Host"/>.</summary>
    public IReadOnlyList<X509Certificate2> ExtraTrust { get; init; } = [];
    /// <summary>Shown to a peer that asks who we are: the certificate with its key, then those of its issuers. Empty: none.</summary>
    public IReadOnlyList<X509Certificate2> ClientCertificate { get; init; } = [];
}

/// <summary>Receives the dialogue line by line, with secrets already redacted. Called on the connection's own thread; must return quickly.</summary>
/// <param name="fromServer">True for a line the server sent.</param>
/// <param name="line">Without its line end.</param>
public delegate void WireTranscript(bool fromServer, string line);

/// <summary>Why a connection could not be used, in classes a person can act on.</summary>
public enum WireFailureKind
{
    NameNotFound,
    ConnectionRefused,
    TimedOut,
    /// <summary>TLS failed for another reason than the certificate.</summary>
    TlsFailed,
    /// <summary>The peer speaks no TLS newer than 1.1 (RFC 8996).</summary>
    TlsTooOld,
    CertificateNotTrusted,
    CertificateNameMismatch,
    CertificateExpired,
    StartTlsNotOffered,
    /// <summary>The peer closed or reset the connection.</summary>
    Disconnected,
    /// <summary>The peer answered with something the protocol does not allow here; the connection must not be used again.</summary>
    ProtocolError,
    /// <summary>AUTH or AUTHENTICATE was refused.</summary>
    AuthenticationRefused,
    /// <summary>The peer does not offer the SASL mechanism.</summary>
    MechanismNotOffered,
    /// <summary>The peer refused a command: see the reply.</summary>
    CommandRefused,
}
