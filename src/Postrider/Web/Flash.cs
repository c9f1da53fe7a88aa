using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.WebUtilities;

namespace Postrider.Web;

/// <summary>One sentence carried over the redirect that follows a form: <c>Saved.</c> Sealed, so nobody else can put words on a page.</summary>
internal sealed class Flash(IHttpContextAccessor http, IDataProtectionProvider protection)
{
    private const string Cookie = "postrider.flash";
    // Cookies are limited to 4096 bytes by browsers; sealed and encoded, this stays below.
    private const int MaxLength = 600;

    private readonly IDataProtector protector = protection.CreateProtector("web.flash");

    /// <summary>Shown once, on the next page.</summary>
    public void Say(string text)
    {
        var sealedText = WebEncoders.Base64UrlEncode(protector.Protect(Encoding.UTF8.GetBytes(text.Length > MaxLength ? text[..MaxLength] : text)));
        Context.Response.Cookies.Append(Cookie, sealedText, new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Lax, Secure = Context.Request.IsHttps, IsEssential = true, MaxAge = TimeSpan.FromMinutes(5) });
    }

    /// <summary>Takes it, so that it is shown once. Called by the layout.</summary>
    /// <returns>Null when there is none.</returns>
    public string? Take()
    {
        if (Context.Request.Cookies[Cookie] is not { Length: > 0 } sealedText) return null;
        Context.Response.Cookies.Delete(Cookie);
        try
        {
            return Encoding.UTF8.GetString(protector.Unprotect(WebEncoders.Base64UrlDecode(sealedText)));
        }
        catch (Exception failure) when (failure is CryptographicException or FormatException)
        {
            // Another key ring made it, or somebody else: it says nothing then.
            return null;
        }
    }

    private HttpContext Context => http.HttpContext ?? throw new InvalidOperationException("A flash message belongs to a request.");
}
