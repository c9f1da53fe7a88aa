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

    public static Problem NotMicrosoft(string host, string usual) => new("outgoing-server-not-microsoft", $"{host} is no server of Microsoft, so the mailbox's token was not sent to it.", null,
        $"Enter {usual} as the SMTP Server, or make it another SMTP server.", "administrator", false);

    public static Problem Archived(string name) => new("outgoing-server-archived", $"The server “{name}” is archived, so its mail waits.", null, "Activate the server.", "administrator", false);
}
