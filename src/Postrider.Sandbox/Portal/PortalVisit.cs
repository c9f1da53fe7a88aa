using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Portal;

/// <summary>Who looks at a page of the portal, and in which directory.</summary>
/// <param name="Administers">Has an administrator's role there.</param>
/// <param name="Others">Signed in in the same browser.</param>
internal sealed record PortalVisit(DirectoryUser User, EntraTenant Tenant, bool Administers, IReadOnlyList<DirectoryUser> Others)
{
    /// <summary>Of a request that <see cref="PortalGate"/> let through.</summary>
    public static PortalVisit Of(HttpContext http) => http.Features.Get<PortalVisit>() ?? throw new InvalidOperationException("This page is not behind the portal's gate.");
}
