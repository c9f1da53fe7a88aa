using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Postrider.Entra;

/// <summary>The four addresses of one authority, derived from the base that the page's own product calls <c>microsoft_outlook.endpoint</c>.</summary>
internal sealed record EntraEndpoints(Uri Authorize, Uri Token, Uri Discovery)
{
    private const string Suffix = "oauth2/v2.0/";

    public static EntraEndpoints Of(MicrosoftCloud cloud, string? endpointParameter)
    {
        if (!string.IsNullOrWhiteSpace(endpointParameter) && TryParse(endpointParameter, out var chosen, out _)) return chosen;
        return TryParse(new Uri(cloud.Login, "common/" + Suffix).AbsoluteUri, out var usual, out var reason)
            ? usual
            : throw new InvalidOperationException($"The sign-in address of the cloud {cloud.Name} cannot be used: {reason}");
    }

    /// <param name="reason">For a person, when the text cannot be used.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out EntraEndpoints? endpoints, [NotNullWhen(false)] out string? reason)
    {
        endpoints = null;
        if (!Uri.TryCreate(text.Trim(), UriKind.Absolute, out var uri) || uri.UserInfo.Length > 0 || uri.Query.Length > 0 || uri.Fragment.Length > 0)
        {
            reason = "It must be an absolute address without query.";
            return false;
        }

        if (!IsSafe(uri))
        {
            reason = "It must begin with https:// (http:// is for this machine only).";
            return false;
        }

        var path = uri.AbsolutePath.EndsWith('/') ? uri.AbsolutePath : uri.AbsolutePath + "/";
        if (!path.EndsWith("/" + Suffix, StringComparison.OrdinalIgnoreCase) || path.Length == Suffix.Length + 1)
        {
            reason = "It must end with <tenant>/oauth2/v2.0/.";
            return false;
        }

        reason = null;
        var root = new Uri(uri.GetLeftPart(UriPartial.Authority) + path);
        var tenant = new Uri(uri.GetLeftPart(UriPartial.Authority) + path[..^Suffix.Length]);
        endpoints = new EntraEndpoints(new Uri(root, "authorize"), new Uri(root, "token"), new Uri(tenant, "v2.0/.well-known/openid-configuration"));
        return true;
    }

    /// <summary>Secrets and codes leave over TLS, or do not leave this machine.</summary>
    public static bool IsSafe(Uri uri) =>
        uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && (uri.Host == "localhost" || (IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address))));
}
