using Postrider.Web;

namespace Postrider.OutlookAccounts;

internal static class OutlookAccountsProblems
{
    private const string ConnectAgain = "Open the server and press Connect your Outlook account.";

    public static Problem NotConnected { get; } = new("outlook-not-connected", "No Outlook account is connected.", null, ConnectAgain, "administrator", false);
    public static Problem Gone { get; } = new("outlook-account-gone", "The Outlook account is no longer known here.", null, ConnectAgain, "administrator", false);
    public static Problem SignInNeeded { get; } = new("outlook-sign-in-needed", "Microsoft asks for a new sign-in of this account.", null, ConnectAgain, "owner of the mailbox", false);
    public static Problem OtherApplication { get; } = new("outlook-other-application", "The account consented to another application than the one in General Settings.", "The Client ID was changed since.", ConnectAgain, "owner of the mailbox", false);
    public static Problem TokensNotReadable { get; } = new("outlook-tokens-unreadable", "The stored tokens cannot be read.", "The key file in the data folder is not the one that sealed them.", "Put the right key file back, or connect the account again.", "administrator", false);

    public static Problem TargetGone { get; } = new("connect-server-gone", "The server that was to be connected is gone, or is not an Outlook server.", null, "Go back to the list of servers.", "you", false);
    public static Problem BaseUrlNotHere(string here, string expected) => new("connect-base-url", "Microsoft would send the browser to another address than the one you are using.",
        $"You are at {here}; web.base.url is {expected}.", "Open the hub at the address of web.base.url, or correct that system parameter.", "administrator", false);

    public static Problem StateMissing { get; } = new("connect-state-missing", "This address belongs to the end of a sign-in at Microsoft, and there is none.", null,
        "Open the server and press Connect your Outlook account.", "you", false);
    public static Problem StateUnknown { get; } = new("connect-state-unknown", "This sign-in was not begun here.", "Nothing was asked of Microsoft and nothing was stored.", ConnectAgain, "you", false);
    public static Problem StateUsed { get; } = new("connect-state-used", "This sign-in has been used already.", "Each one works once. Nothing was asked of Microsoft and nothing was stored.", "Open the server: it shows whether the account is connected. If not, press Connect your Outlook account.", "you", false);
    public static Problem StateExpired { get; } = new("connect-state-expired", "This sign-in took longer than ten minutes.", "Nothing was asked of Microsoft and nothing was stored.", ConnectAgain, "you", false);
    public static Problem StateForeign { get; } = new("connect-state-foreign", "This sign-in was begun in another browser or by another user.", "Nothing was asked of Microsoft and nothing was stored.",
        "Sign in to Postrider in this browser and press Connect your Outlook account there.", "you", false);
    public static Problem CodeMissing { get; } = new("connect-code-missing", "Microsoft sent neither a code nor an error.", null, ConnectAgain, "you", false);
    public static Problem NoRefreshToken { get; } = new("outlook-no-refresh-token", "Microsoft gave no permission to stay signed in.", "There was no refresh token in its answer.",
        "Check that nothing in the tenant forbids offline_access, then connect again.", "Microsoft 365 administrator", false);
    public static Problem PermissionNotGranted(string permission) => new("outlook-permission-not-granted", $"The permission {permission} was not granted.", null,
        $"Add the delegated permission {permission} of Microsoft Graph on the application's API permissions page, then connect again.", "administrator", false);

    public static Problem NotYourMailbox(string signedInAs, Mail.EmailAddress expected) => new("connect-not-your-mailbox", $"You signed in at Microsoft as {signedInAs}, but your address is {expected}.", "Nothing was stored.",
        "Connect again and sign in as yourself; or ask an administrator to correct your address in Users.", "you", false);

    public static Problem AnswerUnknown { get; } = new("connect-answer-unknown", "This is no answer to the question about the other account.", null,
        "Answer keep, again or change.", "you", false);

    /// <summary>Microsoft shows some refusals on its own page and never sends the browser back.</summary>
    public static Problem NeverCameBack(DateTimeOffset startedAt) => new("connect-never-came-back", "The last sign-in did not come back from Microsoft.",
        $"Begun at {startedAt.UtcDateTime:yyyy-MM-dd HH:mm} UTC. Microsoft shows some refusals on its own page and does not send the browser back.",
        "If its page said AADSTS50011, add the redirect URL to the application; 50105, assign the user to it; 700016, correct the Client ID; 50194, allow accounts of any directory; 90094, ask an administrator to consent. Then connect again.", "administrator", false);
}
