namespace Postrider.Sandbox.Directories;

/// <summary>Who may sign in to an application; the names are those of Microsoft Graph's <c>signInAudience</c>.</summary>
public enum SignInAudience
{
    AzureADMyOrg,
    AzureADMultipleOrgs,
    AzureADandPersonalMicrosoftAccount,
    PersonalMicrosoftAccount,
}

/// <summary>An application as its owner registered it.</summary>
/// <param name="ObjectId">Of the registration; not the one of the enterprise application.</param>
/// <param name="ClientId"><i>Application (client) ID</i>.</param>
/// <param name="TenantId">Where it is registered.</param>
/// <param name="RedirectUris">Of the platform <i>Web</i>, compared exactly.</param>
/// <param name="Permissions">Delegated permissions declared under <i>API permissions</i>.</param>
/// <param name="Secrets">Oldest first. The values are not kept.</param>
public sealed record AppRegistration(Guid ObjectId, Guid ClientId, Guid TenantId, string DisplayName, SignInAudience Audience,
    IReadOnlyList<string> RedirectUris, IReadOnlyList<ApiPermission> Permissions, IReadOnlyList<ClientSecret> Secrets, DateTimeOffset CreatedAt)
{
    public bool AllowsPersonalAccounts => Audience is SignInAudience.AzureADandPersonalMicrosoftAccount or SignInAudience.PersonalMicrosoftAccount;
    public bool AllowsWorkAccounts => Audience != SignInAudience.PersonalMicrosoftAccount;
}

/// <summary>A client secret after its value was shown.</summary>
/// <param name="KeyId"><i>Secret ID</i>.</param>
/// <param name="Hint">The first three characters of the value.</param>
/// <param name="Hash">SHA-256 of the value; the value has 34 random characters, so no salt or stretching is needed.</param>
public sealed record ClientSecret(Guid KeyId, string Description, string Hint, DateTimeOffset Start, DateTimeOffset End, byte[] Hash);

/// <summary>A secret just made. <see cref="Value"/> is shown once and not kept.</summary>
public sealed record NewClientSecret(ClientSecret Secret, string Value)
{
    public override string ToString() => $"secret {Secret.KeyId}";
}

/// <summary>The enterprise application (<i>Managed application in local directory</i>): one application as one tenant uses it.</summary>
/// <param name="Id">Object id, other than the registration's.</param>
/// <param name="IsEnabled"><i>Enabled for users to sign-in?</i></param>
/// <param name="AssignmentRequired"><i>Assignment required?</i></param>
public sealed record ServicePrincipal(Guid Id, Guid ClientId, Guid TenantId, string DisplayName, bool IsEnabled, bool AssignmentRequired, IReadOnlyList<AppAssignment> Assignments);

/// <summary>One line of <i>Users and groups</i>.</summary>
public sealed record AppAssignment(Guid Id, Guid PrincipalId, bool IsGroup, DateTimeOffset AssignedAt);

/// <summary>What was consented to.</summary>
/// <param name="UserId">Null: an administrator consented for everybody in the tenant.</param>
/// <param name="Permissions">Names without their resource, such as <c>SMTP.Send</c>: a grant declared for Graph serves the same name under <c>https://outlook.office.com/</c>.</param>
public sealed record ConsentGrant(Guid ClientId, Guid TenantId, Guid? UserId, IReadOnlySet<string> Permissions, DateTimeOffset GrantedAt);
