using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Web;

namespace Postrider.Doctor;

/// <summary>Explains what an IMAP server refused.</summary>
internal static class ImapDoctor
{
    private const string Administrator = "administrator";
    private const string ExchangeAdministrator = "Microsoft 365 administrator";

    public static Diagnosis Explain(ImapFailure failure, string host, int port)
    {
        if (Says(failure, "AccessTokenExpired"))
            return Server("imap-token-expired", "The access token ended during the connection.", failure, "Nothing to do: Postrider signs in again.", "nobody", true);
        // Exchange completes AUTHENTICATE for any good token and refuses the mailbox only afterwards.
        if (Says(failure, "authenticated but not connected"))
            return Server("imap-mailbox-not-connected", "Microsoft knows the account, but does not open the mailbox for it.", failure,
                "Check that IMAP is on for this mailbox (Manage email apps), that the Username is the account's own mailbox or one it has full access to, and that the mailbox has a licence.", ExchangeAdministrator, true);
        if (Says(failure, "Basic authentication is disabled") || Says(failure, "LOGIN failed"))
            return Server("imap-password-not-allowed", "The server does not accept passwords.", failure, "Choose Outlook OAuth Authentication and connect the account.", Administrator, false);
        if (Says(failure, "throttled"))
            return Server("imap-throttled", "The server asks for a pause.", failure, "Nothing to do: Postrider waits.", "nobody", true);
        if (WireDoctor.Explain(failure.Kind, host, port, failure.ServerText ?? failure.Detail) is { } wire) return wire;
        return failure.Kind == WireFailureKind.AuthenticationRefused
            ? Server("imap-sign-in-refused", "The server refused the sign-in.", failure,
                "Check that the Username is the mailbox of the connected account or one it has full access to; then connect again.", Administrator, true)
            : Server("imap-refused", $"The server refused {failure.Command}.", failure, "Read what the server wrote.", Administrator, true);
    }

    private static bool Says(ImapFailure failure, string sentence) => failure.ServerText?.Contains(sentence, StringComparison.OrdinalIgnoreCase) == true;

    private static Diagnosis Server(string code, string what, ImapFailure failure, string remedy, string who, bool retries) =>
        new(new Problem(code, what, failure.ServerText ?? failure.Detail, remedy, who, retries), FaultScope.Server);
}
