using Postrider.Mail;

namespace Postrider.Sandbox.Outlook;

/// <summary>The form of a new message as it was filled in.</summary>
/// <param name="Folder">Where the answered message lies; null: nothing is answered.</param>
/// <param name="Answered">Its UID there.</param>
public sealed record LetterFields(string To, string Cc, string Subject, string Text, string? Folder, uint? Answered)
{
    // Microsoft: "Exchange Online limits", read 2026-11: 500 recipients a message by default.
    private const int MaxRecipients = 500;
    private const int MaxSubject = 255;

    public static LetterFields Empty { get; } = new("", "", "", "", null, null);

    internal static LetterFields Read(IFormCollection form) => new(
        form["to"].ToString(), form["cc"].ToString(), form["subject"].ToString(),
        // A browser posts CRLF; the writer of messages sees to line ends itself.
        form["text"].ToString().ReplaceLineEndings("\n"),
        form["folder"] is [{ Length: > 0 } folder] ? folder : null,
        uint.TryParse(form["answered"], out var uid) ? uid : null);

    /// <param name="attached">Bytes of all files together.</param>
    /// <param name="maxBytes">What this mailbox may send.</param>
    internal (Recipients Recipients, LetterProblems Problems) Check(long attached, long maxBytes)
    {
        var (to, cc) = (AddressList.Parse(To), AddressList.Parse(Cc));
        var count = to.Addresses.Count + cc.Addresses.Count;
        return (new(to.Addresses, cc.Addresses), new(
            Unreadable(to, To) ?? (count == 0 ? "Add a recipient." : count > MaxRecipients ? $"A message can have at most {MaxRecipients} recipients." : null),
            Unreadable(cc, Cc),
            Subject.Length > MaxSubject ? $"The subject can be at most {MaxSubject} characters long." : null,
            // In the message a file takes four bytes for three.
            attached / 3 * 4 > maxBytes ? $"The files are too large: this mailbox sends at most {maxBytes / (1024 * 1024)} MB, and files grow by a third on the way. Choose smaller ones." : null));
    }

    private static string? Unreadable(AddressList list, string text) =>
        list.Defects.Count > 0 || (list.Addresses.Count == 0 && !string.IsNullOrWhiteSpace(text)) ? "These are not all e-mail addresses. Separate several with commas: ann@meadow.example, ben@meadow.example." : null;
}

internal sealed record Recipients(IReadOnlyList<NamedAddress> To, IReadOnlyList<NamedAddress> Cc);

/// <summary>A sentence beside each field that has to be mended; null where nothing has. Files have to be chosen again: a browser keeps none.</summary>
public sealed record LetterProblems(string? To, string? Cc, string? Subject, string? Files)
{
    public static LetterProblems None { get; } = new(null, null, null, null);
    public bool Any => this != None;
}
