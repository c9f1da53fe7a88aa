using System.Net;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Entra;
using Postrider.Sandbox.Exchange;

namespace Postrider.Sandbox;

/// <summary>A sandbox that is up. Disposing it closes every connection.</summary>
public sealed class RunningTenant : IAsyncDisposable
{
    private readonly Stack<Func<ValueTask>> endings;

    internal RunningTenant(Stack<Func<ValueTask>> endings) => this.endings = endings;

    /// <summary>Where a browser goes: the portal at its root, Entra's endpoints under <c>/{tenant}/oauth2/v2.0/</c>, mailboxes under <c>/outlook/{address}</c>.</summary>
    public required Uri Http { get; init; }
    /// <summary>The same with TLS.</summary>
    public required Uri Https { get; init; }
    /// <summary>PEM file of the authority that signed the certificates of HTTPS, SMTP and IMAP.</summary>
    public required string CertificateAuthorityFile { get; init; }
    /// <summary>Submission with STARTTLS.</summary>
    public required IPEndPoint Smtp { get; init; }
    /// <summary>IMAP with TLS from the first byte.</summary>
    public required IPEndPoint Imap { get; init; }
    public required EntraDirectory Directory { get; init; }
    public required Mailboxes Mailboxes { get; init; }
    public required Transport Transport { get; init; }
    /// <summary>What goes wrong in SMTP on request.</summary>
    public required SmtpScript SmtpScript { get; init; }
    public required TenantClock Clock { get; init; }
    /// <summary>What went wrong in the mail servers by their own fault.</summary>
    internal Faults Faults { get; init; } = null!;
    /// <summary>For tests that need a token without a browser.</summary>
    internal Grants Grants { get; init; } = null!;

    public async ValueTask DisposeAsync()
    {
        while (endings.TryPop(out var end)) await end();
    }
}
