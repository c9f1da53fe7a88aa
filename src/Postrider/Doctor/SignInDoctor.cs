using System.Collections.Frozen;
using System.Globalization;
using Postrider.Web;

namespace Postrider.Doctor;

/// <summary>Explains refusals of Microsoft's sign-in. Source of the codes: Microsoft: "Microsoft Entra authentication and authorization error codes", read 2026-11.</summary>
internal static class SignInDoctor
{
    private const string Administrator = "administrator";
    private const string AzureAdministrator = "Microsoft 365 administrator";
    private const string Owner = "owner of the mailbox";

    private sealed record Entry(string Code, string What, string Remedy, string Who);

    private static readonly Entry SignInAgain = new("outlook-sign-in-needed", "Microsoft asks for a new sign-in of this account.",
        "Open the server and press Connect your Outlook account.", Owner);

    private static readonly FrozenDictionary<int, Entry> Explanations = Table().ToFrozenDictionary();

    /// <summary>The scope follows <see cref="SignInFailure.Error"/>; the numbers choose the words.</summary>
    public static Diagnosis Explain(SignInFailure failure)
    {
        var scope = ScopeOf(failure);
        var entry = failure.Codes.Select(code => Explanations.GetValueOrDefault(code)).FirstOrDefault(found => found is not null) ?? Unlisted(failure, scope);
        var problem = new Problem(entry.Code, entry.What, DetailOf(failure), entry.Remedy, entry.Who, RetriesByItself: scope == FaultScope.Passing);
        return new Diagnosis(problem, scope, failure.RetryAfter);
    }

    private static FaultScope ScopeOf(SignInFailure failure)
    {
        if (failure.HttpStatus is 408 or 429 or >= 500) return FaultScope.Passing;
        // AADSTS50196 comes as invalid_grant, yet says only that we asked too often.
        if (failure.Codes.Contains(50196)) return FaultScope.Passing;
        return failure.Error switch
        {
            "invalid_client" or "unauthorized_client" or "invalid_request" or "invalid_scope" or "invalid_resource" or "unsupported_grant_type" or "unsupported_response_type" => FaultScope.Application,
            "invalid_grant" or "interaction_required" or "consent_required" or "login_required" or "access_denied" => FaultScope.Account,
            // "temporarily_unavailable", "server_error", words of tomorrow, no word at all: none of them proves that anything is wrong on our side.
            _ => FaultScope.Passing,
        };
    }

    private static Entry Unlisted(SignInFailure failure, FaultScope scope) => (failure.Error, scope) switch
    {
        ("access_denied", _) => Consent,
        ("invalid_client", _) => new("outlook-application-refused", "Microsoft refused the application's credentials.",
            "Compare the Client ID and the Client Secret in General Settings with the application in the Azure portal.", Administrator),
        (_, FaultScope.Application) => new("outlook-request-refused", "Microsoft refused the request of the application.",
            "Compare the application in the Azure portal with the values that General Settings shows: account types, redirect URL, permissions.", Administrator),
        (_, FaultScope.Account) => SignInAgain,
        _ => new("outlook-unavailable", "Microsoft's sign-in could not answer just now.", "Nothing to do: Postrider tries again. If it lasts, look at the Microsoft 365 service health page.", "nobody"),
    };

    private static readonly Entry Consent = new("outlook-consent-declined", "Microsoft was told not to let Postrider use the mailbox.",
        "Press Connect your Outlook account again and accept.", Owner);

    private static string? DetailOf(SignInFailure failure)
    {
        var code = failure.Codes.Count > 0 ? "AADSTS" + failure.Codes[0].ToString(CultureInfo.InvariantCulture) : failure.Error;
        if (string.IsNullOrEmpty(failure.Description)) return code.Length == 0 ? null : code;
        return failure.Description.Contains(code, StringComparison.Ordinal) ? failure.Description : $"{code}: {failure.Description}";
    }

    private static Dictionary<int, Entry> Table()
    {
        var table = new Dictionary<int, Entry>();
        void Add(Entry entry, params ReadOnlySpan<int> codes)
        {
            foreach (var code in codes) table.Add(code, entry);
        }

        Add(new("outlook-secret-wrong", "Microsoft does not know the client secret.",
            "In the Azure portal open Certificates & secrets, make a new client secret and copy its Value (not its Secret ID) into General Settings.", Administrator), 7000215);
        Add(new("outlook-secret-expired", "The client secret has expired.",
            "In the Azure portal open Certificates & secrets, make a new client secret and copy its Value into General Settings. Mail waits until then.", Administrator), 7000222);
        Add(new("outlook-secret-missing", "Microsoft asks for a client secret.",
            "Enter the Client Secret in General Settings; the redirect URL must stand under the platform Web in the Azure portal.", Administrator), 7000218);
        Add(new("outlook-secret-refused", "Microsoft refused the client secret.",
            "Make a new client secret in the Azure portal and copy its Value into General Settings.", Administrator), 70002, 700025, 700027);
        Add(new("outlook-application-unknown", "Microsoft does not know the application in this directory.",
            "Compare the Client ID in General Settings with the Application (client) ID on the application's Overview page; the supported account types must include this account.", Administrator), 700016, 700011, 70001);
        Add(new("outlook-application-disabled", "The application is switched off in the tenant.",
            "In Microsoft Entra ID, Enterprise applications, open it and set Enabled for users to sign in to Yes.", AzureAdministrator), 7000112, 1000031);
        Add(new("outlook-redirect-not-registered", "The redirect URL is not registered with the application.",
            "In the Azure portal open the application's Authentication page and add, under the platform Web, exactly the redirect URL that General Settings shows.", Administrator), 50011, 500112, 900971, 70004);
        Add(new("outlook-user-not-assigned", "The account is not assigned to the application.",
            "In Microsoft Entra ID, Enterprise applications, open the application, Users and groups, and add the user; or set Assignment required to No.", AzureAdministrator), 50105);
        Add(new("outlook-application-single-tenant", "The application accepts accounts of its own directory only.",
            "On the application's Authentication page choose accounts in any organizational directory and personal Microsoft accounts; or set the system parameter microsoft_outlook.endpoint to the tenant's own address.", Administrator), 50194, 9002332, 9001023);
        Add(new("outlook-account-type", "This kind of account cannot use the application.",
            "Sign in with an account of the right directory, or change the supported account types of the application.", Administrator), 500208, 50020, 16000, 51004, 50014, 90072);
        Add(new("outlook-consent-missing", "Nobody has consented that Postrider may use the mailbox.",
            "Press Connect your Outlook account and accept; in some organisations an administrator has to accept for everybody.", Owner), 65001);
        Add(Consent, 65004);
        Add(new("outlook-admin-consent-needed", "The organisation lets only administrators accept applications.",
            "Ask an administrator of the tenant to grant consent on the application's API permissions page, then connect again.", AzureAdministrator), 90094, 90095, 90008);
        Add(new("outlook-permissions-missing", "The application lacks the permissions SMTP.Send and IMAP.AccessAsUser.All.",
            "Add both delegated permissions of Microsoft Graph on the application's API permissions page, then connect again.", Administrator), 65005, 650056, 650057);
        Add(new("outlook-exchange-missing", "The directory has no Exchange Online.",
            "Give the tenant an Exchange Online licence, or use an account of a tenant that has one.", AzureAdministrator), 650052, 500011, 50001);
        Add(new("outlook-scope-refused", "Microsoft refused the permissions that were asked for.",
            "Check SMTP.Send and IMAP.AccessAsUser.All on the application's API permissions page.", Administrator), 28000, 28002, 28003, 70011, 700022);
        Add(new("outlook-code-used", "The answer of Microsoft had been used before or came too late.",
            "Press Connect your Outlook account once more.", Owner), 54005, 70008, 50089);
        Add(new("outlook-verifier-refused", "The answer of Microsoft belongs to another attempt.",
            "Press Connect your Outlook account once more, in one browser window.", Owner), 501481, 50147, 501491);
        Add(new("outlook-token-expired", "The consent was not used for 90 days and has expired.",
            "Open the server and press Connect your Outlook account.", Owner), 700082, 700084);
        Add(new("outlook-token-revoked", "The consent was withdrawn, or the password was changed.",
            "Open the server and press Connect your Outlook account.", Owner), 50173, 50132, 50133, 70000, 70043);
        Add(new("outlook-password", "The password of the account is expired or wrong.",
            "Renew the password, then press Connect your Outlook account.", Owner), 50055, 50056, 50126);
        Add(new("outlook-account-disabled", "The account is disabled or no longer exists.",
            "Enable the account in Microsoft Entra ID, or correct the Username.", AzureAdministrator), 50057, 50034);
        Add(new("outlook-account-locked", "The account is locked after too many sign-ins with a wrong password.",
            "Wait or unlock the account, then press Connect your Outlook account.", Owner), 50053);
        Add(new("outlook-mfa", "Microsoft asks the owner for a second factor.",
            "Open the server and press Connect your Outlook account; the owner confirms with the second factor.", Owner), 50072, 50074, 50076, 50078, 50079, 50158, 53004);
        Add(new("outlook-conditional-access", "A Conditional Access policy of the organisation blocks this sign-in.",
            "Let the policy exclude the application or this mailbox, or meet its conditions; then connect again.", AzureAdministrator), 53000, 53001, 53002, 53003, 530032, 530035, 50097, 50131);
        Add(new("outlook-tenant-restriction", "A restriction between organisations or on the network blocks this sign-in.",
            "Ask the network's or the tenant's administrator to allow it.", AzureAdministrator), 500021, 500022, 500212, 500213);
        Add(new("outlook-tenant-unknown", "Microsoft does not know the tenant.",
            "Correct the tenant in the system parameter microsoft_outlook.endpoint.", Administrator), 90002, 50059, 90019);
        Add(new("outlook-wrong-cloud", "The tenant belongs to another national cloud.",
            "Set the system parameter microsoft_outlook.endpoint to the sign-in address of that cloud.", Administrator), 90038, 900382, 900432);
        Add(new("outlook-asked-too-often", "Microsoft was asked for the same token too often.",
            "Nothing to do: Postrider waits and tries again.", "nobody"), 50196, 90055);
        Add(SignInAgain, 50058, 50085);
        return table;
    }
}
