using System.Globalization;
using Postrider.Mail;
using Postrider.Web;

namespace Postrider.OutgoingServers;

internal static class OutgoingServersProblems
{
    public static Problem Invalid(IReadOnlyDictionary<string, string> errors) => new("outgoing-server-invalid", "The server was not saved.",
        string.Join(" ", errors.Select(error => $"{error.Key}: {error.Value}")), "Correct the fields that are marked.", "you", false);

    public static Problem NotFound { get; } = new("outgoing-server-not-found", "There is no such outgoing mail server.", null, "Go back to the list of servers.", "you", false);

    public static Problem NoTestSender { get; } = new("outgoing-server-no-test-sender", "There is no address to test with.", "The test sends from the mailbox to itself.",
        "Enter an address as the Username or in the From Filter.", "you", false);

    public static Problem PasswordNotReadable { get; } = new("outgoing-server-password-unreadable", "The stored password cannot be read.", "The key file in the data folder is not the one that sealed it.",
        "Put the right key file back, or enter the password again.", "administrator", false);

    public static Problem Archived(string name) => new("outgoing-server-archived", $"The server “{name}” is archived, so its mail waits.", null, "Activate the server.", "administrator", false);

    public static Problem NoSentItems(string name) => new("sent-items-not-kept", $"The server “{name}” keeps no copies of what it sends, so nothing can be looked up.", null, "Ask the receiver whether the mail came.", "you", false);

    public static Problem NoSentItemsFolder { get; } = new("sent-items-no-folder", "The mailbox has no folder that is known as Sent Items.", null, "Look into the mailbox itself.", "administrator", true);

    public static Problem SentItemsNotSearchable(uint looked) => new("sent-items-not-searchable", "The mailbox refuses to search its Sent Items.",
        $"The newest {looked.ToString(CultureInfo.InvariantCulture)} messages were looked at, and the mail may lie before them.", "Look into the mailbox itself.", "administrator", true);

    public static Problem SentItemsTooSlow(EmailAddress mailbox) => new("sent-items-too-slow", $"{mailbox}: the mailbox did not answer in time.", null, "Nothing to do at first: Postrider looks again.", "nobody", true);
}
