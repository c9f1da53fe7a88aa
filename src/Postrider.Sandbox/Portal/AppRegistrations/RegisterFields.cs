using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Portal.AppRegistrations;

/// <summary>The form <i>Register an application</i> as it was filled in.</summary>
/// <param name="Platform">"web", or empty while none is selected.</param>
public sealed record RegisterFields(string Name, SignInAudience Audience, string Platform, string RedirectUri)
{
    public static RegisterFields Empty { get; } = new("", SignInAudience.AzureADMyOrg, "", "");

    internal static RegisterFields Read(IFormCollection form) => new(
        form["name"].ToString(),
        Enum.TryParse<SignInAudience>(form["audience"], out var audience) && Enum.IsDefined(audience) ? audience : Empty.Audience,
        form["platform"] == "web" ? "web" : "",
        form["redirectUri"].ToString().Trim());

    /// <summary>All that is wrong at once, so the person mends it in one go.</summary>
    internal RegisterProblems Check() => new(
        RegistrationRules.CheckName(Name, Audience)?.Message,
        null,
        RedirectUri.Length > 0 && Platform.Length == 0 ? "Select a platform for this redirect URI." : null,
        RedirectUri.Length > 0 ? RegistrationRules.CheckRedirectUri(RedirectUri, Audience)?.Message : null);
}

/// <summary>A sentence beside each field that has to be mended; null where nothing has.</summary>
public sealed record RegisterProblems(string? Name, string? Audience, string? Platform, string? RedirectUri)
{
    public static RegisterProblems None { get; } = new(null, null, null, null);
    public bool Any => this != None;
}
