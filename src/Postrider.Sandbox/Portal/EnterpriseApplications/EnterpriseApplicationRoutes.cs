using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Portal.Parts;

namespace Postrider.Sandbox.Portal.EnterpriseApplications;

/// <summary><i>Managed application in local directory</i>: who in this directory may use an application.</summary>
internal static class EnterpriseApplicationRoutes
{
    public static void Map(RouteGroupBuilder enterprise)
    {
        enterprise.MapGet("", (HttpContext http, EntraDirectory directory, string? q) =>
        {
            var tenant = PortalVisit.Of(http).Tenant;
            return Page.Show<EnterpriseApplicationsPage>(http, new Dictionary<string, object?>
            {
                [nameof(EnterpriseApplicationsPage.Tenant)] = tenant,
                [nameof(EnterpriseApplicationsPage.Search)] = q,
                [nameof(EnterpriseApplicationsPage.Principals)] = directory.FindServicePrincipals(tenant.Id, q),
            });
        });

        var one = enterprise.MapGroup("/{id:guid}");

        one.MapGet("", (HttpContext http, EntraDirectory directory, Guid id) => WithPrincipal(http, id, (tenant, principal) => Page.Show<EnterpriseOverviewPage>(http, new Dictionary<string, object?>
        {
            [nameof(EnterpriseOverviewPage.Tenant)] = tenant,
            [nameof(EnterpriseOverviewPage.Principal)] = principal,
            [nameof(EnterpriseOverviewPage.RegisteredHere)] = directory.FindApplication(principal.ClientId)?.TenantId == tenant.Id,
        })));

        one.MapGet("/properties", (HttpContext http, Guid id) => WithPrincipal(http, id, (tenant, principal) => Page.Show<PropertiesPage>(http, new Dictionary<string, object?>
        {
            [nameof(PropertiesPage.Tenant)] = tenant,
            [nameof(PropertiesPage.Principal)] = principal,
        })));
        one.MapPost("/properties", async (HttpContext http, EntraDirectory directory, FlashCookie flash, Guid id) =>
        {
            var form = await http.Request.ReadFormAsync(http.RequestAborted);
            return WithPrincipal(http, id, (_, principal) =>
            {
                if (form["enabled"] is ["yes" or "no"]) directory.SetSignInEnabled(principal.Id, form["enabled"] == "yes");
                if (form["assignment"] is ["yes" or "no"]) directory.SetAssignmentRequired(principal.Id, form["assignment"] == "yes");
                return flash.Redirect(http, Place(principal) + "/properties", "The properties were saved.");
            });
        });

        one.MapGet("/users", (HttpContext http, EntraDirectory directory, Guid id) => WithPrincipal(http, id, (tenant, principal) => Page.Show<AssignmentsPage>(http, new Dictionary<string, object?>
        {
            [nameof(AssignmentsPage.Tenant)] = tenant,
            [nameof(AssignmentsPage.Principal)] = principal,
            [nameof(AssignmentsPage.Lines)] = principal.Assignments
                .Select(a => new AssignmentLine(a.Id, Assignable.Find(directory, a.PrincipalId)?.Name ?? "(deleted)", a.IsGroup, a.AssignedAt)).OrderBy(l => l.Name, StringComparer.Ordinal).ToArray(),
        })));
        one.MapPost("/users/remove", async (HttpContext http, EntraDirectory directory, FlashCookie flash, Guid id) =>
        {
            var form = await http.Request.ReadFormAsync(http.RequestAborted);
            return WithPrincipal(http, id, (_, principal) =>
            {
                if (Guid.TryParse(form["assignment"], out var assignment)) directory.RemoveAssignment(principal.Id, assignment);
                return flash.Redirect(http, Place(principal) + "/users", "The assignment was removed.");
            });
        });

        // The choice so far is in the address, so the list, its search and the way back are plain links and GET forms.
        one.MapGet("/users/add", (HttpContext http, Guid id, string? choose, string? q, Guid[]? chosen) =>
            WithPrincipal(http, id, (tenant, principal) => ShowAssign(http, tenant, principal, chosen ?? [], choose is not null, q, problem: null)));
        one.MapPost("/users/add", async (HttpContext http, EntraDirectory directory, FlashCookie flash, Guid id) =>
        {
            var form = await http.Request.ReadFormAsync(http.RequestAborted);
            return WithPrincipal(http, id, (tenant, principal) =>
            {
                var chosen = form["chosen"].Select(c => Guid.TryParse(c, out var one) ? one : Guid.Empty).Where(c => c != Guid.Empty).ToArray();
                if (chosen.Length == 0) return ShowAssign(http, tenant, principal, chosen, choosing: false, search: null, "Select at least one user or group first.");
                var groups = chosen.Where(c => directory.FindGroup(c) is not null).ToArray();
                var assigned = directory.Assign(principal.Id, [.. chosen.Except(groups)], groups);
                if (!assigned.Succeeded) return ShowAssign(http, tenant, principal, chosen, choosing: false, search: null, assigned.Refusal.Message);
                return flash.Redirect(http, Place(principal) + "/users", chosen.Length == 1 ? "1 user or group was assigned." : $"{chosen.Length} users and groups were assigned.");
            });
        });
    }

    internal static IReadOnlyList<Crumb> Crumbs(EntraTenant tenant, ServicePrincipal? principal = null)
    {
        Crumb[] toList = [Crumb.Home, new(tenant.DisplayName, "/entra"), new("Enterprise applications", "/entra/enterprise-applications")];
        return principal is null ? toList : [.. toList, new(principal.DisplayName, Place(principal))];
    }

    internal static string Place(ServicePrincipal principal) => $"/entra/enterprise-applications/{principal.Id}";

    private static IResult WithPrincipal(HttpContext http, Guid id, Func<EntraTenant, ServicePrincipal, IResult> then)
    {
        var tenant = PortalVisit.Of(http).Tenant;
        return http.RequestServices.GetRequiredService<EntraDirectory>().FindServicePrincipal(id) is { } principal && principal.TenantId == tenant.Id ? then(tenant, principal) : SayPage.NotFound(http);
    }

    private static IResult ShowAssign(HttpContext http, EntraTenant tenant, ServicePrincipal principal, IReadOnlyList<Guid> chosen, bool choosing, string? search, string? problem)
    {
        var directory = http.RequestServices.GetRequiredService<EntraDirectory>();
        return Page.Show<AssignPage>(http, new Dictionary<string, object?>
        {
            [nameof(AssignPage.Tenant)] = tenant,
            [nameof(AssignPage.Principal)] = principal,
            [nameof(AssignPage.Chosen)] = chosen.Distinct().Select(c => Assignable.Find(directory, c)).OfType<Assignable>().ToArray(),
            [nameof(AssignPage.Offered)] = choosing ? Assignable.Offered(directory, tenant, search) : null,
            [nameof(AssignPage.Search)] = search,
            [nameof(AssignPage.Problem)] = problem,
        }, problem is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity);
    }
}
