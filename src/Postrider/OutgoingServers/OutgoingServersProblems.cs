using System.Globalization;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Web;

namespace Postrider.OutgoingServers;

internal static class OutgoingServersProblems
{
    public static Problem Invalid(IReadOnlyDictionary<string, string> errors) => new("outgoing-server-invalid", "The server was not saved.",
        string.Join(" ", errors.Select(error => $"{error.Key}: {error.Value}")), "Correct the fields that are marked.", "you", false);

    public static Problem NotFound { get; } = new("outgoing-server-not-found", "There is no such outgoing mail server.", null, "Go back to the list of servers.", "you", false);

    public static Problem NoTestSender { get; } = new("outgoing-server-no-test-sender", "There is no address to test with.", "The From Filter is empty, and neither the Username nor your own e-mail is an address.",
        "Enter an address in the From Filter, or configure an email on the current user to simulate sending an email message via this outgoing server.", "you", false);

    public static Problem PasswordNotReadable { get; } = new("outgoing-server-password-unreadable", "The stored password cannot be read.", "The key file in the data folder is not the one that sealed it.",
        "Put the right key file back, or enter the password again.", "administrator", false);

    public static Problem CertificateNotReadable { get; } = new("outgoing-server-certificate-unreadable", "The stored client certificate cannot be read.", "The key file in the data folder is not the one that sealed it.",
        "Put the right key file back, or hand in the certificate again.", "administrator", false);

    /// <summary>Within a sentence.</summary>
    public static string CertificateOf(string server) => $"The client certificate of “{server}”";

    /// <returns>Null while the server has none, or one that is good for long.</returns>
    public static Problem? CertificateEnd(OutgoingServer server, DateTimeOffset now)
    {
        if (server.Certificate is not { } certificate || certificate.EndsAt - now > EndingRules.Notice) return null;
        const string remedy = "Ask for a new certificate, and hand it in on the server's page.";
        var (name, day) = (CertificateOf(server.Name), EndingWords.Day(certificate.EndsAt));
        var left = EndingRules.DaysLeft(certificate.EndsAt, now) is > 1 and var days ? $"{days.ToString(CultureInfo.InvariantCulture)} days" : "a day";
        return certificate.EndsAt <= now
            ? new("certificate-ended", $"{name} ended on {day}.", "The server does not let the hub in with it.", remedy, "administrator", false)
            : new("certificate-ends-soon", $"{name} ends in {left}, on {day}.", "From then on its mail waits.", remedy, "administrator", false);
    }

    public static Problem Held(string name, string? reason) => new("outgoing-server-held", $"The server “{name}” is held, so its mail waits.", string.IsNullOrEmpty(reason) ? null : reason, "Open the server and press Release.", "administrator", false);

    public static Problem HoldReason(int longest) => new("outgoing-server-hold-reason", "This reason cannot be stored.", null, $"Write one line of at most {longest} characters, or nothing.", "you", false);

    public static Problem NotMicrosoft(string host, string usual) => new("outgoing-server-not-microsoft", $"{host} is no server of Microsoft, so the mailbox's token was not sent to it.", null,
        $"Enter {usual} as the SMTP Server, or make it another SMTP server.", "administrator", false);

    public static Problem Archived(string name) => new("outgoing-server-archived", $"The server “{name}” is archived, so its mail waits.", null, "Activate the server.", "administrator", false);

    public static Problem NoServer { get; } = new("no-outgoing-server", "There is no active outgoing mail server.", null, "Create one in General Settings, Outgoing Email Servers, or activate one.", "administrator", false);

    public static Problem NoServerFor(EmailAddress sender) => new("no-outgoing-server", $"No outgoing mail server may send for {sender}.", null,
        "Create a server whose From Filter is the default sender, so that it takes what no other server takes.", "administrator", false);

    public static Problem ForcedUnknown { get; } = new("outgoing-server-unknown", "The outgoing mail server that the mail asks for does not exist.", null, "Choose another server.", "you", false);

    public static Problem ForcedArchived(string name) => new("outgoing-server-archived", $"The server “{name}” cannot be used because it is archived.", null, "Activate it or choose another server.", "administrator", false);

    public static Problem ForcedOwned(string name, bool active) => new("outgoing-server-owned", $"The server “{name}” belongs to a user and sends only that user's mail from its own address.",
        active ? null : "It is archived, too.", "Choose another server.", "you", false);

    /// <param name="reply">The server's refusal then; null when it gave none.</param>
    public static Problem ForcedMayNotSendAs(string name, EmailAddress from, string? reply) => new("outgoing-server-may-not-send-as", $"The server “{name}” refused {from} before: its account may not send as this address. Nothing was stored.",
        reply, "Send from the account's own address, or give the account Send As rights on that mailbox and press Test Connection on the server's page.", "Microsoft 365 administrator", false);

    public static Problem ForcedNeedsSettings { get; } = new("outgoing-server-needs-settings", "Choosing the server or the envelope sender needs the right Settings.", null, "Leave out server and envelopeFrom: the hub chooses by the sender.", "administrator", false);

    /// <param name="uses">What still uses it, a sentence each.</param>
    public static Problem InUse(string name, IEnumerable<string> uses) => new("outgoing-server-in-use",
        $"You cannot archive this Outgoing Mail Server ({name}) because it is still used.", string.Join(" ", uses), "Choose another server there first.", "you", false);

    /// <param name="field">Of the question: <c>from</c>.</param>
    public static Problem ExplainUnreadable(string field, string expected) => new("explain-unreadable", $"The question cannot be read: {field}.", $"Expected: {expected}.", "Correct it and ask again.", "you", false);

    public static Problem PersonalOff { get; } = new("personal-server-off", "Own outgoing mail servers are switched off.", null,
        "Install Microsoft Outlook, check Custom Email Servers, and leave mail.disable_personal_mail_servers unset.", "administrator", false);

    public static Problem PersonalNoAddress(string email) => new("personal-server-no-address", "Set your e-mail address before connecting your mailbox.", $"“{email}” is none.", "Ask an administrator to correct it in Users.", "administrator", false);

    public static Problem PersonalAddressIsTheHubs(EmailAddress address) => new("personal-server-address-in-use", $"{address} is an address of the hub itself, so it cannot be a user's own.", null,
        "Ask an administrator for another address, or for a server that everybody may use.", "administrator", false);

    public static Problem DedicatedMissing { get; } = new("dedicated-server-missing", "Choose the server for mailings.", "Dedicated Server is ticked, and no server is chosen.", "Choose an active server that belongs to nobody, or clear Dedicated Server.", "you", false);

    public static Problem NoSentItems(string name) => new("sent-items-not-kept", $"The server “{name}” keeps no copies of what it sends, so nothing can be looked up.", null, "Ask the receiver whether the mail came.", "you", false);

    public static Problem NoSentItemsFolder { get; } = new("sent-items-no-folder", "The mailbox has no folder that is known as Sent Items.", null, "Look into the mailbox itself.", "administrator", true);

    public static Problem SentItemsNotSearchable(uint looked) => new("sent-items-not-searchable", "The mailbox refuses to search its Sent Items.",
        $"The newest {looked.ToString(CultureInfo.InvariantCulture)} messages were looked at, and the mail may lie before them.", "Look into the mailbox itself.", "administrator", true);

    public static Problem SentItemsTooSlow(EmailAddress mailbox) => new("sent-items-too-slow", $"{mailbox}: the mailbox did not answer in time.", null, "Nothing to do at first: Postrider looks again.", "nobody", true);

    public static Problem BudgetInvalid { get; } = new("sending-budget-invalid", "The budget was not changed: a field is no number.", null, "Enter whole numbers from 0 to 10,000,000; leave a field empty for the default.", "you", false);

    public static Problem BudgetNotFound { get; } = new("sending-budget-not-found", "There is no such sending budget.", null, "Take the meter from the list of budgets.", "you", false);
}
