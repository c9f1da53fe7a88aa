namespace Postrider.Sandbox.Directories;

/// <summary>What sort of directory a tenant is.</summary>
public enum TenantKind
{
    /// <summary>A company's directory: users, groups, its own domain.</summary>
    Work,
    /// <summary>The one tenant of all personal accounts. It registers no applications.</summary>
    Consumers,
    /// <summary>The <i>Default Directory</i> in which a personal account registers applications. Its one member signs in through <see cref="Consumers"/>.</summary>
    Personal,
}

/// <summary>One Entra tenant.</summary>
/// <param name="Domains">Verified domains in lower case, the initial one first.</param>
/// <param name="OwnerId">The personal account whose directory it is; null unless <see cref="TenantKind.Personal"/>.</param>
public sealed record EntraTenant(Guid Id, string DisplayName, TenantKind Kind, IReadOnlyList<string> Domains, Guid? OwnerId)
{
    /// <summary>Microsoft: "OpenID Connect on the Microsoft identity platform", read 2026-11.</summary>
    public static readonly Guid ConsumersId = Guid.Parse("9188040d-6c67-4c5b-b112-36a304b66dad");

    /// <summary>The custom domain where there is one, else the initial domain.</summary>
    public string PrimaryDomain => Domains[^1];

    /// <summary>Assigning groups to an application needs a P1 licence, which a personal directory never has.</summary>
    public bool OffersGroups => Kind == TenantKind.Work;
}

/// <summary>Names of directory roles that matter here, as the portal shows them.</summary>
public static class DirectoryRoles
{
    public const string GlobalAdministrator = "Global Administrator";
    public const string ApplicationAdministrator = "Application Administrator";
    public const string CloudApplicationAdministrator = "Cloud Application Administrator";

    /// <summary>May register applications, assign people and grant consent for all.</summary>
    public static bool ManagesApplications(IEnumerable<string> roles) =>
        roles.Any(r => r is GlobalAdministrator or ApplicationAdministrator or CloudApplicationAdministrator);
}

/// <summary>A person who can sign in.</summary>
/// <param name="Id">The <c>oid</c> of tokens.</param>
/// <param name="TenantId">The home tenant; <see cref="EntraTenant.ConsumersId"/> for a personal account.</param>
/// <param name="UserPrincipalName">Sign-in name, in lower case; here always the address of the mailbox too.</param>
/// <param name="Roles">In the home tenant.</param>
/// <param name="IsEnabled">False: <i>Account enabled</i> is off (AADSTS50057).</param>
/// <param name="TokensValidFrom">Grants issued before this are revoked (AADSTS50173).</param>
public sealed record DirectoryUser(Guid Id, Guid TenantId, string UserPrincipalName, string DisplayName, IReadOnlyList<string> Roles, bool IsEnabled, DateTimeOffset TokensValidFrom)
{
    public bool IsPersonal => TenantId == EntraTenant.ConsumersId;

    /// <summary>One or two letters for the round picture.</summary>
    public string Initials => string.Concat(DisplayName.Split(' ', StringSplitOptions.RemoveEmptyEntries).Take(2).Select(w => w[..1].ToUpperInvariant()));
}

/// <summary>A group of users. Groups in groups do not count for assignments, so there are none.</summary>
public sealed record DirectoryGroup(Guid Id, Guid TenantId, string DisplayName, IReadOnlyList<Guid> Members);

/// <summary>Why the directory refused a change: a stable code and one sentence in the portal's words.</summary>
public sealed record DirectoryRefusal(string Code, string Message);

/// <summary>Either a value or a refusal.</summary>
public readonly record struct DirectoryResult<T>(T? Value, DirectoryRefusal? Refusal)
{
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(true, nameof(Value))]
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(false, nameof(Refusal))]
    public bool Succeeded => Refusal is null;
}
