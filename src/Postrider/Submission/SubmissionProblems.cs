using Postrider.Web;

namespace Postrider.Submission;

internal static class SubmissionProblems
{
    public static Problem SignInRefused { get; } = new("submission-sign-in-refused", "The user name or the API key is not right.", null, "Give your e-mail address as user name and an API key, made under Preferences, as password; never your own password.", "you", false);

    public static Problem SignInTooOften { get; } = new("submission-sign-in-too-often", "There were too many wrong sign-ins.", null, "Wait five minutes, then try again.", "you", false);

    public static Problem NotTrusted { get; } = new("submission-not-signed-in", "This address may not hand in mail without signing in.", null, "Sign in with an API key, or have the address added to submission.trusted_networks.", "administrator", false);

    /// <param name="flaw">Without content of the message.</param>
    public static Problem HeaderUnreadable(string flaw) => new("submission-header-unreadable", "The header cannot be relied on, so nobody can say whom the message is from.", flaw, "Correct the program that writes it.", "you", false);

    public static Problem HeaderTooLong(int limit) => new("submission-header-too-long", $"The header is longer than {limit / 1024} KB.", null, "Correct the program that writes it; whom a message goes to may be said in the envelope alone.", "you", false);

    public static Problem FromMissing { get; } = new("submission-from-missing", "The message has no From address.", null, "Let the program write a From field with one address.", "you", false);

    public static Problem FromSeveral { get; } = new("submission-from-several", "The message names more than one sender in From.", "A mailbox sends as one address.", "Let the program write one From field with one address.", "you", false);

    public static Problem FromUnreadable { get; } = new("submission-from-unreadable", "The From field cannot be read as one address.", null, "Write it as ann@example.com or Ann <ann@example.com>.", "you", false);

    /// <param name="field">The name of the field.</param>
    /// <param name="expected">What it takes.</param>
    public static Problem OptionInvalid(string field, string expected) => new("submission-option-invalid", $"{field} is not understood.", $"It takes {expected}.", "Correct it or leave it out.", "you", false);
}
