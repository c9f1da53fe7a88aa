using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;

namespace Postrider.Sandbox.Portal;

/// <summary>What the page after a redirect says once.</summary>
/// <param name="SecretId">The client secret whose value this is; null when none was made.</param>
/// <param name="SecretValue">Travels sealed to the one page that shows it.</param>
public sealed record Flash(string Text, Guid? SecretId = null, string? SecretValue = null)
{
    public override string ToString() => Text;
}

/// <summary>Carries a <see cref="Flash"/> over one redirect in a sealed cookie, so the server keeps nothing.</summary>
internal sealed class FlashCookie(IDataProtectionProvider protection)
{
    private const string Cookie = "sandbox.flash";
    private readonly IDataProtector seal = protection.CreateProtector("portal.flash");

    public void Leave(HttpContext http, Flash flash) =>
        http.Response.Cookies.Append(Cookie, seal.Protect(JsonSerializer.Serialize(flash)), PortalAccount.Options());

    /// <summary>Takes it away: the next page does not have it any more.</summary>
    public Flash? Take(HttpContext http)
    {
        if (http.Request.Cookies[Cookie] is not { } cookie) return null;
        http.Response.Cookies.Delete(Cookie, PortalAccount.Options());
        try
        {
            return JsonSerializer.Deserialize<Flash>(seal.Unprotect(cookie));
        }
        catch (CryptographicException)
        {
            // Sealed by an earlier run of the sandbox: what it said is lost, nothing else.
            return null;
        }
    }
}
