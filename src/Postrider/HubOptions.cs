using System.Net;
using Postrider.Entra;

namespace Postrider;

/// <summary>How a hub is started.</summary>
public sealed record HubOptions
{
    /// <summary>Database, lock and key file lie here; made when it does not exist.</summary>
    public required string DataFolder { get; init; }
    /// <summary>Connection string of a PostgreSQL database; it may hold a password. Null: SQLite in the data folder.</summary>
    public string? Database { get; init; }
    /// <summary>0: a free one.</summary>
    public int Port { get; init; }
    /// <summary>PEM; trusted besides the system's roots for Entra, SMTP and IMAP. Null: the system's alone.</summary>
    public string? TrustCertificateFile { get; init; }
    public MicrosoftCloud Cloud { get; init; } = MicrosoftCloud.Worldwide;
    public TimeProvider Clock { get; init; } = TimeProvider.System;
    /// <summary>Where other programs hand in mail by SMTP; port 0 takes a free one. Without <see cref="SubmissionCertificateFile"/> on this machine alone. Null: nowhere.</summary>
    public IPEndPoint? Submission { get; init; }
    /// <summary>As <see cref="Submission"/>, with TLS from the first byte.</summary>
    public IPEndPoint? SubmissionTls { get; init; }
    /// <summary>PEM with the certificate for submission, its chain and its key. Null: none.</summary>
    public string? SubmissionCertificateFile { get; init; }
    /// <summary>Reads how much room there is for mail, in bytes. Null: on the disk of the data folder.</summary>
    internal Func<long>? FreeBytes { get; init; }
    /// <summary>Nothing but errors on the console.</summary>
    public bool Quiet { get; init; }

    /// <summary>Without <see cref="Database"/>, which may hold a password.</summary>
    public override string ToString() => $"hub of {DataFolder} at port {Port}";
}
