using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Entra;

/// <summary>What a sign-in comes to once it is known who signs in, and which page comes before that.</summary>
internal static class SignInRules
{
    /// <summary>Whether the enterprise application lets this user in; null when it does. Judged before consent, and again at every token.</summary>
    public static EntraError? JudgePrincipal(AppRegistration app, DirectoryUser user, EntraDirectory directory)
    {
        // Where nobody has used the application yet there is no enterprise application, and nothing is required.
        if (directory.PrincipalForSignIn(app, user) is not { } principal) return null;
        if (!principal.IsEnabled) return EntraErrors.ApplicationDisabled(app);
        return principal.AssignmentRequired && !directory.IsAssigned(principal, user) ? EntraErrors.NotAssigned(app, user) : null;
    }

    /// <summary>Everything that keeps this account from the application, besides consent; null when nothing does.</summary>
    public static EntraError? Judge(AuthorizeRequest request, DirectoryUser user, EntraDirectory directory)
    {
        if (!user.IsEnabled) return EntraErrors.UserDisabled;
        return request.Authority.Judge(request.App, user) ?? JudgePrincipal(request.App, user, directory);
    }

    /// <summary>Who signs in, as far as the browser's session and the request tell.</summary>
    /// <param name="signedIn">Accounts signed in in this browser.</param>
    public static AccountStep ChooseAccount(AuthorizeRequest request, IReadOnlyList<DirectoryUser> signedIn)
    {
        var fitting = signedIn.Where(request.Authority.Admits).ToList();
        var hinted = request.LoginHint is null ? null : fitting.FirstOrDefault(u => u.UserPrincipalName.Equals(request.LoginHint, StringComparison.OrdinalIgnoreCase));
        return request.Prompt switch
        {
            "none" when hinted is not null => new AccountStep.Known(hinted),
            "none" when request.LoginHint is not null || fitting.Count == 0 => new AccountStep.Refused(EntraErrors.SilentNobodySignedIn),
            "none" when fitting.Count > 1 => new AccountStep.Refused(EntraErrors.SilentSeveralAccounts),
            "none" => new AccountStep.Known(fitting[0]),
            // With select_account a hint would contradict the question: the person is asked.
            "select_account" => fitting.Count > 0 ? new AccountStep.Pick(fitting) : new AccountStep.AskName(),
            "login" => request.LoginHint is null ? new AccountStep.AskName() : new AccountStep.AskPassword(request.LoginHint),
            _ when hinted is not null => new AccountStep.Known(hinted),
            _ when request.LoginHint is not null => new AccountStep.AskPassword(request.LoginHint),
            _ => fitting.Count switch { 0 => new AccountStep.AskName(), 1 => new AccountStep.Known(fitting[0]), _ => new AccountStep.Pick(fitting) },
        };
    }

    /// <summary>Whether the person must be asked before a code is issued.</summary>
    public static ConsentStep ChooseConsent(AuthorizeRequest request, DirectoryUser user, IReadOnlySet<string> consented, bool managesApplications)
    {
        var asked = request.Scopes.NamesFor(request.App);
        var missing = asked.Where(n => !consented.Contains(n)).ToList();
        if (missing.Count == 0 && request.Prompt != "consent") return new ConsentStep.Given();
        if (request.Prompt == "none") return new ConsentStep.Refused(EntraErrors.SilentNotConsented(request.App));
        if (!managesApplications && missing.Any(n => PermissionCatalog.Find(n)?.AdminConsentRequired == true)) return new ConsentStep.Refused(EntraErrors.AdminConsentNeeded(request.App));
        return new ConsentStep.Ask([.. PermissionCatalog.All.Where(p => asked.Contains(p.Name))], OffersEveryone: managesApplications && !user.IsPersonal);
    }
}

/// <summary>The next step before the account is known.</summary>
internal abstract record AccountStep
{
    public sealed record Known(DirectoryUser User) : AccountStep;
    public sealed record Pick(IReadOnlyList<DirectoryUser> Accounts) : AccountStep;
    public sealed record AskName : AccountStep;
    public sealed record AskPassword(string UserName) : AccountStep;
    /// <summary>Only with <c>prompt=none</c>: told to the application.</summary>
    public sealed record Refused(EntraError Error) : AccountStep;
}

/// <summary>The next step once the account is known.</summary>
internal abstract record ConsentStep
{
    public sealed record Given : ConsentStep;
    public sealed record Ask(IReadOnlyList<ApiPermission> Permissions, bool OffersEveryone) : ConsentStep;
    /// <summary>Told to the application with <c>prompt=none</c>; shown on Entra's page otherwise.</summary>
    public sealed record Refused(EntraError Error) : ConsentStep;
}
