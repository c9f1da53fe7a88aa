using System.Globalization;
using Postrider.Web;

namespace Postrider.OutlookCredentials;

internal static class OutlookCredentialsProblems
{
    public static Problem ClientIdNotGuid { get; } = new("outlook-client-id-invalid", "The Client ID is not an application ID.", "It looks like 11112222-3333-4444-5555-666677778888.",
        "Copy Application (client) ID from the application's Overview page in the Azure portal.", "you", false);

    public static Problem SecretIdPasted { get; } = new("outlook-secret-id-pasted", "This is the Secret ID, not the secret.", "The Client Secret is the text in the column Value; a Secret ID is a GUID.",
        "In the Azure portal, Certificates & secrets, copy the Value of the client secret. It is shown only right after it was made: if it is hidden now, make a new client secret.", "you", false);

    public static Problem SecretNotAllowed { get; } = new("outlook-secret-invalid", "The Client Secret holds blanks or characters that no client secret has.", null,
        "Copy the Value of the client secret with the copy button beside it.", "you", false);

    public static Problem SecretMissing { get; } = new("outlook-secret-not-entered", "The Client Secret is missing.", null,
        "In the Azure portal, Certificates & secrets, make a new client secret and copy its Value.", "you", false);

    public static Problem DayNotUnderstood { get; } = new("outlook-secret-day-invalid", "Expires on is not a day.", null, "Enter it as year-month-day, such as 2028-11-22, or leave it empty.", "you", false);

    public static Problem NotEntered { get; } = new("outlook-credentials-missing", "The Outlook Credentials have not been entered.", null,
        "Enter Client ID and Client Secret in General Settings, Discuss, Custom Email Servers, Outlook Credentials.", "administrator", false);

    public static Problem NotReadable { get; } = new("outlook-secret-unreadable", "The stored Client Secret cannot be read.", "The key file in the data folder is not the one that sealed it.",
        "Put the right key file back, or enter the Client Secret again.", "administrator", false);

    public static Problem NotInstalled { get; } = new("outlook-not-installed", "The app Microsoft Outlook is not installed.", null, "Open Apps, search Outlook and install Microsoft Outlook.", "administrator", false);

    /// <returns>Null while there is nothing to warn of.</returns>
    public static Problem? ExpiryWarning(DateOnly? expiresOn, DateTimeOffset now)
    {
        const string remedy = "In the Azure portal, Certificates & secrets, make a new client secret, and enter its Value and its day in General Settings. Both secrets work until the old one ends.";
        var day = expiresOn?.ToString("d MMMM yyyy", CultureInfo.InvariantCulture);
        return CredentialRules.LifeOf(expiresOn, now) switch
        {
            SecretLife.Ended => new("outlook-secret-past-its-day", $"The client secret ended on {day}.", "From then on no mailbox can be connected or refreshed.", remedy, "administrator", false),
            SecretLife.EndsNow or SecretLife.EndsSoon => new("outlook-secret-ends-soon", $"The client secret ends on {day}.", "When it has ended, mail waits until a new one is entered.", remedy, "administrator", false),
            _ => null,
        };
    }
}
