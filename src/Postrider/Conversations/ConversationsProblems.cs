using Postrider.Web;
using T = Postrider.Conversations.ConversationsTexts;

namespace Postrider.Conversations;

internal static class ConversationsProblems
{
    public static Problem NotFound() => new("conversation-not-found", T.ConversationGoneWhat, null, T.ConversationGoneRemedy, "you", RetriesByItself: false);

    public static Problem MessageNotFound() => new("message-not-found", T.MessageGoneWhat, null, T.ConversationGoneRemedy, "you", RetriesByItself: false);

    public static Problem FileNotFound() => new("attachment-not-found", T.FileGoneWhat, null, T.ConversationGoneRemedy, "you", RetriesByItself: false);

    public static Problem AuthorWithoutAddress() => new("author-without-address", T.AuthorWithoutAddressWhat, null, T.AuthorWithoutAddressRemedy, "administrator", RetriesByItself: false);

    public static Problem DraftNotFound() => new("draft-not-found", T.DraftGoneWhat, null, T.DraftGoneRemedy, "you", RetriesByItself: false);

    public static Problem ContactNotFound() => new("contact-not-found", T.ContactGoneWhat, null, T.ContactGoneRemedy, "you", RetriesByItself: false);

    public static Problem ContactNameUnusable() => new("contact-name-unusable", T.ContactNameWhat, T.ContactNameDetail.With(Contacts.MaxNameChars), T.ContactNameRemedy, "you", RetriesByItself: false);

    public static Problem NoteUnusable() => new("note-unusable", T.NoteWhat, T.NoteDetail.With(ConversationStore.MaxNoteChars), T.NoteRemedy, "you", RetriesByItself: false);

    public static Problem ColleagueNotFound() => new("assignee-not-found", T.ColleagueGoneWhat, null, T.ColleagueGoneRemedy, "you", RetriesByItself: false);

    public static Problem PreviewImpossible(string why) => new("preview-impossible", T.PreviewWhat, why, T.PreviewRemedy, "nobody", RetriesByItself: false);

    /// <summary>The code names the first field that is wrong, so that a program can tell the cases apart.</summary>
    public static Problem NotSent(IReadOnlyDictionary<string, string> errors)
    {
        var code = errors.Keys.FirstOrDefault() switch
        {
            "to" when errors["to"] == T.NoRecipients => "message-without-recipients",
            "to" or "cc" or "bcc" => "message-address-unusable",
            "attachments" => "message-attachments-too-large",
            "subject" => "message-subject-unusable",
            _ => "message-text-unusable",
        };
        return new Problem(code, T.NotSentWhat, string.Join(" ", errors.Values), T.NotSentRemedy, "you", RetriesByItself: false);
    }
}
