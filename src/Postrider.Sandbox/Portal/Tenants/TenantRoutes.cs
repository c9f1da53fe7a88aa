using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Portal.Tenants;

/// <summary>The directory itself: overview, users, groups.</summary>
internal static class TenantRoutes
{
    public static void Map(RouteGroupBuilder entra)
    {
        entra.MapGet("", (HttpContext http, EntraDirectory directory) =>
        {
            var tenant = PortalVisit.Of(http).Tenant;
            return Page.Show<TenantOverviewPage>(http, new Dictionary<string, object?>
            {
                [nameof(TenantOverviewPage.Tenant)] = tenant,
                [nameof(TenantOverviewPage.Users)] = directory.FindUsers(tenant.Id).Count,
                [nameof(TenantOverviewPage.Groups)] = directory.FindGroups(tenant.Id).Count,
                [nameof(TenantOverviewPage.Applications)] = directory.FindApplications(tenant.Id).Count,
                [nameof(TenantOverviewPage.Roles)] = directory.RolesIn(tenant.Id, PortalVisit.Of(http).User),
            });
        });

        entra.MapGet("/users", (HttpContext http, EntraDirectory directory, string? q) =>
        {
            var tenant = PortalVisit.Of(http).Tenant;
            return Page.Show<UsersPage>(http, new Dictionary<string, object?>
            {
                [nameof(UsersPage.Tenant)] = tenant,
                [nameof(UsersPage.Search)] = q,
                [nameof(UsersPage.Lines)] = directory.FindUsers(tenant.Id, q).Select(u => new UserLine(u, directory.RolesIn(tenant.Id, u))).ToArray(),
            });
        });

        entra.MapGet("/groups", (HttpContext http, EntraDirectory directory, string? q) =>
        {
            var tenant = PortalVisit.Of(http).Tenant;
            return Page.Show<GroupsPage>(http, new Dictionary<string, object?>
            {
                [nameof(GroupsPage.Tenant)] = tenant,
                [nameof(GroupsPage.Search)] = q,
                [nameof(GroupsPage.Lines)] = directory.FindGroups(tenant.Id, q)
                    .Select(g => new GroupLine(g, [.. g.Members.Select(m => directory.FindUser(m)?.DisplayName).OfType<string>()])).ToArray(),
            });
        });
    }
}

/// <summary>A user as listed, with the roles in this directory.</summary>
public sealed record UserLine(DirectoryUser User, IReadOnlyList<string> Roles);

/// <summary>A group as listed, with the names of its members.</summary>
public sealed record GroupLine(DirectoryGroup Group, IReadOnlyList<string> Members);
