using Postrider.Entra;

namespace Postrider;

/// <summary>How a hub is started.</summary>
public sealed record HubOptions
{
    /// <summary>Database, lock and key file lie here; made when it does not exist.</summary>
    public required string DataFolder { get; init; }
    /// <summary>0: a free one.</summary>
    public int Port { get; init; }
    /// <summary>PEM; trusted besides the system's roots for Entra, SMTP and IMAP. Null: the system's alone.</summary>
    public string? TrustCertificateFile { get; init; }
    public MicrosoftCloud Cloud { get; init; } = MicrosoftCloud.Worldwide;
    public TimeProvider Clock { get; init; } = TimeProvider.System;
    /// <summary>Nothing but errors on the console.</summary>
    public bool Quiet { get; init; }
}
