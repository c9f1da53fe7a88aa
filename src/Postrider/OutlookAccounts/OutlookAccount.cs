using Postrider.Web;

namespace Postrider.OutlookAccounts;

/// <summary>A person of a tenant who consented, as shown to people and judged by the program. Tokens are not here.</summary>
public sealed record OutlookAccount
{
    public OutlookAccountId Id { get; init; }
    public Guid TenantId { get; init; }
    public Guid ObjectId { get; init; }
    /// <summary>The application the consent was given to: another one cannot use its tokens.</summary>
    public string ClientId { get; init; } = "";
    /// <summary>As Microsoft wrote it at the last consent; it may change there at any time.</summary>
    public string UserName { get; init; } = "";
    public string? DisplayName { get; init; }
    /// <summary>What was granted, with blanks between.</summary>
    public string Scope { get; init; } = "";
    public DateTimeOffset ConnectedAt { get; init; }
    public DateTimeOffset RefreshedAt { get; init; }
    public DateTimeOffset AccessTokenExpiresAt { get; init; }
    /// <summary>When a mailbox was last signed in to with a token of this account; null: never yet.</summary>
    public DateTimeOffset? ProvedAt { get; init; }
    /// <summary>The mailbox of that sign-in.</summary>
    public string? ProvedFor { get; init; }
    /// <summary><c>SMTP</c> or <c>IMAP</c>.</summary>
    public string? ProvedBy { get; init; }
    /// <summary>Only a person can mend it; Microsoft is not asked until then.</summary>
    public bool NeedsSignIn { get; init; }
    /// <summary>Null when nothing is wrong.</summary>
    public Problem? Problem { get; init; }
}
