using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Entra;

namespace Postrider.Sandbox.Portal;

/// <summary>
/// As whom the portal works, among the accounts signed in in this browser. It stays the same when a mailbox signs in meanwhile, as
/// portal.azure.com stays with its administrator.
/// </summary>
internal sealed class PortalAccount(SignInSessions sessions, EntraDirectory directory)
{
    // Holds an account's id. It grants nothing: an id that is not signed in here is not looked at.
    private const string Cookie = "sandbox.portal";

    /// <returns>Null: nobody is signed in.</returns>
    public PortalVisit? Find(HttpContext http)
    {
        var user = Guid.TryParseExact(http.Request.Cookies[Cookie], "N", out var id) ? sessions.Users(http).FirstOrDefault(u => u.Id == id) : null;
        if (user is null)
        {
            user = sessions.ActiveUser(http);
            if (user is null) return null;
            Choose(http, user.Id);
        }
        var tenant = directory.PortalTenantOf(user);
        return new PortalVisit(user, tenant, directory.MayManageApplications(tenant.Id, user), [.. sessions.Users(http).Where(u => u.Id != user.Id)]);
    }

    public void Choose(HttpContext http, Guid userId) => http.Response.Cookies.Append(Cookie, userId.ToString("N"), Options());

    /// <summary>The next to sign in is the one.</summary>
    public void Forget(HttpContext http) => http.Response.Cookies.Delete(Cookie, Options());

    // Strict would lose the choice on a link from the hub's pages, which are another site.
    internal static CookieOptions Options() => new() { HttpOnly = true, SameSite = SameSiteMode.Lax, Path = "/", IsEssential = true };
}
