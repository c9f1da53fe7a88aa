using System.Globalization;
using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Entra;

/// <summary>
/// Entra's refusals. Codes and meanings: Microsoft: "Microsoft Entra authentication and authorization error codes", read 2026-11. The sentences of
/// 50105, 50173, 65001, 700082, 7000215 and 7000222 are Microsoft's as published; the others follow its usual wording, and clients must not depend on any.
/// </summary>
internal static class EntraErrors
{
    // ---- The request

    public static EntraError TenantNotFound(string tenant) => new(90002, "invalid_request",
        $"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.");

    public static EntraError ParameterMissing(string name) => new(900144, "invalid_request", $"The request body must contain the following parameter: '{name}'.");

    public static EntraError Malformed(string what) => new(90023, "invalid_request", $"Invalid STS request. {what}");

    public static EntraError OnlyPost { get; } = new(900561, "invalid_request", "The endpoint only accepts POST requests. Received a GET request.");

    public static EntraError ApplicationNotFound(string clientId, string directory) => new(700016, "unauthorized_client",
        $"Application with identifier '{clientId}' was not found in the directory '{directory}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.");

    public static EntraError SingleTenant(AppRegistration app) => new(50194, "invalid_request",
        $"Application '{app.ClientId}'({app.DisplayName}) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.");

    public static EntraError WorkAccountsOnly(AppRegistration app) => new(9002332, "invalid_request",
        $"Application '{app.ClientId}'({app.DisplayName}) is configured for use by Microsoft Entra users only. Please do not use the /consumers endpoint to serve this request.");

    public static EntraError PersonalAccountsOnly(AppRegistration app) => new(9002331, "invalid_request",
        $"Application '{app.ClientId}'({app.DisplayName}) is configured for use by Microsoft Account users only. Please use the /consumers endpoint to serve this request.");

    public static EntraError RedirectUriMismatch(string redirectUri, Guid clientId) => new(50011, "invalid_request",
        $"The redirect URI '{redirectUri}' specified in the request does not match the redirect URIs configured for the application '{clientId}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal.");

    public static EntraError NoRedirectUri { get; } = new(500113, "invalid_request", "No reply address is registered for the application.");

    public static EntraError ResponseTypeNotEnabled(string type) => new(700054, "unsupported_response_type", $"response_type '{type}' is not enabled for the application.");

    public static EntraError ResponseModeNotSupported(string mode) => new(70007, "invalid_request", $"'{mode}' is not a supported value of 'response_mode' when requesting a token.");

    public static EntraError ChallengeMalformed { get; } = new(50147, "invalid_request", "The code_challenge or code_challenge_method sent is missing, too long or malformed.");

    public static EntraError ScopeInvalid(string scope) => new(70011, "invalid_scope", $"The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid.");

    public static EntraError SeveralResources(string scope) => new(28000, "invalid_request", $"Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is not valid.");

    public static EntraError ResourceNotFound(string resource) => new(500011, "invalid_resource", $"The resource principal named {resource} was not found in the tenant. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.");

    public static EntraError NoSuchPermission(string name, string resource) => new(650053, "invalid_client", $"The application asked for scope '{name}' that doesn't exist on the resource '{resource}'. Contact the app vendor.");

    // ---- The person

    public static EntraError WrongPassword { get; } = new(50126, "invalid_grant", "Error validating credentials due to invalid username or password.");

    public static EntraError UserNotFound(string name) => new(50034, "invalid_grant", $"The user account {name} does not exist in this directory. To sign into this application, the account must be added to the directory.");

    public static EntraError UserDisabled { get; } = new(50057, "invalid_grant", "The user account is disabled.");

    public static EntraError AccountTypeNotAllowed { get; } = new(500208, "invalid_request", "The domain is not a valid login domain for the account type.");

    public static EntraError NotInTenant(DirectoryUser user, EntraTenant tenant, AppRegistration app) => new(50020, "invalid_request",
        $"User account '{user.UserPrincipalName}' from identity provider '{(user.IsPersonal ? "live.com" : "https://sts.windows.net/" + user.TenantId + "/")}' does not exist in tenant '{tenant.DisplayName}' and cannot access the application '{app.ClientId}'({app.DisplayName}) in that tenant. The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different Microsoft Entra user account.");

    public static EntraError NotAssigned(AppRegistration app, DirectoryUser user) => new(50105, "invalid_grant",
        $"Your administrator has configured the application {app.DisplayName} ('{app.ClientId}') to block users unless they are specifically granted ('assigned') access to the application. The signed in user '{user.UserPrincipalName}' is blocked because they are not a direct member of a group with access, nor had access directly assigned by an administrator. Please contact your administrator to assign access to this application.");

    public static EntraError ApplicationDisabled(AppRegistration app) => new(7000112, "unauthorized_client", $"Application '{app.ClientId}'({app.DisplayName}) is disabled.");

    public static EntraError Declined { get; } = new(65004, "access_denied", "User declined to consent to access the app.");

    public static EntraError AdminConsentNeeded(AppRegistration app) => new(90094, "consent_required", $"An administrator of your organization must grant {app.DisplayName} permissions that only an administrator can grant.");

    public static EntraError SilentNobodySignedIn { get; } = new(50058, "login_required", "A silent sign-in request was sent but no user is signed in.");

    public static EntraError SilentSeveralAccounts { get; } = new(16000, "interaction_required", "Either multiple user identities are available for the current request or the selected account is not supported for the scenario.");

    public static EntraError SilentNotConsented(AppRegistration app) => NotConsented(app) with { Error = "consent_required" };

    public static EntraError FlowExpired { get; } = new(50089, "invalid_grant", "The flow token has expired. Start the sign-in again from the application.");

    // ---- The token endpoint

    public static EntraError NotConsented(AppRegistration app) => new(65001, "invalid_grant",
        $"The user or administrator has not consented to use the application with ID '{app.ClientId}' named '{app.DisplayName}'. Send an interactive authorization request for this user and resource.", SubError: "consent_required");

    public static EntraError SecretMissing { get; } = new(7000218, "invalid_client", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.", StatusCodes.Status401Unauthorized);

    public static EntraError SecretWrong(Guid clientId) => new(7000215, "invalid_client",
        $"Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{clientId}'.", StatusCodes.Status401Unauthorized);

    public static EntraError SecretExpired(Guid clientId) => new(7000222, "invalid_client",
        $"The provided client secret keys for app '{clientId}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.", StatusCodes.Status401Unauthorized);

    public static EntraError GrantTypeUnsupported(string type) => new(70003, "unsupported_grant_type", $"The app requested an unsupported grant type '{type}'.");

    public static EntraError GrantMalformed { get; } = new(9002313, "invalid_grant", "Invalid request. Request is malformed or invalid.");

    public static EntraError GrantOfAnotherClient { get; } = new(70000, "invalid_grant", "Provided grant is invalid or malformed. It was issued to another client.");

    public static EntraError GrantOfAnotherTenant { get; } = new(700005, "invalid_grant", "Provided Authorization Code is intended to use against other tenant, thus rejected.");

    public static EntraError RedirectUriOfTokenDiffers { get; } = new(500112, "invalid_grant", "The reply address of the token request does not match the reply address of the authorization request.");

    public static EntraError CodeRedeemed { get; } = new(54005, "invalid_grant", "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.");

    public static EntraError CodeExpired { get; } = new(70008, "invalid_grant", "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.");

    public static EntraError VerifierMismatch { get; } = new(501481, "invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request.");

    public static EntraError VerifierMalformed { get; } = new(501491, "invalid_request", "The code_verifier sent is malformed: it must be 43 to 128 characters of A-Z, a-z, 0-9, '-', '.', '_' and '~'.");

    public static EntraError RefreshTokenIdle(DateTimeOffset issued) => new(700082, "invalid_grant",
        string.Create(CultureInfo.InvariantCulture, $"The refresh token has expired due to inactivity. The token was issued on {issued.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'} and was inactive for 90.00:00:00."));

    public static EntraError GrantRevoked(DateTimeOffset issued, DateTimeOffset validFrom) => new(50173, "invalid_grant",
        string.Create(CultureInfo.InvariantCulture, $"The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The grant was issued on '{issued.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'}' and the TokensValidFrom date (before which tokens are not valid) for this user is '{validFrom.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'}'."));
}
