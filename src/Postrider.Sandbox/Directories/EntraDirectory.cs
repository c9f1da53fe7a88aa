using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Postrider.Sandbox.Directories;

/// <summary>
/// Everything Entra knows: tenants, users, groups, applications, assignments, consent. What it hands out are immutable snapshots;
/// every change replaces them under one lock, so pages, endpoints and tests may use it from any thread.
/// </summary>
public sealed class EntraDirectory
{
    // Ten thousand rounds keep a sign-in quick; the passwords are demonstration ones.
    private static readonly PasswordHasher<object> Hasher = new(Options.Create(new PasswordHasherOptions { IterationCount = 10_000 }));

    private readonly Lock gate = new();
    private readonly TimeProvider clock;
    private readonly List<EntraTenant> tenants = [];
    private readonly Dictionary<Guid, DirectoryUser> users = [];
    private readonly Dictionary<Guid, string> passwordHashes = [];
    private readonly Dictionary<Guid, DirectoryGroup> groups = [];
    private readonly Dictionary<Guid, AppRegistration> applications = [];
    private readonly Dictionary<(Guid Client, Guid Tenant), ServicePrincipal> principals = [];
    private readonly Dictionary<(Guid Client, Guid Tenant, Guid? User), ConsentGrant> grants = [];

    internal EntraDirectory(TimeProvider clock)
    {
        this.clock = clock;
        tenants.Add(new(EntraTenant.ConsumersId, "Microsoft accounts", TenantKind.Consumers, ["outlook.example", "hotmail.example", "live.example"], OwnerId: null));
    }

    /// <summary>Raised after every change, outside the lock, on the thread that made it.</summary>
    public event Action? Changed;

    /// <summary>Everything, to be kept.</summary>
    internal DirectoryState Snapshot()
    {
        lock (gate)
            return new([.. tenants], [.. users.Values.Select(u => new KeptUser(u, passwordHashes[u.Id]))], [.. groups.Values], [.. applications.Values], [.. principals.Values],
                [.. grants.Values.Select(g => new KeptConsent(g.ClientId, g.TenantId, g.UserId, [.. g.Permissions], g.GrantedAt))]);
    }

    /// <summary>Takes the place of what there is.</summary>
    internal void Restore(DirectoryState state)
    {
        lock (gate)
        {
            tenants.Clear();
            tenants.AddRange(state.Tenants);
            foreach (var (user, hash) in state.Users) (users[user.Id], passwordHashes[user.Id]) = (user, hash);
            foreach (var group in state.Groups) groups[group.Id] = group;
            foreach (var app in state.Applications) applications[app.ClientId] = app;
            foreach (var principal in state.Principals) principals[(principal.ClientId, principal.TenantId)] = principal;
            foreach (var c in state.Consents) grants[(c.ClientId, c.TenantId, c.UserId)] = new(c.ClientId, c.TenantId, c.UserId, new HashSet<string>(c.Permissions, StringComparer.OrdinalIgnoreCase), c.GrantedAt);
        }
    }

    // ---- Tenants

    public IReadOnlyList<EntraTenant> Tenants { get { lock (gate) return [.. tenants]; } }

    public EntraTenant Tenant(Guid id) { lock (gate) return tenants.First(t => t.Id == id); }

    /// <summary>By id or by verified domain; null when there is none.</summary>
    public EntraTenant? FindTenant(string idOrDomain)
    {
        lock (gate)
            return Guid.TryParse(idOrDomain, out var id)
                ? tenants.FirstOrDefault(t => t.Id == id)
                : tenants.FirstOrDefault(t => t.Domains.Contains(idOrDomain, StringComparer.OrdinalIgnoreCase));
    }

    public EntraTenant AddTenant(string displayName, string initialDomain, params IReadOnlyList<string> customDomains) => Change(() =>
    {
        var tenant = new EntraTenant(RandomId.New(), displayName, TenantKind.Work, [initialDomain.ToLowerInvariant(), .. customDomains.Select(d => d.ToLowerInvariant())], OwnerId: null);
        tenants.Add(tenant);
        return tenant;
    });

    /// <summary>The directory in which the portal works for this user: the work tenant, or the personal account's own <i>Default Directory</i>.</summary>
    public EntraTenant PortalTenantOf(DirectoryUser user)
    {
        ArgumentNullException.ThrowIfNull(user);
        lock (gate) return tenants.First(t => user.IsPersonal ? t.OwnerId == user.Id : t.Id == user.TenantId);
    }

    // ---- Users and groups

    /// <summary>All users of all tenants, by name.</summary>
    public IReadOnlyList<DirectoryUser> Users { get { lock (gate) return [.. users.Values.OrderBy(u => u.UserPrincipalName, StringComparer.Ordinal)]; } }

    public DirectoryUser? FindUser(Guid id) { lock (gate) return users.GetValueOrDefault(id); }

    public DirectoryUser? FindUser(string? userPrincipalName)
    {
        var name = userPrincipalName?.Trim();
        lock (gate) return users.Values.FirstOrDefault(u => u.UserPrincipalName.Equals(name, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>A work account.</summary>
    public DirectoryUser AddUser(Guid tenantId, string userPrincipalName, string displayName, string password, params IReadOnlyList<string> roles) => Change(() =>
    {
        if (FindUser(userPrincipalName) is not null) throw new InvalidOperationException($"There is a user {userPrincipalName} already.");
        return Keep(new(RandomId.New(), tenantId, userPrincipalName.ToLowerInvariant(), displayName, [.. roles], IsEnabled: true, DateTimeOffset.UnixEpoch), password);
    });

    /// <summary>A personal account, with the <i>Default Directory</i> in which it registers applications.</summary>
    public DirectoryUser AddPersonalAccount(string address, string displayName, string password) => Change(() =>
    {
        if (FindUser(address) is not null) throw new InvalidOperationException($"There is a user {address} already.");
        // A personal account's oid is its 64-bit id, filled up with zeros.
        Span<byte> id = stackalloc byte[16];
        RandomNumberGenerator.Fill(id[8..]);
        var user = Keep(new(new Guid(id, bigEndian: true), EntraTenant.ConsumersId, address.ToLowerInvariant(), displayName, [], IsEnabled: true, DateTimeOffset.UnixEpoch), password);
        var initial = address.ToLowerInvariant().Replace("@", "", StringComparison.Ordinal).Replace('.', '-') + ".onmicrosoft.example";
        tenants.Add(new(RandomId.New(), "Default Directory", TenantKind.Personal, [initial], user.Id));
        return user;
    });

    /// <summary>The users whom the portal offers in this tenant, whose name or address contains <paramref name="text"/>; all when it is empty.</summary>
    public IReadOnlyList<DirectoryUser> FindUsers(Guid tenantId, string? text = null)
    {
        lock (gate)
        {
            var owner = tenants.First(t => t.Id == tenantId).OwnerId;
            return [.. users.Values.Where(u => u.TenantId == tenantId || u.Id == owner)
                .Where(u => Holds(u.DisplayName, text) || Holds(u.UserPrincipalName, text))
                .OrderBy(u => u.DisplayName, StringComparer.Ordinal)];
        }
    }

    /// <summary>Roles in a tenant: the home tenant's own, or <i>Global Administrator</i> of one's <i>Default Directory</i>.</summary>
    public IReadOnlyList<string> RolesIn(Guid tenantId, DirectoryUser user)
    {
        ArgumentNullException.ThrowIfNull(user);
        if (user.TenantId == tenantId) return user.Roles;
        return Tenant(tenantId).OwnerId == user.Id ? [DirectoryRoles.GlobalAdministrator] : [];
    }

    /// <summary>People without an administrator's role are refused by the portal.</summary>
    public bool MayManageApplications(Guid tenantId, DirectoryUser user) => DirectoryRoles.ManagesApplications(RolesIn(tenantId, user));

    public void SetUserEnabled(Guid userId, bool enabled) => Change(() => users[userId] = users[userId] with { IsEnabled = enabled });

    public void SetPassword(Guid userId, string password) => Change(() => passwordHashes[userId] = Hash(password));

    /// <summary><i>Revoke sessions</i>: every grant issued so far ends (AADSTS50173).</summary>
    public void RevokeSessions(Guid userId) => Change(() => users[userId] = users[userId] with { TokensValidFrom = clock.GetUtcNow() });

    internal bool PasswordIsRight(DirectoryUser user, string? password)
    {
        string hash;
        lock (gate) hash = passwordHashes[user.Id];
        return Hasher.VerifyHashedPassword(this, hash, password ?? "") != PasswordVerificationResult.Failed;
    }

    public DirectoryGroup AddGroup(Guid tenantId, string displayName, params IReadOnlyList<Guid> members) => Change(() =>
    {
        var group = new DirectoryGroup(RandomId.New(), tenantId, displayName, [.. members]);
        groups.Add(group.Id, group);
        return group;
    });

    public DirectoryGroup? FindGroup(Guid id) { lock (gate) return groups.GetValueOrDefault(id); }

    public IReadOnlyList<DirectoryGroup> FindGroups(Guid tenantId, string? text = null)
    {
        lock (gate) return [.. groups.Values.Where(g => g.TenantId == tenantId && Holds(g.DisplayName, text)).OrderBy(g => g.DisplayName, StringComparer.Ordinal)];
    }

    // ---- App registrations

    /// <summary><i>Register an application</i>: with <c>User.Read</c> declared, and its enterprise application beside it.</summary>
    /// <param name="redirectUri">Of the platform <i>Web</i>; null or empty: none yet.</param>
    public DirectoryResult<AppRegistration> Register(Guid tenantId, string? name, SignInAudience audience, string? redirectUri = null) => Change<DirectoryResult<AppRegistration>>(() =>
    {
        var refusal = RegistrationRules.CheckName(name, audience) ?? (string.IsNullOrEmpty(redirectUri) ? null : RegistrationRules.CheckRedirectUri(redirectUri, audience));
        if (refusal is not null) return new(null, refusal);
        var app = new AppRegistration(RandomId.New(), RandomId.New(), tenantId, name!.Trim(), audience, string.IsNullOrEmpty(redirectUri) ? [] : [redirectUri],
            [PermissionCatalog.Find("User.Read")!], [], clock.GetUtcNow());
        applications.Add(app.ClientId, app);
        EnsurePrincipal(app, tenantId);
        return new(app, null);
    });

    /// <summary>Of one tenant, whose name begins with or contains <paramref name="text"/>, or whose client id is it; all when it is empty.</summary>
    public IReadOnlyList<AppRegistration> FindApplications(Guid tenantId, string? text = null)
    {
        lock (gate)
            return [.. applications.Values.Where(a => a.TenantId == tenantId)
                .Where(a => Holds(a.DisplayName, text) || (Guid.TryParse(text, out var id) && a.ClientId == id))
                .OrderBy(a => a.DisplayName, StringComparer.Ordinal)];
    }

    public AppRegistration? FindApplication(Guid clientId) { lock (gate) return applications.GetValueOrDefault(clientId); }

    public DirectoryResult<AppRegistration> Rename(Guid clientId, string? name) =>
        ChangeApplication(clientId, app => RegistrationRules.CheckName(name, app.Audience) is { } refusal ? (null, refusal) : (app with { DisplayName = name!.Trim() }, null));

    public DirectoryResult<AppRegistration> SetAudience(Guid clientId, SignInAudience audience) => ChangeApplication(clientId, app =>
    {
        if (app.Secrets.Count > RegistrationRules.MaxSecrets(audience)) return (null, new("too-many-secrets", "With personal Microsoft accounts an application can have at most 2 client secrets."));
        var refusal = app.RedirectUris.Select(u => RegistrationRules.CheckRedirectUri(u, audience)).FirstOrDefault(r => r is not null);
        return refusal is null ? (app with { Audience = audience }, null) : (null, refusal);
    });

    public DirectoryResult<AppRegistration> AddRedirectUri(Guid clientId, string? redirectUri) => ChangeApplication(clientId, app =>
    {
        if (RegistrationRules.CheckRedirectUri(redirectUri, app.Audience) is { } refusal) return (null, refusal);
        if (app.RedirectUris.Contains(redirectUri!)) return (null, new("redirect-uri-duplicate", "This redirect URI is already there."));
        if (app.RedirectUris.Count >= RegistrationRules.MaxRedirectUris(app.Audience)) return (null, new("too-many-redirect-uris", $"An application can have at most {RegistrationRules.MaxRedirectUris(app.Audience)} redirect URIs."));
        return (app with { RedirectUris = [.. app.RedirectUris, redirectUri!] }, null);
    });

    public DirectoryResult<AppRegistration> RemoveRedirectUri(Guid clientId, string redirectUri) =>
        ChangeApplication(clientId, app => (app with { RedirectUris = [.. app.RedirectUris.Where(u => u != redirectUri)] }, null));

    /// <summary><i>Add permissions</i>: delegated ones, by name. Those already there stay once.</summary>
    public DirectoryResult<AppRegistration> AddPermissions(Guid clientId, params IReadOnlyList<string> names) => ChangeApplication(clientId, app =>
    {
        var added = new List<ApiPermission>(app.Permissions);
        foreach (var name in names)
        {
            if (PermissionCatalog.Find(name) is not { } permission) return (null, new("permission-unknown", $"Microsoft Graph has no delegated permission {name}."));
            if (!added.Contains(permission)) added.Add(permission);
        }
        return (app with { Permissions = added }, null);
    });

    public DirectoryResult<AppRegistration> RemovePermission(Guid clientId, string name) =>
        ChangeApplication(clientId, app => (app with { Permissions = [.. app.Permissions.Where(p => p.Name != name)] }, null));

    /// <summary><i>Add a client secret</i>. The value is in the answer and nowhere else.</summary>
    public DirectoryResult<NewClientSecret> AddSecret(Guid clientId, string? description, DateTimeOffset end) => Change<DirectoryResult<NewClientSecret>>(() =>
    {
        if (!applications.TryGetValue(clientId, out var app)) return new(null, NoSuchApplication);
        var now = clock.GetUtcNow();
        if (end <= now) return new(null, new("secret-end-past", "The secret must expire in the future."));
        if (end > now.AddMonths(24).AddDays(1)) return new(null, new("secret-end-too-late", "A client secret can last at most 24 months."));
        var most = RegistrationRules.MaxSecrets(app.Audience);
        if (app.Secrets.Count >= most) return new(null, new("too-many-secrets", $"An application of this kind can have at most {most} client secrets. Delete one first."));
        // The shape of Entra's own values: three characters, "8Q~", then random ones.
        var value = Chance(3) + "8Q~" + Chance(34);
        var secret = new ClientSecret(RandomId.New(), string.IsNullOrWhiteSpace(description) ? "Password uploaded on " + now.ToString("ddd MMM dd yyyy", System.Globalization.CultureInfo.InvariantCulture) : description.Trim(),
            value[..3], now, end, HashOfSecret(value));
        applications[clientId] = app with { Secrets = [.. app.Secrets, secret] };
        return new(new(secret, value), null);
    });

    public DirectoryResult<AppRegistration> RemoveSecret(Guid clientId, Guid keyId) =>
        ChangeApplication(clientId, app => (app with { Secrets = [.. app.Secrets.Where(s => s.KeyId != keyId)] }, null));

    /// <summary>Takes the registration away, its enterprise applications, assignments and consents with it.</summary>
    public void DeleteApplication(Guid clientId) => Change(() =>
    {
        foreach (var key in principals.Keys.Where(k => k.Client == clientId).ToList()) principals.Remove(key);
        foreach (var key in grants.Keys.Where(k => k.Client == clientId).ToList()) grants.Remove(key);
        return applications.Remove(clientId);
    });

    /// <summary>The registered secret whose value this is, expired or not; null when there is none.</summary>
    internal static ClientSecret? FindSecret(AppRegistration app, string value)
    {
        var hash = HashOfSecret(value);
        return app.Secrets.FirstOrDefault(s => CryptographicOperations.FixedTimeEquals(s.Hash, hash));
    }

    // ---- Enterprise applications

    public ServicePrincipal? FindServicePrincipal(Guid clientId, Guid tenantId) { lock (gate) return principals.GetValueOrDefault((clientId, tenantId)); }

    public ServicePrincipal? FindServicePrincipal(Guid id) { lock (gate) return principals.Values.FirstOrDefault(p => p.Id == id); }

    /// <summary><i>Enterprise applications</i> of one tenant.</summary>
    public IReadOnlyList<ServicePrincipal> FindServicePrincipals(Guid tenantId, string? text = null)
    {
        lock (gate) return [.. principals.Values.Where(p => p.TenantId == tenantId && Holds(p.DisplayName, text)).OrderBy(p => p.DisplayName, StringComparer.Ordinal)];
    }

    public ServicePrincipal SetAssignmentRequired(Guid id, bool required) => ChangePrincipal(id, p => p with { AssignmentRequired = required });

    /// <summary><i>Enabled for users to sign-in?</i></summary>
    public ServicePrincipal SetSignInEnabled(Guid id, bool enabled) => ChangePrincipal(id, p => p with { IsEnabled = enabled });

    /// <summary><i>Assign</i>. Who is assigned already stays so once.</summary>
    public DirectoryResult<ServicePrincipal> Assign(Guid id, IReadOnlyList<Guid> userIds, IReadOnlyList<Guid> groupIds)
    {
        lock (gate)
        {
            var tenant = FindServicePrincipal(id) is { } found ? Tenant(found.TenantId) : null;
            if (tenant is null) return new(null, NoSuchApplication);
            if (groupIds.Count > 0 && !tenant.OffersGroups) return new(null, new("groups-not-available", "Groups are not available for assignment due to your directory's plan level. You can assign individual users to the application."));
            if (userIds.Any(u => !users.TryGetValue(u, out var user) || (user.TenantId != tenant.Id && user.Id != tenant.OwnerId)) || groupIds.Any(g => !groups.TryGetValue(g, out var group) || group.TenantId != tenant.Id))
                return new(null, new("principal-unknown", "Somebody chosen is not in this directory."));
        }
        return new(ChangePrincipal(id, p =>
        {
            var now = clock.GetUtcNow();
            var all = userIds.Select(u => (Id: u, IsGroup: false)).Concat(groupIds.Select(g => (Id: g, IsGroup: true)));
            return p with { Assignments = [.. p.Assignments, .. all.Distinct().Where(a => p.Assignments.All(x => x.PrincipalId != a.Id)).Select(a => new AppAssignment(RandomId.New(), a.Id, a.IsGroup, now))] };
        }), null);
    }

    public ServicePrincipal RemoveAssignment(Guid id, Guid assignmentId) =>
        ChangePrincipal(id, p => p with { Assignments = [.. p.Assignments.Where(a => a.Id != assignmentId)] });

    /// <summary>Directly, or through a group of which the user is a direct member.</summary>
    public bool IsAssigned(ServicePrincipal principal, DirectoryUser user)
    {
        ArgumentNullException.ThrowIfNull(principal);
        ArgumentNullException.ThrowIfNull(user);
        lock (gate)
            return principal.Assignments.Any(a => a.IsGroup ? groups.TryGetValue(a.PrincipalId, out var g) && g.Members.Contains(user.Id) : a.PrincipalId == user.Id);
    }

    /// <summary>The enterprise application that judges this user: of the home tenant, or of the <i>Default Directory</i> where a personal account registered the application itself.</summary>
    /// <returns>Null until the application is first used in that tenant.</returns>
    internal ServicePrincipal? PrincipalForSignIn(AppRegistration app, DirectoryUser user)
    {
        lock (gate)
        {
            var home = tenants.First(t => t.Id == app.TenantId);
            return principals.GetValueOrDefault((app.ClientId, home.OwnerId == user.Id ? home.Id : user.TenantId));
        }
    }

    // ---- Consent

    /// <summary>What the user, or an administrator for all, has consented to.</summary>
    public IReadOnlySet<string> Consented(Guid clientId, DirectoryUser user)
    {
        ArgumentNullException.ThrowIfNull(user);
        lock (gate)
        {
            var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
            if (grants.TryGetValue((clientId, user.TenantId, user.Id), out var own)) names.UnionWith(own.Permissions);
            if (grants.TryGetValue((clientId, user.TenantId, null), out var all)) names.UnionWith(all.Permissions);
            return names;
        }
    }

    public IReadOnlyList<ConsentGrant> ConsentGrants(Guid clientId) { lock (gate) return [.. grants.Values.Where(g => g.ClientId == clientId)]; }

    /// <summary>Adds to what was consented before. Makes the enterprise application in the user's tenant at the first consent.</summary>
    /// <param name="forEverybody">An administrator's consent on behalf of the tenant.</param>
    public void Consent(AppRegistration app, DirectoryUser user, IEnumerable<string> permissions, bool forEverybody = false)
    {
        ArgumentNullException.ThrowIfNull(app);
        ArgumentNullException.ThrowIfNull(user);
        ConsentIn(app, user.TenantId, forEverybody ? null : user.Id, permissions);
    }

    /// <summary><i>Grant admin consent</i> for everything declared, in the tenant of the portal.</summary>
    public void GrantAdminConsent(AppRegistration app, Guid tenantId)
    {
        ArgumentNullException.ThrowIfNull(app);
        ConsentIn(app, tenantId, userId: null, app.Permissions.Select(p => p.Name));
    }

    public void RevokeConsent(Guid clientId, Guid userId) => Change(() =>
    {
        foreach (var key in grants.Keys.Where(k => k.Client == clientId && k.User == userId).ToList()) grants.Remove(key);
        return true;
    });

    // ---- Within

    private static readonly DirectoryRefusal NoSuchApplication = new("application-unknown", "There is no such application in this directory.");

    private void ConsentIn(AppRegistration app, Guid tenantId, Guid? userId, IEnumerable<string> permissions) => Change(() =>
    {
        EnsurePrincipal(app, tenantId);
        var key = (app.ClientId, tenantId, userId);
        var names = new HashSet<string>(permissions, StringComparer.OrdinalIgnoreCase);
        if (grants.TryGetValue(key, out var before)) names.UnionWith(before.Permissions);
        return grants[key] = new(app.ClientId, tenantId, userId, names, clock.GetUtcNow());
    });

    private ServicePrincipal EnsurePrincipal(AppRegistration app, Guid tenantId)
    {
        if (principals.TryGetValue((app.ClientId, tenantId), out var principal)) return principal;
        return principals[(app.ClientId, tenantId)] = new(RandomId.New(), app.ClientId, tenantId, app.DisplayName, IsEnabled: true, AssignmentRequired: false, []);
    }

    private DirectoryResult<AppRegistration> ChangeApplication(Guid clientId, Func<AppRegistration, (AppRegistration? After, DirectoryRefusal? Refusal)> change) => Change<DirectoryResult<AppRegistration>>(() =>
    {
        if (!applications.TryGetValue(clientId, out var app)) return new(null, NoSuchApplication);
        var (after, refusal) = change(app);
        if (after is not null) applications[clientId] = after;
        return new(after, refusal);
    });

    private ServicePrincipal ChangePrincipal(Guid id, Func<ServicePrincipal, ServicePrincipal> change) => Change(() =>
    {
        var before = principals.Values.First(p => p.Id == id);
        return principals[(before.ClientId, before.TenantId)] = change(before);
    });

    private DirectoryUser Keep(DirectoryUser user, string password)
    {
        passwordHashes[user.Id] = Hash(password);
        return users[user.Id] = user;
    }

    private T Change<T>(Func<T> change)
    {
        T result;
        lock (gate) result = change();
        Changed?.Invoke();
        return result;
    }

    private string Hash(string password) => Hasher.HashPassword(this, password);

    private static bool Holds(string value, string? text) => string.IsNullOrWhiteSpace(text) || value.Contains(text.Trim(), StringComparison.OrdinalIgnoreCase);

    private static byte[] HashOfSecret(string value) => SHA256.HashData(Encoding.UTF8.GetBytes(value));

    private static string Chance(int length) => RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~", length);
}
