namespace Postrider.Sandbox.Exchange;

/// <summary>What becomes of a password given to SMTP.</summary>
public enum BasicAuthentication
{
    /// <summary><c>535 5.7.139 ..., basic authentication is disabled.</c></summary>
    Disabled,
    /// <summary>It signs in, as it did for years.</summary>
    Enabled,
    /// <summary><c>550 5.7.30 Basic authentication is not supported for Client Submission.</c></summary>
    Retired,
}

/// <summary>What a tenant's administrators have set for the mail of all its mailboxes.</summary>
public sealed record TenantMailSettings
{
    /// <summary><c>Set-TransportConfig -SmtpClientAuthenticationDisabled</c>. Real tenants made since 2020 have it on; here mail flows until somebody switches it off.</summary>
    public bool SmtpClientAuthenticationDisabled { get; init; }
    public BasicAuthentication BasicAuthentication { get; init; }
    /// <summary>Entra's security defaults: no SMTP AUTH, but for a mailbox whose own switch is on.</summary>
    public bool SecurityDefaults { get; init; }
    /// <summary>A Conditional Access policy that blocks SMTP AUTH, whatever the switches say.</summary>
    public bool PolicyBlocksSmtp { get; init; }
    /// <summary>E-mail licences, which set the limit of external recipients; null: one for each user.</summary>
    public int? Licences { get; init; }
    /// <summary>A trial has a fixed limit and its own refusal.</summary>
    public bool IsTrial { get; init; }
    /// <summary>External recipients of the whole tenant within 24 hours; null: by the licences.</summary>
    public long? ExternalRecipientsPerDay { get; init; }

    /// <summary>Microsoft: "Introducing Exchange Online Tenant Outbound Email Limits", read 2026-11.</summary>
    public long ExternalLimit(int users) => ExternalRecipientsPerDay ?? (IsTrial ? 5000 : (long)Math.Round((500 * Math.Pow(Licences ?? users, 0.7)) + 9500));
}
