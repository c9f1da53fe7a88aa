using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Portal.Parts;

namespace Postrider.Sandbox.Portal.AppRegistrations;

/// <summary><i>App registrations</i>: the list, the form, and the pages of one application. A refused form comes back with status 422, what was entered, and a sentence beside each field.</summary>
internal static class AppRegistrationRoutes
{
    private const int Refused = StatusCodes.Status422UnprocessableEntity;

    public static void Map(RouteGroupBuilder registrations)
    {
        registrations.MapGet("", (HttpContext http, EntraDirectory directory, TimeProvider clock, string? q) =>
        {
            var tenant = PortalVisit.Of(http).Tenant;
            return Page.Show<AppRegistrationsPage>(http, new Dictionary<string, object?>
            {
                [nameof(AppRegistrationsPage.Tenant)] = tenant,
                [nameof(AppRegistrationsPage.Search)] = q,
                [nameof(AppRegistrationsPage.Applications)] = directory.FindApplications(tenant.Id, q),
                [nameof(AppRegistrationsPage.Now)] = clock.GetUtcNow(),
            });
        });

        registrations.MapGet("/new", (HttpContext http) => ShowRegister(http, RegisterFields.Empty, RegisterProblems.None));
        registrations.MapPost("/new", async (HttpContext http, EntraDirectory directory, FlashCookie flash) =>
        {
            var fields = RegisterFields.Read(await FormOf(http));
            var problems = fields.Check();
            if (problems.Any) return ShowRegister(http, fields, problems);
            var registered = directory.Register(PortalVisit.Of(http).Tenant.Id, fields.Name, fields.Audience, fields.RedirectUri);
            if (!registered.Succeeded) return ShowRegister(http, fields, problems with { Audience = registered.Refusal.Message });
            return flash.Redirect(http, Place(registered.Value), $"{registered.Value.DisplayName} was registered.");
        });

        var one = registrations.MapGroup("/{clientId:guid}");

        one.MapGet("", (HttpContext http, EntraDirectory directory, Guid clientId, string? show) => WithApp(http, clientId, (tenant, app) =>
            Page.Show<AppOverviewPage>(http, new Dictionary<string, object?>
            {
                [nameof(AppOverviewPage.Tenant)] = tenant,
                [nameof(AppOverviewPage.App)] = app,
                [nameof(AppOverviewPage.Principal)] = directory.FindServicePrincipal(app.ClientId, tenant.Id),
                [nameof(AppOverviewPage.Shown)] = show,
                [nameof(AppOverviewPage.Origin)] = $"{http.Request.Scheme}://{http.Request.Host}",
            })));
        one.MapPost("/delete", (HttpContext http, EntraDirectory directory, FlashCookie flash, Guid clientId) => WithApp(http, clientId, (_, app) =>
        {
            directory.DeleteApplication(app.ClientId);
            return flash.Redirect(http, "/entra/app-registrations", $"{app.DisplayName} was deleted.");
        }));

        MapAuthentication(one.MapGroup("/authentication"));
        MapCredentials(one.MapGroup("/credentials"));
        MapPermissions(one.MapGroup("/permissions"));
    }

    internal static IReadOnlyList<Crumb> Crumbs(EntraTenant tenant, AppRegistration? app = null)
    {
        Crumb[] toList = [Crumb.Home, new(tenant.DisplayName, "/entra"), new("App registrations", "/entra/app-registrations")];
        return app is null ? toList : [.. toList, new(app.DisplayName, Place(app))];
    }

    private static void MapAuthentication(RouteGroupBuilder authentication)
    {
        authentication.MapGet("", (HttpContext http, Guid clientId) => WithApp(http, clientId, (tenant, app) => ShowAuthentication(http, tenant, app)));

        authentication.MapPost("/add", async (HttpContext http, EntraDirectory directory, FlashCookie flash, Guid clientId) =>
        {
            var entered = (await FormOf(http))["redirectUri"].ToString().Trim();
            return WithApp(http, clientId, (tenant, app) =>
            {
                var added = directory.AddRedirectUri(app.ClientId, entered);
                if (!added.Succeeded)
                    return ShowAuthentication(http, tenant, app, new() { [nameof(AuthenticationPage.Entered)] = entered, [nameof(AuthenticationPage.Problem)] = added.Refusal.Message });
                return flash.Redirect(http, Place(app) + "/authentication", "The redirect URI was added.");
            });
        });

        authentication.MapPost("/remove", async (HttpContext http, EntraDirectory directory, FlashCookie flash, Guid clientId) =>
        {
            var uri = (await FormOf(http))["redirectUri"].ToString();
            return WithApp(http, clientId, (_, app) =>
            {
                directory.RemoveRedirectUri(app.ClientId, uri);
                return flash.Redirect(http, Place(app) + "/authentication", "The redirect URI was removed.");
            });
        });

        authentication.MapPost("/audience", async (HttpContext http, EntraDirectory directory, FlashCookie flash, Guid clientId) =>
        {
            var form = await FormOf(http);
            return WithApp(http, clientId, (tenant, app) =>
            {
                if (!Enum.TryParse<SignInAudience>(form["audience"], out var audience) || !Enum.IsDefined(audience))
                    return ShowAuthentication(http, tenant, app, new() { [nameof(AuthenticationPage.AudienceProblem)] = "Choose who can use this application." });
                var changed = directory.SetAudience(app.ClientId, audience);
                if (!changed.Succeeded)
                    return ShowAuthentication(http, tenant, app, new() { [nameof(AuthenticationPage.EnteredAudience)] = audience, [nameof(AuthenticationPage.AudienceProblem)] = changed.Refusal.Message });
                return flash.Redirect(http, Place(app) + "/authentication", "The supported account types were saved.");
            });
        });
    }

    private static void MapCredentials(RouteGroupBuilder credentials)
    {
        credentials.MapGet("", (HttpContext http, Guid clientId, string? show, Guid? secret) => WithApp(http, clientId, (tenant, app) => ShowCredentials(http, tenant, app, new()
        {
            [nameof(CredentialsPage.Adding)] = show == "new" ? SecretFields.Empty : null,
            [nameof(CredentialsPage.Deleting)] = show == "delete" ? app.Secrets.FirstOrDefault(s => s.KeyId == secret) : null,
        })));

        credentials.MapPost("", async (HttpContext http, EntraDirectory directory, TimeProvider clock, FlashCookie flash, Guid clientId) =>
        {
            var fields = SecretFields.Read(await FormOf(http));
            return WithApp(http, clientId, (tenant, app) =>
            {
                var now = clock.GetUtcNow();
                var problems = fields.Check(now);
                if (!problems.Any)
                {
                    var added = directory.AddSecret(app.ClientId, fields.Description, fields.EndAt(now)!.Value);
                    if (added.Succeeded)
                    {
                        return flash.Redirect(http, Place(app) + "/credentials", "The client secret was added.", added.Value);
                    }
                    problems = added.Refusal.Code.StartsWith("secret-end", StringComparison.Ordinal) ? problems with { End = added.Refusal.Message } : problems with { Whole = added.Refusal.Message };
                }
                return ShowCredentials(http, tenant, app, new() { [nameof(CredentialsPage.Adding)] = fields, [nameof(CredentialsPage.Problems)] = problems }, Refused);
            });
        });

        credentials.MapPost("/delete", async (HttpContext http, EntraDirectory directory, FlashCookie flash, Guid clientId) =>
        {
            var form = await FormOf(http);
            return WithApp(http, clientId, (_, app) =>
            {
                if (Guid.TryParse(form["secret"], out var keyId)) directory.RemoveSecret(app.ClientId, keyId);
                return flash.Redirect(http, Place(app) + "/credentials", "The client secret was deleted.");
            });
        });
    }

    private static void MapPermissions(RouteGroupBuilder permissions)
    {
        permissions.MapGet("", (HttpContext http, Guid clientId, string? show, string? q, string[]? tick) => WithApp(http, clientId, (tenant, app) =>
            ShowPermissions(http, tenant, app, show, q, Known(tick))));

        permissions.MapPost("/add", async (HttpContext http, EntraDirectory directory, FlashCookie flash, Guid clientId) =>
        {
            var form = await FormOf(http);
            return WithApp(http, clientId, (tenant, app) =>
            {
                var ticked = Known([.. form["permission"].OfType<string>()]);
                if (form["do"] != "add")
                {
                    var query = QueryString.Create("show", "delegated").Add("q", form["q"].ToString());
                    foreach (var name in ticked) query = query.Add("tick", name);
                    return Results.Redirect(Place(app) + "/permissions" + query);
                }
                if (ticked.Count == 0) return ShowPermissions(http, tenant, app, "delegated", form["q"], ticked, "Tick at least one permission.");
                directory.AddPermissions(app.ClientId, ticked);
                return flash.Redirect(http, Place(app) + "/permissions", $"Added: {string.Join(", ", ticked)}.");
            });
        });

        permissions.MapPost("/remove", async (HttpContext http, EntraDirectory directory, FlashCookie flash, Guid clientId) =>
        {
            var name = (await FormOf(http))["permission"].ToString();
            return WithApp(http, clientId, (_, app) =>
            {
                directory.RemovePermission(app.ClientId, name);
                return flash.Redirect(http, Place(app) + "/permissions", $"{name} was removed.");
            });
        });

        permissions.MapPost("/grant", (HttpContext http, EntraDirectory directory, FlashCookie flash, Guid clientId) => WithApp(http, clientId, (tenant, app) =>
        {
            if (tenant.Kind != TenantKind.Work) return SayPage.NotFound(http);
            directory.GrantAdminConsent(app, tenant.Id);
            return flash.Redirect(http, Place(app) + "/permissions", $"Consent was granted for {tenant.DisplayName}.");
        }));
    }

    private static string Place(AppRegistration app) => $"/entra/app-registrations/{app.ClientId}";

    private static Task<IFormCollection> FormOf(HttpContext http) => http.Request.ReadFormAsync(http.RequestAborted);

    /// <summary>Names as the catalogue writes them, each once; what it does not know is left out.</summary>
    private static IReadOnlyList<string> Known(string[]? names) =>
        [.. (names ?? []).Select(PermissionCatalog.Find).OfType<ApiPermission>().Distinct().Select(p => p.Name)];

    /// <summary>An application registered in another directory is not there for this one.</summary>
    private static IResult WithApp(HttpContext http, Guid clientId, Func<EntraTenant, AppRegistration, IResult> then)
    {
        var tenant = PortalVisit.Of(http).Tenant;
        return http.RequestServices.GetRequiredService<EntraDirectory>().FindApplication(clientId) is { } app && app.TenantId == tenant.Id ? then(tenant, app) : SayPage.NotFound(http);
    }

    private static IResult ShowRegister(HttpContext http, RegisterFields fields, RegisterProblems problems) => Page.Show<RegisterPage>(http, new Dictionary<string, object?>
    {
        [nameof(RegisterPage.Tenant)] = PortalVisit.Of(http).Tenant,
        [nameof(RegisterPage.Entered)] = fields,
        [nameof(RegisterPage.Problems)] = problems,
    }, problems.Any ? Refused : StatusCodes.Status200OK);

    private static IResult ShowAuthentication(HttpContext http, EntraTenant tenant, AppRegistration app, Dictionary<string, object?>? refusal = null) =>
        Page.Show<AuthenticationPage>(http, new Dictionary<string, object?>(refusal ?? [])
        {
            [nameof(AuthenticationPage.Tenant)] = tenant,
            [nameof(AuthenticationPage.App)] = app,
        }, refusal is null ? StatusCodes.Status200OK : Refused);

    private static IResult ShowCredentials(HttpContext http, EntraTenant tenant, AppRegistration app, Dictionary<string, object?> panel, int status = StatusCodes.Status200OK) =>
        Page.Show<CredentialsPage>(http, new Dictionary<string, object?>(panel)
        {
            [nameof(CredentialsPage.Tenant)] = tenant,
            [nameof(CredentialsPage.App)] = app,
            [nameof(CredentialsPage.Now)] = http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow(),
            [nameof(CredentialsPage.Fresh)] = http.Features.Get<Flash>() is { SecretId: not null } fresh ? fresh : null,
        }, status);

    private static IResult ShowPermissions(HttpContext http, EntraTenant tenant, AppRegistration app, string? show, string? search, IReadOnlyList<string> ticked, string? problem = null)
    {
        var grants = http.RequestServices.GetRequiredService<EntraDirectory>().ConsentGrants(app.ClientId);
        return Page.Show<PermissionsPage>(http, new Dictionary<string, object?>
        {
            [nameof(PermissionsPage.Tenant)] = tenant,
            [nameof(PermissionsPage.App)] = app,
            [nameof(PermissionsPage.GrantedForAll)] = grants.Where(g => g.TenantId == tenant.Id && g.UserId is null).SelectMany(g => g.Permissions).ToHashSet(StringComparer.OrdinalIgnoreCase),
            [nameof(PermissionsPage.Shown)] = show == "grant" && tenant.Kind != TenantKind.Work ? null : show,
            [nameof(PermissionsPage.Search)] = search,
            [nameof(PermissionsPage.Ticked)] = ticked,
            [nameof(PermissionsPage.Problem)] = problem,
        }, problem is null ? StatusCodes.Status200OK : Refused);
    }
}
