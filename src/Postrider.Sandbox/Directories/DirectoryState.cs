namespace Postrider.Sandbox.Directories;

/// <summary>The directory as a file keeps it.</summary>
internal sealed record DirectoryState(IReadOnlyList<EntraTenant> Tenants, IReadOnlyList<KeptUser> Users, IReadOnlyList<DirectoryGroup> Groups, IReadOnlyList<AppRegistration> Applications,
    IReadOnlyList<ServicePrincipal> Principals, IReadOnlyList<KeptConsent> Consents);

internal sealed record KeptUser(DirectoryUser User, string PasswordHash);

internal sealed record KeptConsent(Guid ClientId, Guid TenantId, Guid? UserId, IReadOnlyList<string> Permissions, DateTimeOffset GrantedAt);
