using Postrider.Mail;
using Postrider.Web;

namespace Postrider.Doctor;

/// <summary>Explains why a mail server could not be talked to, for SMTP and IMAP alike.</summary>
internal static class WireDoctor
{
    /// <returns>Null when the kind is a refusal by the protocol: then the reply says more.</returns>
    public static Diagnosis? Explain(WireFailureKind kind, string host, int port, string detail)
    {
        var place = $"{host}:{port}";
        (string Code, string What, string Remedy, bool Retries)? words = kind switch
        {
            WireFailureKind.NameNotFound => ("server-name-not-found", $"There is no server with the name {host}.", "Correct the host name; check that this machine can resolve names.", true),
            WireFailureKind.ConnectionRefused => ("server-unreachable", $"The server {place} cannot be reached.", "Correct host and port; check the firewall between this machine and the server.", true),
            WireFailureKind.TimedOut => ("server-timeout", $"The server {place} did not answer in time.", "Check host and port and the firewall; if both are right, wait.", true),
            WireFailureKind.Disconnected => ("server-disconnected", $"The server {place} ended the connection.", "Nothing to do at first: Postrider tries again. If it lasts, check host, port and encryption.", true),
            WireFailureKind.TlsFailed => ("server-tls-failed", $"No encrypted connection with {place} could be agreed on.", "Check port and encryption: 587 goes with STARTTLS, 465 and 993 with TLS.", true),
            WireFailureKind.TlsTooOld => ("server-tls-too-old", $"The server {place} speaks no TLS newer than 1.1.", "Let the server speak TLS 1.2 or newer; nothing is sent over less.", true),
            WireFailureKind.CertificateNotTrusted => ("server-certificate-not-trusted", $"The certificate of {place} was issued by an authority that is not trusted here.",
                "If the server is your own, start the hub with its certificate authority's file, or give that file on the outgoing server's page; otherwise somebody may be listening in, and nothing was sent.", true),
            WireFailureKind.CertificateNameMismatch => ("server-certificate-name", $"The certificate of {place} is made out to another name.", "Enter the host name that the certificate bears.", true),
            WireFailureKind.CertificateExpired => ("server-certificate-expired", $"The certificate of {place} has expired or is not valid yet.", "Renew the certificate on the server; check the clock of this machine.", true),
            WireFailureKind.StartTlsNotOffered => ("server-no-starttls", $"The server {place} offers no encryption.", "Check the port: a server that is meant for this offers STARTTLS on 587. Without it nothing is sent.", false),
            WireFailureKind.MechanismNotOffered => ("server-no-mechanism", $"The server {place} does not offer this way to sign in.", "Check the kind of the server: Outlook needs a Microsoft host; a password needs a server that accepts it.", false),
            WireFailureKind.ProtocolError => ("server-protocol-error", $"The server {place} answered with something that does not belong here.", "Check host and port: another service may be listening there.", true),
            _ => null,
        };
        return words is var (code, what, remedy, retries)
            ? new Diagnosis(new Problem(code, what, detail, remedy, "administrator", retries), FaultScope.Host)
            : null;
    }
}
