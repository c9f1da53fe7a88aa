using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Portal;

/// <summary>What the page after a redirect says once.</summary>
/// <param name="Place">Path of that page: another one, open in a second tab, does not take it away.</param>
/// <param name="SecretId">The client secret whose value this is; null when none was made.</param>
/// <param name="SecretValue">Travels sealed to the one page that shows it.</param>
public sealed record Flash(string Place, string Text, Guid? SecretId = null, string? SecretValue = null)
{
    public override string ToString() => Text;
}

/// <summary>Carries a <see cref="Flash"/> over one redirect in a sealed cookie, so the server keeps nothing.</summary>
internal sealed class FlashCookie(IDataProtectionProvider protection)
{
    private const string Cookie = "sandbox.flash";
    private readonly IDataProtector seal = protection.CreateProtector("portal.flash");

    /// <summary>Leads to <paramref name="place"/>, which says <paramref name="text"/> once.</summary>
    /// <param name="secret">The client secret just made, whose value that page shows; null: none.</param>
    public IResult Redirect(HttpContext http, string place, string text, NewClientSecret? secret = null)
    {
        var flash = new Flash(Uri.UnescapeDataString(place.Split('?')[0]), text, secret?.Secret.KeyId, secret?.Value);
        http.Response.Cookies.Append(Cookie, seal.Protect(JsonSerializer.Serialize(flash)), PortalAccount.Options());
        return Results.Redirect(place);
    }

    /// <summary>What this page has to say; null: nothing. It is taken away: the same page does not say it again.</summary>
    public Flash? Take(HttpContext http)
    {
        if (http.Request.Cookies[Cookie] is not { } cookie) return null;
        Flash? flash = null;
        try
        {
            flash = JsonSerializer.Deserialize<Flash>(seal.Unprotect(cookie));
        }
        catch (CryptographicException)
        {
            // Sealed by an earlier run of the sandbox: what it said is lost, nothing else.
        }
        if (flash is not null && flash.Place != http.Request.Path.Value) return null;
        http.Response.Cookies.Delete(Cookie, PortalAccount.Options());
        return flash;
    }
}
