using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Portal.AppRegistrations;

/// <summary><i>Supported account types</i> in the portal's words.</summary>
internal static class AudienceTexts
{
    public static IReadOnlyList<SignInAudience> InOrder { get; } =
        [SignInAudience.AzureADMyOrg, SignInAudience.AzureADMultipleOrgs, SignInAudience.AzureADandPersonalMicrosoftAccount, SignInAudience.PersonalMicrosoftAccount];

    public static string Choice(SignInAudience audience, EntraTenant tenant) => audience switch
    {
        SignInAudience.AzureADMyOrg => $"Accounts in this organizational directory only ({tenant.DisplayName} only - Single tenant)",
        SignInAudience.AzureADMultipleOrgs => "Accounts in any organizational directory (Any Microsoft Entra ID directory - Multitenant)",
        SignInAudience.AzureADandPersonalMicrosoftAccount => "Accounts in any organizational directory (Any Microsoft Entra ID directory - Multitenant) and personal Microsoft accounts (e.g. Skype, Xbox)",
        _ => "Personal Microsoft accounts only",
    };

    public static string Short(SignInAudience audience) => audience switch
    {
        SignInAudience.AzureADMyOrg => "My organization only",
        SignInAudience.AzureADMultipleOrgs => "Multiple organizations",
        SignInAudience.AzureADandPersonalMicrosoftAccount => "All Microsoft account users",
        _ => "Personal Microsoft account users",
    };
}
