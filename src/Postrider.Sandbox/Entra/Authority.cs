using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Entra;

/// <summary>The first segment of an endpoint's path: who may sign in there.</summary>
/// <param name="Segment">As in the address.</param>
/// <param name="Tenant">Null for <c>common</c> and <c>organizations</c>.</param>
internal sealed record Authority(string Segment, bool Work, bool Personal, EntraTenant? Tenant)
{
    /// <summary>Null when there is no such tenant.</summary>
    public static Authority? Find(string segment, EntraDirectory directory) => segment.ToLowerInvariant() switch
    {
        "common" => new("common", Work: true, Personal: true, Tenant: null),
        "organizations" => new("organizations", Work: true, Personal: false, Tenant: null),
        "consumers" => new("consumers", Work: false, Personal: true, directory.Tenant(EntraTenant.ConsumersId)),
        var other => directory.FindTenant(other) is { } tenant
            ? new(other, Work: tenant.Kind != TenantKind.Consumers, Personal: tenant.Kind != TenantKind.Work, tenant)
            : null,
    };

    /// <summary>Whether the account belongs where the address points.</summary>
    public bool Admits(DirectoryUser user) => Tenant is null
        ? user.IsPersonal ? Personal : Work
        : user.TenantId == Tenant.Id || user.Id == Tenant.OwnerId;

    /// <summary>Whether an application may be used at this address at all, before anybody signs in; null when it may.</summary>
    public EntraError? Judge(AppRegistration app) => this switch
    {
        { Tenant: null } when app.Audience == SignInAudience.AzureADMyOrg => EntraErrors.SingleTenant(app),
        { Segment: "organizations" } when !app.AllowsWorkAccounts => EntraErrors.PersonalAccountsOnly(app),
        { Tenant.Kind: TenantKind.Consumers } when !app.AllowsPersonalAccounts => EntraErrors.WorkAccountsOnly(app),
        { Tenant: { Kind: TenantKind.Work } tenant } when app.Audience == SignInAudience.AzureADMyOrg && app.TenantId != tenant.Id => EntraErrors.ApplicationNotFound(app.ClientId.ToString(), tenant.DisplayName),
        { Tenant: { Kind: TenantKind.Work } tenant } when !app.AllowsWorkAccounts => EntraErrors.PersonalAccountsOnly(app),
        _ => null,
    };

    /// <summary>Whether this account may use the application here; null when it may.</summary>
    public EntraError? Judge(AppRegistration app, DirectoryUser user)
    {
        if (user.IsPersonal && !app.AllowsPersonalAccounts && app.TenantId != Tenant?.Id) return EntraErrors.AccountTypeNotAllowed;
        if (!user.IsPersonal && !app.AllowsWorkAccounts) return EntraErrors.AccountTypeNotAllowed;
        if (Admits(user)) return null;
        return Tenant is null || Tenant.Kind == TenantKind.Consumers ? EntraErrors.AccountTypeNotAllowed : EntraErrors.NotInTenant(user, Tenant, app);
    }
}
