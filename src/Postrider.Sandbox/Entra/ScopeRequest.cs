using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Entra;

/// <summary>A resource for which access tokens are made. A token of one is worth nothing to the other.</summary>
internal enum ApiResource
{
    Graph,
    /// <summary>SMTP and IMAP of Exchange.</summary>
    Outlook,
}

/// <summary>A scope that names a permission. <see cref="Prefix"/> is what stood before the name, with its slash; empty for a bare name, which means Graph.</summary>
internal sealed record ResourceScope(ApiResource Resource, string Prefix, string Name)
{
    public bool IsDefault => Name == ".default";
}

/// <summary>The <c>scope</c> of a request, taken apart.</summary>
/// <param name="OpenId">Those of OpenID Connect and <c>offline_access</c>, which belong to no resource.</param>
internal sealed record ScopeRequest(IReadOnlySet<string> OpenId, IReadOnlyList<ResourceScope> Permissions)
{
    // Longer ones do not occur; Entra itself ends near this.
    private const int MaxLength = 8192;

    private static readonly string[] OpenIdNames = ["openid", "profile", "email", "offline_access"];

    private static readonly (string Prefix, ApiResource Resource)[] Prefixes =
    [
        ("https://outlook.office.com/", ApiResource.Outlook),
        ("https://outlook.office365.com/", ApiResource.Outlook),
        ("https://graph.microsoft.com/", ApiResource.Graph),
    ];

    /// <summary>The prefix that stands for a resource where the request named none.</summary>
    public const string GraphPrefix = "https://graph.microsoft.com/";

    public IEnumerable<string> Names => OpenId.Concat(Permissions.Select(p => p.Name)).Distinct(StringComparer.OrdinalIgnoreCase);

    public static EntraError? Parse(string scope, out ScopeRequest? request)
    {
        request = null;
        if (scope.Length > MaxLength) return EntraErrors.ScopeInvalid("(too long)");
        var openId = new HashSet<string>(StringComparer.Ordinal);
        var permissions = new List<ResourceScope>();
        foreach (var word in scope.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (OpenIdNames.Contains(word, StringComparer.OrdinalIgnoreCase))
            {
                openId.Add(word.ToLowerInvariant());
                continue;
            }
            var (prefix, resource) = Prefixes.FirstOrDefault(p => word.StartsWith(p.Prefix, StringComparison.OrdinalIgnoreCase));
            if (prefix is null)
            {
                // Other resources exist in the world, not in this tenant.
                if (word.Contains("://", StringComparison.Ordinal)) return EntraErrors.ResourceNotFound(word[..Math.Max(word.LastIndexOf('/'), 0)]);
                (prefix, resource) = ("", ApiResource.Graph);
            }
            var name = word[prefix.Length..].TrimStart('/');
            if (name != ".default")
            {
                if (PermissionCatalog.Find(name) is not { } known) return EntraErrors.NoSuchPermission(name, prefix.Length == 0 ? GraphPrefix.TrimEnd('/') : prefix.TrimEnd('/'));
                name = known.Name;
            }
            var asked = new ResourceScope(resource, prefix.Length == 0 ? GraphPrefix : prefix, name);
            if (!permissions.Contains(asked)) permissions.Add(asked);
        }
        if (openId.Count + permissions.Count == 0) return EntraErrors.ScopeInvalid("''");
        if (permissions.Any(p => p.IsDefault) && permissions.Count > 1) return EntraErrors.ScopeInvalid(scope);
        request = new(openId, permissions);
        return null;
    }

    /// <summary>With <c>.default</c> replaced by what the application declared.</summary>
    public IReadOnlySet<string> NamesFor(AppRegistration app) => Permissions.Any(p => p.IsDefault)
        ? new HashSet<string>(OpenId.Concat(app.Permissions.Select(p => p.Name)), StringComparer.OrdinalIgnoreCase)
        : new HashSet<string>(Names, StringComparer.OrdinalIgnoreCase);
}
